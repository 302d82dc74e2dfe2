//! Scoring: what a film's picture and sound do when ([`structure()`]), and music laid under it so that the music's drop
//! falls on the film's ([`lay()`], [`bed`], [`with_sound`]).
//!
//! What does not live here: composing ([`crate::music`]), beats of sound ([`crate::beat`]), loudness ([`crate::loudness`]).

mod lay;
mod movement;
mod structure;
#[cfg(test)]
mod tests;

pub use lay::{Cue, Heard, Laid, heard, lay};
pub(crate) use movement::Watcher;
pub(crate) use movement::{LOOKS_A_SECOND, SMALL, movement};
pub use movement::{Movement, movement_of_cut};
pub(crate) use structure::USUAL_BPM;
pub(crate) use structure::smooth;
pub use structure::{Mood, Section, Structure, beat_of, structure};

use crate::loudness::{Mastered, master_samples};
use crate::probe::probe;
use crate::run::Ffmpeg;
use crate::run::encode::{exact_sound, plain_args, sound_args};
use rushes_core::{Cancel, Code, Fault};
use std::path::Path;

/// Makes `out` (WAV): the first sound of `music`, laid as `cue` says, exactly `duration_ms` long, mastered, fading out in
/// its last second.
///
/// Errors: those of [`lay()`] and of [`crate::loudness::master`].
pub fn bed(music: &Path, cue: &Cue, out: &Path, duration_ms: u64, cancel: &Cancel) -> Result<Mastered, Fault> {
    let laid = lay(music, cue, duration_ms, cancel)?;
    master_samples(laid.stereo, out, duration_ms, cancel)
}

/// Makes `out` (mp4): the picture of `film` as it is, with `sound` (as [`bed`] and [`crate::loudness::master`] make it) in
/// place of its own, cut or padded to the picture.
///
/// Errors: `no_video`, the `file_…` codes, `media_tool`, `cancelled`, `disk_full`.
pub fn with_sound(film: &Path, sound: &Path, out: &Path, cancel: &Cancel) -> Result<(), Fault> {
    let probed = probe(film, cancel)?;
    let Some(video) = &probed.video else {
        return Err(Fault::new(Code::NoVideo, "score film").with("path", film.display()));
    };
    let seconds = video.duration.or(probed.duration).unwrap_or_default().as_secs_f64();
    let samples = (seconds * f64::from(crate::run::encode::SAMPLE_RATE_HZ)).round() as u64;
    let graph = format!("[1:a:0]{}[a]", exact_sound(samples));
    Ffmpeg::new("score film")
        .input(film)
        .input(sound)
        .args(["-filter_complex", &graph, "-map", "0:V:0", "-map", "[a]", "-c:v", "copy"])
        .args(sound_args())
        .args(plain_args())
        .args(["-movflags", "+faststart", "-f", "mp4"])
        .to(out)
        .run(cancel, &mut |_| ())
        .map(drop)
}
