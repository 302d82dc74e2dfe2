//! Rows to nouns and back: JSON columns, ids, numbers. One function per noun.

use crate::sql::value::{self, Bind, Given, Params, Value};
use crate::sql::{Read, Row, Sql};
use crate::writer::failed;
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::event::Event;
use rushes_core::job::{Asked, Job, JobState, StepRow};
use rushes_core::subject::{NewSubject, Subject, SubjectType};
use rushes_core::{Asset, Blob, Code, Fault, Kind, Wait};
use rusqlite::types::ToSqlOutput;
use rusqlite::{CachedStatement, Connection, ToSql};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// A value as JSON text; what cannot be JSON is a fault, not a hole.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|e| Fault::new(Code::StoreFailed, "write JSON").because(e))
}

pub(crate) fn unknown(column: usize, word: &str) -> Fault {
    value::broken(column, format!("unknown word {word}"))
}

pub(crate) fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Read<T> {
    serde_json::from_str(row.text(column)?).map_err(|e| value::broken(column, e))
}

pub(crate) fn from_json_or_none<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Read<Option<T>> {
    row.text_or_none(column)?.map(|text| serde_json::from_str(text).map_err(|e| value::broken(column, e))).transpose()
}

pub(crate) fn parsed<T>(row: &Row<'_>, column: usize) -> Read<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.text(column)?.parse().map_err(|e| value::broken(column, e))
}

pub(crate) fn parsed_or_none<T>(row: &Row<'_>, column: usize) -> Read<Option<T>>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.text_or_none(column)?.map(|text| text.parse().map_err(|e| value::broken(column, e))).transpose()
}

fn size(row: &Row<'_>, column: usize) -> Read<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

pub(crate) const JOB: &str = "id, workflow, version, input, state, waiting_for, value, fault, parent, child_name, root, tries, cancel, created_ms, updated_ms, ended_ms, collection, by_key, idem_key, webhook_url, started_ms";

pub(crate) fn job(row: &Row<'_>) -> Read<Job> {
    let state: String = row.get(4)?;
    let state = JobState::named(&state).ok_or_else(|| unknown(4, &state))?;
    let waiting_for: Option<Wait> = parsed_or_none(row, 5)?;
    // Nobody writes down that nothing happens.
    let its_turn = || (state == JobState::Queued).then_some(Wait::Turn);
    Ok(Job {
        id: parsed(row, 0)?,
        workflow: row.get(1)?,
        version: row.get(2)?,
        input: from_json(row, 3)?,
        state,
        waiting_for: waiting_for.or_else(its_turn),
        value: from_json_or_none(row, 6)?,
        fault: from_json_or_none(row, 7)?,
        parent: parsed_or_none(row, 8)?,
        child_name: row.get(9)?,
        root: parsed(row, 10)?,
        tries: row.get(11)?,
        cancel: row.get(12)?,
        created_ms: row.get(13)?,
        started_ms: row.get(20)?,
        updated_ms: row.get(14)?,
        ended_ms: row.get(15)?,
        collection: row.get(16)?,
        asked: Asked { key: row.get(17)?, idem_key: row.get(18)?, webhook_url: row.get(19)? },
    })
}

pub(crate) const STEP: &str = "name, input_hash, outcome, attempts, started_ms, ended_ms, last_fault, provider";

pub(crate) fn step(row: &Row<'_>) -> Read<StepRow> {
    Ok(StepRow {
        name: row.get(0)?,
        input_hash: row.get(1)?,
        outcome: from_json_or_none(row, 2)?,
        attempts: row.get(3)?,
        started_ms: row.get(4)?,
        ended_ms: row.get(5)?,
        last_fault: from_json_or_none(row, 6)?,
        provider: row.get(7)?,
    })
}

/// Columns of an asset joined with its blob, as `a` and `b`.
pub(crate) const ASSET: &str = "a.id, a.kind, a.subject, a.title, a.idx, a.version, b.sha256, b.md5, b.crc32c, b.size_bytes, b.mime, a.path, a.seed, a.width, a.height, a.duration_ms, a.meta, a.job, a.step, a.created_ms, a.retired_ms";

/// So many columns those are.
pub(crate) const ASSET_COLUMNS: usize = 21;

pub(crate) fn asset(row: &Row<'_>) -> Read<Asset> {
    asset_at(row, 0)
}

/// An asset whose columns begin here.
pub(crate) fn asset_at(row: &Row<'_>, first: usize) -> Read<Asset> {
    let kind: String = row.get(first + 1)?;
    Ok(Asset {
        id: parsed(row, first)?,
        kind: Kind::named(&kind).ok_or_else(|| unknown(first + 1, &kind))?,
        subject: row.get(first + 2)?,
        title: row.get(first + 3)?,
        idx: row.get(first + 4)?,
        version: row.get(first + 5)?,
        blob: blob(row, first + 6)?,
        path: row.get(first + 11)?,
        seed: parsed_or_none(row, first + 12)?,
        width: row.get(first + 13)?,
        height: row.get(first + 14)?,
        duration_ms: row.get::<_, Option<i64>>(first + 15)?.map(i64::unsigned_abs),
        meta: from_json(row, first + 16)?,
        job: parsed(row, first + 17)?,
        step: row.get(first + 18)?,
        created_ms: row.get(first + 19)?,
        retired_ms: row.get(first + 20)?,
    })
}

pub(crate) fn blob(row: &Row<'_>, first: usize) -> Read<Blob> {
    Ok(Blob {
        sha256: row.get(first)?,
        md5: Some(row.get::<_, String>(first + 1)?).filter(|md5| !md5.is_empty()),
        crc32c: row.get(first + 2)?,
        size_bytes: size(row, first + 3)?,
        mime: row.get(first + 4)?,
    })
}

pub(crate) const DELIVERY: &str = "asset, destination, key, state, uri, proof, proven_ms, last_fault, link, rendition";

pub(crate) fn delivery(row: &Row<'_>) -> Read<Delivery> {
    let state: String = row.get(3)?;
    Ok(Delivery {
        asset: parsed(row, 0)?,
        destination: row.get(1)?,
        key: row.get(2)?,
        state: DeliveryState::named(&state).ok_or_else(|| unknown(3, &state))?,
        uri: row.get(4)?,
        proof: from_json_or_none(row, 5)?,
        proven_ms: row.get(6)?,
        last_fault: from_json_or_none(row, 7)?,
        link: from_json_or_none(row, 8)?,
        rendition: from_json_or_none(row, 9)?,
    })
}

pub(crate) const SUBJECT: &str = "id, type, slug, name, fields, rev";

pub(crate) fn subject(row: &Row<'_>) -> Read<Subject> {
    let subject_type: String = row.get(1)?;
    Ok(Subject {
        made: NewSubject {
            id: row.get(0)?,
            subject_type: SubjectType::named(&subject_type).ok_or_else(|| unknown(1, &subject_type))?,
            slug: row.get(2)?,
            name: row.get(3)?,
            fields: from_json(row, 4)?,
        },
        rev: size(row, 5)?,
    })
}

pub(crate) fn event(row: &Row<'_>) -> Read<Event> {
    Ok(Event { seq: row.get(0)?, at_ms: row.get(1)?, event_type: row.get(2)?, job: row.get(3)?, data: from_json(row, 4)? })
}

#[cfg(test)]
thread_local! {
    /// What this thread has asked, counted as a server would be asked: tests ask the writer's for how much something takes.
    pub(crate) static ASKED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn prepared<'a>(sql: &'a Connection, text: &str, given: &Given<'_>) -> Result<CachedStatement<'a>, Fault> {
    let mut statement = sql.prepare_cached(text).map_err(|e| failed("prepare", e))?;
    let bound = match given {
        Given::Numbered(values) => {
            (1..).zip(values).try_for_each(|(number, value)| statement.raw_bind_parameter::<usize, _>(number, value))
        }
        Given::Named(pairs) => pairs.iter().try_for_each(|(name, value)| match statement.parameter_index(name)? {
            Some(number) => statement.raw_bind_parameter(number, value),
            None => Ok(()),
        }),
    };
    bound.map_err(|e| failed("give values", e))?;
    Ok(statement)
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null(_) => ToSqlOutput::from(rusqlite::types::Null),
            Self::Integer(number) => ToSqlOutput::from(*number),
            Self::Text(text) => ToSqlOutput::from(*text),
        })
    }
}

fn count_asked() {
    #[cfg(test)]
    ASKED.set(ASKED.get() + 1);
}

/// All rows of a query.
pub(crate) fn all<T>(sql: &Sql<'_>, query: &str, params: impl Params, noun: fn(&Row<'_>) -> Read<T>) -> Result<Vec<T>, Fault> {
    count_asked();
    found(sql, query, params, noun)
}

fn found<T>(sql: &Sql<'_>, query: &str, params: impl Params, noun: fn(&Row<'_>) -> Read<T>) -> Result<Vec<T>, Fault> {
    match sql {
        Sql::Sqlite(connection) => {
            let mut statement = prepared(connection, query, &params.given())?;
            let mut rows = statement.raw_query();
            let mut found = Vec::new();
            while let Some(row) = rows.next().map_err(|e| failed("query", e))? {
                found.push(noun(&Row::Sqlite(row))?);
            }
            Ok(found)
        }
        Sql::Postgres(session) => session.borrow_mut().query(query, &params.given())?.iter().map(|row| noun(&Row::Postgres(row))).collect(),
    }
}

/// The one row of a query, if there is one.
pub(crate) fn one<T>(sql: &Sql<'_>, query: &str, params: impl Params, noun: fn(&Row<'_>) -> Read<T>) -> Result<Option<T>, Fault> {
    count_asked();
    match sql {
        Sql::Sqlite(connection) => {
            let mut statement = prepared(connection, query, &params.given())?;
            let mut rows = statement.raw_query();
            rows.next().map_err(|e| failed("read row", e))?.map(|row| noun(&Row::Sqlite(row))).transpose()
        }
        Sql::Postgres(session) => {
            session.borrow_mut().query(query, &params.given())?.first().map(|row| noun(&Row::Postgres(row))).transpose()
        }
    }
}

/// The one number of a query.
pub(crate) fn number(sql: &Sql<'_>, query: &str, params: impl Params) -> Result<i64, Fault> {
    one(sql, query, params, |row| row.get(0))?.ok_or_else(|| Fault::new(Code::StoreFailed, "read number").because("the query gave no row"))
}

/// Changes rows; says how many.
pub(crate) fn change(sql: &Sql<'_>, command: &str, params: impl Params) -> Result<usize, Fault> {
    count_asked();
    changed(sql, command, params)
}

fn changed(sql: &Sql<'_>, command: &str, params: impl Params) -> Result<usize, Fault> {
    match sql {
        Sql::Sqlite(connection) => prepared(connection, command, &params.given())?.raw_execute().map_err(|e| failed("change rows", e)),
        Sql::Postgres(session) => session.borrow_mut().execute(command, &params.given()),
    }
}

/// Inserts a row unless it is there; gives the `id` of one that was not.
pub(crate) fn insert(sql: &Sql<'_>, command: &str, params: impl Params) -> Result<Option<i64>, Fault> {
    match sql {
        Sql::Sqlite(connection) => Ok((change(sql, command, params)? > 0).then(|| connection.last_insert_rowid())),
        Sql::Postgres(_) => one(sql, &format!("{command} RETURNING id"), params, |row| row.get(0)),
    }
}

/// A change that tells of each row something which it leaves as it was. A server is asked with the change. SQLite is asked
/// before, and then changes row by row: an answer of a change, or more rows than one, cost it a table of its own and a copy
/// of each page that it changes.
pub(crate) struct Telling {
    /// What is told of the rows, and the column by which each is found again; by the first of the values.
    pub(crate) question: String,
    /// Changes one of them; what its column says comes after all values.
    pub(crate) command: String,
    both: String,
}

/// How a change finds its rows, and each of them again: by a column, and a condition that it and the other values fulfil.
pub(crate) struct Finding {
    pub(crate) which: &'static str,
    pub(crate) column: &'static str,
    pub(crate) again: &'static str,
}

impl Telling {
    /// Of rows of a table; the values of `sets` are numbered after those by which they are found.
    pub(crate) fn new(table: &str, sets: &str, Finding { which, column, again }: &Finding, tells: &str) -> Self {
        Self {
            question: format!("SELECT {tells}, {column} FROM {table} WHERE {which}"),
            command: format!("UPDATE {table} SET {sets} WHERE {again}"),
            both: format!("UPDATE {table} SET {sets} WHERE {which} RETURNING {tells}"),
        }
    }

    /// Changes the rows found by the values that are asked by, and gives what is told of each.
    pub(crate) fn change<T>(
        &self,
        sql: &Sql<'_>,
        (asked, set): (Few<'_>, Few<'_>),
        noun: fn(&Row<'_>) -> Read<T>,
    ) -> Result<Vec<T>, Fault> {
        count_asked();
        let values = [asked, set].concat();
        let Sql::Sqlite(connection) = sql else { return found(sql, &self.both, values.as_slice(), noun) };
        let (mut told, mut places): (_, Vec<Box<dyn Bind>>) = (Vec::new(), Vec::new());
        let mut question = prepared(connection, &self.question, &asked.given())?;
        let mut rows = question.raw_query();
        while let Some(row) = rows.next().map_err(|e| failed("query", e))? {
            let row = Row::Sqlite(row);
            told.push(noun(&row)?);
            let place = row.width() - 1;
            places.push(match row.cell(place)? {
                Value::Integer(number) => Box::new(number),
                Value::Text(text) => Box::new(text.to_owned()),
                Value::Null(_) => return Err(value::broken(place, "it is empty")),
            });
        }
        for place in &places {
            changed(sql, &self.command, [values.as_slice(), &[&**place]].concat().as_slice())?;
        }
        Ok(told)
    }
}

/// Some values.
pub(crate) type Few<'a> = &'a [&'a dyn Bind];
