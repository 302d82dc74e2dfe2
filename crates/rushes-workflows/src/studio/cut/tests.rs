//! Tests of the plan: by arithmetic, and on a finished film whose beats and strongest moment are known.

use super::*;
use rushes_core::Cancel;
use rushes_media::edit::{Output, Picture, Sound, render};
use rushes_media::music::{Score, Styles, compose, write_wav};
use rushes_media::run::Ffmpeg;
use rushes_media::run::encode::Quality;
use rushes_media::score::{self, Cue};

#[test]
fn cut_bounds_lie_on_beats_and_cover_the_film() {
    let grid = BeatGrid::none().or_steady(120.0, 0.1, 10.0);
    let bounds = bounds(&grid, 300, 30);
    assert_eq!((bounds[0], bounds[bounds.len() - 1]), (0, 300));
    for frame in &bounds[1..bounds.len() - 1] {
        let at_s = f64::from(u32::try_from(*frame).unwrap()) / 30.0;
        let beat_s = grid.nearest_beat(at_s).unwrap();
        assert!((at_s - beat_s).abs() <= 0.5 / 30.0 + 1e-9, "{at_s} is no beat, {beat_s} is");
    }
    assert!(bounds.windows(2).all(|pair| pair[1] - pair[0] >= 15), "{bounds:?}");
}

/// Loud from beginning to end, from a tenth of a second on.
fn loud(bpm: f64, length_s: f64) -> BeatGrid {
    BeatGrid { level: vec![0.9; 400], onset_rate: 10.0, ..BeatGrid::none().or_steady(bpm, 0.1, length_s) }
}

#[test]
fn cut_shots_last_long_enough_at_every_frame_rate() {
    let seconds = |frames: u64, fps: u32| frames as f64 / f64::from(fps);
    for fps in 1..=120 {
        let least = shortest(fps);
        assert!(seconds(least, fps) >= 0.5 && (least == 1 || seconds(least - 1, fps) < 0.5), "{least} frames at {fps} fps");
    }
    for (bpm, fps) in [(96.0, 24), (152.0, 25), (220.0, 24), (220.0, 4), (240.0, 30), (240.0, 25), (300.0, 24), (300.0, 4)] {
        let (grid, frames) = (loud(bpm, 20.0), u64::from(fps) * 20);
        let bounds = bounds(&grid, frames, fps);
        let lasts = |bounds: &[u64]| bounds.windows(2).map(|pair| seconds(pair[1] - pair[0], fps)).fold(f64::INFINITY, f64::min);
        assert!(lasts(&bounds) >= 0.5, "{bpm} bpm at {fps} fps: {bounds:?}");
        let before = shots(&bounds, 3, 7);
        for drop in 0..frames {
            let after = cut_at_drop(&before, drop, fps, 3);
            let starts: Vec<u64> = after.iter().map(|shot| shot.start_frame).chain([frames]).collect();
            assert!(lasts(&starts) >= 0.5, "{bpm} bpm at {fps} fps, the drop at {drop}: {starts:?}");
            let has_room = seconds(drop, fps) >= 0.5 && seconds(frames - drop, fps) >= 0.5;
            assert!(starts.contains(&drop) || !has_room, "no shot begins at the drop, {drop}: {starts:?}");
            assert_eq!(after.iter().map(|shot| shot.frames).sum::<u64>(), frames);
        }
    }
}

#[test]
fn cut_bounds_of_loud_bars_lie_on_first_and_third_beats() {
    for (bpm, fps, every) in [(150.0, 24, 2), (220.0, 24, 2), (220.0, 4, 2), (300.0, 24, 4)] {
        let (grid, frames) = (loud(bpm, 20.0), u64::from(fps) * 20);
        let beats: Vec<u64> = grid.beats_s.iter().map(|beat_s| at_frame(*beat_s, fps)).collect();
        let all = bounds(&grid, frames, fps);
        let inner = &all[1..all.len() - 1];
        // The first beat is too near to the beginning; from the second cut on they come evenly.
        let wanted: Vec<u64> = beats.iter().copied().skip(2).step_by(every).filter(|at| at + shortest(fps) <= frames).collect();
        assert_eq!(inner, wanted, "{bpm} bpm at {fps} fps");
        assert!(inner.len() >= 20);
    }
}

#[test]
fn cut_shots_change_source_and_follow_on() {
    for sources in [1, 2, 3] {
        let shots = shots(&[0, 60, 120, 150, 240, 300], sources, 7);
        assert_eq!(shots[0].source, 0);
        assert_eq!(shots.iter().map(|shot| shot.frames).sum::<u64>(), 300);
        assert!(shots.windows(2).all(|pair| pair[0].start_frame + pair[0].frames == pair[1].start_frame));
        assert!(sources == 1 || shots.windows(2).all(|pair| pair[0].source != pair[1].source), "{shots:?}");
        assert!(shots.iter().all(|shot| shot.source < sources));
    }
}

#[test]
fn cut_at_the_drop_keeps_the_film_and_what_comes_before() {
    for (sources, drop, wanted) in [
        (3, 150, vec![0, 60, 120, 150, 240]),
        (3, 130, vec![0, 60, 130, 150, 240]),
        (3, 200, vec![0, 60, 120, 150, 200, 240]),
        (2, 130, vec![0, 60, 130, 150, 240]),
        (2, 200, vec![0, 60, 120, 150, 200, 240]),
    ] {
        let before = shots(&[0, 60, 120, 150, 240, 300], sources, 7);
        let after = cut_at_drop(&before, drop, 30, sources);
        let starts: Vec<u64> = after.iter().map(|shot| shot.start_frame).collect();
        assert_eq!(starts, wanted, "of {sources} films, the drop at {drop}");
        assert_eq!(after.iter().map(|shot| shot.frames).sum::<u64>(), 300);
        assert!(after.windows(2).all(|pair| pair[0].start_frame + pair[0].frames == pair[1].start_frame));
        let shown = |shots: &[Segment], at: u64| shots.iter().rev().find(|shot| shot.start_frame <= at).unwrap().source;
        assert!((0..110).all(|at| shown(&before, at) == shown(&after, at)), "what comes well before the drop stays");
    }
    let before = shots(&[0, 100, 200], 2, 1);
    assert_eq!(cut_at_drop(&before, 5, 30, 2), before, "too near to the beginning");
}

#[test]
fn cut_accents_are_few_never_in_a_row_and_drawn_from_the_seed() {
    let grid = BeatGrid { level: vec![0.9; 400], onset_rate: 10.0, ..BeatGrid::none().or_steady(120.0, 0.0, 40.0) };
    let bounds: Vec<u64> = (0..=40).map(|index| index * 30).collect();
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let mut made = shots(&bounds, 3, seed);
        accent(&mut made, &grid, 30, Some(600), seed);
        let accents: Vec<usize> = (0..40).filter(|index| made[*index].transition != Transition::Cut).collect();
        assert!(accents.len() <= 39 / 4 + 1 && accents.windows(2).all(|pair| pair[1] - pair[0] > 1), "{accents:?}");
        assert_eq!(made[20].transition, Transition::Dip);
        kinds.extend(accents.iter().map(|index| format!("{:?}", made[*index].transition)));
        let mut again = shots(&bounds, 3, seed);
        accent(&mut again, &grid, 30, Some(600), seed);
        assert_eq!(made, again);
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    let mut calm = shots(&bounds, 3, 1);
    accent(&mut calm, &BeatGrid::none(), 30, None, 1);
    assert!(calm.iter().all(|shot| shot.transition == Transition::Cut));
}

#[test]
fn cut_a_film_without_beats_is_one_shot() {
    assert_eq!(bounds(&BeatGrid::none(), 10, 30), [0, 10]);
}

/// The length of what the films below show, seconds.
const LENGTH_S: f64 = 9.0;

fn ffmpeg(args: &[&str], to: &Path) {
    Ffmpeg::new("make sample").args(args).to(to).run(&Cancel::new(), &mut |_| ()).unwrap();
}

/// A film of one hue in which a bar swings, at `strong_s` for 2 s much farther; the same way in every film.
fn dance(folder: &Path, index: usize, strong_s: f64) -> PathBuf {
    let (u, v) = [(84, 172), (172, 84), (84, 84)][index];
    let way = format!("(90+(12+48*between(T,{strong_s},{}))*sin(9*T))", strong_s + 2.0);
    let picture = format!("color=gray:s=180x320:r=30:d={LENGTH_S},format=yuv420p,geq=lum='if(lt(abs(X-{way}),20),190,70)':cb={u}:cr={v}");
    let out = folder.join(format!("dance{index}.mp4"));
    ffmpeg(&["-f", "lavfi", "-i", &picture, "-c:v", "libx264", "-preset", "ultrafast"], &out);
    out
}

/// Which of the films each frame shows, by the signs of its colours: what a transition does to the light leaves them.
fn shown(film: &Path) -> Vec<usize> {
    let plane = |name: &str| {
        let filter = format!("extractplanes={name},scale=1:1:flags=area,format=gray");
        let mut values = Vec::new();
        let call = Ffmpeg::new("read colours").input(film).args(["-an", "-vf", &filter, "-f", "rawvideo", "pipe:1"]);
        call.stream(&Cancel::new(), 1, &mut |value| {
            values.push(value[0] > 128);
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
        values
    };
    let hue = |(u, v): (&bool, &bool)| match (u, v) {
        (false, true) => 0,
        (true, false) => 1,
        (false, false) => 2,
        (true, true) => panic!("no film has this colour"),
    };
    plane("u").iter().zip(&plane("v")).map(hue).collect()
}

#[test]
fn cut_of_a_finished_film_keeps_the_beat_and_its_music_drops_where_it_moves_most() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut accents = std::collections::BTreeSet::new();
    for (bpm, seed, strong_s) in [(124.0, 3, 4.1), (97.0, 8, 5.3)] {
        let duration_ms = (LENGTH_S * 1000.0) as u64;
        let own = Score { seed, duration_ms, bpm: Some(bpm), first_beat_ms: 170, ..Score::default() };
        let own = compose(&Styles::builtin(), &own).unwrap();
        let (wav, reference) = (at.join("own.wav"), at.join("reference.mp4"));
        write_wav(&wav, &own).unwrap();
        let picture = format!("color=gray:s=64x64:r=30:d={LENGTH_S}");
        ffmpeg(&["-f", "lavfi", "-i", &picture, "-i", wav.to_str().unwrap(), "-c:v", "libx264", "-c:a", "aac"], &reference);
        let files: Vec<PathBuf> = (0..3).map(|index| dance(at, index, strong_s)).collect();

        let cut = plan(&reference, &files, seed, &Cancel::new()).unwrap();
        let (asked_ms, peak_s) = (cut.peak_ms.unwrap(), cut.peak_ms.unwrap() as f64 / 1000.0);
        // An outside composer of its own mind: it drops three quarters of a second late, and is too short.
        let made = compose(
            &Styles::builtin(),
            &Score { seed, duration_ms: 7_000, bpm: cut.bpm, drop_ms: Some(asked_ms + 750), ..Score::default() },
        )
        .unwrap();
        write_wav(&wav, &made).unwrap();
        let cue = Cue { drop_ms: Some(made.drop_ms), bpm: Some(made.bpm), asked_ms: cut.peak_ms, at_ms: cut.peak_ms };
        let laid = score::lay(&wav, &cue, cut.duration_ms, &Cancel::new()).unwrap();
        let bed = at.join("bed.wav");
        score::bed(&wav, &cue, &bed, cut.duration_ms, &Cancel::new()).unwrap();
        let list = EditList { sources: files, segments: cut.segments.clone(), spec: cut.spec };
        let out = at.join("remix.mp4");
        let output = Output { file: out.clone(), picture: Picture::Clean, sound: Sound::File(bed) };
        render(&list, &[output], None, Quality::Draft, &Cancel::new(), &mut |_| ()).unwrap();

        let sources = shown(&out);
        assert_eq!(sources.len() as f64, LENGTH_S * 30.0, "no frame is added or lost");
        let switches: Vec<usize> = (1..sources.len()).filter(|frame| sources[*frame] != sources[frame - 1]).collect();
        let starts = cut.segments.windows(2).filter(|pair| pair[0].source != pair[1].source).map(|pair| pair[1].start_frame as usize);
        assert_eq!(switches, starts.collect::<Vec<_>>(), "the source changes on the planned frame: {:?}", cut.segments);
        assert!(switches.len() >= 4, "{switches:?}");
        for frame in &switches {
            let at_s = *frame as f64 / 30.0;
            let off_s = own.beats_s.iter().map(|beat| (beat - at_s).abs()).fold(f64::INFINITY, f64::min);
            assert!(off_s <= 0.040, "the cut at {at_s} is {off_s} s off the beat of {bpm}");
        }
        let found = score::structure(&out, 60.0, &Cancel::new()).unwrap();
        let middle_s = found.peak_s.unwrap();
        assert!((middle_s - (strong_s + 1.0)).abs() < 0.2, "the film is strongest in the middle of its strong part, not at {middle_s}");
        let moved = own.beats_s.iter().copied().min_by(|a, b| (a - middle_s).abs().total_cmp(&(b - middle_s).abs())).unwrap();
        let drops_s = (laid.offset_ms + made.drop_ms as i64) as f64 / 1000.0;
        assert!(
            (drops_s - moved).abs() <= 0.050,
            "the music drops at {drops_s}, the film moves most at the beat {moved}, {peak_s} was planned"
        );
        accents.extend(cut.segments.iter().map(|shot| format!("{:?}", shot.transition)));
    }
    assert!(accents.contains("Dip") && accents.contains("Cut"), "{accents:?}");
}
