//! Poster, contact sheet and preview of one film in one pass: it is decoded once.
//!
//! What each of them shows is decided where each is made alone.

use super::moment::{LOOK, Looker};
use super::{
    Preview, SHEET_SIDE, SHEET_WIDTH_PX, WATCHED_S, frame_at, lay_out_sheet, to_rgb, write_contact_sheet, write_jpeg, write_poster,
    write_preview,
};
use crate::edit::fit;
use crate::probe::{Probe, probe};
use crate::run::Ffmpeg;
use crate::run::decode::{Pixels, scaled_size, to_rgba};
use crate::run::encode::{Quality, picture_args, plain_args};
use crate::score::LOOKS_A_SECOND;
use rushes_core::{Cancel, Code, Fault};
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Where each is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companions {
    /// JPEG.
    pub poster: PathBuf,
    /// JPEG.
    pub sheet: PathBuf,
    /// mp4.
    pub preview: PathBuf,
}

impl Companions {
    /// Makes all three; see [`write_poster`], [`write_contact_sheet`] and [`write_preview`].
    ///
    /// Errors: as [`write_poster`].
    pub fn write(&self, film: &Path, cancel: &Cancel) -> Result<(), Fault> {
        let probed = probe(film, cancel)?;
        let preview = Preview::of(&probed).ok_or_else(|| Fault::new(Code::NoVideo, "picture film").with("path", film.display()))?;
        if preview.seconds <= 0.0 || preview.seconds > WATCHED_S {
            write_poster(film, &self.poster, cancel)?;
            write_contact_sheet(film, &self.sheet, cancel)?;
            return write_preview(film, &self.preview, cancel);
        }
        let raw = self.sheet.with_extension("moments");
        let done = self.write_in_one_pass(film, &probed, &preview, &raw, cancel);
        // It was only a step on the way; the fault matters more than a file that stays in scratch.
        let _ = std::fs::remove_file(&raw);
        done
    }

    fn write_in_one_pass(&self, film: &Path, probed: &Probe, preview: &Preview, raw: &Path, cancel: &Cancel) -> Result<(), Fault> {
        let Some(video) = &probed.video else { return Err(Fault::new(Code::NoVideo, "picture film")) };
        let count = SHEET_SIDE * SHEET_SIDE;
        let (width, height) = scaled_size(video, Some(SHEET_WIDTH_PX));
        let (share_s, shown_s) = (preview.seconds / f64::from(count), 1.0 / video.fps.max(1.0));
        let mut graph = format!(
            "[0:V:0]split=3[a][b][c];[a]fps={LOOKS_A_SECOND}:start_time=0,scale={}:{}:flags=area,format=gray[looks];",
            LOOK.0, LOOK.1
        );
        // Variable 0 counts the frames taken so far.
        write!(graph, "[b]select='if(gte(t\\,(ld(0)+0.5)*{share_s:.6}-{shown_s:.6})\\,1+0*st(0\\,ld(0)+1)\\,0)',trim=end_frame={count},")
            .ok();
        write!(graph, "{}[moments];", to_rgba(video, width, height)).ok();
        let (spec, fps) = (preview.spec, preview.spec.fps);
        let wanted: Vec<String> =
            preview.segments.iter().map(|s| format!("between(n\\,{}\\,{})", s.start_frame, s.start_frame + s.frames - 1)).collect();
        let frames: u64 = preview.segments.iter().map(|s| s.frames).sum();
        write!(graph, "[c]fps=fps={fps}:start_time=0:round=near,select='{}',setpts=N/({fps}*TB),", wanted.join("+")).ok();
        write!(graph, "tpad=stop_mode=clone:stop={frames},trim=end_frame={frames},{}format=yuv420p,setsar=1[preview]", fit(video, spec))
            .ok();
        let mut looker = Looker::default();
        Ffmpeg::new("picture film")
            .arg("-an")
            .input(film)
            .args(["-filter_complex", &graph, "-map", "[looks]", "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"])
            .args(["-map", "[moments]", "-fps_mode", "passthrough", "-c:v", "rawvideo", "-f", "rawvideo"])
            .to(raw)
            .args(["-map", "[preview]"])
            .args(picture_args(spec, Quality::Draft))
            .args(plain_args())
            .args(["-movflags", "+faststart", "-f", "mp4"])
            .to(&self.preview)
            .stream(cancel, LOOK.0 as usize * LOOK.1 as usize, &mut |frame| {
                looker.see(frame);
                Ok(ControlFlow::Continue(()))
            })?;
        let bytes = std::fs::read(raw).map_err(|error| Fault::io("read moments", raw, &error))?;
        let pictures = bytes.chunks_exact(width as usize * height as usize * 4).map(|rgba| Pixels { width, height, rgba: rgba.to_vec() });
        lay_out_sheet(&pictures.collect::<Vec<_>>(), film, &self.sheet)?;
        let at = looker.best(film, preview.seconds, cancel)?;
        write_jpeg(&to_rgb(&frame_at(film, at, preview.seconds, video.fps, cancel)?), &self.poster)
    }
}
