//! Tests of posters, sheets, previews and waveforms.

use super::*;
use crate::inspect::inspect_file;
use crate::run::sample;
use crate::waveform::write_waveform;

fn twice(write: impl Fn(&Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["1 %d.x", "-2.x"].map(|name| {
        let out = folder.path().join(name);
        write(&out);
        std::fs::read(&out).unwrap()
    });
    assert!(first == second, "equal inputs give equal bytes");
    first
}

#[test]
fn stills_poster_is_neither_black_nor_blurred() {
    let folder = tempfile::tempdir().unwrap();
    // 4 s of black, 2 s of sharp picture, 2 s of the same blurred, 1 s of white.
    let sharp = "testsrc2=s=180x320:r=10:d=2,drawbox=x=0:y=0:w=180:h=40:c=red:t=fill";
    let graph = format!(
        "color=black:s=180x320:r=10:d=4[a];{sharp},split[b][c0];[c0]gblur=sigma=12[c];color=white:s=180x320:r=10:d=1[d];[a][b][c][d]concat=n=4"
    );
    let video = sample::make(folder.path(), "v.mp4", &[&graph], &["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    let bytes = twice(|out| write_poster(&video, out, &Cancel::new()).unwrap());
    let poster = image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg).unwrap().into_rgb8();
    assert_eq!(poster.dimensions(), (180, 320));
    // The sharp part has a hard edge below its red bar; blurred, there is none.
    let [above, below] = [36, 44].map(|y| poster.get_pixel(90, y).0);
    assert!(above[0] > 200 && above[1] < 80, "{above:?}");
    assert!(above.iter().zip(below).any(|(a, b)| a.abs_diff(b) > 60), "{above:?} {below:?}");
}

/// A dancer (a box of lit windows) that is still but for what `way` says, on a dim grid; 6 s.
fn dancer(way: &str) -> String {
    let x = format!("(X-90-({way}))");
    format!(
        "color=gray:s=180x320:r=30:d=6,format=yuv420p,geq=lum='if(lt(abs({x}),26)*lt(abs(Y-170),90),if(gt(mod(X+Y,12),6),210,120),if(gt(mod(X+2*Y,40),36),70,50))':cb=128:cr=128"
    )
}

#[test]
fn stills_poster_is_the_pose_held_after_a_hit() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // It swings all the time, stops at 3.14 s in full swing, stays for 0.7 s, and swings on. While it swings it is no less sharp.
    let swing = dancer("30*sin(11*(T-clip(T-3.1416,0,0.7)))");
    let video = sample::make(folder.path(), "hold.mp4", &[&swing], &["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18"]);
    let found = moment::best_moment(&video, 6.0, &Cancel::new()).unwrap().as_secs_f64();
    assert!((3.13..=3.85).contains(&found), "{found}");
    write_poster(&video, &at("p.jpg"), &Cancel::new()).unwrap();

    // Still, but off to the side at first and at last, and in the middle from 2 to 4 s.
    let aside = dancer("if(between(T,2,4),0,55)");
    let video = sample::make(folder.path(), "aside.mp4", &[&aside], &["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18"]);
    let found = moment::best_moment(&video, 6.0, &Cancel::new()).unwrap().as_secs_f64();
    assert!((2.0..=4.0).contains(&found), "{found}");
}

#[test]
fn stills_poster_is_not_taken_from_a_transition() {
    let folder = tempfile::tempdir().unwrap();
    let source = |name: &str, place: i32| {
        let moving = dancer(&format!("{place}+14*sin(8*T)"));
        sample::make(folder.path(), name, &[&moving], &["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18"])
    };
    let sources = vec![source("a.mp4", -20), source("b.mp4", 20)];
    // A cut each half second, each with something around it: little is left between.
    let kinds = [Transition::Whip, Transition::Flash, Transition::Dip, Transition::Punch];
    let segments =
        (0..8).map(|index| Segment { source: index % 2, start_frame: 18 * index as u64, frames: 18, transition: kinds[index % 4] });
    let list = EditList { sources, segments: segments.collect(), spec: VideoSpec { width: 180, height: 320, fps: 30 } };
    let video = folder.path().join("cut.mp4");
    let output = Output { file: video.clone(), picture: Picture::Clean, sound: Sound::NoTrack };
    render(&list, &[output], None, Quality::Draft, &Cancel::new(), &mut |_| {}).unwrap();
    let found = moment::best_moment(&video, 4.8, &Cancel::new()).unwrap().as_secs_f64();
    let in_shot = (found * 30.0).round() as u64 % 18;
    assert!((6..=14).contains(&in_shot), "{found} s is frame {in_shot} of 18 of its shot");
}

#[test]
fn stills_contact_sheet_shows_the_video_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let source = "color=black:s=96x64:r=10:d=9,format=yuv420p,geq=lum=20+23*floor(N/10):cb=128:cr=128";
    let video = sample::make(folder.path(), "v.mp4", &[source], &["-c:v", "libx264"]);
    let bytes = twice(|out| write_contact_sheet(&video, out, &Cancel::new()).unwrap());
    let sheet = image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg).unwrap().into_luma8();
    assert_eq!(sheet.dimensions(), (940, 640));
    let seen: Vec<u8> = (0..9).map(|place| sheet.get_pixel(160 + place % 3 * 310, 110 + place / 3 * 210).0[0]).collect();
    assert!(seen.windows(2).all(|pair| pair[0] + 15 < pair[1]), "{seen:?}");
    let short = sample::make(folder.path(), "s.mp4", &["testsrc2=s=96x64:r=10:d=0.2"], &["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    write_contact_sheet(&short, &folder.path().join("s.jpg"), &Cancel::new()).unwrap();
    write_poster(&short, &folder.path().join("p.jpg"), &Cancel::new()).unwrap();
}

#[test]
fn stills_preview_is_short_small_and_mute() {
    let folder = tempfile::tempdir().unwrap();
    let (long, out) = (
        sample::make(
            folder.path(),
            "v.mp4",
            &["testsrc=s=405x719:r=60:d=6", "sine=d=6"],
            &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"],
        ),
        folder.path().join("preview.mp4"),
    );
    write_preview(&long, &out, &Cancel::new()).unwrap();
    let info = inspect_file(&out, &Cancel::new()).unwrap();
    assert_eq!(
        (info.width, info.height, info.duration_ms, info.fps, info.has_audio),
        (Some(360), Some(638), Some(2400), Some(30.0), false)
    );
    let short = sample::video(folder.path(), "s.mp4", "720x1280", 25, 1.0);
    write_preview(&short, &out, &Cancel::new()).unwrap();
    let info = inspect_file(&out, &Cancel::new()).unwrap();
    assert_eq!((info.height, info.duration_ms, info.fps), (Some(640), Some(1000), Some(25.0)));
}

#[test]
fn stills_made_together_are_those_made_alone() {
    let folder = tempfile::tempdir().unwrap();
    // The light tells when it is: each second lighter by 23.
    let source = "color=black:s=96x64:r=30:d=9,format=yuv420p,geq=lum=20+23*floor(T)+20*lt(mod(X+2*N\\,30)\\,15):cb=128:cr=128";
    let film = sample::make(folder.path(), "v.mp4", &[source, "sine=d=9"], &["-c:v", "libx264", "-crf", "10"]);
    let short = sample::video(folder.path(), "s.mp4", "90x160", 25, 0.5);
    for (name, film) in [("long", &film), ("short", &short)] {
        let at = |kind: &str| folder.path().join(format!("{name} %d.{kind}"));
        let all = Companions { poster: at("poster.jpg"), sheet: at("sheet.jpg"), preview: at("preview.mp4") };
        all.write(film, &Cancel::new()).unwrap();
        let alone = folder.path().join("alone");
        write_poster(film, &alone, &Cancel::new()).unwrap();
        assert!(std::fs::read(&alone).unwrap() == std::fs::read(&all.poster).unwrap(), "{name}: one poster");
        write_preview(film, &alone, &Cancel::new()).unwrap();
        let shown = |file: &Path| {
            let mut shown = Vec::new();
            let each = &mut |frame: &[u8]| {
                shown.push(frame[0]);
                Ok(std::ops::ControlFlow::Continue(()))
            };
            crate::run::decode::decode_gray(file, (1, 1), 30, 9.0, &Cancel::new(), each).unwrap();
            shown
        };
        let (one, other) = (shown(&alone), shown(&all.preview));
        assert_eq!(one.len(), other.len(), "{name}");
        assert!(one.iter().zip(&other).all(|(a, b)| a.abs_diff(*b) <= 2), "{name}: one preview: {one:?} {other:?}");
        write_contact_sheet(film, &alone, &Cancel::new()).unwrap();
        let light = |file: &Path| {
            let sheet = image::load_from_memory(&std::fs::read(file).unwrap()).unwrap().into_luma8();
            let (wide, tall) = ((sheet.width() - 10) / 3, (sheet.height() - 10) / 3);
            let mean = |place: u32| {
                let (left, top) = (10 + place % 3 * wide, 10 + place / 3 * tall);
                let all = (0..tall - 10).flat_map(|y| (0..wide - 10).map(move |x| (left + x, top + y)));
                all.map(|(x, y)| u64::from(sheet.get_pixel(x, y).0[0])).sum::<u64>() / u64::from((wide - 10) * (tall - 10))
            };
            (0..9).map(mean).collect::<Vec<u64>>()
        };
        let (one, other) = (light(&alone), light(&all.sheet));
        assert!(one.iter().zip(&other).all(|(a, b)| a.abs_diff(*b) <= 4), "{name}: one sheet: {one:?} {other:?}");
        assert!(!all.sheet.with_extension("moments").exists());
    }
}

#[test]
fn stills_of_sound_alone_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, out) = (sample::make(folder.path(), "a.wav", &["sine=d=1"], &[]), folder.path().join("x"));
    let all = Companions { poster: out.clone(), sheet: out.clone(), preview: out.clone() };
    for refused in [
        all.write(&sound, &Cancel::new()),
        write_poster(&sound, &out, &Cancel::new()),
        write_contact_sheet(&sound, &out, &Cancel::new()),
        write_preview(&sound, &out, &Cancel::new()),
    ] {
        assert_eq!(refused.unwrap_err().code, Code::NoVideo);
    }
}

#[test]
fn stills_waveform_is_high_where_it_is_loud() {
    let folder = tempfile::tempdir().unwrap();
    let sound = sample::make(folder.path(), "a.wav", &["sine=d=4,volume='if(lt(t,2),0.1,4)':eval=frame"], &[]);
    let bytes = twice(|out| assert!(write_waveform(&sound, out, &Cancel::new()).unwrap()));
    let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (1200, 240));
    let amber = |columns: std::ops::Range<u32>| {
        columns.flat_map(|x| (0..240).map(move |y| (x, y))).filter(|(x, y)| picture.get_pixel(*x, *y).0 == [0xb4, 0x53, 0x09]).count()
    };
    let (soft, loud) = (amber(100..400), amber(800..1100));
    assert!(soft > 300 && loud > soft * 5, "{soft} {loud}");
    assert_eq!(picture.get_pixel(0, 0).0, [0xfa, 0xf9, 0xf7]);
    let mute = sample::make(folder.path(), "mute.mp4", &["testsrc2=s=64x64:d=1"], &[]);
    assert!(!write_waveform(&mute, &folder.path().join("none.png"), &Cancel::new()).unwrap());
    assert!(!folder.path().join("none.png").exists());
}

#[test]
fn stills_of_long_videos_are_read_at_keyframes() {
    let folder = tempfile::tempdir().unwrap();
    let source = "color=black:s=48x32:r=5:d=180,format=yuv420p,geq=lum=20+23*floor(N/100):cb=128:cr=128";
    let video = sample::make(folder.path(), "v.mp4", &[source], &["-c:v", "libx264", "-preset", "ultrafast", "-g", "20"]);
    let out = folder.path().join("sheet.jpg");
    write_contact_sheet(&video, &out, &Cancel::new()).unwrap();
    let sheet = image::load_from_memory(&std::fs::read(&out).unwrap()).unwrap().into_luma8();
    let seen: Vec<u8> = (0..9).map(|place| sheet.get_pixel(160 + place % 3 * 310, 110 + place / 3 * 210).0[0]).collect();
    assert!(seen.windows(2).all(|pair| pair[0] + 15 < pair[1]), "{seen:?}");
}
