//! Jobs that Restate hands out: each is one invocation, which any engine with that version of the workflow answers.
//!
//! The journal of steps stays in the store, where a value is committed with its files and all they owe; Restate keeps who is
//! to drive what and when, and tries again what was not answered. So an invocation is one unbroken drive of a job: it ends when
//! the job's workflow has ended, or has nothing to do but to wait, and what it waits for begins the next one. Nothing of a
//! workflow stands in Restate's own journal, so no replay there can disagree with the one here.

mod endpoint;
mod serve;

pub(crate) use endpoint::Node;
pub use endpoint::generation;
pub use serve::Listening;
