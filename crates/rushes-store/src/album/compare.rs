//! What people are compared by: faces that are seen well, selfies, photos they stand in, and who was told apart.

use super::{Writing, all, change, one};
use crate::album::decide::template;
use crate::album::people::must_be;
use rushes_core::album::{Likeness, Likenesses, Rules, Unknown};
use rushes_core::faces::judge::may_found;
use rushes_core::faces::{Quality, Template};
use rushes_core::{Code, Fault};
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeMap, BTreeSet};

/// One face: its number, its photo, whose it is.
struct Seen {
    face: u32,
    photo: u32,
    person: Option<u32>,
    template: Template,
}

pub(super) fn likenesses(sql: &Connection, known: Option<[u64; 2]>, limit: u32) -> Result<Option<Likenesses>, Fault> {
    // The first tells of what others write, the second of what is written here.
    let others: i64 = one(sql, "PRAGMA data_version", [], |row| row.get(0))?.unwrap_or_default();
    let state = [others.unsigned_abs(), sql.total_changes()];
    if known == Some(state) {
        return Ok(None);
    }
    let mut found = Likenesses { state, apart: apart(sql)?, ..Likenesses::default() };
    // Templates of another model say nothing.
    let newest = "SELECT model FROM faces WHERE length(template) > 0 ORDER BY id DESC LIMIT 1";
    let Some(model) = one(sql, newest, [], |row| row.get::<_, String>(0))? else { return Ok(Some(found)) };
    let mut people: BTreeMap<u32, Vec<Template>> = BTreeMap::new();
    for seen in seen_well(sql, &model, limit)? {
        match seen.person {
            Some(person) => people.entry(person).or_default().push(seen.template),
            None => found.strangers.push(Likeness { number: seen.face, templates: vec![seen.template], photos: [seen.photo].into() }),
        }
    }
    let selfies = "SELECT person, template FROM selfies WHERE model = ?1 ORDER BY id DESC LIMIT ?2";
    for (person, selfie) in all(sql, selfies, params![model, limit], |row| Ok((row.get::<_, u32>(0)?, template(row, 1)?)))? {
        people.entry(person).or_default().push(selfie);
    }
    let mut photos: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    let standing = "SELECT person, photo FROM faces WHERE stands = 'routed'";
    for (person, photo) in all(sql, standing, [], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?)))? {
        photos.entry(person).or_default().insert(photo);
    }
    let likeness = |(number, templates)| Likeness { number, templates, photos: photos.remove(&number).unwrap_or_default() };
    found.people = people.into_iter().map(likeness).collect();
    Ok(Some(found))
}

/// Faces that are somebody's, or nobody's: the newest, the oldest of them first.
fn seen_well(sql: &Connection, model: &str, limit: u32) -> Result<Vec<Seen>, Fault> {
    let question = "SELECT id, photo, person, template, score, size_px, sharpness, turn FROM faces
        WHERE model = ?1 AND stands IN ('routed', 'unknown') AND length(template) > 0 ORDER BY id DESC LIMIT ?2";
    let row = |row: &Row<'_>| {
        let seen = Seen { face: row.get(0)?, photo: row.get(1)?, person: row.get(2)?, template: template(row, 3)? };
        Ok((seen, Quality { score: row.get(4)?, size_px: row.get(5)?, sharpness: row.get(6)?, turn: row.get(7)? }))
    };
    let mut faces = all(sql, question, params![model, limit], row)?;
    faces.reverse();
    Ok(faces.into_iter().filter(|(_, quality)| may_found(quality)).map(|(seen, _)| seen).collect())
}

/// Who is not one: those of whom somebody said so, and those of whom one has a face that somebody ruled out for the other; whoever
/// they turned out to be.
pub(super) fn apart(sql: &Connection) -> Result<BTreeSet<(u32, u32)>, Fault> {
    let pair = |row: &Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?));
    let became: BTreeMap<u32, u32> =
        all(sql, "SELECT number, became FROM people WHERE became IS NOT NULL", [], pair)?.into_iter().collect();
    let now = |mut person: u32| {
        // Nobody turns out to be themselves again, however long the way is.
        for _ in 0..became.len() {
            person = became.get(&person).copied().unwrap_or(person);
        }
        person
    };
    let said = "SELECT person, other FROM different
        UNION SELECT f.person, r.person FROM ruled_out r JOIN faces f ON f.id = r.face WHERE f.stands = 'routed'";
    let named = all(sql, said, [], pair)?.into_iter().map(|(one, other)| (now(one), now(other)));
    Ok(named.filter(|(one, other)| one != other).map(|(one, other)| (one.min(other), one.max(other))).collect())
}

/// They are not one, whoever else turns out to be one of them. Errors: `not_found`, `input_invalid`.
pub(super) fn different(sql: &Connection, person: u32, other: u32) -> Result<(), Fault> {
    must_be(sql, person)?;
    must_be(sql, other)?;
    if person == other {
        return Err(Fault::new(Code::InputInvalid, "tell people apart").because("that is one person"));
    }
    let statement = "INSERT OR IGNORE INTO different(person, other) VALUES (?1, ?2)";
    change(sql, statement, params![person.min(other), person.max(other)]).map(drop)
}

/// Somebody new, whose these faces of nobody are. Errors: `not_found`, `input_invalid`.
pub(super) fn found(write: &Writing<'_>, faces: &[u32], rules: &Rules) -> Result<u32, Fault> {
    let refuse = |reason: &str| Err(Fault::new(Code::InputInvalid, "found person").because(reason));
    if faces.is_empty() {
        return refuse("name at least one face");
    }
    for face in faces {
        let stands: Option<String> = one(write.sql, "SELECT stands FROM faces WHERE id = ?1", [face], |row| row.get(0))?;
        match stands.as_deref() {
            Some("unknown") => {}
            Some(_) => return refuse("the faces are nobody's; `rushes people review` lists those that may be one person's"),
            None => return Err(Fault::new(Code::NotFound, "find face").with("face", face)),
        }
    }
    let person = super::people::found(write, rules.unknown == Unknown::Local)?;
    for face in faces {
        super::correct::confirm(write.sql, *face, person)?;
    }
    Ok(person)
}
