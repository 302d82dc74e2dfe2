//! `import`: files that are somewhere already become assets of one subject, each in a step of its own; and the subject is
//! known as its record tells. What a library or a watched folder holds is started as many such jobs, so that none is large.

use crate::kit::{Kit, blocking};
use crate::registry::Card;
use rushes_core::flow::{Flow, Lane, Step, StepContext};
use rushes_core::kinds::Names;
use rushes_core::subject::{NewSubject, SubjectType, slug};
use rushes_core::{Code, Done, Fault, Kind, NewAsset, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the registry says of it.
pub const CARD: Card = Card {
    name: "import",
    version: 1,
    collection: None,
    is_short: true,
    about: "register and deliver files of one subject",
    outside: None,
};

/// Files of one job at most: its parameters stay far below 256 KB.
pub const FILES_MAX: usize = 100;
/// Copying one file of the largest size from a slow disk or bucket.
const COPY_LIMIT: Duration = Duration::from_hours(4);

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The character they belong to, where they belong to one.
    #[serde(default)]
    pub character: Option<Character>,
    /// What to take.
    pub files: Vec<Taken>,
}

/// A character as an older record, or only a file's name, tells of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Character {
    /// Frozen.
    pub id: String,
    /// As spoken.
    pub name: String,
    /// What its record says beside its assets, laid over what is known; None where there is no record, and what is known
    /// stays.
    #[serde(default)]
    pub fields: Option<Value>,
}

/// One file to take.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// Where it is.
    pub from: Place,
    /// Of what kind; None = a workspace image or video, by content.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Whose.
    pub subject: String,
    /// Which of the subject's sets; None = the kind's own.
    #[serde(default)]
    pub title: Option<String>,
    /// What fills its path beside the subject.
    #[serde(default)]
    pub names: Names,
    /// Kept with it.
    #[serde(default)]
    pub meta: Value,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On this machine; as it was when it was looked at.
    File {
        /// Absolute.
        path: PathBuf,
        /// Which very file in which state.
        mark: Mark,
    },
    /// At a destination.
    Object {
        /// As configured.
        destination: String,
        /// Its key.
        key: String,
    },
}

impl Place {
    /// For people.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Object { destination, key } => format!("{destination}: {key}"),
        }
    }
}

/// A file and its state, as far as can be told without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The file's number on its disk.
    pub inode: u64,
    /// Bytes.
    pub size_bytes: u64,
    /// When its content last changed, nanoseconds since 1970.
    pub changed_ns: i64,
}

impl Mark {
    /// From what the file system says.
    #[must_use]
    pub fn of(meta: &std::fs::Metadata) -> Self {
        let changed_ns = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
        Self { inode: meta.ino(), size_bytes: meta.len(), changed_ns }
    }
}

impl Taken {
    /// What the step that takes it works from, by whose hash it is known, wherever the file lies: who took it once need not read it again.
    #[must_use]
    pub fn identity(&self) -> Value {
        let what = match &self.from {
            Place::File { mark, .. } => json!(mark),
            Place::Object { destination, key } => json!([destination, key]),
        };
        // Where the content decides of what kind it is, the names only say where it lay.
        let names = self.kind.map(|_| &self.names);
        json!(["import", what, self.kind, self.subject, self.title, names])
    }

    /// For people: the last part of its path or key.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.from {
            Place::File { path, .. } => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Place::Object { key, .. } => key.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }
}

/// A file that was not taken, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refused {
    /// Its path or key.
    pub from: Place,
    /// Why.
    pub fault: Fault,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    // One that only names of files tell of comes with the first that is taken: there may be none.
    let newcomer = input.character.clone().filter(|character| character.fields.is_none());
    if let Some(character) = input.character {
        let is_bare = input.files.is_empty();
        flow.step(Step::new("character"), move |context: StepContext| know(context, character, is_bare)).await?;
    }
    let mut refused = Vec::new();
    let count = input.files.len();
    for (index, file) in input.files.into_iter().enumerate() {
        let (kit, from, newcomer) = (kit.clone(), file.from.clone(), newcomer.clone());
        let step = Step::new(format!("take {} {}", index + 1, file.name())).inputs(&file.identity()).lane(Lane::Cpu).within(COPY_LIMIT);
        match flow.step(step, move |context: StepContext| take(context, kit, file, newcomer)).await {
            Ok(()) => {}
            // One bad file holds none of the others up.
            Err(Stop::Failed(fault)) => refused.push(Refused { from, fault }),
            Err(stop) => return Err(stop),
        }
    }
    Ok(json!({"taken": count - refused.len(), "refused": refused}))
}

/// Brings a character with a record into being, or has it say what its record says. `is_bare`: no file will follow that
/// owes its record.
async fn know(context: StepContext, character: Character, is_bare: bool) -> Result<Done<()>, Stop> {
    let Character { id, name, fields } = character;
    if let Some(known) = context.library.subject(&id).await?.filter(|known| known.made.id == id) {
        let renewed = fields.and_then(|fields| told(&known.made, &name, &fields));
        return Ok(Done { renewed: renewed.into_iter().collect(), ..Done::value(()) });
    }
    let Some(fields) = fields else { return Ok(Done::value(())) };
    let new = newcomer(&context, id, name, fields).await?;
    let renewed = if is_bare { vec![new.clone()] } else { Vec::new() };
    Ok(Done { subjects: vec![new], renewed, ..Done::value(()) })
}

/// A character that is not known yet.
async fn newcomer(context: &StepContext, id: String, name: String, fields: Value) -> Result<NewSubject, Fault> {
    // Two characters of one name: the second goes by its id.
    let plain = slug(&name);
    let is_free = context.library.subject(&plain).await?.is_none();
    let slug = if is_free { plain } else { id.clone() };
    Ok(NewSubject { id, subject_type: SubjectType::Character, slug, name, fields })
}

/// A known subject as a record tells of it; None where that is nothing new.
#[must_use]
pub fn told(known: &NewSubject, name: &str, fields: &Value) -> Option<NewSubject> {
    let mut all = known.fields.as_object().cloned().unwrap_or_default();
    all.extend(fields.as_object().cloned().unwrap_or_default());
    let renewed = NewSubject { name: name.to_owned(), fields: Value::Object(all), ..known.clone() };
    (renewed != *known).then_some(renewed)
}

async fn take(context: StepContext, kit: Kit, file: Taken, character: Option<Character>) -> Result<Done<()>, Stop> {
    let copy = context.scratch()?.join("file");
    match &file.from {
        Place::File { path, mark } => {
            let (path, mark, copy) = (path.clone(), *mark, copy.clone());
            blocking(move || copy_settled(&path, mark, &copy)).await?;
        }
        Place::Object { destination, key } => {
            let source = kit.sources.get(destination).ok_or_else(|| {
                Stop::Failed(Fault::new(Code::NotFound, "import object").with("destination", destination).because("it is not configured"))
            })?;
            source.port.get(key, None, &copy).await?;
        }
    }
    let kind = match file.kind {
        Some(kind) => kind,
        None => match kit.inspect.inspect(&copy).await?.mime.split('/').next() {
            Some("image") => Kind::WorkspaceImage,
            Some("video") => Kind::WorkspaceVideo,
            _ => {
                let reason = "sound has no kind of its own; say which with --kind";
                return Err(Stop::Failed(Fault::new(Code::InputInvalid, "import file").with("file", file.name()).because(reason)));
            }
        },
    };
    let mut asset: NewAsset = context.new_asset(kind, &file.subject, copy).names(&file.names).meta(file.meta);
    if let Some(title) = file.title {
        asset = asset.title(title);
    }
    let mut done = Done::value(()).with(asset);
    if let Some(Character { id, name, .. }) = character.filter(|character| character.id == file.subject)
        && context.library.subject(&id).await?.is_none_or(|known| known.made.id != id)
    {
        done.subjects.push(newcomer(&context, id, name, json!({})).await?);
    }
    Ok(done)
}

/// Copies a file that is the one that was looked at, before and after: its owner may go on writing it at any time, so it is
/// never linked. Disks that can share bytes between files do.
pub(crate) fn copy_settled(path: &Path, mark: Mark, copy: &Path) -> Result<(), Fault> {
    rushes_media::inspect::check_file(path)?;
    let is_same = || std::fs::metadata(path).map(|meta| Mark::of(&meta) == mark).map_err(|e| Fault::io("look at file", path, &e));
    let changed = || Fault::new(Code::FileChanged, "import file").with("path", path.display());
    if !is_same()? {
        return Err(changed());
    }
    std::fs::copy(path, copy).map_err(|e| match e.kind() {
        std::io::ErrorKind::PermissionDenied => Fault::io("copy file", path, &e).verdict(rushes_core::Verdict::Permanent),
        _ => Fault::io("copy file", path, &e),
    })?;
    let is_whole = std::fs::metadata(copy).is_ok_and(|meta| meta.len() == mark.size_bytes);
    if is_whole && is_same()? { Ok(()) } else { Err(changed()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: PathBuf) -> Taken {
        let mark = Mark::of(&std::fs::metadata(&path).unwrap());
        let from = Place::File { path, mark };
        Taken { from, kind: Some(Kind::Poster), subject: "mira".into(), title: None, names: Names::new(), meta: Value::Null }
    }

    #[test]
    fn import_copies_only_the_file_that_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("a.png"), folder.path().join("copy"));
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), b"one").unwrap();
        let Place::File { mark, .. } = file(path.clone()).from else { panic!() };
        copy_settled(&path, mark, &copy).unwrap();
        assert_eq!(std::fs::read(&copy).unwrap(), b"one");
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), b"longer").unwrap();
        assert_eq!(copy_settled(&path, mark, &copy).unwrap_err().code, Code::FileChanged);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(copy_settled(&path, mark, &copy).unwrap_err().code, Code::FileMissing);
        std::fs::create_dir(&path).unwrap();
        assert_eq!(copy_settled(&path, mark, &copy).unwrap_err().code, Code::FileForbidden);
    }

    #[test]
    fn import_knows_a_file_again_wherever_it_was_moved() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("a.png"), folder.path().join("b.png"));
        std::io::Write::write_all(&mut std::fs::File::create(&here).unwrap(), b"one").unwrap();
        let before = file(here.clone());
        std::os::unix::fs::symlink(&here, &there).unwrap();
        let same = file(there);
        assert_eq!(before.identity(), same.identity());
        let other = Taken { title: Some("alternate_1".into()), ..before.clone() };
        assert_ne!(before.identity(), other.identity(), "the same file may be two assets");
    }

    #[test]
    fn import_lays_a_record_over_what_is_known_and_sees_when_nothing_is_new() {
        let known = NewSubject {
            id: "mira_1".into(),
            subject_type: SubjectType::Character,
            slug: "mira".into(),
            name: "Mira".into(),
            fields: json!({"anime": "a", "kept": 1}),
        };
        assert_eq!(told(&known, "Mira", &json!({"anime": "a"})), None);
        let renewed = told(&known, "Mira K", &json!({"anime": "b"})).unwrap();
        assert_eq!((renewed.name.as_str(), renewed.slug.as_str(), &renewed.fields), ("Mira K", "mira", &json!({"anime": "b", "kept": 1})));
    }
}
