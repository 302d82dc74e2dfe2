//! An engine whose own loop panicked, or whose home is gone, stops as a whole, with a word, rather than going on without
//! a part of itself. What it was about is in its journal; the next start goes on.

use futures_util::FutureExt;
use rushes_core::{Cancel, Code, Fault};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

/// Stops an engine when one of its loops panics, or when it is told to.
#[derive(Debug, Clone)]
pub(crate) struct Halt {
    stop: Cancel,
    fault: Arc<OnceLock<Fault>>,
}

impl Halt {
    /// Cancels `stop` when it breaks.
    #[must_use]
    pub(crate) fn new(stop: &Cancel) -> Self {
        Self { stop: stop.clone(), fault: Arc::default() }
    }

    /// Why it broke, if it did.
    #[must_use]
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.get().cloned()
    }

    /// Stops the engine for this reason.
    pub(crate) fn trip(&self, fault: Fault) {
        tracing::error!(%fault, "the engine stops");
        let _ = self.fault.set(fault);
        self.stop.cancel();
    }

    /// Runs a loop of the engine.
    pub(crate) fn guard(
        &self,
        what: &'static str,
        body: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let halt = self.clone();
        async move {
            if AssertUnwindSafe(body).catch_unwind().await.is_err() {
                let reason = "the engine has stopped; the same command goes on";
                halt.trip(Fault::new(Code::Panicked, what).because(reason));
            }
        }
    }
}
