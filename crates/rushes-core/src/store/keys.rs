//! Keys of the HTTP service, and the answers remembered for who asks twice.

use crate::fault::Fault;
use crate::key::{IdemKey, Key, Replied, Reply};
use async_trait::async_trait;

/// Who may ask over HTTP. What is kept of a key tells nobody the key.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Remembers a key. Errors: `name_taken` when a key that is not revoked has this name.
    async fn add_key(&self, key: &Key, hash: &str) -> Result<(), Fault>;

    /// The key of this hash, unless it is revoked; notes that it was used.
    async fn key_of(&self, hash: &str) -> Result<Option<Key>, Fault>;

    /// Every key, revoked ones too, the newest first.
    async fn keys(&self) -> Result<Vec<Key>, Fault>;

    /// It opens nothing from now on. Errors: `not_found`.
    async fn revoke_key(&self, id_or_name: &str) -> Result<Key, Fault>;
}

/// What was answered to a request that carries a key of its own, so that asking twice does it once. Kept for a day.
#[async_trait]
pub trait Replies: Send + Sync {
    /// Says that a request is being answered by `owner`, unless it was before. One that another `owner` began and never
    /// answered is begun anew.
    async fn begin_reply(&self, owner: &str, ask: &IdemKey) -> Result<Replied, Fault>;

    /// Keeps the answer.
    async fn end_reply(&self, ask: &IdemKey, reply: &Reply) -> Result<(), Fault>;

    /// There is no answer to keep: the same request may come again.
    async fn forget_reply(&self, ask: &IdemKey) -> Result<(), Fault>;
}
