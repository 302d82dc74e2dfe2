//! When a photo was taken, as its camera noted it.

use super::{Content, open};
use exif::{In, Reader, Tag, Value};
use rushes_core::formats::Family;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Of a raw file only its beginning is read: there its directories lie.
const RAW_HEAD_BYTES: u64 = 1 << 20;

/// As `2026:05:30 14:03:22`, by the camera's clock. None where the file does not say, or cannot be read.
pub(super) fn taken_at(path: &Path) -> Option<String> {
    let (mut file, content) = open(path).ok()?;
    file.rewind().ok()?;
    // A stranger's file: what its reader stumbles over says nothing.
    catch_unwind(AssertUnwindSafe(|| noted(file, content?))).ok()?
}

fn noted(file: File, content: Content) -> Option<String> {
    let mut reader = Reader::new();
    // What was cut off, or a maker's own notes, say nothing of the rest.
    reader.continue_on_error(true);
    let read = match content {
        Content::Photo(Family::Raw) => {
            let mut head = Vec::new();
            file.take(RAW_HEAD_BYTES).read_to_end(&mut head).ok()?;
            reader.read_from_container(&mut Cursor::new(head))
        }
        Content::Photo(Family::Heif(_)) | Content::Still(_) => reader.read_from_container(&mut BufReader::new(file)),
        Content::Film(_) => return None,
    };
    let noted = read.or_else(|error| error.distill_partial_result(|_| ())).ok()?;
    let Value::Ascii(texts) = &noted.get_field(Tag::DateTimeOriginal, In::PRIMARY)?.value else { return None };
    let text = std::str::from_utf8(texts.first()?).ok()?.trim_matches([' ', '\0']);
    // A clock that was never set is noted as blanks or noughts.
    text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)).then(|| text.to_owned())
}
