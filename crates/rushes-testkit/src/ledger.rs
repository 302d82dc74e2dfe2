//! A ledger in memory, which outlives the calls that write to it as the real one outlives processes.

use async_trait::async_trait;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::ledger::{Attempt, AttemptEnd, AttemptState, Begun, Ledger, Terms};
use rushes_core::{Code, Fault};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The attempts of one step.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    attempts: Mutex<Vec<Attempt>>,
    /// What was set aside for each.
    reserved: Mutex<Vec<i64>>,
    loses_next: AtomicBool,
}

impl MemoryLedger {
    fn all(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How each stands, the first one first, and its name there.
    #[must_use]
    pub fn states(&self) -> Vec<(AttemptState, Option<String>)> {
        self.all().iter().map(|attempt| (attempt.state, attempt.external_id.clone())).collect()
    }

    /// What all that is over cost, millionths of a US dollar.
    #[must_use]
    pub fn spent_micros(&self) -> i64 {
        self.all().iter().filter_map(|attempt| attempt.cost_micros).sum()
    }

    /// The next end is not written: as if the process ended right before.
    pub fn lose_next_end(&self) {
        self.loses_next.store(true, Ordering::Relaxed);
    }

    fn close(&self, state: AttemptState, external_id: Option<&str>, fault: Option<&Fault>, cost: Cost) -> Result<(), Fault> {
        let is_open =
            |state| matches!(state, AttemptState::Intent | AttemptState::Submitted | AttemptState::Unknown | AttemptState::NeedsReconcile);
        let mut all = self.all();
        let is_said = |last: &Attempt| (last.state, last.external_id.as_deref()) == (AttemptState::Done, external_id);
        if state == AttemptState::Done && all.last().is_some_and(is_said) {
            return Ok(());
        }
        let number = all.len();
        let may = |last: &Attempt| is_open(last.state) || (cost == Cost::Kept && last.state == AttemptState::Done);
        let open = all.last_mut().filter(|last| may(last));
        let Some(open) = open else { return Err(Fault::new(Code::NotFound, "end attempt").because("none is open")) };
        open.state = state;
        open.external_id = external_id.map(str::to_owned).or(open.external_id.take());
        open.fault = fault.cloned();
        let reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner)[number - 1];
        match cost {
            Cost::None => {}
            Cost::Kept => open.cost_micros = open.cost_micros.or(Some(reserved)),
            Cost::Told(told) => open.cost_micros = told.or(Some(reserved)),
        }
        Ok(())
    }
}

/// What an end says of the cost.
#[derive(Clone, Copy, PartialEq)]
enum Cost {
    None,
    /// What was known of it stays.
    Kept,
    Told(Option<i64>),
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn begin(&self, terms: &Terms) -> Result<Begun, Fault> {
        let mut all = self.all();
        if let Some(last) = all.last_mut().filter(|last| last.state != AttemptState::Failed) {
            if last.state == AttemptState::Intent {
                last.state = AttemptState::Unknown;
            }
            return Ok(Begun::Before(Box::new(last.clone())));
        }
        let number = u32::try_from(all.len()).unwrap_or(u32::MAX - 1) + 1;
        let now_ms = SystemClock.now_ms();
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).push(terms.price_micros);
        all.push(Attempt {
            step: "step".into(),
            number,
            provider: terms.provider.clone(),
            state: AttemptState::Intent,
            external_id: None,
            cost_micros: None,
            fault: None,
            began_ms: now_ms,
            changed_ms: now_ms,
        });
        Ok(Begun::Send(number))
    }

    async fn end(&self, end: AttemptEnd) -> Result<(), Fault> {
        if self.loses_next.swap(false, Ordering::Relaxed) {
            return Err(Fault::new(Code::LeaseLost, "end attempt").because("planned"));
        }
        match end {
            AttemptEnd::Submitted(id) => self.close(AttemptState::Submitted, Some(&id), None, Cost::None),
            AttemptEnd::Done { external_id, cost_micros } => {
                self.close(AttemptState::Done, Some(&external_id), None, Cost::Told(cost_micros))
            }
            AttemptEnd::Failed(fault) => self.close(AttemptState::Failed, None, Some(&fault), Cost::None),
            AttemptEnd::Wasted(fault) => self.close(AttemptState::Failed, None, Some(&fault), Cost::Kept),
            AttemptEnd::Unknown(fault) => self.close(AttemptState::Unknown, None, Some(&fault), Cost::None),
        }
    }

    async fn left(&self) -> Result<Vec<Attempt>, Fault> {
        let mut left = self.all().clone();
        left.retain(|attempt| !matches!(attempt.state, AttemptState::Done | AttemptState::Failed));
        Ok(left)
    }

    async fn settle(&self, _: &str, end: AttemptEnd) -> Result<(), Fault> {
        self.end(end).await
    }
}
