//! Services that answer with what they made: one request, one paid answer. [`AtOnce`] is the provider that such a service is.
//!
//! They cannot be asked what became of a request, so the answer is kept on disk before the ledger says that it is there: a
//! crash after that loses nothing. Where a request may have arrived and its answer never did, nothing is sent again: the
//! attempt needs a person, who settles it. Only where it costs nobody anything is it sent again by itself.
//!
//! An answer that is of no use is paid for all the same; another is asked for at most [`AGAIN_MAX`] times.

use super::breaker::Breaker;
use async_trait::async_trait;
use rushes_core::ledger::{Arrival, Attempt, AttemptEnd, Found, Terms, order};
use rushes_core::provider::{Call, Provider, ProviderCard, Request};
use rushes_core::{Code, Fault};
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

/// What one call asks for again at most, after answers that were of no use.
const AGAIN_MAX: u32 = 2;

/// One kind of thing at one service.
#[async_trait]
pub trait Answering<R: Request>: Send + Sync {
    /// Who this is.
    fn card(&self) -> ProviderCard;

    /// As [`Provider::works_from_picture`].
    fn works_from_picture(&self) -> bool {
        false
    }

    /// Whether asking twice costs nobody anything: then what was lost is asked for again.
    fn is_free(&self) -> bool {
        false
    }

    /// Sends it, and writes the whole answer into this file; gives what it cost, in millionths of a US dollar, where that
    /// is said. Errors: `answer_lost` where it may have been carried out; with any other it was not, or came to nothing:
    /// `provider_refused`, `provider_busy`, `provider_down`, `io`.
    async fn send(&self, request: &R, call: &Call, into: &Path) -> Result<Option<i64>, Fault>;

    /// Reads what such an answer holds, as often as it is asked; files go into the call's scratch. Errors: `provider_refused`,
    /// with their words; `provider_down` where the answer is of no use and another may be. After both the attempt is over.
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
        loop {
            let whole = match self.answer_to(request, call, name).await? {
                Some(whole) => whole,
                None if self.service.is_free() => {
                    call.ledger.end(AttemptEnd::Wasted(lost(name, "its answer is not here any more"))).await?;
                    continue;
                }
                None => return Err(lost(name, "it was answered and paid for, and the answer went with the machine that had it")),
            };
            let fault = match self.service.read(request, call, &whole).await {
                Ok(made) => return Ok(made),
                Err(fault) => fault,
            };
            if !matches!(fault.code, Code::ProviderRefused | Code::ProviderDown) {
                return Err(fault);
            }
            call.ledger.end(AttemptEnd::Wasted(fault.clone())).await?;
            if fault.code == Code::ProviderRefused {
                return Err(fault);
            }
            let answers = answers(call);
            if answers > AGAIN_MAX {
                let reason = format!("{answers} answers were of no use; the last: {}", fault.reason.as_deref().unwrap_or_default());
                return Err(Fault::new(Code::ProviderRefused, fault.operation).because(reason));
            }
            tracing::warn!(provider = name, %fault, "its answer is of no use; another is asked for");
        }
    }

    /// Where the answer is kept to what was asked now or before; None where it is not on this machine.
    async fn answer_to<R: Request>(&self, request: &R, call: &Call, name: &str) -> Result<Option<PathBuf>, Fault>
    where
        S: Answering<R>,
    {
        let service = &self.service;
        let terms = Terms { provider: name.to_owned(), ..self.terms.clone() };
        let find = |attempt: Attempt| async move {
            let id = attempt.number.to_string();
            if answer(call, &id).exists() {
                return Ok(Found::There(id));
            }
            if service.is_free() {
                return Ok(Found::Nowhere);
            }
            Err(lost(name, "it was sent, no answer is here, and this service cannot be asked what became of it"))
        };
        let send = |number: u32| async move {
            let id = number.to_string();
            let (whole, part) = (answer(call, &id), call.scratch.join(format!("answer-{id}")));
            std::fs::create_dir_all(&call.kept).map_err(|e| Fault::io("make folder for answer", &call.kept, &e))?;
            let cost_micros = service.send(request, call, &part).await?;
            keep(part, whole).await?;
            Ok((id, cost_micros))
        };
        let id = order(call.ledger.as_ref(), &terms, Arrival::Done, find, send).await?;
        Ok(Some(answer(call, &id)).filter(|whole| whole.exists()))
    }
}

fn lost(provider: &str, reason: &str) -> Fault {
    Fault::new(Code::NeedsReconcile, "look for answer").with("provider", provider).because(reason)
}

/// Where the answer to an attempt is kept.
fn answer(call: &Call, id: &str) -> PathBuf {
    call.kept.join(format!("answer-{id}"))
}

/// The numbers of the attempts that this call has kept answers to.
fn answered(call: &Call) -> impl Iterator<Item = u32> {
    let kept = std::fs::read_dir(&call.kept).into_iter().flatten().flatten();
    kept.filter_map(|entry| entry.file_name().to_string_lossy().strip_prefix("answer-")?.parse().ok())
}

/// How many answers this call has had: who asks again, asks for another one.
pub(super) fn answers(call: &Call) -> u32 {
    u32::try_from(answered(call).count()).unwrap_or(u32::MAX)
}

/// Where the newest answer of this call is kept; None before the first.
pub(super) fn last_answer(call: &Call) -> Option<PathBuf> {
    answered(call).max().map(|number| answer(call, &number.to_string()))
}

/// An answer that is JSON. Errors: `provider_down` where it is none; `io`.
pub(super) async fn json_in(answer: &Path, operation: &'static str) -> Result<serde_json::Value, Fault> {
    let bytes = tokio::fs::read(answer).await.map_err(|e| Fault::io(operation, answer, &e))?;
    let broken = |e: serde_json::Error| Fault::new(Code::ProviderDown, operation).because(format!("its answer cannot be read: {e}"));
    serde_json::from_slice(&bytes).map_err(broken)
}

/// Writes what an answer held into scratch; again where it was read before. Errors: `disk_full`, `io`.
pub(super) async fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let written = async {
        let mut file = tokio::fs::File::create(path).await?;
        file.write_all(bytes).await?;
        file.flush().await
    };
    written.await.map_err(|e| Fault::io("write what was made", path, &e))
}

/// What was paid for must outlive a crash. A failure here is as good as a lost answer.
#[expect(clippy::disallowed_methods, reason = "an answer is no asset: only its own step reads it")]
async fn keep(part: PathBuf, whole: PathBuf) -> Result<(), Fault> {
    let kept = tokio::task::spawn_blocking(move || {
        std::fs::File::open(&part)?.sync_all()?;
        // Scratch and what is kept may lie on two disks.
        let beside = whole.with_extension("part");
        std::fs::rename(&part, &whole).or_else(|_| {
            std::fs::copy(&part, &beside)?;
            std::fs::File::open(&beside)?.sync_all()?;
            std::fs::rename(&beside, &whole)
        })?;
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
        let cancelled = || Fault::new(Code::Cancelled, "ask provider").with("provider", name);
        if call.cancel.is_cancelled() {
            return Err(cancelled());
        }
        // Whoever stops waiting leaves an intent: nobody knows then, and the ledger says so.
        let made = tokio::select! {
            made = self.make_with(request, call, name) => made,
            () = call.cancel.cancelled() => Err(cancelled()),
        };
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
