//! `once` over a ledger in memory: what is sent, looked up and remembered, however the program ends.

use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn ledger_states_are_read_as_they_are_written() {
    for state in AttemptState::ALL {
        assert_eq!(AttemptState::named(state.name()), Some(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.name());
    }
    assert_eq!(AttemptState::named("sent"), None);
}

#[test]
fn ledger_a_step_stands_as_its_last_attempt_and_costs_what_all_of_them_cost() {
    let attempt = |step: &str, number, state, external_id: Option<&str>, cost_micros| Attempt {
        step: step.into(),
        number,
        provider: "there".into(),
        state,
        external_id: external_id.map(str::to_owned),
        cost_micros,
        fault: None,
        began_ms: 0,
        changed_ms: 0,
    };
    let attempts = [
        attempt("film", 1, AttemptState::Failed, Some("1"), Some(350_000)),
        attempt("music", 1, AttemptState::Done, Some("2"), Some(20_000)),
        attempt("film", 2, AttemptState::Unknown, None, Some(150_000)),
    ];
    let film = Standing { state: Some(AttemptState::Unknown), external_id: Some("1".into()), cost: Some(0.5) };
    assert_eq!(Standing::of("film", &attempts), film);
    assert_eq!(Standing::of("concept", &attempts), Standing::default());
}

/// One step's attempts, by the rules of the port.
#[derive(Default)]
struct Memory(Mutex<Vec<Attempt>>);

impl Memory {
    fn close(&self, state: AttemptState, id: Option<&str>, fault: Option<&Fault>) -> Result<(), Fault> {
        let mut all = self.0.lock().unwrap();
        let last = all.last_mut().filter(|attempt| !matches!(attempt.state, AttemptState::Done | AttemptState::Failed));
        let last = last.ok_or_else(|| Fault::new(Code::NotFound, "end attempt"))?;
        last.state = state;
        last.external_id = id.map(str::to_owned).or(last.external_id.take());
        last.fault = fault.cloned();
        Ok(())
    }

    fn states(&self) -> Vec<AttemptState> {
        self.0.lock().unwrap().iter().map(|attempt| attempt.state).collect()
    }
}

#[async_trait]
impl Ledger for Memory {
    async fn begin(&self, terms: &Terms) -> Result<Begun, Fault> {
        let mut all = self.0.lock().unwrap();
        if let Some(last) = all.last_mut().filter(|last| last.state != AttemptState::Failed) {
            if last.state == AttemptState::Intent {
                last.state = AttemptState::Unknown;
            }
            return Ok(Begun::Before(Box::new(last.clone())));
        }
        let number = u32::try_from(all.len()).unwrap() + 1;
        all.push(Attempt {
            step: "publish".into(),
            number,
            provider: terms.provider.clone(),
            state: AttemptState::Intent,
            external_id: None,
            cost_micros: None,
            fault: None,
            began_ms: 0,
            changed_ms: 0,
        });
        Ok(Begun::Send(number))
    }

    async fn end(&self, end: AttemptEnd) -> Result<(), Fault> {
        match end {
            AttemptEnd::Submitted(id) => self.close(AttemptState::Submitted, Some(&id), None),
            AttemptEnd::Done { external_id, .. } => self.close(AttemptState::Done, Some(&external_id), None),
            AttemptEnd::Failed(fault) | AttemptEnd::Wasted(fault) => self.close(AttemptState::Failed, None, Some(&fault)),
            AttemptEnd::Unknown(fault) => self.close(AttemptState::Unknown, None, Some(&fault)),
        }
    }

    async fn left(&self) -> Result<Vec<Attempt>, Fault> {
        unreachable!("who sends does not ask for it")
    }

    async fn settle(&self, _: &str, _: AttemptEnd) -> Result<(), Fault> {
        unreachable!("who sends does not settle")
    }
}

/// Runs [`once`] with what the other side answers; counts what was sent.
async fn run(ledger: &Memory, sent: &AtomicU32, answer: Result<&str, Code>, found: Result<Found, Code>) -> Result<String, Code> {
    let find = |_| async move { found.map_err(|code| Fault::new(code, "find")) };
    let send = || async move {
        sent.fetch_add(1, Ordering::SeqCst);
        answer.map(str::to_owned).map_err(|code| Fault::new(code, "send"))
    };
    once(ledger, &Terms::free("there"), find, send).await.map_err(|fault| fault.code)
}

#[tokio::test]
async fn ledger_what_arrived_is_not_sent_again() {
    let (ledger, sent) = (Memory::default(), AtomicU32::new(0));
    for _ in 0..3 {
        assert_eq!(run(&ledger, &sent, Ok("7"), Ok(Found::Nowhere)).await, Ok("7".to_owned()));
    }
    assert_eq!((sent.into_inner(), ledger.states()), (1, vec![AttemptState::Done]));
}

#[tokio::test]
async fn ledger_what_was_declined_is_sent_again() {
    let (ledger, sent) = (Memory::default(), AtomicU32::new(0));
    assert_eq!(run(&ledger, &sent, Err(Code::ProviderDown), Ok(Found::Nowhere)).await, Err(Code::ProviderDown));
    assert_eq!(run(&ledger, &sent, Ok("7"), Err(Code::Unexpected)).await, Ok("7".to_owned()), "nothing is looked up");
    assert_eq!((sent.into_inner(), ledger.states()), (2, vec![AttemptState::Failed, AttemptState::Done]));
}

#[tokio::test]
async fn ledger_an_answer_that_never_came_is_looked_up_until_it_is_settled() {
    let (ledger, sent) = (Memory::default(), AtomicU32::new(0));
    assert_eq!(run(&ledger, &sent, Err(Code::AnswerLost), Ok(Found::Nowhere)).await, Err(Code::AnswerLost));
    assert_eq!(ledger.states(), [AttemptState::Unknown]);
    assert_eq!(run(&ledger, &sent, Ok("8"), Err(Code::ProviderDown)).await, Err(Code::ProviderDown));
    assert_eq!(run(&ledger, &sent, Ok("8"), Ok(Found::There("7".into()))).await, Ok("7".to_owned()));
    assert_eq!((sent.into_inner(), ledger.states()), (1, vec![AttemptState::Done]));
}

#[tokio::test]
async fn ledger_a_program_that_ended_between_intent_and_answer_looks_first() {
    let (ledger, sent) = (Memory::default(), AtomicU32::new(0));
    assert_eq!(ledger.begin(&Terms::free("there")).await.unwrap(), Begun::Send(1));
    assert_eq!(run(&ledger, &sent, Ok("8"), Ok(Found::Nowhere)).await, Ok("8".to_owned()));
    assert_eq!((sent.into_inner(), ledger.states()), (1, vec![AttemptState::Failed, AttemptState::Done]));
}
