//! The places a home was configured with last, so that it is never worked on with fewer by mistake: from another folder,
//! or without its configuration.

use crate::bells::Wakes;
use crate::moving::is_moving;
use crate::rows;
use crate::sql::value::NONE;
use crate::sql::{Read, Row, Sql, params};
use crate::store::{SqlStore, apart};
use rushes_core::{Code, Fault};

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

impl SqlStore {
    /// Compares what is configured with what is remembered, and remembers it unless something would be lost. Places named in
    /// `forget` may go. The caller holds the home's lock. Blocks. Errors: `store_failed`, `disk_full`.
    pub fn remember(&self, configured: &[Place], forget: &[String]) -> Result<Changed, Fault> {
        apart(|| {
            let mut base = self.beside()?;
            base.begin_write(&*self.clock)?;
            let changed = compare(&base.sql(), configured, forget);
            if changed.is_err() || !base.commit(&Wakes::default())? {
                base.roll_back();
            }
            changed
        })
    }
}

fn compare(sql: &Sql<'_>, configured: &[Place], forget: &[String]) -> Result<Changed, Fault> {
    if is_moving(sql)? {
        let reason = "a move into it was begun and has not ended; run `rushes migrate` again, it goes on where it stopped";
        return Err(Fault::new(Code::ConfigInvalid, "open store").because(reason));
    }
    let known = rows::all(sql, "SELECT name, uri, prefix, folder FROM places ORDER BY name", NONE, place)?;
    let mut changed = Changed::default();
    for place in known.iter().filter(|place| !forget.contains(&place.name)) {
        match configured.iter().find(|now| now.name == place.name) {
            Some(now) if (&now.uri, &now.prefix) != (&place.uri, &place.prefix) => changed.moved.push(place.clone()),
            Some(_) => {}
            None if configured.is_empty() || has_something(sql, &place.name)? => changed.lost.push(place.clone()),
            None => {}
        }
    }
    if changed.lost.is_empty() && known != configured {
        rows::change(sql, "DELETE FROM places", NONE)?;
        for Place { name, uri, prefix, folder } in configured {
            let insert = "INSERT INTO places(name, uri, prefix, folder) VALUES (?1, ?2, ?3, ?4)";
            rows::change(sql, insert, params![name, uri, prefix, folder])?;
        }
    }
    Ok(changed)
}

fn place(row: &Row<'_>) -> Read<Place> {
    Ok(Place { name: row.get(0)?, uri: row.get(1)?, prefix: row.get(2)?, folder: row.get(3)? })
}

fn has_something(sql: &Sql<'_>, name: &str) -> Result<bool, Fault> {
    let query = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE destination = ?1)";
    rows::number(sql, query, [name]).map(|found| found > 0)
}
