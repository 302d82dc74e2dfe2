//! Services that make things in their own time: what is asked of one is submitted once, looked at until it is over, and
//! fetched. [`InTime`] is the provider that such a service is.
//!
//! What was submitted is written down under the name it has there before anything waits for it, so a crash at any moment
//! goes on with the same piece of work: it is never ordered, or paid, twice.

use super::breaker::Breaker;
use super::callbacks::{Bells, rung};
use async_trait::async_trait;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::ledger::{Arrival, Attempt, AttemptEnd, Found, Terms, order};
use rushes_core::provider::{Call, Provider, ProviderCard, Request};
use rushes_core::{Code, Fault};
use std::sync::Arc;
use std::time::Duration;

/// The first wait between two looks; each is a half longer than the last, up to [`Service::looks_every`].
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How far a piece of work is.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// It waits there, or is being worked on; its share of 1.0 where that is told.
    Working(Option<f32>),
    /// It is there to be fetched.
    Made {
        /// What it cost, in millionths of a US dollar, where that is told.
        cost_micros: Option<i64>,
    },
    /// It came to nothing. Transient where the same may be ordered again: then nothing was paid for it.
    Failed(Fault),
}

/// What became of work that was to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It came to nothing, and is not paid for.
    Ended,
    /// It is made and paid for all the same.
    GoesOn,
}

/// One kind of thing at one service.
#[async_trait]
pub trait Service<R: Request>: Send + Sync {
    /// Who this is.
    fn card(&self) -> ProviderCard;

    /// As [`Provider::works_from_picture`].
    fn works_from_picture(&self) -> bool {
        false
    }

    /// As [`Provider::reference_max_ms`].
    fn reference_max_ms(&self) -> Option<u64> {
        None
    }

    /// The longest wait between two looks.
    fn looks_every(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// What was sent and is not found this long afterwards never arrived.
    fn arrives_within(&self) -> Duration {
        Duration::from_mins(2)
    }

    /// Orders it, under a key of ours that no other order has, and gives its name there.
    /// Errors: `answer_lost` where it may have arrived; with any other nothing stands there: `provider_refused`,
    /// `provider_busy`, `provider_down`, and the `file_…` codes.
    async fn submit(&self, request: &R, key: &str, call: &Call) -> Result<String, Fault>;

    /// The name there of what was ordered under a key; None where there is nothing. Errors: `needs_reconcile` where the
    /// service cannot be asked that; `provider_down`, `provider_busy`.
    async fn find(&self, key: &str) -> Result<Option<String>, Fault>;

    /// As [`Self::find`], for services whose answer depends on when it was sent: milliseconds since 1970 by our clock.
    async fn find_since(&self, key: &str, _since_ms: i64) -> Result<Option<String>, Fault> {
        self.find(key).await
    }

    /// How far it is. Errors: `provider_down`, `provider_busy`.
    async fn look(&self, id: &str) -> Result<Progress, Fault>;

    /// Fetches what was made into the call's scratch. Errors: as [`Service::look`]; `provider_refused` where it is not kept
    /// there any more.
    async fn fetch(&self, id: &str, call: &Call) -> Result<R::Made, Fault>;

    /// Stops the work, where the service can. Errors: as [`Service::look`].
    async fn stop(&self, _id: &str) -> Result<Stopped, Fault> {
        Ok(Stopped::GoesOn)
    }

    /// What callbacks call the order of this name.
    fn bell(&self, id: &str) -> String {
        id.to_owned()
    }

    /// Takes back what was lent for the call of this key. Called when it is over, however it ended.
    async fn clear(&self, _key: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// A service as a provider.
#[derive(Debug)]
pub struct InTime<S> {
    service: S,
    terms: Terms,
    breaker: Breaker,
    bells: Option<Arc<Bells>>,
}

impl<S> InTime<S> {
    /// On these terms, of which the provider's name becomes the service's own.
    pub fn new(service: S, terms: Terms) -> Self {
        Self { service, terms, breaker: Breaker::default(), bells: None }
    }

    /// One that looks at once when its bell is rung, instead of at its next pause.
    #[must_use]
    pub fn with_bells(mut self, bells: Arc<Bells>) -> Self {
        self.bells = Some(bells);
        self
    }
}

/// The key of one attempt of a call.
fn key_of(key: &str, attempt: u32) -> String {
    format!("{key}#{attempt}")
}

#[async_trait]
impl<R: Request, S: Service<R>> Provider<R> for InTime<S> {
    fn card(&self) -> ProviderCard {
        self.service.card()
    }

    fn works_from_picture(&self) -> bool {
        self.service.works_from_picture()
    }

    fn reference_max_ms(&self) -> Option<u64> {
        self.service.reference_max_ms()
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

    async fn stop(&self, attempt: &Attempt, key: &str) -> Result<Option<AttemptEnd>, Fault> {
        let id = match &attempt.external_id {
            Some(id) => id.clone(),
            None => match arrived(&self.service, attempt, key).await {
                Ok(Found::There(id)) => id,
                Ok(Found::Nowhere) => {
                    return Ok(Some(AttemptEnd::Failed(Fault::new(Code::Cancelled, "stop work").because("it never arrived"))));
                }
                Err(fault) if fault.code == Code::NeedsReconcile => return Ok(None),
                Err(fault) => return Err(fault),
            },
        };
        let stopped = self.service.stop(&id).await?;
        clear(&self.service, key).await;
        Ok(Some(match stopped {
            Stopped::Ended => AttemptEnd::Failed(Fault::new(Code::Cancelled, "stop work")),
            Stopped::GoesOn => AttemptEnd::Done { external_id: id, cost_micros: None },
        }))
    }
}

impl<S> InTime<S> {
    async fn make_with<R: Request>(&self, request: &R, call: &Call, name: &str) -> Result<R::Made, Fault>
    where
        S: Service<R>,
    {
        let service = &self.service;
        let terms = Terms { provider: name.to_owned(), ..self.terms.clone() };
        let find = |attempt: Attempt| async move { arrived(service, &attempt, &call.key).await };
        let submit = |number: u32| async move {
            let submitted = service.submit(request, &key_of(&call.key, number), call).await;
            if submitted.as_ref().is_err_and(|fault| fault.code != Code::AnswerLost) {
                clear(service, &call.key).await;
            }
            Ok((submitted?, None))
        };
        let id = order(call.ledger.as_ref(), &terms, Arrival::Submitted, find, submit).await?;
        let cost_micros = wait(service, &id, call, self.bells.as_ref()).await?;
        let made = service.fetch(&id, call).await?;
        call.ledger.end(AttemptEnd::Done { external_id: id, cost_micros }).await?;
        clear(service, &call.key).await;
        Ok(made)
    }
}

/// What became of an attempt of the call of this key. Errors: `answer_lost` while nobody can tell yet; those of
/// [`Service::find`].
async fn arrived<R: Request>(service: &impl Service<R>, attempt: &Attempt, key: &str) -> Result<Found, Fault> {
    if let Some(id) = service.find_since(&key_of(key, attempt.number), attempt.began_ms).await? {
        return Ok(Found::There(id));
    }
    let left_ms = attempt.began_ms + milliseconds(service.arrives_within()) - SystemClock.now_ms();
    let Ok(left_ms @ 1..) = u64::try_from(left_ms) else { return Ok(Found::Nowhere) };
    // It may be on its way, or there and not listed yet.
    let name = service.card().name;
    Err(Fault::new(Code::AnswerLost, "look for what was ordered").with("provider", name).retry_after(Duration::from_millis(left_ms)))
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

async fn clear<R: Request>(service: &impl Service<R>, key: &str) {
    if let Err(fault) = service.clear(key).await {
        tracing::warn!(provider = service.card().name, key, %fault, "what was lent is still there; it is swept later");
    }
}

/// Waits until it is made; gives what it cost. A failure is written down; so the next attempt orders anew, where there is one.
async fn wait<R: Request>(service: &impl Service<R>, id: &str, call: &Call, bells: Option<&Arc<Bells>>) -> Result<Option<i64>, Fault> {
    let mut pause = FIRST_WAIT;
    // Hung before the first look: what rings after it is heard.
    let bell = bells.and_then(|bells| bells.hang(service.card().name, &service.bell(id)));
    loop {
        match service.look(id).await {
            Ok(Progress::Made { cost_micros }) => return Ok(cost_micros),
            Ok(Progress::Failed(fault)) => {
                let ended = call.ledger.end(AttemptEnd::Failed(fault.clone())).await;
                // It was made, and is there no more: what it cost stays.
                match ended {
                    Err(none) if none.code == Code::NotFound => call.ledger.end(AttemptEnd::Wasted(fault.clone())).await?,
                    ended => ended?,
                }
                clear(service, &call.key).await;
                return Err(fault);
            }
            Ok(Progress::Working(share)) => (call.progress)(share.unwrap_or(0.0), service.card().name),
            // Looks cost nothing; what is made there goes on meanwhile. The step's own time limit ends this.
            Err(fault) if fault.is_transient() => {
                tracing::debug!(provider = service.card().name, id, %fault, "looked in vain");
                pause = fault.retry_after_ms.map_or(pause, |asked| pause.max(Duration::from_millis(asked)));
            }
            Err(fault) => return Err(fault),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = rung(bell.as_ref()) => {}
            () = call.cancel.cancelled() => return Err(Fault::new(Code::Cancelled, "wait for provider").with("provider", service.card().name)),
        }
        pause = (pause * 3 / 2).min(service.looks_every()).max(FIRST_WAIT);
    }
}
