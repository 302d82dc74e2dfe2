//! Services that make things in their own time: what is asked of one is submitted once, looked at until it is over, and
//! fetched. [`InTime`] is the provider that such a service is.
//!
//! What was submitted is written down under the name it has there before anything waits for it, so a crash at any moment
//! goes on with the same piece of work: it is never ordered, or paid, twice.

use async_trait::async_trait;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::ledger::{Arrival, Attempt, Found, order};
use rushes_core::provider::{Call, Provider, ProviderCard, Request};
use rushes_core::{Code, Fault};
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

/// One kind of thing at one service.
#[async_trait]
pub trait Service<R: Request>: Send + Sync {
    /// Who this is.
    fn card(&self) -> ProviderCard;

    /// As [`Provider::works_from_picture`].
    fn works_from_picture(&self) -> bool {
        false
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

    /// How far it is. Errors: `provider_down`, `provider_busy`.
    async fn look(&self, id: &str) -> Result<Progress, Fault>;

    /// Fetches what was made into the call's scratch. Errors: as [`Service::look`]; `provider_refused` where it is not kept
    /// there any more.
    async fn fetch(&self, id: &str, call: &Call) -> Result<R::Made, Fault>;

    /// Stops the work, where the service can; what is over stays as it is.
    async fn stop(&self, _id: &str) -> Result<(), Fault> {
        Ok(())
    }

    /// Takes back what was lent for it. Called when it is over, however it ended.
    async fn clear(&self, _call: &Call) -> Result<(), Fault> {
        Ok(())
    }
}

/// A service as a provider.
#[derive(Debug, Clone)]
pub struct InTime<S>(pub S);

#[async_trait]
impl<R: Request, S: Service<R>> Provider<R> for InTime<S> {
    fn card(&self) -> ProviderCard {
        self.0.card()
    }

    fn works_from_picture(&self) -> bool {
        self.0.works_from_picture()
    }

    async fn make(&self, request: &R, call: &Call) -> Result<R::Made, Fault> {
        let (service, name) = (&self.0, self.0.card().name);
        let key_of = |number: u32| format!("{}#{number}", call.key);
        let find = |attempt: Attempt| async move {
            if let Some(id) = service.find(&key_of(attempt.number)).await? {
                return Ok(Found::There(id));
            }
            let left_ms = attempt.began_ms + milliseconds(service.arrives_within()) - SystemClock.now_ms();
            let Ok(left_ms @ 1..) = u64::try_from(left_ms) else { return Ok(Found::Nowhere) };
            // It may be on its way, or there and not listed yet.
            Err(Fault::new(Code::AnswerLost, "look for what was ordered").with("service", name).retry_after(Duration::from_millis(left_ms)))
        };
        let submit = |number: u32| async move { service.submit(request, &key_of(number), call).await };
        let id = order(call.ledger.as_ref(), name, Arrival::Submitted, find, submit).await?;
        let cost_micros = wait(service, &id, call).await?;
        let made = service.fetch(&id, call).await?;
        call.ledger.done(&id, cost_micros).await?;
        clear(service, call).await;
        Ok(made)
    }

    async fn stop(&self, id: &str) -> Result<(), Fault> {
        self.0.stop(id).await
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

async fn clear<R: Request>(service: &impl Service<R>, call: &Call) {
    if let Err(fault) = service.clear(call).await {
        tracing::warn!(service = service.card().name, call = call.key, %fault, "what was lent is still there; it is swept later");
    }
}

/// Waits until it is made; gives what it cost. A failure is written down; so the next attempt orders anew, where there is one.
async fn wait<R: Request>(service: &impl Service<R>, id: &str, call: &Call) -> Result<Option<i64>, Fault> {
    let mut pause = FIRST_WAIT;
    loop {
        match service.look(id).await {
            Ok(Progress::Made { cost_micros }) => return Ok(cost_micros),
            Ok(Progress::Failed(fault)) => {
                call.ledger.failed(&fault).await?;
                clear(service, call).await;
                return Err(fault);
            }
            Ok(Progress::Working(share)) => (call.progress)(share.unwrap_or(0.0), service.card().name),
            // Looks cost nothing; what is made there goes on meanwhile. The step's own time limit ends this.
            Err(fault) if fault.is_transient() => {
                tracing::debug!(service = service.card().name, id, %fault, "looked in vain");
                pause = fault.retry_after_ms.map_or(pause, |asked| pause.max(Duration::from_millis(asked)));
            }
            Err(fault) => return Err(fault),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = call.cancel.cancelled() => return Err(Fault::new(Code::Cancelled, "wait for service").with("service", service.card().name)),
        }
        pause = (pause * 3 / 2).min(service.looks_every()).max(FIRST_WAIT);
    }
}
