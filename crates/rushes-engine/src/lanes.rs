//! Lanes: how much of one sort of work runs at once on this machine.

use rushes_core::Lane;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bounds of the three lanes.
#[derive(Debug, Clone)]
pub struct Lanes {
    cpu: Arc<Semaphore>,
    net: Arc<Semaphore>,
    gpu: Arc<Semaphore>,
}

impl Lanes {
    /// So many steps at once in each lane; none is below one.
    #[must_use]
    pub fn new(cpu: usize, net: usize, gpu: usize) -> Self {
        let lane = |places: usize| Arc::new(Semaphore::new(places.max(1)));
        Self { cpu: lane(cpu), net: lane(net), gpu: lane(gpu) }
    }

    /// A place in a lane, at once if one is free.
    pub(crate) fn try_enter(&self, lane: Lane) -> Option<OwnedSemaphorePermit> {
        self.of(lane).clone().try_acquire_owned().ok()
    }

    /// A place in a lane, in the order of asking.
    pub(crate) async fn enter(&self, lane: Lane) -> Option<OwnedSemaphorePermit> {
        // Closed never: the semaphores live as long as the lanes.
        self.of(lane).clone().acquire_owned().await.ok()
    }

    fn of(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Cpu => &self.cpu,
            Lane::Net => &self.net,
            Lane::Gpu => &self.gpu,
        }
    }
}
