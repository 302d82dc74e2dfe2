//! There and back, over a server that is really one.

use super::*;
use crate::fill;
use crate::postgres::PostgresAddress;
use crate::store::Mode;
use rushes_core::clock::SystemClock;
use rushes_core::delivery::Routes;
use std::path::Path;
use std::sync::Arc;

fn file(path: &Path, mode: &Mode) -> SqlStore {
    SqlStore::open(path, mode, Arc::new(SystemClock), Routes::default()).unwrap()
}

fn join() -> Mode {
    Mode::Join { owner: "mover".into() }
}

fn quietly(from: &SqlStore, to: &SqlStore) -> Result<Vec<Moved>, Fault> {
    from.move_to(to, &mut |_, _| {})
}

#[test]
fn store_moves_to_a_server_and_back_and_is_the_same() {
    let Some(server) = rushes_testkit::servers::postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.db"), folder.path().join("second.db"));
    let assets = std::env::var("RUSHES_ASSETS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    fill::fill(&first, 0, assets, ("cloud", "p/"), "records").unwrap();
    let address = |schema: &str| PostgresAddress { schema: schema.into(), ..crate::stand::reach(&server.url()) };
    let open = |schema: &str| SqlStore::open_postgres(&address(schema), &join(), Arc::new(SystemClock), Routes::default()).unwrap();
    let from = file(&first, &Mode::Read);
    let there = quietly(&from, &open("studio")).unwrap();
    let count = |moved: &[Moved], table: &str| moved.iter().find(|one| one.table == table).unwrap().rows;
    assert_eq!((count(&there, "assets"), count(&there, "events")), (u64::from(assets), u64::from(assets) * 3));
    let back = quietly(&open("studio"), &file(&second, &join())).unwrap();
    assert_eq!(there, back, "row by row");
    // Once it is through, there is something else there.
    assert_eq!(quietly(&from, &open("studio")).unwrap_err().code, Code::InputInvalid);
}

#[test]
fn store_goes_on_with_a_move_that_was_cut_off_and_is_not_worked_on_before() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.db"), folder.path().join("second.db"));
    fill::fill(&first, 0, 2_500, ("cloud", "p/"), "records").unwrap();
    let (from, to) = (file(&first, &Mode::Read), file(&second, &join()));
    let cut = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        from.move_to(&to, &mut |table, count| assert!(table != "assets" || count < 2_000, "cut off"))
    }));
    assert!(cut.is_err() || cut.is_ok_and(|moved| moved.is_err()));
    let unfinished = to.remember(&[], &[]).unwrap_err();
    assert!(unfinished.to_string().contains("rushes migrate"), "{unfinished}");
    let mut assets = 0;
    let moved = from.move_to(&to, &mut |table, count| assets = if table == "assets" { count } else { assets }).unwrap();
    assert!(assets < 2_500, "what was there was not written again: {assets}");
    assert_eq!(moved.iter().find(|one| one.table == "assets").unwrap().rows, 2_500);
    to.remember(&[], &[]).unwrap();
}

#[test]
fn store_is_not_moved_while_jobs_run_or_onto_another() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.db"), folder.path().join("second.db"));
    fill::fill(&first, 0, 100, ("cloud", "p/"), "records").unwrap();
    fill::fill(&second, 0, 100, ("cloud", "p/"), "records").unwrap();
    let (from, to) = (file(&first, &Mode::Read), file(&second, &join()));
    assert!(quietly(&from, &to).unwrap_err().to_string().contains("already"));
    let look = crate::stand::look(&first);
    look.execute("UPDATE jobs SET state = 'running', owner = 'x', lease_until_ms = ?1", [SystemClock.now_ms() + 60_000]).unwrap();
    assert!(quietly(&from, &to).unwrap_err().to_string().contains("stop every"));
}
