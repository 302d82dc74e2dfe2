//! What asks engines to drive jobs, a room each.

pub mod restate;
