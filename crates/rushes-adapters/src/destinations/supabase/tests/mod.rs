//! The promises of a destination, kept before a server shaped like Supabase Storage, in clear weather and in bad.

mod project;
mod weather;

use super::*;
use crate::destinations::sources::{Kept, large, put_at_last, source};
use crate::http::HttpOptions;
use rushes_core::destination::{Condition, ProofHash, Shows};
use rushes_testkit::chaos::{Chaos, Only, Weather};
use rushes_testkit::supabase::Supabase;
use rushes_testkit::{copies_suite, destination_suite_up_to, links_suite, marker_suite, open, uploads_suite};

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

// The server must answer while the test waits for an address to open.
#[tokio::test(flavor = "multi_thread")]
async fn supabase_keeps_the_destination_contract() {
    let Some(server) = Supabase::start().await else { return };
    let bucket = bucket(&server).await;
    destination_suite_up_to(&bucket, 255).await;
    links_suite(&bucket, true).await;
    copies_suite(&bucket).await;
    marker_suite(&bucket, "a b/Zoë #1", "a b/Zoë #1/.emptyFolderPlaceholder").await;
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
async fn supabase_files_that_are_not_what_was_registered_are_not_sent() {
    let Some(server) = Supabase::start().await else { return };
    let bucket = bucket(&server).await;
    let (first, second) = (source(b"first"), source(b"other"));
    let fault = bucket.put(Put::new("a.png", &second.file, &first.blob, Condition::CreateOnly)).await.unwrap_err();
    assert_eq!(fault.code, Code::BlobMissing, "{fault}");
    std::fs::remove_file(&first.file).unwrap();
    assert_eq!(bucket.put(first.create("a.png")).await.unwrap_err().code, Code::BlobMissing);
    assert_eq!(server.count().await, 0);
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
async fn supabase_gives_addresses() {
    let Some(server) = Supabase::start().await else { return };
    server.make_bucket("open", true).await;
    let bucket = SupabaseDestination::new(settings(&format!("{}/storage/v1/", server.url), "open", &server.service_key)).unwrap();
    let digits = source(b"0123456789");
    let key = "a b/[c]? 1;2=3$4.txt";
    bucket.put(digits.create(key)).await.unwrap();
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

#[tokio::test]
async fn supabase_listings_leave_out_names_that_lead_elsewhere() {
    let Some(server) = Supabase::start().await else { return };
    let bucket = SupabaseDestination::new(settings(&server.url, "workspace-temp", &server.service_key)).unwrap();
    let picture = source(b"picture");
    let (own, another) = (format!("{USER}/1/0.png"), "another/1/0.png");
    for key in [own.as_str(), another, "odd.png"] {
        bucket.put(picture.create(key)).await.unwrap();
    }
    // The policies of the workspace keep users from it; here it is the service itself that does so.
    let ends = serde_json::json!({"bucketId": "workspace-temp", "sourceKey": "odd.png", "destinationKey": format!("{USER}/../{another}")});
    let call = Call::new(Method::POST, "object/move".to_owned(), bucket.about("move object", "UPDATE", "odd.png")).json(&ends);
    bucket.ask::<serde_json::Value>(call, "Key").await.map_err(Fault::from).unwrap();
    assert_eq!(server.count().await, 3);
    let listed = bucket.list(USER, None).await.unwrap().keys;
    assert_eq!(listed, [own]);
    for key in listed {
        bucket.delete(&key).await.unwrap();
    }
    assert!(server.object("workspace-temp", another).await.is_some(), "clearing one user's folder leaves another's");
}
