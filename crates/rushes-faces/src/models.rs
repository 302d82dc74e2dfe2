//! The two models: which they are, whether they are here, and how they come here. The product holds no weights.
//!
//! What does not live here: fetching. Whoever has fetched a file lets [`install`] look at it.

use rushes_core::{Code, Fault};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

/// A model, pinned to the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// What it is called in the folder of models.
    pub file: &'static str,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// Of its bytes, in hexadecimal.
    pub sha256: &'static str,
    /// Whose, and on which terms.
    pub licence: &'static str,
    /// What it does.
    pub purpose: &'static str,
}

/// Finds faces and five points of each.
pub const DETECTOR: Model = Model {
    file: "yunet_n_640_640.onnx",
    size_bytes: 317_466,
    sha256: "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    licence: "Apache-2.0 (libfacedetection, YuNet)",
    purpose: "finds faces, with eyes, nose and corners of the mouth",
};

/// Turns a face into a template.
pub const EMBEDDER: Model = Model {
    file: "dlib_resnet_v1.onnx",
    size_bytes: 22_435_963,
    sha256: "3431c69c2d422ad5c7c8b7e0d3bc5cdd5f5726e362bab03ac78a0748247f2eb5",
    licence: "public domain (dlib_face_recognition_resnet_model_v1, converted to ONNX)",
    purpose: "turns a face into 128 numbers, by which faces are compared",
};

/// Both.
pub const MODELS: [Model; 2] = [DETECTOR, EMBEDDER];

/// How a model lies in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Byte for byte.
    Installed,
    /// Not there.
    Absent,
    /// Something else lies under its name.
    Differs,
}

/// How each model lies in this folder. Reads them whole. Errors: `io`.
pub fn status(folder: &Path) -> Result<[(Model, State); 2], Fault> {
    let state = |model: Model| {
        Ok((
            model,
            match hash(&folder.join(model.file)) {
                Ok(found) if found == model.sha256 => State::Installed,
                Ok(_) => State::Differs,
                Err(error) if error.kind() == io::ErrorKind::NotFound => State::Absent,
                Err(error) => return Err(Fault::io("read model", &folder.join(model.file), &error)),
            },
        ))
    };
    Ok([state(DETECTOR)?, state(EMBEDDER)?])
}

/// Which model a file is, whatever its name. Errors: `input_invalid` for one that is neither, with the hashes; `file_missing`, `io`.
pub fn verify(file: &Path) -> Result<Model, Fault> {
    let found = hash(file).map_err(|error| Fault::io("read model", file, &error))?;
    MODELS.into_iter().find(|model| model.sha256 == found).ok_or_else(|| {
        let wanted = MODELS.map(|model| format!("{} of {}", model.sha256, model.file)).join(" or ");
        Fault::new(Code::InputInvalid, "verify model").with("file", file.display()).because(format!("its SHA-256 is {found}, not {wanted}"))
    })
}

/// Copies a model into the folder, under its own name, read-only and whole or not at all; answers where. One that is there
/// already stays. Errors: as of [`verify`]; `input_invalid` where it is the other model; `disk_full`.
pub fn install(folder: &Path, model: Model, file: &Path) -> Result<PathBuf, Fault> {
    let found = verify(file)?;
    if found != model {
        let why =
            format!("it is {}, which {}; wanted is {} ({}, not {})", found.file, found.purpose, model.file, model.sha256, found.sha256);
        return Err(Fault::new(Code::InputInvalid, "install model").with("file", file.display()).because(why));
    }
    let target = folder.join(model.file);
    if hash(&target).is_ok_and(|there| there == model.sha256) {
        return Ok(target);
    }
    copy(folder, file, &target).map_err(|error| Fault::io("install model", &target, &error))?;
    // What was copied counts, not what was read before.
    verify(&target)?;
    Ok(target)
}

fn copy(folder: &Path, from: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut whole = tempfile::NamedTempFile::new_in(folder)?;
    io::copy(&mut File::open(from)?, &mut whole)?;
    whole.flush()?;
    let mut permissions = whole.as_file().metadata()?.permissions();
    permissions.set_readonly(true);
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o444);
    whole.as_file().set_permissions(permissions)?;
    whole.as_file().sync_all()?;
    whole.persist(target).map_err(|error| error.error)?;
    Ok(())
}

/// The bytes of an installed model. Errors: `faces_off` where it is absent or another file, `io`.
pub(crate) fn read(folder: &Path, model: Model) -> Result<Vec<u8>, Fault> {
    let path = folder.join(model.file);
    let off = |why: String| Fault::new(Code::FacesOff, "open model").with("path", path.display()).because(why);
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => off("it is not there".into()),
        _ => Fault::io("open model", &path, &error),
    })?;
    let found = text_of(&Sha256::digest(&bytes));
    if found == model.sha256 { Ok(bytes) } else { Err(off(format!("its SHA-256 is {found}, not {}", model.sha256))) }
}

fn hash(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher, mut some) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut some)? {
            0 => return Ok(text_of(&hasher.finalize())),
            length => hasher.update(&some[..length]),
        }
    }
}

fn text_of(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes whatever is written");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_a_wrong_file_is_refused_with_both_hashes() {
        let folder = tempfile::tempdir().unwrap();
        let mut wrong = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
        wrong.write_all(b"not a model").unwrap();
        let home = folder.path().join("models");
        let fault = install(&home, DETECTOR, wrong.path()).unwrap_err();
        let said = fault.to_string();
        assert_eq!(fault.code, Code::InputInvalid);
        assert!(said.contains(DETECTOR.sha256) && said.contains(&hash(wrong.path()).unwrap()), "{said}");
        assert_eq!(status(&home).unwrap().map(|(_, state)| state), [State::Absent; 2]);
        assert_eq!(verify(&home.join("none")).unwrap_err().code, Code::FileMissing);
    }

    #[test]
    fn models_that_are_absent_or_other_files_turn_faces_off() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), EMBEDDER).unwrap_err().code, Code::FacesOff);
        File::create(folder.path().join(EMBEDDER.file)).unwrap().write_all(b"something").unwrap();
        assert_eq!(status(folder.path()).unwrap()[1].1, State::Differs);
        let fault = read(folder.path(), EMBEDDER).unwrap_err();
        assert!(fault.code == Code::FacesOff && fault.to_string().contains("rushes models install"), "{fault}");
    }

    #[test]
    fn models_are_installed_whole_and_read_only() {
        let Some(models) = crate::tests::models() else { return };
        let folder = tempfile::tempdir().unwrap();
        for model in MODELS {
            let from = models.join(model.file);
            let at = install(folder.path(), model, &from).unwrap();
            assert_eq!(install(folder.path(), model, &from).unwrap(), at, "a second time changes nothing");
            let about = fs::metadata(&at).unwrap();
            assert!(about.permissions().readonly() && about.len() == model.size_bytes);
        }
        assert_eq!(status(folder.path()).unwrap().map(|(_, state)| state), [State::Installed; 2]);
        let fault = install(folder.path(), DETECTOR, &models.join(EMBEDDER.file)).unwrap_err();
        assert!(fault.to_string().contains(EMBEDDER.file), "{fault}");
    }
}
