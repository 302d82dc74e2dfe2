//! Five files of one 3 s remix (clean, marked and music, clean and music, marked and kpop, marked and original sound), made
//! in every way there is, by turns, in one run: by [`rushes_media::edit`], by ffmpeg commands as one writes them by hand,
//! by MoviePy where it is installed, and, as the floor under all of them, by one ffmpeg that does nothing but decode the
//! cuts, lay the stickers on, and encode the two pictures.

mod material;
mod tally;
mod ways;

use crate::figures;
use material::Material;
use tally::{Cost, Tally, ssim};
use ways::Way;

/// Rounds, of which the median counts.
const ROUNDS: usize = 3;
/// What ours may cost of the floor, and of MoviePy.
const OF_FLOOR_MAX: f64 = 1.10;
const OF_MOVIEPY_MAX: f64 = 1.0 / 7.0;

pub(crate) fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let material = Material::make(folder.path());
    println!("outputs     {} frames drawn without encoding: {:.1} ms CPU a frame", material.drawn, material.draw_ms);
    let ways = ways::all();
    if !ways.iter().any(|way| way.name == ways::MOVIEPY) {
        println!("outputs     skipped: MoviePy (make bench-peers installs it)");
    }
    let mut costs: Vec<Vec<Cost>> = ways.iter().map(|_| Vec::new()).collect();
    let mut likeness = vec![None; ways.len()];
    for round in 0..ROUNDS {
        for (index, way) in ways.iter().enumerate() {
            let into = folder.path().join(format!("{index}"));
            std::fs::create_dir_all(&into).unwrap();
            costs[index].push(tally::cost(|| (way.make)(&material, &into)));
            if round == 0 {
                likeness[index] = way
                    .pictures
                    .map(|[clean, marked]| (ssim(&into.join(clean), &material.raw_clean), ssim(&into.join(marked), &material.raw_marked)));
            }
        }
    }
    let tallies: Vec<Tally> = costs.iter().map(|costs| Tally::of(costs)).collect();
    table(&ways, &tallies, &likeness);
}

fn table(ways: &[Way], tallies: &[Tally], likeness: &[Option<(f64, f64)>]) {
    let by_name = |name: &str| ways.iter().position(|way| way.name == name).map(|index| &tallies[index]);
    let sounded = by_name(ways::FLOOR_SOUND);
    let (floor, peer, ours) = (by_name(ways::FLOOR), by_name(ways::MOVIEPY), by_name(ways::OURS));
    println!("outputs     median of {ROUNDS} rounds; memory: the most all children together held, looked at every 25 ms");
    println!(
        "outputs     {:<62} {:>6} {:>11} {:>6} {:>7} {:>8} {:>8} {:>7} {:>8}",
        "how", "CPU s", "(least–most)", "wall s", "peak MB", "SSIM", "marked", "× floor", "MoviePy ÷"
    );
    for ((way, tally), alike) in ways.iter().zip(tallies).zip(likeness) {
        let (clean, marked) = alike.map_or(("–".into(), "–".into()), |(c, m)| (format!("{c:.5}"), format!("{m:.5}")));
        let of_floor = floor.map_or("–".into(), |floor| format!("{:.2}", tally.cpu_s / floor.cpu_s));
        let of_peer = peer.map_or("–".into(), |peer| format!("{:.1}", peer.cpu_s / tally.cpu_s));
        println!(
            "outputs     {:<62} {:>6.2} {:>5.2}–{:<5.2} {:>6.2} {:>7.0} {:>8} {:>8} {:>7} {:>8}",
            way.name, tally.cpu_s, tally.least_s, tally.most_s, tally.wall_s, tally.peak_mb, clean, marked, of_floor, of_peer
        );
        figures::note("outputs", "CPU s", way.name, tally.cpu_s);
    }
    let verdict = |holds: bool| if holds { "holds" } else { "MISSED" };
    // The five files hold both sounds, so what is unavoidable includes them.
    if let (Some(ours), Some(floor)) = (ours, sounded) {
        let ratio = ours.cpu_s / floor.cpu_s;
        println!("outputs     ours at most {OF_FLOOR_MAX:.2} × the floor with both sounds: {ratio:.3}, {}", verdict(ratio <= OF_FLOOR_MAX));
    }
    if let (Some(ours), Some(floor)) = (ours, floor) {
        println!("outputs     ours of the floor without sound: {:.3}", ours.cpu_s / floor.cpu_s);
    }
    if let (Some(ours), Some(peer)) = (ours, peer) {
        let ratio = ours.cpu_s / peer.cpu_s;
        println!("outputs     ours at most 1/7 of MoviePy: 1/{:.1}, {}", 1.0 / ratio, verdict(ratio <= OF_MOVIEPY_MAX));
        let of = |name: &str| ways.iter().position(|way| way.name == name).and_then(|index| likeness[index]);
        if let (Some(ours), Some(peer)) = (of(ways::OURS), of(ways::MOVIEPY)) {
            println!("outputs     ours as near to the raw frames as MoviePy: {}", verdict(ours.0 >= peer.0 && ours.1 >= peer.1));
        }
    }
}
