//! One graphics card that several families of models share: what is declared of them, what is seen of the card, and what it
//! does next ([`next`]). [`simulate`] plays a trace of jobs against it.
//!
//! What does not live here: the worker that asks, measures and carries out. Nothing here reads a clock or talks to anybody.

mod policy;
mod simulate;

pub use policy::next;
pub use simulate::{Arrival, Card, Outcome, Rule, Served, TRACE, arrivals, simulate, trace_card};

use crate::fault::Fault;
use crate::ids::JobId;

/// A family of models, as it is declared: what is loaded together and run from one graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its unique name, such as `sdxl`.
    pub family: String,
    /// Memory of the card that it needs while it runs, its models and its work together.
    pub vram_mb: u32,
    /// How long one of its jobs typically takes.
    pub job_s: u32,
    /// How long it takes until it is loaded, after another was.
    pub switch_s: u32,
}

/// How long anybody is let wait, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nobody is to wait longer for the start of a job; see [`next`] for when that can be kept.
    pub max_wait_s: u32,
    /// The quota: after so much work the loaded families make room for one that waits.
    pub turn_s: u32,
    /// So long a job waits beside an idle card before what is loaded is thrown out for it: another job of the loaded family,
    /// or more of its own, may come.
    pub patience_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_wait_s: 2_400, turn_s: 900, patience_s: 300 }
    }
}

/// All that is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The families, each name once.
    pub profiles: Vec<Profile>,
    /// The limits.
    pub limits: Limits,
}

impl Declared {
    fn profile(&self, family: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.family == family)
    }
}

/// The card's memory, as `/system_stats` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What it has.
    pub total_mb: u32,
    /// What nobody uses.
    pub free_mb: u32,
}

/// A job that waits for the card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub job: JobId,
    /// The family it needs.
    pub family: String,
    /// Since when it waits, in milliseconds since 1970.
    pub since_ms: i64,
}

/// What is seen between two jobs.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// Measured now. `/free` is answered before memory is free: measure until it stays the same.
    pub memory: Memory,
    /// The families that were run since the last `/free` or restart.
    pub loaded: &'a [String],
    /// The jobs, in any order. All of them are gone through several times: hand in some hundreds at most.
    pub waiting: &'a [Waiting],
}

/// What the card does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Run this job.
    Run {
        /// Which.
        job: JobId,
        /// Whether its family is loaded for it: ComfyUI does so with the first prompt that needs it.
        loads: bool,
    },
    /// Ask for `/free` with `unload_models` and `free_memory`, measure, and ask again. Nothing is loaded then.
    Free,
    /// `/free` did not free enough: start the ComfyUI child anew, measure, and ask again.
    Restart,
    /// Give this job back with this fault.
    Refuse {
        /// Which.
        job: JobId,
        /// Why, and what to do: `card_small`, `card_full`, or `input_invalid` for a family that nobody declared.
        fault: Fault,
    },
    /// Ask again when a job comes, or then.
    Wait {
        /// Milliseconds since 1970; None: only when a job comes.
        until_ms: Option<i64>,
    },
}

/// What [`next`] must know of its earlier answers; begins as `State::default()`, also after a crash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Work that the loaded families were given while others waited, since the last of them was loaded.
    turn_ms: i64,
    /// For which family room is being made.
    clearing: Option<Clearing>,
    /// Families for which a restart did not make room, and when that was.
    full: Vec<(String, i64)>,
    /// Whether no order kept everybody within the limit when last asked.
    is_late: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Clearing {
    family: String,
    was_restarted: bool,
}
