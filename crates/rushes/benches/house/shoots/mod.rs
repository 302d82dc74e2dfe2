//! Photos of a shoot while it is on: how long after a photo was closed it stands in the folders of those who are in it, at each
//! destination; and how long until somebody new has folders there.
//!
//! The real program, models and photos; s3s-fs and a server shaped like Drive beside it, on the same cores. Since when an object is
//! there is what the servers' own files tell afterwards: nobody looks meanwhile. `RUSHES_BENCH_SHOOT_S` says for how long photos
//! come (120 s), `RUSHES_BENCH_SHOOT_RATE` how many a second (5), `RUSHES_BENCH_DRIVE_MS` how long each answer of Drive is under way
//! (0; Google's own takes some 300).

mod photos;
mod seen;

use crate::figures;
use crate::measure::cpu_s_of;
use crate::service::listening;
use crate::support::program::{Program, signal};
use crate::support::survivor::number;
use photos::Photos;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::Routes;
use rushes_core::store::{AssetFilter, Assets, Outbox};
use rushes_core::{Asset, Kind};
use rushes_store::{Mode, SqlStore};
use rushes_testkit::drive::Drive;
use rushes_testkit::google::Google;
use rushes_testkit::servers::{S3Server, s3s_fs};
use rushes_testkit::shared::{models, shared};
use seen::{Place, Places};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest wait for what is left when the last photo was dropped.
const LIMIT: Duration = Duration::from_secs(120);
/// What is promised: half of the photos within, and 99 of 100.
const GOALS_MS: [(usize, f64); 2] = [(50, 1_000.0), (99, 3_000.0)];
const SHOOT: &str = "ana-ben";

/// What stands beside the program.
struct Ground {
    s3: S3Server,
    drive: Drive,
    google: Google,
}

pub(crate) async fn measure() {
    let (Some(_), Some(faces)) = (models(), shared("data/faces/dev")) else { return };
    let Some(s3) = s3s_fs() else {
        println!("shoots      skipped: s3s-fs is missing (scripts/setup.sh develop installs it)");
        return;
    };
    let ort = std::env::var_os("ORT_DYLIB_PATH").is_some();
    if !ort {
        println!("shoots      skipped: ONNX Runtime (name its library in ORT_DYLIB_PATH); faces are looked for by rten");
    }
    s3.make_bucket("bucket");
    let ground = Ground { s3, drive: Drive::start().await, google: Google::start().await };
    ground.drive.know_those_of(&ground.google);
    let far_ms = number("RUSHES_BENCH_DRIVE_MS", 0);
    ground.drive.set_delay(Duration::from_millis(far_ms));
    let (seconds, rate) = (number("RUSHES_BENCH_SHOOT_S", 120), number("RUSHES_BENCH_SHOOT_RATE", 5));
    let source = tempfile::tempdir().unwrap();
    let count = usize::try_from(seconds * rate).unwrap();
    let photos = photos::make(&faces, source.path(), count);
    println!(
        "shoots      {count} photos of at most 2 megapixels, {} KB on the average, {rate}/s for {seconds} s; {}; Drive {far_ms} ms away; load before: {}",
        photos.mean_bytes / 1_000,
        if ort { "ort" } else { "rten" },
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default()
    );
    let program = program(&ground);
    let mut child = program.start_told(&["serve", "--listen", "127.0.0.1:0"], "serve.log");
    listening(&mut child);
    let process = child.id().to_string();
    let closed =
        drop_all(&photos, &program.path(&format!("home/shoots/{SHOOT}/Incoming")), Duration::from_secs(1) / u32::try_from(rate).unwrap());
    let store = SqlStore::open(&program.path("home/rushes.db"), &Mode::Read, Arc::new(SystemClock), Routes::default()).unwrap();
    let left = settled(&store, count).await;
    let ((own, children), peak_mb) = (cpu_s_of(&process), peak_mb(&process));
    signal(&child, "TERM");
    child.wait().unwrap();
    tell(&Places::new(&ground.s3, &ground.drive), &store, &photos, &closed).await;
    println!(
        "shoots      rushes serve: {:.1} s CPU, {:.3} s a photo, {peak_mb:.0} MB at most; everything there {:.1} s after the last photo",
        own + children,
        (own + children) / count as f64,
        left.as_secs_f64()
    );
}

/// Its home, with models, a shoot that recognises, and two destinations.
fn program(ground: &Ground) -> Program {
    let s3 = &ground.s3;
    let config = format!(
        "[[destinations]]\nname = \"s3\"\nuri = \"s3://bucket\"\nendpoint = \"{}\"\naccess_key = \"env:BENCH_ID\"\nsecret_key = \"env:BENCH_SECRET\"\n\
         [[destinations]]\nname = \"drive\"\nuri = \"gdrive://root/bucket\"\nendpoint = \"{}\"\ncredentials = \"file:google.json\"\n",
        s3.endpoint, ground.drive.url
    );
    let mut program = Program::with(&config);
    program.variables.extend([("BENCH_ID", s3.access_key.clone()), ("BENCH_SECRET", s3.secret_key.clone())]);
    program.write("google.json", ground.google.authorized_user().as_bytes());
    assert!(program.install_models());
    program.run(&["shoots", "new", "Ana & Ben", "--recognise"]).expect(0);
    program
}

/// Drops them one after the other, each written as a whole and closed; gives when, milliseconds since 1970.
fn drop_all(photos: &Photos, incoming: &Path, every: Duration) -> Vec<i64> {
    let (began, mut closed) = (Instant::now(), Vec::new());
    for (file, number) in photos.files.iter().zip(0..) {
        let bytes = std::fs::read(file).unwrap();
        std::thread::sleep((every * number).saturating_sub(began.elapsed()));
        let mut dropped = std::fs::File::create(incoming.join(file.file_name().unwrap())).unwrap();
        dropped.write_all(&bytes).unwrap();
        drop(dropped);
        closed.push(SystemClock.now_ms());
    }
    closed
}

/// Waits until every photo is taken and nothing is owed; gives how long that took.
async fn settled(store: &SqlStore, count: usize) -> Duration {
    let (began, all) = (Instant::now(), AssetFilter { kind: Some(Kind::PhotoOriginal), ..AssetFilter::default() });
    loop {
        let taken = store.assets(&all).await.unwrap().len();
        let owed: u64 = store.backlog().await.unwrap().values().map(|backlog| backlog.owed).sum();
        if taken == count && owed == 0 {
            return began.elapsed();
        }
        assert!(began.elapsed() < LIMIT, "{taken} of {count} photos are taken, {owed} deliveries are owed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The most it ever held.
fn peak_mb(process: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    peak.unwrap_or_default() * 1024.0 / 1e6
}

async fn tell(places: &Places, store: &SqlStore, photos: &Photos, closed: &[i64]) {
    let closed_ms = |asset: &Asset| closed[photos.by_sha256[&asset.blob.sha256]];
    println!("shoots      from a photo's closing to                objects  p50 ms  p90 ms  p99 ms  max ms");
    let mut holds = true;
    for place in [Place::S3, Place::Drive] {
        for (kind, shown) in [(Kind::PhotoOriginal, "Processed/"), (Kind::Photo, "People/NAME/")] {
            let assets = store.assets(&AssetFilter { kind: Some(kind), ..AssetFilter::default() }).await.unwrap();
            let took = assets.iter().map(|(asset, _)| (places.since_ms(place, &asset.path) - closed_ms(asset)) as f64).collect();
            let what = format!("{}, {shown}", place.name());
            let sorted = row(&what, took);
            if kind == Kind::Photo {
                holds &= GOALS_MS.iter().all(|(percent, goal_ms)| at(&sorted, *percent) < *goal_ms);
                GOALS_MS
                    .iter()
                    .for_each(|(percent, _)| figures::note("shoots", place.name(), &format!("p{percent}"), at(&sorted, *percent)));
            }
        }
        row(&format!("{}, folders of somebody new", place.name()), places.folders(place, store, closed_ms).await);
    }
    println!(
        "shoots      half of the photos with their people within 1 s, 99 of 100 within 3 s: {}",
        if holds { "holds" } else { "missed" }
    );
}

fn row(what: &str, mut took: Vec<f64>) -> Vec<f64> {
    took.sort_by(f64::total_cmp);
    println!(
        "shoots      {what:<40} {:>7} {:>7.0} {:>7.0} {:>7.0} {:>7.0}",
        took.len(),
        at(&took, 50),
        at(&took, 90),
        at(&took, 99),
        took.last().copied().unwrap_or_default()
    );
    took
}

/// What so many in a hundred are below.
fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
