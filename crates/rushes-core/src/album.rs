//! What is known of the photos of a shoot: faces, people, and what was decided of them; the port of the one local file that
//! keeps it. It never leaves the machine: other rooms see numbers and folders, and names only where people look at them.

pub mod guests;

use crate::codes::Code;
use crate::faces::{Face, Region};
use crate::fault::Fault;
use crate::ids::AssetId;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The longest folder name, bytes.
const FOLDER_MAX: usize = 100;

/// What becomes of people nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// They get a folder of their own, here and in the cloud, from their first good face on.
    #[default]
    Cloud,
    /// Their faces wait for somebody to say who they are.
    Review,
}

/// What a shoot is to do. Stands in its record.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Whether faces are looked for at all: off until somebody turns it on.
    pub is_recognising: bool,
    /// What becomes of people nobody knows.
    pub unknown: Unknown,
    /// A face nearer than this to a person goes to that person's folder.
    pub route_below: f32,
    /// A face nearer than this may be that person's: somebody decides.
    pub review_below: f32,
    /// The second-best person is further away by at least so much, or somebody decides.
    pub margin: f32,
    /// Whether more photos are taken.
    pub is_open: bool,
    /// When the pages of its guests end and everything known of faces is erased, milliseconds since 1970.
    pub expires_ms: Option<i64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            is_recognising: false,
            unknown: Unknown::Cloud,
            route_below: 0.50,
            review_below: 0.60,
            margin: 0.05,
            is_open: true,
            expires_ms: None,
        }
    }
}

impl Rules {
    /// Errors: `input_invalid` where no face could be told from another.
    pub fn check(&self) -> Result<(), Fault> {
        let is_fine = 0.0 < self.route_below
            && self.route_below <= self.review_below
            && self.review_below <= 0.8
            && (0.0..=0.5).contains(&self.margin);
        let why = "0 < route_below <= review_below <= 0.8, and a margin of 0 to 0.5";
        if is_fine { Ok(()) } else { Err(Fault::new(Code::InputInvalid, "set rules of shoot").because(why)) }
    }
}

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

/// How somebody's name stands in paths: `John_Doe`. NFC is the caller's, spaces become `_`, what disks and clouds do not take goes, at
/// most 100 bytes; never empty.
#[must_use]
pub fn folder_of(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let mut folder = String::new();
    for c in words.join("_").chars() {
        let is_bad = c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '#' | '%' | '\'' | '`');
        if is_bad {
            continue;
        }
        // Room for `_999` where another has the name.
        if folder.len() + c.len_utf8() > FOLDER_MAX - 4 {
            break;
        }
        folder.push(c);
    }
    let folder = folder.trim_matches(|c: char| c == '.' || c == '_' || c == '-').to_owned();
    if folder.is_empty() { "Person".to_owned() } else { folder }
}

/// A photo that was looked at.
#[derive(Debug, Clone)]
pub struct NewPhoto {
    /// Where it lay below `Incoming/`.
    pub name: String,
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

/// One person, as the album knows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Person {
    /// Never used again.
    pub number: u32,
    /// As spoken.
    pub name: String,
    /// As it stands in paths.
    pub folder: String,
    /// Somebody said who they are.
    pub is_enrolled: bool,
    /// Shown first.
    pub is_pinned: bool,
    /// When they consented, milliseconds since 1970.
    pub consent_ms: Option<i64>,
    /// How they may be reached.
    pub contact: Option<String>,
    /// Photos they are in.
    pub photos: u32,
    /// Faces that may be theirs.
    pub in_review: u32,
    /// A face to show them by.
    pub face: Option<u32>,
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

/// A photo as the album knows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Photo {
    /// Its number, and its name in folders: `000123`.
    pub number: u32,
    /// Where it lay below `Incoming/`.
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
    /// Folders they had before.
    pub left: Vec<String>,
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

/// Counters of a shoot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Photos.
    pub photos: u32,
    /// Photos without a face.
    pub without_faces: u32,
    /// Faces.
    pub faces: u32,
    /// People.
    pub people: u32,
    /// Of them those somebody enrolled.
    pub enrolled: u32,
    /// Faces somebody must decide of.
    pub in_review: u32,
    /// Photos and people that stand otherwise than they should, for a moment.
    pub unsettled: u32,
}

/// What there is to see in the album of one shoot.
#[async_trait]
pub trait Pictured: Send + Sync {
    /// People, those pinned and enrolled first.
    async fn people(&self) -> Result<Vec<Person>, Fault>;

    /// Photos after this number, at most `limit`; of one person where one is named.
    async fn photos(&self, person: Option<u32>, after: u32, limit: u32) -> Result<Vec<Photo>, Fault>;

    /// Faces: of a photo, or those that wait for somebody to decide.
    async fn faces(&self, photo: Option<u32>, limit: u32) -> Result<Vec<Seen>, Fault>;

    /// The picture of a face, a JPEG; None where there is none any more.
    async fn crop(&self, face: u32) -> Result<Option<Vec<u8>>, Fault>;

    /// Counters.
    async fn counts(&self) -> Result<Counts, Fault>;

    /// What would be undone next: its number, when it was said, and what.
    async fn last_said(&self) -> Result<Option<(i64, i64, String)>, Fault>;
}

/// The album of one shoot. Each write is one durable transaction, and one at a time.
#[async_trait]
pub trait Album: Pictured + guests::Guests {
    /// Takes a photo in and decides whose faces are in it. These bytes are entered once, whoever hands them in again; other
    /// bytes under the same name are a newer version of that photo. Errors: `store_failed`.
    async fn enter(&self, photo: NewPhoto, rules: Rules) -> Result<Entered, Fault>;

    /// The photo these bytes are, where they were taken in before.
    async fn known(&self, sha256: &str) -> Result<Option<Entered>, Fault>;

    /// Carries out what somebody says. Errors: `not_found`, `input_invalid`.
    async fn correct(&self, correction: Correction, rules: Rules) -> Result<Corrected, Fault>;

    /// What is not yet so everywhere: of these photos and whoever is in them, or of all where none are named; at most `limit`
    /// photos.
    async fn wanted(&self, photos: &[u32], limit: u32) -> Result<Wanted, Fault>;

    /// This was carried out. What was decided otherwise meanwhile stays wanted. True where nothing is wanted any more.
    async fn settle(&self, settled: Settled) -> Result<bool, Fault>;

    /// The shoot's days are over: templates, crops, selfies, contacts, links and what could be undone go, and what the disk kept of
    /// them; whose photo is whose stays. False where nothing of the sort was left.
    async fn expire(&self) -> Result<bool, Fault>;

    /// Nobody of that number is anywhere any more: the last traces go from the file, and from what the disk kept of it.
    async fn scrub(&self) -> Result<(), Fault>;
}

/// The albums of this machine.
#[async_trait]
pub trait Albums: Send + Sync {
    /// That of a shoot; made where there is none. Errors: `store_failed`, `io`.
    async fn album(&self, shoot: &str) -> Result<Arc<dyn Album>, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn album_folders_are_what_disks_and_clouds_take() {
        let cases = [
            ("John Doe", "John_Doe"),
            ("  Ana  María ", "Ana_María"),
            ("李小龍", "李小龍"),
            ("a/b\\c:d", "abcd"),
            ("..", "Person"),
            ("", "Person"),
            ("O'Neill #1 100%", "ONeill_1_100"),
        ];
        for (name, folder) in cases {
            assert_eq!(folder_of(name), folder, "{name:?}");
        }
        let long = folder_of(&"ж".repeat(90));
        assert!(long.len() <= FOLDER_MAX - 4 && long.chars().all(|c| c == 'ж'), "{long}");
    }

    #[test]
    fn album_rules_are_checked() {
        Rules::default().check().unwrap();
        for wrong in [Rules { route_below: 0.7, ..Rules::default() }, Rules { margin: -0.1, ..Rules::default() }] {
            assert_eq!(wrong.check().unwrap_err().code, Code::InputInvalid);
        }
    }
}
