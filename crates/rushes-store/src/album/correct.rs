//! What somebody says about people and faces, carried out in one transaction. What it changes is judged anew around it.

use super::compare;
use super::decide::{alike, judge_photo, template, templates_of};
use super::people::{IS_HERE, keep_known, leave, must_be, name};
use super::undo::{Before, undo};
use super::{Writing, all, change, one};
use rushes_core::album::{Corrected, Correction, Rules, Unknown, folder_of};
use rushes_core::faces::{Face, Template, judge};
use rushes_core::{Code, Fault};
use rusqlite::{Connection, params};
use unicode_normalization::UnicodeNormalization;

/// Selfies of one person at most.
const SELFIES_MAX: usize = 5;

pub(super) fn correct(write: &Writing<'_>, correction: Correction, rules: &Rules) -> Result<Corrected, Fault> {
    let sql = write.sql;
    let before = Before::of(sql)?;
    let (what, person, is_kept) = match correction {
        Correction::Undo => return undo(write),
        Correction::Enrol { name, selfies, model, consent_ms, contact } => {
            let person = enrol(write, (&name, contact.as_deref()), (&selfies, &model), consent_ms, rules)?;
            ("enrol".to_owned(), Some(person), true)
        }
        Correction::Rename { person, name: new } => {
            must_be(sql, person)?;
            name(sql, person, &new)?;
            (format!("rename {person}"), Some(person), true)
        }
        Correction::Merge { into, from } => {
            merge(sql, into, from)?;
            judge_like(write, into, rules)?;
            (format!("merge {from} into {into}"), Some(into), true)
        }
        Correction::Different { person, other } => {
            compare::different(sql, person, other)?;
            (format!("different {person} {other}"), Some(person), true)
        }
        Correction::Found { faces } => {
            let person = compare::found(write, &faces, rules)?;
            judge_like(write, person, rules)?;
            ("found".to_owned(), Some(person), true)
        }
        Correction::Split { faces } => {
            let person = split(write, &faces, rules)?;
            judge_like(write, person, rules)?;
            ("split".to_owned(), Some(person), true)
        }
        Correction::Confirm { face, person } => {
            confirm(sql, face, person)?;
            judge_like(write, person, rules)?;
            (format!("face {face} is {person}"), Some(person), true)
        }
        Correction::NotThisPerson { face, person } => {
            not_this_person(write, face, person, rules)?;
            (format!("face {face} is not {person}"), Some(person), true)
        }
        Correction::NotAFace { face } => {
            let photo = photo_of(sql, face)?;
            let statement = "UPDATE faces SET stands = 'not_a_face', person = NULL, distance = NULL, why = 'somebody said so', is_fixed = 1, is_founder = 0 WHERE id = ?1";
            change(sql, statement, [face])?;
            judge_photo(write, photo, rules)?;
            (format!("face {face} is none"), None, true)
        }
        Correction::Pin { person, is_pinned } => {
            must_be(sql, person)?;
            change(sql, "UPDATE people SET is_pinned = ?2 WHERE number = ?1", params![person, is_pinned])?;
            (format!("pin {person}"), Some(person), true)
        }
        Correction::Forget { person } => {
            forget(sql, person)?;
            (String::new(), Some(person), false)
        }
    };
    keep_known(sql)?;
    let photos = before.keep(write, &what, is_kept)?;
    Ok(Corrected { person, photos, undone: None })
}

/// Errors: `not_found`.
fn photo_of(sql: &Connection, face: u32) -> Result<u32, Fault> {
    let photo = one(sql, "SELECT photo FROM faces WHERE id = ?1", [face], |row| row.get(0))?;
    photo.ok_or_else(|| Fault::new(Code::NotFound, "find face").with("face", face))
}

/// What selfies of one person are compared by. Errors: `input_invalid` where they are of several, too few or too many.
pub(super) fn of_one(selfies: &[Face], rules: &Rules) -> Result<Vec<Template>, Fault> {
    let refuse = |reason: String| Err(Fault::new(Code::InputInvalid, "enrol person").because(reason));
    if selfies.is_empty() || selfies.len() > SELFIES_MAX {
        return refuse(format!("one to {SELFIES_MAX} selfies are needed"));
    }
    let templates: Vec<Template> = selfies.iter().map(|face| face.template.clone()).collect();
    let spread = templates.iter().flat_map(|one| templates.iter().map(move |other| one.distance(other))).fold(0.0, f32::max);
    if spread >= rules.review_below {
        return refuse("the selfies show different people; take them again, alone".into());
    }
    Ok(templates)
}

/// Somebody says who they are: whoever was founded by a face like theirs is them, and everything like them is looked at again.
fn enrol(
    write: &Writing<'_>,
    (called, contact): (&str, Option<&str>),
    (selfies, model): (&[Face], &str),
    consent_ms: i64,
    rules: &Rules,
) -> Result<u32, Fault> {
    let sql = write.sql;
    let templates = of_one(selfies, rules)?;
    let is_like = |person: u32| -> Result<bool, Fault> {
        let known = templates_of(sql, person)?;
        Ok(templates.iter().any(|selfie| judge::distance(selfie, &known) < rules.route_below))
    };
    let nameless =
        all(sql, "SELECT number FROM people WHERE is_gone = 0 AND is_enrolled = 0 ORDER BY number", [], |row| row.get::<_, u32>(0))?;
    let mut like = Vec::new();
    for person in nameless {
        if is_like(person)? {
            like.push(person);
        }
    }
    // Said once more of the same face, perhaps because the first time nobody heard the answer, it is said of the same person.
    if let Some(again) = alike(sql, &templates, rules)?
        && is_called(sql, again, called)?
    {
        like.insert(0, again);
    }
    let person = match like.split_first() {
        Some((first, others)) => {
            // Those that somebody told apart stay two, however like.
            for other in others {
                if !compare::apart(sql)?.contains(&((*first).min(*other), (*first).max(*other))) {
                    merge(sql, *first, *other)?;
                }
            }
            *first
        }
        None => super::people::found(write, false)?,
    };
    name(sql, person, called)?;
    let statement =
        "UPDATE people SET is_enrolled = 1, consent_ms = coalesce(consent_ms, ?2), contact = coalesce(?3, contact) WHERE number = ?1";
    change(sql, statement, params![person, consent_ms, contact])?;
    for face in selfies {
        let statement = "INSERT INTO selfies(person, model, template, crop) SELECT ?1, ?2, ?3, ?4
            WHERE NOT EXISTS (SELECT 1 FROM selfies WHERE person = ?1 AND template = ?3)";
        change(sql, statement, params![person, model, face.template.to_bytes(), face.crop])?;
    }
    judge_like(write, person, rules)?;
    Ok(person)
}

fn is_called(sql: &Connection, person: u32, name: &str) -> Result<bool, Fault> {
    let own: Option<String> = one(sql, "SELECT name FROM people WHERE number = ?1", [person], |row| row.get(0))?;
    Ok(own.is_some_and(|own| own.to_lowercase() == name.trim().nfc().collect::<String>().to_lowercase()))
}

/// Judges every photo anew that has a face like this person's of which nobody has decided.
fn judge_like(write: &Writing<'_>, person: u32, rules: &Rules) -> Result<(), Fault> {
    let known = templates_of(write.sql, person)?;
    let open = all(
        write.sql,
        "SELECT photo, template, person FROM faces WHERE is_fixed = 0 AND is_founder = 0 AND length(template) > 0",
        [],
        |row| Ok((row.get::<_, u32>(0)?, template(row, 1)?, row.get::<_, Option<u32>>(2)?)),
    )?;
    let mut last = None;
    for (photo, face, of) in open {
        let is_near = of == Some(person) || judge::distance(&face, &known) < rules.review_below;
        if is_near && last.replace(photo) != Some(photo) {
            judge_photo(write, photo, rules)?;
        }
    }
    Ok(())
}

/// Both are one: faces, selfies and what was ruled out go over.
fn merge(sql: &Connection, into: u32, from: u32) -> Result<(), Fault> {
    must_be(sql, into)?;
    must_be(sql, from)?;
    if into == from {
        return Err(Fault::new(Code::InputInvalid, "merge people").because("they are one already"));
    }
    let both = "SELECT 1 FROM faces a JOIN faces b ON b.photo = a.photo WHERE a.person = ?1 AND b.person = ?2 AND a.stands = 'routed' AND b.stands = 'routed'
        AND a.is_fixed = 1 AND b.is_fixed = 1";
    if one(sql, both, params![into, from], |_| Ok(()))?.is_some() {
        let reason = "somebody confirmed both in one photo; say there whose face it is, then merge";
        return Err(Fault::new(Code::InputInvalid, "merge people").because(reason));
    }
    change(sql, "UPDATE selfies SET person = ?1 WHERE person = ?2", params![into, from])?;
    change(sql, "UPDATE guests SET person = ?1 WHERE person = ?2", params![into, from])?;
    // What founded one of two stays a face they are known by.
    change(
        sql,
        "UPDATE faces SET person = ?1, is_fixed = max(is_fixed, is_founder), is_founder = 0 WHERE person = ?2",
        params![into, from],
    )?;
    change(sql, "UPDATE OR IGNORE ruled_out SET person = ?1 WHERE person = ?2", params![into, from])?;
    change(
        sql,
        "UPDATE people SET is_enrolled = max(is_enrolled, (SELECT is_enrolled FROM people WHERE number = ?2)),
        is_pinned = max(is_pinned, (SELECT is_pinned FROM people WHERE number = ?2)),
        consent_ms = coalesce(consent_ms, (SELECT consent_ms FROM people WHERE number = ?2)),
        contact = coalesce(contact, (SELECT contact FROM people WHERE number = ?2)) WHERE number = ?1",
        params![into, from],
    )?;
    change(sql, "UPDATE people SET became = ?1 WHERE number = ?2", params![into, from])?;
    leave(sql, from)
}

/// These faces are somebody else's, whom nobody knows yet.
fn split(write: &Writing<'_>, faces: &[u32], rules: &Rules) -> Result<u32, Fault> {
    let sql = write.sql;
    let mut of = None;
    for face in faces {
        photo_of(sql, *face)?;
        let person: Option<u32> =
            one(sql, "SELECT person FROM faces WHERE id = ?1 AND stands = 'routed'", [face], |row| row.get(0))?.flatten();
        let Some(person) = person.filter(|person| of.is_none_or(|of| of == *person)) else {
            return Err(Fault::new(Code::InputInvalid, "split person").because("the faces are of one person's folder"));
        };
        of = Some(person);
    }
    let old = of.ok_or_else(|| Fault::new(Code::InputInvalid, "split person").because("name at least one face"))?;
    // Perhaps it was said before, and nobody heard the answer.
    let named = serde_json::to_string(faces).unwrap_or_default();
    let more = "SELECT 1 FROM people WHERE number = ?1 AND (is_enrolled = 1
        OR EXISTS (SELECT 1 FROM faces WHERE is_fixed = 0 AND id IN (SELECT value FROM json_each(?2)))
        OR EXISTS (SELECT 1 FROM faces WHERE person = ?1 AND stands = 'routed' AND (is_fixed = 1 OR is_founder = 1)
            AND id NOT IN (SELECT value FROM json_each(?2))))";
    if one(sql, more, params![old, named], |_| Ok(()))?.is_none() {
        let reason = "that person is known by these faces alone: they are split from others already";
        return Err(Fault::new(Code::InputInvalid, "split person").because(reason));
    }
    // Nothing of whom nobody enrolled was elsewhere, and so it stays.
    let is_here = format!("SELECT 1 FROM people WHERE number = ?1 AND {IS_HERE}");
    let is_local = rules.unknown == Unknown::Local || one(sql, &is_here, [old], |_| Ok(()))?.is_some();
    let new = super::people::found(write, is_local)?;
    for face in faces {
        rule_out(sql, *face, old)?;
        confirm(sql, *face, new)?;
    }
    Ok(new)
}

pub(super) fn confirm(sql: &Connection, face: u32, person: u32) -> Result<(), Fault> {
    must_be(sql, person)?;
    let photo = photo_of(sql, face)?;
    // Whoever had it in this photo by a guess has it no more; by another's word, that word must be taken back first.
    let other = "SELECT is_fixed FROM faces WHERE photo = ?1 AND person = ?2 AND stands = 'routed' AND id <> ?3";
    if one(sql, other, params![photo, person, face], |row| row.get::<_, bool>(0))? == Some(true) {
        let reason = "another face of this photo was confirmed as this person; take that back first";
        return Err(Fault::new(Code::InputInvalid, "confirm face").because(reason));
    }
    let guessed = "UPDATE faces SET stands = 'review', why = 'another face of this photo is that person' WHERE photo = ?1 AND person = ?2 AND stands = 'routed' AND id <> ?3";
    change(sql, guessed, params![photo, person, face])?;
    change(sql, "DELETE FROM ruled_out WHERE face = ?1 AND person = ?2", params![face, person])?;
    let statement = "UPDATE faces SET stands = 'routed', person = ?2, why = 'somebody said so', is_fixed = 1, is_founder = 0 WHERE id = ?1";
    change(sql, statement, params![face, person]).map(drop)
}

fn rule_out(sql: &Connection, face: u32, person: u32) -> Result<(), Fault> {
    change(sql, "INSERT OR IGNORE INTO ruled_out(face, person) VALUES (?1, ?2)", params![face, person]).map(drop)
}

fn not_this_person(write: &Writing<'_>, face: u32, person: u32, rules: &Rules) -> Result<(), Fault> {
    must_be(write.sql, person)?;
    let photo = photo_of(write.sql, face)?;
    rule_out(write.sql, face, person)?;
    let statement =
        "UPDATE faces SET stands = 'unknown', person = NULL, distance = NULL, why = 'somebody ruled it out', is_fixed = 0, is_founder = 0
        WHERE id = ?1 AND person = ?2";
    change(write.sql, statement, params![face, person])?;
    judge_photo(write, photo, rules).map(drop)
}

/// Template, faces, selfies, name, and whatever was said with them in it.
fn forget(sql: &Connection, person: u32) -> Result<(), Fault> {
    must_be(sql, person)?;
    let photos = "UPDATE photos SET rev = rev + 1 WHERE number IN (SELECT photo FROM faces WHERE person = ?1)";
    change(sql, photos, [person])?;
    for statement in [
        "DELETE FROM ruled_out WHERE person = ?1 OR face IN (SELECT id FROM faces WHERE person = ?1)",
        "DELETE FROM faces WHERE person = ?1",
        "DELETE FROM selfies WHERE person = ?1",
        "DELETE FROM guests WHERE person = ?1",
    ] {
        change(sql, statement, [person])?;
    }
    // What can be undone may tell of them.
    change(sql, "DELETE FROM corrections", [])?;
    leave(sql, person)?;
    // Whoever turned out to be them had a name and folders, too.
    let whole = "WITH RECURSIVE whole(number) AS (SELECT ?1 UNION SELECT p.number FROM people p JOIN whole w ON p.became = w.number)
        SELECT number FROM whole";
    for number in all(sql, whole, [person], |row| row.get::<_, u32>(0))? {
        change(sql, "DELETE FROM different WHERE person = ?1 OR other = ?1", [number])?;
        let gone = folder_of(&format!("gone {number}"));
        let nobody = "UPDATE people SET name = '', folder = ?2, contact = NULL, consent_ms = NULL WHERE number = ?1";
        change(sql, nobody, params![number, gone])?;
    }
    Ok(())
}
