//! What an album has decided, and what of it is not yet so everywhere.

use super::photos::Photo;
use serde::{Deserialize, Serialize};

/// Where a photo should stand now.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedPhoto {
    /// Which.
    pub photo: Photo,
    /// The numbers of those it belongs to.
    pub people: Vec<u32>,
    /// Of the decisions it follows from.
    pub rev: i64,
}

/// How a person should stand now.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedPerson {
    /// Which.
    pub number: u32,
    /// As spoken; None where there is nobody of that number any more.
    pub shown: Option<(String, String)>,
    /// They are on this machine alone: nothing elsewhere tells of them.
    pub is_here: bool,
    /// Folders they had before, here and elsewhere.
    pub left: Vec<String>,
    /// Folders they had before, here alone.
    pub left_here: Vec<String>,
    /// Of the decisions it follows from.
    pub rev: i64,
}

/// What was decided and is not yet so everywhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// People, by number.
    pub people: Vec<WantedPerson>,
    /// Photos, by number.
    pub photos: Vec<WantedPhoto>,
    /// Whether others are wanted, too.
    pub has_more: bool,
}

impl Wanted {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty() && self.photos.is_empty()
    }
}

/// What was carried out: numbers and the decisions they followed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// People.
    pub people: Vec<(u32, i64)>,
    /// Photos.
    pub photos: Vec<(u32, i64)>,
}
