//! Databases of older, newer and broken schemas, opened with today's program.

use super::*;
use crate::older::open_at_schema;
use crate::sqlite::open_writer;
use crate::{Mode, SqlStore};
use rushes_core::clock::SystemClock;
use rushes_core::delivery::{DeliveryState, Routes};
use rushes_core::job::Outcome;
use rushes_core::store::{AssetFilter, JobFilter, Store};
use rushes_core::{AssetId, JobId, JobState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A table's rows, each as column → value.
type Table = Vec<BTreeMap<String, String>>;

fn start(schema: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rushes.db");
    open_at_schema(&path, schema).unwrap();
    (folder, path)
}

fn own() -> Mode {
    Mode::Own { owner: "test".into() }
}

fn open(path: &Path, mode: &Mode) -> Result<SqlStore, Fault> {
    SqlStore::open(path, mode, Arc::new(SystemClock), Routes::default())
}

/// The fault of an open that must not succeed.
fn refused(path: &Path, mode: &Mode) -> Fault {
    open(path, mode).err().expect("it is refused")
}

/// Every table and what is in it, the definitions too.
fn dump(connection: &Connection) -> BTreeMap<String, Table> {
    let mut names = vec!["sqlite_schema".to_owned()];
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    names.extend(statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap));
    let rows = |name: &String| {
        let mut statement = connection.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let read = |row: &rusqlite::Row<'_>| {
            let value = |(at, column): (usize, &String)| Ok((column.clone(), format!("{:?}", row.get_ref(at)?)));
            columns.iter().enumerate().filter(|(_, column)| *column != "rootpage").map(value).collect()
        };
        let mut found: Table = statement.query_map([], read).unwrap().map(Result::unwrap).collect();
        found.sort();
        found
    };
    names.iter().map(|name| (name.clone(), rows(name))).collect()
}

fn dump_of(path: &Path) -> BTreeMap<String, Table> {
    dump(&open_writer(path).unwrap())
}

/// Every row that was there is there, with every value it had; columns may have come.
fn assert_kept(before: &BTreeMap<String, Table>, after: &BTreeMap<String, Table>) {
    for (name, rows) in before.iter().filter(|(name, _)| !name.starts_with("sqlite_")) {
        assert!(!rows.is_empty(), "a test without a row in {name} proves nothing about it");
        let columns: BTreeSet<&String> = rows[0].keys().collect();
        let mut kept = after[name].clone();
        for row in &mut kept {
            row.retain(|column, _| columns.contains(column));
        }
        kept.sort();
        assert_eq!(&kept, rows, "{name}");
    }
}

/// Every file of a folder with its bytes, without SQLite's own beside a database.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    // SQLite may remove its own while they are looked at, so those are not even opened.
    let kept = names.filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    kept.map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn migrate_keeps_every_row_of_every_older_schema() {
    for schema in 1..SCHEMA_VERSION {
        let (folder, path) = start(schema);
        let before = dump_of(&path);
        let mut connection = open_writer(&path).unwrap();
        migrate(&mut connection, &path).unwrap();
        assert_eq!(version(&connection).unwrap(), SCHEMA_VERSION);
        assert_kept(&before, &dump(&connection));
        drop(connection);

        let backup = backup_of(&path, schema);
        let copy = open_writer(&backup).unwrap();
        assert_eq!(version(&copy).unwrap(), schema, "the copy is of the schema it is named after");
        assert_eq!(dump(&copy), before, "the copy of schema {schema}");
        drop(copy);
        let there = files(folder.path());
        assert_eq!(there.keys().collect::<Vec<_>>(), ["rushes.db", &format!("rushes.db.v{schema}.bak")]);
        migrate(&mut open_writer(&path).unwrap(), &path).unwrap();
        assert_eq!(files(folder.path()), there, "a second open makes no further copy");
    }
}

#[test]
fn migrate_copies_nothing_where_nothing_is_to_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rushes.db");
    drop(open(&path, &own()).unwrap());
    drop(open(&path, &own()).unwrap());
    assert_eq!(files(folder.path()).len(), 1, "a new database has no older state");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_leaves_all_that_the_first_schema_held_readable() {
    let (folder, path) = start(1);
    let store = open(&path, &own()).unwrap();
    assert!(backup_of(&path, 1).exists());
    look(&store).await;
    let there = files(folder.path()).into_keys().collect::<Vec<_>>();
    drop(store);
    drop(open(&path, &own()).unwrap());
    look(&open(&path, &Mode::Read).unwrap()).await;
    assert_eq!(files(folder.path()).into_keys().collect::<Vec<_>>(), there);
}

fn job(number: u8) -> JobId {
    format!("00000000-0000-7000-8000-0000000000{number:02}").parse().unwrap()
}

fn asset(number: u8) -> AssetId {
    format!("asset_00000000-0000-7000-8000-0000000001{number:02}").parse().unwrap()
}

/// What `older/filled.sql` says, through the ports.
async fn look(store: &impl Store) {
    look_at_jobs(store).await;
    look_at_assets(store).await;
    let backlog = store.backlog().await.unwrap();
    assert!(backlog["remote"].owed >= 1 && backlog["second"].owed == 1 && backlog["records"].owed >= 1, "{backlog:?}");
    let owed = store.owed_by(job(3)).await.unwrap();
    assert_eq!((owed.open, owed.refused), (3, 0), "what was being sent by an engine that is gone is owed");
    assert_eq!(store.owed_by(job(1)).await.unwrap().open, 0);
    let events = store.events(0, 100).await.unwrap();
    assert_eq!(events[..4].iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((events[2].event_type.as_str(), &events[2].job), ("asset.made", &Some(job(2).to_string())));
}

async fn look_at_jobs(store: &impl Store) {
    let states = [
        (1, JobState::Completed),
        (2, JobState::Completed),
        (3, JobState::Delivering),
        (4, JobState::Failed),
        (5, JobState::Cancelled),
        (6, JobState::Running),
        (7, JobState::Queued),
        (8, JobState::Failed),
    ];
    for (number, state) in states {
        assert_eq!(store.job(job(number)).await.unwrap().state, state, "job {number}");
    }
    assert_eq!(store.jobs(&JobFilter { limit: 100, ..JobFilter::default() }).await.unwrap().len(), 7);
    let child = store.job(job(2)).await.unwrap();
    assert_eq!((child.parent, child.child_name.as_deref(), child.root), (Some(job(1)), Some("character 1"), job(1)));
    assert_eq!(child.value.unwrap()["name"], "Mira Kisaragi");
    assert_eq!(store.job(job(4)).await.unwrap().fault.unwrap().code, Code::FileMissing);
    assert_eq!(store.job(job(6)).await.unwrap().waiting_for, Some(rushes_core::Wait::Signal("word".to_owned())));
    assert_eq!(store.family(job(1)).await.unwrap().jobs.len(), 2);

    let steps = store.steps(job(2)).await.unwrap();
    assert_eq!(steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["concept", "anime_image"]);
    assert_eq!((steps[1].attempts, steps[1].last_fault.as_ref().map(|fault| fault.code)), (2, Some(Code::ProviderDown)));
    assert!(matches!(&steps[1].outcome, Some(Outcome::Value(value)) if value["id"] == asset(2).to_string()));
    let outcome = async |number| store.steps(job(number)).await.unwrap().remove(0).outcome;
    assert!(matches!(outcome(4).await, Some(Outcome::Failed(fault)) if fault.code == Code::FileMissing));
    assert!(matches!(outcome(5).await, Some(Outcome::Cancelled)));
    assert!(outcome(6).await.is_none(), "only attempts that failed");
}

async fn look_at_assets(store: &impl Store) {
    let every = AssetFilter { all_versions: true, ..AssetFilter::default() };
    assert_eq!(store.assets(&every).await.unwrap().len(), 5);
    assert_eq!(store.assets(&AssetFilter::default()).await.unwrap().len(), 4, "one version is retired");
    let (old, new) = (store.asset(asset(1)).await.unwrap(), store.asset(asset(2)).await.unwrap());
    assert_eq!((old.version, new.version, &old.path), (1, 2, &new.path));
    assert_eq!((old.seed, &old.meta["prompt"]), (Some(u64::MAX), &serde_json::json!("x")));
    assert_eq!(store.blob_at(&new.path).await.unwrap().unwrap(), new.blob);
    assert_eq!(store.parents(asset(3)).await.unwrap(), [asset(2)]);
    assert_eq!(store.made_from(asset(1)).await.unwrap(), [asset(2)]);
    let subject = store.subject("mira_kisaragi").await.unwrap().unwrap();
    assert_eq!((subject.made.name.as_str(), subject.rev), ("Mira Kisaragi", 3));
    assert_eq!(store.subjects().await.unwrap().len(), 2);

    let listed = store.assets(&every).await.unwrap();
    let deliveries = |id| &listed.iter().find(|(one, _)| one.id == id).unwrap().1;
    let proven = &deliveries(asset(2))[0];
    assert_eq!((proven.state, proven.proof.as_ref().unwrap().size_bytes), (DeliveryState::Proven, 1002));
    assert!(deliveries(asset(4)).iter().all(|delivery| delivery.state == DeliveryState::Owed));
    // A start tries what was refused once more, and says why it was.
    let tried = &deliveries(asset(5))[0];
    assert_eq!((tried.state, tried.last_fault.as_ref().unwrap().code), (DeliveryState::Owed, Code::DestinationRefused));
}

#[test]
fn migrate_a_newer_database_is_refused_and_not_changed_by_a_byte() {
    let (folder, path) = start(1);
    let newer = open_writer(&path).unwrap();
    newer.pragma_update(None, "user_version", i64::try_from(SCHEMA_VERSION + 1).unwrap()).unwrap();
    drop(newer);
    let before = files(folder.path());
    for mode in [Mode::Read, own(), Mode::Join { owner: "test".into() }] {
        let fault = refused(&path, &mode);
        assert_eq!(fault.code, Code::HomeNewer);
        assert!(fault.to_string().contains(&format!("schema {}", SCHEMA_VERSION + 1)), "{fault}");
        assert_eq!(files(folder.path()), before, "{mode:?}");
    }
}

#[test]
fn migrate_reading_an_older_database_names_the_command_that_brings_it_up_to_date() {
    let (folder, path) = start(1);
    let before = files(folder.path());
    let fault = refused(&path, &Mode::Read);
    assert!(fault.to_string().contains("`rushes init`"), "{fault}");
    assert_eq!(files(folder.path()), before, "looking changes nothing");
}

#[test]
fn migrate_a_step_that_fails_in_the_middle_leaves_the_schema_before_it_whole() {
    let (_folder, path) = start(1);
    let before = dump_of(&path);
    let half = "CREATE TABLE half(a TEXT) STRICT; DELETE FROM steps; INSERT INTO nowhere VALUES (1);";
    let mut connection = open_writer(&path).unwrap();
    let fault = carry(&mut connection, &path, &[MIGRATIONS[0], half]).unwrap_err();
    assert_eq!((fault.code, fault.get("schema")), (Code::StoreFailed, Some("2")), "{fault}");
    assert_eq!(version(&connection).unwrap(), 1);
    assert_eq!(dump(&connection), before);

    // The steps before it stand; the copy is still the one of the state that was found first.
    let whole = "CREATE TABLE whole(a TEXT) STRICT;";
    carry(&mut connection, &path, &[MIGRATIONS[0], whole, half]).unwrap_err();
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(found, 2);
    drop(connection);
    let middle = dump_of(&path);
    assert_eq!(dump_of(&backup_of(&path, 1)), before);
    let mut connection = open_writer(&path).unwrap();
    carry(&mut connection, &path, &[MIGRATIONS[0], whole, "CREATE TABLE last(a TEXT) STRICT;"]).unwrap();
    assert_eq!(dump_of(&backup_of(&path, 1)), before, "an older copy is never written over");
    assert_eq!(dump_of(&backup_of(&path, 2)), middle, "each state that was gone on from has its own");
}

#[test]
fn migrate_does_nothing_without_its_backup() {
    let (folder, path) = start(1);
    let before = dump_of(&path);
    // A folder that is not empty, where the unfinished copy would be: it can be neither removed nor written.
    let blocked = folder.path().join("rushes.db.v1.bak.part");
    std::fs::create_dir_all(blocked.join("full")).unwrap();
    refused(&path, &own());
    assert_eq!(dump_of(&path), before);
    assert!(!backup_of(&path, 1).exists());

    std::fs::remove_dir_all(&blocked).unwrap();
    File::create(&blocked).unwrap().set_len(4_096).unwrap();
    drop(open(&path, &own()).unwrap());
    assert_eq!(dump_of(&backup_of(&path, 1)), before, "half a copy that a crash left is made anew");
    assert!(!blocked.exists());
}
