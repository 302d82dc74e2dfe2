//! Media work takes all the processor there is, so it goes behind everything else: who answers, sends or looks on is
//! served first, on this machine as in this process.

use rushes_core::{Code, Fault};
use tokio::sync::oneshot;

/// Of 19. Others get about ten times as much where both want to work, and all of it is ours where nobody else does.
const BEHIND: i32 = 10;

/// Has this thread, and the programs it starts from now on, give way to others. Where the system does not allow it, it
/// works beside them.
pub(super) fn give_way() {
    let _ = rustix::process::nice(BEHIND);
}

/// Runs work that blocks, on a thread of its own that gives way. Errors: its own; `panicked`, `io`.
pub async fn behind<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let (send, done) = oneshot::channel();
    let thread = std::thread::Builder::new().name("media-work".into()).spawn(move || {
        give_way();
        // Whoever asked may have gone.
        let _ = send.send(work());
    });
    thread.map_err(|e| Fault::new(Code::Io, operation).because(e))?;
    // Nothing is sent by one that panicked; what it said is in the log of panics.
    done.await.unwrap_or_else(|_| Err(Fault::new(Code::Panicked, operation).because("the thread ended without an answer")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn behind_runs_the_work_gives_way_and_tells_of_a_panic() {
        let before = rustix::process::getpriority_process(None).unwrap();
        let (value, now) = behind("try", move || Ok((7, rustix::process::getpriority_process(None).unwrap()))).await.unwrap();
        assert_eq!(value, 7);
        assert_eq!(now, (before + BEHIND).min(19), "on Linux this is of the thread");
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), before, "and of no other");
        let fault = behind::<()>("try", || panic!("it may")).await.unwrap_err();
        assert_eq!(fault.code, Code::Panicked);
    }
}
