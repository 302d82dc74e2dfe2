//! The outbox: leasing what is due, paying what is proven, putting off what failed.

pub(crate) mod backlog;
pub(crate) mod ends;
pub(crate) mod lease;

use crate::copies::elsewhere;
use crate::events::tell;
use crate::rows;
use crate::snapshot;
use crate::sql::params;
use crate::store::SqlStore;
use async_trait::async_trait;
use backlog::{backlog, places};
use ends::{pay, proven, put_off};
use lease::{lease_due, lease_lost, lease_ready};
use rushes_core::catalog::Record;
use rushes_core::delivery::{Backlog, CatalogRoute, Due, Held, Leased, Owed, Wanted, Work};
use rushes_core::destination::Proof;
use rushes_core::store::Outbox;
use rushes_core::{Fault, JobId};
use serde_json::json as object;
use std::collections::{BTreeMap, BTreeSet};

/// What an object that was removed had delivered. Only of what has expired: a newer asset may have taken the key.
pub(crate) const REMOVED: &str = "DELETE FROM deliveries WHERE destination = ?1 AND key = ?2
    AND EXISTS (SELECT 1 FROM assets a WHERE a.id = deliveries.asset AND a.retired_ms IS NOT NULL)";

/// How much a family still owes, how much was refused, and how much is paid.
pub(crate) const OWED_BY: [&str; 3] = [
    "SELECT count(*) FROM outbox WHERE root = ?1 AND (state = 'owed' OR state = 'sending' OR state = 'refused') AND state <> 'refused'",
    "SELECT count(*) FROM outbox WHERE root = ?1 AND (state = 'owed' OR state = 'sending' OR state = 'refused') AND state = 'refused'",
    "SELECT count(*) FROM outbox WHERE root = ?1 AND state = 'done'",
];

#[async_trait]
impl Outbox for SqlStore {
    async fn due(&self, destination: &str, wanted: Wanted) -> Result<Leased, Fault> {
        let (destination, routes) = (destination.to_owned(), self.routes.clone());
        self.write(move |write| lease_due(write, &destination, &wanted, &routes)).await
    }

    async fn keep_session(&self, due: &Due, session: &str) -> Result<(), Fault> {
        let (due, session) = (due.clone(), session.to_owned());
        self.write(move |write| {
            let kept = "UPDATE outbox SET session = ?2 WHERE lease = ?1 AND state = 'sending'";
            if rows::change(write.sql, kept, params![due.lease, session])? == 0 { Err(lease_lost(&due)) } else { Ok(()) }
        })
        .await
    }

    async fn proven(&self, due: &Due, held: &Held) -> Result<(), Fault> {
        let (due, held, routes) = (due.clone(), held.clone(), self.routes.clone());
        self.write(move |write| proven(write, &due, &held, &routes)).await
    }

    async fn elsewhere(&self, due: &Due) -> Result<Option<(String, Proof)>, Fault> {
        let due = due.clone();
        self.read(move |sql| elsewhere(sql, &due)).await
    }

    async fn snapshot(&self, due: &Due) -> Result<Option<Record>, Fault> {
        let (due, routes) = (due.clone(), self.routes.clone());
        self.write(move |write| {
            let Work::PutRecord { collection, id, .. } = &due.work else { return Err(lease_lost(&due)) };
            // What became ready since the lease is told too, so it is paid too.
            lease_ready(write, &due.destination, &format!("{collection}/{id}"), due.lease)?;
            snapshot::take(write, &due, collection, id, &routes)
        })
        .await
    }

    async fn recorded(&self, due: &Due) -> Result<(), Fault> {
        let due = due.clone();
        self.write(move |write| {
            pay(write, &due)?;
            match &due.work {
                Work::PutRecord { collection, id, .. } => {
                    tell(write, "record.written", None, &object!({"collection": collection, "id": id}))
                }
                Work::DeleteRecord { collection, id } => {
                    tell(write, "record.removed", None, &object!({"collection": collection, "id": id}))
                }
                Work::DeleteObject { key } => {
                    rows::change(write.sql, REMOVED, params![due.destination, key])?;
                    tell(write, "object.removed", None, &object!({"destination": due.destination, "key": key}))
                }
                Work::EnsureFolders { keys } => {
                    let made = |key| tell(write, "folder.made", None, &object!({"destination": due.destination, "key": key}));
                    keys.iter().try_for_each(made)
                }
                Work::RemoveFolder { key } => tell(write, "folder.removed", None, &object!({"destination": due.destination, "key": key})),
                Work::PutObject { .. } => Err(lease_lost(&due)),
            }
        })
        .await
    }

    async fn failed(&self, due: &Due, fault: &Fault, again_ms: Option<u64>) -> Result<(), Fault> {
        let (due, fault, routes) = (due.clone(), fault.clone(), self.routes.clone());
        self.write(move |write| put_off(write, &due, &fault, again_ms, &routes)).await
    }

    async fn backlog(&self) -> Result<BTreeMap<String, Backlog>, Fault> {
        let (routes, now_ms) = (self.routes.clone(), self.clock.now_ms());
        self.read(move |sql| {
            let mut names: BTreeSet<String> = routes
                .destinations
                .iter()
                .map(|route| &route.name)
                .chain(routes.catalogs.iter().map(|catalog| &catalog.name))
                .cloned()
                .collect();
            // A place that is no longer configured is shown as long as something is owed to it.
            names.extend(places(sql)?);
            names.into_iter().map(|name| Ok((name.clone(), backlog(sql, &name, now_ms, routes.alarm_after)?))).collect()
        })
        .await
    }

    async fn owed_by(&self, root: JobId) -> Result<Owed, Fault> {
        let routes = self.routes.clone();
        self.read(move |sql| {
            let id = root.to_string();
            let [open, refused, proven] = OWED_BY.map(|count| rows::number(sql, count, [&id]).map(i64::unsigned_abs));
            let mut open = open?;
            for CatalogRoute { name: catalog, .. } in &routes.catalogs {
                let mirror = "SELECT count(*) FROM outbox WHERE op = 'put_record' AND destination = ?1
                              AND key = (SELECT collection || '/' || id FROM jobs WHERE id = ?2) AND state IN ('owed', 'sending')";
                open += rows::number(sql, mirror, params![catalog, id])?.unsigned_abs();
            }
            Ok(Owed { open, refused: refused?, proven: proven? })
        })
        .await
    }
}

#[cfg(test)]
mod tests;
