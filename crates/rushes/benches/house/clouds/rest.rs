//! 10,000 files that are delivered already and unchanged: what a restart of ours asks the server, and another run of
//! rclone.

use super::Ground;
use super::runs::{Place, Ran, Running, hand_in, make_files, ours, ours_with, rclone};
use rushes_testkit::chaos::Chaos;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

const FILES: usize = 10_000;
const BYTES: usize = 1_000;
/// Requests the proxy remembers.
const KEPT: usize = 10_000;
/// How long ours is left alone after it has started, to ask whatever it wants to ask.
const QUIET: Duration = Duration::from_secs(3);

pub(super) async fn measure(ground: &Ground) {
    let source = ground.fresh("source");
    let jobs = make_files(&source, FILES, 100, BYTES, 1 << 42);
    let (home, place) = (ground.fresh("home"), ground.place());
    let ran = ours_with(&home, &place, 8, &jobs).end();
    println!("clouds      10,000 × 1 KB delivered by ours: {:.1} s wall, {:.1} s CPU", ran.wall_s, ran.cpu_s);
    let chaos = Chaos::before(ground.server.address).await;
    let through = Place { endpoint: chaos.url(), ..place };
    let started = tokio::task::spawn_blocking({
        let through = through.clone();
        move || {
            let mut running = Running::start(ours(&home, &through, 8));
            let (mut input, began) = (running.input(), Instant::now());
            // A job of no files: once it has ended, the engine works.
            hand_in(&mut input, &[]);
            let mut line = String::new();
            BufReader::new(running.output()).read_line(&mut line).unwrap();
            let works_after_s = began.elapsed().as_secs_f64();
            std::thread::sleep(QUIET);
            drop(input);
            Ran { wall_s: works_after_s, ..running.end() }
        }
    });
    tell("started again over 10,000 delivered files, ours", &chaos, started.await.unwrap());

    let place = ground.place();
    Running::start(rclone(&source, &place, &["--transfers", "16"])).end();
    let through = Place { endpoint: chaos.url(), ..place };
    for (words, more) in [("rclone copy", &[][..]), ("rclone copy --checksum", &["--checksum"][..])] {
        chaos.forget();
        let running = Running::start(rclone(&source, &through, more));
        let ran = tokio::task::spawn_blocking(move || running.end()).await.unwrap();
        tell(&format!("10,000 delivered files again, {words}"), &chaos, ran);
    }
}

fn tell(what: &str, chaos: &Chaos, ran: Ran) {
    // The proxy forgets older ones.
    let requests = chaos.log().len();
    let most = if requests >= KEPT { " or more" } else { "" };
    println!(
        "clouds      {what}: {requests}{most} requests, {:.2} s wall, {:.2} s CPU, {:.0} MB at most",
        ran.wall_s, ran.cpu_s, ran.peak_mb
    );
}
