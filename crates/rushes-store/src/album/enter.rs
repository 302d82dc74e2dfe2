//! A photo comes in, or a newer version of one.

use super::decide::{judge_photo, touch_photo};
use super::people::keep_known;
use super::{Writing, all, change, one};
use rushes_core::Fault;
use rushes_core::album::{Entered, NewPhoto, Rules};
use rushes_core::faces::{Face, Region};
use rusqlite::{Connection, params};
use std::str::FromStr;

/// Two regions are one face from this share of both on.
const SAME_FROM: f32 = 0.4;

pub(super) fn known(sql: &Connection, sha256: &str) -> Result<Option<Entered>, Fault> {
    one(sql, "SELECT photo, original FROM seen WHERE sha256 = ?1", [sha256], |row| {
        Ok(Entered { photo: row.get(0)?, original: id(row, 1)?, is_known: true, is_edited: false })
    })
}

pub(super) fn id(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<rushes_core::AssetId> {
    let text: String = row.get(at)?;
    rushes_core::AssetId::from_str(&text).map_err(|e| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, e.into()))
}

pub(super) fn enter(write: &Writing<'_>, new: &NewPhoto, rules: &Rules) -> Result<Entered, Fault> {
    let sql = write.sql;
    if let Some(known) = known(sql, &new.sha256)? {
        return Ok(known);
    }
    // Of those of its name the one it is an edit of: taken at the same time, else, where one of both does not say, the last.
    let question = "SELECT number FROM photos WHERE name = ?1 AND (taken_at = ?2 OR taken_at IS NULL OR ?2 IS NULL)
        ORDER BY (?2 IS NOT NULL AND taken_at IS ?2) DESC, number DESC LIMIT 1";
    let before: Option<u32> = one(sql, question, params![new.name, new.taken_at], |row| row.get(0))?;
    let (is_group, original) = (new.group == rushes_core::album::Group::Group, new.original.to_string());
    let photo = match before {
        Some(number) => {
            let renewed = "UPDATE photos SET sha256 = ?2, extension = ?3, original = ?4, model = ?5, is_group = ?6,
                taken_at = COALESCE(taken_at, ?7) WHERE number = ?1";
            change(sql, renewed, params![number, new.sha256, new.extension, original, new.model, is_group, new.taken_at])?;
            number
        }
        None => {
            let made = "INSERT INTO photos(name, sha256, extension, original, first, model, is_group, entered_ms, rev, settled, taken_at)
                VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, 0, 0, ?8) RETURNING number";
            let values = params![new.name, new.sha256, new.extension, original, new.model, is_group, write.now_ms, new.taken_at];
            one(sql, made, values, |row| row.get(0))?.unwrap_or_default()
        }
    };
    change(sql, "INSERT INTO seen(sha256, photo, original) VALUES (?1, ?2, ?3)", params![new.sha256, photo, original])?;
    let old = if before.is_some() { standing(sql, photo)? } else { Vec::new() };
    change(sql, "DELETE FROM ruled_out WHERE face IN (SELECT id FROM faces WHERE photo = ?1)", [photo])?;
    change(sql, "DELETE FROM faces WHERE photo = ?1", [photo])?;
    for face in &new.faces {
        insert(sql, photo, &new.model, face, old.iter().find(|old| overlap(&old.region, &face.region) >= SAME_FROM))?;
    }
    judge_photo(write, photo, rules)?;
    touch_photo(sql, photo)?;
    keep_known(sql)?;
    Ok(Entered { photo, original: new.original, is_known: false, is_edited: before.is_some() })
}

/// What somebody said of a face of the version before, or somebody is known by: that holds for the same face of the new one.
struct Standing {
    region: Region,
    stands: String,
    person: Option<u32>,
    why: String,
    is_fixed: bool,
    is_founder: bool,
}

fn standing(sql: &Connection, photo: u32) -> Result<Vec<Standing>, Fault> {
    let question = "SELECT x, y, width, height, stands, person, why, is_fixed, is_founder FROM faces
        WHERE photo = ?1 AND (is_fixed = 1 OR is_founder = 1)";
    all(sql, question, [photo], |row| {
        Ok(Standing {
            region: Region { x: row.get(0)?, y: row.get(1)?, width: row.get(2)?, height: row.get(3)? },
            stands: row.get(4)?,
            person: row.get(5)?,
            why: row.get(6)?,
            is_fixed: row.get(7)?,
            is_founder: row.get(8)?,
        })
    })
}

fn insert(sql: &Connection, photo: u32, model: &str, face: &Face, same: Option<&Standing>) -> Result<(), Fault> {
    let Face { region, quality, template, crop } = face;
    let statement = "INSERT INTO faces(photo, x, y, width, height, score, size_px, sharpness, turn, model, template, crop, stands, person,
        distance, why, is_fixed, is_founder) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, NULL, ?15, ?16, ?17)";
    let values = params![
        photo,
        region.x,
        region.y,
        region.width,
        region.height,
        quality.score,
        quality.size_px,
        quality.sharpness,
        quality.turn,
        model,
        template.to_bytes(),
        crop,
        same.map_or("unknown", |same| &same.stands),
        same.and_then(|same| same.person),
        same.map_or("", |same| &same.why),
        same.is_some_and(|same| same.is_fixed),
        same.is_some_and(|same| same.is_founder)
    ];
    change(sql, statement, values).map(drop)
}

/// What two regions share, of what both cover.
fn overlap(a: &Region, b: &Region) -> f32 {
    let width = ((a.x + a.width).min(b.x + b.width) - a.x.max(b.x)).max(0.0);
    let height = ((a.y + a.height).min(b.y + b.height) - a.y.max(b.y)).max(0.0);
    let both = width * height;
    let all = a.width * a.height + b.width * b.height - both;
    if all > 0.0 { both / all } else { 0.0 }
}
