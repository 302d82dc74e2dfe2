//! What Postgres refuses, and what stands between us and it, as faults a person can act on.

use crate::http::told;
use rushes_core::{Code, Fault};
use std::error::Error as _;
use std::io;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// Whom we ask as whom, for the words.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) user: String,
    pub(super) database: String,
    /// `host:port`
    pub(super) host: String,
}

impl About {
    /// A fault from an error while doing `operation` to `table`.
    pub(super) fn fault(&self, operation: &str, table: &str, error: &Error) -> Fault {
        match error.as_db_error() {
            Some(said) => self.refused(operation, table, said),
            None => self.unreachable(operation, error),
        }
    }

    fn begin(&self, code: Code, operation: &str) -> Fault {
        Fault::new(code, operation).with("host", &self.host).with("database", &self.database)
    }

    /// The connection, its encryption, or the log-in before the database says anything.
    fn unreachable(&self, operation: &str, error: &Error) -> Fault {
        let words = told(error);
        let refused = |reason: String| self.begin(Code::DestinationRefused, operation).because(reason);
        if words.contains("password missing") {
            return refused(format!("{} needs a password; set password = \"env:NAME\" or \"file:/path\"", self.user));
        }
        if words.contains("server does not support TLS") {
            let cure = "let it, or write ?sslmode=disable behind the address where the way there is safe";
            return refused(format!("the server offers no encryption; {cure}"));
        }
        if words.contains("UnknownIssuer") || words.contains("CaUsedAsEndEntity") || words.contains("unknown issuer") {
            let cure = "set authority = \"/path/to/certificate.pem\" (Supabase: Database settings, SSL configuration)";
            return refused(format!("its certificate is of an authority this machine does not know; {cure}"));
        }
        if words.contains("invalid peer certificate") {
            return refused(words);
        }
        let mut cause = error.source();
        while let Some(inner) = cause {
            if inner.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
                return self.begin(Code::CatalogDown, operation).because("nothing listens there; start the server, or mend the port");
            }
            cause = inner.source();
        }
        self.begin(Code::CatalogDown, operation).because(words)
    }

    /// An answer of the database's own.
    fn refused(&self, operation: &str, table: &str, said: &DbError) -> Fault {
        let (state, message) = (said.code(), said.message());
        let code = match &state.code()[..2] {
            // Somebody else holds what we need for a moment, or the server is busy, restarting, or ill.
            "08" | "40" | "55" | "57" | "58" | "XX" => Code::CatalogDown,
            "53" => Code::DestinationBusy,
            // What we need was there when we began: it is made again.
            _ if matches!(*state, SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN) => Code::CatalogDown,
            // Supabase does that to a full disk, until somebody makes room.
            _ if *state == SqlState::READ_ONLY_SQL_TRANSACTION => Code::CatalogDown,
            _ => Code::DestinationRefused,
        };
        let fault = self.begin(code, operation).with("table", table);
        fault.because(self.cure(table, state, message).map_or_else(|| message.to_owned(), |cure| format!("{message}; {cure}")))
    }

    fn cure(&self, table: &str, state: &SqlState, message: &str) -> Option<String> {
        let user = &self.user;
        Some(match *state {
            SqlState::INVALID_PASSWORD => format!("mend the password of {user}: the setting password, or what the address says"),
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => format!("let {user} log in from here (pg_hba.conf), or name another user"),
            SqlState::INVALID_CATALOG_NAME => format!("make it with CREATE DATABASE \"{}\", or mend the address", self.database),
            SqlState::INSUFFICIENT_PRIVILEGE if message.contains("row-level security") => {
                format!(
                    "only a role that policies do not bind may write here: log in as the table's owner, or ALTER ROLE \"{user}\" BYPASSRLS"
                )
            }
            SqlState::INSUFFICIENT_PRIVILEGE if message.contains("for schema") => {
                format!("have its owner run GRANT USAGE, CREATE ON SCHEMA public TO \"{user}\", or start once as the owner")
            }
            SqlState::INSUFFICIENT_PRIVILEGE if message.contains("must be owner") => {
                "a new version changes this table: start once as its owner".to_owned()
            }
            SqlState::INSUFFICIENT_PRIVILEGE => grant(table, user),
            SqlState::TOO_MANY_CONNECTIONS => "lower delivery.in_flight, or use the pooler's address".to_owned(),
            SqlState::READ_ONLY_SQL_TRANSACTION => "it takes no writes now; is its disk full, or is it a replica?".to_owned(),
            SqlState::UNTRANSLATABLE_CHARACTER | SqlState::CHARACTER_NOT_IN_REPERTOIRE => {
                "the record holds a character of code zero, which Postgres cannot keep".to_owned()
            }
            SqlState::INVALID_COLUMN_REFERENCE => format!("the table {table} was there before and its id is not unique; add a primary key"),
            SqlState::DATATYPE_MISMATCH | SqlState::UNDEFINED_FUNCTION => {
                format!("the table {table} was there before with other types; its id has to be text")
            }
            SqlState::NOT_NULL_VIOLATION => {
                format!("the table {table} was there before and wants more than records have; drop that NOT NULL")
            }
            _ => return None,
        })
    }
}

/// The command that lets a user do all we do.
pub(super) fn grant(table: &str, user: &str) -> String {
    format!("have its owner run GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO \"{user}\"")
}
