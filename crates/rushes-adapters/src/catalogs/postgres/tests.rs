//! Tests of the catalog in Postgres, on a real one.

use super::*;
use crate::catalogs::processes;
use rushes_testkit::servers::{Postgres, postgres};
use rushes_testkit::supabase::Supabase;
use rushes_testkit::{catalog_suite, writers_ended};
use serde_json::json;
use std::sync::Arc;
use tokio_postgres::NoTls;

fn settings(address: &str) -> PostgresSettings {
    PostgresSettings { address: address.to_owned(), password: None, authority: None, patience: Duration::from_secs(10) }
}

fn catalog(address: &str) -> PostgresCatalog {
    PostgresCatalog::new(&settings(address)).unwrap()
}

/// A session of somebody else.
async fn other(server: &Postgres) -> Client {
    connect(&server.url()).await
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn as_user(server: &Postgres, user: &str) -> String {
    server.url().replace(&format!("//{}@", server.user), &format!("//{user}@"))
}

fn record(collection: &str, id: &str, rev: u64, fields: Value) -> Record {
    Record { collection: collection.into(), id: id.into(), rev, fields }
}

#[tokio::test]
async fn postgres_keeps_the_catalog_contract() {
    let Some(server) = postgres() else { return };
    catalog_suite(&catalog(&server.url())).await;
    // A collection without a table of its own.
    let probe = record("rushes-doctor", "a-b", 1, json!({"probe": true}));
    let catalog = catalog(&server.url());
    catalog.put(&probe).await.unwrap();
    assert_eq!(catalog.get("rushes-doctor", "a-b").await.unwrap(), Some(probe));
    assert_eq!(catalog.list("rushes-doctor", None).await.unwrap(), ["a-b"]);
    assert!(catalog.list("rushes-doctor", Some("a-b")).await.unwrap().is_empty());
    catalog.delete("rushes-doctor", "a-b").await.unwrap();
    assert_eq!(catalog.get("rushes-doctor", "a-b").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_ends_with_the_last_of_many_writers() {
    let Some(server) = postgres() else { return };
    catalog(&server.url()).list("characters", None).await.unwrap();
    let reader = other(&server).await;
    reader
        .batch_execute("ALTER TABLE characters ADD COLUMN note text; INSERT INTO characters (id, note) VALUES ('busy_1', 'mine')")
        .await
        .unwrap();
    let children = processes::start("catalogs::postgres::tests::postgres_writers_of_a_process", &server.url());
    for views in 1..=50 {
        let change = format!("UPDATE characters SET record = record || '{{\"views\": {views}}}' WHERE id = 'busy_1'");
        reader.batch_execute(&change).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::task::spawn_blocking(|| processes::join(children)).await.unwrap();
    let note = reader.query_one("SELECT note, rev FROM characters WHERE id = 'busy_1'", &[]).await.unwrap();
    assert_eq!((note.get::<_, &str>(0), note.get::<_, i64>(1)), ("mine", 1_600));
    writers_ended(&catalog(&server.url()), &[("views", json!(50))]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of postgres_ends_with_the_last_of_many_writers"]
async fn postgres_writers_of_a_process() {
    processes::work(|address| Arc::new(catalog(address))).await;
}

#[tokio::test]
async fn postgres_tells_in_columns_what_records_say() {
    let Some(server) = postgres() else { return };
    let catalog = catalog(&server.url());
    let file = json!({
        "asset": "x", "uri": "supabase://workspace-temp/u-1/j-1/0.png", "sha256": "ab", "size_bytes": 7_000_000_000_u64, "kind": "workspace_image",
        "version": 1, "path": "u-1/j-1/0.png", "mime": "image/png", "title": "", "idx": 0, "seed": u64::MAX, "width": 640, "height": 480,
        "duration_ms": null, "created_ms": 1_770_337_530_001_i64, "meta": {"prompt": "a cat"}, "owner": "u-1", "signed_url": "https://x/y",
    });
    let written = record("workspace_assets", "x", 1, file);
    catalog.put(&written).await.unwrap();
    assert_eq!(catalog.get("workspace_assets", "x").await.unwrap().as_ref(), Some(&written), "what comes back is what was written");
    let row = "SELECT to_jsonb(w) - 'record' - 'written_at' FROM (SELECT * FROM workspace_assets) w";
    let row: Value =
        serde_json::from_str(other(&server).await.query_one(&format!("SELECT ({row})::text"), &[]).await.unwrap().get(0)).unwrap();
    let told = json!({
        "id": "x", "rev": 1, "kind": "workspace_image", "path": "u-1/j-1/0.png", "uri": "supabase://workspace-temp/u-1/j-1/0.png",
        "url": "https://x/y", "sha256": "ab", "size_bytes": 7_000_000_000_u64, "mime": "image/png", "width": 640, "height": 480, "duration_ms": null,
        "seed": u64::MAX, "created_at": "2026-02-06T00:25:30.001+00:00", "user_id": "u-1", "job_id": "j-1", "idx": 0,
        "bucket": "workspace-temp", "key": "u-1/j-1/0.png", "prompt": "a cat", "meta": {"prompt": "a cat"},
    });
    let mut row = row;
    assert!(row["created_at"].take().as_str().unwrap().starts_with("2026-02-06T"));
    let mut told = told;
    told["created_at"].take();
    assert_eq!(row, told);
    let job = json!({"status": "running", "created_at": "2026-02-06T00:25:30.001Z", "updated_at": "2026-02-06T00:25:31.001Z",
        "progress": {"total_characters": 5, "completed": 2, "current_stage": "finalizing"}});
    catalog.put(&record("pipeline_jobs", "j", 1, job)).await.unwrap();
    let asked = "SELECT status || ' ' || current_stage || ' ' || completed || '/' || total_characters FROM pipeline_jobs";
    assert_eq!(other(&server).await.query_one(asked, &[]).await.unwrap().get::<_, &str>(0), "running finalizing 2/5");
}

/// What a project at Supabase has from the start, as far as it matters here.
const SUPABASE: &str =
    "CREATE ROLE anon NOLOGIN; CREATE ROLE authenticated NOLOGIN; CREATE ROLE service_role NOLOGIN BYPASSRLS; CREATE SCHEMA auth;
    GRANT USAGE ON SCHEMA auth TO anon, authenticated; GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
    CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
        $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
    CREATE TABLE characters (id text PRIMARY KEY, votes integer DEFAULT 3);";

#[tokio::test]
async fn postgres_lets_a_user_read_their_own_rows() {
    let Some(server) = postgres() else { return };
    let owner = other(&server).await;
    owner.batch_execute(SUPABASE).await.unwrap();
    let catalog = catalog(&server.url());
    let (mira, ren) = ("11111111-1111-7111-8111-111111111111", "22222222-2222-7222-8222-222222222222");
    for (id, user) in [("a", mira), ("b", ren)] {
        catalog.put(&record("workspace_assets", id, 1, json!({"owner": user}))).await.unwrap();
        catalog.put(&record("users", user, 1, json!({"name": id}))).await.unwrap();
    }
    catalog.put(&record("pipeline_jobs", "j", 1, json!({"status": "queued"}))).await.unwrap();
    owner.batch_execute(&format!("SET request.jwt.claim.sub = '{mira}'; SET ROLE authenticated")).await.unwrap();
    for (table, id) in [("workspace_assets", "a"), ("users", mira)] {
        let seen = owner.query(&format!("SELECT id FROM {table}"), &[]).await.unwrap();
        assert_eq!(seen.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>(), [id], "{table}");
        assert!(owner.batch_execute(&format!("UPDATE {table} SET rev = 9")).await.is_err(), "and writes nothing");
    }
    assert!(owner.query("SELECT id FROM pipeline_jobs", &[]).await.is_err(), "jobs are nobody's in particular");
    owner.batch_execute("RESET ROLE; SET ROLE anon").await.unwrap();
    assert!(owner.query("SELECT id FROM workspace_assets", &[]).await.is_err());
    // Their own table, open before, stays as open as it was.
    assert!(owner.query("SELECT votes FROM characters", &[]).await.is_ok());
    owner.batch_execute("RESET ROLE; SET ROLE service_role").await.unwrap();
    owner.batch_execute("UPDATE workspace_assets SET rev = 9").await.unwrap();
}

#[tokio::test]
async fn postgres_says_in_words_what_is_refused() {
    let Some(server) = postgres() else { return };
    let owner = other(&server).await;
    let said = async |address: &str| {
        let fault = catalog(address).put(&record("characters", "a", 1, json!({}))).await.unwrap_err();
        (fault.code, fault.to_string())
    };
    let nowhere = said("postgres://postgres@127.0.0.1:1/postgres").await;
    assert!(nowhere.0 == Code::CatalogDown && nowhere.1.contains("nothing listens there"), "{nowhere:?}");
    let none = said(&server.url().replace(&format!("{}/postgres", server.port), &format!("{}/elsewhere", server.port))).await;
    assert!(none.0 == Code::DestinationRefused && none.1.contains("CREATE DATABASE \"elsewhere\""), "{none:?}");
    let clear = said(&format!("{}?sslmode=require", server.url())).await;
    assert!(clear.0 == Code::DestinationRefused && clear.1.contains("sslmode=disable"), "{clear:?}");
    owner.batch_execute("CREATE ROLE guest LOGIN; REVOKE CREATE ON SCHEMA public FROM public").await.unwrap();
    let schema = said(&as_user(&server, "guest")).await;
    assert!(schema.1.contains("GRANT USAGE, CREATE ON SCHEMA public TO \"guest\""), "{schema:?}");
    catalog(&server.url()).list("characters", None).await.unwrap();
    owner.batch_execute("GRANT SELECT ON rushes_schema TO guest").await.unwrap();
    let table = said(&as_user(&server, "guest")).await;
    assert!(table.0 == Code::DestinationRefused && table.1.contains("ON characters, people"), "{table:?}");
    owner.batch_execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest").await.unwrap();
    catalog(&as_user(&server, "guest")).put(&record("characters", "a", 1, json!({}))).await.unwrap();
    owner.batch_execute("ALTER TABLE characters ENABLE ROW LEVEL SECURITY").await.unwrap();
    let rows = said(&as_user(&server, "guest")).await;
    assert!(rows.0 == Code::DestinationRefused && rows.1.contains("ALTER ROLE \"guest\" BYPASSRLS"), "{rows:?}");
    let zero = catalog(&server.url()).put(&record("characters", "z", 1, json!({"a": "\u{0}"}))).await.unwrap_err();
    assert!(zero.code == Code::DestinationRefused && zero.to_string().contains("code zero"), "{zero}");
}

#[tokio::test]
async fn postgres_never_shows_a_password() {
    let Some(server) = postgres() else { return };
    let owner = other(&server).await;
    owner.batch_execute("CREATE ROLE guest LOGIN PASSWORD 'the right one'").await.unwrap();
    let rules = "COPY (SELECT 'host all postgres 127.0.0.1/32 trust' UNION ALL SELECT 'host all all 127.0.0.1/32 scram-sha-256') TO";
    let file: String = owner.query_one("SHOW hba_file", &[]).await.unwrap().get(0);
    owner.batch_execute(&format!("{rules} '{file}'; SELECT pg_reload_conf()")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let address = as_user(&server, "guest");
    let tried = async |password: Option<&str>| {
        let settings = PostgresSettings { password: password.map(str::to_owned), ..settings(&address) };
        PostgresCatalog::new(&settings).unwrap().list("characters", None).await.map(drop)
    };
    let wrong = tried(Some("s3cret-and-wrong")).await.unwrap_err();
    assert!(wrong.code == Code::DestinationRefused && wrong.to_string().contains("mend the password of guest"), "{wrong}");
    assert!(!format!("{wrong:?}").contains("s3cret"), "{wrong:?}");
    let none = tried(None).await.unwrap_err();
    assert!(none.code == Code::DestinationRefused && none.to_string().contains("needs a password"), "{none}");
    let right = tried(Some("the right one")).await.unwrap_err();
    assert!(
        right.to_string().contains("for schema public") || right.to_string().contains("GRANT"),
        "let in, and told what is missing: {right}"
    );
    let half = PostgresCatalog::new(&settings("postgres://guest:s3cr@et@127.0.0.1/db")).err().unwrap();
    assert!(half.code == Code::ConfigInvalid && !half.to_string().contains("et@"), "{half}");
}

#[tokio::test]
async fn postgres_survives_lost_connections_and_tables() {
    let Some(server) = postgres() else { return };
    let (owner, catalog) = (other(&server).await, catalog(&server.url()));
    for rev in 1..=5 {
        catalog.put(&record("characters", "a", rev, json!({"rev_was": rev}))).await.unwrap();
        owner.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rushes'").await.unwrap();
        if rev % 2 == 0 {
            // Long enough for the connection to be known to be gone; otherwise the statement finds out.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(catalog.get("characters", "a").await.unwrap().unwrap().rev, 5);
    owner.batch_execute("DROP TABLE characters").await.unwrap();
    let gone = catalog.put(&record("characters", "a", 6, json!({}))).await.unwrap_err();
    assert!(gone.is_transient(), "the next try makes it again: {gone}");
    catalog.put(&record("characters", "a", 6, json!({}))).await.unwrap();
    assert_eq!(catalog.get("characters", "a").await.unwrap().unwrap().rev, 6);
}

#[tokio::test]
async fn postgres_is_prepared_by_many_at_once() {
    let Some(server) = postgres() else { return };
    let many: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn({
                let catalog = catalog(&server.url());
                async move { catalog.list("people", None).await }
            })
        })
        .collect();
    for one in many {
        assert!(one.await.unwrap().unwrap().is_empty());
    }
}

/// What users apply to a project whose pages show a workspace.
const WORKSPACE: &str = include_str!("../../../../../deploy/supabase/migrations/20261122000000_workspace.sql");

#[tokio::test]
async fn postgres_leaves_an_apps_own_table_alone() {
    let Some(server) = Supabase::start().await else { return };
    let url = server.database_url();
    let owner = connect(&url).await;
    let columns = async || {
        let asked = "SELECT string_agg(attname || atttypid::text, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'workspace_assets'::regclass";
        owner.query_one(asked, &[]).await.unwrap().get::<_, String>(0)
    };
    let before = columns().await;
    let file = || record("workspace_assets", "x", 1, json!({"owner": "u-1", "path": "u-1/j-1/0.png", "kind": "workspace_image"}));
    let kept = async || {
        let catalog = catalog(&url);
        catalog.put(&file()).await.unwrap();
        assert_eq!(catalog.get("workspace_assets", "x").await.unwrap(), Some(file()));
        assert_eq!(catalog.list("workspace_assets", None).await.unwrap(), ["x"]);
        catalog.delete("workspace_assets", "x").await.unwrap();
    };
    kept().await;
    assert_eq!(columns().await, before);
    // The other way round: first the catalog, then the app. It is told what to do, and the catalog goes on beside it.
    owner.batch_execute("DROP TABLE workspace_assets").await.unwrap();
    let old = catalog(&url);
    old.put(&file()).await.unwrap();
    assert!(columns().await.contains("record"));
    let refused = owner.batch_execute(WORKSPACE).await.unwrap_err();
    let refused = refused.as_db_error().unwrap();
    assert!(refused.message().contains("has no column job_id") || refused.message().contains("has no column asset_index"), "{refused}");
    assert!(refused.hint().is_some_and(|hint| hint.contains("RENAME TO")));
    owner.batch_execute("ALTER TABLE workspace_assets RENAME TO records_before").await.unwrap();
    owner.batch_execute(WORKSPACE).await.unwrap();
    assert_eq!(columns().await, before);
    kept().await;
    assert_eq!(old.put(&file()).await.unwrap_err().code, Code::CatalogDown, "one that has begun finds its columns gone");
    old.put(&file()).await.unwrap();
    let indexed =
        "SELECT indexname::text FROM pg_indexes WHERE tablename = 'workspace_assets' AND indexdef LIKE '%(user_id, created_at DESC)'";
    assert_eq!(owner.query_one(indexed, &[]).await.unwrap().get::<_, &str>(0), "workspace_assets_by_user");
}
