//! A silent film with the sound of another: what dances to music is heard with it, whoever made the picture.

use crate::probe::probe;
use crate::run::Ffmpeg;
use crate::run::encode::{plain_args, sound_args};
use rushes_core::{Cancel, Fault};
use std::path::Path;

/// Writes `film`, where it is silent and `other` is not, to `out` (mp4) with the beginning of the other's sound; whether it
/// was so. Its picture is copied as it is; a sound that ends earlier is followed by silence.
///
/// Errors: `no_video`; the `file_…` codes of [`probe`], `media_tool`, `cancelled`, `disk_full`.
pub fn voice(film: &Path, other: &Path, out: &Path, cancel: &Cancel) -> Result<bool, Fault> {
    let own = probe(film, cancel)?;
    if own.audio.is_some() || probe(other, cancel)?.audio.is_none() {
        return Ok(false);
    }
    let seconds = own.duration.map_or(0.0, |lasts| lasts.as_secs_f64());
    let length = format!("{seconds:.6}");
    Ffmpeg::new("add sound")
        .input(film)
        .args(["-vn"])
        .input(other)
        .args(["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-af", "apad", "-t", &length])
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

    #[test]
    fn voice_gives_a_silent_film_the_sound_of_another_and_leaves_what_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let [silent, loud, out] = ["silent.mp4", "loud.mp4", "out.mp4"].map(|name| folder.path().join(name));
        let picture = ["-f", "lavfi", "-i", "testsrc2=size=64x112:rate=16:duration=2"];
        let make = |more: &[&str], to: &Path| {
            let ffmpeg = Ffmpeg::new("make film").args(picture).args(more).args(["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
            ffmpeg.to(to).run(&Cancel::new(), &mut |_| ()).unwrap();
        };
        make(&[], &silent);
        make(&["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac"], &loud);
        assert!(voice(&silent, &loud, &out, &Cancel::new()).unwrap());
        let made = probe(&out, &Cancel::new()).unwrap();
        assert_eq!(made.video.unwrap().frames, Some(32), "every frame");
        let heard = made.audio.unwrap().duration.unwrap().as_secs_f64();
        assert!((1.9..2.1).contains(&heard), "as long as the film: {heard}");
        assert!(!voice(&loud, &silent, &folder.path().join("no.mp4"), &Cancel::new()).unwrap(), "it is heard");
        assert!(!voice(&silent, &silent, &folder.path().join("no.mp4"), &Cancel::new()).unwrap(), "nobody is heard");
    }
}
