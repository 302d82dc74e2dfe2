//! Posts messages as Standard Webhooks 1.0 asks, or as the app of a workspace does, and only to addresses of the public internet.
//!
//! Whoever may start a job names an address, and this machine may stand in a network where others trust it. So names are
//! looked up by a guard, and what it checked is what is connected to; connections are not kept, redirects not followed, and
//! no proxy is asked, which would look names up by itself.

pub(crate) mod guard;

use crate::http::{retry_after, told, words};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use guard::{Forbidden, Forbids, LookUp, Resolver};
use hmac::{Hmac, KeyInit, Mac};
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use ring::rand::{SecureRandom, SystemRandom};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::webhook::{Answer, Parcel, Post, SAID_MAX, Style, URL_MAX};
use rushes_core::{Code, Fault, Verdict};
use sha2::Sha256;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Connecting, sending and the head of the answer take at most this.
const LIMIT: Duration = Duration::from_secs(15);
/// Of an answer's body, at most this much is read.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// Bytes of a secret; 24 to 64 are allowed.
const SECRET_BYTES: usize = 32;
const PREFIX: &str = "whsec_";

/// What signs what the app of a workspace is told. Never shown by `Debug`.
#[derive(Clone)]
pub struct CallbackKeys {
    /// Shared with the app.
    pub secret: String,
    /// Opens its door, as a bearer; None where it has none.
    pub bearer: Option<String>,
}

impl std::fmt::Debug for CallbackKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackKeys(***)")
    }
}

/// The one that posts.
pub struct Poster {
    /// Made by the first message: most commands send none.
    client: OnceLock<reqwest::Client>,
    look_up: LookUp,
    forbids: Forbids,
    limit: Duration,
    callback: Option<CallbackKeys>,
}

impl Poster {
    /// `allow_private`: also to private, loopback and link-local addresses.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        let forbids: Forbids = if allow_private { |_| None } else { guard::forbidden };
        Self::with(forbids, guard::of_the_machine(), LIMIT)
    }

    fn with(forbids: Forbids, look_up: LookUp, limit: Duration) -> Self {
        Self { client: OnceLock::new(), look_up, forbids, limit, callback: None }
    }

    /// The same, with what signs the callbacks of a workspace.
    #[must_use]
    pub fn with_callback(self, callback: Option<CallbackKeys>) -> Self {
        Self { callback, ..self }
    }

    /// What a message carries beside its body.
    fn headers(&self, parcel: &Parcel<'_>) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: String| -> Result<(), Fault> {
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                Fault::new(Code::ConfigInvalid, "sign webhook").because(format!("{name} would hold signs that no header has"))
            })?;
            value.set_sensitive(name == "authorization");
            headers.insert(HeaderName::from_static(name), value);
            Ok(())
        };
        set("content-type", "application/json".to_owned())?;
        set("webhook-id", parcel.id.to_string())?;
        set("webhook-timestamp", parcel.at_s.to_string())?;
        match parcel.style {
            Style::Standard => set("webhook-signature", signatures(&parcel.id.to_string(), parcel.at_s, parcel.body, parcel.secrets)?)?,
            Style::Workspace => {
                let lacks = "this home has no workspace.callback_secret now; set it, or JOB_CALLBACK_SECRET";
                let absent = || Fault::new(Code::ConfigInvalid, "sign callback").because(lacks).verdict(Verdict::Transient);
                let keys = self.callback.as_ref().ok_or_else(absent)?;
                set("x-callback-signature", signature_of_body(parcel.body, &keys.secret)?)?;
                if let Some(bearer) = &keys.bearer {
                    set("authorization", format!("Bearer {bearer}"))?;
                }
            }
        }
        Ok(headers)
    }

    /// Errors: `config_invalid` where the machine's certificates cannot be read.
    fn client(&self) -> Result<&reqwest::Client, Fault> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Whoever comes second finds it installed; both mean the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(Resolver { forbids: self.forbids, look_up: self.look_up.clone() }))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("rushes/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Fault::new(Code::ConfigInvalid, "make HTTP client").because(told(&e)))?;
        Ok(self.client.get_or_init(|| client))
    }

    /// The address, if it may be spoken to as far as its own text says.
    fn address(&self, url: &str) -> Result<Url, Fault> {
        if url.len() > URL_MAX {
            return Err(refused(format!("it is longer than {URL_MAX} bytes")));
        }
        if url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(refused("it holds spaces, line breaks or backslashes"));
        }
        let parsed = Url::parse(url).map_err(refused)?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refused("it must begin with https:// or http://"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(refused("it must not hold a name or a password; what is sent is signed"));
        }
        let host = parsed.host_str().unwrap_or_default().trim_end_matches('.');
        // What the parser knows as an address it writes in one way, however it was spelt.
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let is_local = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
        let address = literal.or(is_local.then_some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)));
        match address.and_then(|address| (self.forbids)(address)) {
            Some(why) => Err(refused(guard::words(host, why))),
            None => Ok(parsed),
        }
    }
}

fn refused(reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::InputInvalid, "check webhook address").because(reason)
}

#[async_trait]
impl Post for Poster {
    fn check(&self, url: &str) -> Result<(), Fault> {
        self.address(url).map(drop)
    }

    async fn post(&self, parcel: Parcel<'_>) -> Result<Answer, Fault> {
        let url = self.address(parcel.url)?;
        let until = Instant::now() + self.limit;
        let request = self.client()?.post(url).headers(self.headers(&parcel)?).body(parcel.body.to_owned());
        let late = |_| down().because(format!("no answer within {} s", self.limit.as_secs_f32()));
        let response = tokio::time::timeout_at(until, request.send()).await.map_err(late)?.map_err(|e| failed(&e))?;
        let status = response.status();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(SystemClock.now_ms().unsigned_abs());
        let retry_after = retry_after(response.headers(), now);
        if status.is_redirection() {
            let to = response.headers().get(LOCATION).map(|to| printable(to.as_bytes())).unwrap_or_default();
            return Ok(Answer { status: status.as_u16(), said: format!("a redirect, which is not followed: {to}"), retry_after });
        }
        // The status has been given and counts; the words are for the log, as far as they come.
        let mut said = Vec::new();
        let mut body = response.bytes_stream();
        while let Ok(Some(Ok(piece))) = tokio::time::timeout_at(until, body.next()).await {
            said.extend_from_slice(&piece);
            if said.len() >= ANSWER_MAX_BYTES {
                break;
            }
        }
        Ok(Answer { status: status.as_u16(), said: printable(&said), retry_after })
    }

    fn new_secret(&self) -> Result<String, Fault> {
        let mut bytes = [0; SECRET_BYTES];
        let nothing = |_| Fault::new(Code::Unexpected, "make secret").because("this machine gives no random numbers");
        SystemRandom::new().fill(&mut bytes).map_err(nothing)?;
        Ok(format!("{PREFIX}{}", STANDARD.encode(bytes)))
    }
}

/// Words of others for logs and terminals: short, in one line, and nothing a terminal would obey.
fn printable(bytes: &[u8]) -> String {
    words(bytes).chars().filter(|c| !c.is_control()).take(SAID_MAX).collect()
}

fn down() -> Fault {
    Fault::new(Code::DestinationDown, "send webhook")
}

/// What the guard refused is told apart from what the network did.
fn failed(error: &reqwest::Error) -> Fault {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = at {
        if let Some(Forbidden(reason)) = cause.downcast_ref() {
            return refused(reason);
        }
        at = cause.source();
    }
    down().because(told(error))
}

/// `v1,` and base64 of the HMAC-SHA256 of `id.timestamp.body`, one for each secret.
fn signatures(id: &str, at_s: i64, body: &str, secrets: &[String]) -> Result<String, Fault> {
    let broken = || Fault::new(Code::Unexpected, "sign webhook").because("the stored secret is none; rotate it");
    let sign = |secret: &String| {
        let key = STANDARD.decode(secret.trim_start_matches(PREFIX)).map_err(|_| broken())?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| broken())?;
        mac.update(format!("{id}.{at_s}.{body}").as_bytes());
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    Ok(secrets.iter().map(sign).collect::<Result<Vec<_>, Fault>>()?.join(" "))
}

/// `sha256=` and the HMAC-SHA256 of the bytes as they are sent, in hex.
fn signature_of_body(body: &str, secret: &str) -> Result<String, Fault> {
    let unusable = |_| Fault::new(Code::ConfigInvalid, "sign callback").because("workspace.callback_secret is none");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(unusable)?;
    mac.update(body.as_bytes());
    Ok(format!("sha256={}", rushes_core::flow::hex(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests;
