//! The beginning of a film, for those who take no longer one.

use crate::probe::probe;
use crate::run::Ffmpeg;
use crate::run::encode::{RGB_TO_BT709, plain_args, sound_args};
use rushes_core::{Cancel, Fault};
use std::path::Path;

/// Writes the first `max_ms` of a film to `out` (mp4, h264 and aac, its own size and rate), where it is longer; whether it
/// was. A shorter one is left as it is, and nothing is written.
///
/// Errors: `no_video`; the `file_…` codes of [`probe`], `media_tool`, `cancelled`, `disk_full`.
pub fn shorten(film: &Path, max_ms: u64, out: &Path, cancel: &Cancel) -> Result<bool, Fault> {
    let probe = probe(film, cancel)?;
    let lasts_ms = probe.duration.map_or(u64::MAX, |lasts| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
    if lasts_ms <= max_ms {
        return Ok(false);
    }
    let seconds = format!("{}.{:03}", max_ms / 1_000, max_ms % 1_000);
    // Even sides, which the encoder asks for; a phone's film is upright before it is cut.
    let even = format!("crop=trunc(iw/2)*2:trunc(ih/2)*2,{RGB_TO_BT709}");
    Ffmpeg::new("shorten film")
        .input(film)
        .args(["-t", &seconds, "-map", "0:v:0", "-map", "0:a:0?", "-vf", &even, "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"])
        .args(sound_args())
        .args(plain_args())
        .args(["-movflags", "+faststart"])
        .to(out)
        .run(cancel, &mut |_| ())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(folder: &Path, with_sound: bool) -> std::path::PathBuf {
        let path = folder.join("long.mp4");
        let mut ffmpeg = Ffmpeg::new("make film").args(["-f", "lavfi", "-i", "testsrc2=size=180x320:rate=25:duration=3"]);
        if with_sound {
            ffmpeg = ffmpeg.args(["-f", "lavfi", "-i", "sine=duration=3", "-c:a", "aac"]);
        }
        ffmpeg.args(["-c:v", "libx264", "-pix_fmt", "yuv420p"]).to(&path).run(&Cancel::new(), &mut |_| ()).unwrap();
        path
    }

    #[test]
    fn shorten_keeps_the_beginning_and_leaves_what_is_short() {
        for with_sound in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let (film, out) = (film(folder.path(), with_sound), folder.path().join("short.mp4"));
            assert!(!shorten(&film, 4_000, &out, &Cancel::new()).unwrap() && !out.exists(), "it is short enough");
            assert!(shorten(&film, 1_500, &out, &Cancel::new()).unwrap());
            let short = probe(&out, &Cancel::new()).unwrap();
            let video = short.video.unwrap();
            assert_eq!((video.width, video.height, short.audio.is_some()), (180, 320, with_sound));
            let lasts = short.duration.unwrap().as_secs_f64();
            assert!((1.4..1.6).contains(&lasts), "{lasts}");
        }
    }
}
