//! The built-in dancer behind the motion port: watches a reference, choreographs, draws and encodes.
//!
//! It follows the reference's beat and energy, not its poses. What does not live here: analysis (`watch`), drawing
//! (`crate::draw::film`) and ffmpeg (`crate::run`).

use super::watch::watch;
use crate::draw::CharacterSpec;
use crate::draw::choreography::Choreography;
use crate::draw::film::{Dancer, Film};
use crate::probe::probe;
use crate::run::Ffmpeg;
use crate::run::behind;
use crate::run::encode::{FrameEncoder, Quality, VideoSpec};
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, MotionRequest, Provider, ProviderCard};
use rushes_core::{Cancel, Code, Fault};
use std::path::{Path, PathBuf};

/// Makes characters dance on this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltinMotion;

#[async_trait::async_trait]
impl Provider<MotionRequest> for BuiltinMotion {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "builtin", model: "rushes-draw", version: 2, lane: Lane::Cpu }
    }

    async fn make(&self, request: &MotionRequest, call: &Call) -> Result<PathBuf, Fault> {
        let (request, call) = (request.clone(), call.clone());
        behind("draw dance", move || make(&request, &call)).await
    }
}

/// The work itself, on a thread that may block.
fn make(request: &MotionRequest, call: &Call) -> Result<PathBuf, Fault> {
    let format = VideoSpec { width: request.width, height: request.height, fps: request.fps };
    format.check()?;
    let spec = CharacterSpec::from_concept(&request.concept);
    let cut = spec.cut(&request.outfit, &request.concept.traits)?;
    (call.progress)(0.0, "watching the reference");
    let length_s = length(&request.reference, request.max_ms, &call.cancel)?;
    let music = watch(&request.reference, length_s, &call.cancel)?;
    let frames = (length_s * f64::from(request.fps)).round().max(1.0) as usize;
    let dance = Choreography::new(music, request.seed);
    let dancer = Dancer::Character(Box::new(spec), Box::new(cut));
    let film = Film::new(dancer, &dance, request.seed, frames, request.fps, (request.width, request.height));
    let path = call.scratch.join("dance.mp4");
    shoot(&film, &path, format, Some(&request.reference), &call.cancel, &mut |done| (call.progress)(0.05 + 0.95 * done, "dancing"))?;
    (call.progress)(1.0, "danced");
    Ok(path)
}

/// How long to dance, seconds: the reference's length, at most `max_ms`.
fn length(reference: &Path, max_ms: u64, cancel: &Cancel) -> Result<f64, Fault> {
    let probe = probe(reference, cancel)?;
    let Some(video) = &probe.video else {
        return Err(Fault::new(Code::NoVideo, "watch reference").with("file", reference.display()));
    };
    let known = video.duration.or(probe.duration).map(|d| d.as_secs_f64()).filter(|s| *s > 0.0);
    // What a browser recorded says nothing of its length: it is read through once, without decoding.
    let length = match known {
        Some(length) => length,
        None => {
            let copy = ["-map", "0:V:0", "-c", "copy", "-f", "null", "-"];
            let reached = Ffmpeg::new("watch reference").input(reference).args(copy).run(cancel, &mut |_| {})?;
            reached.time.as_secs_f64()
        }
    };
    Ok(length.min(max_ms as f64 / 1000.0).max(0.04))
}

/// Draws a film's frames on all processors and encodes them, looking at `cancel` every frame.
/// Errors: `cancelled`, and those of the encoder.
pub(super) fn shoot(
    film: &Film,
    path: &Path,
    format: VideoSpec,
    sound: Option<&Path>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(f32),
) -> Result<(), Fault> {
    let mut encoder = FrameEncoder::start(path, format, film.len() as u64, Quality::Draft, sound, cancel)?;
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    film.play(threads, |frame, pixels| {
        if cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, "draw dance"));
        }
        encoder.write_frame(pixels)?;
        // Progress is for people: a few times a second is often enough.
        if frame % 15 == 0 {
            progress((frame + 1) as f32 / film.len() as f32);
        }
        Ok(())
    })?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rushes_core::provider::{Concept, Outfit};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    /// A second-long test picture, with a click track or silent.
    fn reference(folder: &Path, seconds: f64, with_sound: bool) -> PathBuf {
        let path = folder.join("reference.mp4");
        let picture = format!("testsrc2=size=180x320:rate=25:duration={seconds}");
        let sound = format!("aevalsrc=sin(2*PI*440*t)*lt(mod(t\\,0.5)\\,0.08):s=44100:d={seconds}");
        let mut ffmpeg = Ffmpeg::new("make reference").args(["-f", "lavfi", "-i", &picture]);
        if with_sound {
            ffmpeg = ffmpeg.args(["-f", "lavfi", "-i", &sound, "-c:a", "aac", "-shortest"]);
        }
        ffmpeg.args(["-c:v", "libx264", "-pix_fmt", "yuv420p"]).to(&path).run(&Cancel::new(), &mut |_| ()).unwrap();
        path
    }

    fn request(reference: &Path, max_ms: u64) -> MotionRequest {
        let concept = Concept {
            name: "Mira Vale".into(),
            tagline: String::new(),
            traits: vec![],
            prompt: String::new(),
            seed: 3,
            style: "kpop_dance".into(),
        };
        MotionRequest {
            concept,
            outfit: Outfit::signature(),
            image: PathBuf::new(),
            reference: reference.into(),
            seed: 9,
            width: 180,
            height: 320,
            fps: 30,
            max_ms,
        }
    }

    fn call(folder: &Path) -> Call {
        Call::alone("job/motion", folder, Cancel::new())
    }

    #[tokio::test]
    async fn builtin_motion_dances_as_long_as_its_reference_with_and_without_sound() {
        for with_sound in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let reference = reference(folder.path(), 1.0, with_sound);
            let said = Arc::new(Mutex::new(Vec::new()));
            let heard = said.clone();
            let call = Call { progress: Arc::new(move |done, _| heard.lock().unwrap().push(done)), ..call(folder.path()) };
            let made = BuiltinMotion.make(&request(&reference, 60_000), &call).await.unwrap();
            let probe = probe(&made, &Cancel::new()).unwrap();
            let (video, audio) = (probe.video.unwrap(), probe.audio.unwrap());
            assert_eq!((video.width, video.height, video.frames), (180, 320, Some(30)));
            assert!((audio.duration.unwrap().as_secs_f64() - 1.0).abs() <= 1.0 / 30.0, "{audio:?}");
            let loud = crate::run::decode::decode_mono(&made, 22_050, 1.0, &Cancel::new()).unwrap().iter().any(|v| v.abs() > 0.05);
            assert_eq!(loud, with_sound, "the reference's own sound is kept");
            assert_eq!(said.lock().unwrap().last(), Some(&1.0));
        }
    }

    #[tokio::test]
    async fn builtin_motion_stops_at_the_longest_length_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let reference = reference(folder.path(), 1.0, true);
        let made = BuiltinMotion.make(&request(&reference, 400), &call(folder.path())).await.unwrap();
        assert_eq!(probe(&made, &Cancel::new()).unwrap().video.unwrap().frames, Some(12));
    }

    #[tokio::test]
    async fn builtin_motion_is_cancelled_within_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let reference = reference(folder.path(), 20.0, false);
        let call = call(folder.path());
        let cancel = call.cancel.clone();
        let work = tokio::spawn(async move {
            BuiltinMotion.make(&MotionRequest { width: 720, height: 1280, ..request(&reference, 60_000) }, &call).await
        });
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let asked = Instant::now();
        cancel.cancel();
        let fault = work.await.unwrap().unwrap_err();
        assert_eq!(fault.code, Code::Cancelled);
        assert!(asked.elapsed() < Duration::from_secs(1), "took {:?}", asked.elapsed());
    }
}
