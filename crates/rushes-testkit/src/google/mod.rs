//! Google's token servers, for tests: keys, logins, a machine's metadata server, workload identity federation and IAM's
//! signatures. Assertions are checked as Google checks them: their RSA signature, issuer, audience, scope and times.
//! Written from the public documentation of OAuth 2.0 for service accounts, of the metadata server, STS and IAM Credentials.
//!
//! Servers of APIs ask [`Accounts::who`] whether a bearer is good, and of whom.

mod consent;
mod grants;
mod jwt;
#[cfg(test)]
mod tests;

pub use consent::Consent;

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rushes_core::clock::{Clock, SystemClock};
use serde_json::json;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Made for these tests; it opens nothing.
const KEY: &[u8] = include_bytes!("key.der");
/// As Google's tokens do.
const LIVES_S: i64 = 3_599;

/// The servers. Dropping them ends them.
pub struct Google {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Where they listen, for a proxy before them.
    pub address: SocketAddr,
    /// Who there is, and which tokens were given out.
    pub accounts: Arc<Accounts>,
    serving: tokio::task::JoinHandle<()>,
}

/// Accounts and tokens.
pub struct Accounts {
    key: RsaKeyPair,
    key_id: Mutex<String>,
    tokens: Mutex<HashMap<String, Granted>>,
    issued: AtomicU64,
    lives_s: AtomicI64,
    ahead_s: AtomicI64,
    is_machine: AtomicBool,
    may_sign: AtomicBool,
    is_logged_in: AtomicBool,
    consents: Mutex<consent::Consents>,
}

#[derive(Clone)]
struct Granted {
    email: String,
    scopes: String,
    ends_s: i64,
}

/// Why a bearer is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is none.
    Missing,
    /// It is unknown, or has ended.
    Invalid,
    /// It was given for other scopes.
    Scope,
}

impl Google {
    /// The one service account there is.
    pub const EMAIL: &str = "mover@rushes-test.iam.gserviceaccount.com";
    /// The person there is.
    pub const PERSON: &str = "mira@example.com";
    /// The one application there is.
    pub const CLIENT_ID: &str = "client.apps.googleusercontent.com";
    /// Its secret.
    pub const CLIENT_SECRET: &str = "client-secret";
    /// What the other identity provider says.
    pub const SUBJECT: &str = "subject-token-of-the-other-provider";

    /// Starts them.
    pub async fn start() -> Self {
        let accounts = Arc::new(Accounts::new());
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let router = Router::new().fallback(grants::answer).with_state(Arc::clone(&accounts));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), address, accounts, serving }
    }

    /// The service account's key, as Google's console gives it out; tokens come from here.
    pub fn service_account(&self) -> String {
        self.service_account_at(&self.url)
    }

    /// The same where a proxy stands before these servers: the assertion's audience stays ours.
    pub fn service_account_at(&self, url: &str) -> String {
        let pem = STANDARD.encode(KEY);
        let lines: Vec<_> = pem.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
        json!({
            "type": "service_account", "project_id": "rushes-test", "client_email": Self::EMAIL, "client_id": "1",
            "private_key_id": self.accounts.key_id(), "private_key": pem, "token_uri": format!("{url}/token"),
        })
        .to_string()
    }

    /// A person's login, as `gcloud auth application-default login` keeps it.
    pub fn authorized_user(&self) -> String {
        json!({
            "type": "authorized_user", "client_id": "client.apps.googleusercontent.com", "client_secret": "client-secret",
            "refresh_token": "1//refresh", "token_uri": format!("{}/token", self.url),
        })
        .to_string()
    }

    /// Workload identity federation; the subject token comes from `source`, a `credential_source`.
    pub fn external_account(&self, source: &serde_json::Value, is_impersonating: bool) -> String {
        let mut account = json!({
            "type": "external_account", "audience": grants::AUDIENCE, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{}/sts", self.url), "credential_source": source,
        });
        if is_impersonating {
            account["service_account_impersonation_url"] = json!(format!("{}/{}:generateAccessToken", self.iam(), Self::EMAIL));
        }
        account.to_string()
    }

    /// As `GCE_METADATA_HOST` says it.
    pub fn metadata_host(&self) -> String {
        self.address.to_string()
    }

    /// Where accounts sign, before `/EMAIL:signBlob`.
    pub fn iam(&self) -> String {
        format!("{}/v1/projects/-/serviceAccounts", self.url)
    }
}

impl Drop for Google {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Accounts {
    fn new() -> Self {
        Self {
            key: RsaKeyPair::from_pkcs8(KEY).expect("the key is one"),
            key_id: Mutex::new("key-1".into()),
            tokens: Mutex::default(),
            issued: AtomicU64::new(0),
            lives_s: AtomicI64::new(LIVES_S),
            ahead_s: AtomicI64::new(0),
            is_machine: AtomicBool::new(true),
            may_sign: AtomicBool::new(true),
            is_logged_in: AtomicBool::new(true),
            consents: Mutex::default(),
        }
    }

    /// Whose token this is, where it is good and was given for one of these scopes or for all of the platform.
    pub fn who(&self, bearer: Option<&str>, scopes: &[&str]) -> Result<String, Denied> {
        let bearer = bearer.ok_or(Denied::Missing)?;
        let granted = self.tokens().get(bearer).cloned().filter(|granted| self.now_s() < granted.ends_s).ok_or(Denied::Invalid)?;
        let is_enough = |scope: &str| scope == grants::PLATFORM || scopes.contains(&scope);
        if granted.scopes.split(' ').any(is_enough) { Ok(granted.email) } else { Err(Denied::Scope) }
    }

    /// Whether this is the account's signature (RSA, SHA-256) of these bytes.
    pub(crate) fn is_signed(&self, email: &str, bytes: &[u8], signature: &[u8]) -> bool {
        let public = self.key.public_key();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.as_ref());
        email == Google::EMAIL && key.verify(bytes, signature).is_ok()
    }

    /// How many tokens were given out.
    pub fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// Tokens given out from now on live so long.
    pub fn set_life(&self, seconds: i64) {
        self.lives_s.store(seconds, Ordering::Relaxed);
    }

    /// All tokens given out so far have ended.
    pub fn expire(&self) {
        self.tokens().clear();
    }

    /// The account's key is deleted, and another one made.
    pub fn replace_key(&self) {
        *self.key_id.lock().unwrap_or_else(PoisonError::into_inner) = "key-2".into();
    }

    /// From now on the servers' clock is ahead of ours by so much.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.ahead_s.store(seconds, Ordering::Relaxed);
    }

    /// Whether machines have a service account.
    pub fn set_machine(&self, is_there: bool) {
        self.is_machine.store(is_there, Ordering::Relaxed);
    }

    /// Whether the account may sign by IAM, and act for others.
    pub fn allow_signing(&self, may_sign: bool) {
        self.may_sign.store(may_sign, Ordering::Relaxed);
    }

    /// What the person does when a browser opens `/auth`.
    pub fn set_consent(&self, does: Consent) {
        self.consents().does = does;
    }

    fn consents(&self) -> std::sync::MutexGuard<'_, consent::Consents> {
        self.consents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the person's login is good.
    pub fn is_logged_in(&self) -> bool {
        self.is_logged_in.load(Ordering::Relaxed)
    }

    /// The person's login is revoked.
    pub fn log_out(&self) {
        self.is_logged_in.store(false, Ordering::Relaxed);
        self.expire();
    }

    /// Seconds since 1970, by the servers' clock.
    pub fn now_s(&self) -> i64 {
        SystemClock.now_ms() / 1_000 + self.ahead_s.load(Ordering::Relaxed)
    }

    /// Now, as the header `Date` says it.
    pub fn date(&self) -> String {
        let since_1970 = std::time::Duration::from_secs(u64::try_from(self.now_s()).unwrap_or_default());
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + since_1970)
    }

    fn key_id(&self) -> String {
        self.key_id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, HashMap<String, Granted>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives out a token, and tells how long it lives, seconds.
    fn grant(&self, email: &str, scopes: &str) -> (String, i64) {
        let lives_s = self.lives_s.load(Ordering::Relaxed);
        let token = format!("ya29.testkit-{}-{}", self.issued.fetch_add(1, Ordering::Relaxed), uuid::Uuid::now_v7().simple());
        let granted = Granted { email: email.to_owned(), scopes: scopes.to_owned(), ends_s: self.now_s() + lives_s };
        self.tokens().insert(token.clone(), granted);
        (token, lives_s)
    }
}
