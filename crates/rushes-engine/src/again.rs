//! Patience of those who look at a place once, and not for ever as its sender does: what may pass is asked for again a few
//! times before it counts.

use rushes_core::Fault;
use std::time::Duration;

/// How often something is asked in all.
const TRIES: u32 = 4;
/// The first wait; each further one is twice as long.
pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A place that asks for more is not waited for longer.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What it gives in the end. Errors: what is for good, at once; what may pass, after the last try.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, Fault>>>(
    first_wait: Duration,
    mut ask: impl FnMut() -> F,
) -> Result<T, Fault> {
    let mut wait = first_wait;
    for _ in 1..TRIES {
        match ask().await {
            Err(fault) if fault.is_transient() => {
                let asked = fault.retry_after_ms.map(Duration::from_millis).unwrap_or_default();
                tokio::time::sleep(wait.max(asked).min(WAIT_MAX)).await;
                wait *= 2;
            }
            ended => return ended,
        }
    }
    ask().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use rushes_core::Code;

    async fn asked(code: Code, good_after: u32) -> (Result<u32, Code>, u32) {
        let mut times = 0;
        let ended = patiently(Duration::from_millis(1), || {
            times += 1;
            let ended = if times > good_after { Ok(times) } else { Err(Fault::new(code, "look")) };
            std::future::ready(ended)
        })
        .await;
        (ended.map_err(|fault| fault.code), times)
    }

    #[tokio::test]
    async fn again_is_what_may_pass_and_nothing_else() {
        assert_eq!(asked(Code::DestinationDown, 0).await, (Ok(1), 1));
        assert_eq!(asked(Code::DestinationDown, 3).await, (Ok(4), 4));
        assert_eq!(asked(Code::DestinationDown, 9).await, (Err(Code::DestinationDown), 4));
        assert_eq!(asked(Code::DestinationRefused, 9).await, (Err(Code::DestinationRefused), 1));
    }
}
