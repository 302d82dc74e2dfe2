//! Shoots as this program has them: what is dropped is taken in, and what doors ask of albums. What becomes of photos and people
//! are the workflows `photos`, `route`, `forget` and `shoot`.

pub(crate) mod address;
pub(crate) mod files;
mod folder;
pub(crate) mod incoming;
mod intake;
pub(crate) mod invite;
pub(crate) mod make;
mod propose;
mod stand;
#[cfg(test)]
mod tests;
mod wish;

pub(crate) use intake::{Folders, watch};
pub(crate) use propose::{Merge, Proposed, Proposer};
pub(crate) use stand::{Stand, faces_of, finder, person_named, selfie};
pub(crate) use wish::{Wish, at_most, unknown};
