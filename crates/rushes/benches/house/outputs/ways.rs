//! The ways to make the five files.

#![expect(clippy::disallowed_methods, reason = "what ours is compared with is started here, not by the product's runner")]

use super::material::{ICON_PX, Material, NAME_PX};
use rushes_core::Cancel;
use rushes_media::edit::Deliverables;
use rushes_media::run::encode::{Quality, VideoSpec, picture_args, plain_args, sound_args};
use serde_json::json;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) const PICTURE: VideoSpec = VideoSpec { width: 720, height: 1280, fps: 30 };
pub(super) const OURS: &str = "ours, draft";
pub(super) const FLOOR: &str = "the floor: decode the cuts, encode both pictures, no sound";
pub(super) const FLOOR_SOUND: &str = "the floor, and both sounds encoded";
pub(super) const MOVIEPY: &str = "MoviePy 2.2.1";
/// Between a sticker and the edges.
const PADDING_PX: u32 = 20;

pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) make: fn(&Material, &Path),
    /// The clean and the marked file, to be compared with the raw frames; None where nothing is marked.
    pub(super) pictures: Option<[&'static str; 2]>,
}

/// Every way this machine knows.
pub(super) fn all() -> Vec<Way> {
    let pictures = Some(["remix.mp4", "watermarked.mp4"]);
    let mut ways = vec![
        Way { name: OURS, make: ours, pictures },
        Way { name: FLOOR, make: floor, pictures: Some(["clean.mp4", "marked.mp4"]) },
        Way { name: FLOOR_SOUND, make: floor_with_sound, pictures: None },
        Way { name: "ffmpeg by hand, medium: remix, mark, 3 stream copies", make: by_hand, pictures },
        Way { name: "ffmpeg by hand, medium: remix, mark, 3 encoded again", make: by_hand_again, pictures },
    ];
    if python().is_some() {
        ways.push(Way { name: MOVIEPY, make: moviepy, pictures });
    }
    ways
}

/// Runs ffmpeg and returns what it said; stops the bench when it fails.
pub(super) fn ffmpeg(args: &[impl AsRef<OsStr>]) -> String {
    let output = Command::new("ffmpeg").args(["-hide_banner", "-y"]).args(args).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

fn ours(material: &Material, into: &Path) {
    let at = |name: &str| Some(into.join(name));
    let wanted = Deliverables {
        remix: at("remix.mp4"),
        scored: at("kpop.mp4"),
        watermarked: at("watermarked.mp4"),
        kpop: at("marked_kpop.mp4"),
        orig: at("marked_orig.mp4"),
        original_sound: Some(material.original.clone()),
        music: Some(material.music.clone()),
        stickers: Some(material.stickers.clone()),
    };
    assert_eq!(wanted.render(&material.edit, Quality::Draft, &Cancel::new(), &mut |_| {}).unwrap().len(), 5);
}

/// Opens the cuts, joins them, and hands the picture to each file: clean to the first, with `sound` where there is one,
/// and marked (or as clean) to the second.
pub(super) fn cut_args(
    material: &Material,
    is_marked: bool,
    sound: Option<&Path>,
    encode: &[impl AsRef<OsStr>],
    files: &[&Path],
) -> Vec<OsString> {
    let mut args: Vec<OsString> = Vec::new();
    let fps = f64::from(PICTURE.fps);
    for segment in &material.edit.segments {
        let (start, length) = (segment.start_frame as f64 / fps, segment.frames as f64 / fps);
        args.extend(["-an", "-ss", &format!("{start:.6}"), "-t", &format!("{length:.6}"), "-i"].map(OsString::from));
        args.push(material.edit.sources[segment.source].clone().into());
    }
    let count = material.edit.segments.len();
    let mut graph: String = (0..count).map(|index| format!("[{index}:v]")).collect();
    write!(graph, "concat=n={count}:v=1:a=0").unwrap();
    graph.push_str(if files.len() > 1 { ",split[clean][bare];" } else { "[clean]" });
    if is_marked {
        for file in [&material.stickers.icon, &material.stickers.name] {
            args.extend(["-i".into(), file.clone().into_os_string()]);
        }
        graph.push_str(&overlays("bare", count, "marked"));
    } else if files.len() > 1 {
        graph.push_str("[bare]null[marked]");
    }
    if let Some(file) = sound {
        args.extend(["-i".into(), file.into()]);
    }
    let sound_input = count + if is_marked { 2 } else { 0 };
    args.extend(["-filter_complex".into(), graph.into()]);
    for (file, label) in files.iter().zip(["[clean]", "[marked]"]) {
        args.extend(["-map".into(), label.into()]);
        if sound.is_some() {
            args.extend(["-map".into(), format!("{sound_input}:a").into(), "-c:a".into(), "aac".into(), "-shortest".into()]);
        }
        args.extend(encode.iter().map(|arg| arg.as_ref().to_owned()));
        args.push(file.as_os_str().to_owned());
    }
    args
}

/// Both stickers, which are inputs `first` and the next.
fn overlays(from: &str, first: usize, to: &str) -> String {
    let (icon_y, name_x) = (PICTURE.height - PADDING_PX - ICON_PX.1, PICTURE.width - PADDING_PX - NAME_PX.0);
    let next = first + 1;
    format!("[{from}][{first}:v]overlay={PADDING_PX}:{icon_y}[half];[half][{next}:v]overlay={name_x}:{PADDING_PX}[{to}]")
}

fn floor(material: &Material, into: &Path) {
    let mut encode = picture_args(PICTURE, Quality::Draft);
    encode.extend(plain_args());
    let (clean, marked) = (into.join("clean.mp4"), into.join("marked.mp4"));
    ffmpeg(&cut_args(material, true, None, &encode, &[&clean, &marked]));
}

fn floor_with_sound(material: &Material, into: &Path) {
    let mut encode = picture_args(PICTURE, Quality::Draft);
    encode.extend(sound_args());
    encode.extend(plain_args());
    let (clean, marked) = (into.join("clean.mp4"), into.join("marked.mp4"));
    ffmpeg(&cut_args(material, true, Some(&material.original), &encode, &[&clean, &marked]));
}

/// A remix, and of it a marked one, each encoded at x264's defaults; then the three soundtracks.
fn by_hand_with(material: &Material, into: &Path, sounded: &[&str]) {
    let at = |name: &str| into.join(name).into_os_string();
    let x264 = ["-c:v", "libx264", "-preset", "medium", "-pix_fmt", "yuv420p"];
    let remix = into.join("remix.mp4");
    ffmpeg(&cut_args(material, false, Some(&material.original), &x264, &[&remix]));
    let with_sound = |picture: &OsStr, sound: &Path, encode: &[&str], name: &str| {
        let mut args: Vec<OsString> = vec!["-i".into(), picture.to_owned(), "-i".into(), sound.into()];
        args.extend(["-map", "0:v", "-map", "1:a"].iter().chain(encode).chain(&["-c:a", "aac", "-shortest"]).map(OsString::from));
        args.push(at(name));
        ffmpeg(&args);
    };
    let mut args: Vec<OsString> = vec!["-i".into(), at("remix.mp4")];
    for file in [&material.stickers.icon, &material.stickers.name] {
        args.extend(["-i".into(), file.clone().into_os_string()]);
    }
    args.extend(["-filter_complex".into(), overlays("0:v", 1, "marked").into()]);
    args.extend(["-map", "[marked]", "-map", "0:a", "-c:a", "copy"].iter().chain(&x264).map(OsString::from));
    args.push(at("watermarked.mp4"));
    ffmpeg(&args);
    with_sound(&at("remix.mp4"), &material.music, sounded, "kpop.mp4");
    with_sound(&at("watermarked.mp4"), &material.music, sounded, "marked_kpop.mp4");
    with_sound(&at("watermarked.mp4"), &material.original, sounded, "marked_orig.mp4");
}

fn by_hand(material: &Material, into: &Path) {
    by_hand_with(material, into, &["-c:v", "copy"]);
}

fn by_hand_again(material: &Material, into: &Path) {
    by_hand_with(material, into, &["-c:v", "libx264", "-preset", "medium", "-pix_fmt", "yuv420p"]);
}

/// Where `scripts/peers.sh` puts things.
fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers")
}

/// A python that finds MoviePy, as `scripts/peers.sh` leaves it; None without.
fn python() -> Option<PathBuf> {
    let has_moviepy = |python: &PathBuf| {
        let found = Command::new(python).args(["-c", "import moviepy"]).env("PYTHONPATH", peers().join("packages")).output();
        found.is_ok_and(|output| output.status.success())
    };
    [peers().join("bin/python"), PathBuf::from("python3")].into_iter().find(has_moviepy)
}

fn moviepy(material: &Material, into: &Path) {
    let fps = f64::from(PICTURE.fps);
    let cut = |segment: &rushes_media::edit::Segment| {
        let (start, end) = (segment.start_frame, segment.start_frame + segment.frames);
        json!({"clip": segment.source, "start_s": start as f64 / fps, "end_s": end as f64 / fps})
    };
    let place = |file: &Path, x: u32, y: u32| json!({"file": file, "x": x, "y": y});
    let plan = json!({
        "clips": material.edit.sources,
        "cuts": material.edit.segments.iter().map(cut).collect::<Vec<_>>(),
        "icon": place(&material.stickers.icon, PADDING_PX, PICTURE.height - PADDING_PX - ICON_PX.1),
        "name": place(&material.stickers.name, PICTURE.width - PADDING_PX - NAME_PX.0, PADDING_PX),
        "original": material.original,
        "music": material.music,
    });
    std::fs::write(into.join("plan.json"), plan.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/house/moviepy_outputs.py");
    let output = Command::new(python().unwrap())
        .arg(script)
        .arg(into)
        .env("PYTHONPATH", peers().join("packages"))
        // The same encoder as all others have.
        .env("IMAGEIO_FFMPEG_EXE", "ffmpeg")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
