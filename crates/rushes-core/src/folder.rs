//! Folders that people see before anything lies in them, and what stands for them where there are only keys.

use crate::asset::flaw_of_path;
use crate::fault::Fault;
use crate::kinds::Kind;
use crate::{Code, Verdict};

/// A folder that is to be there, or not to be there any more, in the library and wherever such files go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFolder {
    /// Of what kind the files are that lie in it: it is made where those go.
    pub kind: Kind,
    /// Whose they are.
    pub subject: String,
    /// Below the library, without a separator at its ends: `shoot_1/People/John_Doe/Solo`.
    pub path: String,
}

impl NewFolder {
    /// Of files of this kind that belong to this subject.
    #[must_use]
    pub fn new(kind: Kind, subject: impl Into<String>, path: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), path: path.into() }
    }

    /// Errors: `input_invalid` for a path that leads elsewhere, or that no disk takes.
    pub fn check(&self) -> Result<(), Fault> {
        let flaw = flaw_of_path(&self.path).or_else(|| is_marker(&self.path).then_some("its last name stands for a folder"));
        let fault =
            |flaw: &str| Fault::new(Code::InputInvalid, "make folder").verdict(Verdict::Permanent).with("path", &self.path).because(flaw);
        flaw.map_or(Ok(()), |flaw| Err(fault(flaw)))
    }
}

/// A folder of the library, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Below the library.
    pub path: String,
    /// It is not wanted any more.
    pub is_gone: bool,
}

/// The object of no bytes by which Supabase's dashboard shows an empty folder.
pub const PLACEHOLDER: &str = ".emptyFolderPlaceholder";

/// Whether a key stands for a folder and is no file: it ends in the separator, as the consoles of S3 and of Google have it,
/// or in [`PLACEHOLDER`]. Listings of a destination leave these out.
#[must_use]
pub fn is_marker(key: &str) -> bool {
    key.ends_with('/') || key.rsplit('/').next() == Some(PLACEHOLDER)
}

/// The folders a key lies in, outermost first: `a/b/c.jpg` lies in `a` and `a/b`.
#[must_use]
pub fn folders_of(key: &str) -> Vec<&str> {
    key.match_indices('/').map(|(at, _)| &key[..at]).filter(|folder| !folder.is_empty()).collect()
}

/// Whose folder it is, for people: the name before the last, `John_Doe` of `People/John_Doe/Solo`.
#[must_use]
pub fn owner_in(key: &str) -> &str {
    let mut names = key.trim_end_matches('/').rsplit('/');
    let last = names.next().unwrap_or_default();
    names.next().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_markers_are_told_from_files() {
        for marker in ["a/", "a/b/", "/", ".emptyFolderPlaceholder", "a/b/.emptyFolderPlaceholder"] {
            assert!(is_marker(marker), "{marker}");
        }
        for file in ["a", "a/b.jpg", "a/.emptyFolderPlaceholder.jpg", "a/x.emptyFolderPlaceholder", ".emptyFolderPlaceholder/a", ""] {
            assert!(!is_marker(file), "{file}");
        }
    }

    #[test]
    fn folder_paths_have_parents_and_a_name_for_people() {
        assert_eq!(folders_of("a/b/c.jpg"), ["a", "a/b"]);
        assert!(folders_of("c.jpg").is_empty());
        assert_eq!(
            ["s/People/John_Doe/Solo", "John_Doe/Solo", "Solo", "John_Doe/Solo/"].map(owner_in),
            ["John_Doe", "John_Doe", "Solo", "John_Doe"]
        );
        for path in ["", "/a", "a/", "a//b", "a/../b", "a/.emptyFolderPlaceholder"] {
            assert_eq!(NewFolder::new(Kind::Photo, "s", path).check().unwrap_err().code, Code::InputInvalid, "{path:?}");
        }
        NewFolder::new(Kind::Photo, "s", "s/People/Zoë_Å/Group").check().unwrap();
    }
}
