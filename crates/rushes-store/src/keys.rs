//! Keys of the HTTP interface, and answers that are given twice.

use crate::events::tell;
use crate::rows;
use crate::sql::value::NONE;
use crate::sql::{Read, Row, params};
use crate::store::SqlStore;
use async_trait::async_trait;
use rushes_core::key::{IdemKey, Key, Replied, Reply, Scope};
use rushes_core::store::{Keys, Replies};
use rushes_core::{Code, Fault};
use serde_json::json as object;

/// A use is written down when the last one noted is older than this.
const USE_NOTED_MS: i64 = 60_000;
/// How long an answer is kept.
pub(crate) const REPLY_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// Answers too old that are removed with each new one, at most.
const FORGET_AT_ONCE: u32 = 100;

const KEY: &str = "id, name, scope, created_ms, used_ms, revoked_ms";

fn key(row: &Row<'_>) -> Read<Key> {
    let scope: String = row.get(2)?;
    Ok(Key {
        id: row.get(0)?,
        name: row.get(1)?,
        // What an older program cannot read opens as little as can be.
        scope: Scope::named(&scope).unwrap_or(Scope::Work),
        created_ms: row.get(3)?,
        used_ms: row.get(4)?,
        revoked_ms: row.get(5)?,
    })
}

#[async_trait]
impl Keys for SqlStore {
    async fn add_key(&self, key: &Key, hash: &str) -> Result<(), Fault> {
        let (key, hash) = (key.clone(), hash.to_owned());
        self.write(move |write| {
            let made = rows::change(
                write.sql,
                "INSERT INTO keys(id, name, hash, scope, created_ms) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                params![key.id, key.name, hash, key.scope.name(), key.created_ms],
            )?;
            if made == 1 { Ok(()) } else { Err(Fault::new(Code::NameTaken, "add key").with("name", &key.name)) }
        })
        .await
    }

    async fn key_of(&self, hash: &str) -> Result<Option<Key>, Fault> {
        let (hash, now_ms) = (hash.to_owned(), self.clock.now_ms());
        let query = format!("SELECT {KEY} FROM keys WHERE hash = ?1 AND revoked_ms IS NULL");
        let found = self.read(move |sql| rows::one(sql, &query, [&hash], key)).await?;
        if let Some(key) = found.as_ref().filter(|key| key.used_ms.is_none_or(|used_ms| now_ms - used_ms > USE_NOTED_MS)) {
            let id = key.id.clone();
            self.write(move |write| rows::change(write.sql, "UPDATE keys SET used_ms = ?2 WHERE id = ?1", params![id, now_ms]).map(drop))
                .await?;
        }
        Ok(found)
    }

    async fn keys(&self) -> Result<Vec<Key>, Fault> {
        self.read(|sql| rows::all(sql, &format!("SELECT {KEY} FROM keys ORDER BY created_ms DESC, id DESC"), NONE, key)).await
    }

    async fn revoke_key(&self, id_or_name: &str) -> Result<Key, Fault> {
        let which = id_or_name.to_owned();
        self.write(move |write| {
            let query = format!(
                "UPDATE keys SET revoked_ms = coalesce(revoked_ms, ?2) WHERE id = ?1 OR name = ?1 AND revoked_ms IS NULL RETURNING {KEY}"
            );
            let revoked = rows::one(write.sql, &query, params![which, write.now_ms], key)?
                .ok_or_else(|| Fault::new(Code::NotFound, "revoke key").with("key", &which))?;
            tell(write, "key.revoked", None, &object!({"key": revoked.id}))?;
            Ok(revoked)
        })
        .await
    }
}

#[async_trait]
impl Replies for SqlStore {
    async fn begin_reply(&self, owner: &str, ask: &IdemKey) -> Result<Replied, Fault> {
        let (owner, ask) = (owner.to_owned(), ask.clone());
        self.write(move |write| {
            let too_old_ms = write.now_ms - REPLY_KEPT_MS;
            let forget = "DELETE FROM replies WHERE (key, idem_key) IN (SELECT key, idem_key FROM replies WHERE created_ms < ?1 LIMIT ?2)";
            rows::change(write.sql, forget, params![too_old_ms, FORGET_AT_ONCE])?;
            let begun = rows::change(
                write.sql,
                "INSERT INTO replies(key, idem_key, request, owner, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT(key, idem_key) DO UPDATE SET owner = ?4, request = ?3, created_ms = ?5
                 WHERE replies.created_ms < ?6 OR replies.status IS NULL AND replies.owner <> ?4 AND replies.request = ?3",
                params![ask.key, ask.idem_key, ask.request, owner, write.now_ms, too_old_ms],
            )?;
            if begun == 1 {
                return Ok(Replied::Never);
            }
            let found = rows::one(
                write.sql,
                "SELECT request, status, mime, body FROM replies WHERE key = ?1 AND idem_key = ?2",
                params![ask.key, ask.idem_key],
                |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, Option<u16>>(1)?,
                        row.get::<_, Option<String>>(2)?,
                        row.get::<_, Option<String>>(3)?,
                    ))
                },
            )?;
            Ok(match found {
                None => Replied::Never,
                Some((request, ..)) if request != ask.request => Replied::Otherwise,
                Some((_, None, ..)) => Replied::Underway,
                Some((_, Some(status), mime, body)) => {
                    Replied::With(Reply { status, mime: mime.unwrap_or_default(), body: body.unwrap_or_default() })
                }
            })
        })
        .await
    }

    async fn end_reply(&self, ask: &IdemKey, reply: &Reply) -> Result<(), Fault> {
        let (ask, reply) = (ask.clone(), reply.clone());
        self.write(move |write| {
            let keep = "UPDATE replies SET status = ?3, mime = ?4, body = ?5 WHERE key = ?1 AND idem_key = ?2";
            rows::change(write.sql, keep, params![ask.key, ask.idem_key, reply.status, reply.mime, reply.body]).map(drop)
        })
        .await
    }

    async fn forget_reply(&self, ask: &IdemKey) -> Result<(), Fault> {
        let ask = ask.clone();
        self.write(move |write| {
            let forget = "DELETE FROM replies WHERE key = ?1 AND idem_key = ?2 AND status IS NULL";
            rows::change(write.sql, forget, params![ask.key, ask.idem_key]).map(drop)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand::{self, HandClock};
    use crate::store::Mode;
    use rushes_core::JobId;
    use rushes_core::clock::{Clock, SystemClock};
    use rushes_core::delivery::Routes;
    use rushes_core::job::{Asked, NewJob};
    use rushes_core::store::Jobs;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    fn store(folder: &tempfile::TempDir) -> SqlStore {
        let mode = Mode::Own { owner: "test".into() };
        stand::open(&folder.path().join("rushes.db"), &mode, Arc::new(SystemClock), Routes::default()).unwrap()
    }

    fn a_key(id: &str, name: &str) -> Key {
        Key { id: id.into(), name: name.into(), scope: Scope::Run, created_ms: 1, used_ms: None, revoked_ms: None }
    }

    #[tokio::test]
    async fn keys_open_until_they_are_revoked_and_names_are_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.add_key(&a_key("key_1", "ci"), "h1").await.unwrap();
        assert_eq!(store.add_key(&a_key("key_2", "ci"), "h2").await.unwrap_err().code, Code::NameTaken);
        assert_eq!(store.key_of("h1").await.unwrap().unwrap().id, "key_1");
        assert!(store.keys().await.unwrap()[0].used_ms.is_some(), "its use is noted");
        assert_eq!(store.key_of("h2").await.unwrap(), None);
        store.revoke_key("ci").await.unwrap();
        assert_eq!(store.key_of("h1").await.unwrap(), None);
        store.add_key(&a_key("key_3", "ci"), "h3").await.unwrap();
        assert_eq!(store.revoke_key("nobody").await.unwrap_err().code, Code::NotFound);
    }

    #[tokio::test]
    async fn replies_and_the_jobs_they_tell_of_free_their_key_together() {
        let folder = tempfile::tempdir().unwrap();
        let clock = HandClock::at(1_000);
        let mode = Mode::Own { owner: "test".into() };
        let store = stand::open(&folder.path().join("rushes.db"), &mode, clock.clone(), Routes::default()).unwrap();
        let make = async |key: &str| {
            let id = JobId(clock.new_id());
            let asked = Asked { idem_key: Some(key.into()), ..Asked::default() };
            let job = NewJob {
                id,
                workflow: "w".into(),
                version: 1,
                input: serde_json::Value::Null,
                input_hash: "h".into(),
                parent: None,
                root: id,
                collection: None,
                asked,
                in_turn: false,
                home: None,
            };
            (id, store.create(job).await.unwrap().id)
        };
        let (first, given) = make("key_1/a").await;
        assert_eq!(given, first);
        let for_good = Asked::once_for_good("intake a");
        let (item, _) = make(&for_good).await;
        clock.0.fetch_add(REPLY_KEPT_MS, Ordering::SeqCst);
        assert_eq!(make("key_1/a").await.1, first, "within the day");
        clock.0.fetch_add(1, Ordering::SeqCst);
        let (third, given) = make("key_1/a").await;
        assert_eq!(given, third, "a day later the key brings another job");
        assert_eq!(make(&for_good).await.1, item, "and one that counts for good brings the same, however much later");
    }

    #[tokio::test]
    async fn replies_are_given_once_and_taken_over_from_the_dead() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let ask = IdemKey { key: "key_1".into(), idem_key: "a".into(), request: "r".into() };
        let other = IdemKey { request: "s".into(), ..ask.clone() };
        assert_eq!(store.begin_reply("one", &ask).await.unwrap(), Replied::Never);
        assert_eq!(store.begin_reply("one", &ask).await.unwrap(), Replied::Underway);
        assert_eq!(store.begin_reply("two", &other).await.unwrap(), Replied::Otherwise, "also after the first one's death");
        assert_eq!(store.begin_reply("two", &ask).await.unwrap(), Replied::Never, "whoever comes after a crash answers it");
        let reply = Reply { status: 202, mime: "application/json".into(), body: "{}".into() };
        store.end_reply(&ask, &reply).await.unwrap();
        assert_eq!(store.begin_reply("three", &ask).await.unwrap(), Replied::With(reply));
        store.forget_reply(&ask).await.unwrap();
        assert!(matches!(store.begin_reply("three", &ask).await.unwrap(), Replied::With(_)), "an answer is not forgotten");
    }
}
