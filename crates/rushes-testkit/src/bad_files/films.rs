//! Films: cut, damaged, lying, pointing elsewhere; and unusual ones that are whole.

use super::boxes::{append_to_segment, element, new_box, place, read_u32, replace, write_u32};
use super::samples::Samples;
use super::{Maker, Said, cut, film, find, flip, noise};
use rushes_core::Code;

pub(super) fn add(maker: &mut Maker, samples: &Samples) {
    add_cut(maker, samples);
    add_damaged(maker, samples);
    add_pointing(maker, samples);
    add_lying(maker, samples);
    add_unusual(maker, samples);
    add_turned(maker, samples);
}

fn add_cut(maker: &mut Maker, samples: &Samples) {
    let code = Code::FileTruncated;
    let first = samples.read("first.mp4");
    maker.refuse("cut_04.mp4", code, "the index comes first, 4 % are there", cut(&first, 4));
    maker.refuse("cut_50.mp4", code, "the index comes first, half is there", cut(&first, 50));
    maker.refuse("cut_96.mp4", code, "the index comes first, 96 % are there", cut(&first, 96));
    maker.refuse("cut_byte.mp4", code, "one byte is missing", &first[..first.len() - 1]);
    maker.refuse("cut_brand.mp4", code, "ends after its brand", &first[..32]);
    let last = samples.read("last.mp4");
    maker.refuse("cut_media.mp4", code, "ends in its media, before the index", cut(&last, 50));
    maker.refuse("cut_index.mp4", code, "ends in its index", &last[..last.len() - 200]);
    // What is left is whole boxes: nothing but the index tells that frames are missing.
    let (media, size) = place(&first, &[b"mdat"]);
    let mut shrunk = first[..media + size / 2].to_vec();
    write_u32(&mut shrunk, media, u32::try_from(size / 2).expect("a small box"));
    maker.refuse("cut_hidden.mp4", code, "cut, and the size mended to hide it", &shrunk);
    maker.refuse("cut.mov", code, "half a QuickTime film", cut(&samples.read("film.mov"), 50));
    maker.refuse("cut_parts.mp4", code, "half a film in parts", cut(&samples.read("parts.mp4"), 50));
    let (mkv, webm) = (samples.read("film.mkv"), samples.read("film.webm"));
    maker.refuse("cut_30.mkv", code, "30 % of a Matroska film", cut(&mkv, 30));
    maker.refuse("cut_60.mkv", code, "60 % of a Matroska film", cut(&mkv, 60));
    maker.refuse("cut_90.webm", code, "90 % of a WebM film", cut(&webm, 90));
    maker.refuse("cut_head.webm", code, "the first 200 bytes of a WebM film", &webm[..200]);
}

fn add_damaged(maker: &mut Maker, samples: &Samples) {
    let code = Code::FileCorrupt;
    let first = samples.read("first.mp4");
    maker.refuse("flipped.mp4", code, "300 bytes of the media turned over", &flip(&first, 300, 20, 95));
    maker.refuse("flipped.mkv", code, "300 bytes of the media turned over", &flip(&samples.read("film.mkv"), 300, 20, 95));
    // Nothing in VP8 tells a wrong byte from a right one; a hole tells itself.
    let mut holed = samples.read("film.webm");
    let third = holed.len() / 3;
    holed[third..2 * third].fill(0);
    maker.refuse("holed.webm", code, "a third of it is zeros", &holed);
    let mut blank = first.clone();
    let (media, size) = place(&first, &[b"mdat"]);
    blank[media + 8..media + size].fill(0);
    maker.refuse("blank.mp4", code, "the media is all zeros", &blank);
    let mut random = first.clone();
    random[media + 8..media + size].copy_from_slice(&noise(size - 8));
    maker.refuse("random.mp4", code, "the media is noise", &random);
    let index = find(&first, b"moov");
    let mut torn = first.clone();
    torn[index + 120..index + 600].copy_from_slice(&noise(480));
    maker.refuse("torn_index.mp4", code, "noise in the index", &torn);
    let bare = [new_box(b"ftyp", b"isom\0\0\0\0isom"), new_box(b"moov", &new_box(b"mvhd", &[0; 100]))].concat();
    maker.refuse("no_streams.mp4", Code::FileForbidden, "an index that names nothing", &bare);
}

/// Containers that name another file as part of the film.
fn add_pointing(maker: &mut Maker, samples: &Samples) {
    let forbidden = Code::FileForbidden;
    let (url, path) = (maker.canary_url(), maker.canary_file.display().to_string());
    let links = [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"];
    let dref = |kind: &[u8; 4], said: &[u8]| {
        let entry = new_box(kind, &[&[0, 0, 0, 0][..], said].concat());
        new_box(b"dref", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &entry].concat())
    };
    let late = samples.read("last.mp4");
    let address = replace(&late, &links, &dref(b"url ", format!("{url}\0").as_bytes()));
    maker.refuse("points_by_address.mp4", forbidden, "its media is said to lie in another file", &address);
    // An alias record: volume and file name, then the absolute path as its item 2.
    let mut alias = vec![0; 150];
    alias[50] = 10;
    alias[51..61].copy_from_slice(b"secret.txt");
    let length = u16::try_from(path.len()).expect("a short path");
    alias.extend([&[0, 2][..], &length.to_be_bytes(), path.as_bytes(), &vec![0; path.len() % 2], &[0xff, 0xff, 0, 0]].concat());
    let by_alias = replace(&samples.read("film.mov"), &links, &dref(b"alis", &alias));
    maker.refuse("points_by_alias.mov", forbidden, "its media is said to lie behind an alias", &by_alias);
    let rdrf = new_box(b"rdrf", &[&[0, 0, 0, 0][..], b"url ", &65_u32.to_be_bytes(), url.as_bytes(), b"\0"].concat());
    let movie = new_box(b"moov", &new_box(b"rmra", &new_box(b"rmda", &rdrf)));
    maker.refuse(
        "points_as_movie.mov",
        forbidden,
        "a film that is only the address of another",
        &[new_box(b"ftyp", b"qt  \0\0\0\0qt  "), movie].concat(),
    );
    let info = [
        element(&[0x3e, 0x83, 0xbb], path.as_bytes()),
        element(&[0x3e, 0xb9, 0x23], &noise(16)),
        element(&[0x3c, 0x83, 0xab], path.as_bytes()),
    ];
    let linked = append_to_segment(&samples.read("film.mkv"), &element(&[0x15, 0x49, 0xa9, 0x66], &info.concat()));
    maker.take("linked.mkv", film("video/x-matroska"), "names another file as what follows; only this one is read", &linked);
    maker.take("attached.mkv", film("video/x-matroska"), "a font is attached, named to leave its folder", &samples.read("attached.mkv"));
}

/// Headers that claim what is not so.
fn add_lying(maker: &mut Maker, samples: &Samples) {
    let first = samples.read("first.mp4");
    let mut huge = first.clone();
    let (index, _) = place(&first, &[b"moov"]);
    write_u32(&mut huge, index, 0xffff_fff0);
    maker.refuse("huge_index.mp4", Code::FileTruncated, "its index claims 4 GB", &huge);
    let ftyp = new_box(b"ftyp", b"isom\0\0\0\0isom");
    let long = [&ftyp[..], b"\0\0\0\x01moov\x7f\xff\xff\xff\xff\xff\xff\xff", &noise(64)].concat();
    maker.refuse("long_index.mp4", Code::FileTruncated, "its index claims 9 exabytes", &long);
    let deep = (0..4000).fold(Vec::new(), |inner, _| new_box(b"trak", &inner));
    maker.refuse("deep.mp4", Code::FileCorrupt, "4000 boxes, one in the other", &[ftyp, new_box(b"moov", &deep)].concat());
    let table = [&b"moov"[..], b"trak", b"mdia", b"minf", b"stbl"];
    for (name, kind, offset, why) in [
        ("many_samples.mp4", b"stsz", 16, "its table of sizes claims 4 billion frames"),
        ("many_times.mp4", b"stts", 12, "its table of times claims 4 billion entries"),
        ("many_chunks.mp4", b"stco", 12, "its table of places claims 4 billion entries"),
    ] {
        let path: Vec<&[u8; 4]> = table.iter().map(|word| (*word).try_into().expect("four letters")).chain([kind]).collect();
        let mut lying = first.clone();
        let at = place(&first, &path).0 + offset;
        write_u32(&mut lying, at, 0xffff_ffff);
        maker.refuse(name, Code::FileCorrupt, why, &lying);
    }
    let mut far = first.clone();
    let (at, size) = place(&first, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stco"]);
    (16..size).step_by(4).for_each(|offset| write_u32(&mut far, at + offset, 0x7fff_ffff));
    maker.refuse("far_chunks.mp4", Code::FileTruncated, "its frames are said to lie beyond its end", &far);
    let mut still = without_edits(&first);
    let (at, _) = place(&first, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"]);
    write_u32(&mut still, at + 20, 0);
    let (at, _) = place(&first, &[b"moov", b"trak", b"mdia", b"mdhd"]);
    write_u32(&mut still, at + 24, 0);
    maker.take("no_time.mp4", film("video/mp4"), "its table gives its frames no time: they are shown at the rate found", &still);
    let mut zero = without_edits(&first);
    write_u32(&mut zero, at + 20, 0);
    maker.refuse("no_clock.mp4", Code::FileTooLarge, "a second is divided into nothing, which makes seven hours", &zero);
}

fn add_unusual(maker: &mut Maker, samples: &Samples) {
    for (name, why) in [
        ("last.mp4", "the index comes last"),
        ("parts.mp4", "in parts, as streams are"),
        ("mpeg4.mp4", "an older codec"),
        ("uneven.mp4", "frames come irregularly"),
        ("ten.mp4", "ten bits a channel"),
        ("pq.mp4", "high dynamic range, by the PQ curve"),
        ("hlg.mp4", "high dynamic range, by the HLG curve"),
        ("bare_pq.mp4", "high dynamic range, nothing said of primaries and matrix"),
    ] {
        maker.take(name, film("video/mp4"), why, &samples.read(name));
    }
    maker.take("film.mov", film("video/quicktime"), "QuickTime", &samples.read("film.mov"));
    maker.take("png.mov", film("video/quicktime"), "transparent frames", &samples.read("png.mov"));
    maker.take("film.webm", film("video/webm"), "WebM", &samples.read("film.webm"));
    maker.take("live.webm", film("video/webm"), "as browsers record: it does not say how long it is", &samples.read("live.webm"));
    let before = Said { duration_ms: Some(1500), ..film("video/x-matroska") };
    maker.take("before.mkv", before, "begins half a second before zero", &samples.read("before.mkv"));
    maker.take("silent.mp4", Said { has_audio: false, ..film("video/mp4") }, "no sound", &samples.read("silent.mp4"));
    maker.take("odd.mp4", Said { size: Some((127, 95)), ..film("video/mp4") }, "odd sides, colour at full size", &samples.read("odd.mp4"));
    maker.take("wide_pixels.mp4", film("video/mp4"), "pixels twice as wide as high", &samples.read("wide_pixels.mp4"));
    let one = Said { has_audio: false, duration_ms: Some(40), ..film("video/mp4") };
    maker.take("one.mp4", one, "a single frame", &samples.read("one.mp4"));
    let old = samples.read("film.mov");
    maker.take("no_brand.mov", film("video/quicktime"), "QuickTime from before brands", &without_brand(&old));
    for (name, code, why) in
        [("ffv1.mkv", Code::FileForbidden, "a codec for archives"), ("wmv2.mkv", Code::FileForbidden, "a codec nobody looks after")]
    {
        maker.refuse(name, code, why, &samples.read(name));
    }
    // The picture's track made one of data.
    let mut data = samples.read("silent.mp4");
    for (from, to) in [(b"vide", b"meta"), (b"avc1", b"mebx")] {
        let at = data.windows(4).rposition(|word| word == from).expect("the sample holds it");
        data[at..at + 4].copy_from_slice(to);
    }
    maker.refuse("only_data.mp4", Code::FileForbidden, "neither picture nor sound", &data);
}

/// Turns the lists of edits into `free`: they would cut what the tables claim.
pub(super) fn without_edits(film: &[u8]) -> Vec<u8> {
    let mut plain = film.to_vec();
    while let Some(at) = plain.windows(4).position(|word| word == b"edts") {
        plain[at..at + 4].copy_from_slice(b"free");
    }
    plain
}

/// Turns `ftyp` into `free`, so that places in the file stay as they are.
fn without_brand(film: &[u8]) -> Vec<u8> {
    let mut old = film.to_vec();
    old[4..8].copy_from_slice(b"free");
    old
}

/// By the matrix in the track's header.
fn add_turned(maker: &mut Maker, samples: &Samples) {
    const ONE: u32 = 1 << 16;
    const MINUS: u32 = ONE.wrapping_neg();
    let first = samples.read("first.mp4");
    let (at, _) = place(&first, &[b"moov", b"trak", b"tkhd"]);
    assert_eq!(read_u32(&first, at + 48), ONE, "the matrix is here");
    for (name, why, matrix, size) in [
        ("turned_90.mp4", "turned by 90 degrees", [0, ONE, MINUS, 0], (96, 128)),
        ("turned_180.mp4", "turned by 180 degrees", [MINUS, 0, 0, MINUS], (128, 96)),
        ("turned_270.mp4", "turned by 270 degrees", [0, MINUS, ONE, 0], (96, 128)),
    ] {
        let mut turned = first.clone();
        for (offset, value) in [48, 52, 60, 64].into_iter().zip(matrix) {
            write_u32(&mut turned, at + offset, value);
        }
        maker.take(name, Said { size: Some(size), ..film("video/mp4") }, why, &turned);
    }
}
