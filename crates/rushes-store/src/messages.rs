//! The messages that ends of jobs owe: owed with the end itself, leased by host, tried until they are taken or given up.

use crate::events::tell;
use crate::rows;
use crate::snapshot;
use crate::sql::value::NONE;
use crate::sql::{Read, Row, Sql, params};
use crate::store::SqlStore;
use crate::webhooks::{self, ENDPOINT};
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::callback;
use rushes_core::delivery::Routes;
use rushes_core::store::Messages;
use rushes_core::webhook::{DueMessage, DueMessages, Message, MessageFilter, MessageState, Style, Try, Verdict, body_of, host_of, type_of};
use rushes_core::{Code, EndpointId, Fault, Job, JobId, MessageId};
use serde_json::json as object;

/// How long a lease lasts: a try is over long before.
const LEASE_MS: i64 = 60_000;
/// Tries kept of one message.
const TRIES_MAX: u32 = 50;
/// Hosts looked at in one go.
const HOSTS_MAX: u32 = 10_000;

/// To whom a message goes.
pub(crate) struct Target {
    pub(crate) endpoint: Option<EndpointId>,
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) style: Style,
}

/// Owes one message; gives its id.
pub(crate) fn owe(write: &mut Write<'_>, to: &Target, message_type: &str, job: Option<JobId>, body: &str) -> Result<MessageId, Fault> {
    let id = MessageId(write.clock.new_id());
    rows::change(
        write.sql,
        "INSERT INTO messages(id, endpoint, url, host, key, type, job, body, state, next_ms, created_ms, style)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'owed', ?9, ?9, ?10)",
        params![
            id.to_string(),
            to.endpoint.map(|id| id.to_string()),
            to.url,
            host_of(&to.url),
            to.key,
            message_type,
            job.map(|id| id.to_string()),
            body,
            write.now_ms,
            to.style.name()
        ],
    )?;
    write.wakes.messages = true;
    Ok(id)
}

pub(crate) const OPEN_ENDPOINTS: &str = "FROM endpoints WHERE disabled_why IS NULL ORDER BY created_ms, id";

/// Owes the word that a job has ended, in the transaction that ends it: to the address it was asked with, to each endpoint
/// that wants to hear of it, and of the workspace's to its app. Nothing for a job that has a parent, or goes on.
pub(crate) fn owe_end(write: &mut Write<'_>, job: &Job, routes: &Routes) -> Result<(), Fault> {
    let Some(message_type) = type_of(job).filter(|_| job.parent.is_none()) else { return Ok(()) };
    let endpoints = rows::all(write.sql, &format!("SELECT {ENDPOINT} {OPEN_ENDPOINTS}"), NONE, webhooks::endpoint)?;
    let wanting = endpoints.into_iter().filter(|one| one.types.is_empty() || one.types.iter().any(|wanted| wanted == message_type));
    let mut targets: Vec<Target> =
        wanting.map(|one| Target { endpoint: Some(one.id), url: one.url, key: one.key, style: Style::Standard }).collect();
    let key = job.asked.key.clone().unwrap_or_default();
    targets.extend(job.asked.webhook_url.clone().map(|url| Target { endpoint: None, url, key, style: Style::Standard }));
    let app = routes.callback_url.clone().filter(|_| job.workflow == callback::WORKFLOW);
    targets.extend(app.map(|url| Target { endpoint: None, url, key: String::new(), style: Style::Workspace }));
    if targets.is_empty() {
        return Ok(());
    }
    let family = snapshot::family(write.sql, job.id)?;
    for target in targets {
        let body = match target.style {
            Style::Standard => body_of(message_type, job, &family, routes, write.now_ms),
            Style::Workspace => callback::callback_body(job, &family, routes),
        };
        owe(write, &target, message_type, Some(job.id), &body)?;
    }
    Ok(())
}

/// Gives up what is owed to an endpoint, and says why.
pub(crate) fn refuse_owed(write: &mut Write<'_>, endpoint: EndpointId, why: &str) -> Result<(), Fault> {
    let refused = rows::all(
        write.sql,
        "UPDATE messages SET state = 'refused', ended_ms = ?2 WHERE endpoint = ?1 AND state = 'owed' RETURNING seq, id, job, attempts",
        params![endpoint.to_string(), write.now_ms],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, rows::parsed_or_none(row, 2)?, row.get::<_, u32>(3)?)),
    )?;
    let unsent = Try { at_ms: write.now_ms, ms: 0, status: None, said: format!("not sent: {why}") };
    for (seq, id, job, attempts) in refused {
        note(write.sql, seq, &unsent)?;
        let data = object!({"message": id, "webhook": endpoint, "status": null, "attempts": attempts});
        tell(write, "webhook.refused", job, &data)?;
    }
    Ok(())
}

fn note(sql: &Sql<'_>, message: i64, tried: &Try) -> Result<(), Fault> {
    rows::change(
        sql,
        "INSERT INTO tries(message, at_ms, ms, status, said) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![message, tried.at_ms, i64::try_from(tried.ms).unwrap_or(i64::MAX), tried.status, tried.said],
    )?;
    let forget =
        "DELETE FROM tries WHERE message = ?1 AND seq <= (SELECT seq FROM tries WHERE message = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    rows::change(sql, forget, params![message, TRIES_MAX]).map(drop)
}

/// Leases that ran out; every host to which something is owed, when the first of it is due, and how much is under way there;
/// what of one host is due.
pub(crate) const DUE: [&str; 3] = [
    "UPDATE messages SET state = 'owed', lease = 0 WHERE state = 'sending' AND lease_until_ms < ?1",
    "WITH RECURSIVE hosts(host) AS (
         SELECT min(host) FROM messages WHERE state = 'owed'
         UNION ALL SELECT (SELECT min(host) FROM messages WHERE state = 'owed' AND host > hosts.host) FROM hosts WHERE hosts.host IS NOT NULL)
     SELECT host, (SELECT min(next_ms) FROM messages WHERE state = 'owed' AND host = hosts.host),
         (SELECT count(*) FROM messages WHERE state = 'sending' AND host = hosts.host)
     FROM hosts WHERE host IS NOT NULL LIMIT ?1",
    "UPDATE messages SET state = 'sending', lease = ?4, lease_until_ms = ?5 WHERE seq IN
         (SELECT seq FROM messages WHERE state = 'owed' AND host = ?1 AND next_ms <= ?2 ORDER BY next_ms LIMIT ?3)
     RETURNING id, url, key, body, attempts, style",
];

fn lease_due(write: &mut Write<'_>, limit: u32, per_host: u32) -> Result<DueMessages, Fault> {
    let [run_out, hosts, of_host] = DUE;
    rows::change(write.sql, run_out, [write.now_ms])?;
    let mut hosts =
        rows::all(write.sql, hosts, [HOSTS_MAX], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, String>(0)?, row.get::<_, u32>(2)?)))?;
    hosts.sort_unstable();
    let next_ms = hosts.iter().map(|(next_ms, ..)| *next_ms).find(|next_ms| *next_ms > write.now_ms);
    let (mut messages, lease) = (Vec::new(), write.next_token());
    // The longest due first, so that no host is passed over for long.
    for (_, host, sending) in hosts.into_iter().filter(|(next_ms, ..)| *next_ms <= write.now_ms) {
        let left = limit.saturating_sub(u32::try_from(messages.len()).unwrap_or(limit)).min(per_host.saturating_sub(sending));
        if left == 0 {
            continue;
        }
        messages.extend(rows::all(write.sql, of_host, params![host, write.now_ms, left, lease, write.now_ms + LEASE_MS], |row| {
            let style: String = row.get(5)?;
            let style = Style::named(&style).ok_or_else(|| rows::unknown(5, &style))?;
            let id = rows::parsed::<MessageId>(row, 0)?;
            Ok(DueMessage { id, lease: 0, url: row.get(1)?, key: row.get(2)?, style, body: row.get(3)?, attempts: row.get(4)? })
        })?);
    }
    messages.iter_mut().for_each(|message| message.lease = lease);
    Ok(DueMessages { messages, next_ms })
}

fn tried(write: &mut Write<'_>, due: &DueMessage, tried: &Try, verdict: Verdict) -> Result<(), Fault> {
    let of = rows::one(
        write.sql,
        "SELECT endpoint, job FROM messages WHERE id = ?1 AND lease = ?2 AND state = 'sending'",
        params![due.id.to_string(), due.lease],
        |row| Ok((rows::parsed_or_none::<EndpointId>(row, 0)?, rows::parsed_or_none::<JobId>(row, 1)?)),
    )?;
    let (endpoint, job) = of.ok_or_else(|| lease_lost(due))?;
    // Closed or removed while this was under way: then nothing more is sent there.
    let is_closed = endpoint.is_some_and(|id| webhooks::open(write.sql, id).is_err());
    let (state, next_ms) = match verdict {
        Verdict::Done => (MessageState::Done, None),
        Verdict::Again(wait) if !is_closed => {
            (MessageState::Owed, Some(write.now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))))
        }
        _ => (MessageState::Refused, None),
    };
    let seq = rows::number(
        write.sql,
        "UPDATE messages SET state = ?2, attempts = attempts + 1, lease = 0, next_ms = coalesce(?3, next_ms), ended_ms = iif(?3 IS NULL, ?4, NULL)
         WHERE id = ?1 RETURNING seq",
        params![due.id.to_string(), state.name(), next_ms, write.now_ms],
    )?;
    note(write.sql, seq, tried)?;
    write.wakes.messages = true;
    if state != MessageState::Owed {
        let word = if state == MessageState::Done { "webhook.sent" } else { "webhook.refused" };
        tell(write, word, job, &object!({"message": due.id, "webhook": endpoint, "status": tried.status, "attempts": due.attempts + 1}))?;
    }
    if let (Verdict::Gone, Some(id), false) = (verdict, endpoint, is_closed) {
        webhooks::set(write, id, Some("it answered 410: it is gone"))?;
        tell(write, "webhook.disabled", None, &object!({"webhook": id}))?;
    }
    Ok(())
}

fn lease_lost(due: &DueMessage) -> Fault {
    Fault::new(Code::LeaseLost, "settle message").with("message", due.id)
}

const MESSAGE: &str = "seq, id, endpoint, url, type, job, state, attempts, next_ms, created_ms, ended_ms";

fn message(row: &Row<'_>) -> Read<Message> {
    let state: String = row.get(6)?;
    let state = MessageState::named(&state).ok_or_else(|| rows::unknown(6, &state))?;
    Ok(Message {
        seq: row.get(0)?,
        id: rows::parsed(row, 1)?,
        endpoint: rows::parsed_or_none(row, 2)?,
        url: row.get(3)?,
        message_type: row.get(4)?,
        job: rows::parsed_or_none(row, 5)?,
        state,
        attempts: row.get(7)?,
        next_ms: if state == MessageState::Owed { row.get(8)? } else { None },
        created_ms: row.get(9)?,
        ended_ms: row.get(10)?,
        tries: Vec::new(),
    })
}

fn with_tries(sql: &Sql<'_>, mut message: Message) -> Result<Message, Fault> {
    let query = "SELECT at_ms, ms, status, said FROM tries WHERE message = ?1 ORDER BY seq DESC";
    message.tries = rows::all(sql, query, [message.seq], |row| {
        Ok(Try { at_ms: row.get(0)?, ms: row.get::<_, i64>(1)?.unsigned_abs(), status: row.get(2)?, said: row.get(3)? })
    })?;
    Ok(message)
}

fn load(sql: &Sql<'_>, id: MessageId) -> Result<Message, Fault> {
    let found = rows::one(sql, &format!("SELECT {MESSAGE} FROM messages WHERE id = ?1"), [id.to_string()], message)?;
    with_tries(sql, found.ok_or_else(|| Fault::new(Code::NotFound, "look up message").with("message", id))?)
}

/// By endpoint, by job, and all; each finds its own index.
pub(crate) fn list_of(filter: &MessageFilter) -> String {
    let which = match (filter.endpoint, filter.job) {
        (Some(_), _) => "endpoint = ?1 AND (?2 IS NULL OR job = ?2)",
        (None, Some(_)) => "?1 IS NULL AND job = ?2",
        (None, None) => "?1 IS NULL AND ?2 IS NULL",
    };
    format!("SELECT {MESSAGE} FROM messages WHERE {which} AND (?3 IS NULL OR state = ?3) AND seq < ?4 ORDER BY seq DESC LIMIT ?5")
}

/// Those that wait, and those under way: an index each, which hold no others.
pub(crate) const OWED: &str =
    "SELECT (SELECT count(*) FROM messages WHERE state = 'owed') + (SELECT count(*) FROM messages WHERE state = 'sending')";

fn redeliver(write: &mut Write<'_>, id: MessageId) -> Result<Message, Fault> {
    if let Some(endpoint) = load(write.sql, id)?.endpoint {
        webhooks::open(write.sql, endpoint)?;
    }
    rows::change(
        write.sql,
        "UPDATE messages SET attempts = iif(state = 'owed', attempts, 0), state = 'owed', next_ms = ?2, ended_ms = NULL
         WHERE id = ?1 AND state <> 'sending'",
        params![id.to_string(), write.now_ms],
    )?;
    write.wakes.messages = true;
    load(write.sql, id)
}

#[async_trait]
impl Messages for SqlStore {
    async fn due_messages(&self, limit: u32, per_host: u32) -> Result<DueMessages, Fault> {
        self.write(move |write| lease_due(write, limit, per_host)).await
    }

    async fn tried(&self, due: &DueMessage, now: &Try, verdict: Verdict) -> Result<(), Fault> {
        let (due, now) = (due.clone(), now.clone());
        self.write(move |write| tried(write, &due, &now, verdict)).await
    }

    async fn messages(&self, filter: &MessageFilter) -> Result<Vec<Message>, Fault> {
        let filter = filter.clone();
        self.read(move |sql| {
            let (endpoint, job) = (filter.endpoint.map(|id| id.to_string()), filter.job.map(|id| id.to_string()));
            let (state, before) = (filter.state.map(MessageState::name), filter.before.unwrap_or(i64::MAX));
            let found = rows::all(sql, &list_of(&filter), params![endpoint, job, state, before, filter.limit], message)?;
            found.into_iter().map(|message| with_tries(sql, message)).collect()
        })
        .await
    }

    async fn message(&self, id: MessageId) -> Result<Message, Fault> {
        self.read(move |sql| load(sql, id)).await
    }

    async fn owed_messages(&self) -> Result<u64, Fault> {
        self.read(|sql| rows::number(sql, OWED, NONE).map(i64::unsigned_abs)).await
    }

    async fn redeliver(&self, id: MessageId) -> Result<Message, Fault> {
        self.write(move |write| redeliver(write, id)).await
    }

    async fn forget_messages(&self, before_ms: i64, limit: u32) -> Result<u64, Fault> {
        self.write(move |write| {
            let old = rows::all(write.sql, OLD, params![before_ms, limit], |row| row.get::<_, i64>(0))?;
            for seq in &old {
                rows::change(write.sql, "DELETE FROM tries WHERE message = ?1", [seq])?;
                rows::change(write.sql, "DELETE FROM messages WHERE seq = ?1", [seq])?;
            }
            Ok(old.len() as u64)
        })
        .await
    }
}

pub(crate) const OLD: &str = "SELECT seq FROM messages WHERE ended_ms < ?1 LIMIT ?2";

#[cfg(test)]
mod tests;
