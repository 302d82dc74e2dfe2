//! Refusals as PostgREST words them: true statuses, and `{code, details, hint, message}`.

use super::super::errors::{Refusal, json_answer};
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use serde_json::{Value, json};

pub(super) struct Told {
    status: u16,
    code: String,
    details: Value,
    hint: Value,
    message: String,
    /// What a browser is told beside a 401.
    challenge: Option<String>,
}

pub(super) type Outcome<T> = Result<T, Box<Told>>;

impl Told {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Box<Self> {
        let message = message.into();
        Box::new(Self { status, code: code.into(), details: Value::Null, hint: Value::Null, message, challenge: None })
    }

    /// A token that says nothing: the words of whoever checked it, turned into PostgREST's.
    pub(super) fn bad_token(given: &str, why: &str) -> Box<Self> {
        let parts = given.split('.').count();
        let (code, message) = match why {
            _ if parts != 3 => ("PGRST301", format!("Expected 3 parts in JWT; got {parts}")),
            "\"exp\" claim timestamp check failed" => ("PGRST303", "JWT expired".to_owned()),
            _ => ("PGRST301", "No suitable key or wrong key type".to_owned()),
        };
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{message}\"");
        let mut told = Self::new(401, code, message);
        told.challenge = Some(challenge);
        told
    }

    pub(super) fn no_table(name: &str) -> Box<Self> {
        Self::new(404, "PGRST205", format!("Could not find the table 'public.{name}' in the schema cache"))
    }

    /// A key of a body that is no column.
    pub(super) fn no_column(table: &str, column: &str) -> Box<Self> {
        Self::new(400, "PGRST204", format!("Could not find the '{column}' column of '{table}' in the schema cache"))
    }

    pub(super) fn bad_body(message: &str) -> Box<Self> {
        Self::new(400, "PGRST102", message)
    }

    pub(super) fn bad_query(what: &str, given: &str) -> Box<Self> {
        Self::new(400, "PGRST100", format!("\"failed to parse {what} ({given})\" (line 1, column 1)"))
    }

    pub(super) fn bad_method(method: &str) -> Box<Self> {
        Self::new(405, "PGRST117", format!("Unsupported HTTP method: {method}"))
    }

    /// `pg-safeupdate`, which every project has loaded for this door.
    pub(super) fn everything(verb: &str) -> Box<Self> {
        Self::new(400, "21000", format!("{verb} requires a WHERE clause"))
    }

    /// What Postgres refused. `is_nobody`: the asker has not signed in, and might be allowed if they did.
    pub(super) fn of_database(refusal: Refusal, is_nobody: bool) -> Box<Self> {
        let Some(cause) = refusal.cause else { return Self::new(500, "PGRST000", refusal.message) };
        let code = cause.code().code();
        let is_role = cause.message().starts_with("role") && cause.message().ends_with("does not exist");
        let status = match code {
            "42501" if is_nobody => 401,
            "42501" => 403,
            "23503" | "23505" => 409,
            "22023" if is_role => 401,
            "42P01" | "42883" => 404,
            "42P17" => 500,
            "57P01" => 503,
            _ => match &code[..2] {
                "08" | "53" => 503,
                "25" | "2D" | "38" | "39" | "40" | "54" | "55" | "57" | "58" | "XX" => 500,
                "28" | "0L" | "0P" => 403,
                _ => 400,
            },
        };
        let text = |text: Option<&str>| text.map_or(Value::Null, |text| json!(text));
        let mut told = Self::new(status, code, cause.message());
        (told.details, told.hint) = (text(cause.detail()), text(cause.hint()));
        told.challenge = (status == 401).then(|| "Bearer".to_owned());
        told
    }

    pub(super) fn answer(&self) -> Response<Body> {
        let body = json!({"code": self.code, "details": self.details, "hint": self.hint, "message": self.message});
        let mut answer = json_answer(self.status, &body);
        if let Some(challenge) = self.challenge.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}
