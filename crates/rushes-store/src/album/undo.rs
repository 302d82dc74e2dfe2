//! How faces and people stood before a correction, so that it can be undone.

use super::decide::touch_photo;
use super::people::{keep_known, leave, leave_folder, name, touch_person};
use super::{Writing, all, change, one};
use rushes_core::album::Corrected;
use rushes_core::{Code, Fault};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Corrections kept.
const KEPT_MAX: u32 = 500;

/// How a face stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Face {
    photo: u32,
    stands: String,
    person: Option<u32>,
    distance: Option<f64>,
    why: String,
    is_fixed: bool,
    is_founder: bool,
}

/// How a person stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Person {
    name: String,
    folder: String,
    is_enrolled: bool,
    is_pinned: bool,
    is_gone: bool,
    consent_ms: Option<i64>,
    contact: Option<String>,
    /// Corrections that were written before there were such tell of none.
    #[serde(default)]
    is_local: bool,
}

impl Person {
    /// On this machine alone.
    fn is_here(&self) -> bool {
        self.is_local && !self.is_enrolled
    }
}

/// How everything stood.
pub(super) struct Before {
    faces: BTreeMap<u32, Face>,
    people: BTreeMap<u32, Person>,
    ruled_out: BTreeSet<(u32, u32)>,
    different: BTreeSet<(u32, u32)>,
    /// Whose each is.
    selfies: BTreeMap<u32, u32>,
    guests: BTreeMap<u32, u32>,
}

/// What is to be put back.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Back {
    faces: BTreeMap<u32, Face>,
    /// None where there was nobody of that number.
    people: BTreeMap<u32, Option<Person>>,
    /// Pairs that were not ruled out.
    allowed: Vec<(u32, u32)>,
    /// … and those that were.
    #[serde(default)]
    ruled_out: Vec<(u32, u32)>,
    /// People who were not told apart.
    #[serde(default)]
    different: Vec<(u32, u32)>,
    /// Selfies that were not there.
    selfies: Vec<u32>,
    /// Whose selfies were that are another's now.
    selfies_of: Vec<(u32, u32)>,
    /// … and guests.
    guests_of: Vec<(u32, u32)>,
}

impl Before {
    pub(super) fn of(sql: &Connection) -> Result<Self, Fault> {
        let faces = all(sql, "SELECT id, photo, stands, person, distance, why, is_fixed, is_founder FROM faces", [], |row| {
            let face = Face {
                photo: row.get(1)?,
                stands: row.get(2)?,
                person: row.get(3)?,
                distance: row.get(4)?,
                why: row.get(5)?,
                is_fixed: row.get(6)?,
                is_founder: row.get(7)?,
            };
            Ok((row.get(0)?, face))
        })?;
        let people = all(
            sql,
            "SELECT number, name, folder, is_enrolled, is_pinned, is_gone, consent_ms, contact, is_local FROM people",
            [],
            |row| {
                let person = Person {
                    name: row.get(1)?,
                    folder: row.get(2)?,
                    is_enrolled: row.get(3)?,
                    is_pinned: row.get(4)?,
                    is_gone: row.get(5)?,
                    consent_ms: row.get(6)?,
                    contact: row.get(7)?,
                    is_local: row.get(8)?,
                };
                Ok((row.get(0)?, person))
            },
        )?;
        let pairs = |question: &str| all(sql, question, [], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(Self {
            faces: faces.into_iter().collect(),
            people: people.into_iter().collect(),
            ruled_out: pairs("SELECT face, person FROM ruled_out")?.into_iter().collect(),
            different: pairs("SELECT person, other FROM different")?.into_iter().collect(),
            selfies: pairs("SELECT id, person FROM selfies")?.into_iter().collect(),
            guests: pairs("SELECT id, person FROM guests WHERE person IS NOT NULL")?.into_iter().collect(),
        })
    }

    /// Writes down what a correction changed, and that every photo and person it changed is to stand otherwise. Gives how many photos.
    pub(super) fn keep(&self, write: &Writing<'_>, what: &str, is_kept: bool) -> Result<u32, Fault> {
        let now = Self::of(write.sql)?;
        let back = Back {
            faces: self.faces.iter().filter(|(id, face)| now.faces.get(id) != Some(face)).map(|(id, face)| (*id, face.clone())).collect(),
            people: now
                .people
                .iter()
                .filter(|(number, person)| self.people.get(number) != Some(person))
                .map(|(number, _)| (*number, self.people.get(number).cloned()))
                .collect(),
            allowed: now.ruled_out.difference(&self.ruled_out).copied().collect(),
            ruled_out: self.ruled_out.difference(&now.ruled_out).copied().collect(),
            different: now.different.difference(&self.different).copied().collect(),
            selfies: now.selfies.keys().filter(|id| !self.selfies.contains_key(id)).copied().collect(),
            selfies_of: moved_from(&self.selfies, &now.selfies),
            guests_of: moved_from(&self.guests, &now.guests),
        };
        let routed = |face: Option<&Face>| face.and_then(|face| face.person.filter(|_| face.stands == "routed"));
        let is_other = |id: &u32| routed(self.faces.get(id)) != routed(now.faces.get(id));
        let mut photos: BTreeSet<u32> = back.faces.iter().filter(|(id, _)| is_other(id)).map(|(_, face)| face.photo).collect();
        // Whoever has another folder has it in every photo.
        let moved: BTreeSet<u32> = back.people.keys().copied().collect();
        photos.extend(
            now.faces.values().filter(|face| routed(Some(face)).is_some_and(|person| moved.contains(&person))).map(|face| face.photo),
        );
        for photo in &photos {
            touch_photo(write.sql, *photo)?;
        }
        for person in back.people.keys() {
            touch_person(write.sql, *person)?;
        }
        // What changes nothing leaves nothing to undo.
        if is_kept && back != Back::default() {
            let before = serde_json::to_string(&back).map_err(|e| Fault::new(Code::StoreFailed, "keep correction").because(e))?;
            change(write.sql, "INSERT INTO corrections(at_ms, what, before) VALUES (?1, ?2, ?3)", params![write.now_ms, what, before])?;
            change(write.sql, "DELETE FROM corrections WHERE id <= (SELECT max(id) FROM corrections) - ?1", [KEPT_MAX])?;
        }
        Ok(u32::try_from(photos.len()).unwrap_or(u32::MAX))
    }
}

/// Whose they were that are another's now.
fn moved_from(before: &BTreeMap<u32, u32>, now: &BTreeMap<u32, u32>) -> Vec<(u32, u32)> {
    before.iter().filter(|(id, person)| now.get(id).is_some_and(|other| other != *person)).map(|(id, person)| (*id, *person)).collect()
}

/// Puts back what the last correction changed. Errors: `not_found` where there is none.
pub(super) fn undo(write: &Writing<'_>) -> Result<Corrected, Fault> {
    let sql = write.sql;
    let last = one(sql, "SELECT id, what, before FROM corrections ORDER BY id DESC LIMIT 1", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let nothing = || Fault::new(Code::NotFound, "undo correction").because("nothing that was said is left to undo");
    let (id, what, before) = last.ok_or_else(nothing)?;
    let back: Back = serde_json::from_str(&before).map_err(|e| Fault::new(Code::StoreFailed, "read correction").because(e))?;
    let standing = Before::of(sql)?;
    for (face, stood) in &back.faces {
        let statement = "UPDATE faces SET stands = ?2, person = ?3, distance = ?4, why = ?5, is_fixed = ?6, is_founder = ?7 WHERE id = ?1";
        change(sql, statement, params![face, stood.stands, stood.person, stood.distance, stood.why, stood.is_fixed, stood.is_founder])?;
    }
    for (face, person) in &back.allowed {
        change(sql, "DELETE FROM ruled_out WHERE face = ?1 AND person = ?2", params![face, person])?;
    }
    for (face, person) in &back.ruled_out {
        let statement = "INSERT OR IGNORE INTO ruled_out(face, person) SELECT id, ?2 FROM faces WHERE id = ?1";
        change(sql, statement, params![face, person])?;
    }
    for (person, other) in &back.different {
        change(sql, "DELETE FROM different WHERE person = ?1 AND other = ?2", params![person, other])?;
    }
    for selfie in &back.selfies {
        change(sql, "DELETE FROM selfies WHERE id = ?1", [selfie])?;
    }
    for (selfie, person) in &back.selfies_of {
        change(sql, "UPDATE selfies SET person = ?2 WHERE id = ?1", params![selfie, person])?;
    }
    for (guest, person) in &back.guests_of {
        change(sql, "UPDATE guests SET person = ?2 WHERE id = ?1", params![guest, person])?;
    }
    // Whoever came goes first: their folder may be the one somebody gets back.
    for (number, _) in back.people.iter().filter(|(_, stood)| stood.as_ref().is_none_or(|stood| stood.is_gone)) {
        leave(sql, *number)?;
    }
    for (number, stood) in &back.people {
        let Some(stood) = stood.as_ref().filter(|stood| !stood.is_gone) else { continue };
        if standing.people.get(number).is_some_and(|stands| !stands.is_gone && !stands.is_here() && stood.is_here()) {
            // Elsewhere it goes, even where it is called the same here.
            leave_folder(sql, *number)?;
        }
        let statement =
            "UPDATE people SET is_enrolled = ?2, is_pinned = ?3, is_gone = 0, became = NULL, consent_ms = ?4, contact = ?5, is_local = ?6
            WHERE number = ?1";
        let is_gone = one(sql, "SELECT is_gone FROM people WHERE number = ?1", [number], |row| row.get::<_, bool>(0))?.unwrap_or(false);
        if is_gone {
            // Until it has its name again, a folder that nobody else has.
            change(sql, "UPDATE people SET folder = '.' || number WHERE number = ?1", [number])?;
        }
        change(sql, statement, params![number, stood.is_enrolled, stood.is_pinned, stood.consent_ms, stood.contact, stood.is_local])?;
        name(sql, *number, &stood.name)?;
    }
    change(sql, "DELETE FROM corrections WHERE id = ?1", [id])?;
    keep_known(sql)?;
    let photos = standing.keep(write, "", false)?;
    Ok(Corrected { person: None, photos, undone: Some(what) })
}
