//! The store a test works on: a file, or, where `RUSHES_TEST_POSTGRES` names a server, a schema there. So one suite asks both.

use crate::base::{Base, Link};
use crate::postgres::{PostgresAddress, Way};
use crate::rows;
use crate::sql::value::Params;
use crate::sqlite::open_writer;
use crate::{Mode, SqlStore};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::Routes;
use rushes_core::job::{Asked, NewJob};
use rushes_core::{Fault, JobId};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

/// The server that is to be tested, and a schema of its own for each path.
fn address(path: &Path) -> Option<PostgresAddress> {
    let server = std::env::var("RUSHES_TEST_POSTGRES").ok()?;
    let hash = Sha256::digest(path.as_os_str().as_encoded_bytes());
    let schema = format!("test_{}", hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
    Some(PostgresAddress { schema, ..reach(&server) })
}

/// A server on this machine, and the schema `test` there.
pub(crate) fn reach(server: &str) -> PostgresAddress {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tls = rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let config = server.parse().expect("the address of a server");
    PostgresAddress { config, tls: tokio_postgres_rustls::MakeRustlsConnect::new(tls), schema: "test".into(), node: None }
}

/// The store that belongs to a path.
pub(crate) fn open(path: &Path, mode: &Mode, clock: Arc<dyn Clock>, routes: Routes) -> Result<SqlStore, Fault> {
    match address(path) {
        None => SqlStore::open(path, mode, clock, routes),
        Some(address) => SqlStore::open_postgres(&address, mode, clock, routes),
    }
}

/// A clock that a test moves.
pub(crate) struct HandClock(pub(crate) AtomicI64);

impl HandClock {
    pub(crate) fn at(ms: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(ms)))
    }
}

impl Clock for HandClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn new_id(&self) -> uuid::Uuid {
        SystemClock.new_id()
    }
}

/// A topmost job of this workflow, which waits for no turn.
pub(crate) fn new_job(workflow: &str) -> NewJob {
    let id = JobId(SystemClock.new_id());
    NewJob {
        id,
        workflow: workflow.to_owned(),
        version: 1,
        input: json!({}),
        input_hash: "h".into(),
        parent: None,
        root: id,
        in_turn: false,
        home: None,
        collection: None,
        asked: Asked::default(),
    }
}

/// A look at the rows themselves, past the ports.
pub(crate) struct Look(Mutex<Base>);

/// At the store that belongs to a path.
pub(crate) fn look(path: &Path) -> Look {
    Look(Mutex::new(match address(path) {
        None => Base::Sqlite(open_writer(path).unwrap()),
        Some(address) => {
            let way = Arc::new(Way::new(&address, "look").unwrap());
            Base::Postgres(Box::new(apart(|| Link::open(way).unwrap())))
        }
    }))
}

impl Look {
    pub(crate) fn execute(&self, command: &str, params: impl Params + Send) -> Result<usize, Fault> {
        apart(|| rows::change(&self.0.lock().unwrap().sql(), command, params))
    }

    pub(crate) fn number(&self, query: &str) -> i64 {
        apart(|| rows::number(&self.0.lock().unwrap().sql(), query, crate::sql::value::NONE).unwrap())
    }

    pub(crate) fn text(&self, query: &str) -> String {
        let read = |row: &crate::sql::Row<'_>| row.get::<_, String>(0);
        apart(|| rows::one(&self.0.lock().unwrap().sql(), query, crate::sql::value::NONE, read).unwrap().unwrap())
    }
}

/// Where blocking is allowed.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap()
}

/// Runs the suite of this room on a Postgres server, each test in a schema of its own.
#[test]
fn store_passes_its_suite_on_postgres() {
    let Some(server) = rushes_testkit::servers::postgres() else { return };
    // Those of the file itself, and those that fill one with years of work.
    let of_the_file =
        ["store_passes", "plans", "migrate", "older", "fill", "upkeep", "moving", "pages", "snapshot", "bells", "dialect", "weigh"];
    #[expect(clippy::disallowed_methods, reason = "this very test binary, with another store")]
    let mut suite = std::process::Command::new(std::env::current_exe().unwrap());
    suite.env("RUSHES_TEST_POSTGRES", server.url()).arg("--test-threads=4");
    of_the_file.iter().for_each(|name| {
        suite.args(["--skip", name]);
    });
    let ended = suite.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    let passed = said.lines().filter(|line| line.starts_with("test ") && line.ends_with("... ok")).count();
    assert!(ended.status.success() && passed >= 20, "{passed} passed\n{said}");
}
