//! Files that come one after the other: how long after a file was closed its object can be seen in the bucket.

use super::Ground;
use super::child::key_of;
use super::runs::{Running, hand_in, make_file, ours, rclone};
use crate::figures;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const FILES: usize = 200;
const BYTES: usize = 100_000;
const EVERY: Duration = Duration::from_millis(50);
/// How often rclone is started.
const AGAIN: Duration = Duration::from_secs(2);
/// Between two looks at the bucket.
const LOOK: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn measure(ground: &Ground) {
    let (place, home, source) = (ground.place(), ground.fresh("home"), ground.fresh("source"));
    let mut running = Running::start(ours(&home, &place, 8));
    let mut input = running.input();
    let objects = ground.objects(&place);
    let seen = watch(&source, |file| objects.join(key_of(file)), |file| hand_in(&mut input, &[file.to_owned()]), |_| {});
    drop(input);
    tell("ours", seen, running.end().cpu_s);

    let (place, source) = (ground.place(), ground.fresh("source"));
    let objects = ground.objects(&place);
    let (mut started, mut running, mut cpu_s) = (None::<Instant>, None::<Running>, 0.0);
    let seen = watch(
        &source,
        |file| objects.join(file.file_name().unwrap()),
        |_| {},
        |began| {
            if let Some(ran) = running.as_mut().and_then(Running::has_ended) {
                (running, cpu_s) = (None, cpu_s + ran.cpu_s);
            }
            if running.is_none() && started.is_none_or(|at| at.elapsed() >= AGAIN) && began.elapsed() >= AGAIN {
                started = Some(Instant::now());
                running = Some(Running::start(rclone(&source, &place, &["--transfers", "8"])));
            }
        },
    );
    cpu_s += running.map_or(0.0, |running| running.end().cpu_s);
    tell("rclone every 2 s", seen, cpu_s);
}

/// Makes the files one after the other; gives the time from each one's closing to its object.
fn watch(
    source: &Path,
    object_of: impl Fn(&Path) -> PathBuf,
    mut made: impl FnMut(&Path),
    mut meanwhile: impl FnMut(Instant),
) -> Vec<Duration> {
    std::fs::create_dir_all(source).unwrap();
    let (began, mut count, mut seen) = (Instant::now(), 0, Vec::new());
    let mut awaited: Vec<(PathBuf, Instant)> = Vec::new();
    while seen.len() < FILES {
        assert!(began.elapsed() < LIMIT, "{} of {FILES} objects in time", seen.len());
        if count < FILES && began.elapsed() >= EVERY * u32::try_from(count).unwrap_or(u32::MAX) {
            // Each of a subject of its own, as each is a job of its own.
            let file = source.join(format!("a{count}-f.bin"));
            make_file(&file, BYTES, 1 << 40 | count as u64);
            awaited.push((object_of(&file), Instant::now()));
            made(&file);
            count += 1;
        }
        meanwhile(began);
        awaited.retain(|(object, closed)| {
            let is_there = object.metadata().is_ok_and(|there| there.len() == BYTES as u64);
            if is_there {
                seen.push(closed.elapsed());
            }
            !is_there
        });
        std::thread::sleep(LOOK);
    }
    seen
}

fn tell(what: &str, mut seen: Vec<Duration>, cpu_s: f64) {
    seen.sort_unstable();
    let at = |percent: usize| seen[(seen.len() * percent / 100).min(seen.len() - 1)].as_secs_f64() * 1e3;
    println!(
        "clouds      {FILES} × 100 KB at 20/s, {what}: p50 {:.0} ms, p99 {:.0} ms from closed to seen; {cpu_s:.2} s CPU",
        at(50),
        at(99)
    );
    for percent in [50, 99] {
        figures::note("stream", what, &format!("p{percent}"), at(percent));
    }
}
