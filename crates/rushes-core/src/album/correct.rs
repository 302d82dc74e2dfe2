//! What somebody says about people and faces.

use crate::faces::Face;
use serde::Serialize;

/// Something somebody says about people and faces. It holds until it is undone, whatever comes later.
#[derive(Debug, Clone)]
pub enum Correction {
    /// This is who they are: by one to five selfies, and with their consent.
    Enrol {
        /// As spoken.
        name: String,
        /// One face of each selfie.
        selfies: Vec<Face>,
        /// Names what found them.
        model: String,
        /// When they consented, milliseconds since 1970.
        consent_ms: i64,
        /// How they may be reached.
        contact: Option<String>,
    },
    /// They are called otherwise.
    Rename {
        /// Who.
        person: u32,
        /// As spoken.
        name: String,
    },
    /// Both are one.
    Merge {
        /// Who stays.
        into: u32,
        /// Who becomes that one.
        from: u32,
    },
    /// They are not one, however like.
    Different {
        /// Who.
        person: u32,
        /// Who else.
        other: u32,
    },
    /// These faces of nobody are one person's, somebody new.
    Found {
        /// Faces, each of another photo.
        faces: Vec<u32>,
    },
    /// These faces of a person are another's.
    Split {
        /// Faces, all of one person.
        faces: Vec<u32>,
    },
    /// This face is this person's.
    Confirm {
        /// Which.
        face: u32,
        /// Whose.
        person: u32,
    },
    /// This face is not this person's.
    NotThisPerson {
        /// Which.
        face: u32,
        /// Not whose.
        person: u32,
    },
    /// This is no face.
    NotAFace {
        /// Which.
        face: u32,
    },
    /// Shown first, or no more.
    Pin {
        /// Who.
        person: u32,
        /// Whether.
        is_pinned: bool,
    },
    /// What was said last and not undone is not so.
    Undo,
    /// Nothing of them stays: not their template, faces, name nor links; and nothing of that can be undone.
    Forget {
        /// Who.
        person: u32,
    },
}

/// What a correction came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Corrected {
    /// Whom it is about, where it is about one person.
    pub person: Option<u32>,
    /// Photos that stand otherwise now.
    pub photos: u32,
    /// What was undone, in words.
    pub undone: Option<String>,
}
