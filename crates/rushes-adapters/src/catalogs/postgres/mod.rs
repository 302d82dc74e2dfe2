//! Records in Postgres: a table for each collection, the whole record as `jsonb` under its `rev`, and columns beside it
//! for those who ask by SQL. The only SQL outside the store.

mod connect;
mod policies;
mod refusals;
mod tables;

pub use connect::{PostgresSettings, address};
pub(crate) use policies::own_folders;

use async_trait::async_trait;
use connect::Connections;
use rushes_core::catalog::{Catalog, Record};
use rushes_core::{Code, Fault};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tables::{APPS, Statements, statements};
use tokio::sync::Mutex;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// Each brings the schema from the number before to its own, and harms nothing when run again. Those that are here have run
/// in databases of others: a new column is a further file, with the line of `tables.rs` that fills it.
const MIGRATIONS: &[&str] = &[include_str!("0001_first.sql")];
/// Any number nobody else locks: two who start at once change the schema one after the other.
const LOCK: i64 = 0x5255_5348_4553;
/// Ids on one page of a listing.
const PAGE: i64 = 1_000;

type Values<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// A Postgres database as a catalog.
pub struct PostgresCatalog {
    connections: Connections,
    patience: Duration,
    is_ready: AtomicBool,
    /// The table of a collection of ours is an app's own.
    is_apps: AtomicBool,
    preparing: Mutex<()>,
}

/// Whether a table has a column that apps give it, and none of ours. A table that is not there is no app's.
const IS_APPS: &str = "SELECT count(*) FILTER (WHERE attname = 'temp_storage_path') = 1 AND count(*) FILTER (WHERE attname = 'record') = 0
    FROM pg_attribute WHERE attrelid = to_regclass($1)";

impl PostgresCatalog {
    /// Speaks to nobody yet; the tables are made when they are first needed. Errors: `config_invalid`.
    pub fn new(settings: &PostgresSettings) -> Result<Self, Fault> {
        let connections = Connections::new(settings)?;
        Ok(Self {
            connections,
            patience: settings.patience,
            is_ready: AtomicBool::new(false),
            is_apps: AtomicBool::new(false),
            preparing: Mutex::default(),
        })
    }

    /// Asks one statement. One that finds its connection closed by the other end is asked again on a fresh one.
    async fn ask(&self, operation: &str, table: &str, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Fault> {
        loop {
            let (client, is_fresh) = self.connections.take(operation).await?;
            let error = match tokio::time::timeout(self.patience, client.query_typed(sql, values)).await {
                Ok(Ok(rows)) => {
                    self.connections.keep(client);
                    return Ok(rows);
                }
                Ok(Err(error)) => error,
                Err(_) => {
                    let reason = format!("no answer within {} s", self.patience.as_secs());
                    return Err(Fault::new(Code::CatalogDown, operation).with("host", &self.connections.about.host).because(reason));
                }
            };
            let state = error.code();
            let is_over = state.is_none_or(|state| matches!(*state, SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN));
            if is_over && !is_fresh {
                continue;
            }
            if state.is_some_and(|state| matches!(*state, SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN)) {
                // Somebody took it away; the next try makes it again.
                self.is_ready.store(false, Ordering::Relaxed);
            }
            if !is_over {
                self.connections.keep(client);
            }
            return Err(self.connections.about.fault(operation, table, &error));
        }
    }

    /// As [`Self::ask`], of the table of a collection.
    async fn of(&self, operation: &str, collection: &str, sql: fn(&Statements) -> &str, values: Values<'_>) -> Result<Vec<Row>, Fault> {
        self.prepare().await?;
        let statements = statements(collection, self.is_apps.load(Ordering::Relaxed));
        self.ask(operation, statements.table, sql(statements), values).await
    }

    /// Sees once that the tables are there, and that we may do with each what we do.
    async fn prepare(&self) -> Result<(), Fault> {
        if self.is_ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        let _alone = self.preparing.lock().await;
        if self.is_ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        let operation = "prepare Postgres";
        let is_apps = self.ask(operation, APPS, IS_APPS, &[(&APPS, Type::TEXT)]).await?.first().is_some_and(|row| row.get(0));
        self.is_apps.store(is_apps, Ordering::Relaxed);
        let tables: Vec<&str> = tables::names().into_iter().filter(|name| !is_apps || *name != APPS).collect();
        let missing = "SELECT name FROM unnest($1) AS name WHERE to_regclass(name) IS NULL";
        let all: Vec<&str> = tables.iter().copied().chain(["rushes_schema"]).collect();
        let missing = self.ask(operation, "pg_class", missing, &[(&all, Type::TEXT_ARRAY)]).await?;
        if !missing.is_empty() || self.version(operation).await? < MIGRATIONS.len() {
            let (client, _) = self.connections.take(operation).await?;
            // Dropped unless it ends well: the database forgets the transaction with the connection.
            migrate(&client).await.map_err(|error| self.connections.about.fault(operation, "rushes_schema", &error))?;
            self.connections.keep(client);
        }
        let denied = "SELECT name FROM unnest($1) AS name WHERE NOT (has_table_privilege(name, 'SELECT')
            AND has_table_privilege(name, 'INSERT') AND has_table_privilege(name, 'UPDATE') AND has_table_privilege(name, 'DELETE'))";
        let denied = self.ask(operation, "pg_class", denied, &[(&tables, Type::TEXT_ARRAY)]).await?;
        let denied: Vec<&str> = denied.iter().map(|row| row.get(0)).collect();
        if !denied.is_empty() {
            let about = &self.connections.about;
            let reason = format!(
                "{} may not read and write {}; {}",
                about.user,
                denied.join(", "),
                refusals::grant(&denied.join(", "), &about.user)
            );
            return Err(Fault::new(Code::DestinationRefused, operation)
                .with("host", &about.host)
                .with("database", &about.database)
                .because(reason));
        }
        self.is_ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The schema's number. A newer one's columns do not harm what we do.
    async fn version(&self, operation: &str) -> Result<usize, Fault> {
        let rows = self.ask(operation, "rushes_schema", "SELECT coalesce(max(version), 0) FROM rushes_schema", &[]).await?;
        Ok(rows.first().map_or(0, |row| usize::try_from(row.get::<_, i32>(0)).unwrap_or(0)))
    }
}

async fn migrate(client: &Client) -> Result<(), Error> {
    let begin = format!(
        "BEGIN; SELECT pg_advisory_xact_lock({LOCK}); CREATE TABLE IF NOT EXISTS rushes_schema (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());"
    );
    client.batch_execute(&begin).await?;
    // All of them, also those that ran before: that is how what somebody took away comes back.
    for (index, migration) in MIGRATIONS.iter().enumerate() {
        client.batch_execute(migration).await?;
        client.batch_execute(&format!("INSERT INTO rushes_schema (version) VALUES ({}) ON CONFLICT DO NOTHING", index + 1)).await?;
    }
    client.batch_execute("COMMIT").await
}

#[async_trait]
impl Catalog for PostgresCatalog {
    async fn put(&self, record: &Record) -> Result<(), Fault> {
        let rev = i64::try_from(record.rev).unwrap_or(i64::MAX);
        let text = record.fields.to_string();
        let values: Values<'_> = &[(&record.collection, Type::TEXT), (&record.id, Type::TEXT), (&rev, Type::INT8), (&text, Type::TEXT)];
        let put = self.of("write record", &record.collection, |statements| &statements.put, values).await;
        put.map(drop).map_err(|fault| fault.with("id", &record.id))
    }

    async fn get(&self, collection: &str, id: &str) -> Result<Option<Record>, Fault> {
        let rows =
            self.of("read record", collection, |statements| &statements.get, &[(&collection, Type::TEXT), (&id, Type::TEXT)]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let fields: Value =
            serde_json::from_str(row.get(1)).map_err(|e| Fault::new(Code::DestinationRefused, "read record").with("id", id).because(e))?;
        Ok(Some(Record { collection: collection.to_owned(), id: id.to_owned(), rev: row.get::<_, i64>(0).unsigned_abs(), fields }))
    }

    async fn list(&self, collection: &str, cursor: Option<&str>) -> Result<Vec<String>, Fault> {
        let values: Values<'_> = &[(&collection, Type::TEXT), (&cursor.unwrap_or_default(), Type::TEXT), (&PAGE, Type::INT8)];
        let rows = self.of("list records", collection, |statements| &statements.list, values).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<(), Fault> {
        let values: Values<'_> = &[(&collection, Type::TEXT), (&id, Type::TEXT)];
        self.of("delete record", collection, |statements| &statements.delete, values).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
