//! Answers that hold what was made.

use super::troubled::unknown;
use super::{Held, Kept, Lost, Stand, Step, keep};
use crate::orders::{Moment, Planned};
use rushes_core::ledger::AttemptState::{Done, Failed, Intent};
use rushes_core::{Cancel, Code};
use std::time::Duration;

const KEY: &str = "job/step";
/// One call asks for so many answers at most.
const ANSWERS_MAX: usize = 3;

pub(super) async fn half_an_answer<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().plan("order", Planned::HalfFetched);
    step.fails(Code::AnswerLost).await?;
    unknown(&step, 1).await
}

/// It is refused in its words, or another is asked for; each answer stands in the ledger.
pub(super) async fn an_answer_that_is_of_no_use<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    for count in [1, ANSWERS_MAX + 1] {
        let stand = fresh().await;
        let step = Step::new(&stand, KEY);
        (0..count).for_each(|_| stand.server().plan("order", Planned::Rubbish));
        let made = step.make().await?;
        let (orders, states) = (stand.server().orders(), step.states());
        keep!(orders == states.len(), "{orders} answers were paid for, and the ledger has {states:?}");
        keep!((1..=ANSWERS_MAX).contains(&orders), "{orders} answers were asked for");
        let (last, earlier) = states.split_last().ok_or("the ledger is empty")?;
        keep!(earlier.iter().all(|state| *state == Failed), "the ledger says {states:?}");
        match made {
            Ok(_) => keep!(count == 1 && *last == Done, "it is made of answers of no use, and the ledger says {states:?}"),
            Err(fault) => keep!(fault.code == Code::ProviderRefused && *last == Failed, "the ledger says {states:?}: {fault}"),
        }
    }
    Ok(())
}

pub(super) async fn whoever_waits_for_an_answer_hears_that_it_is_cancelled<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    for (moment, carried_out) in [(Moment::Before, 0), (Moment::After, 1)] {
        let stand = fresh().await;
        let step = Step::new(&stand, KEY);
        stand.server().hold(Held::Nth(1), moment);
        let cancel = Cancel::new();
        let (made, ()) = tokio::join!(step.make_within(Duration::ZERO, cancel.clone()), async {
            stand.server().reached().await;
            cancel.cancel();
        });
        keep!(made?.is_err_and(|fault| fault.code == Code::Cancelled), "it was cancelled, and goes on");
        step.stands(&[Intent])?;
        if stand.abilities().lost == Lost::NeedsSomebody {
            step.fails(Code::NeedsReconcile).await?;
        }
        step.carried_out(carried_out)?;
    }
    Ok(())
}
