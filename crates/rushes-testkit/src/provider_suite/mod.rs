//! What every provider outside must keep, whatever goes wrong: at most one order of a step is carried out where orders are
//! paid for, the ledger says how it stands, nothing lent stays, and no message shows a key.
//!
//! A [`Stand`] is one provider with a fresh server and a fresh place to lend from. [`provider_suite`] makes one for each
//! case, plans the trouble, and names every promise that was broken. Cases about waiting, stopping and fetching are left
//! out for those that answer with what they made; for them there are cases about their answers.

mod answered;
mod ended;
mod refused;
mod served;
mod stopped;
mod troubled;

pub use served::{Held, Pace, Served};

use crate::ledger::MemoryLedger;
use crate::orders::{Moment, Planned};
use rushes_core::ledger::{Attempt, AttemptState, Ledger};
use rushes_core::provider::{Call, Provider, Request};
use rushes_core::{Cancel, Code, Fault};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What follows where the answer to an order was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The order is found again.
    Found,
    /// Nothing is sent before somebody has looked: `needs_reconcile`.
    NeedsSomebody,
    /// It is asked for again, since that costs nobody anything.
    AskedAgain,
}

/// What a service can.
#[derive(Debug, Clone, Copy)]
pub struct Abilities {
    /// What follows where the answer to an order was lost.
    pub lost: Lost,
    /// An order that waits is stopped, and then not paid for.
    pub stops: bool,
    /// What is made is looked into before it is handed on, so that what is none is refused.
    pub reads: bool,
    /// It answers with what it made: nothing waits there.
    pub answers: bool,
}

impl Abilities {
    /// Of a service that takes orders, cannot be asked for lost ones, and stops what waits.
    pub const ORDERS: Self = Self { lost: Lost::NeedsSomebody, stops: true, reads: false, answers: false };
    /// Of a service that answers with what it made, and is paid for that.
    pub const ANSWERS: Self = Self { lost: Lost::NeedsSomebody, stops: false, reads: true, answers: true };
}

/// Refusals that each service puts in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Too many orders; it passes.
    Busy,
    /// The content is refused for good.
    Content,
    /// The key is not taken.
    Key,
    /// The account cannot pay.
    Account,
    /// Too many orders, said with a status of success.
    BusyInSuccess,
    /// Trouble of the service's own.
    Down,
}

/// One provider before its own server.
pub trait Stand: Send + Sync {
    /// What it is asked for.
    type Asked: Request;

    /// Takes what is ordered.
    fn server(&self) -> &dyn Served;
    /// As a program that just started has it; what was sent and is not found this long afterwards never arrived.
    fn provider(&self, arrives_within: Duration) -> Arc<dyn Provider<Self::Asked>>;
    /// An order that can be carried out.
    fn request(&self) -> Self::Asked;
    /// A folder that is its own.
    fn folder(&self) -> &Path;
    /// Whether anything lent for the call of this key is still there.
    fn lends(&self, _key: &str) -> bool {
        false
    }
    /// What no message may show.
    fn secrets(&self) -> Vec<String>;
    /// What its service can.
    fn abilities(&self) -> Abilities;
    /// How its service says this, with `words`; None: it never does.
    fn refusal(&self, trouble: Trouble, words: &str) -> Option<Planned>;
}

/// What was broken, in a sentence.
type Kept = Result<(), String>;

/// Says what was broken, where something was.
macro_rules! keep {
    ($kept:expr, $($says:tt)+) => {
        if !$kept {
            return Err(format!($($says)+));
        }
    };
}
use keep;

/// What a step makes of such requests.
type Made<S> = <<S as Stand>::Asked as Request>::Made;

/// One step before a stand: its ledger outlives every call, as a program's does.
struct Step<'a, S> {
    stand: &'a S,
    key: String,
    ledger: Arc<MemoryLedger>,
    calls: std::cell::Cell<u32>,
}

/// Longer than anything here takes.
const LATER: Duration = Duration::from_mins(10);

impl<'a, S: Stand> Step<'a, S> {
    fn new(stand: &'a S, key: &str) -> Self {
        Self { stand, key: key.to_owned(), ledger: Arc::default(), calls: std::cell::Cell::new(0) }
    }

    fn call(&self, cancel: Cancel) -> Call {
        self.calls.set(self.calls.get() + 1);
        let folder = self.stand.folder().join(self.key.replace('/', "-"));
        let scratch = folder.join(format!("scratch {}", self.calls.get()));
        std::fs::create_dir_all(&scratch).expect("a folder of ours");
        let ledger: Arc<dyn Ledger> = self.ledger.clone();
        Call { key: self.key.clone(), scratch, kept: folder.join("kept"), cancel, progress: Arc::new(|_, _| ()), ledger }
    }

    /// One attempt of the step, by a program that just started; nothing that was sent is on its way any more.
    async fn make(&self) -> Result<Result<Made<S>, Fault>, String> {
        self.make_within(Duration::ZERO, Cancel::new()).await
    }

    async fn make_within(&self, arrives_within: Duration, cancel: Cancel) -> Result<Result<Made<S>, Fault>, String> {
        let call = self.call(cancel);
        let made = self.stand.provider(arrives_within).make(&self.stand.request(), &call).await;
        if let Err(fault) = &made {
            let shown = format!("{fault} {fault:?}");
            keep!(!self.stand.secrets().iter().any(|secret| shown.contains(secret.as_str())), "a message shows a key");
        }
        Ok(made)
    }

    /// Ends the program when the held request is there; whether it came to that.
    async fn make_until_held(&self) -> Result<bool, String> {
        tokio::select! {
            biased;
            made = self.make() => made.map(|_| false),
            () = self.stand.server().reached() => Ok(true),
        }
    }

    /// Ordered, and the program ended while it waited.
    async fn order_and_end(&self) -> Kept {
        self.stand.server().pace(Pace::Never);
        self.stand.server().hold(Held::Look, Moment::Before);
        keep!(self.make_until_held().await?, "nothing was looked at");
        self.stands(&[AttemptState::Submitted])
    }

    async fn makes(&self) -> Result<Made<S>, String> {
        self.make().await?.map_err(|fault| format!("it does not go on: {fault}"))
    }

    async fn fails(&self, code: Code) -> Result<Fault, String> {
        match self.make().await? {
            Ok(_) => Err(format!("it is made, where {} was expected", code.name())),
            Err(fault) if fault.code == code => Ok(fault),
            Err(fault) => Err(format!("{} was expected: {fault}", code.name())),
        }
    }

    fn states(&self) -> Vec<AttemptState> {
        self.ledger.states().into_iter().map(|(state, _)| state).collect()
    }

    fn stands(&self, states: &[AttemptState]) -> Kept {
        keep!(self.states() == states, "the ledger says {:?}, not {states:?}", self.states());
        Ok(())
    }

    /// The attempt whose end nobody knows.
    async fn open(&self) -> Result<Attempt, String> {
        let left = self.ledger.left().await.map_err(|fault| fault.to_string())?;
        left.last().cloned().ok_or_else(|| "no attempt is open".to_owned())
    }

    fn carried_out(&self, count: usize) -> Kept {
        let orders = self.stand.server().orders();
        keep!(orders == count, "{orders} orders were carried out, not {count}");
        Ok(())
    }

    fn gave_back(&self) -> Kept {
        keep!(!self.stand.lends(&self.key), "what was lent is still there");
        Ok(())
    }
}

/// The bytes of what was made: of its file, where it has one.
fn bytes_of(made: &impl serde::Serialize) -> Result<Vec<u8>, String> {
    let said = serde_json::to_value(made).map_err(|e| format!("what was made cannot be kept: {e}"))?;
    match said.as_str().or(said["file"].as_str()) {
        Some(path) => std::fs::read(path).map_err(|e| format!("{path} cannot be read: {e}")),
        None => Ok(said.to_string().into_bytes()),
    }
}

/// Runs every case that concerns it before a stand of its own.
///
/// # Panics
/// Naming each promise that was broken.
pub async fn provider_suite<S: Stand>(name: &str, fresh: impl AsyncFn() -> S) {
    let mut broken = Vec::new();
    macro_rules! cases {
        ($($room:ident::$case:ident)*) => {
            $(
                let kept = $room::$case(&fresh).await;
                broken.extend(kept.err().map(|says| format!("{}: {says}", stringify!($case).replace('_', " "))));
            )*
        };
    }
    cases! {
        troubled::it_is_made_and_what_was_lent_is_taken_back
        troubled::an_answer_lost_after_the_order_was_taken
        troubled::a_connection_lost_before_the_order_was_taken
        troubled::trouble_of_theirs_at_the_order
        refused::what_they_refuse
        stopped::what_may_have_arrived_is_stopped
        ended::the_program_ends_at_every_request
    }
    if fresh().await.abilities().answers {
        cases! {
            answered::half_an_answer
            answered::an_answer_that_is_of_no_use
            answered::whoever_waits_for_an_answer_hears_that_it_is_cancelled
        }
    } else {
        cases! {
            troubled::trouble_of_theirs_while_it_waits
            troubled::trouble_of_theirs_when_it_is_fetched
            troubled::half_a_download
            troubled::an_address_that_has_ended
            troubled::a_result_that_is_none
            refused::too_many_at_once
            refused::work_that_fails
            stopped::what_waits_is_stopped
            stopped::what_was_made_before_it_was_stopped
            stopped::whoever_waits_hears_that_it_is_cancelled
            ended::the_program_ends_many_times
        }
    }
    assert!(broken.is_empty(), "{name} breaks {} promises:\n{}", broken.len(), broken.join("\n"));
}
