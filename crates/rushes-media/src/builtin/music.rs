//! The built-in composer behind the music port: composes, encodes as FLAC, says where the drop is.
//!
//! The music itself is made in [`crate::music`].

use crate::music::{Score, Styles, compose_watched, write_wav};
use crate::run::behind;
use crate::run::{Ffmpeg, encode::plain_args};
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, Music, MusicRequest, Provider, ProviderCard};
use rushes_core::{Cancel, Code, Fault};
use std::path::Path;

/// Makes original music on this machine: no account, no network, equal requests give equal files.
#[derive(Debug, Clone)]
pub struct BuiltinMusic {
    styles: Styles,
}

impl BuiltinMusic {
    /// Composes in these styles.
    #[must_use]
    pub fn new(styles: Styles) -> Self {
        Self { styles }
    }
}

#[async_trait::async_trait]
impl Provider<MusicRequest> for BuiltinMusic {
    fn card(&self) -> ProviderCard {
        // Whoever changes a style of their own gets it played anew.
        ProviderCard { name: "builtin", model: "rushes-music", version: 2 ^ self.styles.print(), lane: Lane::Cpu }
    }

    async fn make(&self, request: &MusicRequest, call: &Call) -> Result<Music, Fault> {
        let (styles, request, call) = (self.styles.clone(), request.clone(), call.clone());
        behind("compose music", move || make(&styles, &request, &call)).await
    }
}

/// The work itself, on a thread that may block.
fn make(styles: &Styles, request: &MusicRequest, call: &Call) -> Result<Music, Fault> {
    let score = Score {
        style: request.style.clone(),
        seed: request.seed,
        duration_ms: request.duration_ms,
        bpm: request.bpm,
        first_beat_ms: request.first_beat_ms,
        drop_ms: request.drop_ms,
    };
    let mut told = 0.0;
    let piece = compose_watched(styles, &score, &mut |done| {
        if call.cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, "compose music"));
        }
        // Progress is for people: twenty times is often enough.
        if done >= told + 0.05 {
            told = done;
            (call.progress)(0.9 * done, "composing");
        }
        Ok(())
    })?;
    let wav = call.scratch.join("music.wav");
    let flac = call.scratch.join("music.flac");
    write_wav(&wav, &piece)?;
    encode_flac(&wav, &flac, &call.cancel)?;
    std::fs::remove_file(&wav).map_err(|e| Fault::io("remove uncompressed music", &wav, &e))?;
    (call.progress)(1.0, "composed");
    Ok(Music { file: flac, bpm: Some(piece.bpm), drop_ms: Some(piece.drop_ms) })
}

/// Lossless, 24 bit, without dates or versions in it.
fn encode_flac(from: &Path, to: &Path, cancel: &Cancel) -> Result<(), Fault> {
    Ffmpeg::new("encode music")
        .input(from)
        .args(["-map", "0:a:0", "-c:a", "flac", "-compression_level", "5", "-flags:a", "+bitexact"])
        .args(plain_args())
        .to(to)
        .run(cancel, &mut |_| ())
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::decode::decode_mono;
    use std::sync::{Arc, Mutex};

    fn call(folder: &Path) -> Call {
        Call::alone("job/music", folder, Cancel::new())
    }

    fn builtin() -> BuiltinMusic {
        BuiltinMusic::new(Styles::builtin())
    }

    fn request(style: &str) -> MusicRequest {
        MusicRequest { style: style.into(), seed: 3, duration_ms: 3_000, bpm: Some(120.0), first_beat_ms: 100, drop_ms: Some(1_100) }
    }

    #[tokio::test]
    async fn music_provider_makes_equal_lossless_files() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        let watched = Call { progress: Arc::new(move |done, _| heard.lock().unwrap().push(done)), ..call(a.path()) };
        let first = builtin().make(&request("kpop_dance"), &watched).await.unwrap();
        let second = builtin().make(&request("kpop_dance"), &call(b.path())).await.unwrap();
        assert_eq!(std::fs::read(&first.file).unwrap(), std::fs::read(&second.file).unwrap());
        assert_eq!((first.bpm, first.drop_ms), (Some(120.0), Some(1_100)));
        assert_eq!(std::fs::read_dir(a.path()).unwrap().count(), 1, "only the file itself stays");
        let sound = decode_mono(&first.file, 48_000, 10.0, &Cancel::new()).unwrap();
        assert_eq!(sound.len(), 144_000);
        assert!(said.lock().unwrap().windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(said.lock().unwrap().last(), Some(&1.0));
    }

    #[tokio::test]
    async fn music_provider_stops_when_cancelled_and_refuses_unknown_styles() {
        let folder = tempfile::tempdir().unwrap();
        let cancelled = call(folder.path());
        cancelled.cancel.cancel();
        let fault = builtin().make(&request("kpop_dance"), &cancelled).await.unwrap_err();
        assert_eq!(fault.code, Code::Cancelled);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let fault = builtin().make(&request("polka"), &call(folder.path())).await.unwrap_err();
        assert_eq!(fault.code, Code::InputInvalid);
    }
}
