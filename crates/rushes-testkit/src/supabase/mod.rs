//! A server shaped like Supabase Storage, for tests: its addresses, its odd errors, its limits and its policies, which a
//! real Postgres enforces. Written from the public sources of supabase/storage (August 2026) and of the TUS server in it.
//!
//! The migrations of `deploy/supabase` are applied to it: there is a private bucket `workspace-temp` in which a user may do
//! everything below a folder named by their own id, and a table `workspace_assets`, which is reached as PostgREST reaches
//! tables ([`mod@rest`]). Left out: uploads as forms, image transformations, signed uploads, versions, the S3 endpoint.

mod buckets;
mod bytes;
mod database;
mod dates;
mod errors;
mod lists;
mod moves;
mod names;
mod objects;
mod request;
mod rest;
mod resumable;
mod routes;
mod serve;
#[cfg(test)]
mod tests;
mod token;

use bytes::Shelf;
use database::{Caller, Database};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// As on a paid plan; `set_file_size_limit` sets another.
const FILE_SIZE_LIMIT: u64 = 5_000_000_000;
/// A key that outlives any test.
const LONG_S: i64 = 10 * 365 * 86_400;

/// The server. Dropping it ends it, its Postgres and its bytes.
pub struct Supabase {
    /// `http://127.0.0.1:PORT`; storage lies below `/storage/v1`, tables below `/rest/v1`.
    pub url: String,
    /// Where it listens, for a proxy before it.
    pub address: SocketAddr,
    /// A key for which no policy applies.
    pub service_key: String,
    /// A key for nobody in particular.
    pub anon_key: String,
    state: Arc<State>,
    serving: tokio::task::JoinHandle<()>,
}

struct State {
    database: Database,
    shelf: Shelf,
    file_size_limit: AtomicU64,
    uploads: Mutex<HashMap<String, Arc<resumable::Upload>>>,
    _home: tempfile::TempDir,
}

/// An object as the server holds it.
#[derive(Debug, Clone)]
pub struct StoredObject {
    /// Stays the same when the object is replaced.
    pub id: String,
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Another one for each upload.
    pub version: String,
    /// The user who uploaded it; `None` for the service key.
    pub owner: Option<String>,
    /// Its bytes, read from disk.
    pub bytes: Vec<u8>,
    /// `eTag` (with its quotes), `size`, `mimetype`, `cacheControl`, …
    pub metadata: Value,
    /// What the uploader said in `x-metadata` or `metadata`.
    pub user_metadata: Option<Value>,
}

impl Supabase {
    /// Starts the server and its Postgres; `None`, after saying so, where there is no Postgres.
    pub async fn start() -> Option<Self> {
        let database = Database::start().await?;
        let home = tempfile::tempdir().expect("a temporary folder");
        let shelf = Shelf::new(home.path().join("bytes"));
        let file_size_limit = AtomicU64::new(FILE_SIZE_LIMIT);
        let state = Arc::new(State { database, shelf, file_size_limit, uploads: Mutex::default(), _home: home });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let router = axum::Router::new().fallback(routes::answer).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        let (service_key, anon_key) = (token::sign(json!({"role": "service_role"}), LONG_S), token::sign(json!({"role": "anon"}), LONG_S));
        Some(Self { url: format!("http://{address}"), address, service_key, anon_key, state, serving })
    }

    /// The key of a signed-in user. `user_id` is a UUID; `expires_in_s` may be negative: a key that has expired.
    pub fn user_key(&self, user_id: &str, expires_in_s: i64) -> String {
        token::sign(json!({"role": "authenticated", "aud": "authenticated", "sub": user_id}), expires_in_s)
    }

    /// Runs SQL as the superuser: more buckets, other policies. Panics with what Postgres says.
    pub async fn sql(&self, sql: &str) {
        self.state.database.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The address of its Postgres, as the superuser.
    pub fn database_url(&self) -> String {
        self.state.database.url()
    }

    /// Makes a bucket without any policy.
    pub async fn make_bucket(&self, name: &str, is_public: bool) {
        names::check_bucket(name).expect("a bucket's name");
        let name = name.replace('\'', "''");
        self.sql(&format!("INSERT INTO storage.buckets (id, name, public) VALUES ('{name}', '{name}', {is_public})")).await;
    }

    /// From now on, larger objects are refused.
    pub fn set_file_size_limit(&self, bytes: u64) {
        self.state.file_size_limit.store(bytes, Ordering::Relaxed);
    }

    /// All resumable uploads have expired: they answer 410.
    pub fn expire_uploads(&self) {
        self.state.uploads().values().for_each(|upload| upload.expire());
    }

    /// How many resumable uploads have begun and lack bytes.
    pub fn open_uploads(&self) -> usize {
        self.state.uploads().values().filter(|upload| upload.is_open(&self.state)).count()
    }

    /// One object, or `None`.
    pub async fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.objects().await.into_iter().find(|object| object.bucket == bucket && object.key == key)
    }

    /// All objects, by bucket and key, with their bytes.
    pub async fn objects(&self) -> Vec<StoredObject> {
        let transaction = self.state.database.begin(&Caller::server()).await.expect("the database answers");
        let sql = "SELECT * FROM storage.objects ORDER BY bucket_id, name COLLATE \"C\"";
        let rows = transaction.select(sql, &[]).await.expect("the database answers");
        transaction.roll_back().await.expect("the database answers");
        rows.into_iter().map(|row| self.stored(&row)).collect()
    }

    /// How many objects there are.
    pub async fn count(&self) -> usize {
        self.objects().await.len()
    }

    fn stored(&self, row: &Value) -> StoredObject {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        StoredObject {
            id: text("id"),
            bucket: text("bucket_id"),
            key: text("name"),
            version: text("version"),
            owner: row["owner_id"].as_str().map(str::to_owned),
            bytes: std::fs::read(self.state.shelf.file(&text("version"))).unwrap_or_default(),
            metadata: row["metadata"].clone(),
            user_metadata: Some(row["user_metadata"].clone()).filter(|metadata| !metadata.is_null()),
        }
    }
}

impl Drop for Supabase {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl State {
    fn uploads(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<resumable::Upload>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the bytes of a version, and the resumable upload that brought them.
    fn forget(&self, version: &str) {
        self.shelf.remove(version);
        self.uploads().retain(|_, upload| !upload.is_of(version));
    }
}
