//! Every weather a network and a store can make, before every store: the files of a job arrive whole, once, and in one
//! record, and the weather did happen.
//!
//! The oracle asks the server itself. A sample by a printed seed; all with `RUSHES_EVERYTHING=1`. `RUSHES_FILES` says how many small files a job has (12), `RUSHES_LARGE_MB` how many
//! millions of bytes its large one (22), `RUSHES_STORM_FILES` how many files each of the four jobs of a storm has.

use super::stand::{STORES, Stand, drive_error, gcs_error, sample, stores};
use crate::support::recipes::Recipes;
use crate::support::survivor::{Dice, number, report};
use crate::support::{Places, TestEngine};
use rushes_core::delivery::DeliveryState;
use rushes_core::store::AssetFilter;
use rushes_core::{Code, JobState};
use rushes_testkit::chaos::Weather;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes of each small file; more than what goes into one packet or one buffer.
const SMALL_BYTES: u64 = 150_000;

fn spaced(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Each with the name it is reported by.
fn weathers(stand: &Stand) -> Vec<(&'static str, Weather)> {
    let answer = |status: u16, pairs: &[(&str, &str)], body: &str| Weather::Answer { status, headers: spaced(pairs), body: body.into() };
    let slow_down = match stand.name {
        "supabase" => Weather::json(429, &json!({"statusCode": "429", "error": "too_many_requests", "message": "slow down"})),
        "gcs" => gcs_error(429, "rateLimitExceeded", "The object exceeded the rate limit for object mutation operations."),
        "gdrive" => drive_error(403, "userRateLimitExceeded"),
        _ => Weather::s3_error(503, "SlowDown"),
    };
    let expired = match stand.name {
        "supabase" => {
            Weather::json(400, &json!({"statusCode": "403", "error": "Unauthorized", "message": "\"exp\" claim timestamp check failed"}))
        }
        "gcs" => gcs_error(401, "authError", "Invalid Credentials"),
        "gdrive" => drive_error(401, "authError"),
        _ => Weather::s3_error(400, "ExpiredToken"),
    };
    let error_in_200 = match stand.name {
        "supabase" => Weather::json(200, &json!({"statusCode": "500", "error": "internal", "message": "database timeout"})),
        "gcs" => Weather::json(200, &json!({"error": {"code": 503, "message": "Backend Error"}})),
        "gdrive" => Weather::json(200, &json!({"error": {"code": 500, "message": "internal", "errors": [{"reason": "internalError"}]}})),
        _ => Weather::s3_error(200, "InternalError"),
    };
    let mut all = vec![
        ("down", Weather::Down),
        ("cut in the body", Weather::CutBody { after_bytes: 70_000 }),
        ("stalled", Weather::Stall { after_bytes: 0 }),
        ("stalled in the body", Weather::Stall { after_bytes: 70_000 }),
        ("1 byte/s", Weather::Slow { bytes_per_s: 1 }),
        ("half an answer", Weather::HalfAnswer),
        ("answer lost", Weather::LostAnswer),
        ("429 with Retry-After", Weather::too_many(Some(1))),
        ("429 without", Weather::too_many(None)),
        ("503 slow down", slow_down),
        ("500", answer(500, &[], "oops")),
        ("expired token", expired),
        ("200 with an error body", error_in_200),
        ("bytes changed on the way", Weather::Corrupt),
    ];
    // Supabase says so of a key it does not know, and such a key does not get better.
    if stand.name != "supabase" {
        all.push(("401", answer(401, &[], "")));
    }
    all
}

/// An engine that delivers to one store through its proxy.
pub(crate) struct Scene {
    pub(crate) stand: Stand,
    pub(crate) engine: TestEngine,
    pub(crate) folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) async fn before(name: &'static str) -> Option<Self> {
        let stand = Stand::named(name).await?;
        let folder = tempfile::tempdir().unwrap();
        let mut places = Places::memory(folder.path());
        places.destinations = vec![("cloud".into(), stand.port())];
        let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
        Some(Self { stand, engine, folder })
    }

    pub(crate) async fn job(&self, subject: &str, count: u64, bytes: u64) -> rushes_core::JobId {
        self.engine.submit("files", json!({"subject": subject, "text": subject, "count": count, "bytes": bytes})).await
    }

    /// What went wrong last, of each delivery that is refused.
    async fn faults(&self) -> Vec<String> {
        let listed = self.engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
        let refused = listed.iter().flat_map(|(_, deliveries)| deliveries).filter(|delivery| delivery.state == DeliveryState::Refused);
        refused.map(|delivery| delivery.last_fault.as_ref().map(ToString::to_string).unwrap_or_default()).collect()
    }

    /// Exactly the current assets, with their bytes, and each in its subject's record.
    async fn oracle(&self) {
        let listed = self.engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
        assert!(!listed.is_empty(), "a run in which nothing was made proves nothing");
        let wanted: BTreeMap<String, String> =
            listed.iter().map(|(asset, _)| (format!("base/{}", asset.path), asset.blob.sha256.clone())).collect();
        let found = self.stand.objects().await;
        assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "one object each, and nothing else");
        assert_eq!(found, wanted, "with equal bytes");
        self.engine.settle().await;
    }
}

/// All weathers before one store, one after the other, a job with small files and a large one under each.
async fn weather_before(name: &'static str) {
    let Some(scene) = Scene::before(name).await else { return };
    let (files, large) = (number("RUSHES_FILES", 12), number("RUSHES_LARGE_MB", 22) * 1_000_000);
    let chaos = &scene.stand.chaos;
    let mut seen = Vec::new();
    let mut dice = Dice::roll(&format!("weather before {name}"));
    for (index, (what, weather)) in sample(weathers(&scene.stand), 5, &mut dice).into_iter().enumerate() {
        let began = std::time::Instant::now();
        chaos.forget();
        chaos.set(weather.clone());
        let small = scene.job(&format!("small{index}"), files, SMALL_BYTES).await;
        let big = scene.job(&format!("large{index}"), 1, large).await;
        if weather != Weather::Down {
            scene.engine.until(&format!("{what}: it was met"), || async { chaos.spoilt() >= 3 }).await;
        }
        // Long enough for second tries to meet it too, and for a stall to be noticed.
        tokio::time::sleep(Duration::from_millis(900)).await;
        for job in [small, big] {
            let state = scene.engine.parts().store.job(job).await.unwrap().state;
            assert_ne!(state, JobState::Failed, "{what} is no reason to give up: {:?}", scene.faults().await);
        }
        chaos.set(Weather::Clear);
        for job in [small, big] {
            let job = scene.engine.ended(job).await;
            assert_eq!(job.state, JobState::Completed, "{what}: {:?}", scene.faults().await);
        }
        scene.oracle().await;
        seen.push(format!("{what} ({} spoilt, {:.1} s)", chaos.spoilt(), began.elapsed().as_secs_f32()));
    }
    report(&format!("weather before {name}: {files} files of 150 KB and one of {} MB each", large / 1_000_000), &seen.join(" · "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_weather_before_s3s_fs() {
    weather_before(STORES[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_weather_before_moto() {
    weather_before(STORES[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_weather_before_supabase() {
    weather_before(STORES[2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_weather_before_gcs() {
    weather_before(STORES[3]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_weather_before_gdrive() {
    weather_before(STORES[4]).await;
}

/// A storm of everything at once while files keep coming.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_storm() {
    let mut dice = Dice::roll("storm");
    for name in stores(&mut dice) {
        let Some(scene) = Scene::before(name).await else { continue };
        let of = weathers(&scene.stand).into_iter().map(|(_, weather)| weather).filter(|weather| *weather != Weather::Down).collect();
        scene.stand.chaos.set(Weather::Storm { seed: dice.below(u64::MAX), percent: 40, of });
        let mut jobs = Vec::new();
        for index in 0..4 {
            jobs.push(scene.job(&format!("storm{index}"), number("RUSHES_STORM_FILES", 12), SMALL_BYTES).await);
        }
        jobs.push(scene.job("large", 1, number("RUSHES_LARGE_MB", 22) * 1_000_000).await);
        let until = std::time::Instant::now() + Duration::from_secs(8);
        while std::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let spoilt = scene.stand.chaos.spoilt();
        assert!(spoilt > 10, "it did storm: {spoilt}");
        scene.stand.chaos.set(Weather::Clear);
        for job in jobs {
            let job = scene.engine.ended(job).await;
            assert_eq!(job.state, JobState::Completed, "{name}: {:?}", scene.faults().await);
        }
        scene.oracle().await;
        let files = 4 * number("RUSHES_STORM_FILES", 12);
        report(&format!("storm before {name}: {files} files at once"), &format!("{spoilt} requests spoilt, seed {}", dice.seed));
    }
}

/// What a policy forbids is refused in words that name what is missing; once that is mended, only the delivery is made up for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_refusals_say_what_is_missing() {
    for (name, words) in [
        ("s3s-fs", "s3:PutObject"),
        ("moto", "s3:PutObject"),
        ("supabase", "INSERT"),
        ("gcs", "storage.objects.create"),
        ("gdrive", "Editor"),
    ] {
        let Some(scene) = Scene::before(name).await else { continue };
        scene.stand.chaos.set_for(rushes_testkit::chaos::Only::requests("PUT", ""), scene.stand.forbids());
        scene.stand.chaos.set_for(rushes_testkit::chaos::Only::requests("POST", ""), scene.stand.forbids());
        let id = scene.job("mira", 3, 1_000).await;
        let job = scene.engine.ended(id).await;
        assert_eq!(job.state, JobState::Failed);
        let listed = scene.engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
        for (_, deliveries) in &listed {
            let fault = deliveries[0].last_fault.as_ref().expect("the reason");
            assert_eq!(fault.code, Code::DestinationRefused, "{fault}");
            assert!(fault.to_string().contains(words), "{name} says what is missing: {fault}");
        }
        let runs = scene.engine.recipes.runs("file 0");
        scene.stand.chaos.set(Weather::Clear);
        scene.engine.parts().store.retry(id).await.unwrap();
        assert_eq!(scene.engine.ended(id).await.state, JobState::Completed);
        assert_eq!(scene.engine.recipes.runs("file 0"), runs, "nothing is made again");
        scene.oracle().await;
    }
}
