//! What a step sends outside and must not send twice: each attempt is written down before it is sent, and again with its answer.
//!
//! Who pays, posts or orders something uses [`once`]; the states below are its memory. What is sent is the adapters' business.

use crate::codes::Code;
use crate::fault::Fault;
use crate::ids::JobId;
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
    /// It did not arrive, was declined, or brought nothing of use: nothing stands outside, and it may be sent again.
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
    /// What it cost, in millionths of a US dollar: as the provider says, else what was set aside for it.
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

/// On what terms something is sent: to whom, what it costs, and what must not be gone beyond. None = no bound. Money is
/// in millionths of a US dollar. Bounds count what every job sends, on whatever machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Who takes it.
    pub provider: String,
    /// What one costs where the provider does not say; set aside before it is sent.
    pub price_micros: i64,
    /// Unfinished at once.
    pub at_once: Option<u32>,
    /// Sent within any minute.
    pub per_minute: Option<u32>,
    /// Spent at this provider within a day (UTC).
    pub day_micros: Option<i64>,
    /// Spent at all providers within a day (UTC).
    pub whole_day_micros: Option<i64>,
    /// Spent by one job with all its children.
    pub job_micros: Option<i64>,
}

impl Terms {
    /// Of one who costs nothing and has bounds of their own.
    #[must_use]
    pub fn free(provider: &str) -> Self {
        Self { provider: provider.to_owned(), ..Self::default() }
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It has this name there, and its result is to come.
    Submitted(String),
    /// It is over.
    Done {
        /// Its name there.
        external_id: String,
        /// Millionths of a US dollar; None where they do not say: then it cost what was set aside.
        cost_micros: Option<i64>,
    },
    /// Nothing stands outside.
    Failed(Fault),
    /// It was answered and is paid for, and what came is of no use: it may be sent again. Also of one that was done.
    Wasted(Fault),
    /// Whether anything does is not known.
    Unknown(Fault),
}

/// What was spent at one provider on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentADay {
    /// Its first moment (UTC), milliseconds since 1970.
    pub day_ms: i64,
    /// Where.
    pub provider: String,
    /// Attempts that stand there, or may.
    pub sent: u64,
    /// Of them still open, or nobody knows.
    pub open: u64,
    /// Spent and set aside, in millionths of a US dollar.
    pub micros: i64,
}

/// What was spent by one job with all its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentByJob {
    /// The topmost.
    pub job: JobId,
    /// Its workflow.
    pub workflow: String,
    /// Attempts that stand there, or may.
    pub sent: u64,
    /// Spent and set aside, in millionths of a US dollar.
    pub micros: i64,
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
    /// Asks to send. Writes an intent, with its price set aside, when nothing was sent before or all of it failed;
    /// otherwise writes nothing but that an intent whose answer was never written down is unknown, and gives that attempt.
    /// Errors: `provider_busy` and `budget_spent` where a bound of the terms is reached; nothing is written then.
    async fn begin(&self, terms: &Terms) -> Result<Begun, Fault>;

    /// Says what became of what this step sent; that it is done may be said again. A step that sent nothing itself ends with `Done` the attempt of its job
    /// that was submitted under that name. Errors: `not_found` when there is neither.
    async fn end(&self, end: AttemptEnd) -> Result<(), Fault>;

    /// What the steps of this job have sent of which nobody knows the end, the oldest first.
    async fn left(&self) -> Result<Vec<Attempt>, Fault>;

    /// Says what became of what another step of this job has left. Errors: `not_found`.
    async fn settle(&self, step: &str, end: AttemptEnd) -> Result<(), Fault>;
}

/// The ledger of a call that sends nothing outside: of those who make everything on this machine, and of tests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NoLedger;

impl NoLedger {
    fn refuse() -> Fault {
        Fault::new(Code::Unexpected, "write attempt").because("this call may send nothing outside; it has no ledger")
    }
}

#[async_trait]
impl Ledger for NoLedger {
    async fn begin(&self, _terms: &Terms) -> Result<Begun, Fault> {
        Err(Self::refuse())
    }

    async fn end(&self, _end: AttemptEnd) -> Result<(), Fault> {
        Err(Self::refuse())
    }

    async fn left(&self) -> Result<Vec<Attempt>, Fault> {
        Ok(Vec::new())
    }

    async fn settle(&self, _step: &str, _end: AttemptEnd) -> Result<(), Fault> {
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
    async fn note(self, ledger: &dyn Ledger, id: &str, cost_micros: Option<i64>) -> Result<(), Fault> {
        let end = match self {
            Self::Done => AttemptEnd::Done { external_id: id.to_owned(), cost_micros },
            Self::Submitted => AttemptEnd::Submitted(id.to_owned()),
        };
        ledger.end(end).await
    }
}

/// [`order`]s something that is over when it has arrived.
pub async fn once<S, F>(
    ledger: &dyn Ledger,
    terms: &Terms,
    find: impl FnOnce(Attempt) -> F,
    send: impl FnOnce() -> S,
) -> Result<String, Fault>
where
    S: Future<Output = Result<String, Fault>>,
    F: Future<Output = Result<Found, Fault>>,
{
    order(ledger, terms, Arrival::Done, find, |_| async { Ok((send().await?, None)) }).await
}

/// Sends something at most once, however often the step is begun: `send` takes the attempt's number and gives the name it
/// has there, and what it cost where that is said at once; where an earlier attempt may have arrived, `find` says first what became of it. A fault of `send` whose code
/// is `answer_lost` means that it may have arrived; any other that it did not.
/// Errors: those of `send`, `find` and [`Ledger`]. After `answer_lost`, which is transient, the next attempt looks first.
pub async fn order<S, F>(
    ledger: &dyn Ledger,
    terms: &Terms,
    arrival: Arrival,
    find: impl FnOnce(Attempt) -> F,
    send: impl FnOnce(u32) -> S,
) -> Result<String, Fault>
where
    S: Future<Output = Result<(String, Option<i64>), Fault>>,
    F: Future<Output = Result<Found, Fault>>,
{
    let number = match ledger.begin(terms).await? {
        Begun::Send(number) => number,
        Begun::Before(attempt) => {
            if let (AttemptState::Done | AttemptState::Submitted, Some(id)) = (attempt.state, &attempt.external_id) {
                return Ok(id.clone());
            }
            if let Found::There(id) = find(*attempt).await? {
                arrival.note(ledger, &id, None).await?;
                return Ok(id);
            }
            let fault = Fault::new(Code::AnswerLost, "look for what was sent").because("it did not arrive");
            ledger.end(AttemptEnd::Failed(fault)).await?;
            match ledger.begin(terms).await? {
                Begun::Send(number) => number,
                Begun::Before(attempt) => {
                    let reason = format!("another attempt is {}", attempt.state.name());
                    return Err(Fault::new(Code::Unexpected, "begin attempt").with("step", attempt.step).because(reason));
                }
            }
        }
    };
    match send(number).await {
        Ok((id, cost_micros)) => {
            arrival.note(ledger, &id, cost_micros).await?;
            Ok(id)
        }
        Err(fault) if fault.code == Code::AnswerLost => {
            ledger.end(AttemptEnd::Unknown(fault.clone())).await?;
            Err(fault)
        }
        Err(fault) => {
            ledger.end(AttemptEnd::Failed(fault.clone())).await?;
            Err(fault)
        }
    }
}

#[cfg(test)]
mod tests;
