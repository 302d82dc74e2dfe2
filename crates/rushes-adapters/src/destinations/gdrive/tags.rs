//! How what is ours is known at Drive, where names are not unique and people move things: by properties that only our
//! application sees.
//!
//! A path is a key with the destination's base before it; that of a folder ends with `/`.

use super::answers::File;
use rushes_core::flow::hex;
use rushes_core::{Code, Fault};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Which path of which destination, as a hash: properties are short.
pub(super) const KEY: &str = "rushes_key";
/// Which destination.
const ROOT: &str = "rushes_root";
/// The file's own id: a copy somebody made has it from the original, and is not ours.
const ID: &str = "rushes_id";
/// Which bytes were to arrive.
const SHA256: &str = "rushes_sha256";
/// The path itself, in pieces.
const PATH: &str = "rushes_path_";
/// The name and the value of a property have 124 bytes together.
const PIECE_BYTES: usize = 124 - "rushes_path_00".len();
/// An application may give a file 30 properties.
const PIECES_MAX: usize = 26;

pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";

fn hashed(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize()[..16])
}

/// The hash of a path below a root folder.
pub(super) fn tag(root: &str, path: &str) -> String {
    hashed(&["path", root, path])
}

/// The hash of a root folder.
pub(super) fn root_tag(root: &str) -> String {
    hashed(&["root", root])
}

/// A condition of a query.
pub(super) fn has(property: &str, value: &str) -> String {
    format!("appProperties has {{ key='{property}' and value='{value}' }}")
}

/// That something is of this destination.
pub(super) fn of_root(root: &str) -> String {
    has(ROOT, &root_tag(root))
}

/// What a file or folder of ours is to be.
#[derive(Debug, Clone)]
pub(super) struct Meta {
    pub(super) id: String,
    pub(super) parent: String,
    name: String,
    mime: String,
    properties: Map<String, Value>,
}

impl Meta {
    /// `sha256` and `mime` of an object; those of a folder are empty and [`FOLDER`]. Errors: `destination_refused` where the
    /// path is longer than properties can hold.
    pub(super) fn new(root: &str, path: &str, id: &str, parent: &str, mime: &str, sha256: &str) -> Result<Self, Fault> {
        let mut properties = Map::new();
        properties.insert(KEY.into(), json!(tag(root, path)));
        properties.insert(ROOT.into(), json!(root_tag(root)));
        properties.insert(ID.into(), json!(id));
        if !sha256.is_empty() {
            properties.insert(SHA256.into(), json!(sha256));
        }
        let pieces = pieces(path);
        if pieces.len() > PIECES_MAX {
            let reason = format!("a path at Drive has at most {} bytes here", PIECES_MAX * (PIECE_BYTES - 3));
            return Err(Fault::new(Code::DestinationRefused, "put object").with("path", path).because(reason));
        }
        properties.extend(pieces.into_iter().enumerate().map(|(n, piece)| (format!("{PATH}{n:02}"), json!(piece))));
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Self { id: id.to_owned(), parent: parent.to_owned(), name, mime: mime.to_owned(), properties })
    }

    /// As a new file is described.
    pub(super) fn new_json(&self) -> Value {
        json!({"id": self.id, "name": self.name, "mimeType": self.mime, "parents": [self.parent], "appProperties": self.properties})
    }

    /// As one that is there is described; where it lies stays.
    pub(super) fn over_json(&self) -> Value {
        json!({"name": self.name, "mimeType": self.mime, "appProperties": self.properties})
    }

    /// Whether a file is so described. Of its name, only what nobody writes in another way: the tags say what it is.
    pub(super) fn describes(&self, file: &File) -> bool {
        let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        let is_there = |(name, value): (&String, &Value)| file.properties.get(name).is_some_and(|there| value == there);
        plain(&file.name) == plain(&self.name) && (self.mime != FOLDER || file.mime == FOLDER) && self.properties.iter().all(is_there)
    }
}

/// A path cut where characters end.
fn pieces(path: &str) -> Vec<&str> {
    let (mut rest, mut pieces) = (path, Vec::new());
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// The path a file of ours tells; None where it tells none, or is a copy of one that does.
pub(super) fn path_of(root: &str, file: &File) -> Option<String> {
    let mut path = String::new();
    for n in 0..PIECES_MAX {
        match file.properties.get(&format!("{PATH}{n:02}")) {
            Some(piece) => path.write_str(piece).ok()?,
            None => break,
        }
    }
    (is_ours(file) && file.properties.get(KEY) == Some(&tag(root, &path))).then_some(path)
}

/// Whether we made it, and it is no copy of what we made.
pub(super) fn is_ours(file: &File) -> bool {
    file.properties.get(ID) == Some(&file.id)
}

/// The SHA-256 of what was to arrive.
pub(super) fn noted(file: &File) -> Option<&str> {
    file.properties.get(SHA256).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(meta: &Meta) -> File {
        let properties = meta.properties.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        File { id: meta.id.clone(), name: meta.name.clone(), mime: meta.mime.clone(), properties, ..File::default() }
    }

    #[test]
    fn gdrive_paths_come_back_from_properties_of_which_none_is_too_long() {
        for path in ["a", "a/", "dances/[kpop] é 🎬 #1%.mp4", &"ü🎬".repeat(400), &"n".repeat(2_700)] {
            let meta = Meta::new("root", path, "id1", "parent", "video/mp4", &"1".repeat(64)).unwrap();
            let properties = meta.new_json()["appProperties"].as_object().unwrap().clone();
            assert!(properties.len() <= 30);
            assert!(properties.iter().all(|(name, value)| name.len() + value.as_str().unwrap().len() <= 124), "{properties:?}");
            let mut file = made(&meta);
            assert_eq!(path_of("root", &file).as_deref(), Some(path));
            assert!(meta.describes(&file) && path_of("other", &file).is_none());
            file.id = "copy".into();
            assert_eq!(path_of("root", &file), None, "a copy is not ours");
        }
        assert!(Meta::new("root", &"n".repeat(3_000), "id1", "parent", "", "").is_err());
    }

    #[test]
    fn gdrive_tags_tell_roots_folders_and_objects_apart() {
        let tags = [tag("root", "a"), tag("root", "a/"), tag("other", "a"), root_tag("root"), root_tag("roota")];
        assert!(tags.iter().enumerate().all(|(n, one)| one.len() == 32 && !tags[..n].contains(one)), "{tags:?}");
    }
}
