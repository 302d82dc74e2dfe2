//! What shows films to the world, a room each.

pub mod instagram;
