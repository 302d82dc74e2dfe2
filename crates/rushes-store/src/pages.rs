//! Pages of subjects and deliveries; one delivery tried again.

use crate::assets;
use crate::events::tell;
use crate::rows::{self, DELIVERY, SUBJECT};
use crate::sql::{Read, Row, Sql, params};
use crate::store::SqlStore;
use crate::upkeep::again_refused;
use crate::which::Which;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::store::{DeliveryFilter, Latency, Pages, Sending, SubjectFilter};
use rushes_core::subject::SubjectType;
use rushes_core::{AssetId, Code, Fault, Subject};
use serde_json::json as object;

pub(crate) fn subjects_of(filter: &SubjectFilter) -> (String, Which) {
    let mut which = Which::default();
    which.value(":limit", filter.limit);
    which.only("type = :type", ":type", filter.subject_type.map(SubjectType::name));
    which.only("id > :after", ":after", filter.after.clone());
    (format!("SELECT {SUBJECT} FROM subjects WHERE {} ORDER BY id LIMIT :limit", which.text()), which)
}

/// In the words of the index that has only such deliveries, where there is one.
pub(crate) fn of_state(state: DeliveryState) -> String {
    let is_open = matches!(state, DeliveryState::Owed | DeliveryState::Sending);
    format!("state = '{}'{}", state.name(), if is_open { " AND state IN ('owed', 'sending')" } else { "" })
}

pub(crate) fn deliveries_of(filter: &DeliveryFilter) -> (String, Which) {
    let mut which = Which::default();
    which.value(":limit", filter.limit);
    if let Some(state) = filter.state {
        which.and(of_state(state));
    }
    which.only("destination = :destination", ":destination", filter.destination.clone());
    if let Some((asset, destination, key)) = filter.after.clone() {
        which.and("(asset, destination, key) > (:after, :at, :key)");
        which.value(":after", asset.to_string());
        which.value(":at", destination);
        which.value(":key", key);
    }
    // What a newer version has replaced waits for nothing.
    let below = if filter.folder.is_some() { " AND substr(a.path, 1, length(:below)) = :below" } else { "" };
    which.and(format!("EXISTS (SELECT 1 FROM assets a WHERE a.id = asset AND a.retired_ms IS NULL{below})"));
    if let Some(folder) = &filter.folder {
        which.value(":below", format!("{folder}/"));
    }
    // What is open is few, and has an index that holds nothing else; left to itself the database would put all deliveries of
    // a place in order.
    let index = match (filter.state, &filter.destination) {
        (Some(DeliveryState::Owed | DeliveryState::Sending), _) => "INDEXED BY deliveries_open",
        (Some(DeliveryState::Refused), _) => "INDEXED BY deliveries_refused",
        (_, Some(_)) => "INDEXED BY deliveries_by_place",
        (_, None) => "",
    };
    let which_text = which.text();
    (format!("SELECT {DELIVERY} FROM deliveries {index} WHERE {which_text} ORDER BY asset, destination, key LIMIT :limit"), which)
}

/// The row of the outbox a delivery is paid by; assets that share an object share it.
pub(crate) const PAID_BY: &str =
    "SELECT id, state, attempts, not_before_ms FROM outbox WHERE op = 'put_object' AND destination = ?1 AND key = ?2 AND rev = ?3";

/// What was paid since then.
pub(crate) const PAID_SINCE: &str = "SELECT done_ms, done_ms - created_ms FROM outbox
    WHERE destination = ?1 AND state = 'done' AND done_ms >= ?2 AND op = 'put_object' ORDER BY done_ms DESC LIMIT ?3";

struct Owed {
    row: i64,
    state: String,
    attempts: u32,
    not_before_ms: i64,
}

fn owed(row: &Row<'_>) -> Read<Owed> {
    Ok(Owed { row: row.get(0)?, state: row.get(1)?, attempts: row.get(2)?, not_before_ms: row.get(3)? })
}

fn paid_by(sql: &Sql<'_>, delivery: &Delivery, version: u32) -> Result<Option<Owed>, Fault> {
    rows::one(sql, PAID_BY, params![delivery.destination, delivery.key, version], owed)
}

fn with_attempts(sql: &Sql<'_>, delivery: Delivery) -> Result<Sending, Fault> {
    let asset = assets::load(sql, &delivery.asset.to_string())?;
    let owed = paid_by(sql, &delivery, asset.version)?;
    let next_ms = owed.as_ref().filter(|owed| owed.state == "owed").map(|owed| owed.not_before_ms);
    Ok(Sending { delivery, asset, attempts: owed.map_or(0, |owed| owed.attempts), next_ms })
}

fn sendings(sql: &Sql<'_>, asset: AssetId, destination: &str) -> Result<Vec<Sending>, Fault> {
    let there = assets::deliveries(sql, &asset.to_string())?.into_iter().filter(|delivery| delivery.destination == destination);
    there.map(|delivery| with_attempts(sql, delivery)).collect()
}

fn again(write: &mut Write<'_>, asset: AssetId, destination: &str) -> Result<Vec<Sending>, Fault> {
    let fault = |code| Fault::new(code, "deliver again").with("asset", asset).with("destination", destination);
    let there = sendings(write.sql, asset, destination)?;
    if there.is_empty() {
        return Err(fault(Code::NotFound));
    }
    if there.iter().all(|sending| sending.delivery.state == DeliveryState::Proven) {
        return Err(fault(Code::InputInvalid).because("it is proven already; `rushes audit` says whether it is still there"));
    }
    if there.iter().all(|sending| sending.asset.retired_ms.is_some()) {
        return Err(fault(Code::InputInvalid).because("a newer version has taken its place"));
    }
    for sending in there.iter().filter(|sending| sending.delivery.state != DeliveryState::Proven) {
        let Some(owed) = paid_by(write.sql, &sending.delivery, sending.asset.version)? else { continue };
        again_refused(write, "id = CAST(?1 AS BIGINT)", &owed.row.to_string())?;
        rows::change(write.sql, "UPDATE outbox SET not_before_ms = 0 WHERE id = ?1 AND state = 'owed'", [owed.row])?;
        // Those that share the object wait for the same row.
        rows::change(
            write.sql,
            "UPDATE deliveries SET state = 'owed' WHERE destination = ?1 AND key = ?2 AND state = 'refused'
             AND asset IN (SELECT s.id FROM assets a JOIN assets s ON s.path = a.path AND s.version = a.version AND s.sha256 = a.sha256 WHERE a.id = ?3)
             AND EXISTS (SELECT 1 FROM outbox WHERE id = ?4 AND state = 'owed')",
            params![destination, sending.delivery.key, asset.to_string(), owed.row],
        )?;
    }
    write.wakes.place(destination);
    tell(
        write,
        "delivery.retried",
        there.first().map(|sending| sending.asset.job),
        &object!({"asset": asset, "destination": destination}),
    )?;
    sendings(write.sql, asset, destination)
}

#[async_trait]
impl Pages for SqlStore {
    async fn subject_page(&self, filter: &SubjectFilter) -> Result<Vec<Subject>, Fault> {
        let filter = filter.clone();
        self.read(move |sql| {
            let (query, which) = subjects_of(&filter);
            rows::all(sql, &query, &which, rows::subject)
        })
        .await
    }

    async fn delivery_page(&self, filter: &DeliveryFilter) -> Result<Vec<Sending>, Fault> {
        // Nothing is written down as held: it is owed, and held for as long as the configuration says.
        if filter.state == Some(DeliveryState::Held) {
            return Ok(Vec::new());
        }
        let filter = filter.clone();
        self.read(move |sql| {
            let (query, which) = deliveries_of(&filter);
            let found = rows::all(sql, &query, &which, rows::delivery)?;
            found.into_iter().map(|delivery| with_attempts(sql, delivery)).collect()
        })
        .await
    }

    async fn deliver_again(&self, asset: AssetId, destination: &str) -> Result<Vec<Sending>, Fault> {
        let destination = destination.to_owned();
        self.write(move |write| again(write, asset, &destination)).await
    }

    async fn latencies(&self, destination: &str, since_ms: i64, limit: u32) -> Result<Vec<Latency>, Fault> {
        let destination = destination.to_owned();
        self.read(move |sql| {
            let latency = |row: &Row<'_>| Ok(Latency { done_ms: row.get(0)?, took_ms: row.get(1)? });
            rows::all(sql, PAID_SINCE, params![destination, since_ms, limit], latency)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
