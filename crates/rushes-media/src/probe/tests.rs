//! Tests of probing.

use super::*;
use crate::run::{Ffmpeg, sample};

fn code(path: &Path) -> Code {
    probe(path, &Cancel::new()).unwrap_err().code
}

#[test]
fn probe_reads_sizes_upright_and_streams_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let file = sample::video(at, "a.mp4", "128x64", 30, 2.0);
    let found = probe(&file, &Cancel::new()).unwrap();
    let (video, audio) = (found.video.unwrap(), found.audio.unwrap());
    assert!(found.container.contains("mp4"));
    assert_eq!((video.width, video.height, video.rotation_deg, video.frames), (128, 64, 0, Some(60)));
    assert_eq!((video.codec.as_str(), video.pix_fmt.as_str(), video.fps), ("h264", "yuv420p", 30.0));
    assert_eq!((audio.codec.as_str(), audio.rate_hz, audio.channels), ("aac", 48_000, 1));
    assert!((found.duration.unwrap().as_secs_f64() - 2.0).abs() < 0.05);
    // This tag counts anticlockwise.
    for (degrees, size) in [(90, (64, 128)), (180, (128, 64)), (270, (64, 128))] {
        let turned = at.join(format!("turned {degrees}.mp4"));
        let tag = format!("rotate={degrees}");
        Ffmpeg::new("turn").input(&file).args(["-c", "copy", "-metadata:s:v", &tag]).to(&turned).run(&Cancel::new(), &mut |_| {}).unwrap();
        let video = probe(&turned, &Cancel::new()).unwrap().video.unwrap();
        assert_eq!(((video.width, video.height), video.rotation_deg), (size, 360 - degrees));
    }
}

#[test]
fn probe_takes_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = sample::video(folder.path(), "a.mp4", "64x64", 25, 0.4);
    for name in ["-a.mp4", "two words [1].mp4", "100%d %03d.mp4", "http:x|y'z\".mp4", "ü\n.png", "a*?.m3u8"] {
        let odd = folder.path().join(name);
        std::fs::copy(&file, &odd).unwrap();
        assert!(probe(&odd, &Cancel::new()).unwrap().video.is_some(), "{name}");
    }
}

#[test]
fn probe_does_not_take_a_cover_for_a_video() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let cover = ["-map", "0", "-map", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-disposition:v:0", "attached_pic"];
    let file = sample::make(at, "song.m4a", &["testsrc2=s=64x64:r=1:d=1", "sine=d=1"], &[&cover[..], &["-f", "mp4"]].concat());
    let found = probe(&file, &Cancel::new()).unwrap();
    assert!(found.video.is_none() && found.audio.is_some() && found.streams == 2, "{found:?}");
}

#[test]
fn probe_opens_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let real = sample::video(at, "real.mp4", "64x64", 25, 0.4);
    let hls = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n";
    for (name, text) in [
        ("passwd.mp4", format!("{hls}file:///etc/passwd\n#EXT-X-ENDLIST\n")),
        ("beside.mp4", format!("{hls}{}\n#EXT-X-ENDLIST\n", real.display())),
        ("concat.mp4", format!("ffconcat version 1.0\nfile '{}'\n", real.display())),
    ] {
        let file = at.join(name);
        #[expect(clippy::disallowed_methods, reason = "a test's own scratch")]
        std::fs::write(&file, text).unwrap();
        assert_eq!(code(&file), Code::FileForbidden, "{name}");
        let decode = Ffmpeg::new("open").input(&file).args(["-f", "null", "-"]).run(&Cancel::new(), &mut |_| {});
        assert!(decode.unwrap_err().to_string().contains("not on whitelist"), "{name}");
    }
}

#[test]
fn probe_names_what_is_wrong_with_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.mp4");
    std::fs::File::create(&empty).unwrap();
    assert_eq!(code(&empty), Code::FileEmpty);
    assert_eq!(code(&folder.path().join("none.mp4")), Code::FileMissing);
    let rate = ratio("30000/1001", '/').unwrap();
    assert_eq!((rate, ratio("0/0", '/')), ((30000, 1001), None));
}
