//! What runs out, or was left unfinished, at destinations: links and uploads in parts.

use crate::assets;
use crate::register;
use crate::rows::{self, DELIVERY, json};
use crate::sql::params;
use crate::store::SqlStore;
use async_trait::async_trait;
use rushes_core::Fault;
use rushes_core::delivery::{Delivery, LeftUpload, Link};
use rushes_core::store::Loose;

/// By their ends, and not by their destination, of which most have long to go.
const ENDING: &str = "FROM deliveries INDEXED BY deliveries_by_link_end WHERE destination = ?1 AND link_until_ms < ?2
    AND (link_until_ms, asset, key) > (?3, ?4, ?5) AND state = 'proven'
    AND EXISTS (SELECT 1 FROM assets a WHERE a.id = asset AND a.retired_ms IS NULL) ORDER BY link_until_ms, asset, key LIMIT ?6";

pub(crate) fn ending() -> String {
    format!("SELECT {DELIVERY} {ENDING}")
}

/// What is not owed any more keeps its session only where it was refused, and not for ever.
pub(crate) const LEFT: &str = "SELECT id, destination, key, session FROM outbox WHERE session IS NOT NULL AND (state NOT IN ('owed', 'sending', 'refused') OR state = 'refused' AND done_ms < ?1) LIMIT ?2";

#[async_trait]
impl Loose for SqlStore {
    async fn links_ending(&self, destination: &str, before_ms: i64, after: Option<&Delivery>, limit: u32) -> Result<Vec<Delivery>, Fault> {
        let place = |last: &Delivery| (last.link.as_ref().and_then(|link| link.until_ms), last.asset.to_string(), last.key.clone());
        let (until_ms, asset, key) = after.map(place).unwrap_or_default();
        let (destination, until_ms) = (destination.to_owned(), until_ms.unwrap_or(i64::MIN));
        self.read(move |sql| rows::all(sql, &ending(), params![destination, before_ms, until_ms, asset, key, limit], rows::delivery)).await
    }

    async fn relink(&self, delivery: &Delivery, link: &Link) -> Result<(), Fault> {
        let (delivery, link, routes) = (delivery.clone(), link.clone(), self.routes.clone());
        self.write(move |write| {
            let id = delivery.asset.to_string();
            rows::change(
                write.sql,
                "UPDATE deliveries SET link = ?4, link_until_ms = ?5 WHERE asset = ?1 AND destination = ?2 AND key = ?3",
                params![id, delivery.destination, delivery.key, json(&link)?, link.until_ms],
            )?;
            let asset = assets::load(write.sql, &id)?;
            let document = register::document_of(write, asset.kind, &asset.subject, &id)?;
            document.map_or(Ok(()), |document| register::owe_late(write, &document, None, &routes.catalogs))
        })
        .await
    }

    async fn left_uploads(&self, refused_before_ms: i64, limit: u32) -> Result<Vec<LeftUpload>, Fault> {
        self.read(move |sql| {
            rows::all(sql, LEFT, params![refused_before_ms, limit], |row| {
                Ok(LeftUpload { row: row.get(0)?, destination: row.get(1)?, key: row.get(2)?, session: row.get(3)? })
            })
        })
        .await
    }

    async fn upload_gone(&self, row: i64) -> Result<(), Fault> {
        self.write(move |write| {
            rows::change(write.sql, "UPDATE outbox SET session = NULL WHERE id = ?1 AND state NOT IN ('owed', 'sending')", [row]).map(drop)
        })
        .await
    }
}
