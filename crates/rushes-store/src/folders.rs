//! Folders that people see before anything lies in them: what is owed of them, and what waits for them.
//!
//! The rows of one folder at one destination are numbered through, made and removed by turns: the last one says what is
//! wanted, and whether it is done.

use crate::register::owner_of;
use crate::rows::{self, json};
use crate::sql::{Read, Row, params};
use crate::store::SqlStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::delivery::{Route, Routes};
use rushes_core::folder::{Folder, folders_of};
use rushes_core::store::Folders;
use rushes_core::{Code, Fault, JobId, Kind, NewFolder};

/// What was last asked of a folder at a destination.
pub(crate) const LAST: &str =
    "SELECT id, op, state, rev FROM outbox WHERE op IN ('ensure_folder', 'remove_folder') AND destination = ?1 AND key = ?2
    ORDER BY rev DESC LIMIT 1";

/// A folder that is wanted keeps those it lies in.
pub(crate) const KEEP: &str = "UPDATE outbox SET state = 'superseded', done_ms = ?3 WHERE op = 'remove_folder' AND destination = ?1
    AND key IN (SELECT value FROM json_each(?2)) AND state = 'owed'";

/// Has a folder wait for removals, of it or of those it lies in, that are under way.
pub(crate) const AFTER_REMOVAL: &str = "INSERT INTO outbox_needs(row, needs) SELECT ?1, id FROM outbox WHERE op = 'remove_folder'
    AND destination = ?2 AND key IN (SELECT value FROM json_each(?3)) AND state = 'sending' ON CONFLICT DO NOTHING";

/// Has an object wait for the folders it lies in that are still to be made.
pub(crate) const INTO_FOLDERS: &str = "INSERT INTO outbox_needs(row, needs) SELECT ?1, id FROM outbox WHERE op = 'ensure_folder'
    AND destination = ?2 AND key IN (SELECT value FROM json_each(?3)) AND state IN ('owed', 'sending') ON CONFLICT DO NOTHING";

/// Whether any folder is still to be made.
pub(crate) const ANY_OWED: &str = "SELECT EXISTS (SELECT 1 FROM outbox INDEXED BY outbox_folders
    WHERE op = 'ensure_folder' AND state IN ('owed', 'sending'))";

/// Has a removal wait for all that is still to be done in the folder, or with it.
pub(crate) const AFTER_ALL_WITHIN: [&str; 2] = [
    "INSERT INTO outbox_needs(row, needs) SELECT ?1, id FROM outbox WHERE op IN ('put_object', 'delete_object', 'ensure_folder', 'remove_folder')
     AND destination = ?2 AND key > ?3 || '/' AND key < ?3 || '0' AND state IN ('owed', 'sending') ON CONFLICT DO NOTHING",
    "INSERT INTO outbox_needs(row, needs) SELECT ?1, id FROM outbox WHERE op IN ('ensure_folder', 'remove_folder')
     AND destination = ?2 AND key = ?3 AND id <> ?1 AND state IN ('owed', 'sending') ON CONFLICT DO NOTHING",
];

struct Last {
    id: i64,
    is_removal: bool,
    state: String,
    rev: i64,
}

fn last(write: &Write<'_>, destination: &str, key: &str) -> Result<Option<Last>, Fault> {
    rows::one(write.sql, LAST, params![destination, key], |row| {
        Ok(Last { id: row.get(0)?, is_removal: row.get::<_, String>(1)? == "remove_folder", state: row.get(2)?, rev: row.get(3)? })
    })
}

fn owe(write: &mut Write<'_>, op: &str, route: &Route, key: &str, rev: i64, root: Option<JobId>) -> Result<i64, Fault> {
    write.wakes.place(&route.name);
    let row = rows::one(
        write.sql,
        "INSERT INTO outbox(op, destination, key, rev, root, state, not_before_ms, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, 'owed', ?6, ?6) RETURNING id",
        params![op, route.name, key, rev, root.map(|root| root.to_string()), write.now_ms],
        |row| row.get(0),
    )?;
    row.ok_or_else(|| Fault::new(Code::StoreFailed, "owe folder").with("key", key))
}

/// Refused a time ago, and wanted once more: the cause may be mended by now.
fn again(write: &mut Write<'_>, route: &Route, id: i64) -> Result<(), Fault> {
    write.wakes.place(&route.name);
    let again = "UPDATE outbox SET state = 'owed', not_before_ms = 0, attempts = 0, done_ms = NULL WHERE id = ?1 AND state = 'refused'";
    rows::change(write.sql, again, [id]).map(drop)
}

/// Remembers folders, and owes each wherever such files go.
pub(crate) fn make(write: &mut Write<'_>, folders: &[NewFolder], root: JobId, routes: &Routes) -> Result<(), Fault> {
    for NewFolder { kind, subject, path } in folders {
        rows::change(
            write.sql,
            "INSERT INTO folders(path, kind, subject, created_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT(path) DO UPDATE SET kind = excluded.kind, subject = excluded.subject, gone_ms = NULL",
            params![path, kind.name(), subject, write.now_ms],
        )?;
        let owner = owner_of(write, subject)?;
        for route in routes.of(*kind, owner) {
            ensure(write, route, path, Some(root))?;
        }
    }
    Ok(())
}

/// Owes one folder to one destination, unless it is there or owed; gives whether it is owed now and was not.
fn ensure(write: &mut Write<'_>, route: &Route, path: &str, root: Option<JobId>) -> Result<bool, Fault> {
    let key = route.folder_key(path);
    let last = last(write, &route.name, &key)?;
    let rev = match last {
        Some(Last { id, is_removal: false, state, .. }) => {
            let is_refused = state == "refused";
            if is_refused {
                again(write, route, id)?;
            }
            return Ok(is_refused);
        }
        last => last.map_or(1, |last| last.rev + 1),
    };
    let mut within = folders_of(&key);
    within.push(&key);
    let within = json(&within)?;
    rows::change(write.sql, KEEP, params![route.name, within, write.now_ms])?;
    let row = owe(write, "ensure_folder", route, &key, rev, root)?;
    rows::change(write.sql, AFTER_REMOVAL, params![row, route.name, within])?;
    Ok(true)
}

/// Owes the removal of folders wherever such files go, after all that is still to be done in them; the innermost first.
pub(crate) fn take_away(write: &mut Write<'_>, folders: &[NewFolder], root: JobId, routes: &Routes) -> Result<(), Fault> {
    let mut folders: Vec<&NewFolder> = folders.iter().collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.path.matches('/').count()));
    for NewFolder { kind, subject, path } in folders {
        rows::change(
            write.sql,
            "INSERT INTO folders(path, kind, subject, created_ms, gone_ms) VALUES (?1, ?2, ?3, ?4, ?4)
             ON CONFLICT(path) DO UPDATE SET gone_ms = excluded.gone_ms",
            params![path, kind.name(), subject, write.now_ms],
        )?;
        let owner = owner_of(write, subject)?;
        for route in routes.of(*kind, owner) {
            remove(write, route, path, root)?;
        }
    }
    Ok(())
}

fn remove(write: &mut Write<'_>, route: &Route, path: &str, root: JobId) -> Result<(), Fault> {
    let key = route.folder_key(path);
    let row = match last(write, &route.name, &key)? {
        Some(Last { id, is_removal: true, state, .. }) if matches!(state.as_str(), "owed" | "refused") => {
            again(write, route, id)?;
            id
        }
        last => {
            let superseded =
                "UPDATE outbox SET state = 'superseded', done_ms = ?2 WHERE id = ?1 AND op = 'ensure_folder' AND state = 'owed'";
            rows::change(write.sql, superseded, params![last.as_ref().map(|last| last.id), write.now_ms])?;
            owe(write, "remove_folder", route, &key, last.map_or(1, |last| last.rev + 1), Some(root))?
        }
    };
    for wait in AFTER_ALL_WITHIN {
        rows::change(write.sql, wait, params![row, route.name, key])?;
    }
    Ok(())
}

/// Has objects wait for the folders they lie in, where any folder is still to be made.
pub(crate) fn into_folders(write: &Write<'_>, objects: &[(i64, &str, String)]) -> Result<(), Fault> {
    if objects.is_empty() || rows::number(write.sql, ANY_OWED, crate::sql::value::NONE)? == 0 {
        return Ok(());
    }
    for (row, destination, key) in objects {
        rows::change(write.sql, INTO_FOLDERS, params![row, destination, json(&folders_of(key))?])?;
    }
    Ok(())
}

/// Folders in the order of their paths.
pub(crate) const AFTER: &str = "SELECT path, gone_ms IS NOT NULL FROM folders WHERE path > ?1 ORDER BY path LIMIT ?2";

fn folder(row: &Row<'_>) -> Read<Folder> {
    Ok(Folder { path: row.get(0)?, is_gone: row.get(1)? })
}

#[async_trait]
impl Folders for SqlStore {
    async fn folders_after(&self, path: &str, limit: u32) -> Result<Vec<Folder>, Fault> {
        let path = path.to_owned();
        self.read(move |sql| rows::all(sql, AFTER, params![path, limit], folder)).await
    }

    async fn owe_folders(&self, destination: &str) -> Result<u64, Fault> {
        let routes = self.routes.clone();
        let Some(at) = routes.destinations.iter().position(|route| route.name == destination) else { return Ok(0) };
        self.write(move |write| {
            let route = &routes.destinations[at];
            let known = "SELECT path, kind, subject FROM folders WHERE gone_ms IS NULL ORDER BY path";
            let known = rows::all(write.sql, known, crate::sql::value::NONE, |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })?;
            let mut owed = 0;
            for (path, kind, subject) in known {
                let owner = owner_of(write, &subject)?;
                if Kind::named(&kind).is_some_and(|kind| route.takes(kind, owner)) {
                    owed += u64::from(ensure(write, route, &path, None)?);
                }
            }
            Ok(owed)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
