//! Assets and subjects, for those who look.

use crate::pages;
use crate::rows::{self, ASSET, DELIVERY, SUBJECT};
use crate::sql::value::NONE;
use crate::sql::{Row, Sql, params};
use crate::store::SqlStore;
use crate::which::Which;
use async_trait::async_trait;
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::store::{AssetFilter, Assets};
use rushes_core::{Asset, AssetId, Blob, Code, Fault, Kind, Subject};
use std::collections::BTreeMap;

pub(crate) fn find(sql: &Sql<'_>, id: &str) -> Result<Option<Asset>, Fault> {
    rows::one(sql, &format!("SELECT {ASSET} FROM assets a JOIN blobs b USING(sha256) WHERE a.id = ?1"), [id], rows::asset)
}

pub(crate) fn load(sql: &Sql<'_>, id: &str) -> Result<Asset, Fault> {
    find(sql, id)?.ok_or_else(|| Fault::new(Code::NotFound, "look up asset").with("asset", id))
}

pub(crate) fn deliveries(sql: &Sql<'_>, id: &str) -> Result<Vec<Delivery>, Fault> {
    rows::all(sql, &format!("SELECT {DELIVERY} FROM deliveries WHERE asset = ?1 ORDER BY destination, key"), [id], rows::delivery)
}

/// Which assets a filter asks for.
pub(crate) fn which(filter: &AssetFilter) -> Which {
    let mut which = Which::default();
    which.value(":limit", filter.limit.map_or(-1, i64::from));
    which.only("a.id = :id", ":id", filter.id.map(|id| id.to_string()));
    // Those of one subject, job or file are few; the empty text keeps the database from going through all of the kind.
    let are_few = filter.subject.is_some()
        || !filter.subjects.is_empty()
        || filter.root.is_some()
        || filter.job.is_some()
        || filter.sha256.is_some()
        || filter.parent.is_some();
    which.only(if are_few { "a.kind || '' = :kind" } else { "a.kind = :kind" }, ":kind", filter.kind.map(Kind::name));
    which.only("a.subject = :subject", ":subject", filter.subject.clone());
    if !filter.subjects.is_empty() {
        which.and("a.subject IN (SELECT value FROM json_each(:subjects))");
        which.value(":subjects", serde_json::Value::from(filter.subjects.clone()).to_string());
    }
    which.only("a.root = :root", ":root", filter.root.map(|id| id.to_string()));
    which.only("a.job = :job", ":job", filter.job.map(|id| id.to_string()));
    which.only("a.id IN (SELECT asset FROM lineage WHERE parent = :parent)", ":parent", filter.parent.map(|id| id.to_string()));
    which.only("a.sha256 = :sha256", ":sha256", filter.sha256.clone());
    let after = if filter.newest_first { "a.id < :after" } else { "a.id > :after" };
    which.only(after, ":after", filter.after.map(|id| id.to_string()));
    if let Some(state) = filter.state {
        which.and(worst(state));
    }
    if filter.is_settled {
        which.and("NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = a.root AND j.state IN ('queued', 'running'))");
    }
    if !filter.all_versions {
        which.and("a.retired_ms IS NULL");
    } else if filter.root.is_none() && filter.job.is_none() && filter.id.is_none() {
        which.and("a.version > 0");
    }
    which
}

/// The worst of the deliveries of `a` stands here. What is open is few, and has its own index, to begin with.
fn worst(state: DeliveryState) -> String {
    let of = "SELECT 1 FROM deliveries d WHERE d.asset = a.id";
    let here = match state {
        DeliveryState::Owed | DeliveryState::Sending | DeliveryState::Refused => {
            format!("a.id IN (SELECT asset FROM deliveries WHERE {})", pages::of_state(state))
        }
        DeliveryState::Proven | DeliveryState::Held => format!("EXISTS ({of} AND d.state = '{}')", state.name()),
    };
    let worse: Vec<String> = DeliveryState::ALL.iter().filter(|other| **other > state).map(|other| format!("'{}'", other.name())).collect();
    if worse.is_empty() { here } else { format!("{here} AND NOT EXISTS ({of} AND d.state IN ({}))", worse.join(", ")) }
}

/// The ids asked for, in their order.
pub(crate) fn ids(which: &Which, newest_first: bool) -> String {
    format!("SELECT a.id FROM assets a WHERE {} ORDER BY a.id {} LIMIT :limit", which.text(), direction(newest_first))
}

fn direction(newest_first: bool) -> &'static str {
    if newest_first { "DESC" } else { "ASC" }
}

pub(crate) fn list(sql: &Sql<'_>, filter: &AssetFilter) -> Result<Vec<(Asset, Vec<Delivery>)>, Fault> {
    // Nothing is written down as held: it is owed, and held for as long as the configuration says.
    if filter.state == Some(DeliveryState::Held) {
        return Ok(Vec::new());
    }
    let (which, order) = (which(filter), direction(filter.newest_first));
    let query =
        format!("SELECT {ASSET} FROM assets a JOIN blobs b USING(sha256) WHERE {} ORDER BY a.id {order} LIMIT :limit", which.text());
    let deliveries = format!(
        "SELECT {DELIVERY} FROM deliveries WHERE asset IN ({}) ORDER BY asset {order}, destination, key",
        ids(&which, filter.newest_first)
    );
    let found = rows::all(sql, &query, &which, rows::asset)?;
    // Both are in the order of the asset's id, so one walk brings them together.
    let mut delivered = rows::all(sql, &deliveries, &which, rows::delivery)?.into_iter().peekable();
    Ok(found
        .into_iter()
        .map(|asset| {
            let own = std::iter::from_fn(|| delivered.next_if(|delivery| delivery.asset == asset.id)).collect();
            (asset, own)
        })
        .collect())
}

/// The current ones among the assets written after `row`, and the last row looked at.
fn written_after(sql: &Sql<'_>, row: i64, limit: u32) -> Result<(Vec<Asset>, i64), Fault> {
    let query =
        format!("SELECT {ASSET}, a.rowid AS row FROM assets a JOIN blobs b USING(sha256) WHERE a.rowid > ?1 ORDER BY a.rowid LIMIT ?2");
    let found = rows::all(sql, &query, params![row, limit], |row| Ok((rows::asset(row)?, row.get::<_, i64>("row")?)))?;
    let last = found.last().map_or(row, |(_, row)| *row);
    Ok((found.into_iter().map(|(asset, _)| asset).filter(|asset| asset.retired_ms.is_none()).collect(), last))
}

pub(crate) fn subject(sql: &Sql<'_>, id_or_slug: &str) -> Result<Option<Subject>, Fault> {
    rows::one(
        sql,
        &format!("SELECT {SUBJECT} FROM subjects WHERE id = ?1 OR slug = ?1 ORDER BY id = ?1 DESC LIMIT 1"),
        [id_or_slug],
        rows::subject,
    )
}

/// Between `stem.` and what comes after it in order, `stem/`, stands every ending.
pub(crate) fn current_at() -> String {
    format!(
        "SELECT {ASSET} FROM assets a JOIN blobs b USING(sha256) WHERE a.path > ?1 || '.' AND a.path < ?1 || '/' AND a.retired_ms IS NULL"
    )
}

/// What lies under keys, a list in JSON.
pub(crate) fn kinds_at() -> String {
    "SELECT d.key, a.kind FROM deliveries d JOIN assets a ON a.id = d.asset
     WHERE d.destination = ?1 AND d.key IN (SELECT value FROM json_each(?2)) AND (a.retired_ms IS NULL
         OR EXISTS (SELECT 1 FROM outbox o WHERE o.op = 'delete_object' AND o.destination = d.destination AND o.key = d.key
             AND o.state IN ('owed', 'sending')))"
        .to_owned()
}

/// Subjects by their ids, a list in JSON.
pub(crate) fn subjects_of() -> String {
    format!("SELECT {SUBJECT} FROM subjects WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id")
}

#[async_trait]
impl Assets for SqlStore {
    async fn asset(&self, id: AssetId) -> Result<Asset, Fault> {
        self.read(move |sql| load(sql, &id.to_string())).await
    }

    async fn assets(&self, filter: &AssetFilter) -> Result<Vec<(Asset, Vec<Delivery>)>, Fault> {
        let filter = filter.clone();
        self.read(move |sql| list(sql, &filter)).await
    }

    async fn parents(&self, id: AssetId) -> Result<Vec<AssetId>, Fault> {
        self.read(move |sql| {
            rows::all(sql, "SELECT parent FROM lineage WHERE asset = ?1 ORDER BY parent", [id.to_string()], |row| rows::parsed(row, 0))
        })
        .await
    }

    async fn made_from(&self, id: AssetId) -> Result<Vec<AssetId>, Fault> {
        self.read(move |sql| {
            rows::all(sql, "SELECT asset FROM lineage WHERE parent = ?1 ORDER BY asset", [id.to_string()], |row| rows::parsed(row, 0))
        })
        .await
    }

    async fn made_before(&self, input_hash: &str, kind: Kind) -> Result<Option<Asset>, Fault> {
        let input_hash = input_hash.to_owned();
        self.read(move |sql| {
            let query = format!(
                "SELECT {ASSET} FROM steps s JOIN assets a ON a.job = s.job AND a.step = s.name AND a.kind = ?2 JOIN blobs b USING(sha256)
                 WHERE s.input_hash = ?1 AND s.input_hash <> '' AND s.outcome IS NOT NULL ORDER BY a.id DESC LIMIT 1"
            );
            rows::one(sql, &query, params![input_hash, kind.name()], rows::asset)
        })
        .await
    }

    async fn blob_at(&self, path: &str) -> Result<Option<Blob>, Fault> {
        let path = path.to_owned();
        self.read(move |sql| {
            let query = "SELECT b.sha256, b.md5, b.crc32c, b.size_bytes, b.mime FROM assets a JOIN blobs b USING(sha256) WHERE a.path = ?1 AND a.retired_ms IS NULL LIMIT 1";
            rows::one(sql, query, [&path], |row| rows::blob(row, 0))
        })
        .await
    }

    async fn current_at(&self, stem: &str) -> Result<Vec<Asset>, Fault> {
        let stem = stem.to_owned();
        self.read(move |sql| {
            let mut found = rows::all(sql, &current_at(), [&stem], rows::asset)?;
            found.retain(|asset| asset.path.rsplit_once('.').is_some_and(|(bare, _)| bare == stem));
            Ok(found)
        })
        .await
    }

    async fn kinds_at(&self, destination: &str, keys: Vec<String>) -> Result<BTreeMap<String, Kind>, Fault> {
        let (destination, keys) = (destination.to_owned(), serde_json::Value::from(keys).to_string());
        let pair = |row: &Row<'_>| {
            let kind: String = row.get(1)?;
            Ok((row.get::<_, String>(0)?, Kind::named(&kind).ok_or_else(|| rows::unknown(1, &kind))?))
        };
        self.read(move |sql| Ok(rows::all(sql, &kinds_at(), params![destination, keys], pair)?.into_iter().collect())).await
    }

    async fn written_after(&self, row: i64, limit: u32) -> Result<(Vec<Asset>, i64), Fault> {
        self.read(move |sql| written_after(sql, row, limit)).await
    }

    async fn subject(&self, id_or_slug: &str) -> Result<Option<Subject>, Fault> {
        let wanted = id_or_slug.to_owned();
        self.read(move |sql| subject(sql, &wanted)).await
    }

    async fn subjects_of(&self, ids: Vec<String>) -> Result<Vec<Subject>, Fault> {
        let ids = serde_json::Value::from(ids).to_string();
        self.read(move |sql| rows::all(sql, &subjects_of(), [&ids], rows::subject)).await
    }

    async fn subjects(&self) -> Result<Vec<Subject>, Fault> {
        self.read(|sql| rows::all(sql, &format!("SELECT {SUBJECT} FROM subjects ORDER BY id"), NONE, rows::subject)).await
    }
}
