//! Whether a callback is from whom it says: fal signs with Ed25519 keys that it publishes, Replicate with a secret of the
//! account (Standard Webhooks).

use super::super::talk::Talk;
use super::{CallbackSettings, locked};
use crate::http::HttpOptions;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use ring::signature::{ED25519, UnparsedPublicKey};
use rushes_core::clock::Clock;
use rushes_core::{Code, Fault};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex};

/// fal's public keys.
const FAL_KEYS: &str = "https://rest.fal.ai/.well-known/jwks.json";
const REPLICATE: &str = "https://api.replicate.com/v1";
/// A callback that is older, or from further ahead, is refused.
const SKEW_S: i64 = 300;
/// Keys are fetched anew after a day.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// However many forgers call, keys are fetched once a minute at most.
const ASKED_EVERY_MS: i64 = 60_000;
/// More keys than anybody signs with.
const KEYS_MAX: usize = 32;
const OPERATION: &str = "verify callback";

/// Keys as they were fetched last.
#[derive(Debug, Default)]
struct Known {
    keys: Vec<Vec<u8>>,
    asked_ms: Option<i64>,
}

/// Where keys come from, and how they are read there.
struct Keys {
    talk: Talk,
    path: &'static str,
    headers: HeaderMap,
    read: fn(&Value) -> Vec<Vec<u8>>,
    known: Mutex<Known>,
}

pub(super) struct Signatures {
    fal: Keys,
    replicate: Option<Keys>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Signatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signatures(…)")
    }
}

fn refuse(reason: &str) -> Fault {
    Fault::new(Code::KeyMissing, OPERATION).because(reason)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Fault> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    value.ok_or_else(|| refuse(&format!("it has no {name}")))
}

/// The Ed25519 keys of a JSON Web Key Set.
fn of_fal(said: &Value) -> Vec<Vec<u8>> {
    let of = |key: &Value| (key["crv"] == "Ed25519").then(|| URL_SAFE_NO_PAD.decode(key["x"].as_str()?).ok())?;
    said["keys"].as_array().map(|keys| keys.iter().take(KEYS_MAX).filter_map(of).collect()).unwrap_or_default()
}

fn of_replicate(said: &Value) -> Vec<Vec<u8>> {
    let secret = said["key"].as_str().and_then(|text| STANDARD.decode(text.trim_start_matches("whsec_")).ok());
    secret.filter(|secret| !secret.is_empty()).into_iter().collect()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let is_hex = hex.len().is_multiple_of(2) && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| (0..hex.len()).step_by(2).filter_map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect())
}

impl Keys {
    /// The keys that are known, fetched where they are old, or where `anew` asks for it. Errors: `provider_down`.
    async fn get(&self, now_ms: i64, anew: bool) -> Result<Vec<Vec<u8>>, Fault> {
        let is_asked = {
            let mut known = locked(&self.known);
            let age_ms = known.asked_ms.map_or(i64::MAX, |asked| now_ms.saturating_sub(asked));
            let is_asked = age_ms >= ASKED_EVERY_MS && (anew || known.keys.is_empty() || age_ms >= KEPT_MS);
            if is_asked {
                known.asked_ms = Some(now_ms);
            }
            is_asked
        };
        if is_asked {
            let said = self.talk.ask(Method::GET, self.path, self.headers.clone(), None, (OPERATION, Code::ProviderDown)).await;
            let keys = said.map(|said| if said.status.is_success() { (self.read)(&said.json) } else { Vec::new() });
            if let Some(keys) = keys.ok().filter(|keys| !keys.is_empty()) {
                locked(&self.known).keys = keys;
            }
        }
        let keys = locked(&self.known).keys.clone();
        if keys.is_empty() { Err(Fault::new(Code::ProviderDown, OPERATION).because("its keys cannot be fetched")) } else { Ok(keys) }
    }

    /// Errors: `key_missing` where no key fits, not even one fetched anew; `provider_down`.
    async fn fit(&self, now_ms: i64, fits: impl Fn(&[u8]) -> bool) -> Result<(), Fault> {
        for anew in [false, true] {
            if self.get(now_ms, anew).await?.iter().any(|key| fits(key)) {
                return Ok(());
            }
        }
        Err(refuse("its signature is not the provider's"))
    }
}

impl Signatures {
    pub(super) fn new(settings: CallbackSettings, clock: Arc<dyn Clock>, http: HttpOptions) -> Result<Self, Fault> {
        let keys = |talk, path, headers, read| Keys { talk, path, headers, read, known: Mutex::default() };
        let address = settings.fal_keys.as_deref().unwrap_or(FAL_KEYS);
        let fal = keys(Talk::new("fal.keys", address, Vec::new(), http)?, "", HeaderMap::new(), of_fal as fn(&Value) -> _);
        let replicate = match settings.replicate {
            Some(account) => {
                let broken = |_| Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "replicate.key");
                let mut bearer = HeaderValue::from_str(&format!("Bearer {}", account.key)).map_err(broken)?;
                bearer.set_sensitive(true);
                let endpoint = account.endpoint.as_deref().unwrap_or(REPLICATE);
                let talk = Talk::new("replicate", endpoint, vec![account.key], http)?;
                Some(keys(talk, "/webhooks/default/secret", HeaderMap::from_iter([(AUTHORIZATION, bearer)]), of_replicate))
            }
            None => None,
        };
        Ok(Self { fal, replicate, clock })
    }

    fn is_of_now(&self, timestamp: &str) -> Result<(), Fault> {
        let now_s = self.clock.now_ms() / 1_000;
        let is_near = timestamp.parse::<i64>().is_ok_and(|at_s| (now_s.saturating_sub(at_s)).abs() <= SKEW_S);
        if is_near { Ok(()) } else { Err(refuse("it is not of now")) }
    }

    /// Gives the name of the request it tells of.
    pub(super) async fn check_fal(&self, headers: &HeaderMap, body: &[u8]) -> Result<String, Fault> {
        let [request, user, timestamp, signature] =
            ["request-id", "user-id", "timestamp", "signature"].map(|name| header(headers, &format!("x-fal-webhook-{name}")));
        let (request, timestamp) = (request?, timestamp?);
        self.is_of_now(timestamp)?;
        let signature = bytes_of(signature?).ok_or_else(|| refuse("its signature is none"))?;
        let signed = format!("{request}\n{}\n{timestamp}\n{}", user?, rushes_core::flow::hex(&Sha256::digest(body)));
        let fits = |key: &[u8]| UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature).is_ok();
        self.fal.fit(self.clock.now_ms(), fits).await?;
        Ok(request.to_owned())
    }

    pub(super) async fn check_replicate(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Fault> {
        let Some(keys) = &self.replicate else { return Err(refuse("no account of Replicate's is configured")) };
        let (id, timestamp) = (header(headers, "webhook-id")?, header(headers, "webhook-timestamp")?);
        self.is_of_now(timestamp)?;
        let signatures: Vec<Vec<u8>> = header(headers, "webhook-signature")?
            .split(' ')
            .filter_map(|part| STANDARD.decode(part.strip_prefix("v1,")?).ok())
            .take(KEYS_MAX)
            .collect();
        let head = format!("{id}.{timestamp}.");
        let fits = |key: &[u8]| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
            mac.update(head.as_bytes());
            mac.update(body);
            signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
        };
        keys.fit(self.clock.now_ms(), fits).await
    }
}
