//! What the maker of a piece of music did not say of it: its beat and its drop are listened for, once, where it is made.

use crate::kit::blocking;
use rushes_core::provider::Music;
use rushes_core::{Cancel, Fault};
use rushes_media::score::heard;

/// The same with what is heard where its maker did not tell; `asked_ms` is where its drop was asked for. What cannot be heard
/// stays unknown. Errors: those of the decoders, which refuse what is no music.
pub(crate) async fn listened(music: Music, asked_ms: Option<u64>, cancel: &Cancel) -> Result<Music, Fault> {
    if music.bpm.is_some() && music.drop_ms.is_some() {
        return Ok(music);
    }
    let (file, cancel) = (music.file.clone(), cancel.clone());
    let heard = blocking(move || heard(&file, asked_ms, &cancel)).await?;
    Ok(Music { bpm: music.bpm.or(heard.bpm), drop_ms: music.drop_ms.or(heard.drop_ms), ..music })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rushes_core::provider::{Call, MusicRequest, Provider};
    use rushes_media::builtin::music::BuiltinMusic;
    use rushes_media::music::Styles;

    #[tokio::test]
    async fn music_whose_maker_tells_nothing_is_listened_to() {
        let folder = tempfile::tempdir().unwrap();
        let request = MusicRequest {
            style: "kpop_dance".into(),
            seed: 3,
            duration_ms: 24_000,
            bpm: Some(120.0),
            first_beat_ms: 0,
            drop_ms: Some(12_000),
        };
        let call = Call::alone("job/music", folder.path(), Cancel::new());
        let made = BuiltinMusic::new(Styles::builtin()).make(&request, &call).await.unwrap();
        let known = listened(made.clone(), Some(2_000), &Cancel::new()).await.unwrap();
        assert_eq!((known.bpm, known.drop_ms), (made.bpm, made.drop_ms), "who tells is believed");
        let silent = Music { bpm: None, drop_ms: None, ..made };
        let heard = listened(silent.clone(), Some(12_000), &Cancel::new()).await.unwrap();
        let (bpm, drop_ms) = (heard.bpm.expect("it has a beat"), heard.drop_ms.expect("and a drop"));
        assert!((bpm - 120.0).abs() < 1.0, "{bpm}");
        assert!(drop_ms.abs_diff(12_000) < 100, "{drop_ms}");
        let half = Music { bpm: Some(119.5), ..silent };
        assert_eq!(listened(half, None, &Cancel::new()).await.unwrap().bpm, Some(119.5), "what is told stays");
    }
}
