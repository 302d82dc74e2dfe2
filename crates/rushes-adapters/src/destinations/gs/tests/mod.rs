//! The promises of a destination, kept before a strict server shaped like Cloud Storage, and as far as it can before an
//! emulator; in clear weather and in bad.

mod weather;

use super::*;
use crate::destinations::sources::{Kept, large, put_at_last, source};
use rushes_core::destination::{Condition, ProofHash, Session};
use rushes_testkit::chaos::{Chaos, Only, Weather};
use rushes_testkit::gcs::Gcs;
use rushes_testkit::google::Google;
use rushes_testkit::servers::gcs_emulator;
use rushes_testkit::{copies_suite, destination_suite_up_to, links_suite, marker_suite, open, simple_suite, uploads_suite};

/// Small parts, so that many fit a small file.
const SMALL_PART_BYTES: u64 = STEP_BYTES;

fn settings(endpoint: &str, bucket: &str, credentials: Credentials) -> GsSettings {
    let (http, endpoint) = (HttpOptions { stalled_after: Duration::from_secs(2) }, Some(endpoint.to_owned()));
    GsSettings { bucket: bucket.into(), endpoint, credentials, project: None, public_base: None, part_bytes: 4 * 1024 * 1024, http }
}

fn account(server: &Gcs) -> Credentials {
    Credentials::parse(&server.google.service_account()).unwrap()
}

fn bucket(server: &Gcs) -> GsDestination {
    server.make_bucket("films", false);
    GsDestination::new(settings(&server.url, "films", account(server))).unwrap()
}

fn in_small_parts(endpoint: &str, credentials: Credentials) -> GsDestination {
    GsDestination::new(GsSettings { part_bytes: SMALL_PART_BYTES, ..settings(endpoint, "films", credentials) }).unwrap()
}

// The server must answer while the test waits for an address to open.
#[tokio::test(flavor = "multi_thread")]
async fn gs_keeps_the_destination_contract() {
    let server = Gcs::start().await;
    let bucket = bucket(&server);
    destination_suite_up_to(&bucket, 1_000).await;
    links_suite(&bucket, true).await;
    copies_suite(&bucket).await;
    marker_suite(&bucket, "a b/Zoë #1", "a b/Zoë #1/").await;
    assert_eq!((server.objects("films").len(), server.open_sessions(), server.google.accounts.issued()), (0, 0, 1));
}

#[tokio::test]
async fn gs_goes_on_with_uploads() {
    let server = Gcs::start().await;
    bucket(&server);
    uploads_suite(&in_small_parts(&server.url, account(&server)), 1_500_000).await;
    assert_eq!((server.objects("films").len(), server.open_sessions()), (0, 0), "nothing is left");
}

/// Left out: conditions, which the emulator ignores, and so the suite of uploads; pages, as it lists everything at once; signed
/// addresses, which take an account.
#[tokio::test]
async fn gs_keeps_the_simple_contract_at_the_emulator() {
    let Some(server) = gcs_emulator() else { return };
    let bucket = GsDestination::new(settings(&server.endpoint, server.bucket, Credentials::None)).unwrap();
    simple_suite(&bucket, 200).await;
    marker_suite(&bucket, "a b/Solo", "a b/Solo/").await;
    let film = large(900_000);
    let parts = GsSettings { part_bytes: SMALL_PART_BYTES, ..settings(&server.endpoint, server.bucket, Credentials::None) };
    let parts = GsDestination::new(parts).unwrap();
    assert!(parts.put(film.create("a [b]/film.mp4")).await.unwrap().proves(&film.blob));
    assert_eq!(parts.list("a [", None).await.unwrap().keys, ["a [b]/film.mp4"]);
    let into = film.folder.path().join("got");
    parts.get("a [b]/film.mp4", None, &into).await.unwrap();
    assert_eq!(std::fs::read(into).unwrap(), std::fs::read(&film.file).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn gs_is_open_to_all_who_have_credentials() {
    let server = Gcs::start().await;
    bucket(&server);
    let picture = source(b"picture");
    let google = &server.google;
    let subject = source(Google::SUBJECT.as_bytes());
    let foreign = google.external_account(&serde_json::json!({"file": subject.file}), true);
    for (index, (credentials, signs)) in [
        (account(&server), true),
        (Credentials::machine_at(&google.metadata_host(), &google.iam()), true),
        (Credentials::parse(&foreign).unwrap(), true),
        (Credentials::parse(&google.authorized_user()).unwrap(), false),
    ]
    .into_iter()
    .enumerate()
    {
        let (bucket, key) = (GsDestination::new(settings(&server.url, "films", credentials)).unwrap(), format!("{index} é#+[].png"));
        bucket.put(picture.create(&key)).await.unwrap();
        let signed = bucket.signed_url(&key, Duration::from_mins(1)).await;
        if signs {
            assert_eq!(open(&signed.unwrap()), (200, b"picture".to_vec()));
        } else {
            assert!(signed.unwrap_err().to_string().contains("service account"));
        }
    }
    google.accounts.allow_signing(false);
    let machine = Credentials::machine_at(&google.metadata_host(), &google.iam());
    let machine = GsDestination::new(settings(&server.url, "films", machine)).unwrap();
    let fault = machine.signed_url("a", Duration::from_mins(1)).await.unwrap_err();
    assert!(fault.to_string().contains("iam.serviceAccounts.signBlob"), "{fault}");
    let nobody = GsDestination::new(settings(&server.url, "films", Credentials::None)).unwrap();
    let fault = nobody.stat("a").await.unwrap_err();
    assert!(fault.to_string().contains("set the destination's credentials"), "{fault}");
    let emulator = Gcs::start_open().await;
    emulator.make_bucket("films", false);
    let open = GsDestination::new(settings(&emulator.url, "films", Credentials::None)).unwrap();
    open.put(picture.create("a.png")).await.unwrap();
}

#[tokio::test]
async fn gs_files_that_are_not_what_was_registered_are_not_sent() {
    let server = Gcs::start().await;
    let bucket = bucket(&server);
    let small = in_small_parts(&server.url, account(&server));
    let (first, second) = (source(b"first"), source(b"other"));
    let fault = bucket.put(Put::new("a.png", &second.file, &first.blob, Condition::CreateOnly)).await.unwrap_err();
    assert_eq!(fault.code, Code::BlobMissing, "{fault}");
    // Too large to be read beforehand: the store refuses them, whole or in parts.
    let film = large(2_000_000);
    let other = source(&vec![7; 2_000_000]);
    for bucket in [&bucket, &small] {
        let fault = bucket.put(Put::new("a.mp4", &other.file, &film.blob, Condition::CreateOnly)).await.unwrap_err();
        assert_eq!(fault.code, Code::BlobMissing, "{fault}");
    }
    std::fs::remove_file(&first.file).unwrap();
    assert_eq!(bucket.put(first.create("a.png")).await.unwrap_err().code, Code::BlobMissing);
    assert_eq!((server.objects("films").len(), server.open_sessions()), (0, 0));
}

#[tokio::test]
async fn gs_refusals_name_what_is_missing() {
    let server = Gcs::start().await;
    let bucket = bucket(&server);
    let (first, second) = (source(b"first"), source(b"second"));
    let said = |fault: Fault, words: &str| {
        assert!(fault.code == Code::DestinationRefused && !fault.is_transient(), "{fault}");
        assert!(fault.to_string().contains(words), "{fault}");
    };
    server.forbid("storage.objects.create");
    said(bucket.put(first.create("a")).await.unwrap_err(), "lacks storage.objects.create on bucket \"films\"");
    server.allow_all();
    let old = bucket.put(first.create("a")).await.unwrap();
    server.forbid("storage.objects.delete");
    assert!(bucket.put(first.create("a")).await.is_ok(), "what is there already need not be written over");
    let fault = bucket.put(Put::new("a", &second.file, &second.blob, Condition::Replace(&old))).await.unwrap_err();
    said(fault, "lacks storage.objects.delete");
    said(bucket.delete("a").await.unwrap_err(), "lacks storage.objects.delete");
    server.allow_all();
    server.forbid("storage.objects.get");
    said(bucket.stat("a").await.unwrap_err(), "lacks storage.objects.get");
    said(bucket.get("a", None, &first.folder.path().join("got")).await.unwrap_err(), "lacks storage.objects.get");
    server.allow_all();
    server.forbid("storage.objects.list");
    said(bucket.stat("none").await.unwrap_err(), "lacks storage.objects.list");
    said(bucket.list("", None).await.unwrap_err(), "lacks storage.objects.list");
    server.allow_all();

    let lost = GsDestination::new(settings(&server.url, "no-bucket", account(&server))).unwrap();
    said(lost.stat("a").await.unwrap_err(), "there is no bucket \"no-bucket\"");
    said(lost.put(first.create("a")).await.unwrap_err(), "there is no bucket");
    let elsewhere = GsDestination::new(settings(&server.google.url, "films", account(&server))).unwrap();
    said(elsewhere.list("", None).await.unwrap_err(), "there is no Cloud Storage at the destination's endpoint");
    server.google.accounts.replace_key();
    server.google.accounts.expire();
    said(bucket.stat("a").await.unwrap_err(), "the key was deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn gs_gives_addresses() {
    let server = Gcs::start().await;
    server.make_bucket("open", true);
    let bucket = GsDestination::new(settings(&server.url, "open", account(&server))).unwrap();
    let digits = source(b"0123456789");
    let key = "a b/[c]? 1;2=3$4é#.txt";
    let proof = bucket.put(digits.create(key)).await.unwrap();
    assert_eq!(open(&bucket.public_url(key)), (200, b"0123456789".to_vec()));
    assert_eq!(bucket.uri("a b/[c].txt"), "gs://open/a b/[c].txt");
    let with_base = GsSettings { public_base: Some("https://cdn.example.com/".into()), ..settings(&server.url, "open", Credentials::None) };
    assert_eq!(GsDestination::new(with_base).unwrap().public_url("a b"), "https://cdn.example.com/a%20b");
    let fault = bucket.signed_url(key, Duration::from_hours(169)).await.unwrap_err();
    assert!(fault.to_string().contains("seven days"), "{fault}");
    // A clock that is wrong signs addresses by Google's time.
    server.google.accounts.set_clock_ahead(3_600);
    server.google.accounts.expire();
    assert!(bucket.stat(key).await.unwrap().is_some());
    assert_eq!(open(&bucket.signed_url(key, Duration::from_mins(1)).await.unwrap()).0, 200);

    assert!(matches!(proof.hash, ProofHash::Md5(_)));
    server.make_composite("open", key);
    let composite = bucket.stat(key).await.unwrap().unwrap();
    assert_eq!(composite.hash, ProofHash::Crc32c(digits.blob.crc32c));
    let other = source(b"other");
    bucket.put(Put::new(key, &other.file, &other.blob, Condition::Replace(&proof))).await.unwrap();
}

#[test]
fn gs_settings_are_checked() {
    let new = |endpoint: &str, bucket: &str| GsDestination::new(settings(endpoint, bucket, Credentials::machine(None)));
    for (endpoint, bucket) in
        [("storage.example.com", "b"), ("https://", "b"), ("https://x/path", "b"), ("https://x", ""), ("https://x", "a/b")]
    {
        assert_eq!(new(endpoint, bucket).unwrap_err().code, Code::ConfigInvalid, "{endpoint} {bucket}");
    }
    let fault = new("http://storage.example.com", "b").unwrap_err();
    assert!(fault.to_string().contains("https"), "a token is never sent in the open: {fault}");
    let odd = GsSettings { part_bytes: 100_000, ..settings("https://x", "b", Credentials::None) };
    assert!(GsDestination::new(odd).unwrap_err().to_string().contains("256 KiB"));
}
