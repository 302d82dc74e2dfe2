//! What is stopped, by us.

use super::{Kept, Lost, Pace, Stand, Step, keep};
use crate::orders::Planned;
use rushes_core::ledger::AttemptEnd;
use rushes_core::ledger::AttemptState::Submitted;
use rushes_core::{Cancel, Code};
use std::time::Duration;

const KEY: &str = "job/step";

async fn stop<S: Stand>(step: &Step<'_, S>) -> Result<Option<AttemptEnd>, String> {
    let attempt = step.open().await?;
    step.stand.provider(Duration::ZERO).stop(&attempt, &step.key).await.map_err(|fault| format!("it cannot be stopped: {fault}"))
}

/// Whether it is said not to be paid for.
fn is_off(end: Option<&AttemptEnd>) -> bool {
    matches!(end, Some(AttemptEnd::Failed(fault)) if fault.code == Code::Cancelled)
}

fn is_paid(end: Option<&AttemptEnd>) -> bool {
    matches!(end, Some(AttemptEnd::Done { .. }))
}

pub(super) async fn what_waits_is_stopped<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().pace(Pace::Queues);
    step.order_and_end().await?;
    let end = stop(&step).await?;
    if stand.abilities().stops {
        keep!(is_off(end.as_ref()), "it waited, and is said to be {end:?}");
        keep!(stand.server().is_stopped(), "nobody told the service");
    } else {
        keep!(is_paid(end.as_ref()), "nothing stops it there, and it is said to be {end:?}");
    }
    step.gave_back()
}

pub(super) async fn what_was_made_before_it_was_stopped<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    step.order_and_end().await?;
    stand.server().made_meanwhile().await;
    let end = stop(&step).await?;
    keep!(is_paid(end.as_ref()), "it was made and paid for, and is said to be {end:?}");
    step.gave_back()
}

pub(super) async fn what_may_have_arrived_is_stopped<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    for planned in [Planned::AnswerLost, Planned::Dropped] {
        let stand = fresh().await;
        let step = Step::new(&stand, KEY);
        stand.server().pace(Pace::Queues);
        stand.server().plan("order", planned.clone());
        step.fails(Code::AnswerLost).await?;
        let end = stop(&step).await?;
        let abilities = stand.abilities();
        let is_right = match (abilities.lost == Lost::Found, abilities.stops || planned == Planned::Dropped) {
            (false, _) => end.is_none(),
            (true, true) => is_off(end.as_ref()),
            (true, false) => is_paid(end.as_ref()),
        };
        keep!(is_right, "after {planned:?} it is said to be {end:?}");
    }
    Ok(())
}

pub(super) async fn whoever_waits_hears_that_it_is_cancelled<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().pace(Pace::Never);
    let cancel = Cancel::new();
    let (made, ()) = tokio::join!(step.make_within(Duration::ZERO, cancel.clone()), async {
        while !stand.server().is_looked_at() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    keep!(made?.is_err_and(|fault| fault.code == Code::Cancelled), "it was cancelled, and goes on");
    step.stands(&[Submitted])?;
    step.carried_out(1)
}
