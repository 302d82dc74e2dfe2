//! Whose faces are in a photo: what somebody said stands, the rest is judged.

use super::people::{found, touch_person};
use super::{Writing, all, change};
use rushes_core::Fault;
use rushes_core::album::{Rules, Unknown};
use rushes_core::faces::judge::{self, Verdict, assign, may_found};
use rushes_core::faces::{Quality, Template};
use rusqlite::{Connection, params};
use std::collections::{BTreeSet, HashSet};

/// Somebody, and what they are known by.
struct Known {
    number: u32,
    templates: Vec<Template>,
}

/// A face that is to be judged.
struct Judged {
    id: u32,
    template: Template,
    quality: Quality,
    stood: (String, Option<u32>),
}

/// The photo is to stand otherwise.
pub(super) fn touch_photo(sql: &Connection, photo: u32) -> Result<(), Fault> {
    change(sql, "UPDATE photos SET rev = rev + 1 WHERE number = ?1", [photo]).map(drop)
}

pub(super) fn template(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Template> {
    let bytes: Vec<u8> = row.get(at)?;
    Template::from_bytes(&bytes)
        .map_err(|fault| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Blob, fault.to_string().into()))
}

/// Everybody there is, by selfies, by the face that founded them, and by what somebody confirmed. Templates of another model say nothing.
fn known(sql: &Connection, model: &str) -> Result<Vec<Known>, Fault> {
    let question = "SELECT p.number, t.template FROM people p JOIN (
            SELECT person, template FROM selfies WHERE model = ?1
            UNION ALL SELECT person, template FROM faces WHERE model = ?1 AND stands = 'routed' AND (is_founder = 1 OR is_fixed = 1)
        ) t ON t.person = p.number WHERE p.is_gone = 0 AND length(t.template) > 0 ORDER BY p.number";
    let mut known: Vec<Known> = Vec::new();
    for (number, template) in all(sql, question, [model], |row| Ok((row.get::<_, u32>(0)?, template(row, 1)?)))? {
        match known.last_mut().filter(|last| last.number == number) {
            Some(last) => last.templates.push(template),
            None => known.push(Known { number, templates: vec![template] }),
        }
    }
    Ok(known)
}

/// The people a person's templates are, for who looks for likenesses.
pub(super) fn templates_of(sql: &Connection, person: u32) -> Result<Vec<Template>, Fault> {
    let question = "SELECT template FROM selfies WHERE person = ?1
        UNION ALL SELECT template FROM faces WHERE person = ?1 AND stands = 'routed' AND (is_founder = 1 OR is_fixed = 1) AND length(template) > 0";
    all(sql, question, [person], |row| template(row, 0))
}

/// Judges the faces of a photo that nobody has decided of; somebody new is founded where the rules say so. Gives whether
/// anybody's photos changed.
pub(super) fn judge_photo(write: &Writing<'_>, photo: u32, rules: &Rules) -> Result<bool, Fault> {
    let sql = write.sql;
    if !rules.is_recognising {
        return Ok(false);
    }
    let Some(model) = super::one(sql, "SELECT model FROM photos WHERE number = ?1", [photo], |row| row.get::<_, String>(0))? else {
        return Ok(false);
    };
    let question = "SELECT id, template, score, size_px, sharpness, turn, stands, person FROM faces
        WHERE photo = ?1 AND is_fixed = 0 AND is_founder = 0 AND length(template) > 0 ORDER BY width * height DESC, id";
    let faces = all(sql, question, [photo], |row| {
        Ok(Judged {
            id: row.get(0)?,
            template: template(row, 1)?,
            quality: Quality { score: row.get(2)?, size_px: row.get(3)?, sharpness: row.get(4)?, turn: row.get(5)? },
            stood: (row.get(6)?, row.get(7)?),
        })
    })?;
    if faces.is_empty() {
        return Ok(false);
    }
    let known = known(sql, &model)?;
    let taken_question = "SELECT person FROM faces WHERE photo = ?1 AND stands = 'routed' AND (is_fixed = 1 OR is_founder = 1)";
    let taken: BTreeSet<u32> = all(sql, taken_question, [photo], |row| row.get(0))?.into_iter().collect();
    let ruled_out: HashSet<(u32, u32)> =
        all(sql, "SELECT face, person FROM ruled_out WHERE face IN (SELECT id FROM faces WHERE photo = ?1)", [photo], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .into_iter()
        .collect();
    let may_be = |face: usize, person: usize| {
        let number = known[person].number;
        !taken.contains(&number) && !ruled_out.contains(&(faces[face].id, number))
    };
    let templates: Vec<Vec<Template>> = known.iter().map(|known| known.templates.clone()).collect();
    let judged: Vec<&Template> = faces.iter().map(|face| &face.template).collect();
    let mut is_other = false;
    for (face, verdict) in faces.iter().zip(assign(&judged, &templates, may_be, rules)) {
        is_other |= stand(write, face, verdict, &known, rules)?;
    }
    Ok(is_other)
}

/// Writes down how a face stands; whether that is otherwise than before for anybody's folder.
fn stand(write: &Writing<'_>, face: &Judged, verdict: Verdict, known: &[Known], rules: &Rules) -> Result<bool, Fault> {
    let (stands, person, distance, why, is_founder) = match verdict {
        Verdict::Route { person, distance } => ("routed", Some(known[person].number), Some(distance), String::new(), false),
        Verdict::Review { person, distance, why } => ("review", Some(known[person].number), Some(distance), why.to_owned(), false),
        Verdict::Unknown if rules.unknown != Unknown::Review && may_found(&face.quality) => {
            ("routed", Some(found(write, rules.unknown == Unknown::Local)?), Some(0.0), "the first face of somebody new".to_owned(), true)
        }
        Verdict::Unknown if may_found(&face.quality) => ("unknown", None, None, "nobody known is like this".to_owned(), false),
        Verdict::Unknown => ("unknown", None, None, "too small, blurred or turned to found somebody new".to_owned(), false),
    };
    let statement = "UPDATE faces SET stands = ?2, person = ?3, distance = ?4, why = ?5, is_founder = ?6 WHERE id = ?1";
    change(write.sql, statement, params![face.id, stands, person, distance, why, is_founder])?;
    let routed = |stands: &str, person: Option<u32>| person.filter(|_| stands == "routed");
    let (before, after) = (routed(&face.stood.0, face.stood.1), routed(stands, person));
    if before != after {
        for person in [before, after].into_iter().flatten() {
            touch_person(write.sql, person)?;
        }
    }
    Ok(before != after)
}

/// Who of those enrolled has this face: the nearest.
pub(super) fn alike(sql: &Connection, templates: &[Template], rules: &Rules) -> Result<Option<u32>, Fault> {
    let mut nearest: Option<(f32, u32)> = None;
    for person in all(sql, "SELECT number FROM people WHERE is_gone = 0 AND is_enrolled = 1", [], |row| row.get::<_, u32>(0))? {
        let known = templates_of(sql, person)?;
        let distance = templates.iter().map(|selfie| judge::distance(selfie, &known)).fold(f32::INFINITY, f32::min);
        if distance < rules.route_below && nearest.is_none_or(|(best, _)| distance < best) {
            nearest = Some((distance, person));
        }
    }
    Ok(nearest.map(|(_, person)| person))
}
