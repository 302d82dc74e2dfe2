//! The promises of a destination, kept before a server shaped like Supabase Storage, in clear weather and in bad.

use super::*;
use rushes_core::destination::{Condition, Session};
use rushes_core::digest::digest;
use rushes_testkit::chaos::{Chaos, Only, Weather};
use rushes_testkit::supabase::Supabase;
use rushes_testkit::{destination_suite_up_to, links_suite, open, uploads_suite};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

const USER: &str = "6f7a4d8e-3c5b-4f0a-9f0e-0d6a4b1c2d3e";
/// Small parts, so that many fit a small file.
const SMALL_PART_BYTES: u64 = 100_000;

fn settings(endpoint: &str, bucket: &str, key: &str) -> SupabaseSettings {
    let http = HttpOptions { stalled_after: Duration::from_secs(2) };
    SupabaseSettings { http, ..SupabaseSettings::new(endpoint, bucket, key) }
}

async fn bucket(server: &Supabase) -> SupabaseDestination {
    server.make_bucket("films", false).await;
    SupabaseDestination::new(settings(&server.url, "films", &server.service_key)).unwrap()
}

fn in_small_parts(endpoint: &str, key: &str) -> SupabaseDestination {
    let settings = settings(endpoint, "films", key);
    SupabaseDestination::new(SupabaseSettings { part_bytes: SMALL_PART_BYTES, whole_max_bytes: SMALL_PART_BYTES, ..settings }).unwrap()
}

struct Source {
    folder: tempfile::TempDir,
    file: PathBuf,
    blob: Blob,
}

fn source(bytes: &[u8]) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("source");
    std::fs::File::create(&file).and_then(|mut file| file.write_all(bytes)).unwrap();
    Source { file, folder, blob: digest(bytes, "video/mp4").unwrap() }
}

fn large(bytes: u32) -> Source {
    source(&(0..bytes).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>())
}

impl Source {
    fn create<'a>(&'a self, key: &'a str) -> Put<'a> {
        Put::new(key, &self.file, &self.blob, Condition::CreateOnly)
    }
}

#[derive(Default)]
struct Kept(Mutex<Option<String>>);

#[async_trait]
impl Session for Kept {
    fn kept(&self) -> Option<String> {
        self.0.lock().unwrap().clone()
    }

    async fn keep(&self, text: &str) -> Result<(), Fault> {
        *self.0.lock().unwrap() = Some(text.to_owned());
        Ok(())
    }
}

// The server must answer while the test waits for an address to open.
#[tokio::test(flavor = "multi_thread")]
async fn supabase_keeps_the_destination_contract() {
    let Some(server) = Supabase::start().await else { return };
    let bucket = bucket(&server).await;
    destination_suite_up_to(&bucket, 255).await;
    links_suite(&bucket, true).await;
    assert_eq!((server.count().await, server.open_uploads()), (0, 0));
}

#[tokio::test]
async fn supabase_goes_on_with_uploads() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    uploads_suite(&in_small_parts(&server.url, &server.service_key), 1_234_567).await;
    assert_eq!((server.count().await, server.open_uploads()), (0, 0), "nothing is left");
}

#[tokio::test]
async fn supabase_large_objects_are_proven_by_their_parts() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = SupabaseDestination::new(settings(&chaos.url(), "films", &server.service_key)).unwrap();
    let film = large(15_000_000);
    // The connection breaks in the second part, and what has arrived of it is not sent again.
    let kept = Kept::default();
    let put = Put { session: &kept, ..film.create("[a] film.mp4") };
    for weather in [Weather::CutBody { after_bytes: 1_000_000 }, Weather::Clear] {
        chaos.set_for(Only::requests("PATCH", "resumable").first(1), weather);
    }
    let fault = bucket.put(put).await.err();
    let proof = if fault.is_some() { bucket.put(put).await.unwrap() } else { bucket.stat(put.key).await.unwrap().unwrap() };
    assert_eq!(proof.hash, ProofHash::Noted(film.blob.sha256.clone()));
    assert_eq!(chaos.count("GET", "/object/authenticated/"), 0, "its etag proves it, and it is not read back");
    let stat = bucket.stat(put.key).await.unwrap().unwrap();
    assert!(stat.holds(&film.blob, Some(&proof)), "{stat:?}");
    let there = server.object("films", "=5Ba=5D film.mp4").await.unwrap();
    assert_eq!(there.bytes.len() as u64, film.blob.size_bytes);
    assert_eq!(there.metadata["mimetype"], "video/mp4");
    assert_eq!(there.user_metadata.unwrap()["sha256"], film.blob.sha256);
    assert!(bucket.put(film.create(put.key)).await.unwrap().is_of(&film.blob), "the same again is success");
    assert_eq!(server.open_uploads(), 0);
}

#[tokio::test]
async fn supabase_uploads_survive_bad_weather() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = in_small_parts(&chaos.url(), &server.service_key);
    let patch = |count| Only::requests("PATCH", "resumable").first(count);
    // Each with the answer of that very part; the last stands for one whose whole answer is lost.
    for (index, weather) in [
        Weather::LostAnswer,
        Weather::CutBody { after_bytes: 30_000 },
        Weather::Stall { after_bytes: 30_000 },
        Weather::too_many(Some(3)),
        Weather::json(500, &json!({"message": "no"})),
        Weather::Corrupt,
    ]
    .into_iter()
    .enumerate()
    {
        let (film, kept, key) = (large(450_000 + u32::try_from(index).unwrap()), Kept::default(), format!("film {index}"));
        let put = Put { session: &kept, ..film.create(&key) };
        chaos.set_for(patch(1), weather.clone());
        let mut tries = 0;
        let proof = loop {
            tries += 1;
            match bucket.put(put).await {
                Ok(proof) => break proof,
                Err(fault) => assert!(fault.is_transient() && tries < 4, "{weather:?}: {fault}"),
            }
        };
        assert!(proof.is_of(&film.blob), "{weather:?}");
        assert_eq!(server.object("films", &key).await.unwrap().bytes, std::fs::read(&film.file).unwrap(), "{weather:?}");
        let begun = chaos.count("POST", "upload/resumable");
        chaos.forget();
        assert_eq!(begun, if weather == Weather::Corrupt { 2 } else { 1 }, "{weather:?}: it goes on where it stopped");
        assert_eq!(server.open_uploads(), 0);
    }
    for weather in [Weather::LostAnswer, Weather::Stall { after_bytes: 50_000 }] {
        let (film, kept) = (large(250_001), Kept::default());
        let put = Put { session: &kept, ..film.create("last.mp4") };
        chaos.set_for(patch(3), weather);
        let ended = bucket.put(put).await;
        let proof = if ended.is_ok() { ended } else { bucket.put(put).await };
        chaos.set(Weather::Clear);
        assert!(proof.is_ok_and(|proof| proof.is_of(&film.blob)));
        bucket.delete("last.mp4").await.unwrap();
    }
}

#[tokio::test]
async fn supabase_uploads_that_are_of_no_more_use_are_removed() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = in_small_parts(&chaos.url(), &server.service_key);
    let film = large(350_000);
    let kept = Kept::default();
    let put = Put { session: &kept, ..film.create("film.mp4") };
    let second = || chaos.set_for(Only::requests("PATCH", "resumable").first(2), Weather::too_many(None));
    second();
    assert!(bucket.put(put).await.unwrap_err().is_transient());
    server.expire_uploads();
    chaos.set(Weather::Clear);
    assert!(bucket.put(put).await.unwrap().is_of(&film.blob), "an expired upload is begun anew");
    bucket.delete("film.mp4").await.unwrap();
    let expired = server.open_uploads();

    *kept.0.lock().unwrap() = None;
    second();
    assert!(bucket.put(put).await.is_err());
    assert_eq!(server.open_uploads(), expired + 1);
    chaos.set(Weather::Clear);
    let other = source(b"somebody else's");
    bucket.put(other.create("film.mp4")).await.unwrap();
    assert_eq!(bucket.put(put).await.unwrap_err().code, Code::DestinationConflict);
    assert_eq!(server.open_uploads(), expired, "what nobody will finish is gone");
}

#[tokio::test]
async fn supabase_spoilt_objects_are_taken_away() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = in_small_parts(&chaos.url(), &server.service_key);
    let picture = large(50_000);
    chaos.set_for(Only::requests("POST", "/object/films").first(1), Weather::Corrupt);
    let fault = bucket.put(picture.create("a.png")).await.unwrap_err();
    assert!(fault.code == Code::ProofFailed && fault.is_transient(), "{fault}");
    assert!(bucket.stat("a.png").await.unwrap().is_none());
    // It was not taken away because the connection broke: the next put knows it as its own.
    chaos.set_for(Only::requests("POST", "/object/films").first(1), Weather::Corrupt);
    chaos.set_for(Only::requests("DELETE", "/object/films").first(1), Weather::too_many(None));
    assert!(bucket.put(picture.create("a.png")).await.unwrap_err().is_transient());
    assert!(bucket.put(picture.create("a.png")).await.unwrap().is_of(&picture.blob));
}

#[tokio::test]
async fn supabase_answers_that_do_not_come_whole_are_asked_for_again() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = SupabaseDestination::new(settings(&chaos.url(), "films", &server.service_key)).unwrap();
    let picture = source(b"picture");
    let error = json!({"statusCode": "403", "error": "Unauthorized", "message": "new row violates row-level security policy"});
    for (weather, is_transient) in [
        (Weather::LostAnswer, true),
        (Weather::HalfAnswer, true),
        (Weather::Stall { after_bytes: 3 }, true),
        (Weather::too_many(Some(7)), true),
        (Weather::json(503, &json!({})), true),
        (Weather::json(400, &json!({"statusCode": "503", "message": "later"})), true),
        (Weather::Answer { status: 200, headers: Vec::new(), body: r#"{"Key": "fil"#.into() }, true),
        (Weather::json(200, &json!({"error": "not really"})), true),
        (Weather::json(200, &error), false),
        (Weather::json(401, &json!({"message": format!("Invalid API key {}", server.service_key)})), false),
    ] {
        chaos.set_for(Only::requests("POST", "/object/films").first(1), weather.clone());
        let fault = bucket.put(picture.create("a.png")).await.unwrap_err();
        assert_eq!(fault.is_transient(), is_transient, "{weather:?}: {fault}");
        assert_eq!(fault.retry_after_ms, (weather == Weather::too_many(Some(7))).then_some(7_000), "{fault}");
        assert!(!fault.to_string().contains(&server.service_key), "{fault}");
        bucket.put(picture.create("a.png")).await.unwrap();
        bucket.delete("a.png").await.unwrap();
    }
    bucket.put(picture.create("a.png")).await.unwrap();
    for weather in [Weather::HalfAnswer, Weather::json(200, &json!({})), Weather::too_many(None)] {
        chaos.set_for(Only::requests("", "a.png").first(1), weather.clone());
        let fault = bucket.stat("a.png").await.unwrap_err();
        assert!(fault.code == Code::DestinationDown && fault.is_transient(), "{weather:?}: {fault}");
        chaos.set_for(Only::requests("", "list").first(1), weather.clone());
        assert!(bucket.list("", None).await.unwrap_err().is_transient(), "{weather:?}");
        chaos.set_for(Only::requests("", "sign").first(1), weather.clone());
        let fault = bucket.signed_url("a.png", Duration::from_secs(9)).await.unwrap_err();
        assert!(fault.is_transient() && !fault.to_string().contains("token="), "{weather:?}: {fault}");
    }
    let into = picture.folder.path().join("got");
    chaos.set_for(Only::requests("GET", "a.png").first(1), Weather::HalfAnswer);
    assert!(bucket.get("a.png", None, &into).await.unwrap_err().is_transient());
    bucket.get("a.png", None, &into).await.unwrap();
}

#[tokio::test]
async fn supabase_refusals_name_what_is_missing() {
    let Some(server) = Supabase::start().await else { return };
    let picture = source(b"picture");
    let put = async |bucket: &str, key: &str, at: &str| {
        let bucket = SupabaseDestination::new(settings(&server.url, bucket, key)).unwrap();
        bucket.put(picture.create(at)).await
    };
    let user = server.user_key(USER, 60);
    let own = format!("{USER}/1/0.png");
    put("workspace-temp", &user, &own).await.unwrap();
    for (bucket, key, at, is_transient, words) in [
        ("workspace-temp", &user, "other/0.png", false, "does not allow INSERT"),
        ("workspace-temp", &server.anon_key, own.as_str(), false, "does not allow INSERT"),
        ("workspace-temp", &server.user_key(USER, -60), own.as_str(), true, "renew"),
        ("workspace-temp", &"not.a.key".to_owned(), own.as_str(), false, "API keys"),
        ("no-bucket", &server.service_key, "a.png", false, "create the bucket"),
    ] {
        let fault = put(bucket, key, at).await.unwrap_err();
        assert_eq!((fault.code, fault.is_transient()), (Code::DestinationRefused, is_transient), "{fault}");
        assert!(fault.to_string().contains(words) && !fault.to_string().contains(key.as_str()), "{fault}");
    }
    let stranger = SupabaseDestination::new(settings(&server.url, "workspace-temp", &server.anon_key)).unwrap();
    assert!(stranger.stat(&own).await.unwrap().is_none(), "what policies hide is not there");
    let lost = SupabaseDestination::new(settings(&server.url, "no-bucket", &server.service_key)).unwrap();
    assert!(lost.stat("a.png").await.unwrap_err().to_string().contains("create the bucket"));
    let expired = SupabaseDestination::new(settings(&server.url, "workspace-temp", &server.user_key(USER, -60))).unwrap();
    let fault = expired.stat(&own).await.unwrap_err();
    assert!(fault.code == Code::DestinationRefused && fault.is_transient(), "{fault}");

    server.set_file_size_limit(3);
    let fault = put("workspace-temp", &user, &format!("{USER}/1/1.png")).await.unwrap_err();
    assert!(fault.to_string().contains("file size limit"), "{fault}");
    let large = large(300_000);
    server.make_bucket("films", false).await;
    let fault = in_small_parts(&server.url, &server.service_key).put(large.create("film.mp4")).await.unwrap_err();
    assert!(fault.code == Code::DestinationRefused && fault.to_string().contains("file size limit"), "{fault}");
    let fault = in_small_parts(&server.url, &server.user_key(USER, 60)).put(large.create("film.mp4")).await.unwrap_err();
    assert!(fault.code == Code::DestinationRefused, "{fault}");
}

// The server must answer while the test waits for an address to open.
#[tokio::test(flavor = "multi_thread")]
async fn supabase_gets_ranges_and_gives_addresses() {
    let Some(server) = Supabase::start().await else { return };
    server.make_bucket("open", true).await;
    let bucket = SupabaseDestination::new(settings(&format!("{}/storage/v1/", server.url), "open", &server.service_key)).unwrap();
    let (digits, nothing) = (source(b"0123456789"), source(b""));
    let key = "a b/[c]? 1;2=3$4.txt";
    bucket.put(digits.create(key)).await.unwrap();
    bucket.put(nothing.create("nothing")).await.unwrap();
    let into = digits.folder.path().join("got");
    for (range, wanted) in [(0..10, "0123456789"), (3..5, "34"), (8..99, "89"), (10..12, ""), (4..4, "")] {
        bucket.get(key, Some(range), &into).await.unwrap();
        assert_eq!(std::fs::read_to_string(&into).unwrap(), wanted);
        std::fs::remove_file(&into).unwrap();
    }
    bucket.get("nothing", Some(0..5), &into).await.unwrap();
    assert_eq!(bucket.get("none", Some(4..4), &digits.folder.path().join("none")).await.unwrap_err().code, Code::NotFound);
    assert_eq!(open(&bucket.public_url(key)), (200, b"0123456789".to_vec()));
    let signed = bucket.signed_url(key, Duration::from_mins(1)).await.unwrap();
    assert_eq!(open(&signed), (200, b"0123456789".to_vec()));
    assert_eq!(bucket.signed_url("none", Duration::from_mins(1)).await.unwrap_err().code, Code::NotFound);
    assert_eq!(bucket.uri("a b/[c].txt"), "supabase://open/a%20b/%5Bc%5D.txt");
}

#[tokio::test]
async fn supabase_lists_older_servers_by_folder() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let gone = json!({"statusCode": "404", "error": "Bucket not found", "message": "Bucket not found"});
    chaos.set_for(Only::requests("POST", "list-v2"), Weather::json(400, &gone));
    let bucket = SupabaseDestination::new(settings(&chaos.url(), "films", &server.service_key)).unwrap();
    destination_suite_up_to(&bucket, 255).await;
    assert_eq!(chaos.count("POST", "list-v2"), 1, "it is asked once");
}

#[test]
fn supabase_settings_are_checked_and_keep_their_secret() {
    let new = |endpoint: &str, bucket: &str, key: &str| SupabaseDestination::new(SupabaseSettings::new(endpoint, bucket, key));
    let shown = format!("{:?} {:?}", SupabaseSettings::new("https://x", "b", "secret-1"), new("https://x", "b", "secret-1").unwrap());
    assert!(!shown.contains("secret-1"), "{shown}");
    for (endpoint, bucket, key) in
        [("x.supabase.co", "b", "k"), ("https://", "b", "k"), ("https://x", "", "k"), ("https://x", "b", ""), ("https://x", "b", "k\n")]
    {
        let fault = new(endpoint, bucket, key).unwrap_err();
        assert_eq!(fault.code, Code::ConfigInvalid, "{endpoint} {bucket}");
    }
}
