//! What the studio's workflows are built from: a character and its pictures, dances on references, and everything that is
//! made of one dance. The workflows say in which order.

pub(crate) mod choose;
pub(crate) mod companions;
pub(crate) mod complete;
pub(crate) mod cut;
pub(crate) mod dances;
pub(crate) mod deliverables;
pub(crate) mod films;
pub(crate) mod find;
pub(crate) mod known;
pub(crate) mod listen;
pub(crate) mod people;
pub(crate) mod pictures;
pub mod references;
pub(crate) mod set;
pub(crate) mod survey;

use crate::kit::Kit;
use rushes_core::flow::hash;
use rushes_core::kinds::Names;
use rushes_core::provider::Concept;
use rushes_core::recognise::PRIMARY;
use rushes_core::{AssetRef, Kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One character at work, in one job.
pub(crate) struct Studio<'a, F> {
    pub(crate) flow: &'a F,
    pub(crate) kit: &'a Kit,
    pub(crate) person: Person,
    /// What is made is kept back until all of it is shown at once.
    pub(crate) is_aside: bool,
}

impl<'a, F> Studio<'a, F> {
    /// Everything made is shown as it is made.
    pub(crate) fn new(flow: &'a F, kit: &'a Kit, person: Person) -> Self {
        Self { flow, kit, person, is_aside: false }
    }
}

/// A character that exists: its concept and its subject's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) concept: Concept,
    /// Which take: another number makes everything anew.
    pub(crate) redo: u32,
}

impl Person {
    /// The seed of what is random about movement, cuts and music: one for a take, so that its films dance alike.
    pub(crate) fn take_seed(&self) -> u64 {
        seed_of_take(self.concept.seed, self.redo)
    }
}

/// A seed for another take; the first one's is the seed itself.
pub(crate) fn seed_of_take(seed: u64, take: u32) -> u64 {
    if take == 0 { seed } else { seed_of(&("take", seed, take)) }
}

/// A seed that follows from this: 53 bits, at most [`crate::outside::SEED_MAX`].
pub(crate) fn seed_of(what: &impl Serialize) -> u64 {
    // Hex digits are always a number.
    u64::from_str_radix(&hash(what)[..13], 16).unwrap_or_default()
}

/// A reference as taken in: its asset, the name its dance's path carries, and the title of the dance on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Followed {
    pub(crate) asset: AssetRef,
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) has_sound: bool,
    /// `primary`, `alternate_1`, …
    pub(crate) title: String,
}

impl Followed {
    /// What fills the paths of everything danced on it.
    pub(crate) fn names(&self) -> Names {
        Names::from([("ref".to_owned(), self.name.clone())])
    }

    /// The title of a set made from its dance: those of the primary dance as they are, others with `@` and the reference
    /// behind them, so that no set takes another's place.
    pub(crate) fn titled(&self, set: &str) -> String {
        if self.title == PRIMARY { set.to_owned() } else { format!("{set}@{}", self.name) }
    }

    /// [`Followed::titled`] of what a kind belongs to by itself.
    pub(crate) fn title_of(&self, kind: Kind) -> String {
        self.titled(kind.own_title().unwrap_or(PRIMARY))
    }
}

/// `primary`, `alternate_1`, `alternate_2`, …
pub(crate) fn title(index: usize) -> String {
    if index == 0 { PRIMARY.to_owned() } else { format!("alternate_{index}") }
}

/// The first title that none of these dances, by reference, has.
pub(crate) fn next_title(titles: &BTreeMap<String, String>) -> String {
    let is_free = |wanted: &String| titles.values().all(|title| title != wanted);
    // Of one more than there are, one is free.
    (0..=titles.len()).map(title).find(is_free).unwrap_or_else(|| title(titles.len()))
}
