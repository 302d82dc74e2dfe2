//! What is known of the photos of a shoot: faces, people, and what was decided of them; the port of the one local file that
//! keeps it. It never leaves the machine: other rooms see numbers and folders, and names only where people look at them.

mod correct;
pub mod guests;
pub mod incoming;
mod likenesses;
mod people;
mod photos;
mod rules;
mod wanted;

pub use correct::{Corrected, Correction};
pub use likenesses::{Likeness, Likenesses};
pub use people::{Person, folder_of};
pub use photos::{Entered, Group, NewPhoto, Photo, Seen, Stands};
pub use rules::{Rules, Unknown};
pub use wanted::{Settled, Wanted, WantedPerson, WantedPhoto};

use crate::fault::Fault;
use async_trait::async_trait;
use serde::Serialize;
use std::sync::Arc;

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

    /// Who is being forgotten: the album knows nothing of them any more, and elsewhere something may be left.
    async fn forgotten(&self) -> Result<Vec<u32>, Fault>;

    /// What everybody is compared by, of at most `limit` faces, the newest; None where nothing was written since `known`.
    async fn likenesses(&self, known: Option<[u64; 2]>, limit: u32) -> Result<Option<Likenesses>, Fault>;

    /// What would be undone next: its number, when it was said, and what.
    async fn last_said(&self) -> Result<Option<(i64, i64, String)>, Fault>;
}

/// The album of one shoot. Each write is one durable transaction, and one at a time.
#[async_trait]
pub trait Album: Pictured + guests::Guests + incoming::Incoming {
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

    /// The last traces of what was deleted go from the file, and from what the disk kept of it.
    async fn scrub(&self) -> Result<(), Fault>;

    /// Nothing of these is anywhere any more: nobody is left to forget. Others than those forgotten stay.
    async fn forgot(&self, people: &[u32]) -> Result<(), Fault>;
}

/// The albums of this machine.
#[async_trait]
pub trait Albums: Send + Sync {
    /// That of a shoot; made where there is none. Errors: `store_failed`, `io`.
    async fn album(&self, shoot: &str) -> Result<Arc<dyn Album>, Fault>;
}
