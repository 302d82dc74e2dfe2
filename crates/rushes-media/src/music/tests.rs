//! Tests of composing: length, loudness, beats, drop and balance.

use super::*;
use crate::beat::beat_grid;
use rushes_testkit::rhythms::f_measure;

fn score(style: &str, seed: u64, duration_ms: u64) -> Score {
    Score { style: style.into(), seed, duration_ms, ..Score::default() }
}

fn peak_dbfs(piece: &Piece) -> f32 {
    20.0 * piece.left.iter().chain(&piece.right).fold(0.0f32, |m, v| m.max(v.abs())).log10()
}

/// Energy of a stretch, seconds.
fn energy(piece: &Piece, from: f64, to: f64) -> f64 {
    let samples = (from * 48_000.0) as usize..((to * 48_000.0) as usize).min(piece.left.len());
    let count = samples.len() as f64;
    piece.left[samples].iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / count
}

#[test]
fn music_beats_are_heard_where_they_were_put() {
    let mut failed = Vec::new();
    for (row, style) in style_names().enumerate() {
        for (column, bpm) in [86.0, 104.0, 126.5, 158.0].into_iter().enumerate() {
            let seed = (row * 4 + column) as u64;
            let asked = Score { bpm: Some(bpm), first_beat_ms: 90 * column as u64, ..score(style, seed, 14_000) };
            let piece = compose(&Styles::builtin(), &asked).unwrap();
            let grid = beat_grid(&piece.mono(), RATE);
            let f = f_measure(&grid.beats_s, &piece.beats_s);
            println!("{style} {bpm}: heard {:.2}, confidence {:.2}, F {f:.3}", grid.bpm, grid.confidence);
            if (grid.bpm / bpm - 1.0).abs() > 0.02 || f < 0.95 || grid.confidence < 0.3 {
                failed.push(format!("{style} {bpm} seed {seed}: {} F {f}", grid.bpm));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn music_is_exactly_as_long_as_asked_and_not_clipped() {
    for (style, duration_ms) in [("kpop_dance", 2_000), ("phonk", 2_345), ("city_pop", 10_000), ("lofi", 61_000), ("kpop_dance", 300)] {
        let piece = compose(&Styles::builtin(), &score(style, 11, duration_ms)).unwrap();
        assert_eq!((piece.left.len(), piece.right.len()), (48 * duration_ms as usize, 48 * duration_ms as usize));
        let peak = peak_dbfs(&piece);
        assert!(peak <= -1.0 && peak > -6.0, "{style} {duration_ms}: peaks at {peak} dBFS");
        assert!(piece.left.iter().chain(&piece.right).all(|v| v.is_finite()));
        if duration_ms >= 2_000 {
            let loudness = master::loudness(&[piece.left, piece.right], &mut || Ok(())).unwrap();
            assert!((-16.0..=-12.0).contains(&loudness), "{style} {duration_ms}: {loudness} LUFS");
        }
    }
}

#[test]
fn music_is_the_same_for_equal_scores_only() {
    let asked = score("kpop_dance", 21, 4_000);
    let folder = tempfile::tempdir().unwrap();
    let bytes = |score: &Score, name: &str| {
        let path = folder.path().join(name);
        write_wav(&path, &compose(&Styles::builtin(), score).unwrap()).unwrap();
        std::fs::read(path).unwrap()
    };
    let first = bytes(&asked, "a.wav");
    assert_eq!(first.len(), 44 + 4 * 48_000 * 6);
    assert_eq!(first, bytes(&asked, "b.wav"));
    assert_ne!(first, bytes(&Score { seed: 22, ..asked }, "c.wav"));
}

#[test]
fn music_drops_where_it_is_asked_to() {
    for style in style_names() {
        // 7.7 s lies 15.4 beats in at 120: the drop comes on the 15th, 7.5 s and 50 ms after the first.
        let asked = Score { bpm: Some(120.0), first_beat_ms: 50, drop_ms: Some(7_700), ..score(style, 2, 16_000) };
        let piece = compose(&Styles::builtin(), &asked).unwrap();
        assert_eq!(piece.drop_ms, 7_550, "{style}");
        assert!(piece.beats_s.iter().any(|b| (b - 7.55).abs() < 1e-6));
        let (before, after) = (energy(&piece, 3.0, 7.0), energy(&piece, 7.55, 11.55));
        assert!(after > 1.4 * before, "{style}: the drop is {:.1} dB above", 10.0 * (after / before).log10());
        let exact = compose(&Styles::builtin(), &Score { drop_ms: Some(8_050), ..asked }).unwrap();
        assert_eq!(exact.drop_ms, 8_050);
    }
}

#[test]
fn music_refuses_what_it_cannot_play_and_says_why() {
    let fault = compose(&Styles::builtin(), &score("polka", 0, 5_000)).unwrap_err();
    assert_eq!(fault.code, Code::InputInvalid);
    for style in ["kpop_dance", "phonk", "city_pop", "lofi"] {
        assert!(fault.to_string().contains(style), "{fault}");
    }
    for wrong in [
        Score { duration_ms: 0, ..Score::default() },
        Score { duration_ms: LONGEST_MS + 1, ..Score::default() },
        Score { bpm: Some(0.0), ..Score::default() },
        Score { bpm: Some(f64::NAN), ..Score::default() },
    ] {
        assert_eq!(compose(&Styles::builtin(), &wrong).unwrap_err().code, Code::InputInvalid, "{wrong:?}");
    }
}

#[test]
fn music_stops_when_told() {
    let mut asked = 0;
    let fault = compose_watched(&Styles::builtin(), &Score::default(), &mut |_| {
        asked += 1;
        if asked > 3 { Err(Fault::new(Code::Cancelled, "compose music")) } else { Ok(()) }
    });
    assert_eq!(fault.unwrap_err().code, Code::Cancelled);
}

#[test]
fn music_pads_alone_have_no_beat() {
    let styles = Styles::builtin();
    let style = styles.style("kpop_dance").unwrap();
    let asked = score("kpop_dance", 4, 12_000);
    let mut stage = arrange(&asked, style, style.bpm);
    stage.events.clear();
    // One chord held: what a beat tracker must not make a dance of.
    for (i, note) in [57, 60, 64].into_iter().enumerate() {
        stage.note(0.01 * i as f64, 7.0, &style.pad, note, 0.8, 1.0);
    }
    let [left, _] = mixer::mix(&stage, &mut |_| Ok(())).unwrap();
    let grid = beat_grid(&left, RATE);
    assert!(grid.confidence < 0.3, "{}", grid.confidence);
}
