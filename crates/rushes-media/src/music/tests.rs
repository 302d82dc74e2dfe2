use super::*;

#[test]
fn music_look() {
    let folder = std::env::temp_dir();
    for name in style_names() {
        let start = std::time::Instant::now();
        let piece = compose(&Score { style: name.into(), seed: 7, ..Score::default() }).unwrap();
        let took = start.elapsed();
        let sides = [piece.left.clone(), piece.right.clone()];
        let peak = sides.iter().flatten().fold(0.0f32, |m, v| m.max(v.abs()));
        let t = master::tilt(&sides).map(|v| v.round() as i32);
        let grid = crate::beat::beat_grid(&piece.mono(), RATE);
        let f = crate::beat::tests::f_measure(&grid.beats_s, &piece.beats_s);
        println!("{name}: {took:?} peak {:.2} dB, {:.1} LUFS, tilt {t:?} bpm {} heard {:.2} conf {:.2} F {f:.3} drop {}", 20.0 * peak.log10(), master::loudness(&sides).unwrap(), piece.bpm, grid.bpm, grid.confidence, piece.drop_ms);
        write_wav(&folder.join(format!("music_{name}.wav")), &piece).unwrap();
    }
}
