//! Many files at once, into a home that has been used before: files a second, processor seconds and peak memory of ours and
//! of rclone.

use super::Ground;
use super::runs::{Place, Ran, Running, make_files, ours_with, rclone};
use crate::figures;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What is copied, and the settings of which each takes its best.
pub(super) struct Load {
    words: &'static str,
    files: usize,
    per_job: usize,
    bytes: usize,
    ours: &'static [usize],
    theirs: &'static [usize],
    /// With the best settings; the median of them counts.
    rounds: usize,
}

pub(super) const SMALL: Load =
    Load { words: "1,000 × 100 KB", files: 1_000, per_job: 63, bytes: 100_000, ours: &[4, 8, 16], theirs: &[8, 16, 32], rounds: 15 };
pub(super) const LARGE: Load =
    Load { words: "8 × 64 MB", files: 8, per_job: 2, bytes: 64_000_000, ours: &[4, 8], theirs: &[4, 8], rounds: 3 };

/// Runs by which the best setting is found.
const TRIES: usize = 3;

const HUGE_BYTES: u64 = 5 * 1024 * 1024 * 1024;

pub(super) fn measure(ground: &Ground, load: &Load) {
    let source = ground.fresh("source");
    let jobs = make_files(&source, load.files, load.per_job, load.bytes, u64::from(ground.number()) << 32);
    let ours = |in_flight: usize| {
        let (home, place) = (ground.fresh("home"), ground.place());
        use_once(ground, &home, &place);
        bring_to_memory(&jobs);
        let ran = ours_with(&home, &place, in_flight, &jobs).end();
        ground.leave(&place);
        ran
    };
    let theirs = |transfers: usize| {
        let place = ground.place();
        bring_to_memory(&jobs);
        let ran = Running::start(rclone(&source, &place, &["--transfers", &transfers.to_string()])).end();
        ground.leave(&place);
        ran
    };
    let (our_best, their_best) = (best(load.ours, ours), best(load.theirs, theirs));
    let (mut our_rounds, mut their_rounds) = (Vec::new(), Vec::new());
    for _ in 0..load.rounds {
        our_rounds.push(ours(our_best));
        their_rounds.push(theirs(their_best));
    }
    let (a, b) = (medians(&our_rounds), medians(&their_rounds));
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    let rate = |ran: &Ran| load.files as f64 / ran.wall_s;
    let row = |what: &str, setting: usize, ran: &Ran| {
        println!(
            "clouds      {}, {what} {setting}: {:.1} files/s, {:.2} s wall, {:.2} s CPU, {:.0} MB at most (median of {})",
            load.words,
            rate(ran),
            ran.wall_s,
            ran.cpu_s,
            ran.peak_mb,
            load.rounds
        );
    };
    row("ours, places", our_best, &a);
    row("rclone --transfers", their_best, &b);
    println!(
        "clouds      {}, ours to rclone: {:.2} × the files/s, {:.2} × the CPU, {:.2} × the memory",
        load.words,
        rate(&a) / rate(&b),
        a.cpu_s / b.cpu_s,
        a.peak_mb / b.peak_mb
    );
    for (at, ratio) in [("files/s", rate(&a) / rate(&b)), ("CPU", a.cpu_s / b.cpu_s), ("memory", a.peak_mb / b.peak_mb)] {
        figures::note("clouds", load.words, at, ratio);
    }
}

/// One small file through a new home: its tables and folders are made once, and not by who is measured.
fn use_once(ground: &Ground, home: &Path, place: &Place) {
    let source = ground.fresh("source");
    let files = make_files(&source, 1, 1, 1_000, u64::from(ground.number()) << 32);
    ours_with(home, place, 1, &files).end();
    rustix::fs::sync();
}

/// Both find the files as whoever has just made them leaves them. rclone has the system forget each file that it has read, so
/// that without this ours would read from the disk what rclone itself finds in memory.
fn bring_to_memory(jobs: &[Vec<PathBuf>]) {
    jobs.iter().flatten().for_each(|file| {
        std::io::copy(&mut File::open(file).unwrap(), &mut std::io::sink()).unwrap();
    });
}

/// The setting with the shortest time, in the median of some runs, which alternate.
fn best(settings: &[usize], run: impl Fn(usize) -> Ran) -> usize {
    // The first of all finds everything cold.
    run(settings[0]);
    let mut runs = vec![Vec::new(); settings.len()];
    for _ in 0..TRIES {
        settings.iter().zip(&mut runs).for_each(|(setting, runs)| runs.push(run(*setting)));
    }
    let medians = runs.iter().map(|runs| medians(runs).wall_s);
    settings.iter().copied().zip(medians).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
}

fn medians(rounds: &[Ran]) -> Ran {
    let middle = |of: fn(&Ran) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ran { wall_s: middle(|ran| ran.wall_s), cpu_s: middle(|ran| ran.cpu_s), peak_mb: middle(|ran| ran.peak_mb) }
}

/// One file of 5 GB: its bytes are none in particular, and are all sent.
pub(super) fn huge(ground: &Ground) {
    let (source, home, place) = (ground.fresh("source"), ground.fresh("home"), ground.place());
    let file: PathBuf = source.join("s0-huge.bin");
    std::fs::create_dir_all(&source).unwrap();
    File::create(&file).unwrap().set_len(HUGE_BYTES).unwrap();
    let ran = ours_with(&home, &place, 8, &[vec![file]]).end();
    println!("clouds      one file of 5 GiB, ours: {:.0} MB at most, {:.1} s wall, {:.1} s CPU", ran.peak_mb, ran.wall_s, ran.cpu_s);
    for folder in [ground.objects(&place), home, source] {
        std::fs::remove_dir_all(folder).unwrap();
    }
}
