//! What people change about webhooks: endpoints, secrets, messages sent again.

use crate::parts::Parts;
use rushes_core::key::ENVIRONMENT;
use rushes_core::webhook::{Endpoint, ROTATED, Secrets, TYPES};
use rushes_core::{Code, EndpointId, Fault, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What can be asked of the engine of a home.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Change {
    /// Register an endpoint of the home itself. Gives it.
    Add {
        /// Its address.
        url: String,
        /// What it wants to hear of; empty = all.
        types: Vec<String>,
    },
    /// Send there again, or no more. Gives it.
    Enable {
        /// Which.
        webhook: EndpointId,
        /// Again, or no more.
        is_enabled: bool,
    },
    /// Forget an endpoint.
    Remove {
        /// Which.
        webhook: EndpointId,
    },
    /// Send the test message. Gives its id.
    Test {
        /// To whom.
        webhook: EndpointId,
    },
    /// Send a message again. Gives its id.
    Redeliver {
        /// Which.
        message: MessageId,
    },
    /// Show a secret, making it where there is none.
    Secret {
        /// The id or name of a key; empty: the home's own.
        key: String,
    },
    /// Make a new secret; the old one signs too for a day.
    Rotate {
        /// The id or name of a key; empty: the home's own.
        key: String,
    },
}

/// Does what is asked, and answers as another process reads it. Errors: those of each.
pub async fn change(parts: &Parts, change: Change) -> Result<Value, Fault> {
    let shown = |secrets: Secrets| json!({"secret": secrets.current, "previous_until_ms": secrets.previous.map(|(_, until_ms)| until_ms)});
    Ok(match change {
        Change::Add { url, types } => json!({"webhook": add(parts, url, types, String::new()).await?}),
        Change::Enable { webhook, is_enabled } => json!({"webhook": enable(parts, webhook, is_enabled).await?}),
        Change::Remove { webhook } => parts.store.remove_endpoint(webhook).await.map(|()| json!({}))?,
        Change::Test { webhook } => json!({"message": parts.store.owe_test(webhook).await?}),
        Change::Redeliver { message } => json!({"message": parts.store.redeliver(message).await?.id}),
        Change::Secret { key } => shown(secrets(parts, &key_named(parts, &key).await?).await?),
        Change::Rotate { key } => shown(rotate(parts, &key_named(parts, &key).await?).await?),
    })
}

/// Registers an endpoint, whose messages the secret of `key` signs (empty: the home's own). Errors: `input_invalid`.
pub async fn add(parts: &Parts, url: String, types: Vec<String>, key: String) -> Result<Endpoint, Fault> {
    parts.webhooks.post.check(&url)?;
    if let Some(unknown) = types.iter().find(|wanted| !TYPES.contains(&wanted.as_str())) {
        let reason = format!("there is no type {unknown:?}; there are {}", TYPES.join(", "));
        return Err(Fault::new(Code::InputInvalid, "add webhook").because(reason));
    }
    let (id, created_ms) = (EndpointId(parts.clock.new_id()), parts.clock.now_ms());
    let endpoint = Endpoint { id, url, types, key, created_ms, disabled_why: None };
    parts.store.add_endpoint(&endpoint).await?;
    Ok(endpoint)
}

/// Sends to an endpoint again, or no more. Errors: `not_found`.
pub async fn enable(parts: &Parts, id: EndpointId, is_enabled: bool) -> Result<Endpoint, Fault> {
    parts.store.set_endpoint(id, (!is_enabled).then(|| "it was disabled".to_owned())).await
}

/// The id of the key of this id or name; empty and the environment's stand for themselves. Errors: `not_found`.
pub async fn key_named(parts: &Parts, id_or_name: &str) -> Result<String, Fault> {
    if id_or_name.is_empty() || id_or_name == ENVIRONMENT {
        return Ok(id_or_name.to_owned());
    }
    let keys = parts.store.keys().await?;
    let found = keys.into_iter().find(|key| key.id == id_or_name || key.name == id_or_name && key.revoked_ms.is_none());
    found.map(|key| key.id).ok_or_else(|| Fault::new(Code::NotFound, "look up key").with("key", id_or_name))
}

/// The secrets of a key (empty: of the home), made where there are none.
pub async fn secrets(parts: &Parts, key: &str) -> Result<Secrets, Fault> {
    parts.store.secrets(key, &parts.webhooks.post.new_secret()?).await
}

/// A new secret for a key (empty: for the home); the one before signs beside it for a day.
pub async fn rotate(parts: &Parts, key: &str) -> Result<Secrets, Fault> {
    let until_ms = parts.clock.now_ms() + i64::try_from(ROTATED.as_millis()).unwrap_or(i64::MAX);
    parts.store.rotate_secret(key, &parts.webhooks.post.new_secret()?, until_ms).await
}
