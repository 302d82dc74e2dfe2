//! Tests of the edit plan: frame-exact cuts, equal packets, stickers in their boxes.

use super::*;
use crate::run::decode::{decode_gray, decode_mono, decode_rgba_frame};
use crate::run::sample;
use std::ops::ControlFlow;

const SPEC: VideoSpec = VideoSpec { width: 64, height: 96, fps: 30 };

/// Frame N shows N in eight black or white columns, so that no encoder can blur it.
fn counted(folder: &Path, name: &str, fps: u32, frames: u32) -> PathBuf {
    let source = format!(
        "color=black:s=64x96:r={fps},format=yuv420p,trim=end_frame={frames},geq=lum='if(bitand(N\\,pow(2\\,floor(X/8)))\\,220\\,30)':cb=128:cr=128"
    );
    sample::make(folder, name, &[&source], &["-c:v", "libx264", "-preset", "ultrafast", "-crf", "4", "-g", "250"])
}

/// The frame numbers a video made of counted sources shows.
fn shown(file: &Path) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut read = |frame: &[u8]| {
        numbers.push((0..8).map(|bit| u64::from(frame[bit] > 128) << bit).sum());
        Ok(ControlFlow::Continue(()))
    };
    decode_gray(file, (8, 1), 30, 60.0, &Cancel::new(), &mut read).unwrap();
    numbers
}

fn list(sources: &[&PathBuf], segments: &[(usize, u64, u64)], spec: VideoSpec) -> EditList {
    let segments = segments
        .iter()
        .map(|&(source, start_frame, frames)| Segment { source, start_frame, frames, transition: Transition::Cut })
        .collect();
    EditList { sources: sources.iter().map(|path| (*path).clone()).collect(), segments, spec }
}

fn silent(file: &Path) -> Vec<Output> {
    vec![Output { file: file.to_owned(), picture: Picture::Clean, sound: Sound::Silence }]
}

fn render_silent(edit: &EditList, file: &Path) -> Result<Vec<PathBuf>, Fault> {
    render(edit, &silent(file), None, Quality::Draft, &Cancel::new(), &mut |_| {})
}

/// A source's frame shown at output frame `at`: the last one whose time rounds to it or earlier.
fn at_rate(fps: u64, at: u64) -> u64 {
    (0..=100).rev().find(|index| (index * 30 * 2 + fps) / (2 * fps) <= at).unwrap()
}

#[test]
fn edit_cuts_are_frame_exact_at_every_rate() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.mp4");
    let rates = [24, 30, 50, 60];
    let sources: Vec<_> = rates.iter().map(|fps| counted(folder.path(), &format!("{fps}.mp4"), *fps, 100)).collect();
    let segments = [(1, 10, 5), (0, 0, 4), (2, 31, 6), (3, 7, 3), (1, 93, 7), (1, 0, 1), (0, 60, 8), (3, 40, 9)];
    let edit = list(&sources.iter().collect::<Vec<_>>(), &segments, SPEC);
    render_silent(&edit, &out).unwrap();
    let wanted: Vec<u64> = segments
        .iter()
        .flat_map(|&(source, start, frames)| (start..start + frames).map(move |at| at_rate(u64::from(rates[source]), at)))
        .collect();
    assert_eq!(shown(&out), wanted);
    let (picture, sound) = sample::decoded_lengths(&out, 30);
    assert!((picture - 43.0 / 30.0).abs() < 1e-9 && (picture - sound).abs() <= 0.033, "{picture} {sound}");
}

#[test]
fn edit_shows_what_irregular_sources_show() {
    let folder = tempfile::tempdir().unwrap();
    let (even, out) = (counted(folder.path(), "even.mp4", 30, 90), folder.path().join("out.mp4"));
    // Two of three frames are missing, their times stay: each kept frame lasts three.
    let vfr = folder.path().join("vfr.mkv");
    let drop = ["-vf", "select=not(mod(n\\,3))", "-fps_mode", "vfr", "-c:v", "libx264", "-crf", "4"];
    Ffmpeg::new("thin").input(&even).args(drop).to(&vfr).run(&Cancel::new(), &mut |_| {}).unwrap();
    render_silent(&list(&[&vfr], &[(0, 4, 7), (0, 50, 4)], SPEC), &out).unwrap();
    assert_eq!(shown(&out), [3, 3, 6, 6, 6, 9, 9, 48, 51, 51, 51]);
}

#[test]
fn edit_transitions_keep_every_frame_and_change_source_on_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let colour = |name: &str, colour: &str| {
        let picture = format!("color={colour}:s=180x320:r=30:d=3,drawgrid=w=30:h=30:c=white@0.4");
        sample::make(at, name, &[&picture], &["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "12"])
    };
    let sources = [colour("a.mp4", "0xb03030"), colour("b.mp4", "0x3030b0")];
    let spec = VideoSpec { width: 180, height: 320, fps: 30 };
    // The last two segments are shorter than what their transitions touch.
    let lengths: [(u64, Transition); 8] = [
        (20, Transition::Cut),
        (15, Transition::Punch),
        (17, Transition::Whip),
        (14, Transition::Flash),
        (12, Transition::Cut),
        (16, Transition::Dip),
        (4, Transition::Whip),
        (1, Transition::Dip),
    ];
    let mut edit = list(&[&sources[0], &sources[1]], &[(0, 0, 1)], spec);
    let segment = |(index, (frames, transition)): (usize, &(u64, Transition))| Segment {
        source: index % 2,
        start_frame: 3,
        frames: *frames,
        transition: *transition,
    };
    edit.segments = lengths.iter().enumerate().map(segment).collect();
    let (with, without) = (at.join("with.mp4"), at.join("without.mp4"));
    render_silent(&edit, &with).unwrap();
    edit.segments.iter_mut().for_each(|segment| segment.transition = Transition::Cut);
    render_silent(&edit, &without).unwrap();
    let frames = |file: &Path| {
        let mut frames = Vec::new();
        let call = Ffmpeg::new("look").input(file).args(["-vf", "scale=90:160,format=rgb24", "-f", "rawvideo", "pipe:1"]);
        let each = &mut |frame: &[u8]| {
            frames.push(frame.to_vec());
            Ok(ControlFlow::Continue(()))
        };
        call.stream(&Cancel::new(), 90 * 160 * 3, each).unwrap();
        frames
    };
    let (with, without) = (frames(&with), frames(&without));
    let wanted: Vec<bool> = lengths.iter().enumerate().flat_map(|(index, (frames, _))| vec![index % 2 == 0; *frames as usize]).collect();
    for made in [&with, &without] {
        let reds = made.iter().map(|frame| frame.chunks(3).map(|p| i64::from(p[0]) - i64::from(p[2])).sum::<i64>() > 0);
        assert_eq!(reds.collect::<Vec<_>>(), wanted, "each frame shows the source the list says");
    }
    let change = |at: usize| with[at].iter().zip(&without[at]).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / (90.0 * 160.0 * 3.0);
    // Segments begin at 20 (punch), 35 (whip), 52 (flash), 66, 78 (dip), 94 (whip) and 98 (dip).
    for at in [0, 10, 19, 28, 45, 51, 57, 65, 66, 70, 74, 86, 90] {
        assert!(change(at) < 2.0, "frame {at} differs by {:.1}", change(at));
    }
    for at in [20, 34, 35, 52, 77, 78, 93, 94, 97, 98] {
        assert!(change(at) > 3.0, "frame {at} differs by {:.1}", change(at));
    }
    let light = |at: usize| with[at].iter().map(|v| f64::from(*v)).sum::<f64>() / without[at].iter().map(|v| f64::from(*v)).sum::<f64>();
    assert!(light(77) < 0.4 && light(78) > 0.9, "dark before a dip's cut, light on it: {:.2} {:.2}", light(77), light(78));
    assert!(light(52) > 1.2, "a flash is bright: {:.2}", light(52));
}

#[test]
fn edit_lists_kept_before_there_were_transitions_still_parse() {
    let old = r#"{"source":1,"start_frame":4,"frames":9}"#;
    let segment: Segment = serde_json::from_str(old).unwrap();
    assert_eq!(segment, Segment { source: 1, start_frame: 4, frames: 9, transition: Transition::Cut });
    assert_eq!(serde_json::to_string(&segment).unwrap(), old, "and a plain cut is written as before");
    let new = Segment { transition: Transition::Whip, ..segment };
    assert_eq!(serde_json::from_str::<Segment>(&serde_json::to_string(&new).unwrap()).unwrap(), new);
}

/// Opaque in the middle, transparent at the rim.
fn sticker(folder: &Path, name: &str, width: u32, height: u32, rgb: [u8; 3]) -> PathBuf {
    let file = folder.join(name);
    let is_rim = |x, y| x < 3 || y < 3 || x + 3 >= width || y + 3 >= height;
    let pixel = |x, y| image::Rgba([rgb[0], rgb[1], rgb[2], if is_rim(x, y) { 0 } else { 255 }]);
    image::RgbaImage::from_fn(width, height, pixel).save_with_format(&file, image::ImageFormat::Png).unwrap();
    file
}

fn tone(folder: &Path, name: &str, hz: u32, seconds: f64) -> PathBuf {
    sample::make(folder, name, &[&format!("sine=f={hz}:r=48000:d={seconds},volume=4")], &["-ac", "2"])
}

fn crossings(file: &Path) -> usize {
    let sound = decode_mono(file, 48_000, 0.9, &Cancel::new()).unwrap();
    sound.windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count()
}

struct Remix {
    folder: tempfile::TempDir,
    wanted: Deliverables,
    edit: EditList,
}

/// A 200×360 edit of two sources; every name is as awkward as names get.
fn remix() -> Remix {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sources = [sample::video(at, "-a [1] 100%.mp4", "200x360", 30, 2.0), sample::video(at, "b:c 'x'|y.mp4", "200x360", 25, 2.0)];
    let spec = VideoSpec { width: 200, height: 360, fps: 30 };
    let edit = list(&[&sources[0], &sources[1]], &[(0, 10, 12), (1, 20, 15), (0, 40, 18)], spec);
    let wanted = Deliverables {
        remix: Some(at.join("REMIX_x.mp4")),
        scored: Some(at.join("REMIX_x scored.mp4")),
        watermarked: Some(at.join("it's|marked\\.mp4")),
        kpop: Some(at.join("[kpop_soundtrack]_REMIX_x %d.mp4")),
        orig: Some(at.join("[orig_soundtrack]_REMIX_x:1.mp4")),
        original_sound: Some(tone(at, "orig.wav", 500, 1.5)),
        music: Some(tone(at, "music,1.flac", 1000, 1.5)),
        stickers: Some(Stickers {
            icon: sticker(at, "icon %d.png", 90, 90, [255, 40, 40]),
            name: sticker(at, "name.png", 161, 60, [40, 80, 255]),
        }),
    };
    Remix { folder, wanted, edit }
}

#[test]
fn edit_versions_share_their_picture_and_keep_the_contract() {
    let Remix { folder: _kept, wanted, edit } = remix();
    let mut last = Duration::ZERO;
    let files = wanted.render(&edit, Quality::Draft, &Cancel::new(), &mut |time| last = time).unwrap();
    assert!(last.as_millis() >= 1400, "{last:?}");
    assert_eq!(files.len(), 5);
    let pictures: Vec<_> = files.iter().map(|file| sample::packets_md5(file, "0:v")).collect();
    assert_eq!(pictures[0], pictures[1]);
    assert_eq!(pictures[2], pictures[3]);
    assert_eq!(pictures[3], pictures[4]);
    assert_ne!(pictures[0], pictures[2]);
    for (file, hz) in files.iter().zip([500, 1000, 1000, 1000, 500]) {
        let found = crossings(file) as f64 / 0.9;
        assert!((found - f64::from(hz)).abs() < 8.0, "{}: {found} Hz", file.display());
        let text = sample::entries(
            file,
            &[],
            "stream=codec_name,pix_fmt,width,height,avg_frame_rate,nb_frames,sample_rate,channels,color_space:format_tags",
        );
        for word in [
            "codec_name=h264",
            "yuv420p",
            "width=200",
            "height=360",
            "=30/1",
            "nb_frames=45",
            "codec_name=aac",
            "sample_rate=48000",
            "channels=2",
            "color_space=bt709",
        ] {
            assert!(text.contains(word), "{}: {word} in\n{text}", file.display());
        }
        assert!(!text.contains("encoder"), "{text}");
        let (picture, sound) = sample::decoded_lengths(file, 30);
        assert!((picture - 1.5).abs() < 1e-9 && (picture - sound).abs() <= 0.033, "{picture} {sound}");
        let bytes = std::fs::read(file).unwrap();
        let at = |word: &[u8]| bytes.windows(4).position(|found| found == word).unwrap();
        assert!(at(b"moov") < at(b"mdat"), "the index comes first");
    }
    let before: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    wanted.render(&edit, Quality::Draft, &Cancel::new(), &mut |_| {}).unwrap();
    for (file, before) in files.iter().zip(before) {
        assert!(std::fs::read(file).unwrap() == before, "equal inputs give equal bytes: {}", file.display());
    }
}

/// Peak signal to noise of two pictures in decibels, over the pixels `counts` says.
fn psnr(a: &[u8], b: &[u8], width: u32, counts: impl Fn(u32, u32) -> bool) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (index, (a, b)) in a.chunks(4).zip(b.chunks(4)).enumerate() {
        if counts(index as u32 % width, index as u32 / width) {
            sum += a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>();
            count += 3.0;
        }
    }
    10.0 * (255.0 * 255.0 / (sum / count).max(1e-9)).log10()
}

#[test]
fn edit_marks_only_within_the_stickers_boxes() {
    let Remix { folder, wanted, mut edit } = remix();
    // As soft as filmed pictures are: on hard drawn edges the two encodings' own noise would be what is measured.
    let soft = ["-f", "mp4", "-vf", "scale=360:640,gblur=sigma=4", "-c:v", "libx264", "-crf", "10"];
    for source in &mut edit.sources {
        let to = folder.path().join(format!("soft {}.mp4", source.file_stem().unwrap().display()));
        Ffmpeg::new("soften").input(source).args(soft).to(&to).run(&Cancel::new(), &mut |_| {}).unwrap();
        *source = to;
    }
    edit.spec = VideoSpec { width: 360, height: 640, fps: 30 };
    let wanted = Deliverables { scored: None, kpop: None, orig: None, ..wanted };
    let files = wanted.render(&edit, Quality::Draft, &Cancel::new(), &mut |_| {}).unwrap();
    assert_eq!(files.len(), 2);
    let [clean, marked] = [0, 1].map(|index| decode_rgba_frame(&files[index], Duration::from_millis(700), &Cancel::new()).unwrap());
    // 36 % of 360 is 130 (square), 40 % is 144 (161:60, so 54 high), 20 px from the edges.
    let in_icon = |x, y| (20..150).contains(&x) && (490..620).contains(&y);
    let in_name = |x, y| (196..340).contains(&x) && (20..74).contains(&y);
    let outside = psnr(&clean.rgba, &marked.rgba, 360, |x, y| !in_icon(x, y) && !in_name(x, y));
    assert!(outside >= 40.0, "outside: {outside:.1} dB");
    assert!(psnr(&clean.rgba, &marked.rgba, 360, in_icon) < 20.0);
    assert!(psnr(&clean.rgba, &marked.rgba, 360, in_name) < 20.0);
    for (x, y, rgb) in [(85, 555, [255, 40, 40]), (268, 47, [40, 80, 255])] {
        let found = &marked.rgba[(y * 360 + x) * 4..][..3];
        assert!(found.iter().zip(rgb).all(|(a, b): (&u8, u8)| a.abs_diff(b) <= 10), "{found:?} for {rgb:?}");
    }
}

#[test]
fn edit_options_leave_things_out() {
    let Remix { folder: _kept, wanted, edit } = remix();
    let plain = Deliverables { stickers: None, watermarked: None, ..wanted.clone() };
    let files = plain.render(&edit, Quality::Draft, &Cancel::new(), &mut |_| {}).unwrap();
    let pictures: Vec<_> = files.iter().map(|file| sample::packets_md5(file, "0:v")).collect();
    assert_eq!(pictures.len(), 4);
    assert!(pictures.iter().all(|picture| *picture == pictures[0]), "without stickers there is one picture");
    let only = Deliverables { watermarked: wanted.watermarked.clone(), stickers: wanted.stickers.clone(), ..Deliverables::default() };
    let files = only.render(&edit, Quality::Draft, &Cancel::new(), &mut |_| {}).unwrap();
    assert!(decode_mono(&files[0], 48_000, 9.0, &Cancel::new()).unwrap().iter().all(|sample| sample.abs() < 0.001), "silence");
    let lacking = |wanted: Deliverables| wanted.outputs().unwrap_err().code;
    assert_eq!(lacking(Deliverables { music: None, ..wanted.clone() }), Code::InputInvalid);
    assert_eq!(lacking(Deliverables { stickers: None, ..wanted }), Code::InputInvalid);
    assert!(Deliverables::default().render(&edit, Quality::Draft, &Cancel::new(), &mut |_| {}).unwrap().is_empty());
}

#[test]
fn edit_takes_sources_of_any_shape() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let odd =
        sample::make(at, "odd.mp4", &["testsrc=s=405x719:r=24:d=1"], &["-c:v", "libx264", "-pix_fmt", "yuv444p", "-preset", "ultrafast"]);
    let wide = sample::make(at, "wide.mp4", &["color=white:s=320x180:r=30:d=1"], &["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    let turned = at.join("turned.mp4");
    Ffmpeg::new("turn")
        .input(&wide)
        .args(["-c", "copy", "-metadata:s:v", "rotate=90"])
        .to(&turned)
        .run(&Cancel::new(), &mut |_| {})
        .unwrap();
    let ten =
        ["-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"];
    let hdr = sample::make(at, "hdr.mp4", &["testsrc2=s=180x320:r=60:d=1"], &ten);
    let (out, spec) = (at.join("out.mp4"), VideoSpec { width: 180, height: 320, fps: 30 });
    let edit = list(&[&odd, &wide, &turned, &hdr], &[(0, 5, 10), (1, 5, 10), (2, 5, 10), (3, 5, 10)], spec);
    render_silent(&edit, &out).unwrap();
    let frame = |at_frame: u64| decode_rgba_frame(&out, Duration::from_secs_f64((at_frame as f64 + 0.1) / 30.0), &Cancel::new()).unwrap();
    let light = |pixels: &crate::run::decode::Pixels, x: usize, y: usize| pixels.rgba[(y * 180 + x) * 4];
    let (wide, turned) = (frame(15), frame(25));
    assert!(light(&wide, 90, 160) > 240 && light(&wide, 90, 60) < 16 && light(&wide, 90, 260) < 16, "bars above and below");
    assert!(light(&turned, 3, 3) > 240 && light(&turned, 176, 316) > 240, "upright, it fills the picture");
    assert_eq!(sample::decoded_lengths(&out, 30).0, 40.0 / 30.0);
}

#[test]
fn edit_opens_many_segments_within_its_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (source, out) = (counted(folder.path(), "a.mp4", 30, 100), folder.path().join("out.mp4"));
    let segments: Vec<_> = (0..60).map(|index| (0, (index * 37) % 95, 2)).collect();
    render_silent(&list(&[&source], &segments, SPEC), &out).unwrap();
    let wanted: Vec<u64> = segments.iter().flat_map(|&(_, start, frames)| start..start + frames).collect();
    assert_eq!(shown(&out), wanted);
}

#[test]
fn edit_refuses_what_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let (source, out) = (counted(folder.path(), "a.mp4", 30, 60), folder.path().join("out.mp4"));
    let sound = tone(folder.path(), "a.wav", 400, 1.0);
    let code = |edit: EditList| render_silent(&edit, &out).unwrap_err().code;
    assert_eq!(code(list(&[&source], &[(0, 55, 10)], SPEC)), Code::InputInvalid);
    assert_eq!(code(list(&[&source], &[(0, 0, 0)], SPEC)), Code::InputInvalid);
    assert_eq!(code(list(&[&source], &[(1, 0, 5)], SPEC)), Code::InputInvalid);
    assert_eq!(code(list(&[&source], &[], SPEC)), Code::InputInvalid);
    assert_eq!(code(list(&[&source], &[(0, 0, 5)], VideoSpec { width: 63, ..SPEC })), Code::InputInvalid);
    assert_eq!(code(list(&[&sound], &[(0, 0, 5)], SPEC)), Code::NoVideo);
    assert_eq!(code(list(&[&folder.path().join("none.mp4")], &[(0, 0, 5)], SPEC)), Code::FileMissing);
    let cancel = Cancel::new();
    cancel.cancel();
    let edit = list(&[&source], &[(0, 0, 5)], SPEC);
    let fault = render(&edit, &silent(&out), None, Quality::Draft, &cancel, &mut |_| {}).unwrap_err();
    assert_eq!(fault.code, Code::Cancelled);
}
