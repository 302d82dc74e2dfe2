//! Moves all rows from one store to another: from a file to a server, or back. What was begun goes on where it stopped, and
//! is compared row by row at the end.

use crate::base::Base;
use crate::bells::Wakes;
use crate::rows;
use crate::sql::value::{Bind, NONE, Sort, Value};
use crate::sql::{Read, Row, Sql};
use crate::store::{SqlStore, apart};
use rushes_core::clock::Clock;
use rushes_core::{Code, Fault};
use sha2::{Digest, Sha256};

/// Each table, after those its rows point to, and the columns by which its rows are told apart.
const TABLES: &[(&str, &[&str])] = &[
    ("subjects", &["id"]),
    ("jobs", &["id"]),
    ("steps", &["seq"]),
    ("signals", &["seq"]),
    ("blobs", &["sha256"]),
    ("assets", &["rowid"]),
    ("lineage", &["asset", "parent"]),
    ("deliveries", &["asset", "destination", "key"]),
    ("outbox", &["id"]),
    ("outbox_needs", &["row", "needs"]),
    ("events", &["seq"]),
    ("keys", &["id"]),
    ("replies", &["key", "idem_key"]),
    ("endpoints", &["id"]),
    ("secrets", &["key"]),
    ("messages", &["seq"]),
    ("tries", &["seq"]),
    ("places", &["name"]),
    ("attempts", &["job", "step", "number"]),
    ("schedules", &["name"]),
    ("work", &["job"]),
    ("work_files", &["job", "idx"]),
    ("workers", &["name"]),
    ("folders", &["path"]),
    ("marks", &["name"]),
];
/// Rows read and written in one go.
const PAGE: usize = 1_000;
/// The mark of a store into which a move has begun and not ended.
pub(crate) const MOVING: &str = "moving";

/// What was moved of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Its name.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// The SHA-256 of all of them, in order: the same in both stores.
    pub sha256: String,
}

/// A value that outlives its row.
#[derive(Clone)]
enum Kept {
    Null,
    Integer(i64),
    Text(String),
}

impl Bind for Kept {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null(Sort::Any),
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// One table of a store, read in the order of its key.
struct Table<'a> {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'a [String],
}

impl Table<'_> {
    /// The rows after a key, in order; the first columns are the key.
    fn page(&self, sql: &Sql<'_>, after: Option<&[Kept]>) -> Result<Vec<Vec<Kept>>, Fault> {
        let key = self.key.join(", ");
        let marks: Vec<String> = (1..=self.key.len()).map(|number| format!("?{number}")).collect();
        let after_key = after.map_or_else(String::new, |_| format!("WHERE ({key}) > ({})", marks.join(", ")));
        let query = format!("SELECT {} FROM {} {after_key} ORDER BY {key} LIMIT {PAGE}", self.columns.join(", "), self.name);
        let given: Vec<&dyn Bind> = after.unwrap_or_default().iter().map(|value| value as &dyn Bind).collect();
        rows::all(sql, &query, given.as_slice(), kept)
    }

    fn key_of<'a>(&self, row: &'a [Kept]) -> &'a [Kept] {
        &row[..self.key.len()]
    }

    /// Counts and hashes all rows.
    fn moved(&self, sql: &Sql<'_>) -> Result<Moved, Fault> {
        let (mut hash, mut count, mut after): (Sha256, u64, Option<Vec<Kept>>) = (Sha256::new(), 0, None);
        loop {
            let page = self.page(sql, after.as_deref())?;
            let Some(last) = page.last() else { break };
            after = Some(self.key_of(last).to_vec());
            count += page.len() as u64;
            for value in page.iter().flatten() {
                match value {
                    Kept::Null => hash.update([0]),
                    Kept::Integer(number) => hash.update([&[1], &number.to_be_bytes()[..]].concat()),
                    Kept::Text(text) => hash.update([&[2], &(text.len() as u64).to_be_bytes()[..], text.as_bytes()].concat()),
                }
            }
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Moved { table: self.name, rows: count, sha256 })
    }
}

fn kept(row: &Row<'_>) -> Read<Vec<Kept>> {
    let value = |value: Value<'_>| match value {
        Value::Null(_) => Kept::Null,
        Value::Integer(number) => Kept::Integer(number),
        Value::Text(text) => Kept::Text(text.to_owned()),
    };
    (0..row.width()).map(|at| row.cell(at).map(value)).collect()
}

/// The columns of a table as this program makes it, those of the key first.
fn columns(sql: &Sql<'_>, table: &str, key: &[&str]) -> Result<Vec<String>, Fault> {
    let query = match sql {
        Sql::Sqlite(_) => "SELECT name FROM pragma_table_info(?1) ORDER BY name",
        Sql::Postgres(_) => {
            "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?1 ORDER BY 1"
        }
    };
    let mut named = rows::all(sql, query, [table], |row| row.get::<_, String>(0))?;
    named.retain(|name| !key.contains(&name.as_str()));
    named.sort_unstable();
    Ok(key.iter().map(|name| (*name).to_owned()).chain(named).collect())
}

impl SqlStore {
    /// Copies every row into `to`, which holds nothing yet, or part of the same; `told` hears of each table how many rows are
    /// there. Blocks. Errors: `input_invalid` while jobs run here, and where `to` holds something else; `proof_failed` where
    /// the two differ at the end; `store_failed`, `disk_full`.
    pub fn move_to(&self, to: &Self, told: &mut (dyn FnMut(&str, u64) + Send)) -> Result<Vec<Moved>, Fault> {
        apart(|| {
            let (from, mut base) = (self.reader()?, to.beside()?);
            from.begin_read()?;
            refuse_running(&from.sql(), &*self.clock)?;
            begin(&mut base, &*to.clock)?;
            let mut all = Vec::with_capacity(TABLES.len());
            for (name, key) in TABLES {
                let columns = columns(&from.sql(), name, key)?;
                let table = Table { name, key, columns: &columns };
                copy(&table, &from.sql(), &mut base, &*to.clock, told)?;
                all.push(table.moved(&from.sql())?);
            }
            count_on(&base.sql())?;
            for (moved, (name, key)) in all.iter().zip(TABLES) {
                let columns = columns(&from.sql(), name, key)?;
                let there = without_mark(Table { name, key, columns: &columns }, &mut base, &*to.clock)?;
                if there != *moved {
                    let reason = format!("{} rows here and {} there are not the same", moved.rows, there.rows);
                    return Err(Fault::new(Code::ProofFailed, "compare stores").with("table", name).because(reason));
                }
            }
            from.roll_back();
            Ok(all)
        })
    }
}

/// What moves while it is copied arrives half. Errors: `input_invalid`.
fn refuse_running(sql: &Sql<'_>, clock: &dyn Clock) -> Result<(), Fault> {
    let running = "SELECT count(*) FROM jobs WHERE state = 'running' AND owner IS NOT NULL AND lease_until_ms > ?1";
    let running = rows::number(sql, running, [clock.now_ms()])?;
    if running == 0 {
        return Ok(());
    }
    let reason = format!("{running} jobs run on it; stop every `rushes serve` that works on it, and try again");
    Err(Fault::new(Code::InputInvalid, "move store").because(reason))
}

/// Marks a store that holds nothing, or one that a move has begun on. Errors: `input_invalid`.
fn begin(base: &mut Base, clock: &dyn Clock) -> Result<(), Fault> {
    base.begin_write(clock)?;
    let begun = (|| {
        if is_moving(&base.sql())? {
            return Ok(());
        }
        let held = rows::number(
            &base.sql(),
            "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM assets) + (SELECT count(*) FROM keys)",
            NONE,
        )?;
        if held > 0 {
            let reason = format!("it holds {held} jobs, assets and keys already; name another schema, or an empty database");
            return Err(Fault::new(Code::InputInvalid, "move store").because(reason));
        }
        ["marks", "places"].iter().try_for_each(|table| rows::change(&base.sql(), &format!("DELETE FROM {table}"), NONE).map(drop))?;
        rows::change(&base.sql(), "INSERT INTO marks(name, value) VALUES (?1, 1)", [MOVING]).map(drop)
    })();
    end(base, begun)
}

fn end(base: &mut Base, done: Result<(), Fault>) -> Result<(), Fault> {
    if let Err(fault) = done {
        base.roll_back();
        return Err(fault);
    }
    if base.commit(&Wakes::default())? {
        return Ok(());
    }
    Err(Fault::new(Code::StoreFailed, "move store").because("the connection to the database broke; run it again, it goes on"))
}

/// Whether a move into this store has begun and not ended.
pub(crate) fn is_moving(sql: &Sql<'_>) -> Result<bool, Fault> {
    rows::number(sql, "SELECT count(*) FROM marks WHERE name = ?1", [MOVING]).map(|found| found > 0)
}

fn copy(
    table: &Table<'_>,
    from: &Sql<'_>,
    to: &mut Base,
    clock: &dyn Clock,
    told: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<(), Fault> {
    let marks: Vec<String> = (1..=table.columns.len()).map(|number| format!("?{number}")).collect();
    let insert = format!("INSERT INTO {}({}) VALUES ({}) ON CONFLICT DO NOTHING", table.name, table.columns.join(", "), marks.join(", "));
    // What is there was written in order: it goes on behind the last.
    let mut after = last(table, &to.sql())?;
    let mut count = 0;
    loop {
        let page = table.page(from, after.as_deref())?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(table.key_of(last).to_vec());
        count += page.len() as u64;
        to.begin_write(clock)?;
        let written = page.iter().try_for_each(|row| {
            let given: Vec<&dyn Bind> = row.iter().map(|value| value as &dyn Bind).collect();
            rows::change(&to.sql(), &insert, given.as_slice()).map(drop)
        });
        end(to, written)?;
        told(table.name, count);
    }
}

/// The key of the last row that is there already. The marks are few, and hold one that is the move's own.
fn last(table: &Table<'_>, to: &Sql<'_>) -> Result<Option<Vec<Kept>>, Fault> {
    if table.name == "marks" {
        return Ok(None);
    }
    let order: Vec<String> = table.key.iter().map(|name| format!("{name} DESC")).collect();
    rows::one(to, &format!("SELECT {} FROM {} ORDER BY {} LIMIT 1", table.key.join(", "), table.name, order.join(", ")), NONE, kept)
}

/// Has a server number new rows above those that were brought.
fn count_on(sql: &Sql<'_>) -> Result<(), Fault> {
    let Sql::Postgres(_) = sql else { return Ok(()) };
    for (table, column) in [
        ("steps", "seq"),
        ("signals", "seq"),
        ("assets", "rowid"),
        ("outbox", "id"),
        ("events", "seq"),
        ("messages", "seq"),
        ("tries", "seq"),
    ] {
        let set = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), coalesce((SELECT max({column}) FROM {table}), 1),
                 EXISTS (SELECT 1 FROM {table}))"
        );
        rows::number(sql, &set, NONE)?;
    }
    Ok(())
}

/// What a table holds; with the marks, last of all, the one of the move goes.
fn without_mark(table: Table<'_>, base: &mut Base, clock: &dyn Clock) -> Result<Moved, Fault> {
    if table.name == "marks" {
        base.begin_write(clock)?;
        let gone = rows::change(&base.sql(), "DELETE FROM marks WHERE name = ?1", [MOVING]).map(drop);
        end(base, gone)?;
    }
    table.moved(&base.sql())
}

#[cfg(test)]
mod tests;
