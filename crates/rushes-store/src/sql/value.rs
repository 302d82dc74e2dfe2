//! What goes into statements and comes out of rows: whole numbers, texts, and nothing.

use super::{Read, Row};
use rushes_core::{Code, Fault};
use tokio_postgres::types::Type;

/// A value on its way in or out. Truth is 1 or 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// Nothing, where something of that sort might be.
    Null(Sort),
    Integer(i64),
    Text(&'a str),
}

/// What a value is, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sort {
    Integer,
    Text,
    /// Whatever its place is of.
    Any,
}

/// What is of one sort, also where there is none.
pub(crate) trait Sorted {
    const SORT: Sort;
}

/// What can be given to a statement.
pub(crate) trait Bind {
    fn value(&self) -> Value<'_>;
}

macro_rules! bind_integers {
    ($($integer:ty),*) => {$(
        impl Sorted for $integer {
            const SORT: Sort = Sort::Integer;
        }
        impl Bind for $integer {
            fn value(&self) -> Value<'_> {
                Value::Integer(i64::from(*self))
            }
        }
    )*};
}
bind_integers!(bool, i64, u16, u32);

macro_rules! bind_texts {
    ($($text:ty),*) => {$(
        impl Sorted for $text {
            const SORT: Sort = Sort::Text;
        }
        impl Bind for $text {
            fn value(&self) -> Value<'_> {
                Value::Text(self)
            }
        }
    )*};
}
bind_texts!(String, str);

impl<T: Sorted + ?Sized> Sorted for &T {
    const SORT: Sort = T::SORT;
}

impl<T: Bind + ?Sized> Bind for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: Bind + Sorted> Bind for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null(T::SORT), Bind::value)
    }
}

/// Values as a statement asks for them: by their numbers, or by their names.
pub(crate) enum Given<'a> {
    Numbered(Vec<Value<'a>>),
    Named(Vec<(&'a str, Value<'a>)>),
}

/// What is given to a statement as a whole.
pub(crate) trait Params {
    fn given(&self) -> Given<'_>;
}

/// Nothing to give.
pub(crate) const NONE: [&str; 0] = [];

impl<T: Bind, const N: usize> Params for [T; N] {
    fn given(&self) -> Given<'_> {
        Given::Numbered(self.iter().map(Bind::value).collect())
    }
}

impl Params for &[&dyn Bind] {
    fn given(&self) -> Given<'_> {
        Given::Numbered(self.iter().map(|value| value.value()).collect())
    }
}

/// What can be read of a column.
pub(crate) trait Cell: Sized {
    /// None for a value of another sort.
    fn of(value: Value<'_>) -> Option<Self>;
}

macro_rules! cell_integers {
    ($($integer:ty),*) => {$(
        impl Cell for $integer {
            fn of(value: Value<'_>) -> Option<Self> {
                i64::of(value)?.try_into().ok()
            }
        }
    )*};
}
cell_integers!(u16, u32, i32);

impl Cell for i64 {
    fn of(value: Value<'_>) -> Option<Self> {
        if let Value::Integer(number) = value { Some(number) } else { None }
    }
}

impl Cell for bool {
    fn of(value: Value<'_>) -> Option<Self> {
        i64::of(value).map(|number| number != 0)
    }
}

impl Cell for String {
    fn of(value: Value<'_>) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.to_owned()) } else { None }
    }
}

impl<T: Cell> Cell for Option<T> {
    fn of(value: Value<'_>) -> Option<Self> {
        if let Value::Null(_) = value { Some(None) } else { T::of(value).map(Some) }
    }
}

/// A column by its name or its number.
pub(crate) trait Column {
    fn place(&self, row: &Row<'_>) -> Read<usize>;
}

impl Column for usize {
    fn place(&self, _row: &Row<'_>) -> Read<usize> {
        Ok(*self)
    }
}

impl Column for &str {
    fn place(&self, row: &Row<'_>) -> Read<usize> {
        let found = match row {
            Row::Sqlite(row) => row.as_ref().column_index(self).ok(),
            Row::Postgres(row) => row.columns().iter().position(|column| column.name() == *self),
        };
        found.ok_or_else(|| Fault::new(Code::StoreFailed, "read row").because(format!("it has no column {self}")))
    }
}

/// What stands in a column cannot be read.
pub(crate) fn broken(column: usize, reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::StoreFailed, "read row").because(format!("column {column}: {reason}"))
}

pub(super) fn of_sqlite<'a>(row: &'a rusqlite::Row<'a>, at: usize) -> Read<Value<'a>> {
    use rusqlite::types::ValueRef;
    Ok(match row.get_ref(at).map_err(|e| broken(at, e))? {
        ValueRef::Null => Value::Null(Sort::Text),
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).map_err(|e| broken(at, e))?),
        ValueRef::Real(_) | ValueRef::Blob(_) => return Err(broken(at, "fractions and bytes are kept nowhere here")),
    })
}

pub(super) fn of_postgres(row: &tokio_postgres::Row, at: usize) -> Read<Value<'_>> {
    let kind = row.columns().get(at).map(tokio_postgres::Column::type_).ok_or_else(|| broken(at, "there is none"))?;
    let wrong = |e: tokio_postgres::Error| broken(at, e);
    let value = match *kind {
        Type::BOOL => row.try_get::<_, Option<bool>>(at).map_err(wrong)?.map(|truth| Value::Integer(truth.into())),
        Type::INT2 => row.try_get::<_, Option<i16>>(at).map_err(wrong)?.map(|number| Value::Integer(number.into())),
        Type::INT4 => row.try_get::<_, Option<i32>>(at).map_err(wrong)?.map(|number| Value::Integer(number.into())),
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map_err(wrong)?.map(Value::Integer),
        _ => row.try_get::<_, Option<&str>>(at).map_err(wrong)?.map(Value::Text),
    };
    Ok(value.unwrap_or(Value::Null(Sort::Text)))
}
