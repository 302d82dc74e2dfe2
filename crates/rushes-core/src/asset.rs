//! Assets: registered files, the files about to become so, and their bytes.

use crate::fault::Fault;
use crate::ids::{AssetId, JobId};
use crate::inspect::Looked;
use crate::kinds::{Kind, Names};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// The longest name a disk takes, bytes.
const NAME_MAX: usize = 255;

/// What is wrong with a path below the library, or below a place, if anything is: it is `/`-separated names that every
/// disk takes and that lead nowhere else. The one check of paths that people, workflows and records bring.
#[must_use]
pub fn flaw_of_path(path: &str) -> Option<&'static str> {
    path.split('/').find_map(|name| match name {
        "" | "." | ".." => Some("it would leave the library; a name in it is empty or dots"),
        _ if name.contains('\0') => Some("a name in it holds the character 0"),
        _ if name.len() > NAME_MAX => Some("a name in it is longer than the 255 bytes that disks take"),
        _ if name.starts_with(".rushes-") => Some("a name in it begins with .rushes-, as only unfinished files do"),
        _ => None,
    })
}

/// What a workflow hands from step to step: which asset, and where its path begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetRef {
    /// Which asset.
    pub id: AssetId,
    /// Of what kind.
    pub kind: Kind,
    /// Its path without extension.
    pub stem: String,
    /// The title of its set.
    pub title: String,
}

/// A file in scratch that a step wants registered; only the engine's ingest makes it an asset.
#[derive(Debug, Clone)]
pub struct NewAsset {
    /// Its id, drawn beforehand so that the step's value can name it.
    pub id: AssetId,
    /// Of what kind.
    pub kind: Kind,
    /// The id of the character, person, user or shoot it belongs to.
    pub subject: String,
    /// Which of the subject's sets.
    pub title: String,
    /// Which of several equal ones in one step.
    pub idx: u32,
    /// Where the bytes are now.
    pub file: PathBuf,
    /// What was found of them before, where somebody has looked.
    pub looked: Option<Looked>,
    /// The seed it was made from.
    pub seed: Option<u64>,
    /// What it was made from.
    pub parents: Vec<AssetId>,
    /// What fills its path.
    pub names: Names,
    /// Anything worth keeping: prompt, model, tempo.
    pub meta: Value,
    /// Kept back until its job shows it ([`crate::Done::shown`]): what has its place stays there so long.
    pub is_aside: bool,
}

impl NewAsset {
    /// A file of this kind for this subject; the title is the kind's own, or `primary`.
    #[must_use]
    pub fn new(id: AssetId, kind: Kind, subject: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        Self {
            id,
            kind,
            subject: subject.into(),
            title: kind.own_title().unwrap_or("primary").to_owned(),
            idx: 0,
            file: file.into(),
            looked: None,
            seed: None,
            parents: Vec::new(),
            names: Names::new(),
            meta: Value::Null,
            is_aside: false,
        }
    }

    /// Kept back until its job shows it.
    #[must_use]
    pub fn aside(mut self, is_aside: bool) -> Self {
        self.is_aside = is_aside;
        self
    }

    /// Which of the subject's sets it belongs to.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Which of several of one kind within one step.
    #[must_use]
    pub fn idx(mut self, idx: u32) -> Self {
        self.idx = idx;
        self
    }

    /// Fills one name of its path.
    #[must_use]
    pub fn name(mut self, name: &str, value: impl Into<String>) -> Self {
        self.names.insert(name.to_owned(), crate::kinds::segment(&value.into()));
        self
    }

    /// Fills several names of its path at once. `beside` is a path itself and stays one; ingest refuses it if it leaves
    /// the library.
    #[must_use]
    pub fn names(mut self, names: &Names) -> Self {
        for (name, value) in names {
            self = if name == "beside" {
                self.names.insert(name.clone(), value.clone());
                self
            } else {
                self.name(name, value)
            };
        }
        self
    }

    /// A companion of another asset: beside it, in its set, made from it.
    #[must_use]
    pub fn beside(mut self, other: &AssetRef) -> Self {
        self.names.insert("beside".to_owned(), other.stem.clone());
        self.title.clone_from(&other.title);
        self.made_from(other)
    }

    /// Adds one asset it was made from.
    #[must_use]
    pub fn made_from(mut self, parent: &AssetRef) -> Self {
        self.parents.push(parent.id);
        self
    }

    /// What was found of its bytes before.
    #[must_use]
    pub fn looked(mut self, looked: Option<Looked>) -> Self {
        self.looked = looked;
        self
    }

    /// The seed it was made from.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Anything worth keeping.
    #[must_use]
    pub fn meta(mut self, meta: Value) -> Self {
        self.meta = meta;
        self
    }

    /// How later steps name it. Errors: a name of its path is missing.
    pub fn reference(&self) -> Result<AssetRef, Fault> {
        Ok(AssetRef { id: self.id, kind: self.kind, stem: self.kind.stem(&self.subject, &self.names)?, title: self.title.clone() })
    }
}

/// Bytes, named by their SHA-256; lower-case hex throughout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Hex.
    pub sha256: String,
    /// Hex; None where it was not taken: it takes longer than both others together, and few stores need it.
    pub md5: Option<String>,
    /// Castagnoli.
    pub crc32c: u32,
    /// Bytes.
    pub size_bytes: u64,
    /// By content.
    pub mime: String,
}

/// A registered file.
#[derive(Debug, Clone, Serialize)]
pub struct Asset {
    /// Which.
    pub id: AssetId,
    /// Of what kind.
    pub kind: Kind,
    /// Whose.
    pub subject: String,
    /// Which of the subject's sets.
    pub title: String,
    /// Which of several equal ones in one step.
    pub idx: u32,
    /// 1 for the first at its path, then counting up; 0 while it is kept back.
    pub version: u32,
    /// The bytes.
    pub blob: Blob,
    /// Below the library and below each destination's prefix, with extension.
    pub path: String,
    /// The seed it was made from.
    pub seed: Option<u64>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Milliseconds.
    pub duration_ms: Option<u64>,
    /// Anything worth keeping.
    pub meta: Value,
    /// The job that made it.
    pub job: JobId,
    /// The step that made it.
    pub step: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// When a newer version took its path.
    pub retired_ms: Option<i64>,
}

impl Asset {
    /// How workflows name it.
    #[must_use]
    pub fn reference(&self) -> AssetRef {
        let stem = self.path.rsplit_once('.').map_or(self.path.as_str(), |(stem, _)| stem);
        AssetRef { id: self.id, kind: self.kind, stem: stem.to_owned(), title: self.title.clone() }
    }
}
