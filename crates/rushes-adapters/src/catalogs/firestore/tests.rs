//! Tests of the catalog in Firestore: on a strict server of our own, and on another's lax emulator.

use super::*;
use crate::catalogs::processes;
use rushes_testkit::firestore::{Firestore, Planned};
use rushes_testkit::google::Google;
use rushes_testkit::servers::firestore_emulator;
use rushes_testkit::{catalog_suite, writers_ended};
use serde_json::json;
use std::sync::Arc;

fn settings(url: &str) -> FirestoreSettings {
    FirestoreSettings {
        project: Firestore::PROJECT.into(),
        database: Firestore::DATABASE.into(),
        endpoint: Some(url.into()),
        credentials: Credentials::None,
        patience: Duration::from_secs(10),
    }
}

fn catalog(url: &str) -> FirestoreCatalog {
    FirestoreCatalog::new(settings(url)).unwrap()
}

fn record(rev: u64, fields: Json) -> Record {
    Record { collection: "characters".into(), id: "mira_1".into(), rev, fields }
}

#[tokio::test]
async fn firestore_keeps_the_catalog_contract() {
    let server = Firestore::start().await;
    catalog_suite(&catalog(&server.url)).await;
}

#[tokio::test]
async fn firestore_keeps_the_catalog_contract_on_an_emulator() {
    let Some(server) = firestore_emulator() else { return };
    catalog_suite(&catalog(&server.url)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn firestore_ends_with_the_last_of_many_writers() {
    let server = Firestore::start().await;
    let children = processes::start("catalogs::firestore::tests::firestore_writers_of_a_process", &server.url);
    for views in 1..=50 {
        server.change("characters/busy_1", "views", &format!("{views} times"));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::task::spawn_blocking(|| processes::join(children)).await.unwrap();
    writers_ended(&catalog(&server.url), &[("views", json!("50 times"))]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of firestore_ends_with_the_last_of_many_writers"]
async fn firestore_writers_of_a_process() {
    processes::work(|url| Arc::new(catalog(url))).await;
}

#[tokio::test]
async fn firestore_goes_on_when_it_was_not_alone_and_when_an_answer_was_lost() {
    let server = Firestore::start().await;
    let catalog = catalog(&server.url);
    for code in [tonic::Code::Aborted, tonic::Code::FailedPrecondition, tonic::Code::AlreadyExists] {
        server.plan("Commit", Planned::Refused(code, "someone was faster".into()));
    }
    catalog.put(&record(1, json!({"name": "Mira", "hair.colour": "red"}))).await.unwrap();
    assert_eq!(server.calls("Commit"), 4, "each try reads and writes anew");
    assert_eq!(catalog.get("characters", "mira_1").await.unwrap().unwrap(), record(1, json!({"name": "Mira", "hair.colour": "red"})));
    server.plan("Commit", Planned::AnswerLost);
    let lost = catalog.put(&record(2, json!({"name": "Mira Two"}))).await.unwrap_err();
    assert_eq!(lost.code, Code::CatalogDown);
    catalog.put(&record(2, json!({"name": "Mira Two"}))).await.unwrap();
    assert_eq!((server.calls("Commit"), server.calls("Rollback")), (5, 1), "it was written the first time");
}

#[tokio::test]
async fn firestore_says_in_words_what_is_refused() {
    let server = Firestore::start().await;
    let catalog = catalog(&server.url);
    for (status, message, code, words) in [
        (
            Grpc::PermissionDenied,
            "Missing or insufficient permissions.",
            Code::DestinationRefused,
            "roles/datastore.user in project rushes-test",
        ),
        (
            Grpc::PermissionDenied,
            "Cloud Firestore API has not been used in project 1 before",
            Code::DestinationRefused,
            "gcloud services enable",
        ),
        (
            Grpc::NotFound,
            "The database (default) does not exist for project x",
            Code::DestinationRefused,
            "databases create --project rushes-test",
        ),
        (
            Grpc::FailedPrecondition,
            "The Cloud Firestore API is not available for Firestore in Datastore Mode",
            Code::DestinationRefused,
            "native mode",
        ),
        (Grpc::ResourceExhausted, "Quota exceeded.", Code::DestinationBusy, "quota"),
        (Grpc::Unavailable, "The service is currently unavailable.", Code::CatalogDown, "currently unavailable"),
        (Grpc::Internal, "", Code::CatalogDown, "Internal"),
        (Grpc::Unauthenticated, "Request had invalid credentials.", Code::DestinationRefused, "clock right"),
        (Grpc::InvalidArgument, "too many index entries for entity", Code::DestinationRefused, "1 MiB"),
    ] {
        server.plan("Commit", Planned::Refused(status, message.into()));
        let fault = catalog.put(&record(1, json!({}))).await.unwrap_err();
        assert!(fault.code == code && fault.to_string().contains(words), "{fault}");
    }
    let other = FirestoreCatalog::new(FirestoreSettings { database: "elsewhere".into(), ..settings(&server.url) }).unwrap();
    assert!(other.get("characters", "a").await.unwrap_err().to_string().contains("--database \"elsewhere\""));
    let large = catalog.put(&record(1, json!({"text": "x".repeat(1024 * 1024)}))).await.unwrap_err();
    assert!(large.code == Code::DestinationRefused && large.to_string().contains("postgres://"), "{large}");
    assert!(catalog.get("characters", "a/b").await.is_err());
    drop(server);
    let down = catalog.put(&record(1, json!({}))).await.unwrap_err();
    assert_eq!(down.code, Code::CatalogDown, "{down}");
}

#[tokio::test]
async fn firestore_refuses_only_what_the_server_would() {
    let server = Firestore::start().await;
    let catalog = catalog(&server.url);
    // Name, collection and the other fields count too; found by halving, so that ours and the server's reckoning are one.
    let (mut fits, mut too_large) = (1_000_000, 1_048_576);
    while too_large - fits > 1 {
        let middle = usize::midpoint(fits, too_large);
        let rev = u64::try_from(middle).unwrap() + 10_000_000 * u64::try_from(server.calls("Commit") + 1).unwrap();
        match catalog.put(&record(rev, json!({"text": "x".repeat(middle)}))).await {
            Ok(()) => fits = middle,
            Err(fault) => {
                assert!(fault.to_string().contains("a document of Firestore holds"), "{fault}");
                too_large = middle;
            }
        }
    }
    assert_eq!(server.calls("Commit"), server.calls("BatchGetDocuments"), "what is too large is not even sent");
    assert_eq!(fits, 1_048_576 - 16 - 32 - "characters".len() - 1 - "mira_1".len() - 1 - "text".len() - 1 - 1 - "rev".len() - 1 - 8);
}

#[tokio::test]
async fn firestore_asks_with_a_token_and_once_more_when_it_ended_early() {
    let (server, google) = (Firestore::start().await, Google::start().await);
    server.let_in_only(&google.accounts);
    let refused = catalog(&server.url).get("characters", "a").await.unwrap_err();
    assert!(refused.code == Code::DestinationRefused && refused.to_string().contains("clock right"), "{refused}");
    let credentials = Credentials::parse(&google.service_account()).unwrap();
    let catalog = FirestoreCatalog::new(FirestoreSettings { credentials, ..settings(&server.url) }).unwrap();
    catalog.put(&record(1, json!({"name": "Mira"}))).await.unwrap();
    assert_eq!(google.accounts.issued(), 1);
    google.accounts.expire();
    catalog.put(&record(2, json!({"name": "Mira Two"}))).await.unwrap();
    assert_eq!(google.accounts.issued(), 2);
}
