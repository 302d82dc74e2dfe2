//! How well tempo and beats are heard, over the whole range of tempi: our four styles, whose composer knows where the beats
//! are, and the drummers of the testkit, which sound like nothing of ours.

use rushes_media::beat::beat_grid;
use rushes_media::music::{self, Styles, compose, style_names};
use rushes_testkit::rhythms::{self, FEELS, Score, f_measure};

const LENGTH_S: f64 = 15.0;
/// Of each drummer at each tempo.
const DRUMMER_SEEDS: u64 = 4;

/// 84 to 160 beats a minute, few of them round.
fn tempi() -> impl Iterator<Item = f64> {
    (0..20).map(|step| 84.0 + 4.0 * f64::from(step) * (1.0 + f64::from(step % 3 - 1) * 0.003)).map(|bpm: f64| bpm.min(160.0))
}

pub(crate) fn measure() {
    let mut all = Score::default();
    println!("beat        {:<14} {:>6} {:>10} {:>8}", "who", "tracks", "tempo ±2 %", "F(70 ms)");
    for style in style_names() {
        let mut score = Score::default();
        for (seed, bpm) in tempi().enumerate() {
            let seed = seed as u64;
            let asked = music::Score {
                style: style.into(),
                seed,
                duration_ms: (LENGTH_S * 1e3) as u64,
                bpm: Some(bpm),
                first_beat_ms: 70 * (seed % 7),
                drop_ms: None,
            };
            let piece = compose(&Styles::builtin(), &asked).unwrap();
            let grid = beat_grid(&piece.mono(), music::RATE);
            for score in [&mut score, &mut all] {
                score.add(&format!("{style} seed {seed}"), (bpm, &piece.beats_s), (grid.bpm, &grid.beats_s));
            }
        }
        row(style, &score);
    }
    for feel in FEELS {
        let mut score = Score::default();
        for (column, bpm) in tempi().enumerate() {
            for seed in 0..DRUMMER_SEEDS {
                let seed = 100 * seed + column as u64;
                let track = rhythms::play(feel, bpm, seed, LENGTH_S);
                let grid = beat_grid(&track.sound, rhythms::RATE);
                for score in [&mut score, &mut all] {
                    score.add(&format!("{feel:?} seed {seed}"), (bpm, &track.beats_s), (grid.bpm, &grid.beats_s));
                }
            }
        }
        row(&format!("{feel:?}"), &score);
    }
    row("all", &all);
    for line in &all.wrong {
        println!("beat        wrong: {line}");
    }
    honesty();
}

fn row(who: &str, score: &Score) {
    println!("beat        {who:<14} {:>6} {:>8.1} % {:>8.3}", score.tracks, 100.0 * score.share(), score.f_mean());
}

/// What cannot be heard rightly must be said not to be heard.
fn honesty() {
    let (mut right, mut unheard, mut wrong) = (0, 0, 0);
    for feel in FEELS {
        for (from, to) in [(100.0, 140.0), (140.0, 100.0), (90.0, 104.0), (120.0, 126.0)] {
            for seed in 0..4 {
                let track = rhythms::ramp(feel, from, to, seed, 24.0);
                let grid = beat_grid(&track.sound, rhythms::RATE);
                match (f_measure(&grid.beats_s, &track.beats_s) >= 0.9, grid.is_followable()) {
                    (true, _) => right += 1,
                    (false, false) => unheard += 1,
                    (false, true) => wrong += 1,
                }
            }
        }
    }
    println!("beat        tempi that change: {right} followed (F at least 0.9), {unheard} said not to be followable, {wrong} wrong");
    let claimed = (0..24).filter(|seed| beat_grid(&rhythms::drumless(*seed, LENGTH_S).sound, rhythms::RATE).is_followable()).count();
    println!("beat        without drums: a beat claimed in {claimed} of 24");
}
