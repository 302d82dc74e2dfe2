//! The folders a shoot was pointed at, such as a camera's own: which may be, and which are there now. What is in them is only read.

use super::Stand;
use crate::ways::walk::{excluded, folder_id};
use rushes_core::album::Rules;
use rushes_core::store::SubjectFilter;
use rushes_core::subject::SubjectType;
use rushes_core::{Code, Fault};
use rushes_engine::Parts;
use rushes_workflows::Shoots;
use rushes_workflows::shoot::INCOMING;
use std::path::{Component, Path, PathBuf};

/// Folders of one shoot at most: each is watched.
const FOLDERS_MAX: usize = 20;
/// Shoots looked up in one go.
const PAGE: u32 = 200;

/// A folder a shoot was pointed at, as it stands now.
pub(crate) struct Pointed {
    pub(crate) path: PathBuf,
    /// Why nothing is taken from it now; None: it is there.
    pub(crate) away: Option<String>,
}

/// How the folders of a shoot stand. Errors: those of reading its album.
pub(crate) async fn pointed(stand: &Stand) -> Result<Vec<Pointed>, Fault> {
    let folders = stand.album.incoming().await?;
    Ok(folders.into_iter().map(|path| Pointed { away: real(&path).err(), path }).collect())
}

/// Has a shoot take photos from these folders, too, and from no others. Errors: `input_invalid` and why, such as that a folder is not
/// there or another shoot's; then all stays as it was.
pub(crate) async fn point(parts: &Parts, shoots: &Shoots, stand: &Stand, folders: &[PathBuf]) -> Result<(), Fault> {
    let folders: Vec<PathBuf> = folders.iter().map(|folder| plain(folder)).collect::<Result<_, Fault>>()?;
    if folders.len() > FOLDERS_MAX {
        return Err(refuse(Path::new(""), format!("a shoot has {FOLDERS_MAX} at most")));
    }
    let mut found: Vec<(&Path, PathBuf)> = Vec::new();
    let ours = excluded(&parts.home, &parts.destinations);
    let own = std::fs::canonicalize(shoots.root.join(stand.id()).join(INCOMING)).ok();
    for folder in &folders {
        let real = real(folder).map_err(|why| refuse(folder, why))?;
        // Below its own it would be gone through all the same.
        let is_own = own.as_ref().is_some_and(|own| real.starts_with(own));
        if let Some(ours) = ours.iter().find(|ours| !is_own && overlap(ours, &real)) {
            return Err(refuse(folder, format!("Rushes itself writes into {}", ours.display())));
        }
        if let Some((other, _)) = found.iter().find(|(_, other)| overlap(other, &real)) {
            return Err(refuse(folder, format!("it and {} lie one within the other", other.display())));
        }
        found.push((folder, real));
    }
    if stand.rules.is_open {
        no_others(parts, shoots, stand.id(), &folders).await?;
    }
    stand.album.take_from(folders).await
}

/// Errors: `input_invalid` where one of these folders is another open shoot's, too, or lies within such a one, or around it.
pub(crate) async fn no_others(parts: &Parts, shoots: &Shoots, shoot: &str, folders: &[PathBuf]) -> Result<(), Fault> {
    let really = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut after = None;
    while !folders.is_empty() {
        let filter = SubjectFilter { subject_type: Some(SubjectType::Shoot), after, limit: PAGE };
        let page = parts.store.subject_page(&filter).await?;
        for other in &page {
            let is_open = serde_json::from_value(other.made.fields["rules"].clone()).is_ok_and(|rules: Rules| rules.is_open);
            if other.made.id == shoot || !is_open {
                continue;
            }
            for theirs in shoots.albums.album(&other.made.id).await?.incoming().await? {
                if let Some(folder) = folders.iter().find(|folder| overlap(&really(folder), &really(&theirs))) {
                    return Err(refuse(folder, format!("the shoot {} takes photos from {}", other.made.id, theirs.display())));
                }
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE as usize => after = Some(last.made.id.clone()),
            _ => break,
        }
    }
    Ok(())
}

/// One is the other, or lies within it.
pub(super) fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one) || folder_id(one).is_some_and(|id| folder_id(other) == Some(id))
}

/// Where a folder really is. Errors: why nothing can be taken from it, in words.
pub(super) fn real(folder: &Path) -> Result<PathBuf, String> {
    let real = std::fs::canonicalize(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "it is not there".to_owned(),
        _ => format!("it cannot be looked at: {error}"),
    })?;
    if !real.is_dir() {
        return Err("it is no folder".to_owned());
    }
    std::fs::read_dir(&real).map(|_| real).map_err(|error| format!("it cannot be looked at: {error}"))
}

/// As it is written down: absolute, without what says nothing. Errors: `input_invalid`.
fn plain(folder: &Path) -> Result<PathBuf, Fault> {
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    if !folder.is_absolute() || folder.to_str().is_none_or(|text| text.chars().any(char::is_control)) || !folder.components().all(is_plain)
    {
        return Err(refuse(folder, "a folder is named by its whole path, from / on, with no .. in it".to_owned()));
    }
    Ok(folder.components().collect())
}

fn refuse(folder: &Path, why: String) -> Fault {
    Fault::new(Code::InputInvalid, "point shoot at folder").with("folder", folder.display()).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incoming_folders_are_written_down_plainly() {
        assert_eq!(plain(Path::new("/media//card/./DCIM/")).unwrap(), Path::new("/media/card/DCIM"));
        for wrong in ["", "card", "./card", "~/card", "/media/../card", "/a\nb"] {
            assert_eq!(plain(Path::new(wrong)).unwrap_err().code, Code::InputInvalid, "{wrong:?}");
        }
    }

    #[test]
    fn incoming_folders_that_are_one_under_two_names_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("card/DCIM")).unwrap();
        std::fs::create_dir(at("card2")).unwrap();
        std::os::unix::fs::symlink(at("card"), at("link")).unwrap();
        assert!(overlap(&at("card"), &at("card/DCIM")) && overlap(&at("card/DCIM"), &at("card")) && overlap(&at("link"), &at("card")));
        assert!(!overlap(&at("card"), &at("card2")) && !overlap(&at("gone"), &at("away")));
        assert_eq!(real(&at("link/DCIM")).unwrap(), std::fs::canonicalize(at("card/DCIM")).unwrap());
        assert_eq!(real(&at("gone")).unwrap_err(), "it is not there");
        std::fs::File::create(at("file")).unwrap();
        assert_eq!(real(&at("file")).unwrap_err(), "it is no folder");
    }
}
