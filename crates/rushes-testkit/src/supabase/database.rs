//! The Postgres behind the server: a few connections, and transactions that run as the role a token names.

use super::errors::{Outcome, Refusal};
use crate::servers::{self, Postgres};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

/// Requests beyond this wait for each other.
const CONNECTIONS: usize = 16;
/// What users apply to their own projects.
pub(super) const WORKSPACE: &str = include_str!("../../../../deploy/supabase/migrations/20261122000000_workspace.sql");

pub(super) struct Database {
    server: Postgres,
    idle: Mutex<Vec<Client>>,
    places: Semaphore,
}

/// As whom a statement runs.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    role: String,
    claims: Value,
}

impl Caller {
    /// Whom a token speaks for; policies apply unless it is the service role.
    pub(super) fn of(claims: &Value) -> Self {
        Self { role: claims["role"].as_str().unwrap_or("anon").to_owned(), claims: claims.clone() }
    }

    /// The server itself: no policy applies.
    pub(super) fn server() -> Self {
        Self::of(&json!({"role": "service_role"}))
    }

    /// Whether nobody has signed in.
    pub(super) fn is_nobody(&self) -> bool {
        self.role == "anon"
    }

    /// The user's id.
    pub(super) fn owner(&self) -> Option<&str> {
        self.claims["sub"].as_str()
    }
}

impl Database {
    /// A Postgres with the schema in it, and what Rushes gives projects to apply; `None` where there is no Postgres.
    pub(super) async fn start() -> Option<Self> {
        let server = servers::postgres()?;
        let database = Self { server, idle: Mutex::default(), places: Semaphore::new(CONNECTIONS) };
        database.run(include_str!("schema.sql")).await.expect("the schema is sound");
        database.run(WORKSPACE).await.expect("the migration can be applied");
        Some(database)
    }

    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// Runs statements as the superuser.
    pub(super) async fn run(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.connect().await?.batch_execute(sql).await
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.server.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A transaction as `caller`; rolled back unless it is committed.
    pub(super) async fn begin(&self, caller: &Caller) -> Outcome<Transaction<'_>> {
        let place = self.places.acquire().await.expect("never closed");
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let client = match idle {
            Some(client) => client,
            None => self.connect().await.map_err(|error| Refusal::of_database(&error))?,
        };
        let transaction = Transaction { database: self, client, _place: place };
        transaction.client.batch_execute("BEGIN").await.map_err(|error| Refusal::of_database(&error))?;
        let scope = "SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true), \
                     set_config('request.jwt.claim.sub', $3, true), set_config('storage.allow_delete_query', 'true', true)";
        transaction.rows(scope, &[&caller.role, &caller.claims.to_string(), &caller.owner().unwrap_or_default()]).await?;
        Ok(transaction)
    }
}

/// A transaction. One that is dropped before its end closes its connection, and the database forgets it.
pub(super) struct Transaction<'a> {
    database: &'a Database,
    client: Client,
    _place: SemaphorePermit<'a>,
}

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Transaction<'_> {
    async fn rows(&self, sql: &str, values: Values<'_>) -> Outcome<Vec<tokio_postgres::Row>> {
        self.client.query(sql, values).await.map_err(|error| Refusal::of_database(&error))
    }

    /// The rows of a statement, each as a JSON object. The statement's columns get their JSON from Postgres.
    pub(super) async fn select(&self, sql: &str, values: Values<'_>) -> Outcome<Vec<Value>> {
        let sql = format!("WITH answer AS ({sql}) SELECT to_jsonb(answer)::text FROM answer");
        let rows = self.rows(&sql, values).await?;
        Ok(rows.iter().map(|row| serde_json::from_str(row.get(0)).expect("Postgres writes JSON")).collect())
    }

    pub(super) async fn commit(self) -> Outcome<()> {
        self.end("COMMIT").await
    }

    pub(super) async fn roll_back(self) -> Outcome<()> {
        self.end("ROLLBACK").await
    }

    async fn end(self, how: &str) -> Outcome<()> {
        self.client.batch_execute(how).await.map_err(|error| Refusal::of_database(&error))?;
        self.database.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.client);
        Ok(())
    }
}
