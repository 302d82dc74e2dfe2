//! Tests of the runner: limits, cancelling, children, decoders and the frame encoder.

use super::decode::{decode_gray, decode_mono, decode_rgba_frame, decode_stereo};
use super::encode::{FrameEncoder, Quality, VideoSpec};
use super::{Ffmpeg, Ffprobe, STRANGER_STALL, sample};
use rushes_core::{Cancel, Code};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

const SPEC: VideoSpec = VideoSpec { width: 64, height: 96, fps: 30 };

/// Never ends by itself; found in /proc by `word`.
fn endless(word: &str) -> Ffmpeg {
    let text = format!("title={word}");
    Ffmpeg::new("run for ever").args(["-f", "lavfi", "-i", "testsrc2", "-metadata", &text, "-f", "null", "-"])
}

fn solid(spec: VideoSpec, rgb: [u8; 3]) -> Vec<u8> {
    [rgb[0], rgb[1], rgb[2], 255].repeat((spec.width * spec.height) as usize)
}

fn encode(out: &Path, frames: u64, quality: Quality, audio: Option<&Path>) {
    let mut encoder = FrameEncoder::start(out, SPEC, frames, quality, audio, &Cancel::new()).unwrap();
    for index in 0..frames {
        encoder.write_frame(&solid(SPEC, [200, (index * 5) as u8, 40])).unwrap();
    }
    encoder.finish().unwrap();
}

#[test]
fn run_tells_its_version_and_progress() {
    assert!(super::version(&Cancel::new()).unwrap().chars().next().unwrap().is_ascii_alphanumeric());
    let mut last = Duration::ZERO;
    let reached = Ffmpeg::new("count")
        .args(["-f", "lavfi", "-i", "testsrc2=d=3", "-f", "null", "-"])
        .run(&Cancel::new(), &mut |time| {
            assert!(time >= last);
            last = time;
        })
        .unwrap();
    assert_eq!((reached.frames, last.as_secs()), (75, 3));
}

#[test]
fn run_failure_carries_the_last_words() {
    let fault = Ffmpeg::new("open nothing")
        .input(Path::new("/nowhere/at all.mp4"))
        .args(["-f", "null", "-"])
        .run(&Cancel::new(), &mut |_| {})
        .unwrap_err();
    assert_eq!(fault.code, Code::MediaTool);
    assert!(fault.reason.unwrap().contains("No such file"));
}

#[test]
fn run_a_missing_tool_is_told_apart() {
    let mut call = Ffprobe::new("ask");
    call.plan.program = "ffprobe-that-is-not-there";
    assert_eq!(call.output(&Cancel::new(), 10).unwrap_err().code, Code::MediaToolMissing);
}

#[test]
fn run_a_full_disk_is_told_apart() {
    let call = Ffmpeg::new("fill").args(["-f", "lavfi", "-i", "sine=d=2", "-f", "wav"]).to(Path::new("/dev/full"));
    assert_eq!(call.run(&Cancel::new(), &mut |_| {}).unwrap_err().code, Code::DiskFull);
}

#[test]
fn run_output_is_bounded() {
    let call = Ffmpeg::new("flood").args(["-f", "lavfi", "-i", "testsrc2", "-f", "rawvideo", "pipe:1"]);
    assert_eq!(call.output(&Cancel::new(), 1 << 20).unwrap_err().code, Code::FileTooLarge);
}

#[test]
fn run_memory_is_bounded() {
    let call = Ffmpeg::new("eat").arg("-version").memory_limit(64 << 20);
    let fault = call.output(&Cancel::new(), 1 << 20).unwrap_err();
    assert!(fault.to_string().contains("failed to map"), "{fault}");
}

#[test]
fn run_cancel_ends_it_at_once_and_leaves_no_child() {
    let word = "rushes-test-cancel-91c2";
    let cancel = Cancel::new();
    let started = Instant::now();
    let fault = std::thread::scope(|scope| {
        scope.spawn(|| {
            while sample::processes(word).is_empty() {
                assert!(started.elapsed() < Duration::from_secs(10), "it never started");
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(Duration::from_millis(100));
            cancel.cancel();
        });
        let fault = endless(word).run(&cancel, &mut |_| {}).unwrap_err();
        assert!(cancel.is_cancelled());
        fault
    });
    assert_eq!(fault.code, Code::Cancelled);
    assert!(started.elapsed() < Duration::from_secs(11));
    assert!(sample::processes(word).is_empty());
    // And one that is cancelled already does not start at all.
    assert_eq!(endless(word).run(&cancel, &mut |_| {}).unwrap_err().code, Code::Cancelled);
}

#[test]
fn run_cancel_takes_less_than_a_second() {
    let cancel = Cancel::new();
    let begun = Instant::now();
    let fault = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            cancel.cancel();
        });
        endless("rushes-test-quick-7d10").run(&cancel, &mut |_| {}).unwrap_err()
    });
    assert_eq!(fault.code, Code::Cancelled);
    assert!(begun.elapsed() < Duration::from_millis(1300), "{:?}", begun.elapsed());
}

#[test]
fn run_time_limit_ends_it() {
    let fault = endless("rushes-test-time-5e3a").time_limit(Duration::from_millis(300)).run(&Cancel::new(), &mut |_| {}).unwrap_err();
    assert_eq!(fault.code, Code::TimeLimit);
    assert!(sample::processes("rushes-test-time-5e3a").is_empty());
}

#[test]
fn run_dropping_a_feed_kills_it() {
    let word = "rushes-test-drop-0b77";
    let text = format!("title={word}");
    let feed = Ffmpeg::new("wait")
        .args(["-f", "rawvideo", "-video_size", "64x64", "-i", "pipe:0", "-metadata", &text, "-f", "null", "-"])
        .feed(&Cancel::new())
        .unwrap();
    // While one wrapper becomes the next, there is no command line to see.
    let begun = Instant::now();
    let pids = loop {
        let pids = sample::processes(word);
        if !pids.is_empty() || begun.elapsed() > Duration::from_secs(10) {
            break pids;
        }
    };
    // Its own group, so that the whole of it can be killed.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pids[0])).unwrap();
    let group = stat.rsplit(')').next().unwrap().split_whitespace().nth(2).unwrap().to_owned();
    assert_eq!(group, pids[0].to_string());
    drop(feed);
    assert!(sample::processes(word).is_empty());
}

#[test]
fn run_cancel_ends_a_blocked_writer() {
    let cancel = Cancel::new();
    let mut feed = Ffmpeg::new("read slowly")
        .args(["-re", "-f", "rawvideo", "-video_size", "640x640", "-i", "pipe:0", "-f", "null", "-"])
        .feed(&cancel)
        .unwrap();
    let begun = Instant::now();
    let fault = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            cancel.cancel();
        });
        feed.push(&vec![0; 200 << 20]).unwrap_err()
    });
    assert_eq!(fault.code, Code::Cancelled);
    assert!(begun.elapsed() < Duration::from_millis(1500));
    assert_eq!(feed.push(&[0]).unwrap_err().code, Code::Cancelled);
}

#[test]
fn run_children_outlive_the_thread_that_asked_for_them() {
    // The parent-death signal follows the starting thread; this one ends at once.
    let feed = std::thread::spawn(|| {
        Ffmpeg::new("wait").args(["-f", "rawvideo", "-video_size", "64x64", "-i", "pipe:0", "-f", "null", "-"]).feed(&Cancel::new())
    });
    let mut feed = feed.join().unwrap().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    feed.push(&vec![0; 64 * 64 * 3 / 2]).unwrap();
    feed.finish().unwrap();
}

#[test]
fn run_encoder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let long = sample::make(folder.path(), "long.wav", &["sine=d=5:r=44100"], &[]);
    let short = sample::make(folder.path(), "short.wav", &["sine=d=1"], &[]);
    let mute = sample::make(folder.path(), "mute.mp4", &["testsrc2=s=64x64:d=1"], &[]);
    for (name, audio) in [("long", Some(&long)), ("short", Some(&short)), ("mute", Some(&mute)), ("none", None)] {
        let out = folder.path().join(format!("-{name} [100%].mp4"));
        encode(&out, 50, Quality::Draft, audio.map(|file| &**file));
        let text = sample::entries(
            &out,
            &[],
            "stream=codec_name,pix_fmt,width,height,r_frame_rate,avg_frame_rate,sample_rate,channels,color_space,color_range,color_transfer,color_primaries,nb_frames:format_tags",
        );
        for wanted in
            ["codec_name=h264", "pix_fmt=yuv420p", "width=64", "height=96", "r_frame_rate=30/1", "avg_frame_rate=30/1", "nb_frames=50"]
        {
            assert!(text.contains(wanted), "{name}: {wanted} in\n{text}");
        }
        for wanted in [
            "codec_name=aac",
            "sample_rate=48000",
            "channels=2",
            "color_space=bt709",
            "color_range=tv",
            "color_transfer=bt709",
            "color_primaries=bt709",
        ] {
            assert!(text.contains(wanted), "{name}: {wanted} in\n{text}");
        }
        assert!(!text.contains("encoder"), "{text}");
        let (picture, sound) = sample::decoded_lengths(&out, 30);
        assert!((picture - sound).abs() <= 0.033, "{name}: {picture} {sound}");
        let bytes = std::fs::read(&out).unwrap();
        let at = |word: &[u8]| bytes.windows(4).position(|found| found == word).unwrap();
        assert!(at(b"moov") < at(b"mdat"), "the index comes first");
        let is_loud = decode_mono(&out, 48_000, 10.0, &Cancel::new()).unwrap().iter().any(|sample| sample.abs() > 0.05);
        assert_eq!(is_loud, name == "long" || name == "short");
    }
}

#[test]
fn run_encoder_gives_equal_bytes_for_equal_frames() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a.mp4", "b.mp4", "c.mp4"].map(|name| folder.path().join(name));
    encode(&files[0], 40, Quality::Draft, None);
    std::thread::sleep(Duration::from_millis(1100));
    encode(&files[1], 40, Quality::Draft, None);
    encode(&files[2], 40, Quality::Final, None);
    let bytes = files.map(|file| std::fs::read(file).unwrap());
    assert!(bytes[0] == bytes[1], "no clock and no chance in it");
    assert!(bytes[0] != bytes[2], "the quality is heard");
}

#[test]
fn run_encoder_colours_come_back() {
    let folder = tempfile::tempdir().unwrap();
    for rgb in [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [180, 83, 9]] {
        let out = folder.path().join("colour.mp4");
        let mut encoder = FrameEncoder::start(&out, SPEC, 3, Quality::Draft, None, &Cancel::new()).unwrap();
        for _ in 0..3 {
            encoder.write_frame(&solid(SPEC, rgb)).unwrap();
        }
        encoder.finish().unwrap();
        let back = decode_rgba_frame(&out, Duration::from_millis(34), &Cancel::new()).unwrap();
        assert_eq!((back.width, back.height), (64, 96));
        for (wanted, found) in rgb.iter().zip(&back.rgba[4 * 1000..]) {
            assert!(wanted.abs_diff(*found) <= 4, "{rgb:?} came back as {:?}", &back.rgba[4000..4003]);
        }
    }
}

#[test]
fn run_encoder_refuses_what_it_cannot_keep() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.mp4");
    let start = |spec, frames| FrameEncoder::start(&out, spec, frames, Quality::Draft, None, &Cancel::new());
    assert_eq!(start(VideoSpec { width: 405, ..SPEC }, 3).err().unwrap().code, Code::InputInvalid);
    let mut encoder = start(SPEC, 1).unwrap();
    assert_eq!(encoder.write_frame(&[0; 12]).unwrap_err().code, Code::InputInvalid);
    assert_eq!(encoder.finish().unwrap_err().code, Code::InputInvalid, "a frame is missing");
    let mut encoder = start(SPEC, 1).unwrap();
    encoder.write_frame(&solid(SPEC, [0; 3])).unwrap();
    assert_eq!(encoder.write_frame(&solid(SPEC, [0; 3])).unwrap_err().code, Code::InputInvalid, "one too many");
}

#[test]
fn run_decodes_sound_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // Left 440 Hz, right silent.
    let file =
        sample::make(folder.path(), "left.wav", &["sine=f=440:r=48000:d=2,volume=4,pan=stereo|c0=c0|c1=0*c0"], &["-c:a", "pcm_s24le"]);
    let stereo = decode_stereo(&file, 48_000, 1.5, &Cancel::new()).unwrap();
    assert_eq!(stereo.len(), 72_000 * 2);
    let crossings = stereo.chunks(2).zip(stereo.chunks(2).skip(1)).filter(|(a, b)| a[0] <= 0.0 && b[0] > 0.0).count();
    assert!((659..=661).contains(&crossings), "{crossings}");
    assert!(stereo.chunks(2).all(|pair| pair[1] == 0.0));
    assert_eq!(decode_mono(&file, 22_050, 9.0, &Cancel::new()).unwrap().len(), 44_100);
    let mute = sample::make(folder.path(), "mute.mp4", &["testsrc2=s=64x64:d=1"], &[]);
    assert!(decode_mono(&mute, 48_000, 9.0, &Cancel::new()).unwrap().is_empty());
}

#[test]
fn run_decodes_gray_frames_upright_at_a_constant_rate() {
    let folder = tempfile::tempdir().unwrap();
    // Left half white, right half black, marked as turned by 90 degrees: seen upright, it is split top to bottom.
    let flat = sample::make(
        folder.path(),
        "flat.mp4",
        &["color=white:s=128x64:r=50:d=1,drawbox=x=64:w=64:h=64:t=fill:c=black"],
        &["-pix_fmt", "yuv420p"],
    );
    let turned = folder.path().join("turned.mp4");
    Ffmpeg::new("turn")
        .input(&flat)
        .args(["-c", "copy", "-metadata:s:v", "rotate=90"])
        .to(&turned)
        .run(&Cancel::new(), &mut |_| {})
        .unwrap();
    let mut rows = Vec::new();
    let count = decode_gray(&turned, (4, 8), 10, 60.0, &Cancel::new(), &mut |frame| {
        rows = frame.chunks(4).map(|row| row[0]).collect();
        Ok(ControlFlow::Continue(()))
    });
    assert_eq!(count.unwrap(), 10);
    let (top, bottom) = (rows[0], rows[7]);
    assert!(top.abs_diff(bottom) > 200, "{rows:?}");
    let whole = decode_rgba_frame(&turned, Duration::from_millis(500), &Cancel::new()).unwrap();
    assert_eq!((whole.width, whole.height), (64, 128));
    assert_eq!(whole.rgba[0] > 128, top > 128);
    let one = decode_gray(&flat, (4, 4), 10, 60.0, &Cancel::new(), &mut |_| Ok(ControlFlow::Break(())));
    assert_eq!(one.unwrap(), 1);
    assert_eq!(decode_rgba_frame(&flat, Duration::from_secs(9), &Cancel::new()).unwrap_err().code, Code::NoVideo);
}

#[test]
fn run_children_die_with_the_process_that_asked() {
    const WORD: &str = "rushes-test-orphan-a84e";
    if std::env::var_os(WORD).is_some() {
        // The second process: it is killed while this runs.
        endless(WORD).run(&Cancel::new(), &mut |_| {}).unwrap();
    }
    #[expect(clippy::disallowed_methods, reason = "this very test, as the process to be killed")]
    let mut second = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "run::tests::run_children_die_with_the_process_that_asked"])
        .env(WORD, "1")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let wait_until = |is_running: bool| {
        let begun = Instant::now();
        while sample::processes(WORD).is_empty() == is_running {
            assert!(begun.elapsed() < Duration::from_secs(10), "still not {is_running}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_until(true);
    second.kill().unwrap();
    second.wait().unwrap();
    wait_until(false);
}

#[test]
fn run_ends_a_stranger_that_stands_still_and_leaves_one_that_works() {
    let begun = Instant::now();
    // It waits for input that does not come, as one waits for ever that got no memory for a thread.
    let waiting = Ffmpeg::new("wait").on_a_stranger().args(["-f", "f32le", "-i", "pipe:0", "-f", "null", "-"]);
    let mut feed = waiting.feed(&Cancel::new()).unwrap();
    std::thread::sleep(STRANGER_STALL + Duration::from_secs(2));
    let fault = feed.push(&[0; 1 << 20]).unwrap_err();
    assert!(fault.reason.as_ref().is_some_and(|reason| reason.contains("stood still")), "{fault}");
    assert!(begun.elapsed() < STRANGER_STALL * 2);
    // Slow, but at work: in real time, a little every few milliseconds.
    let seconds = format!("anullsrc=d={}", STRANGER_STALL.as_secs() + 2);
    let slow = Ffmpeg::new("work").on_a_stranger().args(["-re", "-f", "lavfi", "-i", &seconds, "-f", "null", "-"]);
    slow.run(&Cancel::new(), &mut |_| {}).unwrap();
}
