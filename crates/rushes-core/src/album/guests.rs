//! Guests of a shoot: what lets them join, and what shows each of them their own photos. Of secrets only hashes are kept.

use super::{Corrected, Rules};
use crate::faces::Face;
use crate::fault::Fault;
use async_trait::async_trait;

/// What lets guests join.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invitation {
    /// The hash of the link's secret; None: nobody joins.
    pub link: Option<String>,
    /// When the link was made, milliseconds since 1970.
    pub made_ms: i64,
    /// The hash of the PIN that is asked for, too.
    pub pin: Option<String>,
}

/// Somebody who consented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guest {
    /// When they did, milliseconds since 1970.
    pub consent_ms: i64,
    /// Who they are, once they showed their face.
    pub person: Option<u32>,
}

/// How a guest shows who they are.
#[derive(Debug, Clone)]
pub struct Joining {
    /// As spoken.
    pub name: String,
    /// One face of each selfie.
    pub selfies: Vec<Face>,
    /// Names what found them.
    pub model: String,
    /// Until when they see their photos, milliseconds since 1970.
    pub until_ms: i64,
}

/// The guests of one shoot.
#[async_trait]
pub trait Guests: Send + Sync {
    /// What lets guests join now.
    async fn invitation(&self) -> Result<Invitation, Fault>;

    /// From now on the link of this hash lets guests join, and no other; None: none does. Who has joined stays.
    async fn invite(&self, link: Option<String>) -> Result<(), Fault>;

    /// From now on guests are asked for the PIN of this hash, or for none.
    async fn ask_pin(&self, pin: Option<String>) -> Result<(), Fault>;

    /// Somebody consents now; the token of this hash is theirs until then.
    async fn admit(&self, token: &str, until_ms: i64) -> Result<(), Fault>;

    /// Whose token this hash is of; None where it is nobody's, has run out, or they are forgotten.
    async fn guest(&self, token: &str) -> Result<Option<Guest>, Fault>;

    /// A guest shows their face: they are enrolled, or are somebody who was. Once for each token. Errors: `not_found` where no such
    /// guest waits; `input_invalid`.
    async fn join(&self, token: &str, joining: Joining, rules: Rules) -> Result<Corrected, Fault>;

    /// The tokens of this person show nothing from now on. Gives how many there were.
    async fn dismiss(&self, person: u32) -> Result<usize, Fault>;
}
