//! HEIC and AVIF: libheif's program decodes them where it is installed, ffmpeg what it can of them.
//!
//! Both answer through a pipe, so nothing of a photo is left lying about when they or we are killed.

use super::limits::{MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS, MAX_SHOWN, PHOTO_MEMORY_BYTES, PHOTO_TIME};
use super::refuse;
use crate::probe::blame_file;
use crate::run::{Ffmpeg, Outside};
use rushes_core::formats::heif;
pub(super) use rushes_core::formats::heif::{Index, Turn};
use rushes_core::formats::{Format, jpeg};
use rushes_core::{Cancel, Code, Fault};
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The newer name first.
const PROGRAMS: [&str; 2] = ["heif-dec", "heif-convert"];

/// Of 100: no second loss is seen.
const QUALITY: &str = "94";

/// What libheif says where it was built without the decoder, which ffmpeg may have.
const UNABLE: [&str; 2] = ["Unsupported codec", "No decoding plugin"];

/// What it says of itself, within the limits. Errors: `file_too_large`, `file_truncated`, `file_corrupt`, `io`.
pub(super) fn index(path: &Path, file: &mut File) -> Result<Index, Fault> {
    let io = |error: std::io::Error| Fault::io("inspect file", path, &error);
    let length = file.metadata().map_err(io)?.len();
    if length > MAX_PICTURE_BYTES {
        return Err(refuse(Code::FileTooLarge, path, format!("{length} bytes of picture, of {MAX_PICTURE_BYTES}")));
    }
    let index = heif::read(&mut BufReader::new(file)).map_err(io)?;
    let index = index.ok_or_else(|| refuse(Code::FileCorrupt, path, "its index names no picture"))?;
    if index.missing_bytes > 0 {
        return Err(refuse(Code::FileTruncated, path, format!("it lacks {} of the bytes it declares", index.missing_bytes)));
    }
    let pixels = u64::from(index.width) * u64::from(index.height);
    if pixels > MAX_PICTURE_PIXELS {
        let why = format!("{}×{} are {pixels} pixels, of {MAX_PICTURE_PIXELS}", index.width, index.height);
        return Err(refuse(Code::FileTooLarge, path, why));
    }
    if index.place.1 > MAX_SHOWN {
        return Err(refuse(Code::FileTooLarge, path, format!("{} pictures, of {MAX_SHOWN}", index.place.1)));
    }
    Ok(index)
}

/// A JPEG of it, upright. Errors: `file_corrupt`, `file_too_large`, `decoder_missing`, `cancelled`, `time_limit`, `io`.
pub(super) fn jpeg(path: &Path, format: Format, index: &Index, cancel: &Cancel) -> Result<Vec<u8>, Fault> {
    if let Some(program) = Outside::find(&PROGRAMS, "open photo") {
        match by_libheif(program, path, index, cancel) {
            Err(fault) if fault.code == Code::MediaTool && UNABLE.iter().any(|word| said(&fault).contains(word)) => {}
            done => return done.map_err(|fault| blame_file(fault, path)),
        }
    }
    match by_ffmpeg(path, index, cancel) {
        Ok(Some(jpeg)) => return Ok(jpeg),
        Err(fault) if matches!(fault.code, Code::Cancelled | Code::TimeLimit) => return Err(fault.with("path", path.display())),
        // It was not made for it, or the file is damaged: only the other tells.
        Ok(None) | Err(_) => {}
    }
    let why = format!(
        "it is {}, which no program on the PATH opens; install libheif's, heif-dec or heif-convert (Debian: libheif-examples), and start again",
        format.extension().to_uppercase()
    );
    Err(Fault::new(Code::DecoderMissing, "open photo").with("path", path.display()).because(why))
}

fn said(fault: &Fault) -> &str {
    fault.reason.as_deref().unwrap_or_default()
}

/// It writes each picture to a file called after what it is told: those names are links, the photo's to its stdout.
fn by_libheif(program: Outside, path: &Path, index: &Index, cancel: &Cancel) -> Result<Vec<u8>, Fault> {
    let names = tempfile::Builder::new().prefix("rushes-photo-").tempdir();
    let names = names.map_err(|error| Fault::io("open photo", &std::env::temp_dir(), &error))?;
    let link = |name: &str, to: &str| {
        let at = names.path().join(name);
        symlink(to, &at).map_err(|error| Fault::io("open photo", &at, &error))
    };
    let (place, count) = index.place;
    link("photo.jpg", "/dev/stdout")?;
    for one in 0..if count > 1 { MAX_SHOWN } else { 0 } {
        link(&format!("photo-{}.jpg", one + 1), if one == place { "/dev/stdout" } else { "/dev/null" })?;
    }
    // Absolute, it is never taken for an option.
    let path = std::path::absolute(path).map_err(|error| Fault::io("open photo", path, &error))?;
    let call = program.within(PHOTO_TIME, PHOTO_MEMORY_BYTES).arg("--quiet").arg("-q").arg(QUALITY);
    let jpeg =
        call.arg(&path).arg(names.path().join("photo.jpg")).output(cancel, usize::try_from(MAX_PICTURE_BYTES).unwrap_or(usize::MAX))?;
    if jpeg.starts_with(&[0xff, 0xd8, 0xff]) { Ok(jpeg) } else { Err(refuse(Code::FileCorrupt, &path, "no picture came of it")) }
}

/// None where it would show only a part, or something else than the photo.
pub(super) fn by_ffmpeg(path: &Path, index: &Index, cancel: &Cancel) -> Result<Option<Vec<u8>>, Fault> {
    if index.is_composed || index.place.1 > 1 {
        return Ok(None);
    }
    // Not every ffmpeg turns it; so none does by itself.
    let turns = index.turns.iter().map(|turn| match turn {
        Turn::Quarters(1) => "transpose=cclock",
        Turn::Quarters(2) => "hflip,vflip",
        Turn::Quarters(_) => "transpose=clock",
        Turn::UpsideDown => "vflip",
        Turn::LeftToRight => "hflip",
    });
    let turns = std::iter::once("null").chain(turns).collect::<Vec<_>>().join(",");
    let pixels = MAX_PICTURE_PIXELS.to_string();
    let call = Ffmpeg::new("open photo").on_a_stranger().data_limit(PHOTO_MEMORY_BYTES).time_limit(PHOTO_TIME);
    let call = call.args(["-threads", "1", "-max_pixels", &pixels, "-noautorotate"]).input(path);
    let call = call.args(["-map", "0:v:0", "-frames:v", "1", "-vf", &turns, "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "2"]);
    let made = call.args(["-f", "image2pipe", "pipe:1"]).output(cancel, usize::try_from(MAX_PICTURE_BYTES).unwrap_or(usize::MAX))?;
    let is_lying = index.turns.iter().filter(|turn| matches!(turn, Turn::Quarters(1 | 3))).count() % 2 == 1;
    let size = if is_lying { (index.height, index.width) } else { (index.width, index.height) };
    Ok(jpeg::walk(&made).is_some_and(|header| (header.width, header.height) == size).then_some(made))
}
