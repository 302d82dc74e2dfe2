//! The places a home was configured with last, so that it is never worked on with fewer by mistake: from another folder,
//! or without its configuration.

use crate::rows;
use crate::sqlite::open_writer;
use crate::writer::failed;
use rushes_core::Fault;
use rusqlite::{Connection, Row, TransactionBehavior, params};
use std::path::Path;

/// A configured destination or catalog, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Where it is, without secrets.
    pub uri: String,
    /// Below which prefix.
    pub prefix: String,
    /// The folder the configuration was read in.
    pub folder: String,
}

/// What a start changes about the places of a home.
#[derive(Debug, Default)]
pub struct Changed {
    /// Gone without a word, while something is owed to them or proven there, or while none is configured any more. Where
    /// there are such nothing is written down.
    pub lost: Vec<Place>,
    /// As they were; they are somewhere else now.
    pub moved: Vec<Place>,
}

/// Compares what is configured with what is remembered, and remembers it unless something would be lost. Places named in
/// `forget` may go. The caller holds the home's lock. Errors: `store_failed`, `disk_full`.
pub fn remember(database: &Path, configured: &[Place], forget: &[String]) -> Result<Changed, Fault> {
    let mut connection = open_writer(database)?;
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.map_err(|e| failed("remember places", e))?;
    let known = rows::all(&transaction, "SELECT name, uri, prefix, folder FROM places ORDER BY name", [], place)?;
    let mut changed = Changed::default();
    for place in known.iter().filter(|place| !forget.contains(&place.name)) {
        match configured.iter().find(|now| now.name == place.name) {
            Some(now) if (&now.uri, &now.prefix) != (&place.uri, &place.prefix) => changed.moved.push(place.clone()),
            Some(_) => {}
            None if configured.is_empty() || has_something(&transaction, &place.name)? => changed.lost.push(place.clone()),
            None => {}
        }
    }
    if changed.lost.is_empty() && known != configured {
        rows::change(&transaction, "DELETE FROM places", [])?;
        for Place { name, uri, prefix, folder } in configured {
            let insert = "INSERT INTO places(name, uri, prefix, folder) VALUES (?1, ?2, ?3, ?4)";
            rows::change(&transaction, insert, params![name, uri, prefix, folder])?;
        }
    }
    transaction.commit().map_err(|e| failed("remember places", e))?;
    Ok(changed)
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place { name: row.get(0)?, uri: row.get(1)?, prefix: row.get(2)?, folder: row.get(3)? })
}

fn has_something(sql: &Connection, name: &str) -> Result<bool, Fault> {
    let query = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE destination = ?1)";
    rows::number(sql, query, [name]).map(|found| found > 0)
}
