//! What a step sends outside and must not send twice: each attempt is written down before it is sent, and again with its answer.
//!
//! Who pays, posts or orders something uses [`once`]; the states below are its memory. What is sent is the adapters' business.

use crate::codes::Code;
use crate::fault::Fault;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// How far one attempt is known to have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// It is about to be sent, or was: nothing is known yet.
    Intent,
    /// It arrived and has a name there; its result is fetched by a later step.
    Submitted,
    /// It may have arrived: the answer never came, or the program ended before it was read. It is looked up before
    /// anything is sent again.
    Unknown,
    /// It arrived and is over.
    Done,
    /// It did not arrive, or was declined: nothing stands outside, and it may be sent again.
    Failed,
    /// Its step has ended, and nobody knows whether it arrived: a person looks.
    NeedsReconcile,
}

impl AttemptState {
    const ALL: [Self; 6] = [Self::Intent, Self::Submitted, Self::Unknown, Self::Done, Self::Failed, Self::NeedsReconcile];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Submitted => "submitted",
            Self::Unknown => "unknown",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::NeedsReconcile => "needs_reconcile",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// One attempt to have something done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The step that sends.
    pub step: String,
    /// 1 for the step's first.
    pub number: u32,
    /// Where it is sent.
    pub provider: String,
    /// How far it is known to have come.
    pub state: AttemptState,
    /// Its name there, once it has one.
    pub external_id: Option<String>,
    /// What it cost, in millionths of a US dollar, once that is known.
    pub cost_micros: Option<i64>,
    /// Why it failed, or why nothing is known.
    pub fault: Option<Fault>,
    /// Milliseconds since 1970.
    pub began_ms: i64,
    /// When it came into this state, milliseconds since 1970.
    pub changed_ms: i64,
}

/// How a step stands with what it sent outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// Of its last attempt; None where it sent nothing.
    pub state: Option<AttemptState>,
    /// The name of the last that has one.
    pub external_id: Option<String>,
    /// What all of them cost, in US dollars; None where nothing is known of it.
    pub cost: Option<f64>,
}

impl Standing {
    /// Of one step, among the attempts of its job.
    #[must_use]
    pub fn of(step: &str, attempts: &[Attempt]) -> Self {
        let own = || attempts.iter().filter(|attempt| attempt.step == step);
        #[expect(clippy::cast_precision_loss, reason = "no step costs billions")]
        let cost = own().filter_map(|attempt| attempt.cost_micros).reduce(|one, other| one + other).map(|micros| micros as f64 / 1e6);
        Self {
            state: own().next_back().map(|attempt| attempt.state),
            external_id: own().rev().find_map(|attempt| attempt.external_id.clone()),
            cost,
        }
    }
}

/// What [`Ledger::begin`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing of this step stands outside; an intent is written down: now it may be sent, as the attempt of this number.
    Send(u32),
    /// An earlier attempt arrived, or may have: nothing may be sent before that is settled. Never `intent` or `failed`.
    Before(Box<Attempt>),
}

/// What a step knows of what it sends outside: at most one of its attempts stands there at any time.
/// Every write is durable when it returns, and fenced by the job's lease. Errors of each: `lease_lost`, `store_failed`.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Asks to send. Writes an intent when nothing was sent before or all of it failed; otherwise writes nothing but that
    /// an intent whose answer was never written down is unknown, and gives that attempt.
    async fn begin(&self, provider: &str) -> Result<Begun, Fault>;

    /// It arrived and has this name there; its result is another step's.
    async fn submitted(&self, external_id: &str) -> Result<(), Fault>;

    /// It is over, and known by this name there. A step that sent nothing itself ends the attempt of its job that was
    /// submitted under this name. Errors: `not_found` when there is neither.
    async fn done(&self, external_id: &str, cost_micros: Option<i64>) -> Result<(), Fault>;

    /// Nothing stands outside. Errors: `not_found` when nothing is open.
    async fn failed(&self, fault: &Fault) -> Result<(), Fault>;

    /// Whether it arrived is not known. Errors: `not_found` when nothing is open.
    async fn unknown(&self, fault: &Fault) -> Result<(), Fault>;
}

/// The ledger of a call that sends nothing outside: of those who make everything on this machine, and of tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLedger;

impl NoLedger {
    fn refuse() -> Fault {
        Fault::new(Code::Unexpected, "write attempt").because("this call may send nothing outside; it has no ledger")
    }
}

#[async_trait]
impl Ledger for NoLedger {
    async fn begin(&self, _provider: &str) -> Result<Begun, Fault> {
        Err(Self::refuse())
    }

    async fn submitted(&self, _external_id: &str) -> Result<(), Fault> {
        Err(Self::refuse())
    }

    async fn done(&self, _external_id: &str, _cost_micros: Option<i64>) -> Result<(), Fault> {
        Err(Self::refuse())
    }

    async fn failed(&self, _fault: &Fault) -> Result<(), Fault> {
        Err(Self::refuse())
    }

    async fn unknown(&self, _fault: &Fault) -> Result<(), Fault> {
        Err(Self::refuse())
    }
}

/// What became of an attempt whose answer never came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It arrived, and has this name there.
    There(String),
    /// It is certain that it did not arrive, and will not.
    Nowhere,
}

/// What it means that something has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is over with that.
    Done,
    /// The work on it begins; who sent it says when it is over.
    Submitted,
}

impl Arrival {
    async fn note(self, ledger: &dyn Ledger, id: &str) -> Result<(), Fault> {
        match self {
            Self::Done => ledger.done(id, None).await,
            Self::Submitted => ledger.submitted(id).await,
        }
    }
}

/// [`order`]s something that is over when it has arrived.
pub async fn once<S, F>(
    ledger: &dyn Ledger,
    provider: &str,
    find: impl FnOnce(Attempt) -> F,
    send: impl FnOnce() -> S,
) -> Result<String, Fault>
where
    S: Future<Output = Result<String, Fault>>,
    F: Future<Output = Result<Found, Fault>>,
{
    order(ledger, provider, Arrival::Done, find, |_| send()).await
}

/// Sends something at most once, however often the step is begun: `send` takes the attempt's number and gives the name it
/// has there; where an earlier attempt may have arrived, `find` says first what became of it. A fault of `send` whose code
/// is `answer_lost` means that it may have arrived; any other that it did not.
/// Errors: those of `send`, `find` and [`Ledger`]. After `answer_lost`, which is transient, the next attempt looks first.
pub async fn order<S, F>(
    ledger: &dyn Ledger,
    provider: &str,
    arrival: Arrival,
    find: impl FnOnce(Attempt) -> F,
    send: impl FnOnce(u32) -> S,
) -> Result<String, Fault>
where
    S: Future<Output = Result<String, Fault>>,
    F: Future<Output = Result<Found, Fault>>,
{
    let number = match ledger.begin(provider).await? {
        Begun::Send(number) => number,
        Begun::Before(attempt) => {
            if let (AttemptState::Done | AttemptState::Submitted, Some(id)) = (attempt.state, &attempt.external_id) {
                return Ok(id.clone());
            }
            if let Found::There(id) = find(*attempt).await? {
                arrival.note(ledger, &id).await?;
                return Ok(id);
            }
            ledger.failed(&Fault::new(Code::AnswerLost, "look for what was sent").because("it did not arrive")).await?;
            match ledger.begin(provider).await? {
                Begun::Send(number) => number,
                Begun::Before(attempt) => {
                    let reason = format!("another attempt is {}", attempt.state.name());
                    return Err(Fault::new(Code::Unexpected, "begin attempt").with("step", attempt.step).because(reason));
                }
            }
        }
    };
    match send(number).await {
        Ok(id) => {
            arrival.note(ledger, &id).await?;
            Ok(id)
        }
        Err(fault) if fault.code == Code::AnswerLost => {
            ledger.unknown(&fault).await?;
            Err(fault)
        }
        Err(fault) => {
            ledger.failed(&fault).await?;
            Err(fault)
        }
    }
}

#[cfg(test)]
mod tests;
