//! The people of an album: founding, naming, leaving.

use super::{Writing, all, change, one};
use rushes_core::album::{Person, folder_of};
use rushes_core::{Code, Fault};
use rusqlite::{Connection, params};
use unicode_normalization::UnicodeNormalization;

/// Tries to find a folder that nobody has.
const TRIES_MAX: u32 = 10_000;

/// The person is to stand otherwise.
pub(super) fn touch_person(sql: &Connection, person: u32) -> Result<(), Fault> {
    change(sql, "UPDATE people SET rev = rev + 1 WHERE number = ?1", [person]).map(drop)
}

/// Who is on this machine alone.
pub(super) const IS_HERE: &str = "(is_local = 1 AND is_enrolled = 0)";

/// Somebody new, whose name nobody knows; where `is_local`, on this machine alone until somebody enrols them.
pub(super) fn found(write: &Writing<'_>, is_local: bool) -> Result<u32, Fault> {
    // The number is known once the row is there; until then the place of its folder is its own.
    let made = "INSERT INTO people(name, folder, is_enrolled, is_pinned, is_gone, \"left\", rev, settled, is_local)
        VALUES ('', '', 0, 0, 0, '[]', 1, 0, ?1) RETURNING number";
    let number: u32 = one(write.sql, made, [is_local], |row| row.get(0))?.unwrap_or_default();
    let name = format!("Person {number:03}");
    let folder = free_folder(write.sql, &name, number)?;
    change(write.sql, "UPDATE people SET name = ?2, folder = ?3 WHERE number = ?1", params![number, name, folder])?;
    Ok(number)
}

/// The folder of a name, with `_2` where another has it.
fn free_folder(sql: &Connection, name: &str, own: u32) -> Result<String, Fault> {
    let plain = folder_of(&name.nfc().collect::<String>());
    for number in 1..=TRIES_MAX {
        let folder = if number == 1 { plain.clone() } else { format!("{plain}_{number}") };
        // Disks that do not tell `A` from `a` would show two people in one folder.
        let others = "SELECT folder FROM people WHERE is_gone = 0 AND number <> ?1";
        let is_taken =
            all(sql, others, [own], |row| row.get::<_, String>(0))?.iter().any(|other| other.to_lowercase() == folder.to_lowercase());
        if !is_taken {
            return Ok(folder);
        }
    }
    Err(Fault::new(Code::NameTaken, "name person").with("name", name))
}

/// Gives somebody this name, and the folder of it; the folder they had is to go.
pub(super) fn name(sql: &Connection, person: u32, name: &str) -> Result<(), Fault> {
    let name: String = name.trim().nfc().collect();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Fault::new(Code::InputInvalid, "name person").because("a name has 1 to 100 characters"));
    }
    let folder = free_folder(sql, &name, person)?;
    let so = "SELECT 1 FROM people WHERE number = ?1 AND name = ?2 AND folder = ?3";
    if one(sql, so, params![person, name, folder], |_| Ok(()))?.is_some() {
        return Ok(());
    }
    leave_folder(sql, person)?;
    // The folder it had may be the one it gets; elsewhere that goes all the same, where they are here alone from now on.
    let left = format!(
        "UPDATE people SET name = ?2, folder = ?3, \"left\" = (SELECT json_group_array(value) FROM json_each(\"left\")
            WHERE value <> '/' || ?3 AND (value <> ?3 OR {IS_HERE})), rev = rev + 1 WHERE number = ?1"
    );
    change(sql, &left, params![person, name, folder])?;
    touch_photos_of(sql, person)
}

/// The folder somebody has is to go: wherever it is now.
pub(super) fn leave_folder(sql: &Connection, person: u32) -> Result<(), Fault> {
    let statement = format!(
        "UPDATE people SET \"left\" = json_insert(\"left\", '$[#]', iif({IS_HERE}, '/', '') || folder)
        WHERE number = ?1 AND folder NOT LIKE '.%' AND NOT EXISTS (SELECT 1 FROM json_each(\"left\") WHERE value IN (folder, '/' || folder))"
    );
    change(sql, &statement, [person]).map(drop)
}

/// Every photo the person is in is to stand otherwise.
pub(super) fn touch_photos_of(sql: &Connection, person: u32) -> Result<(), Fault> {
    let statement = "UPDATE photos SET rev = rev + 1 WHERE number IN (SELECT photo FROM faces WHERE person = ?1 AND stands = 'routed')";
    change(sql, statement, [person]).map(drop)
}

/// There is nobody of that number any more.
pub(super) fn leave(sql: &Connection, person: u32) -> Result<(), Fault> {
    leave_folder(sql, person)?;
    change(sql, "UPDATE people SET is_gone = 1, rev = rev + 1 WHERE number = ?1", [person]).map(drop)
}

/// Whoever lost the face they were known by is known by the best that is left; those that nobody enrolled go with their last.
pub(super) fn keep_known(sql: &Connection) -> Result<(), Fault> {
    let best = "UPDATE faces SET is_founder = 1 WHERE id IN (
        SELECT (SELECT f.id FROM faces f WHERE f.person = p.number AND f.stands = 'routed'
                ORDER BY f.score * f.size_px * (0.2 + f.sharpness) DESC, f.id LIMIT 1) FROM people p
        WHERE p.is_gone = 0 AND NOT EXISTS (SELECT 1 FROM selfies s WHERE s.person = p.number)
            AND NOT EXISTS (SELECT 1 FROM faces f WHERE f.person = p.number AND f.stands = 'routed' AND (f.is_founder = 1 OR f.is_fixed = 1)))";
    change(sql, best, [])?;
    let question = "SELECT number FROM people p WHERE is_gone = 0 AND is_enrolled = 0
        AND NOT EXISTS (SELECT 1 FROM faces f WHERE f.person = p.number AND f.stands = 'routed')";
    for person in all(sql, question, [], |row| row.get::<_, u32>(0))? {
        leave(sql, person)?;
    }
    Ok(())
}

/// Who is gone by being forgotten, until [`forgot`].
pub(super) fn forgotten(sql: &Connection) -> Result<Vec<u32>, Fault> {
    all(sql, "SELECT number FROM people WHERE is_gone = 1 AND name = '' ORDER BY number", [], |row| row.get(0))
}

/// Nothing of them is anywhere any more. Their numbers are never used again all the same.
pub(super) fn forgot(sql: &Connection, people: &[u32]) -> Result<(), Fault> {
    for person in people {
        change(sql, "DELETE FROM people WHERE number = ?1 AND is_gone = 1 AND name = ''", [person])?;
    }
    Ok(())
}

/// Erases what people are known by; who is in which photo stays. False where there was nothing.
pub(super) fn expire(write: &Writing<'_>) -> Result<bool, Fault> {
    let mut erased = 0;
    for statement in [
        "UPDATE faces SET template = x'', crop = x'' WHERE length(template) > 0 OR length(crop) > 0",
        "DELETE FROM selfies",
        "DELETE FROM corrections",
        "DELETE FROM different",
        "DELETE FROM guests",
        "DELETE FROM invitation",
        "UPDATE people SET contact = NULL WHERE contact IS NOT NULL",
    ] {
        erased += change(write.sql, statement, [])?;
    }
    Ok(erased > 0)
}

/// Errors: `not_found`.
pub(super) fn must_be(sql: &Connection, person: u32) -> Result<(), Fault> {
    let there = one(sql, "SELECT 1 FROM people WHERE number = ?1 AND is_gone = 0", [person], |_| Ok(()))?;
    there.ok_or_else(|| Fault::new(Code::NotFound, "find person").with("person", person))
}

pub(super) fn list(sql: &Connection) -> Result<Vec<Person>, Fault> {
    let question = "SELECT number, name, folder, is_enrolled, is_pinned, consent_ms, contact, is_local = 1 AND is_enrolled = 0,
            (SELECT count(DISTINCT photo) FROM faces f WHERE f.person = p.number AND f.stands = 'routed'),
            (SELECT count(*) FROM faces f WHERE f.person = p.number AND f.stands = 'review'),
            (SELECT id FROM faces f WHERE f.person = p.number AND f.stands = 'routed'
                ORDER BY f.is_founder DESC, f.score * f.size_px * (0.2 + f.sharpness) DESC LIMIT 1)
        FROM people p WHERE is_gone = 0 ORDER BY is_pinned DESC, is_enrolled DESC, number";
    all(sql, question, [], |row| {
        Ok(Person {
            number: row.get(0)?,
            name: row.get(1)?,
            folder: row.get(2)?,
            is_enrolled: row.get(3)?,
            is_pinned: row.get(4)?,
            consent_ms: row.get(5)?,
            contact: row.get(6)?,
            is_here: row.get(7)?,
            photos: row.get(8)?,
            in_review: row.get(9)?,
            face: row.get(10)?,
        })
    })
}
