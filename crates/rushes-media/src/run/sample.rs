//! Small inputs for tests, made by ffmpeg's own generators, and measurements of what came out.

use super::{Ffmpeg, Ffprobe};
use rushes_core::Cancel;
use std::path::{Path, PathBuf};

/// Makes `name` in `folder` from `-f lavfi` sources and further arguments.
pub(crate) fn make(folder: &Path, name: &str, sources: &[&str], args: &[&str]) -> PathBuf {
    let file = folder.join(name);
    let mut call = Ffmpeg::new("make sample");
    for source in sources {
        call = call.args(["-f", "lavfi", "-i", source]);
    }
    call.args(args).to(&file).run(&Cancel::new(), &mut |_| {}).unwrap();
    file
}

/// A video of that size, rate and length with a beep for sound.
pub(crate) fn video(folder: &Path, name: &str, size: &str, fps: u32, seconds: f64) -> PathBuf {
    let picture = format!("testsrc2=s={size}:r={fps}:d={seconds}");
    let sound = format!("sine=f=440:r=48000:d={seconds}");
    make(
        folder,
        name,
        &[&picture, &sound],
        &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart"],
    )
}

/// What ffprobe says for `-show_entries`, as `key=value` lines.
pub(crate) fn entries(file: &Path, more: &[&str], wanted: &str) -> String {
    let text =
        Ffprobe::new("look").args(more).args(["-show_entries", wanted, "-of", "default=nw=1"]).input(file).output(&Cancel::new(), 1 << 20);
    String::from_utf8(text.unwrap()).unwrap()
}

/// The hash of a file's encoded packets of one stream (`0:v`, `0:a`).
pub(crate) fn packets_md5(file: &Path, stream: &str) -> String {
    let text = Ffmpeg::new("hash").input(file).args(["-map", stream, "-c", "copy", "-f", "md5", "pipe:1"]).output(&Cancel::new(), 1 << 10);
    String::from_utf8(text.unwrap()).unwrap()
}

/// Decoded lengths of picture and sound in seconds, from what really comes out.
pub(crate) fn decoded_lengths(file: &Path, fps: u32) -> (f64, f64) {
    let count = entries(file, &["-count_frames", "-select_streams", "v:0"], "stream=nb_read_frames");
    let frames: f64 = count.trim().trim_start_matches("nb_read_frames=").parse().unwrap();
    let samples = super::decode::decode_mono(file, 48_000, 600.0, &Cancel::new()).unwrap().len();
    (frames / f64::from(fps), samples as f64 / 48_000.0)
}

/// Processes whose command line holds `word`, zombies aside.
pub(crate) fn processes(word: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(|pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        *pid != std::process::id() && String::from_utf8_lossy(&line).contains(word)
    })
    .collect()
}
