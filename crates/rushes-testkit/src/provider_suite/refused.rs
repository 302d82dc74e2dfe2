//! What a service does not do, and says why.

use super::{Kept, Pace, Stand, Step, Trouble, keep};
use crate::orders::Planned;
use rushes_core::Code;
use rushes_core::ledger::AttemptState::{Done, Failed};

pub(super) async fn too_many_at_once<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    if stand.refusal(Trouble::Busy, "").is_none() {
        return Ok(());
    }
    let (first, second) = (Step::new(&stand, "job/first"), Step::new(&stand, "job/second"));
    stand.server().allow(1);
    first.order_and_end().await?;
    let fault = second.fails(Code::ProviderBusy).await?;
    keep!(fault.is_transient() && fault.retry_after_ms.is_some(), "it does not say how long to wait: {fault}");
    second.stands(&[Failed])?;
    second.gave_back()?;
    second.carried_out(1)?;
    stand.server().pace(Pace::Finish);
    first.makes().await?;
    second.makes().await?;
    second.stands(&[Failed, Done])?;
    second.carried_out(2)
}

pub(super) async fn what_they_refuse<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let secret = stand.secrets().into_iter().next().unwrap_or_default();
    for (trouble, code) in [
        (Trouble::Busy, Code::ProviderBusy),
        (Trouble::BusyInSuccess, Code::ProviderBusy),
        (Trouble::Content, Code::ProviderRefused),
        (Trouble::Key, Code::ProviderRefused),
        (Trouble::Account, Code::ProviderRefused),
    ] {
        let step = Step::new(&stand, &format!("job/{trouble:?}"));
        let Some(planned) = stand.refusal(trouble, &format!("not {trouble:?} with {secret}")) else { continue };
        stand.server().plan("order", planned);
        let fault = step.fails(code).await?;
        keep!(fault.to_string().contains(&format!("not {trouble:?}")), "it does not give their words: {fault}");
        keep!(fault.is_transient() == (code == Code::ProviderBusy), "{trouble:?} passes, or not: {fault}");
        step.stands(&[Failed])?;
        step.gave_back()?;
        step.carried_out(0)?;
    }
    Ok(())
}

pub(super) async fn work_that_fails<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, "job/step");
    stand.server().plan("order", Planned::Fails("the picture shows no whole body".into()));
    let fault = step.fails(Code::ProviderRefused).await?;
    keep!(fault.to_string().contains("no whole body"), "it does not give their words: {fault}");
    step.stands(&[Failed])?;
    step.gave_back()
}
