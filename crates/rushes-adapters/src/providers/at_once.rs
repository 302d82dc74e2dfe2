//! Services that answer with what they made: one request, one paid answer. [`AtOnce`] is the provider that such a service is.
//!
//! They cannot be asked what became of a request, so the answer is kept on disk before the ledger says that it is there: a
//! crash after that loses nothing. Where a request may have arrived and its answer never did, nothing is sent again: the
//! attempt needs a person, who settles it.

use super::breaker::Breaker;
use async_trait::async_trait;
use rushes_core::ledger::{Arrival, Attempt, AttemptEnd, Found, Terms, order};
use rushes_core::provider::{Call, Provider, ProviderCard, Request};
use rushes_core::{Code, Fault};
use std::path::{Path, PathBuf};

/// One kind of thing at one service.
#[async_trait]
pub trait Answering<R: Request>: Send + Sync {
    /// Who this is.
    fn card(&self) -> ProviderCard;

    /// As [`Provider::works_from_picture`].
    fn works_from_picture(&self) -> bool {
        false
    }

    /// Sends it, and writes the whole answer into this file; gives what it cost, in millionths of a US dollar, where that
    /// is said. Errors: `answer_lost` where it may have been carried out; with any other it was not, or came to nothing:
    /// `provider_refused`, `provider_busy`, `provider_down`, `io`.
    async fn send(&self, request: &R, call: &Call, into: &Path) -> Result<Option<i64>, Fault>;

    /// Reads what such an answer holds; files go into the call's scratch. Errors: `provider_refused`, with their words.
    async fn read(&self, request: &R, call: &Call, answer: &Path) -> Result<R::Made, Fault>;
}

/// Such a service as a provider.
#[derive(Debug)]
pub struct AtOnce<S> {
    service: S,
    terms: Terms,
    breaker: Breaker,
}

impl<S> AtOnce<S> {
    /// On these terms, of which the provider's name becomes the service's own.
    pub fn new(service: S, terms: Terms) -> Self {
        Self { service, terms, breaker: Breaker::default() }
    }

    async fn make_with<R: Request>(&self, request: &R, call: &Call, name: &str) -> Result<R::Made, Fault>
    where
        S: Answering<R>,
    {
        let service = &self.service;
        let terms = Terms { provider: name.to_owned(), ..self.terms.clone() };
        let lost = |reason: &str| Fault::new(Code::NeedsReconcile, "look for answer").with("provider", name).because(reason);
        let find = |attempt: Attempt| async move {
            let id = attempt.number.to_string();
            if answer(call, &id).exists() {
                return Ok(Found::There(id));
            }
            Err(lost("it was sent, no answer is here, and this service cannot be asked what became of it"))
        };
        let send = |number: u32| async move {
            let id = number.to_string();
            let (whole, part) = (answer(call, &id), call.scratch.join("answer"));
            std::fs::create_dir_all(&call.kept).map_err(|e| Fault::io("make folder for answer", &call.kept, &e))?;
            let cost_micros = service.send(request, call, &part).await?;
            keep(part, whole).await?;
            Ok((id, cost_micros))
        };
        let id = order(call.ledger.as_ref(), &terms, Arrival::Done, find, send).await?;
        let whole = answer(call, &id);
        if !whole.exists() {
            return Err(lost("it was answered and paid for, and the answer went with the machine that had it"));
        }
        service.read(request, call, &whole).await
    }
}

/// Where the answer to an attempt is kept.
fn answer(call: &Call, id: &str) -> PathBuf {
    call.kept.join(format!("answer-{id}"))
}

/// What was paid for must outlive a crash. A failure here is as good as a lost answer.
#[expect(clippy::disallowed_methods, reason = "an answer is no asset: only its own step reads it")]
async fn keep(part: PathBuf, whole: PathBuf) -> Result<(), Fault> {
    let kept = tokio::task::spawn_blocking(move || {
        std::fs::File::open(&part)?.sync_all()?;
        std::fs::rename(&part, &whole)?;
        whole.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    });
    let lost = |reason: String| Fault::new(Code::AnswerLost, "keep answer").because(reason);
    kept.await.map_err(|e| lost(e.to_string()))?.map_err(|e| lost(e.to_string()))
}

#[async_trait]
impl<R: Request, S: Answering<R>> Provider<R> for AtOnce<S> {
    fn card(&self) -> ProviderCard {
        self.service.card()
    }

    fn works_from_picture(&self) -> bool {
        self.service.works_from_picture()
    }

    async fn make(&self, request: &R, call: &Call) -> Result<R::Made, Fault> {
        let name = self.service.card().name;
        self.breaker.pass(name)?;
        let made = self.make_with(request, call, name).await;
        self.breaker.ended(made.as_ref().err());
        made.map_err(|fault| if fault.get("provider").is_some() { fault } else { fault.with("provider", name) })
    }

    fn is_outside(&self) -> bool {
        true
    }

    async fn stop(&self, attempt: &Attempt, _key: &str) -> Result<Option<AttemptEnd>, Fault> {
        // What has an id was answered; of anything else nobody knows.
        Ok(attempt.external_id.clone().map(|external_id| AttemptEnd::Done { external_id, cost_micros: None }))
    }
}

#[cfg(test)]
mod tests;
