//! Who is told of the ends of jobs, and the secrets that sign.

use crate::messages;
use crate::rows::{self, json};
use crate::sql::value::NONE;
use crate::sql::{Read, Row, Sql, params};
use crate::store::SqlStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::store::Webhooks;
use rushes_core::webhook::{ENDPOINTS_MAX, Endpoint, Secrets, Style, TEST_TYPE, test_body};
use rushes_core::{Code, EndpointId, Fault, MessageId};

pub(crate) const ENDPOINT: &str = "id, url, types, key, created_ms, disabled_why";

pub(crate) fn endpoint(row: &Row<'_>) -> Read<Endpoint> {
    Ok(Endpoint {
        id: rows::parsed(row, 0)?,
        url: row.get(1)?,
        types: rows::from_json(row, 2)?,
        key: row.get(3)?,
        created_ms: row.get(4)?,
        disabled_why: row.get(5)?,
    })
}

fn missing(id: EndpointId) -> Fault {
    Fault::new(Code::NotFound, "look up webhook").with("webhook", id)
}

fn load(sql: &Sql<'_>, id: EndpointId) -> Result<Endpoint, Fault> {
    rows::one(sql, &format!("SELECT {ENDPOINT} FROM endpoints WHERE id = ?1"), [id.to_string()], endpoint)?.ok_or_else(|| missing(id))
}

/// The endpoint, when something may be sent there. Errors: `not_found`, `input_invalid`.
pub(crate) fn open(sql: &Sql<'_>, id: EndpointId) -> Result<Endpoint, Fault> {
    let endpoint = load(sql, id)?;
    match &endpoint.disabled_why {
        None => Ok(endpoint),
        Some(why) => {
            let reason = format!("nothing is sent there now ({why}); enable it first");
            Err(Fault::new(Code::InputInvalid, "send message").with("webhook", id).because(reason))
        }
    }
}

/// Stops sending to an endpoint, or begins again.
pub(crate) fn set(write: &mut Write<'_>, id: EndpointId, why: Option<&str>) -> Result<Endpoint, Fault> {
    let query = format!("UPDATE endpoints SET disabled_why = ?2 WHERE id = ?1 RETURNING {ENDPOINT}");
    let changed = rows::one(write.sql, &query, params![id.to_string(), why], endpoint)?.ok_or_else(|| missing(id))?;
    if let Some(why) = why {
        messages::refuse_owed(write, id, why)?;
    }
    Ok(changed)
}

fn secrets(sql: &Sql<'_>, key: &str) -> Result<Option<Secrets>, Fault> {
    rows::one(sql, "SELECT secret, previous, previous_until_ms FROM secrets WHERE key = ?1", [key], |row| {
        let previous = row.get::<_, Option<String>>(1)?.zip(row.get::<_, Option<i64>>(2)?);
        Ok(Secrets { current: row.get(0)?, previous })
    })
}

#[async_trait]
impl Webhooks for SqlStore {
    async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<(), Fault> {
        let new = endpoint.clone();
        self.write(move |write| {
            if rows::number(write.sql, "SELECT count(*) FROM endpoints", NONE)?.unsigned_abs() >= ENDPOINTS_MAX {
                let reason = format!("there are {ENDPOINTS_MAX} already; remove one first");
                return Err(Fault::new(Code::InputInvalid, "add webhook").because(reason));
            }
            rows::change(
                write.sql,
                "INSERT INTO endpoints(id, url, types, key, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![new.id.to_string(), new.url, json(&new.types)?, new.key, new.created_ms],
            )
            .map(drop)
        })
        .await
    }

    async fn endpoints(&self) -> Result<Vec<Endpoint>, Fault> {
        self.read(|sql| rows::all(sql, &format!("SELECT {ENDPOINT} FROM endpoints ORDER BY created_ms, id"), NONE, endpoint)).await
    }

    async fn set_endpoint(&self, id: EndpointId, disabled_why: Option<String>) -> Result<Endpoint, Fault> {
        self.write(move |write| set(write, id, disabled_why.as_deref())).await
    }

    async fn remove_endpoint(&self, id: EndpointId) -> Result<(), Fault> {
        self.write(move |write| {
            messages::refuse_owed(write, id, "the webhook was removed")?;
            let removed = rows::change(write.sql, "DELETE FROM endpoints WHERE id = ?1", [id.to_string()])?;
            if removed == 1 { Ok(()) } else { Err(missing(id)) }
        })
        .await
    }

    async fn owe_test(&self, id: EndpointId) -> Result<MessageId, Fault> {
        self.write(move |write| {
            let to = open(write.sql, id)?;
            let body = test_body(id, write.now_ms);
            messages::owe(
                write,
                &messages::Target { endpoint: Some(id), url: to.url, key: to.key, style: Style::Standard },
                TEST_TYPE,
                None,
                &body,
            )
        })
        .await
    }

    async fn secrets(&self, key: &str, fresh: &str) -> Result<Secrets, Fault> {
        let (key, fresh) = (key.to_owned(), fresh.to_owned());
        let asked = key.clone();
        if let Some(found) = self.read(move |sql| secrets(sql, &asked)).await? {
            return Ok(found);
        }
        self.write(move |write| {
            rows::change(write.sql, "INSERT INTO secrets(key, secret) VALUES (?1, ?2) ON CONFLICT DO NOTHING", params![key, fresh])?;
            secrets(write.sql, &key)?.ok_or_else(|| Fault::new(Code::StoreFailed, "read secret"))
        })
        .await
    }

    async fn rotate_secret(&self, key: &str, fresh: &str, until_ms: i64) -> Result<Secrets, Fault> {
        let (key, fresh) = (key.to_owned(), fresh.to_owned());
        self.write(move |write| {
            rows::change(
                write.sql,
                "INSERT INTO secrets(key, secret) VALUES (?1, ?2)
                 ON CONFLICT(key) DO UPDATE SET previous = secrets.secret, previous_until_ms = ?3, secret = excluded.secret",
                params![key, fresh, until_ms],
            )?;
            secrets(write.sql, &key)?.ok_or_else(|| Fault::new(Code::StoreFailed, "read secret"))
        })
        .await
    }
}
