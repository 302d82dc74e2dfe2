//! Records in Firestore and Postgres: many jobs change one character at once, the real program is killed while it writes,
//! and catalogs are rebuilt from homes as homes are from catalogs.

use crate::support::program::{Program, signal};
use crate::support::recipes::Recipes;
use crate::support::survivor::{Dice, LONG, Survivor, TINY, hashes, make_reference, number, report};
use crate::support::{Places, TestEngine};
use rushes_adapters::catalogs::firestore::{FirestoreCatalog, FirestoreSettings};
use rushes_adapters::catalogs::postgres::{PostgresCatalog, PostgresSettings};
use rushes_adapters::catalogs::titles::ByTitle;
use rushes_adapters::google::Credentials;
use rushes_core::catalog::Catalog;
use rushes_testkit::firestore::{Code, Firestore, Planned};
use rushes_testkit::servers::{firestore_emulator, postgres};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn in_firestore(url: &str) -> Arc<dyn Catalog> {
    let settings = FirestoreSettings {
        project: Firestore::PROJECT.into(),
        database: Firestore::DATABASE.into(),
        endpoint: Some(url.into()),
        credentials: Credentials::None,
        patience: Duration::from_secs(10),
    };
    Arc::new(FirestoreCatalog::new(settings).unwrap())
}

fn in_postgres(url: &str) -> Arc<dyn Catalog> {
    let settings = PostgresSettings { address: url.into(), password: None, authority: None, patience: Duration::from_secs(10) };
    Arc::new(PostgresCatalog::new(&settings).unwrap())
}

/// Sixteen jobs, each of which changes one character over and over; then the record says what the home knows.
async fn many_jobs_change_one_character(catalog: Arc<dyn Catalog>) {
    const JOBS: u64 = 16;
    let folder = tempfile::tempdir().unwrap();
    let places = Places { catalog: catalog.clone(), ..Places::memory(folder.path()) };
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let changes = number("RUSHES_CHANGES", 12);
    // The first brings the character into being; the others find it.
    engine.run("files", json!({"subject": "mira", "text": "first", "count": 1})).await;
    let mut jobs = Vec::new();
    for job in 0..JOBS {
        jobs.push(engine.submit("files", json!({"subject": "mira", "text": format!("of job {job}"), "count": changes})).await);
    }
    for job in &jobs {
        assert_eq!(engine.ended(*job).await.fault, None);
    }
    let store = engine.parts().store.clone();
    engine.until("nothing is owed", || async { store.backlog().await.unwrap().values().all(|backlog| backlog.owed == 0) }).await;
    let audit = rushes_engine::audit::audit(engine.parts(), false).await.unwrap();
    let stale: Vec<_> = audit.findings.iter().filter(|finding| finding.code.starts_with("record_")).collect();
    assert!(stale.is_empty(), "{stale:#?}");
    let record = catalog.get("characters", "mira_1").await.unwrap().expect("the character's record");
    assert_eq!(record.fields["assets"].as_array().map(Vec::len), usize::try_from(changes).ok(), "{:#}", record.fields);
    for job in jobs {
        let mirror = catalog.get("pipeline_jobs", &job.to_string()).await.unwrap().expect("the job's mirror");
        assert_eq!(mirror.fields["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_in_firestore_end_as_the_home_knows_them() {
    let server = Firestore::start().await;
    // Somebody else's field stands in the record from the start.
    server.change("characters/mira_1", "votes", "seven");
    many_jobs_change_one_character(in_firestore(&server.url)).await;
    assert!(server.fields("characters/mira_1").unwrap().contains_key("votes"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_in_an_emulated_firestore_end_as_the_home_knows_them() {
    let Some(server) = firestore_emulator() else { return };
    many_jobs_change_one_character(Arc::new(ByTitle(in_firestore(&server.url)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_in_postgres_end_as_the_home_knows_them() {
    let Some(server) = postgres() else { return };
    many_jobs_change_one_character(in_postgres(&server.url())).await;
}

/// How the program is led to both, and to a bucket outside of its home.
fn led_to(program: &Program, firestore: &Firestore, postgres: &str) {
    let config = format!(
        "{TINY}[[destinations]]\nname = \"bucket\"\nuri = \"file://{}\"\n[[catalogs]]\nname = \"cloud\"\nuri = \"firestore://{}/(default)\"\nassets_shape = \"map\"\n\
         [[catalogs]]\nname = \"tables\"\nuri = \"env:TABLES\"\n",
        program.path("bucket").display(),
        Firestore::PROJECT
    );
    program.write("rushes.toml", config.as_bytes());
    program.write(".env", format!("FIRESTORE_EMULATOR_HOST={}\nTABLES={postgres}\n", firestore.address).as_bytes());
}

async fn all_of(catalog: &Arc<dyn Catalog>) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for collection in ["characters", "pipeline_jobs", "assets", "workspace_assets"] {
        for id in catalog.list(collection, None).await.unwrap() {
            let record = catalog.get(collection, &id).await.unwrap().unwrap();
            all.push((format!("{collection}/{id}"), record.fields));
        }
    }
    all
}

/// Killed before and after records are written, and in between; then both catalogs tell what the home knows, the home comes
/// back from the one, and the other is rebuilt from the home.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_survive_kills_and_bring_a_home_back() {
    let Some(tables) = postgres() else { return };
    let cloud = Firestore::start().await;
    let program = Program::with(TINY);
    led_to(&program, &cloud, &tables.url());
    make_reference(&program);
    let production = ["run", "production", "--count", "1", "--seed", "7", "--reference", "step.mp4", "--no-variants", "--json"];
    let mut dice = Dice::roll("kills while records are written");
    let kills = number("RUSHES_RECORD_KILLS", 4);
    for _ in 0..kills {
        let place = ["record_take", "record_there", "committed"][usize::try_from(dice.below(3)).unwrap()];
        let plan = format!("{place}:{}=kill", 1 + dice.below(12));
        let mut child = program.start_with(&production, &[("RUSHES_FAULTS", &plan)]);
        if Survivor::wait(&mut child, LONG).is_none() {
            signal(&child, "KILL");
            child.wait().unwrap();
        }
        cloud.plan("Commit", Planned::AnswerLost);
    }
    program.run(&production).expect(0);
    program.run(&["audit"]).expect(0);
    report("kill -9 while records are written", &format!("{kills} kills, seed {}", dice.seed));
    let (cloud_port, tables_port): (Arc<dyn Catalog>, _) = (Arc::new(ByTitle(in_firestore(&cloud.url))), in_postgres(&tables.url()));
    let told = all_of(&cloud_port).await;
    assert!(told.len() >= 2, "{told:?}");
    assert_eq!(told, all_of(&tables_port).await, "both tell the same");

    // One catalog is lost, and written anew from the home.
    for (document, _) in &told {
        let (collection, id) = document.split_once('/').unwrap();
        tables_port.delete(collection, id).await.unwrap();
    }
    program.run(&["audit"]).expect(4);
    let said = program.run(&["sync", "--records", "--catalog", "tables", "--json"]).expect(0).json();
    assert_eq!((&said["refused"], said["owed"].as_u64()), (&json!(0), u64::try_from(told.len()).ok()), "{said}");
    assert_eq!(told, all_of(&tables_port).await);
    program.run(&["audit"]).expect(0);
    let unknown = program.run(&["sync", "--records", "--catalog", "elsewhere"]).expect(2);
    assert!(unknown.stderr.contains("cloud, tables"), "{}", unknown.stderr);

    // The home is lost, and comes back from records and bucket.
    let library = hashes(&program.path("home/library"));
    std::fs::remove_dir_all(program.path("home")).unwrap();
    program.run(&["restore", "--prove"]).expect(0);
    program.run(&["restore"]).expect(0);
    assert_eq!(hashes(&program.path("home/library")), library);
    program.run(&["doctor"]).expect(0);
}

/// A single file's record, too, whose number only the outbox keeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_single_files_are_written_anew() {
    let cloud = Firestore::start().await;
    let program = Program::with(TINY);
    led_to(&program, &cloud, "postgres://nobody@127.0.0.1:1/nothing");
    let config = std::fs::read_to_string(program.path("rushes.toml")).unwrap();
    program.write("rushes.toml", config.split("[[catalogs]]\nname = \"tables\"").next().unwrap().as_bytes());
    let picture = program.path("a.png");
    image::RgbImage::new(64, 48).save(&picture).unwrap();
    program.run(&["put", picture.to_str().unwrap()]).expect(0);
    let port = in_firestore(&cloud.url);
    let ids = port.list("workspace_assets", None).await.unwrap();
    port.delete("workspace_assets", &ids[0]).await.unwrap();
    program.run(&["sync", "--records"]).expect(0);
    assert_eq!(port.list("workspace_assets", None).await.unwrap(), ids);
    // A catalog that refuses says why: to the doctor, and in the row that waits.
    for _ in 0..8 {
        cloud.plan("Commit", Planned::Refused(Code::PermissionDenied, "Missing or insufficient permissions.".into()));
    }
    let said = program.run(&["doctor", "--json"]).expect(1);
    assert!(said.stdout.contains("roles/datastore.user"), "{}", said.stdout);
    program.run(&["sync", "--records"]).expect(3);
}
