//! A store on a Postgres server, which several nodes share: the way there, its tables, and the word between nodes.
//!
//! Every write passes under one lock (see `base`), so what a write body finds is as true here as in a file of our own.
//! Sessions keep prepared statements and listen: a pooler that hands out transactions cannot stand between.

use crate::bells::{Bells, Wakes};
use crate::migrate;
use crate::sql::session::{self, Session};
use rushes_core::{Code, Fault};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Functions of SQLite that Postgres lacks.
const FUNCTIONS: &str = include_str!("postgres.sql");
/// How long a listener waits for word before it looks whether anybody still needs it.
const LISTEN: Duration = Duration::from_secs(1);
/// A server takes no longer word than about 8,000 bytes; beyond this everybody is woken instead.
const WORD_MAX_BYTES: usize = 7_000;

/// A Postgres server and a schema there. Nothing of it is shown: it holds the password.
#[derive(Clone)]
pub struct PostgresAddress {
    /// Host, user, password, database.
    pub config: tokio_postgres::Config,
    /// How the way is encrypted.
    pub tls: MakeRustlsConnect,
    /// The schema that holds the tables: letters, digits and underscores.
    pub schema: String,
    /// The name of this node among others that work there too; then what somebody has leased is nobody else's. None where it
    /// is alone.
    pub node: Option<String>,
}

/// How sessions are made.
pub(crate) struct Way {
    address: PostgresAddress,
    /// Of whoever speaks here: its own word is not news to it.
    by: String,
    /// What all writes of this schema wait for.
    pub(crate) lock: String,
}

impl Way {
    /// Errors: `config_invalid`.
    pub(crate) fn new(address: &PostgresAddress, by: &str) -> Result<Self, Fault> {
        let schema = &address.schema;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if schema.is_empty() || schema.len() > 40 || !schema.chars().all(is_name) || schema.starts_with(|c: char| c.is_ascii_digit()) {
            let reason = format!("{schema:?} is no name of a schema: lower case letters, digits and underscores, 40 at most");
            return Err(Fault::new(Code::ConfigInvalid, "open store").with("setting", "store.schema").because(reason));
        }
        Ok(Self { address: address.clone(), by: by.to_owned(), lock: format!("hashtextextended('rushes {schema}', 0)") })
    }

    /// This node among others.
    pub(crate) fn node(&self) -> Option<String> {
        self.address.node.clone()
    }

    /// Whether other nodes work there too.
    pub(crate) fn is_shared(&self) -> bool {
        self.address.node.is_some()
    }

    /// A new session. Who stands still in the middle of a write is shown out, so that the others go on; and what is committed
    /// stays, whatever the server does elsewhere.
    pub(crate) fn connect(&self) -> Result<Session, Fault> {
        let config = postgres::Config::from(self.address.config.clone());
        let mut session = Session::new(config.connect(self.address.tls.clone()).map_err(|e| session::failed("connect", &e))?);
        session.run(&format!(
            "SET search_path TO {}; SET client_min_messages TO warning; SET idle_in_transaction_session_timeout TO '3s';
             SET lock_timeout TO '30s'; SET jit TO off; SET synchronous_commit TO on",
            self.address.schema
        ))?;
        Ok(session)
    }

    /// Brings the tables to today's. Errors: `home_newer`, `store_failed`.
    pub(crate) fn migrate(&self) -> Result<(), Fault> {
        let mut session = self.connect()?;
        session.run("SET idle_in_transaction_session_timeout TO 0")?;
        session.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({}); CREATE SCHEMA IF NOT EXISTS {}", self.lock, self.address.schema))?;
        session.run("CREATE TABLE IF NOT EXISTS schema_version(version BIGINT NOT NULL)")?;
        let found = session.run("SELECT coalesce(max(version), 0) FROM schema_version")?;
        let found: usize = found.first().cloned().flatten().and_then(|text| text.parse().ok()).unwrap_or(0);
        let steps = migrate::steps_after(found)?;
        if !steps.is_empty() {
            session.run(FUNCTIONS)?;
            for step in steps {
                session.run(&crate::sql::dialect::migration(step))?;
            }
            session.run(&format!("INSERT INTO schema_version(version) VALUES ({})", migrate::SCHEMA_VERSION))?;
        }
        session.run("COMMIT").map(drop)
    }

    /// The statement that tells the other nodes who must look again; nothing where nobody must.
    pub(crate) fn word(&self, wakes: &Wakes) -> String {
        if wakes.is_nothing() {
            return String::new();
        }
        let said = |wakes: &Wakes| format!("{} {}", self.by, wakes.said()).replace('\'', "''");
        let mut word = said(wakes);
        if word.len() > WORD_MAX_BYTES {
            word = said(&Wakes::all());
        }
        format!("SELECT pg_notify('rushes_{}', '{word}'); ", self.address.schema)
    }
}

/// Hears what other nodes have written, and rings the bells here, for as long as these are there.
pub(crate) fn listen(way: &Arc<Way>, bells: &Arc<Bells>) -> std::io::Result<()> {
    let (way, bells) = (way.clone(), Arc::downgrade(bells));
    std::thread::Builder::new().name("rushes-listener".into()).spawn(move || while hear(&way, &bells) {}).map(drop)
}

/// One session's worth of listening; false when nobody needs it any more.
fn hear(way: &Way, bells: &Weak<Bells>) -> bool {
    let begun = way.connect().and_then(|mut session| session.run(&format!("LISTEN rushes_{}", way.address.schema)).map(|_| session));
    // What was said meanwhile was not heard.
    let Some(ringing) = bells.upgrade() else { return false };
    ringing.ring(&Wakes::all());
    drop(ringing);
    let mut session = match begun {
        Ok(session) => session,
        Err(fault) => {
            tracing::warn!(%fault, "what other nodes write is not heard; it is found by looking");
            std::thread::sleep(LISTEN);
            return true;
        }
    };
    loop {
        let heard = session.heard(LISTEN);
        let Some(bells) = bells.upgrade() else { return false };
        let Ok(heard) = heard else { return true };
        let others = heard.iter().filter_map(|word| word.split_once(' ')).filter(|(by, _)| *by != way.by);
        let mut wakes = Wakes::default();
        others.for_each(|(_, said)| wakes.add(Wakes::of(said)));
        if !wakes.is_nothing() {
            bells.ring(&wakes);
        }
    }
}
