//! Tests of inspection: what every odd or damaged file is called.

use super::*;
use crate::run::{Ffmpeg, sample};
use std::io::Write;
use std::path::PathBuf;

fn look(path: &Path) -> Result<MediaInfo, Fault> {
    inspect_file(path, &Cancel::new())
}

fn code(path: &Path) -> Code {
    look(path).map(|info| panic!("{}: {info:?}", path.display())).unwrap_err().code
}

#[expect(clippy::disallowed_methods, reason = "a test's own scratch")]
fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

/// A picture with detail, so that damage cannot hide.
fn picture(folder: &Path, name: &str, format: image::ImageFormat) -> PathBuf {
    let file = folder.join(name);
    let noise = |x: u32, y: u32| image::Rgb([(x * 7 + y * 13) as u8, (x * x / 3 + y) as u8, (x ^ y) as u8]);
    image::RgbImage::from_fn(120, 80, noise).save_with_format(&file, format).unwrap();
    file
}

#[test]
fn inspect_knows_every_format_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let film = ["testsrc2=s=96x160:r=24:d=1", "sine=d=1"];
    let (h264, vp9) = (["-c:v", "libx264", "-pix_fmt", "yuv420p"], ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"]);
    let make = |name: &str, sources: &[&str], args: &[&str]| sample::make(at, name, sources, args);
    let cases = [
        (make("a.bin", &film, &[&h264[..], &["-c:a", "aac", "-f", "mp4"]].concat()), "video/mp4", "mp4", true, true),
        (make("b.mp4", &film, &[&h264[..], &["-c:a", "aac", "-f", "mov"]].concat()), "video/quicktime", "mov", true, true),
        (make("c.mp4", &film, &[&vp9[..], &["-f", "webm"]].concat()), "video/webm", "webm", true, true),
        (make("d.webm", &film[..1], &[&h264[..], &["-f", "matroska"]].concat()), "video/x-matroska", "mkv", true, false),
        (make("e.mp3", &film[1..], &["-f", "wav"]), "audio/wav", "wav", false, true),
        (make("f.wav", &film[1..], &["-f", "flac"]), "audio/flac", "flac", false, true),
        (make("g.mp4", &film[1..], &["-f", "mp3"]), "audio/mpeg", "mp3", false, true),
        (make("h.mp4", &film[1..], &["-c:a", "aac", "-f", "mp4"]), "audio/mp4", "m4a", false, true),
        (picture(at, "i.mp4", image::ImageFormat::Png), "image/png", "png", false, false),
        (picture(at, "j.png", image::ImageFormat::Jpeg), "image/jpeg", "jpg", false, false),
        (picture(at, "k %d.jpg", image::ImageFormat::WebP), "image/webp", "webp", false, false),
    ];
    for (file, mime, extension, is_video, has_audio) in cases {
        let info = look(&file).unwrap_or_else(|fault| panic!("{mime}: {fault}"));
        assert_eq!((info.mime.as_str(), info.extension.as_str(), info.has_audio), (mime, extension, has_audio));
        if is_video {
            assert_eq!((info.width, info.height, info.fps), (Some(96), Some(160), Some(24.0)), "{mime}");
        }
        if is_video || has_audio {
            assert!(info.duration_ms.unwrap().abs_diff(1000) < 80, "{mime}: {info:?}");
        } else {
            assert_eq!((info.width, info.height, info.duration_ms), (Some(120), Some(80), None));
        }
    }
}

#[test]
fn inspect_refuses_what_exit_code_0_hides() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let film = std::fs::read(sample::video(at, "whole.mp4", "320x240", 30, 4.0)).unwrap();
    assert!(look(&at.join("whole.mp4")).is_ok());
    // The index comes first, so a beginning still claims all four seconds.
    for percent in [4, 50, 96] {
        let cut = write(at, "cut.mp4", &film[..film.len() * percent / 100]);
        assert_eq!(code(&cut), Code::FileTruncated, "{percent} %");
    }
    let mut flipped = film.clone();
    let media = film.windows(4).position(|word| word == b"mdat").unwrap();
    for index in 0..300 {
        let place = media + 2000 + index * (film.len() - media - 3000) / 300;
        flipped[place] ^= 0xff;
    }
    assert_eq!(code(&write(at, "flipped.mp4", &flipped)), Code::FileCorrupt);
    assert_eq!(code(&write(at, "empty.mp4", b"")), Code::FileEmpty);
    assert_eq!(code(&at.join("none.mp4")), Code::FileMissing);
    assert_eq!(code(at), Code::FileForbidden);
    for (name, text) in [
        ("hls.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),
        ("concat.mp4", "ffconcat version 1.0\nfile whole.mp4\n"),
        ("page.png", "<html><script>alert(1)</script></html>"),
        ("drawing.png", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ] {
        assert_eq!(code(&write(at, name, text.as_bytes())), Code::FileForbidden, "{name}");
    }
    assert_eq!(code(&write(at, "heic.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")), Code::FileForbidden);
}

#[test]
fn inspect_finds_cut_and_damaged_sound() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (name, format) in [("a.wav", "wav"), ("a.flac", "flac"), ("a.webm", "webm")] {
        let whole = std::fs::read(sample::make(at, name, &["anoisesrc=d=4:r=48000:seed=1"], &["-f", format])).unwrap();
        assert!(look(&at.join(name)).is_ok(), "{name}");
        assert_eq!(code(&write(at, name, &whole[..whole.len() / 2])), Code::FileTruncated, "{name}");
    }
    let flac = sample::make(at, "b.flac", &["anoisesrc=d=4:r=48000:seed=1"], &[]);
    let mut bytes = std::fs::read(&flac).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0x55);
    assert_eq!(code(&write(at, "b.flac", &bytes)), Code::FileCorrupt);
}

#[test]
fn inspect_finds_cut_and_damaged_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for format in [image::ImageFormat::Png, image::ImageFormat::Jpeg, image::ImageFormat::WebP] {
        let bytes = std::fs::read(picture(at, "whole", format)).unwrap();
        assert!(look(&at.join("whole")).is_ok());
        for percent in [30, 60, 95] {
            let found = code(&write(at, "cut", &bytes[..bytes.len() * percent / 100]));
            assert_eq!(found, Code::FileTruncated, "{format:?} {percent} %");
        }
    }
    let mut png = std::fs::read(picture(at, "p", image::ImageFormat::Png)).unwrap();
    let middle = png.len() / 2;
    png[middle] ^= 0xff;
    assert_eq!(code(&write(at, "p", &png)), Code::FileCorrupt);
}

#[test]
fn inspect_keeps_to_its_limits_before_decoding() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // A flood: 64250² pixels declared in a few bytes.
    let mut jpeg = std::fs::read(picture(at, "flood.jpg", image::ImageFormat::Jpeg)).unwrap();
    let frame = jpeg.windows(2).position(|word| word == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xfa, 0xfa, 0xfa, 0xfa]);
    let begun = std::time::Instant::now();
    assert_eq!(code(&write(at, "flood.jpg", &jpeg)), Code::FileTooLarge);
    assert!(begun.elapsed().as_secs() < 2);
    let fast = sample::make(at, "fast.mp4", &["testsrc2=s=32x32:r=480:d=0.3"], &["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    assert_eq!(code(&fast), Code::FileTooLarge);
    let wide = sample::make(at, "wide.mkv", &["color=s=8256x16:r=5:d=0.4"], &["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]);
    assert_eq!(code(&wide), Code::FileTooLarge);
    let maps: Vec<&str> = std::iter::repeat_n(["-map", "0:a"], 17).flatten().collect();
    let many = sample::make(at, "many.mkv", &["sine=d=0.3"], &[&maps[..], &["-c:a", "flac"]].concat());
    assert_eq!(code(&many), Code::FileTooLarge);
    let long = sample::make(at, "long.mkv", &["color=s=16x16:r=1/600:d=16000"], &["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    assert_eq!(code(&long), Code::FileTooLarge);
    let odd = sample::make(at, "odd.mkv", &["testsrc2=s=64x64:r=5:d=0.4"], &["-c:v", "ffv1"]);
    assert_eq!(code(&odd), Code::FileForbidden);
}

#[test]
fn inspect_bounds_the_length_as_declared_and_as_reached() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let silence = |name: &str, seconds: &str, more: &[&str]| {
        sample::make(at, name, &[&format!("anullsrc=r=8000:cl=mono:d={seconds}")], &[&["-c:a", "flac"], more].concat())
    };
    let over = look(&silence("over.flac", "14400.5", &[])).unwrap_err();
    assert_eq!((over.code, over.reason.as_deref()), (Code::FileTooLarge, Some("14400.5 s long, of 14400")));
    assert_eq!(look(&silence("whole.flac", "14400", &[])).unwrap().duration_ms, Some(14_400_000));
    // Without a declared length, as what is broadcast: only decoding tells.
    let live = ["-f", "matroska", "-live", "1"];
    assert_eq!(code(&silence("over.mkv", "15000", &live)), Code::FileTooLarge);
    let info = look(&silence("live.mkv", "100", &live)).unwrap();
    assert!(info.duration_ms.unwrap().abs_diff(100_000) < 200, "{info:?}");
}

#[test]
fn inspect_accepts_what_phones_and_editors_make() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let film = sample::video(at, "a.mp4", "128x64", 50, 1.0);
    let turned = at.join("turned.mp4");
    Ffmpeg::new("turn")
        .input(&film)
        .args(["-c", "copy", "-metadata:s:v", "rotate=90"])
        .to(&turned)
        .run(&Cancel::new(), &mut |_| {})
        .unwrap();
    let info = look(&turned).unwrap();
    assert_eq!((info.width, info.height), (Some(64), Some(128)));
    let h264 = ["-c:v", "libx264", "-pix_fmt", "yuv444p"];
    let odd = sample::make(at, "odd.mp4", &["testsrc=s=405x719:r=60:d=0.5"], &h264);
    assert_eq!(look(&odd).unwrap().width, Some(405));
    let vfr = ["-vf", "select=not(mod(n\\,3))+lt(n\\,20)", "-fps_mode", "vfr", "-c:v", "libx264", "-c:a", "copy"];
    let uneven = at.join("vfr.mp4");
    Ffmpeg::new("thin").input(&film).args(vfr).to(&uneven).run(&Cancel::new(), &mut |_| {}).unwrap();
    assert!(look(&uneven).unwrap().has_audio);
    // Cut without encoding: an edit list hides the frames before the cut.
    let trimmed = at.join("trimmed.mp4");
    Ffmpeg::new("trim").args(["-ss", "0.5"]).input(&film).args(["-c", "copy"]).to(&trimmed).run(&Cancel::new(), &mut |_| {}).unwrap();
    assert!(look(&trimmed).is_ok());
}

#[test]
fn inspect_stops_with_whoever_waits() {
    let folder = tempfile::tempdir().unwrap();
    let slow = sample::make(
        folder.path(),
        "rushes-test-inspect-4f1.mp4",
        &["testsrc2=s=1280x720:r=60:d=20"],
        &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(250), MediaInspector.inspect(&slow));
        assert!(waiting.await.is_err(), "it was expected to take longer");
    });
    let begun = std::time::Instant::now();
    while !sample::processes("rushes-test-inspect-4f1").is_empty() {
        assert!(begun.elapsed().as_secs() < 1, "it goes on decoding");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn inspect_has_one_large_picture_in_memory_whoever_decodes_it() {
    let folder = tempfile::tempdir().unwrap();
    let (large, small) = (folder.path().join("large.png"), folder.path().join("small.png"));
    for (path, side) in [(&large, 5_000), (&small, 50)] {
        image::RgbImage::new(side, side).save(path).unwrap();
    }
    let gone = Cancel::new();
    gone.cancel();
    let held = super::alone_with(&large, &Cancel::new()).unwrap();
    assert_eq!(inspect_file(&large, &gone).unwrap_err().code, Code::Cancelled, "it would wait");
    assert!(held.is_some() && super::alone_with(&large, &gone).is_err());
    assert!(super::alone_with(&small, &gone).unwrap().is_none() && inspect_file(&small, &gone).is_ok(), "small ones never wait");
    drop(held);
    assert!(inspect_file(&large, &Cancel::new()).is_ok());
}

/// Of a large JPEG few pixels are made, and its answers are those of a small one.
#[test]
fn inspect_tells_of_a_large_jpeg_what_it_tells_of_a_small_one() {
    let folder = tempfile::tempdir().unwrap();
    for (width, height) in [(40_u32, 20_u32), (8_001, 3_999)] {
        let mut stored = Vec::new();
        let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
        picture.write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut stored, 60)).unwrap();
        // Its top is at the right.
        let turned = rushes_testkit::photos::turned(&stored, 6);
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(format!("{width} {name}"));
            std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
            path
        };
        let info = inspect_file(&file("turned.jpg", &turned), &Cancel::new()).unwrap();
        assert_eq!((info.width, info.height, info.mime.as_str()), (Some(height), Some(width), "image/jpeg"));
        let cut = file("cut.jpg", &turned[..turned.len() - turned.len() / 3]);
        assert_eq!(inspect_file(&cut, &Cancel::new()).unwrap_err().code, Code::FileTruncated);
        let no_tables: Vec<u8> = turned.iter().copied().enumerate().map(|(at, byte)| if at > 60 && at < 300 { 0 } else { byte }).collect();
        let code = inspect_file(&file("no tables.jpg", &no_tables), &Cancel::new()).unwrap_err().code;
        assert!([Code::FileCorrupt, Code::FileTruncated].contains(&code), "{code:?}");
    }
}
