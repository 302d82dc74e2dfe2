//! `Admin/Errors` of a shoot: what is no photo, each as a link to where it was dropped, with the reason in a `.txt` beside it.
//! The files themselves are never touched.

use rushes_core::Fault;
use rushes_core::flow::hash;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Below the folder of a shoot.
const ERRORS: &str = "Admin/Errors";
/// What the name of a reason ends in.
const REASON: &str = ".txt";
/// The longest name that disks take, bytes.
const NAME_MAX: usize = 255;
/// The longest end of a name that says of what type it is, bytes.
const EXTENSION_MAX: usize = 8;

/// The link to a file of this name below its folder, and the reason beside it.
fn places(own: &Path, name: &OsStr) -> (PathBuf, PathBuf) {
    let name = shown(name);
    let folder = own.join(ERRORS);
    (folder.join(&name), folder.join(format!("{name}{REASON}")))
}

/// As it is called there: by its own name, where no other can be called so and the reason's name is not too long for a disk.
fn shown(name: &OsStr) -> String {
    let text = name.to_string_lossy();
    let is_plain = name.to_str().is_some() && !text.contains('/') && !text.ends_with(REASON) && text.len() + REASON.len() <= NAME_MAX;
    if is_plain {
        return text.into_owned();
    }
    // Two of one name in two folders are two files here.
    let (flat, mark) = (text.replace('/', "_"), hash(&name.as_bytes()));
    let (stem, extension) =
        flat.rfind('.').filter(|at| *at > 0 && flat.len() - at <= EXTENSION_MAX).map_or((&*flat, ""), |at| flat.split_at(at));
    let end = format!("-{}{extension}", &mark[..8]);
    let room = NAME_MAX - REASON.len() - end.len();
    format!("{}{end}", &stem[..stem.floor_char_boundary(room)])
}

/// Says why the file at `path`, called `name` below its folder, is no photo. Done twice, it changes nothing. Errors: `disk_full`, `io`.
pub fn set_aside(own: &Path, path: &Path, name: &OsStr, why: &str) -> Result<(), Fault> {
    let (link, reason) = places(own, name);
    let io = |e| Fault::io("set photo aside", &link, &e);
    std::fs::create_dir_all(own.join(ERRORS)).map_err(io)?;
    // Made anew, never written through a link that lies there.
    remove(&reason).map_err(io)?;
    let mut written = File::options().write(true).create_new(true).open(&reason).map_err(io)?;
    writeln!(written, "{}\n{why}", path.display()).map_err(io)?;
    super::link(path, &link).map_err(io)
}

/// It is a photo after all, or is not there any more: nothing is said of it. Errors: `io`.
pub fn clear(own: &Path, name: &OsStr) -> Result<(), Fault> {
    let (link, reason) = places(own, name);
    let is_ours = |path: &Path, is: fn(&std::fs::Metadata) -> bool| std::fs::symlink_metadata(path).is_ok_and(|meta| is(&meta));
    let io = |e| Fault::io("clear what was set aside", &link, &e);
    if is_ours(&link, |meta| meta.is_symlink()) {
        remove(&link).map_err(io)?;
    }
    if is_ours(&reason, |meta| meta.is_file()) {
        remove(&reason).map_err(io)?;
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn drop_at(path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(bytes).unwrap();
    }

    #[test]
    fn photos_set_aside_have_names_that_disks_take_and_each_its_own() {
        let names = [
            "a.jpg",
            "a/b.jpg",
            "a_b.jpg",
            "b/a.jpg",
            "b.jpg.txt",
            "line\nbreak.jpg",
            "-rf",
            "100 %.jpg",
            &"長".repeat(85),
            &"x".repeat(255),
        ];
        let mut all = BTreeSet::new();
        for name in names {
            let (link, reason) = places(Path::new("/own"), OsStr::new(name));
            for path in [link, reason] {
                assert!(path.file_name().unwrap().len() <= NAME_MAX && path.parent() == Some(Path::new("/own/Admin/Errors")), "{path:?}");
                assert!(all.insert(path.clone()), "{path:?} stands for two");
            }
        }
        assert!(shown(OsStr::new(&format!("{}.jpg", "x".repeat(251)))).ends_with(".jpg"));
        assert_ne!(shown(OsStr::from_bytes(b"caf\xe9.jpg")), shown(OsStr::from_bytes(b"caf\xe8.jpg")));
    }

    /// The reason of `a.jpg` is called as a dropped `a.jpg.txt` may be.
    #[test]
    fn photos_reasons_are_never_written_into_what_was_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let (own, dropped) = (folder.path().join("own"), folder.path().join("in/a.jpg.txt"));
        drop_at(&dropped, b"what a guest wrote");
        // As it was once: a link of that very name.
        std::fs::create_dir_all(own.join(ERRORS)).unwrap();
        std::os::unix::fs::symlink(&dropped, own.join(ERRORS).join("a.jpg.txt")).unwrap();
        set_aside(&own, &dropped, OsStr::new("a.jpg.txt"), "it is text").unwrap();
        set_aside(&own, &folder.path().join("in/a.jpg"), OsStr::new("a.jpg"), "it is empty").unwrap();
        assert_eq!(std::fs::read(&dropped).unwrap(), b"what a guest wrote");
        assert!(std::fs::read_to_string(own.join(ERRORS).join("a.jpg.txt")).unwrap().contains("it is empty"));
    }

    #[test]
    fn photos_that_are_whole_after_all_are_not_said_to_be_bad() {
        let folder = tempfile::tempdir().unwrap();
        let (own, dropped) = (folder.path().join("own"), folder.path().join("in/a.jpg"));
        drop_at(&dropped, b"half");
        for _ in 0..2 {
            set_aside(&own, &dropped, OsStr::new("a.jpg"), "half of it is missing").unwrap();
        }
        assert_eq!(std::fs::read_dir(own.join(ERRORS)).unwrap().count(), 2);
        clear(&own, OsStr::new("a.jpg")).unwrap();
        clear(&own, OsStr::new("a.jpg")).unwrap();
        assert_eq!(std::fs::read_dir(own.join(ERRORS)).unwrap().count(), 0);
        assert_eq!(std::fs::read(&dropped).unwrap(), b"half");
    }
}
