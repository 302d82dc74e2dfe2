//! Reference dances of our own, for a library that has none yet: three clips of a mannequin, with music.
//!
//! What does not live here: when a library counts as empty; whoever keeps it decides.

use super::motion::shoot;
use crate::draw::choreography::{Choreography, Music};
use crate::draw::film::{Dancer, Film};
use crate::inspect::inspect_file;
use crate::music::{Score, Styles, compose_watched, write_wav};
use crate::run::encode::VideoSpec;
use rushes_core::{Cancel, Code, Fault};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, SystemTime};

/// How often who waits looks whether the other has drawn.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
/// what is there already stays, unless it is damaged: then it is put aside. Whoever asks while another draws waits and
/// finds them there. `progress` hears how far it is, 0.0–1.0.
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
    let mut whole = alone(cancel)?;
    let mut made = Vec::with_capacity(CLIPS.len());
    for (number, (name, style, bpm, seed)) in CLIPS.iter().enumerate() {
        let path = dir.join(name);
        if !is_there(&path, &mut whole, cancel)? {
            let mut tell = |done: f32| progress((number as f32 + done) / CLIPS.len() as f32, name);
            let score = Score { style: (*style).to_owned(), seed: *seed, duration_ms: length_ms, bpm: Some(*bpm), ..Score::default() };
            clip(&path, number, &score, format, cancel, &mut tell)?;
        }
        made.push(path);
    }
    progress(1.0, "references ready");
    Ok(made)
}

/// Clips found whole, each as it was then: its length and when it was changed.
type Whole = BTreeSet<(PathBuf, u64, SystemTime)>;

/// Lets one draw at a time in this process; no other works on the same home.
fn alone(cancel: &Cancel) -> Result<MutexGuard<'static, Whole>, Fault> {
    static WHOLE: Mutex<Whole> = Mutex::new(Whole::new());
    loop {
        match WHOLE.try_lock() {
            Ok(whole) => return Ok(whole),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if cancel.is_cancelled() => return Err(Fault::new(Code::Cancelled, "wait for references")),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

/// Whether a clip is there and whole. A damaged one gets another name, so that it is drawn again: it may be a film of
/// somebody's own by that name.
fn is_there(path: &Path, whole: &mut Whole, cancel: &Cancel) -> Result<bool, Fault> {
    let Ok(found) = path.metadata() else { return Ok(false) };
    let changed = found.modified().map_err(|e| Fault::io("look at reference", path, &e))?;
    let as_is = (path.to_owned(), found.len(), changed);
    if whole.contains(&as_is) {
        return Ok(true);
    }
    match inspect_file(path, cancel) {
        Ok(_) => {
            whole.insert(as_is);
            Ok(true)
        }
        Err(fault) if matches!(fault.code, Code::FileEmpty | Code::FileTruncated | Code::FileCorrupt | Code::FileForbidden) => {
            move_to(path, &path.with_extension("damaged"))?;
            Ok(false)
        }
        Err(fault) => Err(fault),
    }
}

#[expect(clippy::disallowed_methods, reason = "a reference appears whole in the library or not at all; no asset is involved")]
fn move_to(from: &Path, to: &Path) -> Result<(), Fault> {
    std::fs::rename(from, to).map_err(|e| Fault::io("keep reference", to, &e))
}

fn clip(path: &Path, number: usize, score: &Score, format: VideoSpec, cancel: &Cancel, tell: &mut dyn FnMut(f32)) -> Result<(), Fault> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    // Hidden names: whoever lists the library while these are made, or after a crash, does not see them. Names of this
    // process: one that lives on where it should not must not write into what another draws.
    let beside = |end: &str| path.with_file_name(format!(".{name}.{}.part.{end}", std::process::id()));
    let (wav, part) = (beside("wav"), beside("mp4"));
    remove_left(path, &format!(".{name}."));
    let result = film_clip(&wav, &part, number, score, format, cancel, tell)
        .and_then(|()| inspect_file(&part, cancel))
        .and_then(|_| move_to(&part, path));
    for file in [&wav, &part] {
        // After success the part is gone already; after a fault nothing half-made may stay, and the fault matters more.
        let _ = std::fs::remove_file(file);
    }
    result
}

/// Removes what a killed process has half drawn of a clip: nobody else draws it now.
fn remove_left(path: &Path, begins: &str) {
    let beside = path.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    let left = beside.into_iter().flatten().flatten().filter(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with(begins) && name.contains(".part."))
    });
    // One that cannot be removed is in nobody's way.
    left.for_each(|entry| drop(std::fs::remove_file(entry.path())));
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
    let piece = compose_watched(&Styles::builtin(), score, &mut |done| {
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
        // As a process has left it that was killed while it drew.
        std::io::Write::write_all(&mut std::fs::File::create(folder.path().join(".ref2.1.part.mp4")).unwrap(), b"half").unwrap();
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
    fn builtin_references_are_drawn_once_by_many_and_again_when_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let format = VideoSpec { width: 90, height: 160, fps: 30 };
        let draw = || render(folder.path(), format, 1_000, &Cancel::new(), &mut |_, _| ());
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            all.into_iter().for_each(|one| drop(one.join().unwrap().unwrap()));
        });
        let whole = |n: u32| inspect_file(&folder.path().join(format!("ref{n}.mp4")), &Cancel::new());
        (1..=3).for_each(|n| drop(whole(n).unwrap()));
        // As two who drew into one file have left it.
        let (damaged, kept) = (folder.path().join("ref2.mp4"), std::fs::read(folder.path().join("ref1.mp4")).unwrap());
        let bytes = std::fs::read(&damaged).unwrap();
        std::io::Write::write_all(&mut std::fs::File::create(&damaged).unwrap(), &bytes[..bytes.len() / 2]).unwrap();
        draw().unwrap();
        whole(2).unwrap();
        assert_eq!(std::fs::read(folder.path().join("ref1.mp4")).unwrap(), kept, "what is whole stays");
        assert_eq!(std::fs::read(folder.path().join("ref2.damaged")).unwrap().len(), bytes.len() / 2, "it is put aside");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
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
