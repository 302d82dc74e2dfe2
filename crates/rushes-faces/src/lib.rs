//! Faces in photos, on this machine alone: decoding, detection, alignment, templates, matching and grouping.
//!
//! [`Finder`] looks at a photo; `rushes_core::faces::judge` says whose faces those are; [`cluster`] puts those of
//! strangers together, [`propose`] finds people who may be one. The two
//! models are no part of the product: [`models`] says which, and installs them. No process is started and nothing is
//! sent here; folders, people and their names are other rooms'.

mod align;
mod cluster;
mod crop;
mod decode;
mod detect;
mod embed;
mod finder;
pub mod models;
mod propose;
mod quality;
mod resample;
mod run;
#[cfg(test)]
mod tests;

pub use cluster::{MAX_CLUSTERED, cluster};
pub use decode::Decoder;
pub use finder::{Finder, MODEL};
pub use propose::{Likely, Proposals, propose};
pub use run::Runtime;
