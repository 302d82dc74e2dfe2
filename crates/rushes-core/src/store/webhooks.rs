//! Whom to tell of ends of jobs, and the secrets it is signed with.

use crate::fault::Fault;
use crate::ids::{EndpointId, MessageId};
use crate::webhook::{Endpoint, Secrets};
use async_trait::async_trait;

/// Who is told of the ends of jobs, and with which secrets.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Registers an endpoint. Errors: `input_invalid` when there are too many.
    async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<(), Fault>;

    /// Every endpoint, the oldest first.
    async fn endpoints(&self) -> Result<Vec<Endpoint>, Fault>;

    /// Stops sending there, with the reason, or begins again (None). What is owed there when it stops is refused.
    /// Errors: `not_found`.
    async fn set_endpoint(&self, id: EndpointId, disabled_why: Option<String>) -> Result<Endpoint, Fault>;

    /// Forgets an endpoint; what is owed there is refused. Errors: `not_found`.
    async fn remove_endpoint(&self, id: EndpointId) -> Result<(), Fault>;

    /// Owes an endpoint the test message. Errors: `not_found`, `input_invalid` when nothing is sent there now.
    async fn owe_test(&self, id: EndpointId) -> Result<MessageId, Fault>;

    /// The secrets of a key (empty: of the home); `fresh` becomes its first where it has none.
    async fn secrets(&self, key: &str, fresh: &str) -> Result<Secrets, Fault>;

    /// `fresh` signs from now on, and the one before beside it until then.
    async fn rotate_secret(&self, key: &str, fresh: &str, until_ms: i64) -> Result<Secrets, Fault>;
}
