//! What music services are told, and how their answers become music.

use rushes_core::provider::MusicRequest;

/// The piece in words. `length_ms` is what the service makes of it at most.
pub(super) fn words(request: &MusicRequest, length_ms: u64) -> String {
    let seconds = |ms: u64| format!("{}.{}", ms / 1_000, ms % 1_000 / 100);
    let mut words = format!("Original instrumental {} music for a dance film.", request.style.replace('_', " "));
    if let Some(bpm) = request.bpm {
        words.push_str(&format!(" A steady {bpm:.1} beats per minute from the first bar to the last."));
    }
    if let Some(drop_ms) = request.drop_ms.filter(|drop_ms| *drop_ms < length_ms) {
        words.push_str(&format!(" It builds up until {} seconds; there the strongest part, the drop, begins.", seconds(drop_ms)));
    }
    words.push_str(" No vocals.");
    words
}

/// Of a seed what services take: 31 bits.
pub(super) fn seed_of(seed: u64) -> u64 {
    (seed ^ (seed >> 31)) & 0x7fff_ffff
}

/// Whether these are the first bytes of an mp3: a tag, or a frame.
pub(super) fn is_mp3(bytes: &[u8]) -> bool {
    matches!(bytes, [b'I', b'D', b'3', ..] | [0xff, 0xe2..=0xff, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn music_is_told_in_words_what_is_known_of_it() {
        let request = MusicRequest {
            style: "city_pop".into(),
            seed: 1,
            duration_ms: 40_000,
            bpm: Some(118.04),
            first_beat_ms: 0,
            drop_ms: Some(12_340),
        };
        let told = words(&request, 40_000);
        assert!(told.contains("city pop") && told.contains("118.0 beats") && told.contains("until 12.3 seconds"), "{told}");
        let short = words(&MusicRequest { bpm: None, ..request }, 10_000);
        assert!(!short.contains("beats per") && !short.contains("drop"), "{short}");
    }
}
