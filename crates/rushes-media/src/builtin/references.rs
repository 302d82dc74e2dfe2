//! Reference dances of our own, for a library that has none yet: three clips of a mannequin, with music.
//!
//! What does not live here: when a library counts as empty; whoever keeps it decides.

use super::motion::shoot;
use crate::draw::choreography::{Choreography, Music};
use crate::draw::film::{Dancer, Film};
use crate::music::{Score, compose_watched, write_wav};
use crate::run::encode::VideoSpec;
use rushes_core::{Cancel, Code, Fault};
use std::path::{Path, PathBuf};

/// One clip: file name, music style, tempo, seed.
const CLIPS: &[(&str, &str, f64, u64)] =
    &[("ref1.mp4", "kpop_dance", 124.0, 11), ("ref2.mp4", "city_pop", 108.0, 23), ("ref3.mp4", "phonk", 136.0, 37)];

/// What they look like.
pub(crate) const FORMAT: VideoSpec = VideoSpec { width: 720, height: 1280, fps: 30 };
/// How long each is, milliseconds.
pub(crate) const LENGTH_MS: u64 = 10_000;

/// Whether a file of the library is one of ours, by its stem.
#[must_use]
pub fn is_ours(stem: &str) -> bool {
    CLIPS.iter().any(|(file, ..)| file.strip_suffix(".mp4") == Some(stem))
}

/// Renders `ref1.mp4`, `ref2.mp4` and `ref3.mp4` into `dir` and returns their paths. Each appears whole or not at all;
/// what is there already stays. `progress` hears how far it is, 0.0–1.0.
///
/// Errors: `cancelled`, `media_tool_missing`, `media_tool`, `disk_full`, `io`.
pub fn render_references(dir: &Path, cancel: &Cancel, progress: &mut dyn FnMut(f32, &str)) -> Result<Vec<PathBuf>, Fault> {
    render(dir, FORMAT, LENGTH_MS, cancel, progress)
}

fn render(
    dir: &Path,
    format: VideoSpec,
    length_ms: u64,
    cancel: &Cancel,
    progress: &mut dyn FnMut(f32, &str),
) -> Result<Vec<PathBuf>, Fault> {
    std::fs::create_dir_all(dir).map_err(|e| Fault::io("make reference folder", dir, &e))?;
    let mut made = Vec::with_capacity(CLIPS.len());
    for (number, (name, style, bpm, seed)) in CLIPS.iter().enumerate() {
        let path = dir.join(name);
        if !path.exists() {
            let mut tell = |done: f32| progress((number as f32 + done) / CLIPS.len() as f32, name);
            let score = Score { style: (*style).to_owned(), seed: *seed, duration_ms: length_ms, bpm: Some(*bpm), ..Score::default() };
            clip(&path, number, &score, format, cancel, &mut tell)?;
        }
        made.push(path);
    }
    progress(1.0, "references ready");
    Ok(made)
}

fn clip(path: &Path, number: usize, score: &Score, format: VideoSpec, cancel: &Cancel, tell: &mut dyn FnMut(f32)) -> Result<(), Fault> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    // Hidden names: whoever lists the library while these are made, or after a crash, does not see them.
    let (wav, part) = (path.with_file_name(format!(".{name}.part.wav")), path.with_file_name(format!(".{name}.part.mp4")));
    let result = film_clip(&wav, &part, number, score, format, cancel, tell).and_then(|()| {
        #[expect(clippy::disallowed_methods, reason = "a reference appears whole in the library or not at all; no asset is involved")]
        std::fs::rename(&part, path).map_err(|e| Fault::io("keep reference", path, &e))
    });
    for file in [&wav, &part] {
        // After success the part is gone already; after a fault nothing half-made may stay, and the fault matters more.
        let _ = std::fs::remove_file(file);
    }
    result
}

fn film_clip(
    wav: &Path,
    part: &Path,
    number: usize,
    score: &Score,
    format: VideoSpec,
    cancel: &Cancel,
    tell: &mut dyn FnMut(f32),
) -> Result<(), Fault> {
    let piece = compose_watched(score, &mut |done| {
        if cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, "compose reference music"));
        }
        tell(0.1 * done);
        Ok(())
    })?;
    write_wav(wav, &piece)?;
    let length_s = score.duration_ms as f64 / 1000.0;
    let level = crate::beat::beat_grid(&piece.mono(), crate::music::RATE);
    let steps = (length_s * 10.0) as usize;
    let curve = |value: &dyn Fn(f64) -> f32| (0..steps.max(2)).map(|i| value(i as f64 / 10.0)).collect();
    let music = Music {
        beats_s: if piece.beats_s.len() > 1 { piece.beats_s.clone() } else { Music::steady(piece.bpm, length_s).beats_s },
        downbeat: 0,
        length_s,
        energy: curve(&|t| level.energy(t)),
        onset: Vec::new(),
        centre: Vec::new(),
    };
    let frames = (length_s * f64::from(format.fps)).round() as usize;
    let dance = Choreography::new(music, score.seed);
    let film = Film::new(Dancer::Mannequin(number), &dance, score.seed, frames, format.fps, (format.width, format.height));
    shoot(&film, part, format, Some(wav), cancel, &mut |done| tell(0.1 + 0.9 * done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::probe;

    #[test]
    fn builtin_references_are_three_whole_clips_with_music() {
        let folder = tempfile::tempdir().unwrap();
        let format = VideoSpec { width: 90, height: 160, fps: 30 };
        let made = render(folder.path(), format, 1_000, &Cancel::new(), &mut |_, _| ()).unwrap();
        assert_eq!(made.len(), 3);
        for path in &made {
            let probe = probe(path, &Cancel::new()).unwrap();
            assert_eq!(probe.video.unwrap().frames, Some(30));
            assert!((probe.audio.unwrap().duration.unwrap().as_secs_f64() - 1.0).abs() < 0.034);
            assert!(
                crate::run::decode::decode_mono(path, 22_050, 1.0, &Cancel::new()).unwrap().iter().any(|v| v.abs() > 0.05),
                "there is music"
            );
        }
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "nothing half-made is left: {left:?}");
    }

    #[test]
    fn builtin_references_leave_nothing_when_cancelled() {
        let folder = tempfile::tempdir().unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        let fault = render(folder.path(), VideoSpec { width: 90, height: 160, fps: 30 }, 1_000, &cancel, &mut |_, _| ()).unwrap_err();
        assert_eq!(fault.code, Code::Cancelled);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
