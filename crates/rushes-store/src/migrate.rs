//! The schema, and the way from an older one to today's.

use rushes_core::{Code, Fault};
use rusqlite::Connection;

/// Every step forward, oldest first; a database's `user_version` counts those it has had.
const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_first.sql"), include_str!("migrations/0002_speed.sql"), include_str!("migrations/0003_upkeep.sql")];

/// The schema this program writes.
pub const SCHEMA_VERSION: usize = MIGRATIONS.len();

/// Brings a database to today's schema, each step in a transaction. Errors: `home_newer`, `store_failed`.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    let failed = |e: rusqlite::Error| Fault::new(Code::StoreFailed, "migrate database").because(e);
    let found = version(connection)?;
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        let transaction = connection.transaction().map_err(failed)?;
        transaction.execute_batch(sql).map_err(failed)?;
        transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX)).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

/// The schema a database has. Errors: `home_newer` when it is beyond ours.
pub(crate) fn version(connection: &Connection) -> Result<usize, Fault> {
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|e| Fault::new(Code::StoreFailed, "read schema version").because(e))?;
    let found = usize::try_from(found).unwrap_or(0);
    if found > SCHEMA_VERSION {
        return Err(
            Fault::new(Code::HomeNewer, "open database").because(format!("it has schema {found}, this program knows {SCHEMA_VERSION}"))
        );
    }
    Ok(found)
}
