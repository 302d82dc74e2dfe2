//! `kill -9` in the middle of one large file: how much is sent again.

use super::Ground;
use super::runs::{Place, Running, make_file, ours_with, rclone};
use rushes_testkit::chaos::Chaos;
use std::time::{Duration, Instant};

const BYTES: usize = 500_000_000;
const LIMIT: Duration = Duration::from_secs(120);

pub(super) async fn measure(ground: &Ground) {
    let source = ground.fresh("source");
    let file = source.join("s0-film.bin");
    std::fs::create_dir_all(&source).unwrap();
    make_file(&file, BYTES, 1 << 41);
    let home = ground.fresh("home");
    let first = [vec![file]];
    let mut is_first = true;
    tell("ours", ground, |place| {
        let jobs: &[_] = if std::mem::take(&mut is_first) { &first } else { &[] };
        ours_with(&home, place, 8, jobs)
    })
    .await;
    tell("rclone", ground, |place| Running::start(rclone(&source, place, &[]))).await;
}

async fn tell(what: &str, ground: &Ground, mut start: impl FnMut(&Place) -> Running) {
    let chaos = Chaos::before(ground.server.address).await;
    let place = Place { endpoint: chaos.url(), ..ground.place() };
    let running = start(&place);
    let began = Instant::now();
    while sent(&chaos) < BYTES as u64 / 2 {
        assert!(began.elapsed() < LIMIT, "half of the file in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    running.kill();
    let before = sent(&chaos);
    let running = start(&place);
    tokio::task::spawn_blocking(move || running.end()).await.unwrap();
    let all = sent(&chaos);
    println!(
        "clouds      500 MB, kill -9 after {:.0} MB, {what}: {:.1} MB sent in all, {:.1} MB of them again",
        before as f64 / 1e6,
        all as f64 / 1e6,
        (all - BYTES as u64) as f64 / 1e6
    );
}

/// Bytes of files that have gone on to the server.
fn sent(chaos: &Chaos) -> u64 {
    chaos.log().iter().filter(|passed| passed.method == "PUT").map(|passed| passed.body_bytes).sum()
}
