//! Where the homes of tests keep their rows: in their own files, or on the server that `RUSHES_TEST_POSTGRES` names, in a
//! schema of its own for each. So one suite is run on both.

use rushes_adapters::catalogs::postgres::{PostgresSettings, address};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::Routes;
use rushes_engine::Home;
use rushes_store::{Mode, PostgresAddress, SqlStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The server, when there is to be one.
pub(crate) fn server() -> Option<String> {
    std::env::var("RUSHES_TEST_POSTGRES").ok().filter(|address| !address.is_empty())
}

/// The schema of the home at a path.
pub(crate) fn schema_of(home: &Path) -> String {
    format!("t_{}", &rushes_core::flow::hash(&home.display().to_string())[..24])
}

/// What the program is told in its environment for the home at a path.
pub(crate) fn told(home: &Path) -> Vec<(&'static str, String)> {
    let Some(uri) = server() else { return Vec::new() };
    vec![("RUSHES_STORE__URI", uri), ("RUSHES_STORE__SCHEMA", schema_of(home)), ("RUSHES_STORE__SHARED", "false".into())]
}

/// Opens the store of a home.
pub(crate) fn open(home: &Home, owner: &str, clock: Arc<dyn Clock>, routes: Routes) -> SqlStore {
    let mode = Mode::Own { owner: owner.to_owned() };
    let Some(server) = server() else { return SqlStore::open(&home.database(), &mode, clock, routes).unwrap() };
    SqlStore::open_postgres(&address_of(&server, &schema_of(home.root())), &mode, clock, routes).unwrap()
}

/// A look at the store of a home; None where there is none yet.
pub(crate) fn look(home: &Path) -> Option<SqlStore> {
    let (clock, routes) = (Arc::new(SystemClock), Routes::default());
    let Some(server) = server() else { return SqlStore::open(&home.join("rushes.db"), &Mode::Read, clock, routes).ok() };
    SqlStore::open_postgres(&address_of(&server, &schema_of(home)), &Mode::Read, clock, routes).ok()
}

/// A schema of a server that nobody guards.
pub(crate) fn address_of(server: &str, schema: &str) -> PostgresAddress {
    let settings = PostgresSettings { address: server.to_owned(), password: None, authority: None, patience: Duration::from_secs(10) };
    let (config, tls) = address(&settings).unwrap();
    PostgresAddress { config, tls, schema: schema.to_owned(), node: None }
}
