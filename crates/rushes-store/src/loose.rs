//! What runs out, or was left unfinished, at destinations: links and uploads in parts.

use crate::assets;
use crate::register;
use crate::rows::{self, DELIVERY, json};
use crate::sqlite::SqliteStore;
use async_trait::async_trait;
use rushes_core::Fault;
use rushes_core::delivery::{Delivery, LeftUpload, Link};
use rushes_core::store::Loose;
use rusqlite::params;

pub(crate) const ENDING: &str =
    "link_until_ms < ?1 AND state = 'proven' AND EXISTS (SELECT 1 FROM assets a WHERE a.id = asset AND a.retired_ms IS NULL)";
/// What is not owed any more keeps its session only where it was refused, and not for ever.
pub(crate) const LEFT: &str = "SELECT id, destination, key, session FROM outbox WHERE session IS NOT NULL AND (state NOT IN ('owed', 'sending', 'refused') OR state = 'refused' AND done_ms < ?1) LIMIT ?2";

#[async_trait]
impl Loose for SqliteStore {
    async fn links_ending(&self, before_ms: i64, limit: u32) -> Result<Vec<Delivery>, Fault> {
        self.read(move |sql| {
            let query = format!("SELECT {DELIVERY} FROM deliveries WHERE {ENDING} ORDER BY link_until_ms LIMIT ?2");
            rows::all(sql, &query, params![before_ms, limit], rows::delivery)
        })
        .await
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
            register::owe_late_record(write, &assets::load(write.sql, &id)?, None, &routes.catalogs)?;
            Ok(())
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
