//! A server shaped like Google Drive (version 3 of its interface), for tests: ids and names that are not unique, its
//! queries, both kinds of upload, batches, shared drives, quota, the trash, and listings that lag behind. Written from
//! Google's public documentation (November 2026).
//!
//! Left out: permissions in detail (an account may write in a folder, read it, or not see it), documents of Google's own,
//! comments, revisions but the last, changes, copies over the interface.

mod batch;
mod errors;
mod files;
mod query;
mod request;
mod routes;
mod state;
#[cfg(test)]
mod tests;
mod uploads;

pub use state::{Account, StoredFile};

use state::{Entry, FOLDER, State};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Shared = Arc<Mutex<State>>;

/// The server. Dropping it ends it.
pub struct Drive {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Where it listens, for a proxy before it.
    pub address: SocketAddr,
    state: Shared,
    serving: tokio::task::JoinHandle<()>,
}

impl Drive {
    /// Starts it on a free port; it knows no tokens yet. Needs a tokio runtime.
    pub async fn start() -> Self {
        let state = Shared::default();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let router = axum::Router::new().fallback(routes::answer).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), address, state, serving }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this tells whose a token is; None for a token that is refused.
    pub fn know(&self, whose: impl Fn(&str) -> Option<Account> + Send + Sync + 'static) {
        self.state().whose = Arc::new(whose);
    }

    /// From now on the tokens of these servers are good, for what they were given for.
    pub fn know_those_of(&self, google: &crate::google::Google) {
        const DRIVE: &str = "https://www.googleapis.com/auth/drive";
        let accounts = Arc::clone(&google.accounts);
        self.know(move |token| {
            let of = |scope: &str| accounts.who(Some(token), &[scope]).ok();
            let all = of(DRIVE);
            let sees_only_own = all.is_none();
            let is_read_only = sees_only_own && of(&format!("{DRIVE}.file")).is_none();
            let email = all.or_else(|| of(&format!("{DRIVE}.file"))).or_else(|| of(&format!("{DRIVE}.readonly")))?;
            Some(Account { is_service: email.ends_with(".iam.gserviceaccount.com"), email, sees_only_own, is_read_only })
        });
    }

    /// From now on files appear in listings, and leave them, so much later.
    pub fn set_lag(&self, lag: Duration) {
        self.state().lag = lag;
    }

    /// From now on each answer takes so long, as over a long way.
    pub fn set_delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// From now on an account's own drive takes so many bytes in all.
    pub fn set_quota(&self, bytes: u64) {
        self.state().quota = bytes;
    }

    /// A folder of somebody else's, shared with everybody: its id. `role`: `writer` or `reader`.
    pub fn shared_folder(&self, name: &str, role: &'static str) -> String {
        self.state().add_foreign(name, None, role)
    }

    /// A shared drive of which everybody is a member with this role: its id, which is also that of its topmost folder.
    pub fn shared_drive(&self, name: &str, role: &'static str) -> String {
        let mut state = self.state();
        let id = state.draw_id();
        state.add_drive(&id, name, role);
        id
    }

    /// Makes what there is so much older, as if it had been there for long.
    pub fn age(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).expect("a short time");
        self.state().files.values_mut().for_each(|file| file.created_ms -= by_ms);
    }

    /// Somebody copies a file by hand, with all its properties, under the same name in the same folder.
    pub fn copy(&self, id: &str) -> String {
        let mut state = self.state();
        let copy = state.draw_id();
        let original = state.files[id].clone();
        let entry = Entry { id: copy.clone(), created_ms: state.now_ms(), ..original };
        state.files.insert(copy.clone(), entry);
        copy
    }

    /// Somebody changes a file's content behind everybody's back.
    pub fn overwrite(&self, id: &str, bytes: &[u8]) {
        let mut state = self.state();
        state.revisions += 1;
        let revision = state.revisions;
        let file = state.files.get_mut(id).expect("a file of that id");
        file.fill(bytes.to_vec(), revision);
    }

    /// Somebody moves a file to the trash.
    pub fn trash(&self, id: &str) {
        let mut state = self.state();
        let now = std::time::Instant::now();
        state.files.get_mut(id).expect("a file of that id").trashed = Some(now);
    }

    /// Every file that is no folder and not in the trash, oldest first.
    pub fn files(&self) -> Vec<StoredFile> {
        self.stored(|entry| entry.mime != FOLDER)
    }

    /// Every folder that was made by a request and is not in the trash, oldest first.
    pub fn folders(&self) -> Vec<StoredFile> {
        self.stored(|entry| entry.mime == FOLDER && !entry.parent.is_empty())
    }

    fn stored(&self, is_meant: impl Fn(&Entry) -> bool) -> Vec<StoredFile> {
        let state = self.state();
        let mut found: Vec<&Entry> = state.files.values().filter(|entry| is_meant(entry) && !state.is_trashed(&entry.id)).collect();
        found.sort_by_key(|entry| (entry.created_ms, entry.id.clone()));
        found.into_iter().map(|entry| state.stored(entry)).collect()
    }

    /// All resumable uploads have expired: they answer 404.
    pub fn expire_uploads(&self) {
        self.state().uploads.clear();
    }

    /// How many resumable uploads have begun and lack bytes.
    pub fn open_uploads(&self) -> usize {
        self.state().uploads.len()
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
