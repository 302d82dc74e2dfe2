//! The workspace of an app's users at a project shaped like Supabase: rows for its pages, the word that a job has ended, and
//! what goes when it is not wanted any more.

use crate::support::{Ahead, Places, TestEngine, parts, recipes::Recipes, soon};
use rushes_adapters::HttpOptions;
use rushes_adapters::catalogs::json::JsonCatalog;
use rushes_adapters::catalogs::supabase::{SupabaseCatalog, WorkspaceSettings};
use rushes_adapters::destinations::supabase::{PART_BYTES, SupabaseDestination, SupabaseSettings};
use rushes_adapters::webhook::{CallbackKeys, Poster};
use rushes_core::catalog::Catalog;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Route, Routes};
use rushes_core::kinds::kept_days;
use rushes_core::store::AssetFilter;
use rushes_core::webhook::{MessageFilter, MessageState};
use rushes_core::{JobState, Kind};
use rushes_engine::webhooks::Change;
use rushes_engine::{Access, Engine, Home, Parts, Site, keep::sweep, restore, webhooks};
use rushes_testkit::servers::callback_verifier;
use rushes_testkit::supabase::Supabase;
use rushes_testkit::webhooks::{Receiver, Reply};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const MIA: &str = "6f1e1d4c-0000-4000-8000-000000000001";
const DAY_MS: i64 = 24 * 3_600_000;
const BUCKET: &str = "workspace-temp";

fn site<T: ?Sized>(name: &str, port: Arc<T>) -> Site<T> {
    Site { name: name.into(), prefix: String::new(), port, in_flight: 8, first_backoff: Duration::from_millis(20), access: Access::Private }
}

/// An engine that keeps the workspace at the project, and all other records beside it.
fn start(folder: &Path, server: &Supabase, clock: Arc<dyn Clock>) -> TestEngine {
    let home = Home::at(&folder.join("home"));
    home.prepare().unwrap();
    let bucket = SupabaseDestination::new(SupabaseSettings {
        endpoint: server.url.clone(),
        bucket: BUCKET.into(),
        key: server.service_key.clone(),
        part_bytes: PART_BYTES,
        whole_max_bytes: PART_BYTES,
        database: None,
        http: HttpOptions::default(),
    });
    let settings = WorkspaceSettings {
        endpoint: server.url.clone(),
        key: server.service_key.clone(),
        days: kept_days(),
        http: HttpOptions::default(),
    };
    let records: Arc<dyn Catalog> = Arc::new(JsonCatalog::new(folder.join("records")));
    let catalogs = vec![site::<dyn Catalog>("rows", Arc::new(SupabaseCatalog::new(settings).unwrap())), site("records", records)];
    let routes = Routes {
        destinations: vec![Route { name: "cloud".into(), ..Route::default() }],
        catalogs: catalogs.iter().map(Site::route).collect(),
        ..Routes::default()
    };
    let (parts, owner) = parts(home, clock, routes, (vec![site("cloud", Arc::new(bucket.unwrap()))], catalogs));
    TestEngine { engine: Engine::start(parts, Recipes::default(), owner), recipes: Recipes::default() }
}

fn asked(job: &str) -> Value {
    json!({"id": job, "user_id": MIA, "thumbnail": true, "metadata": {"page": 3}, "text": job})
}

/// What a page of the user's own sees of the table.
async fn rows(server: &Supabase) -> Vec<Value> {
    let url = format!("{}/rest/v1/workspace_assets?order=job_id", server.url);
    let asked = reqwest::Client::new().get(url).header("apikey", &server.anon_key).bearer_auth(server.user_key(MIA, 600));
    asked.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_rows_tell_a_users_page_what_there_is_and_all_of_it_can_be_restored() {
    let Some(server) = Supabase::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let engine = start(folder.path(), &server, Arc::new(SystemClock));
    assert_eq!(engine.run("workspace", asked("app-7")).await.state, JobState::Completed);
    // What is no workspace is none of the table's business.
    assert_eq!(engine.run("files", json!({"count": 1})).await.state, JobState::Completed);
    engine.settle().await;
    let [row] = &rows(&server).await[..] else { panic!("one row") };
    let (picture, thumbnail) = (format!("{MIA}/app-7/0.bin"), format!("{MIA}/app-7/0.thumb.bin"));
    assert_eq!((&row["temp_storage_path"], &row["thumbnail_path"]), (&json!(picture), &json!(thumbnail)));
    assert_eq!((&row["generation_seed"], &row["original_prompt"], &row["job_id"]), (&json!(7), &json!("a cat"), &json!("app-7")));
    for key in [&picture, &thumbnail] {
        assert!(server.object(BUCKET, key).await.is_some(), "{key} is where the row says");
    }
    let elsewhere = folder.path().join("second");
    std::fs::create_dir_all(&elsewhere).unwrap();
    std::fs::create_dir_all(elsewhere.join("records")).unwrap();
    let second = start(&elsewhere, &server, Arc::new(SystemClock));
    let restored = restore::restore(second.parts(), &|_| {}).await.unwrap();
    assert_eq!((restored.adopted, restored.lost.len()), (2, 0), "{restored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_rows_expire_with_their_objects_and_thumbnails() {
    let Some(server) = Supabase::start().await else { return };
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Ahead::default()));
    let engine = start(folder.path(), &server, clock.clone());
    engine.run("workspace", asked("app-1")).await;
    clock.0.store(5 * DAY_MS, Ordering::SeqCst);
    engine.run("workspace", asked("app-2")).await;
    engine.settle().await;
    assert_eq!((rows(&server).await.len(), server.count().await), (2, 4));
    clock.0.store(8 * DAY_MS, Ordering::SeqCst);
    assert_eq!(sweep(engine.parts(), false).await.unwrap().expired, 2, "a picture and its thumbnail");
    engine.settle().await;
    let left = rows(&server).await;
    assert_eq!((left.len(), &left[0]["job_id"]), (1, &json!("app-2")));
    let keys: Vec<String> = server.objects().await.into_iter().map(|object| object.key).collect();
    assert!(keys.len() == 2 && keys.iter().all(|key| key.starts_with(&format!("{MIA}/app-2/"))), "{keys:?}");
    // The day its row tells is the day it goes.
    let expires = left[0]["expires_at"].as_str().unwrap();
    let made = left[0]["created_at"].as_str().unwrap();
    assert_ne!(expires, made);
    clock.0.store(13 * DAY_MS, Ordering::SeqCst);
    assert_eq!(sweep(engine.parts(), false).await.unwrap().expired, 2);
    engine.settle().await;
    assert_eq!((rows(&server).await.len(), server.count().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_rows_of_who_is_no_user_of_the_app_are_refused_in_words() {
    let Some(server) = Supabase::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let engine = start(folder.path(), &server, Arc::new(SystemClock));
    let job = engine.run("workspace", json!({"user_id": "ana", "text": "x"})).await;
    let fault = job.fault.expect("its row is refused").to_string();
    assert!(job.state == JobState::Failed && fault.contains("whose id is a UUID") && fault.contains("ana"), "{fault}");
    assert!(rows(&server).await.is_empty());
}

/// An engine that tells an app at `url` of its workspace's jobs.
fn start_telling(folder: &Path, url: &str) -> TestEngine {
    let home = Home::at(&folder.join("home"));
    home.prepare().unwrap();
    let places = Places::memory(folder);
    let (_, bucket) = &places.destinations[0];
    let catalogs = vec![site("records", places.catalog.clone())];
    let routes = Routes {
        destinations: vec![Route { name: "cloud".into(), ..Route::default() }],
        catalogs: vec!["records".into()],
        callback_url: Some(url.to_owned()),
        ..Routes::default()
    };
    let (parts, owner) = parts(home, Arc::new(SystemClock), routes, (vec![site("cloud", bucket.clone())], catalogs));
    let keys = CallbackKeys { secret: "s3cret".into(), bearer: Some("service".into()) };
    let mut webhooks = parts.webhooks.clone();
    webhooks.post = Arc::new(Poster::new(true).with_callback(Some(keys)));
    TestEngine { engine: Engine::start(Parts { webhooks, ..parts }, Recipes::default(), owner), recipes: Recipes::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_callbacks_are_genuine_and_the_same_in_every_try() {
    let folder = tempfile::tempdir().unwrap();
    let app = Receiver::start().await;
    app.plan([Reply::Status(500), Reply::Lost, Reply::Status(204)]);
    let engine = start_telling(folder.path(), &app.url);
    engine.run("workspace", asked("app-7")).await;
    let received = app.wait_for(3, soon()).await;
    engine.settle().await;
    let body = received[0].json();
    assert_eq!((&body["job_id"], &body["status"], &body["metadata"]), (&json!("app-7"), &json!("completed"), &json!({"page": 3})));
    let assets = body["assets"].as_array().unwrap();
    assert_eq!((assets.len(), &assets[0]["temp_storage_path"]), (1, &json!(format!("{MIA}/app-7/0.bin"))));
    assert!(assets[0]["file_size_bytes"].as_u64() > Some(0) && assets[0]["generation_seed"] == 7, "{body}");
    let first = &received[0];
    assert!(received.iter().all(|one| one.id() == first.id() && one.body == first.body && !one.id().is_empty()));
    assert_eq!((first.header("authorization"), first.header("content-type")), ("Bearer service", "application/json"));
    assert!(first.header("webhook-signature").is_empty() && first.header("webhook-timestamp").parse::<i64>().is_ok());
    if let Some(verifier) = callback_verifier() {
        verifier.verify("s3cret", first).unwrap();
        verifier.verify("another", first).unwrap_err();
        let mut changed = first.clone();
        changed.body.push(b' ');
        verifier.verify("s3cret", &changed).unwrap_err();
    }
    let log = engine.parts().store.messages(&MessageFilter { limit: 10, ..MessageFilter::default() }).await.unwrap();
    assert_eq!((log.len(), log[0].state, log[0].attempts, log[0].url.as_str()), (1, MessageState::Done, 3, &*app.url));
    webhooks::change(engine.parts(), Change::Redeliver { message: log[0].id }).await.unwrap();
    let again = app.wait_for(4, soon()).await.remove(3);
    assert_eq!(
        (again.id(), &again.body, again.header("x-callback-signature")),
        (first.id(), &first.body, first.header("x-callback-signature"))
    );
    // No other workflow's ends are the app's business.
    engine.run("files", json!({"count": 1})).await;
    engine.run("workspace", json!({"id": "app-8", "user_id": MIA, "fails": true})).await;
    let failed = app.wait_for(5, soon()).await.remove(4).json();
    assert_eq!((&failed["job_id"], &failed["status"], &failed["assets"]), (&json!("app-8"), &json!("failed"), &json!([])));
    assert!(failed["error_message"].as_str().unwrap().contains("no such model"), "{failed}");
    engine.settle().await;
    assert_eq!(app.received().len(), 5);
    let made = engine.parts().store.assets(&AssetFilter { kind: Some(Kind::WorkspaceImage), ..AssetFilter::default() }).await.unwrap();
    assert_eq!(made.len(), 1);
}
