//! Tells of the ends of jobs: sends the messages they owe until each is taken or given up.
//!
//! A commit rings the bell; a scan every few seconds finds what a crash or a clock left. Each host has a few of the places,
//! so that a slow one holds nobody else back.

mod change;

pub use change::{Change, add, change, enable, key_named, rotate, secrets};

use crate::parts::Parts;
use futures_util::FutureExt;
use rushes_core::faults::{self, Place};
use rushes_core::webhook::{Answer, DueMessage, Parcel, Post, Style, Try, Verdict};
use rushes_core::{Cancel, Code, Fault};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Messages under way at once.
const IN_FLIGHT: usize = 256;
/// Of those, to one host.
const PER_HOST: u32 = 4;
/// A receiver whose `Retry-After` asks for a longer wait is tried again after this one.
const RECEIVER_RETRY_AFTER_MAX: Duration = Duration::from_hours(24);
/// How long a stop waits for what is under way; then it is sent again by the next start, under the same id.
const GRACE: Duration = Duration::from_millis(1_500);

/// How messages are sent.
#[derive(Clone)]
pub struct Webhooks {
    /// Posts one.
    pub post: Arc<dyn Post>,
    /// The waits after each failure; after the last of them a message is given up.
    pub retries: Arc<[Duration]>,
}

/// Sends until `stop`. What ended a moment before is told too: a command that runs one job has not left its word to the
/// next one.
pub(crate) async fn run(parts: Parts, stop: Cancel) {
    let mut bell = parts.watch.messages.clone();
    let mut under_way = JoinSet::new();
    while !stop.is_cancelled() {
        bell.mark_unchanged();
        let Some(wait) = look(&parts, &mut under_way).await else { continue };
        tokio::select! {
            () = stop.cancelled() => {}
            changed = bell.changed() => if changed.is_err() { break },
            Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    look(&parts, &mut under_way).await;
    let ended = async { while under_way.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, ended).await;
    under_way.shutdown().await;
}

/// Begins what is due. None when something was begun: there may be more; else how long to wait for something to happen.
async fn look(parts: &Parts, under_way: &mut JoinSet<()>) -> Option<Duration> {
    while under_way.try_join_next().is_some() {}
    let room = IN_FLIGHT.saturating_sub(under_way.len());
    if room == 0 {
        return Some(parts.scan_every);
    }
    match parts.store.due_messages(u32::try_from(room).unwrap_or(1), PER_HOST).await {
        Ok(due) if due.messages.is_empty() => {
            let wait_ms = due.next_ms.map_or(i64::MAX, |at_ms| at_ms - parts.clock.now_ms()).max(0);
            Some(Duration::from_millis(wait_ms.unsigned_abs()).min(parts.scan_every))
        }
        Ok(due) => {
            for message in due.messages {
                under_way.spawn(send(parts.clone(), message));
            }
            None
        }
        Err(fault) => {
            tracing::error!(%fault, "messages could not be read");
            Some(parts.scan_every)
        }
    }
}

/// Tries one message once, and writes down what came of it.
async fn send(parts: Parts, due: DueMessage) {
    let (began, at_ms) = (Instant::now(), parts.clock.now_ms());
    let post = async {
        faults::pass(Place::MessageLeased)?;
        let secrets = match due.style {
            Style::Standard => parts.store.secrets(&due.key, &parts.webhooks.post.new_secret()?).await?.at(at_ms),
            Style::Workspace => Vec::new(),
        };
        parts
            .webhooks
            .post
            .post(Parcel { id: due.id, at_s: at_ms.div_euclid(1_000), url: &due.url, body: &due.body, style: due.style, secrets: &secrets })
            .await
    };
    let posted = AssertUnwindSafe(post).catch_unwind().await;
    let posted = posted.unwrap_or_else(|_| Err(Fault::new(Code::Panicked, "send webhook").with("message", due.id)));
    faults::pass_quietly(Place::MessageAnswered);
    let verdict = verdict(due.attempts, &posted, &parts.webhooks.retries, parts.clock.new_id().as_u128());
    let (status, said) = match posted {
        Ok(answer) => (Some(answer.status), answer.said),
        Err(fault) => (None, fault.reason.unwrap_or_else(|| fault.code.row().title.to_owned())),
    };
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if verdict != Verdict::Done {
        tracing::info!(message = %due.id, status, attempts = due.attempts + 1, ?verdict, "a webhook was not taken");
    }
    if let Err(fault) = parts.store.tried(&due, &Try { at_ms, ms, status, said }, verdict).await {
        // It stays leased until the lease runs out; then it is sent again, under the same id.
        tracing::error!(message = %due.id, %fault, "what came of a webhook could not be written down");
    }
}

/// Only 2xx is success. What may pass is tried again as the schedule says, up to a tenth later, and not before the
/// receiver's `Retry-After`. That can put a try off, not add one: once the schedule is over, it is not asked.
fn verdict(attempts: u32, posted: &Result<Answer, Fault>, retries: &[Duration], random: u128) -> Verdict {
    let asked = match posted {
        Ok(answer) if (200..300).contains(&answer.status) => return Verdict::Done,
        Ok(answer) if answer.status == 410 => return Verdict::Gone,
        Ok(answer) => answer.retry_after,
        Err(fault) if !fault.is_transient() => return Verdict::Refused,
        Err(_) => None,
    };
    let Some(wait) = retries.get(attempts as usize) else { return Verdict::Refused };
    let jitter = wait.mul_f64(f64::from(u32::try_from(random & 0xffff).unwrap_or(0)) / 65_536.0 / 10.0);
    Verdict::Again((*wait + jitter).max(asked.unwrap_or_default().min(RECEIVER_RETRY_AFTER_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<Duration>) -> Result<Answer, Fault> {
        Ok(Answer { status, said: String::new(), retry_after })
    }

    #[test]
    fn webhooks_are_taken_put_off_or_given_up_by_what_is_answered() {
        let s = Duration::from_secs;
        let retries = [s(5), s(300)];
        let of = |attempts, posted: &Result<Answer, Fault>| verdict(attempts, posted, &retries, 0);
        for status in [200, 201, 204, 299] {
            assert_eq!(of(0, &answered(status, None)), Verdict::Done, "{status}");
        }
        for status in [100, 301, 308, 400, 401, 404, 429, 500, 503] {
            assert_eq!(of(0, &answered(status, None)), Verdict::Again(s(5)), "{status}");
        }
        assert_eq!(of(1, &answered(500, None)), Verdict::Again(s(300)));
        assert_eq!(of(2, &answered(500, None)), Verdict::Refused, "the schedule is over");
        assert_eq!(of(0, &answered(410, None)), Verdict::Gone);
        assert_eq!(of(0, &answered(503, Some(s(90)))), Verdict::Again(s(90)));
        assert_eq!(of(1, &answered(503, Some(s(90)))), Verdict::Again(s(300)), "the schedule is the least");
        for (asked, waits) in [(86_399, 86_399), (86_400, 86_400), (86_401, 86_400), (1 << 40, 86_400)] {
            assert_eq!(of(0, &answered(503, Some(s(asked)))), Verdict::Again(s(waits)), "{asked} s, of a day at most");
        }
        assert_eq!(of(2, &answered(503, Some(s(90)))), Verdict::Refused, "what is asked for adds no try to the schedule");
        assert_eq!(of(0, &Err(Fault::new(Code::DestinationDown, "send"))), Verdict::Again(s(5)));
        assert_eq!(of(0, &Err(Fault::new(Code::InputInvalid, "send"))), Verdict::Refused);
        let Verdict::Again(late) = verdict(1, &answered(500, None), &retries, u128::MAX) else { panic!("it is put off") };
        assert!(late > s(300) && late <= s(330), "{late:?}");
    }
}
