//! The tokens: asked for once however many wait for one, renewed some minutes before they end, and asked for anew after
//! one was refused.

use super::credentials::{Credentials, ExternalAccount, Machine, ServiceAccount};
use super::refusals::{About, Said, clock, refusal};
use crate::http::{Answer, Body, Client, Request, encode_query};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::{Code, Fault};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OnceCell};

/// A token is renewed this long before it ends. Less than five minutes: until then a metadata server gives the token it
/// gave before, and who asks earlier gets what they hold.
const EARLY: Duration = Duration::from_mins(4);
/// After a renewal failed, what is still good serves for this long before the next try.
const PAUSE: Duration = Duration::from_secs(20);
/// Clocks this far apart are told, and reckoned with.
const SKEW_MS: i64 = 2 * 60_000;
/// What exchanges need, where a service account then asks for the scopes themselves.
const PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The tokens of one account for some scopes.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(super) credentials: Credentials,
    /// Parted by spaces.
    scopes: String,
    client: Client,
    held: Mutex<Held>,
    /// How far Google's clock is ahead of ours, where that is far.
    skew_ms: AtomicI64,
    /// Whether a metadata server ever answered.
    has_machine: AtomicBool,
    /// Of the machine's account, once it is known.
    email: OnceCell<String>,
}

#[derive(Debug, Default)]
struct Held {
    token: Option<Token>,
    /// When it last failed, and why: told to all who waited for it.
    failed: Option<(Instant, Fault)>,
}

struct Token {
    bearer: String,
    renew: Instant,
    ends: Instant,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds.
    expires_in: u64,
}

/// As IAM answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impersonated {
    access_token: String,
}

impl Granted {
    fn token(self, now: Instant) -> Token {
        let lives = Duration::from_secs(self.expires_in);
        Token { bearer: self.access_token, renew: now + serves(lives), ends: now + lives }
    }
}

/// How long a token that lives for `lives` serves until it is renewed: to [`EARLY`] before its end, but for three quarters
/// of its life at least, so that one which lives some minutes only is not asked for at every turn.
fn serves(lives: Duration) -> Duration {
    lives.saturating_sub(EARLY.min(lives / 4))
}

impl Tokens {
    /// Asks nobody yet. `scopes`: `https://www.googleapis.com/auth/…`, parted by spaces.
    pub(crate) fn new(credentials: Credentials, scopes: &str, client: &Client) -> Self {
        Self {
            credentials,
            scopes: scopes.to_owned(),
            client: client.clone(),
            held: Mutex::default(),
            skew_ms: AtomicI64::new(0),
            has_machine: AtomicBool::new(false),
            email: OnceCell::new(),
        }
    }

    /// The token to ask with now; None where none is wanted. Errors: `destination_refused`, with what to do about it
    /// (transient where only the clock is wrong), `destination_down`, `destination_busy`.
    pub(crate) async fn bearer(&self) -> Result<Option<String>, Fault> {
        if matches!(self.credentials, Credentials::None) {
            return Ok(None);
        }
        let asked = Instant::now();
        let mut held = self.held.lock().await;
        let now = Instant::now();
        if let Some(token) = held.token.as_ref().filter(|token| now < token.renew) {
            return Ok(Some(token.bearer.clone()));
        }
        if let Some((_, fault)) = held.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(fault.clone());
        }
        match self.fetch().await {
            Ok(token) => {
                let bearer = token.bearer.clone();
                *held = Held { token: Some(token), failed: None };
                Ok(Some(bearer))
            }
            Err(fault) => {
                if let Some(token) = held.token.as_mut().filter(|token| now < token.ends) {
                    tracing::warn!(%fault, "a token could not be renewed yet");
                    token.renew = token.ends.min(Instant::now() + PAUSE);
                    return Ok(Some(token.bearer.clone()));
                }
                held.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// Sets the header that names us; none where none is wanted. Errors: those of [`Self::bearer`].
    pub(crate) async fn authorize(&self, headers: &mut HeaderMap) -> Result<Option<String>, Fault> {
        let bearer = self.bearer().await?;
        if let Some(bearer) = &bearer {
            headers.insert(http::header::AUTHORIZATION, secret(&format!("Bearer {bearer}"))?);
        }
        Ok(bearer)
    }

    /// This token was refused: the next one is asked for anew. Another that came meanwhile stays.
    pub(crate) async fn forget(&self, bearer: &str) {
        let mut held = self.held.lock().await;
        if held.token.as_ref().is_some_and(|token| token.bearer == bearer) {
            held.token = None;
        }
    }

    /// Now, by Google's clock as far as it has told: milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.skew_ms.load(Ordering::Relaxed)
    }

    async fn fetch(&self) -> Result<Token, Fault> {
        let now = Instant::now();
        match &self.credentials {
            Credentials::None => Err(Fault::new(Code::Unexpected, "get access token")),
            Credentials::ServiceAccount(account) => self.by_key(account).await.map(|granted| granted.token(now)),
            Credentials::User(user) => {
                let pairs = [
                    ("grant_type", "refresh_token"),
                    ("client_id", &user.client_id),
                    ("client_secret", &user.client_secret),
                    ("refresh_token", &user.refresh_token),
                ];
                Ok(self.post::<Granted>(&user.token_uri, &pairs).await?.token(now))
            }
            Credentials::Machine(machine) => self.of_machine(machine).await.map(|granted| granted.token(now)),
            Credentials::External(external) => self.exchange(external, now).await,
        }
    }

    async fn by_key(&self, account: &ServiceAccount) -> Result<Granted, Fault> {
        let ask = async |skew_ms: i64| {
            let assertion = account.assertion(&self.scopes, (SystemClock.now_ms() + skew_ms) / 1_000)?;
            let pairs = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &*assertion)];
            self.post::<Granted>(&account.token_uri, &pairs).await
        };
        let known = self.skew_ms.load(Ordering::Relaxed);
        match ask(known).await {
            // It told the time along with its refusal: once more, by its clock.
            Err(said) if said.error == "invalid_grant" && self.skew_ms.load(Ordering::Relaxed) != known => {
                Ok(ask(self.skew_ms.load(Ordering::Relaxed)).await?)
            }
            answer => Ok(answer?),
        }
    }

    async fn of_machine(&self, machine: &Machine) -> Result<Granted, Fault> {
        let path = format!("token?scopes={}", encode_query(&self.scopes.replace(' ', ",")));
        let answer = self.metadata(machine, &path).await?;
        Ok(document(answer, "get access token").await?)
    }

    /// The e-mail of the machine's account.
    pub(super) async fn email_of(&self, machine: &Machine) -> Result<String, Fault> {
        let ask = async || {
            let answer = self.metadata(machine, "email").await?;
            Ok(String::from_utf8_lossy(&answer.bytes().await?).trim().to_owned())
        };
        self.email.get_or_try_init(ask).await.cloned()
    }

    /// What the metadata server says of the machine's account. Errors: `destination_refused` where there is no such server.
    async fn metadata(&self, machine: &Machine, what: &str) -> Result<Answer, Fault> {
        let url = format!("http://{}/computeMetadata/v1/instance/service-accounts/default/{what}", machine.host);
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("metadata-flavor"), HeaderValue::from_static("Google"));
        let answer = self.ask(Method::GET, url, headers, Body::Empty).await;
        // Its own flavour stands in its answers: some networks answer for any name.
        match answer {
            Ok(answer) if answer.header("metadata-flavor") == "Google" => {
                self.has_machine.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            Err(said) if self.has_machine.load(Ordering::Relaxed) => Err(said.into()),
            other => {
                let why = other.err().and_then(|said| said.fault.reason).unwrap_or_else(|| "something else answers".into());
                let reason = format!(
                    "no credentials are configured, and this is no machine of Google's with a service account; set the destination's \
                     credentials or GOOGLE_APPLICATION_CREDENTIALS ({}: {why})",
                    machine.host
                );
                Err(Fault::new(Code::DestinationRefused, "find Google credentials").because(reason))
            }
        }
    }

    async fn exchange(&self, external: &ExternalAccount, now: Instant) -> Result<Token, Fault> {
        let source = &external.source;
        let text = match (&source.file, &source.url) {
            (Some(file), _) => {
                let lost = |e| Fault::new(Code::DestinationRefused, "read subject token").with("path", file).because(e);
                tokio::fs::read_to_string(file).await.map_err(lost)?
            }
            (None, url) => {
                let mut headers = HeaderMap::new();
                for (name, value) in &source.headers {
                    if let Ok(name) = HeaderName::try_from(name) {
                        headers.insert(name, secret(value)?);
                    }
                }
                let answer = self.ask(Method::GET, url.clone().unwrap_or_default(), headers, Body::Empty).await?;
                String::from_utf8_lossy(&answer.bytes().await?).into_owned()
            }
        };
        let subject = source.token_in(&text)?;
        let scopes = if external.impersonation_url.is_some() { PLATFORM } else { &self.scopes };
        let pairs = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", &external.audience),
            ("scope", scopes),
            ("subject_token_type", &external.subject_token_type),
            ("subject_token", &subject),
        ];
        let granted: Granted = self.post(&external.token_url, &pairs).await?;
        let Some(url) = &external.impersonation_url else { return Ok(granted.token(now)) };
        let body = json!({"scope": self.scopes.split(' ').collect::<Vec<_>>(), "lifetime": "3600s"});
        let acting: Impersonated = self.post_json(url, &granted.access_token, &body).await?;
        Ok(Granted { access_token: acting.access_token, expires_in: 3_600 }.token(now))
    }

    async fn post<T: DeserializeOwned>(&self, url: &str, pairs: &[(&str, &str)]) -> Result<T, Said> {
        let form: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode_query(value))).collect();
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let answer = self.ask(Method::POST, url.to_owned(), headers, Body::Bytes(form.join("&").into())).await?;
        document(answer, "get access token").await
    }

    pub(super) async fn post_json<T: DeserializeOwned>(&self, url: &str, bearer: &str, body: &serde_json::Value) -> Result<T, Said> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(http::header::AUTHORIZATION, secret(&format!("Bearer {bearer}"))?);
        let answer = self.ask(Method::POST, url.to_owned(), headers, Body::Bytes(body.to_string().into())).await?;
        document(answer, "ask Google's IAM").await
    }

    async fn ask(&self, method: Method, url: String, headers: HeaderMap, body: Body) -> Result<Answer, Said> {
        let operation = "get access token";
        let account = self.credentials.name();
        let answer = self.client.send(Request { method, url, headers, body, operation, answers_within: None }).await;
        let answer = answer.map_err(|fault| fault.with("account", account))?;
        let skew_ms = self.compare_clocks(&answer);
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(answer, About { operation, account, skew_ms }).await) }
    }

    /// Notes how far the other side's clock is ahead of ours.
    fn compare_clocks(&self, answer: &Answer) -> i64 {
        let date = httpdate::parse_http_date(answer.header("date")).ok();
        let since_1970 = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        let Some(theirs_ms) = since_1970.and_then(|since| i64::try_from(since.as_millis()).ok()) else { return 0 };
        let skew_ms = theirs_ms - SystemClock.now_ms();
        let skew_ms = if skew_ms.abs() > SKEW_MS { skew_ms } else { 0 };
        if (self.skew_ms.swap(skew_ms, Ordering::Relaxed) - skew_ms).abs() > SKEW_MS && skew_ms != 0 {
            tracing::warn!("{}; Google's is followed. Set it", clock(skew_ms));
        }
        skew_ms
    }
}

fn secret(text: &str) -> Result<HeaderValue, Fault> {
    let strange = |_| Fault::new(Code::DestinationDown, "get access token").because("the token has signs that no token has");
    let mut value = HeaderValue::from_str(text).map_err(strange)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A document that was promised. What it holds is secret, also where it is another.
async fn document<T: DeserializeOwned>(answer: Answer, operation: &'static str) -> Result<T, Said> {
    let body = answer.bytes().await?;
    let strange = |e: serde_json::Error| {
        let why = if e.is_data() { "a field is missing" } else { "it does not come whole" };
        Said::from(Fault::new(Code::DestinationDown, operation).because(format!("the answer is no token: {why}")))
    };
    serde_json::from_slice(&body).map_err(strange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_renewed_four_minutes_or_a_quarter_of_their_life_before_they_end() {
        for (lives_s, serves_s) in [(3_600, 3_360), (8, 6), (0, 0), (400, 300), (960, 720), (961, 721)] {
            assert_eq!(serves(Duration::from_secs(lives_s)), Duration::from_secs(serves_s), "of {lives_s} s");
        }
        assert!(EARLY < Duration::from_mins(5), "before that, a metadata server has no other token");
    }
}
