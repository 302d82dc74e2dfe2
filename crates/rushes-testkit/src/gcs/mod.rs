//! A strict server shaped like Google Cloud Storage, for tests: its JSON interface, its refusals in its own words, its
//! conditions, hashes and resumable uploads, and addresses signed by V4, which it verifies. Written from the public
//! documentation of the JSON interface, of resumable uploads and of signed addresses.
//!
//! Bearers come from [`Google`], which stands beside it. Left out: versions that are kept, ACLs, policies per object,
//! notifications, encryption keys, the XML interface but for signed and public reads.

mod conditions;
mod errors;
mod links;
mod objects;
mod request;
mod resumable;
mod routes;
mod shelf;
#[cfg(test)]
mod tests;
mod upload;

use crate::google::Google;
use serde_json::{Value, json};
use shelf::Shelf;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The server. Dropping it ends it and its bytes.
pub struct Gcs {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Where it listens, for a proxy before it.
    pub address: SocketAddr,
    /// Who gives out the tokens it takes.
    pub google: Google,
    state: Arc<State>,
    serving: tokio::task::JoinHandle<()>,
}

struct State {
    accounts: Arc<crate::google::Accounts>,
    shelf: Shelf,
    buckets: Mutex<BTreeMap<String, Bucket>>,
    sessions: Mutex<HashMap<String, Arc<resumable::Session>>>,
    /// Permissions the account lacks.
    forbidden: Mutex<HashSet<String>>,
    generations: AtomicU64,
    /// Whether nobody need say who asks, as before an emulator.
    is_open: bool,
}

#[derive(Default)]
struct Bucket {
    is_public: bool,
    objects: BTreeMap<String, Object>,
}

/// An object as the server holds it.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its key.
    pub name: String,
    /// Another one for each upload.
    pub generation: u64,
    /// Another one for each change of what is told of it.
    pub metageneration: u64,
    /// Bytes.
    pub size: u64,
    /// Composite objects have none.
    pub md5: Option<[u8; 16]>,
    /// Of all its bytes.
    pub crc32c: u32,
    /// What its writer said of it: `contentType`, `metadata`, …
    pub told: Value,
    file: String,
}

impl Gcs {
    /// Starts the server and one that gives out tokens.
    pub async fn start() -> Self {
        Self::start_as(false).await
    }

    /// The same where no token is wanted, as emulators have it.
    pub async fn start_open() -> Self {
        Self::start_as(true).await
    }

    async fn start_as(is_open: bool) -> Self {
        let google = Google::start().await;
        let state = Arc::new(State {
            accounts: Arc::clone(&google.accounts),
            shelf: Shelf::new(),
            buckets: Mutex::default(),
            sessions: Mutex::default(),
            forbidden: Mutex::default(),
            generations: AtomicU64::new(1_700_000_000_000_000),
            is_open,
        });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let router = axum::Router::new().fallback(routes::answer).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), address, google, state, serving }
    }

    /// Makes a bucket; `is_public`: anybody reads its objects.
    pub fn make_bucket(&self, name: &str, is_public: bool) {
        self.state.buckets().insert(name.to_owned(), Bucket { is_public, ..Bucket::default() });
    }

    /// From now on the account lacks this permission: `storage.objects.create`.
    pub fn forbid(&self, permission: &str) {
        self.state.forbidden().insert(permission.to_owned());
    }

    /// From now on the account lacks nothing.
    pub fn allow_all(&self) {
        self.state.forbidden().clear();
    }

    /// All resumable uploads that are not whole have expired: they answer 410.
    pub fn expire_sessions(&self) {
        self.state.sessions().values().for_each(|session| session.expire());
    }

    /// How many resumable uploads have begun and lack bytes.
    pub fn open_sessions(&self) -> usize {
        self.state.sessions().values().filter(|session| session.is_open()).count()
    }

    /// Makes an object as if it were composed of others: its MD5 is not known.
    pub fn make_composite(&self, bucket: &str, key: &str) {
        let mut buckets = self.state.buckets();
        let object = buckets.get_mut(bucket).and_then(|bucket| bucket.objects.get_mut(key));
        object.expect("an object to make composite").md5 = None;
    }

    /// One object, or `None`.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Object> {
        self.state.buckets().get(bucket)?.objects.get(key).cloned()
    }

    /// All objects of a bucket, by key.
    pub fn objects(&self, bucket: &str) -> Vec<Object> {
        self.state.buckets().get(bucket).map(|bucket| bucket.objects.values().cloned().collect()).unwrap_or_default()
    }

    /// The bytes of an object.
    pub fn bytes(&self, object: &Object) -> Vec<u8> {
        self.state.shelf.bytes(&object.file)
    }
}

impl Drop for Gcs {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn buckets(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        lock(&self.buckets)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<resumable::Session>>> {
        lock(&self.sessions)
    }

    fn forbidden(&self) -> MutexGuard<'_, HashSet<String>> {
        lock(&self.forbidden)
    }

    fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed)
    }
}

impl Object {
    /// As the JSON interface tells of it.
    fn resource(&self, bucket: &str) -> Value {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        let mut resource = self.told.clone();
        for (name, value) in [
            ("kind", json!("storage#object")),
            ("name", json!(self.name)),
            ("bucket", json!(bucket)),
            ("id", json!(format!("{bucket}/{}/{}", self.name, self.generation))),
            ("generation", json!(self.generation.to_string())),
            ("metageneration", json!(self.metageneration.to_string())),
            ("size", json!(self.size.to_string())),
            ("crc32c", json!(STANDARD.encode(self.crc32c.to_be_bytes()))),
            ("etag", json!(STANDARD.encode(format!("{}/{}", self.generation, self.metageneration)))),
            ("storageClass", json!("STANDARD")),
        ] {
            resource[name] = value;
        }
        match &self.md5 {
            Some(md5) => resource["md5Hash"] = json!(STANDARD.encode(md5)),
            None => {
                resource["componentCount"] = json!(2);
                resource.as_object_mut().expect("told in an object").remove("md5Hash");
            }
        }
        resource
    }
}
