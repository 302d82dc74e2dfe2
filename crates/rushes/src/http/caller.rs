//! Who asks: a key in the `Authorization` header, in `X-Rushes-Key`, or in the cookie the dashboard's login sets. What is kept of a key is
//! its hash. Without any key this is a server for its own machine, and whoever can reach it may do everything.

use super::app::App;
use super::idempotency::once;
use super::problem::Problem;
use crate::config::Config;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{Quota, RateLimiter, state::keyed::HashMapStateStore};
use rushes_core::key::{ENVIRONMENT, Key, Scope};
use rushes_core::{Code, Fault};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The cookie of the dashboard's login.
pub(crate) const COOKIE_NAME: &str = "rushes_key";
/// What a key of [`Scope::Work`] opens, and all it opens.
const WORKERS: &str = "/api/v1/workers";
/// A header for the key alone.
const OWN_HEADER: &str = "x-rushes-key";
/// Wrong keys that one address may show at once; as many come back in a minute, one after the other.
const GUESSES: u32 = 10;
/// How long a key that was looked up counts without looking again: a revoked one opens for at most this long.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// Keys remembered, and callers counted, at most.
const REMEMBERED: usize = 4_096;
/// The shortest key that may be given by the environment.
const KEY_MIN: usize = 16;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The id of the key; empty where none is needed.
    pub(crate) key: String,
    /// What they may do.
    pub(crate) scope: Scope,
}

impl Caller {
    /// Refuses those who may do less. Errors: `scope_missing`.
    pub(crate) fn need(&self, scope: Scope) -> Result<(), Problem> {
        if self.scope >= scope {
            return Ok(());
        }
        let reason = format!("this key may {}, and this needs {}", self.scope.name(), scope.name());
        Err(Problem::new(Code::ScopeMissing, "answer request", reason))
    }

    /// The id of the key, where there is one.
    pub(crate) fn key_id(&self) -> Option<String> {
        (!self.key.is_empty()).then(|| self.key.clone())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let asked = parts.extensions.get::<Result<Self, Problem>>().cloned();
        asked.unwrap_or_else(|| Err(Problem::new(Code::Unexpected, "answer request", "nobody looked who asks")))
    }
}

/// Somebody who may do everything.
pub(crate) struct Admin;

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, state).await?.need(Scope::Admin).map(|()| Self)
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

/// Looks who comes in.
pub(crate) struct Doorkeeper {
    /// The hash of the key of the environment.
    given: Option<String>,
    known: Mutex<HashMap<String, (Key, Instant)>>,
    keyless: Mutex<Option<(bool, Instant)>>,
    /// Held while a key is looked up.
    looking: tokio::sync::Mutex<()>,
    guesses: Limiter<IpAddr>,
    asks: Limiter<String>,
}

impl Doorkeeper {
    pub(super) fn new(config: &Config) -> Result<Self, Fault> {
        let given = config.variable("PIPELINE_API_KEY").map(|key| key.trim().to_owned());
        if given.as_ref().is_some_and(|key| key.len() < KEY_MIN || !is_sendable(key)) {
            let reason = format!("a key has at least {KEY_MIN} letters and digits, without spaces; `rushes keys new` makes one");
            return Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "PIPELINE_API_KEY").because(reason));
        }
        let a_minute = |n: u32| Quota::per_minute(NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN));
        Ok(Self {
            given: given.map(|key| hash(&key)),
            known: Mutex::default(),
            keyless: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            guesses: RateLimiter::hashmap(a_minute(GUESSES)),
            asks: RateLimiter::hashmap(a_minute(config.server.requests_per_minute)),
        })
    }

    /// Whether there is no key at all, and never was one: who revokes the last one closes the door, and opens none.
    pub(super) async fn is_open(&self, parts: &rushes_engine::Parts) -> Result<bool, Fault> {
        if self.given.is_some() {
            return Ok(false);
        }
        let known = *self.keyless.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((is_open, _)) = known.filter(|(_, at)| at.elapsed() < KNOWN_FOR) {
            return Ok(is_open);
        }
        let is_open = parts.store.keys().await?.is_empty();
        *self.keyless.lock().unwrap_or_else(PoisonError::into_inner) = Some((is_open, Instant::now()));
        Ok(is_open)
    }

    /// Who shows this key. Errors: `key_missing`; `too_many_requests` to those who guess.
    pub(crate) async fn look(&self, parts: &rushes_engine::Parts, peer: IpAddr, shown: &str) -> Result<Caller, Problem> {
        let hash = hash(shown);
        if self.given.as_ref().is_some_and(|given| is_same(given.as_bytes(), hash.as_bytes())) {
            return Ok(Caller { key: ENVIRONMENT.to_owned(), scope: Scope::Admin });
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        let found = match known {
            Some((key, at)) if at.elapsed() < KNOWN_FOR => Some(key),
            _ => {
                // One after the other: many requests with one key, as after a start, are one look.
                let _turn = self.looking.lock().await;
                let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
                if let Some((key, _)) = known.as_ref().filter(|(_, at)| at.elapsed() < KNOWN_FOR) {
                    return Ok(Caller { key: key.id.clone(), scope: key.scope });
                }
                let found = parts.store.key_of(&hash).await?;
                self.remember(hash, found.clone());
                // What opens nothing is a guess; who has a key never waits for those who have none.
                if found.is_none() {
                    if self.guesses.len() > REMEMBERED {
                        self.guesses.retain_recent();
                    }
                    let wait = |until: governor::NotUntil<_>| slow_down("wrong keys", until.wait_time_from(DefaultClock::default().now()));
                    self.guesses.check_key(&peer).map_err(wait)?;
                }
                found
            }
        };
        let wrong = || Problem::new(Code::KeyMissing, "answer request", "there is no such key, or it was revoked");
        found.map(|key| Caller { key: key.id, scope: key.scope }).ok_or_else(wrong)
    }

    fn remember(&self, hash: String, found: Option<Key>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        match found {
            Some(key) if known.len() < REMEMBERED => drop(known.insert(hash, (key, Instant::now()))),
            _ => drop(known.remove(&hash)),
        }
    }

    fn count(&self, caller: &Caller, request: &Parts) -> Result<(), Problem> {
        let peer = || request.extensions.get::<Peer>().map_or_else(String::new, |peer| peer.0.to_string());
        let who = if caller.key.is_empty() { peer() } else { caller.key.clone() };
        if self.asks.len() > REMEMBERED {
            self.asks.retain_recent();
        }
        self.asks.check_key(&who).map_err(|until| slow_down("requests", until.wait_time_from(DefaultClock::default().now())))
    }
}

fn slow_down(what: &str, wait: Duration) -> Problem {
    let fault = Fault::new(Code::TooManyRequests, "answer request").because(format!("too many {what}; wait {} s", wait.as_secs() + 1));
    fault.retry_after(wait.max(Duration::from_secs(1))).into()
}

/// Looks who asks, for pages behind it, which say by themselves what they need.
pub(super) async fn look(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let asked = identify(&app, &parts).await;
    if let Err(problem) = asked.as_ref().map_or(Ok(()), |caller| app.doorkeeper.count(caller, &parts)) {
        return problem.into_response();
    }
    let known = asked.as_ref().ok().cloned();
    parts.extensions.insert(asked);
    noted(known, next.run(Request::from_parts(parts, body)).await)
}

/// Lets only those in who may look, and only those change something who may; handlers that need more ask for [`Admin`]. What
/// was asked before is answered as it was then. One layer, since each costs every request.
pub(super) async fn enter(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match identify(&app, &parts).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let need = match parts.method.is_safe() {
        _ if caller.scope == Scope::Work && parts.uri.path().starts_with(WORKERS) => Scope::Work,
        true => Scope::Read,
        false => Scope::Run,
    };
    let answered = match app.doorkeeper.count(&caller, &parts).and_then(|()| caller.need(need)) {
        Ok(()) => {
            parts.extensions.insert(Ok::<_, Problem>(caller.clone()));
            once(&app, &caller, Request::from_parts(parts, body), next).await
        }
        Err(problem) => Err(problem),
    };
    noted(Some(caller), answered.unwrap_or_else(IntoResponse::into_response))
}

/// Says whose request it was, for the log, which is written further out.
fn noted(caller: Option<Caller>, mut response: Response) -> Response {
    if let Some(caller) = caller {
        response.extensions_mut().insert(caller);
    }
    response
}

async fn identify(app: &App, request: &Parts) -> Result<Caller, Problem> {
    let headers = &request.headers;
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(origin) = headers.get(ORIGIN).filter(|_| !request.method.is_safe()) {
        let is_own = origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(_, at)| at == host);
        if !is_own {
            return Err(Problem::new(Code::OriginForeign, "answer request", "it comes from a page of another site"));
        }
    }
    let peer = request.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    if app.doorkeeper.is_open(app.parts()).await? {
        // A page of elsewhere whose name was made to lead here must not get in.
        return if is_loopback_name(host) && peer.is_loopback() {
            Ok(Caller { key: String::new(), scope: Scope::Admin })
        } else {
            Err(Problem::new(
                Code::OriginForeign,
                "answer request",
                format!("without a key this server answers to localhost only, not to {host:?}"),
            ))
        };
    }
    match shown(headers) {
        Some(key) => app.doorkeeper.look(app.parts(), peer, key).await,
        None => Err(Problem::new(Code::KeyMissing, "answer request", "send `Authorization: Bearer KEY`")),
    }
}

/// The key a request shows: in a header of our own where `Authorization` is for whoever stands before us, such as Google.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get(OWN_HEADER).and_then(|value| value.to_str().ok()).map(str::trim);
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let cookie = || cookies.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == COOKIE_NAME).map(|(_, key)| key);
    own.or(bearer).or_else(cookie).filter(|key| !key.is_empty())
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_sendable(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'"' | b'\\'))
}

/// Without telling by its time how much of it is right.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// What is kept of a key.
fn hash(key: &str) -> String {
    rushes_core::flow::hash(&key)
}

/// A new key and what is kept of it.
pub(crate) fn new_secret() -> (String, String) {
    // Two random UUIDs are 244 random bits.
    let secret = format!("rushes_{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let kept = hash(&secret);
    (secret, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_knows_loopback_names() {
        for host in ["localhost", "LocalHost:8787", "127.0.0.1:1", "127.1.2.3", "[::1]:80"] {
            assert!(is_loopback_name(host), "{host}");
        }
        for host in ["", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[fe80::1]", "evil.example:8787"] {
            assert!(!is_loopback_name(host), "{host}");
        }
    }

    #[test]
    fn caller_shows_a_key_by_header_or_cookie() {
        let headers = |name, value: &str| HeaderMap::from_iter([(name, value.parse().unwrap())]);
        assert_eq!(shown(&headers(AUTHORIZATION, "bearer  abc ")), Some("abc"));
        assert_eq!(shown(&headers(AUTHORIZATION, "Basic abc")), None);
        assert_eq!(shown(&headers(COOKIE, "a=b; rushes_key=xyz; c=d")), Some("xyz"));
        assert_eq!(shown(&headers(COOKIE, "rushes_key=")), None);
        let mut both = headers(AUTHORIZATION, "Bearer of-google");
        both.insert(OWN_HEADER, " ours ".parse().unwrap());
        assert_eq!(shown(&both), Some("ours"), "the other is for whoever stands before us");
    }
}
