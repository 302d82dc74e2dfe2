//! What an album shows, and what of it is not yet so everywhere.

use super::enter::id;
use super::{Writing, all, change, one};
use rushes_core::Fault;
use rushes_core::album::{Counts, Group, Photo, Seen, Settled, Stands, Wanted, WantedPerson, WantedPhoto};
use rushes_core::faces::{Quality, Region};
use rusqlite::{Connection, Row, params};

const PHOTO: &str = "number, name, sha256, extension, original, is_group, entered_ms,
    (SELECT count(*) FROM faces f WHERE f.photo = photos.number AND f.stands <> 'not_a_face'), first";

fn photo(row: &Row<'_>) -> rusqlite::Result<Photo> {
    Ok(Photo {
        number: row.get(0)?,
        name: row.get(1)?,
        sha256: row.get(2)?,
        extension: row.get(3)?,
        original: id(row, 4)?,
        group: if row.get(5)? { Group::Group } else { Group::Solo },
        entered_ms: row.get(6)?,
        faces: row.get(7)?,
        first: id(row, 8)?,
    })
}

pub(super) fn photos(sql: &Connection, person: Option<u32>, after: u32, limit: u32) -> Result<Vec<Photo>, Fault> {
    match person {
        None => all(sql, &format!("SELECT {PHOTO} FROM photos WHERE number > ?1 ORDER BY number LIMIT ?2"), params![after, limit], photo),
        Some(person) => {
            let theirs = "number IN (SELECT photo FROM faces WHERE person = ?3 AND stands = 'routed')";
            let question = format!("SELECT {PHOTO} FROM photos WHERE number > ?1 AND {theirs} ORDER BY number LIMIT ?2");
            all(sql, &question, params![after, limit, person], photo)
        }
    }
}

pub(super) fn faces(sql: &Connection, photo: Option<u32>, limit: u32) -> Result<Vec<Seen>, Fault> {
    let which = match photo {
        Some(_) => "photo = ?1 ORDER BY x",
        None => "?1 IS NULL AND stands = 'review' ORDER BY id",
    };
    let question = format!(
        "SELECT id, photo, x, y, width, height, stands, person, distance, why, is_fixed, score, size_px, sharpness, turn FROM faces WHERE {which} LIMIT ?2"
    );
    all(sql, &question, params![photo, limit], |row| {
        let stands: String = row.get(6)?;
        Ok(Seen {
            face: row.get(0)?,
            photo: row.get(1)?,
            region: Region { x: row.get(2)?, y: row.get(3)?, width: row.get(4)?, height: row.get(5)? },
            stands: Stands::named(&stands).unwrap_or(Stands::Unknown),
            person: row.get(7)?,
            distance: row.get(8)?,
            why: row.get(9)?,
            is_fixed: row.get(10)?,
            quality: Quality { score: row.get(11)?, size_px: row.get(12)?, sharpness: row.get(13)?, turn: row.get(14)? },
        })
    })
}

pub(super) fn counts(sql: &Connection) -> Result<Counts, Fault> {
    let question = "SELECT (SELECT count(*) FROM photos),
        (SELECT count(*) FROM photos p WHERE NOT EXISTS (SELECT 1 FROM faces f WHERE f.photo = p.number AND f.stands <> 'not_a_face')),
        (SELECT count(*) FROM faces WHERE stands <> 'not_a_face'), (SELECT count(*) FROM people WHERE is_gone = 0),
        (SELECT count(*) FROM people WHERE is_gone = 0 AND is_enrolled = 1), (SELECT count(*) FROM faces WHERE stands = 'review'),
        (SELECT count(*) FROM photos WHERE rev <> settled) + (SELECT count(*) FROM people WHERE rev <> settled)";
    let found = one(sql, question, [], |row| {
        Ok(Counts {
            photos: row.get(0)?,
            without_faces: row.get(1)?,
            faces: row.get(2)?,
            people: row.get(3)?,
            enrolled: row.get(4)?,
            in_review: row.get(5)?,
            unsettled: row.get(6)?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

pub(super) fn wanted(sql: &Connection, photos: &[u32], limit: u32) -> Result<Wanted, Fault> {
    let named = serde_json::to_string(photos).unwrap_or_default();
    let is_meant = "(json_array_length(?1) = 0 OR number IN (SELECT value FROM json_each(?1)))";
    let question = format!("SELECT {PHOTO}, rev FROM photos WHERE rev <> settled AND {is_meant} ORDER BY number LIMIT ?2");
    let found = all(sql, &question, params![named, limit], |row| Ok((photo(row)?, row.get::<_, i64>(9)?)))?;
    let theirs = "SELECT DISTINCT person FROM faces WHERE photo = ?1 AND stands = 'routed' ORDER BY person";
    let mut wanted = Wanted::default();
    for (photo, rev) in found {
        let people = all(sql, theirs, [photo.number], |row| row.get(0))?;
        wanted.photos.push(WantedPhoto { photo, people, rev });
    }
    // Whoever stands otherwise than they should, and all who are in one of these photos: a photo never comes before its person.
    let question = "SELECT number, name, folder, is_gone, \"left\", rev, is_local = 1 AND is_enrolled = 0 FROM people WHERE rev <> settled
        OR number IN (SELECT f.person FROM faces f WHERE f.stands = 'routed' AND f.photo IN (SELECT value FROM json_each(?1))) ORDER BY number";
    let numbers: Vec<u32> = wanted.photos.iter().map(|wanted| wanted.photo.number).collect();
    let numbers = serde_json::to_string(&numbers).unwrap_or_default();
    let more = "SELECT EXISTS (SELECT 1 FROM photos WHERE rev <> settled AND number NOT IN (SELECT value FROM json_each(?1)))";
    wanted.has_more = one(sql, more, [&numbers], |row| row.get(0))?.unwrap_or_default();
    wanted.people = all(sql, question, [&numbers], |row| {
        let (left, is_gone): (String, bool) = (row.get(4)?, row.get(3)?);
        let shown = (!is_gone).then_some((row.get(1)?, row.get(2)?));
        let left: Vec<String> = serde_json::from_str(&left).unwrap_or_default();
        let (left_here, left) = left.into_iter().partition::<Vec<String>, _>(|folder| folder.starts_with('/'));
        let left_here = left_here.iter().map(|folder| folder[1..].to_owned()).collect();
        Ok(WantedPerson { number: row.get(0)?, shown, is_here: row.get(6)?, left, left_here, rev: row.get(5)? })
    })?;
    Ok(wanted)
}

pub(super) fn settle(write: &Writing<'_>, settled: &Settled) -> Result<bool, Fault> {
    // What was decided otherwise meanwhile stands under a higher number, and stays wanted.
    for (number, rev) in &settled.photos {
        change(write.sql, "UPDATE photos SET settled = ?2 WHERE number = ?1", params![number, rev])?;
    }
    for (number, rev) in &settled.people {
        change(
            write.sql,
            "UPDATE people SET settled = ?2, \"left\" = CASE WHEN rev = ?2 THEN '[]' ELSE \"left\" END WHERE number = ?1",
            params![number, rev],
        )?;
    }
    let left = "SELECT EXISTS (SELECT 1 FROM photos WHERE rev <> settled) OR EXISTS (SELECT 1 FROM people WHERE rev <> settled)";
    Ok(!one(write.sql, left, [], |row| row.get::<_, bool>(0))?.unwrap_or(true))
}
