//! Lines that break and servers in trouble.

use super::{Kept, LATER, Lost, Stand, Step, Trouble, bytes_of, keep};
use crate::orders::{Planned, RUBBISH};
use rushes_core::ledger::AttemptState::{Done, Failed, Submitted, Unknown};
use rushes_core::{Cancel, Code};

const KEY: &str = "job/step";
/// A look whose connection breaks is repeated by itself a few times.
const REPEATED: usize = 4;

pub(super) async fn it_is_made_and_what_was_lent_is_taken_back<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    let made = step.makes().await?;
    keep!(!bytes_of(&made)?.is_empty(), "it is empty");
    step.stands(&[Done])?;
    step.gave_back()?;
    // A step that is begun again after its end fetches once more, and orders nothing.
    step.makes().await?;
    step.carried_out(1)
}

/// What follows where nobody knows whether it arrived, and `carried_out` orders were.
pub(super) async fn unknown<S: Stand>(step: &Step<'_, S>, carried_out: usize) -> Kept {
    step.stands(&[Unknown])?;
    step.carried_out(carried_out)?;
    step.stand.server().forget_plans();
    match step.stand.abilities().lost {
        Lost::NeedsSomebody => {
            for _ in 0..2 {
                step.fails(Code::NeedsReconcile).await?;
            }
            step.stands(&[Unknown])?;
            return step.carried_out(carried_out);
        }
        Lost::AskedAgain => {
            step.makes().await?;
            step.stands(&[Failed, Done])?;
            return step.carried_out(carried_out + 1);
        }
        Lost::Found => {}
    }
    if carried_out == 0 {
        let Err(early) = step.make_within(LATER, Cancel::new()).await? else {
            return Err("it is made, though it may be on its way".into());
        };
        let waits = early.code == Code::AnswerLost && early.is_transient() && early.retry_after_ms.is_some();
        keep!(waits, "it may be on its way: {early}");
        step.carried_out(0)?;
    }
    step.makes().await?;
    step.carried_out(1)?;
    step.stands(if carried_out == 0 { &[Failed, Done] } else { &[Done] })?;
    step.gave_back()
}

pub(super) async fn an_answer_lost_after_the_order_was_taken<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().plan("order", Planned::AnswerLost);
    step.fails(Code::AnswerLost).await?;
    unknown(&step, 1).await
}

pub(super) async fn a_connection_lost_before_the_order_was_taken<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().plan("order", Planned::Dropped);
    step.fails(Code::AnswerLost).await?;
    unknown(&step, 0).await
}

fn down(stand: &impl Stand) -> Result<Planned, String> {
    stand.refusal(Trouble::Down, "try later").ok_or_else(|| "every service has troubles".to_owned())
}

pub(super) async fn trouble_of_theirs_at_the_order<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().plan("order", down(&stand)?);
    step.fails(Code::AnswerLost).await?;
    if stand.abilities().lost == Lost::Found {
        stand.server().plan("find", down(&stand)?);
        step.fails(Code::ProviderDown).await?;
    }
    unknown(&step, 0).await
}

pub(super) async fn trouble_of_theirs_while_it_waits<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().plan("look", down(&stand)?);
    step.makes().await?;
    step.stands(&[Done])?;
    step.carried_out(1)
}

pub(super) async fn trouble_of_theirs_when_it_is_fetched<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().plan("fetch", down(&stand)?);
    step.fails(Code::ProviderDown).await?;
    step.stands(&[Submitted])?;
    step.makes().await?;
    step.stands(&[Done])?;
    step.carried_out(1)
}

pub(super) async fn half_a_download<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    (0..REPEATED).for_each(|_| stand.server().plan("fetch", Planned::HalfFetched));
    step.fails(Code::ProviderDown).await?;
    step.stands(&[Submitted])?;
    stand.server().forget_plans();
    step.makes().await?;
    step.stands(&[Done])?;
    step.carried_out(1)
}

pub(super) async fn an_address_that_has_ended<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().plan("order", Planned::Expired);
    let fault = step.fails(Code::ProviderRefused).await?;
    keep!(fault.to_string().contains("not kept there any more"), "it does not say why: {fault}");
    step.carried_out(1)
}

pub(super) async fn a_result_that_is_none<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().plan("order", Planned::Rubbish);
    if stand.abilities().reads {
        step.fails(Code::ProviderRefused).await?;
        return step.carried_out(1);
    }
    let made = step.makes().await?;
    keep!(bytes_of(&made)? == RUBBISH, "it is not handed on as it came: ingest is who refuses it");
    step.stands(&[Done])
}
