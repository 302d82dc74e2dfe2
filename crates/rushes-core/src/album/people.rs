//! People of an album, and how their names stand in paths.

use serde::Serialize;

/// The longest folder name, bytes.
const FOLDER_MAX: usize = 100;

/// How somebody's name stands in paths: `John_Doe`. NFC is the caller's, spaces become `_`, what disks and clouds do not take goes, at
/// most 100 bytes; never empty.
#[must_use]
pub fn folder_of(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let mut folder = String::new();
    for c in words.join("_").chars() {
        let is_bad = c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '#' | '%' | '\'' | '`');
        if is_bad {
            continue;
        }
        // Room for `_999` where another has the name.
        if folder.len() + c.len_utf8() > FOLDER_MAX - 4 {
            break;
        }
        folder.push(c);
    }
    let folder = folder.trim_matches(|c: char| c == '.' || c == '_' || c == '-').to_owned();
    if folder.is_empty() { "Person".to_owned() } else { folder }
}

/// One person, as the album knows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Person {
    /// Never used again.
    pub number: u32,
    /// As spoken.
    pub name: String,
    /// As it stands in paths.
    pub folder: String,
    /// Somebody said who they are.
    pub is_enrolled: bool,
    /// Shown first.
    pub is_pinned: bool,
    /// Their folders are on this machine alone: they were founded so, and nobody has enrolled them.
    pub is_here: bool,
    /// When they consented, milliseconds since 1970.
    pub consent_ms: Option<i64>,
    /// How they may be reached.
    pub contact: Option<String>,
    /// Photos they are in.
    pub photos: u32,
    /// Faces that may be theirs.
    pub in_review: u32,
    /// A face to show them by.
    pub face: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn album_folders_are_what_disks_and_clouds_take() {
        let cases = [
            ("John Doe", "John_Doe"),
            ("  Ana  María ", "Ana_María"),
            ("李小龍", "李小龍"),
            ("a/b\\c:d", "abcd"),
            ("..", "Person"),
            ("", "Person"),
            ("O'Neill #1 100%", "ONeill_1_100"),
        ];
        for (name, folder) in cases {
            assert_eq!(folder_of(name), folder, "{name:?}");
        }
        let long = folder_of(&"ж".repeat(90));
        assert!(long.len() <= FOLDER_MAX - 4 && long.chars().all(|c| c == 'ж'), "{long}");
    }
}
