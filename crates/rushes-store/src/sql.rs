//! One SQL for two databases: statements are written for SQLite, and translated where Postgres has another word.
//!
//! Rooms ask through `rows`; here are the values they give, the rows they get, and the two ways to ask.

pub(crate) mod dialect;
pub(crate) mod session;
pub(crate) mod value;

use rushes_core::Fault;
use session::Session;
use std::cell::RefCell;
use value::{Cell, Column, Value};

/// What is read of a row.
pub(crate) type Read<T> = Result<T, Fault>;

/// A connection, as the rooms see it: inside a transaction, or in one snapshot.
pub(crate) enum Sql<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a RefCell<Session>),
}

/// One row of an answer.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// What stands in a column, named or counted from 0.
    pub(crate) fn get<I: Column, T: Cell>(&self, column: I) -> Read<T> {
        let at = column.place(self)?;
        T::of(self.cell(at)?).ok_or_else(|| value::broken(at, "it is of another sort"))
    }

    /// The text of a column. A column without one is a fault.
    pub(crate) fn text(&self, at: usize) -> Read<&str> {
        self.text_or_none(at)?.ok_or_else(|| value::broken(at, "it is empty"))
    }

    /// The text of a column, if there is one.
    pub(crate) fn text_or_none(&self, at: usize) -> Read<Option<&str>> {
        match self.cell(at)? {
            Value::Null(_) => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            Value::Integer(_) => Err(value::broken(at, "it is no text")),
        }
    }

    /// How many columns it has.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Sqlite(row) => row.as_ref().column_count(),
            Self::Postgres(row) => row.len(),
        }
    }

    /// What stands in a column, whatever it is.
    pub(crate) fn cell(&self, at: usize) -> Read<Value<'_>> {
        match self {
            Self::Sqlite(row) => value::of_sqlite(row, at),
            Self::Postgres(row) => value::of_postgres(row, at),
        }
    }
}

/// Values for the `?1`, `?2` … of a statement: anything that can be kept.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::sql::value::Bind),*] as &[&dyn $crate::sql::value::Bind]
    };
}
pub(crate) use params;
