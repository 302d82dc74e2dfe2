//! What people of an album are compared by, to find those who may be one.

use crate::faces::Template;
use std::collections::BTreeSet;

/// Somebody, or a face of nobody, and what they are compared by.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// The person's number, or the face's.
    pub number: u32,
    /// Of faces that are seen well and of selfies, at least one, all of one model.
    pub templates: Vec<Template>,
    /// Photos they stand in, by whatever face.
    pub photos: BTreeSet<u32>,
}

/// Everybody of an album, to be compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Likenesses {
    /// Names how the album stands: another one where anything was written since. It holds while the album is open.
    pub state: [u64; 2],
    /// People, by number.
    pub people: Vec<Likeness>,
    /// Faces of nobody, the oldest first.
    pub strangers: Vec<Likeness>,
    /// People of whom somebody said that they are not one, the lower number first: of both, or of a face of one.
    pub apart: BTreeSet<(u32, u32)>,
}
