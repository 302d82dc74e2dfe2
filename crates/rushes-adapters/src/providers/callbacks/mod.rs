//! Callbacks are hints: one that is verified rings a bell, and whoever waits for that order looks at once instead of at the
//! end of its pause. Nothing that a callback says is believed, so one that comes twice, late, in another order or from a
//! forger changes nothing but when somebody looks.
//!
//! Whoever receives them hands on the headers and the exact bytes to [`Bells::ring`], and answers 200 to `Ok`, 401 to
//! `key_missing`, 404 to `not_found` and 503 to `provider_down`, so that the service calls again.

mod signatures;
#[cfg(test)]
mod tests;

use super::replicate::ReplicateSettings;
use crate::http::HttpOptions;
use http::HeaderMap;
use rushes_core::clock::Clock;
use rushes_core::{Code, Fault};
use serde_json::Value;
use sha2::{Digest, Sha256};
use signatures::Signatures;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Orders that are waited for by bells at once; further ones are looked at by the clock alone.
const HUNG_MAX: usize = 10_000;
/// One order's bell is heard so often: services call a few times, and nobody else can make us look for ever.
const HEARD_MAX: usize = 16;

/// Who calls, and how it signs.
#[derive(Clone, Default)]
pub struct CallbackSettings {
    /// Where fal's public keys are; None: fal's own address.
    pub fal_keys: Option<String>,
    /// The account whose secret Replicate signs with; None: what claims to be Replicate's is refused.
    pub replicate: Option<ReplicateSettings>,
}

/// One order's bell.
#[derive(Debug, Default)]
struct Rope {
    pulled: Notify,
    /// Digests of what has rung it.
    heard: Mutex<HashSet<[u8; 32]>>,
}

/// The bells of all orders that are waited for.
#[derive(Debug)]
pub struct Bells {
    signatures: Signatures,
    hung: Mutex<HashMap<(String, String), Arc<Rope>>>,
}

/// A bell that hangs as long as it is held.
pub(super) struct Bell {
    bells: Arc<Bells>,
    name: (String, String),
    rope: Arc<Rope>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bells {
    /// Speaks to nobody yet. Errors: `config_invalid`.
    pub fn new(settings: CallbackSettings, clock: Arc<dyn Clock>, http: HttpOptions) -> Result<Self, Fault> {
        Ok(Self { signatures: Signatures::new(settings, clock, http)?, hung: Mutex::default() })
    }

    /// Takes a callback that came for this provider: its headers, and its body as it came, to the byte. Rings where somebody
    /// waits for the order it tells of. Errors: `key_missing` where its signature is not the provider's, or too old;
    /// `not_found` for a provider that does not call; `provider_down` where its keys cannot be fetched.
    pub async fn ring(&self, provider: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Fault> {
        let told = || serde_json::from_slice::<Value>(body).unwrap_or_default();
        let id = match provider {
            "fal" => Some(self.signatures.check_fal(headers, body).await?),
            "replicate" => {
                self.signatures.check_replicate(headers, body).await?;
                told()["id"].as_str().map(str::to_owned)
            }
            // It signs nothing: whoever knows the order's name may ring, a few times.
            "kling" => {
                let told = told();
                let task = told.get("data").unwrap_or(&told);
                ["task_id", "id"].iter().find_map(|field| task[*field].as_str()).map(str::to_owned)
            }
            _ => return Err(Fault::new(Code::NotFound, "take callback").with("provider", provider).because("it does not call")),
        };
        let rope = id.and_then(|id| locked(&self.hung).get(&(provider.to_owned(), id)).cloned());
        if let Some(rope) = rope {
            let mut heard = locked(&rope.heard);
            if heard.len() < HEARD_MAX && heard.insert(Sha256::digest(body).into()) {
                rope.pulled.notify_one();
            }
        }
        Ok(())
    }

    /// Hangs the bell of an order of this name; None where too many hang.
    pub(super) fn hang(self: &Arc<Self>, provider: &str, id: &str) -> Option<Bell> {
        let name = (provider.to_owned(), id.to_owned());
        let mut hung = locked(&self.hung);
        if hung.len() >= HUNG_MAX && !hung.contains_key(&name) {
            return None;
        }
        let rope = hung.entry(name.clone()).or_default().clone();
        Some(Bell { bells: self.clone(), name, rope })
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let mut hung = locked(&self.bells.hung);
        // Its own, and the one that hangs: nobody else waits by it.
        if Arc::strong_count(&self.rope) <= 2 {
            hung.remove(&self.name);
        }
    }
}

/// Ends when it rings; never where there is none.
pub(super) async fn rung(bell: Option<&Bell>) {
    match bell {
        Some(bell) => bell.rope.pulled.notified().await,
        None => std::future::pending().await,
    }
}
