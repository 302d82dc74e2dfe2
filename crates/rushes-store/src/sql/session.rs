//! One session of a Postgres server: its prepared statements, and what its errors mean.

use super::dialect;
use super::value::{Given, Sort, Value};
use postgres::Client;
use rushes_core::{Code, Fault};
use std::collections::HashMap;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type};
use tokio_postgres::{Error, Row, Statement};

/// Where a session is, or why it is of no more use.
pub(crate) struct Session {
    client: Held,
    /// By their texts as the house has them: to say one in Postgres's words is work, and a step asks for dozens.
    known: HashMap<String, Known>,
    /// Its last error was that of the way there, or of the server's moment: another session may do the same.
    is_lost: bool,
}

/// A statement this session has met before.
struct Known {
    said: String,
    names: dialect::Names,
    /// Prepared, once for each way its values were of this or that sort.
    prepared: Vec<(Vec<Type>, Statement)>,
}

impl Known {
    fn new(text: &str) -> Self {
        let (said, names) = dialect::statement(text);
        Self { said, names, prepared: Vec::new() }
    }
}

impl Session {
    pub(crate) fn new(client: Client) -> Self {
        Self { client: Held(Some(client)), known: HashMap::new(), is_lost: false }
    }

    /// Whether what failed may be done again, in another session.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost || self.client.is_closed()
    }

    /// Runs statements without values, one after the other, in one go; gives the texts of the last row of an answer.
    pub(crate) fn run(&mut self, statements: &str) -> Result<Vec<Option<String>>, Fault> {
        let answered = self.client.simple_query(statements).map_err(|e| self.failed("run", &e))?;
        let row = answered.iter().rev().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(row.map_or_else(Vec::new, |row| (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()))
    }

    /// All rows of a question.
    pub(crate) fn query(&mut self, text: &str, given: &Given<'_>) -> Result<Vec<Row>, Fault> {
        let (statement, values) = self.prepare(text, given)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        self.client.query(&statement, &values).map_err(|e| self.failed("query", &e))
    }

    /// Changes rows; says how many.
    pub(crate) fn execute(&mut self, text: &str, given: &Given<'_>) -> Result<usize, Fault> {
        let (statement, values) = self.prepare(text, given)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let changed = self.client.execute(&statement, &values).map_err(|e| self.failed("change rows", &e))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// The types are those of the values, so that nothing is guessed.
    fn prepare<'a>(&mut self, text: &str, given: &Given<'a>) -> Result<(Statement, Vec<Bound<'a>>), Fault> {
        if !self.known.contains_key(text) {
            self.known.insert(text.to_owned(), Known::new(text));
        }
        let known = self.known.get_mut(text).expect("it was put there above");
        let values: Vec<Bound<'a>> = match given {
            Given::Numbered(values) => values.iter().copied().map(Bound).collect(),
            Given::Named(pairs) => {
                let of = |name: &String| pairs.iter().find(|(given, _)| given == name).map_or(Value::Null(Sort::Text), |(_, value)| *value);
                known.names.iter().map(of).map(Bound).collect()
            }
        };
        let types = || values.iter().map(Bound::sort);
        if let Some((_, statement)) = known.prepared.iter().find(|(sorts, _)| types().eq(sorts.iter().cloned())) {
            return Ok((statement.clone(), values));
        }
        let sorts: Vec<Type> = types().collect();
        match self.client.prepare_typed(&known.said, &sorts) {
            Ok(statement) => {
                known.prepared.push((sorts, statement.clone()));
                Ok((statement, values))
            }
            Err(error) => {
                let said = known.said.clone();
                Err(self.failed("prepare", &error).with("statement", said))
            }
        }
    }

    fn failed(&mut self, operation: &str, error: &Error) -> Fault {
        self.is_lost = is_passing(error);
        failed(operation, error)
    }

    /// Waits for word from other sessions, and gives the texts that came; none after `patience`.
    pub(crate) fn heard(&mut self, patience: std::time::Duration) -> Result<Vec<String>, Fault> {
        use postgres::fallible_iterator::FallibleIterator;
        let mut notifications = self.client.notifications();
        let first = notifications.timeout_iter(patience).next();
        let mut heard = Vec::new();
        match first {
            Ok(Some(one)) => heard.push(one.payload().to_owned()),
            Ok(None) => return Ok(heard),
            Err(error) => {
                self.is_lost = true;
                return Err(failed("listen", &error));
            }
        }
        let mut more = notifications.iter();
        while let Ok(Some(one)) = more.next() {
            heard.push(one.payload().to_owned());
        }
        Ok(heard)
    }
}

/// A client brings a small runtime of its own, which must not end where others run: that blocks.
struct Held(Option<Client>);

impl std::ops::Deref for Held {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0.as_ref().expect("it is taken by the drop alone")
    }
}

impl std::ops::DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Client {
        self.0.as_mut().expect("it is taken by the drop alone")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let client = self.0.take();
        if tokio::runtime::Handle::try_current().is_ok() {
            std::thread::spawn(move || drop(client));
        }
    }
}

/// A server's error as the house's fault; a full disk is told apart.
pub(crate) fn failed(operation: &str, error: &Error) -> Fault {
    // Of all signs one is none to it, wherever a text came from.
    if [SqlState::CHARACTER_NOT_IN_REPERTOIRE, SqlState::UNTRANSLATABLE_CHARACTER].iter().any(|code| error.code() == Some(code)) {
        return Fault::new(Code::InputInvalid, operation).because("a text holds the sign U+0000, which this database does not take");
    }
    let is_full = error.code() == Some(&SqlState::DISK_FULL);
    let fault = Fault::new(if is_full { Code::DiskFull } else { Code::StoreFailed }, operation);
    match error.as_db_error() {
        Some(said) => fault.with("sqlstate", said.code().code()).because(said.message()),
        None => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            fault.because(format!("{error}{cause}"))
        }
    }
}

/// A broken way, a server that stops or starts, a transaction that was ended for the sake of another.
fn is_passing(error: &Error) -> bool {
    let Some(code) = error.code() else { return true };
    ["08", "57", "40", "53"].iter().any(|class| code.code().starts_with(class)) && *code != SqlState::DISK_FULL
        || [SqlState::LOCK_NOT_AVAILABLE, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT].contains(code)
}

/// A value on its way to the server.
#[derive(Debug)]
struct Bound<'a>(Value<'a>);

impl Bound<'_> {
    fn sort(&self) -> Type {
        match self.0 {
            Value::Null(Sort::Any) => Type::UNKNOWN,
            Value::Null(Sort::Integer) | Value::Integer(_) => Type::INT8,
            Value::Null(Sort::Text) | Value::Text(_) => Type::TEXT,
        }
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, sort: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            Value::Null(_) => Ok(IsNull::Yes),
            Value::Integer(number) => number.to_sql(sort, out),
            Value::Text(text) => text.to_sql(sort, out),
        }
    }

    fn accepts(_sort: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}
