//! A ledger in memory, which outlives the calls that write to it as the real one outlives processes.

use async_trait::async_trait;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::ledger::{Attempt, AttemptEnd, AttemptState, Begun, Ledger, Terms};
use rushes_core::{Code, Fault};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The attempts of one step.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Vec<Attempt>>);

impl MemoryLedger {
    fn all(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How each stands, the first one first, and its name there.
    #[must_use]
    pub fn states(&self) -> Vec<(AttemptState, Option<String>)> {
        self.all().iter().map(|attempt| (attempt.state, attempt.external_id.clone())).collect()
    }

    fn close(&self, state: AttemptState, external_id: Option<&str>, fault: Option<&Fault>) -> Result<(), Fault> {
        let is_open =
            |state| matches!(state, AttemptState::Intent | AttemptState::Submitted | AttemptState::Unknown | AttemptState::NeedsReconcile);
        let mut all = self.all();
        let is_said = |last: &Attempt| (last.state, last.external_id.as_deref()) == (AttemptState::Done, external_id);
        if state == AttemptState::Done && all.last().is_some_and(is_said) {
            return Ok(());
        }
        let open = all.last_mut().filter(|last| is_open(last.state));
        let Some(open) = open else { return Err(Fault::new(Code::NotFound, "end attempt").because("none is open")) };
        open.state = state;
        open.external_id = external_id.map(str::to_owned).or(open.external_id.take());
        open.fault = fault.cloned();
        Ok(())
    }
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
        match end {
            AttemptEnd::Submitted(id) => self.close(AttemptState::Submitted, Some(&id), None),
            AttemptEnd::Done { external_id, .. } => self.close(AttemptState::Done, Some(&external_id), None),
            AttemptEnd::Failed(fault) => self.close(AttemptState::Failed, None, Some(&fault)),
            AttemptEnd::Unknown(fault) => self.close(AttemptState::Unknown, None, Some(&fault)),
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
