//! Shoots as this program has them: what is dropped is taken in, and what doors ask of albums. What becomes of photos and people
//! are the workflows `photos`, `route`, `forget` and `shoot`.

mod intake;
mod stand;

pub(crate) use intake::{Folders, watch};
pub(crate) use stand::{Stand, person_named, selfie};
