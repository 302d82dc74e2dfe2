//! How people are told of spans and sizes, by the command line and by pages alike.

/// `40 ms`, `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`.
pub(crate) fn took(ms: i64) -> String {
    let ms = ms.max(0);
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let seconds = ms as f64 / 1_000.0;
    match ms / 1_000 {
        0 if ms < 100 => format!("{ms} ms"),
        ..10 => format!("{seconds:.1} s"),
        s @ ..60 => format!("{s} s"),
        s @ ..3_600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3_600, s / 60 % 60),
    }
}

/// `512 B`, `34 kB`, `3.4 MB`, in powers of ten as disks are sold.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let n = bytes as f64;
    match bytes {
        ..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} kB", n / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n / 1e6),
        _ => format!("{:.2} GB", n / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_spans_and_sizes_as_people_do() {
        let spans = [40, 400, 9_940, 12_000, 200_000, 7_500_000].map(took);
        assert_eq!(spans, ["40 ms", "0.4 s", "9.9 s", "12 s", "3 min 20 s", "2 h 05 min"]);
        assert_eq!([512, 34_000, 3_400_000].map(size), ["512 B", "34 kB", "3.4 MB"]);
    }
}
