//! Programs that end in the middle: at each request, before it is carried out and before it is answered.

use super::{Held, Kept, Lost, Pace, Stand, Step, keep};
use crate::orders::Moment;
use rushes_core::Code;

const KEY: &str = "job/step";
/// More than any order needs.
const REQUESTS_MAX: usize = 64;

/// The step is begun again until it ends; at most one order was carried out.
async fn goes_on<S: Stand>(step: &Step<'_, S>) -> Kept {
    let lost = step.stand.abilities().lost;
    step.stand.server().forget_plans();
    step.stand.server().pace(Pace::Finish);
    let ends = step.make().await?;
    let ordered = step.stand.server().orders();
    match ends {
        Ok(_) if lost == Lost::AskedAgain => {
            keep!(ordered <= 2, "{ordered} orders were carried out");
            Ok(())
        }
        Ok(_) => {
            step.carried_out(1)?;
            step.gave_back()
        }
        Err(fault) if fault.code == Code::NeedsReconcile && lost == Lost::NeedsSomebody => {
            keep!(ordered <= 1, "{ordered} orders were carried out");
            Ok(())
        }
        Err(fault) => Err(format!("it does not go on: {fault}")),
    }
}

pub(super) async fn the_program_ends_at_every_request<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    for moment in [Moment::Before, Moment::After] {
        let mut is_reached = true;
        let mut nth = 0;
        while is_reached {
            nth += 1;
            keep!(nth <= REQUESTS_MAX, "it never ends");
            let stand = fresh().await;
            stand.server().pace(Pace::Looks(2));
            stand.server().hold(Held::Nth(nth), moment);
            let step = Step::new(&stand, KEY);
            is_reached = step.make_until_held().await?;
            goes_on(&step).await.map_err(|says| format!("{moment:?} request {nth}: {says}"))?;
        }
        let least = if fresh().await.abilities().answers { 1 } else { 3 };
        keep!(nth > least, "only {} requests were made", nth - 1);
    }
    Ok(())
}

pub(super) async fn the_program_ends_many_times<S: Stand>(fresh: &impl AsyncFn() -> S) -> Kept {
    let stand = fresh().await;
    let step = Step::new(&stand, KEY);
    stand.server().pace(Pace::Never);
    // The first end is while it waits: earlier ones are tried one by one above.
    step.order_and_end().await?;
    for nth in [1, 1, 2, 1, 2] {
        stand.server().hold(Held::Nth(nth), Moment::After);
        keep!(step.make_until_held().await?, "it is made, and nothing is");
        step.carried_out(1)?;
    }
    goes_on(&step).await
}
