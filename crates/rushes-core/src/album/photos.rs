//! Photos of an album, and the faces in them.

use crate::faces::{Face, Region};
use crate::ids::AssetId;
use serde::{Deserialize, Serialize};

/// One in it, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Group {
    /// One person's photo.
    Solo,
    /// A photo of several.
    Group,
}

impl Group {
    /// The folder's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Solo => "Solo",
            Self::Group => "Group",
        }
    }
}

/// A photo that was looked at.
#[derive(Debug, Clone)]
pub struct NewPhoto {
    /// Where it lay below `Incoming/`; its whole path, where it lay in another folder.
    pub name: String,
    /// When it was taken, as its camera noted it; None where nothing is noted. Another photo of its name that was taken at another
    /// time is no edit of it.
    pub taken_at: Option<String>,
    /// Of its bytes.
    pub sha256: String,
    /// Of its type.
    pub extension: String,
    /// The asset it becomes, unless it is known.
    pub original: AssetId,
    /// Names what found the faces; empty where faces were not looked for.
    pub model: String,
    /// What was found.
    pub faces: Vec<Face>,
    /// Several of the faces count.
    pub group: Group,
}

/// What became of a photo that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Its number.
    pub photo: u32,
    /// The asset of its bytes.
    pub original: AssetId,
    /// These very bytes were here before, perhaps under another name.
    pub is_known: bool,
    /// They stand for an earlier version of the photo.
    pub is_edited: bool,
}

/// A photo as the album knows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Photo {
    /// Its number, and its name in folders: `000123`.
    pub number: u32,
    /// Where it lay below `Incoming/`; its whole path, where it lay in another folder.
    pub name: String,
    /// Of its bytes.
    pub sha256: String,
    /// Of its type.
    pub extension: String,
    /// The asset of its bytes.
    pub original: AssetId,
    /// The asset of the first bytes it had, which what was made of any of its versions is known by.
    pub first: AssetId,
    /// Solo or Group.
    pub group: Group,
    /// When it was entered, milliseconds since 1970.
    pub entered_ms: i64,
    /// Faces found in it.
    pub faces: u32,
}

impl Photo {
    /// As folders show it: `000123`.
    #[must_use]
    pub fn stem(number: u32) -> String {
        format!("{number:06}")
    }
}

/// How a face stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// A person's.
    Routed,
    /// Perhaps this person's: somebody decides.
    Review,
    /// Nobody's that is known.
    Unknown,
    /// No face at all, somebody said.
    NotAFace,
}

impl Stands {
    /// All, and how they are written.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Routed, "routed"), (Self::Review, "review"), (Self::Unknown, "unknown"), (Self::NotAFace, "not_a_face")];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(stands, _)| *stands == self).map_or("", |(_, name)| name)
    }

    /// What is written so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == name).map(|(stands, _)| *stands)
    }
}

/// A face of a photo, and why it stands as it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its number.
    pub face: u32,
    /// The photo it is in.
    pub photo: u32,
    /// Where.
    pub region: Region,
    /// How it stands.
    pub stands: Stands,
    /// The person it is, or may be.
    pub person: Option<u32>,
    /// From that person.
    pub distance: Option<f32>,
    /// Why, in a few words.
    pub why: String,
    /// Somebody said so.
    pub is_fixed: bool,
    /// How well it is seen.
    pub quality: crate::faces::Quality,
}
