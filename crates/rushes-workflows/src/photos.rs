//! `photos`: photos of a shoot are taken in. Each is checked, looked at for faces, entered in the album, and put where it belongs;
//! what is no photo is set aside with the reason. The files themselves stay as they are.

mod aside;

pub use aside::{clear, set_aside};

use crate::import::{Mark, copy_settled};
use crate::kit::{Kit, Shoots, blocking};
use crate::registry::Card;
use crate::route;
use rushes_core::album::{Entered, NewPhoto, Photo, Rules};
use rushes_core::digest::digest_without_md5;
use rushes_core::faces::judge;
use rushes_core::flow::{Flow, Lane, Step, StepContext};
use rushes_core::inspect::{Inspect, Looked};
use rushes_core::store::AssetFilter;
use rushes_core::subject::SubjectType;
use rushes_core::{Code, Done, Fault, Kind, NewAsset, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What the registry says of it.
pub const CARD: Card = Card { name: "photos", version: 1, collection: None, is_short: true, about: "", outside: None };

/// Photos of one job at most: its parameters stay far below 256 KB.
const FILES_MAX: usize = 50;
/// One photo of the largest size on a slow machine.
const LOOK_LIMIT: Duration = Duration::from_mins(5);

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The shoot's id.
    pub shoot: String,
    /// What to take.
    pub files: Vec<Dropped>,
}

/// A file that was dropped.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// As it was when it was looked at.
    pub mark: Mark,
    /// Below `Incoming/`, or its whole path elsewhere: another photo of this name is a newer version of it, unless it was taken at another time.
    pub name: String,
}

/// What became of one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Taken {
    entered: Entered,
    /// Looked for, and none found.
    is_faceless: bool,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    if input.files.len() > FILES_MAX {
        let reason = format!("{} files in one job, and at most {FILES_MAX} are taken; hand them in as several", input.files.len());
        return Err(Stop::Failed(Fault::new(Code::InputInvalid, "take photos").because(reason)));
    }
    let (mut photos, mut known, mut refused, mut failed) = (Vec::new(), 0, Vec::new(), None);
    for (index, file) in input.files.into_iter().enumerate() {
        let (shoots, inspect, shoot, dropped) = (kit.shoots.clone(), kit.inspect.clone(), input.shoot.clone(), file.clone());
        let step =
            Step::new(format!("take {}", index + 1)).inputs(&json!([shoot, file.mark, file.name])).lane(Lane::Cpu).within(LOOK_LIMIT);
        match flow.step(step, move |context: StepContext| take(context, shoots, inspect, shoot, dropped)).await {
            Ok(Taken { entered, .. }) if entered.is_known => known += 1,
            Ok(Taken { entered, is_faceless }) => {
                route::carry_out(flow, kit, &input.shoot, &[entered.photo], &format!("{} ", index + 1)).await?;
                if is_faceless {
                    show_faceless(flow, kit, &input.shoot, entered.photo).await?;
                }
                photos.push(entered.photo);
            }
            // One bad file holds none of the others up.
            Err(Stop::Failed(fault)) => {
                // It is another file by now, or none: whoever watches the folder sees it again.
                if !matches!(fault.code, Code::FileChanged | Code::FileMissing | Code::NotFound) {
                    refuse(flow, kit, &input.shoot, &file, &fault, index + 1).await?;
                }
                if !is_of_file(fault.code) {
                    failed = Some(fault.clone());
                }
                refused.push(json!({"name": file.name, "fault": fault}));
            }
            Err(stop) => return Err(stop),
        }
    }
    // A photo that was refused for a reason of the machine is taken when that is mended: such a job is done again.
    failed.map_or_else(|| Ok(json!({"photos": photos, "known": known, "refused": refused})), |fault| Err(Stop::Failed(fault)))
}

/// Whether a file is refused for what it is, and will be tomorrow.
fn is_of_file(code: Code) -> bool {
    use Code::{FileChanged, FileCorrupt, FileEmpty, FileForbidden, FileMissing, FileTooLarge, FileTruncated};
    matches!(code, FileChanged | FileCorrupt | FileEmpty | FileForbidden | FileMissing | FileTooLarge | FileTruncated)
}

/// Whether a job passed a file over, as it was another by then, or none: when that one is seen again, it is not known.
#[must_use]
pub fn has_passed_over(value: &Value) -> bool {
    let is_so = |refused: &Value| [Code::FileChanged, Code::FileMissing].iter().any(|code| refused["fault"]["code"] == code.name());
    value["refused"].as_array().is_some_and(|refused| refused.iter().any(is_so))
}

/// The rules of a shoot, as its record says. Errors: `not_found`, `input_invalid`.
pub async fn rules(library: &dyn rushes_core::flow::Library, shoot: &str) -> Result<Rules, Fault> {
    let missing = || Fault::new(Code::NotFound, "find shoot").with("shoot", shoot).because("`rushes shoots ls` lists them");
    let subject = library.subject(shoot).await?.filter(|subject| subject.made.subject_type == SubjectType::Shoot).ok_or_else(missing)?;
    let rules: Rules = serde_json::from_value(subject.made.fields["rules"].clone())
        .map_err(|e| Fault::new(Code::InputInvalid, "read rules of shoot").with("shoot", shoot).because(e))?;
    rules.check().map(|()| rules)
}

async fn take(context: StepContext, shoots: Shoots, inspect: Arc<dyn Inspect>, shoot: String, file: Dropped) -> Result<Done<Taken>, Stop> {
    let rules = rules(context.library.as_ref(), &shoot).await?;
    let album = shoots.albums.album(&shoot).await?;
    let copy = context.scratch()?.join("file");
    let (path, mark, into) = (file.path.clone(), file.mark, copy.clone());
    blocking(move || copy_settled(&path, mark, &into)).await?;
    let looked = look(&inspect, &copy).await?;
    // What lay there before it was whole may have been refused.
    let (own, name) = (shoots.root.join(&shoot), file.name.clone());
    blocking(move || clear(&own, OsStr::new(&name))).await?;
    let finder = shoots.finder.as_ref().filter(|_| rules.is_recognising);
    if let Some(known) = album.known(&looked.blob.sha256).await? {
        // Entered by an attempt whose transaction never was, it is registered now.
        let filter = AssetFilter { id: Some(known.original), all_versions: true, ..AssetFilter::default() };
        if !context.library.assets(&filter).await?.is_empty() {
            return Ok(Done::value(Taken { entered: known, is_faceless: false }));
        }
        let is_faceless = finder.is_some() && album.faces(Some(known.photo), 1).await?.is_empty();
        return Ok(taken(&shoot, Entered { is_known: false, ..known }, is_faceless, copy, looked));
    }
    let (mut faces, mut model) = (Vec::new(), String::new());
    if let Some(finder) = finder {
        faces = finder.look(&copy, &context.cancel).await?.faces;
        finder.model().clone_into(&mut model);
    }
    let (is_faceless, group) = (faces.is_empty() && !model.is_empty(), judge::group(&faces));
    let photo = NewPhoto {
        name: file.name,
        taken_at: inspect.taken_at(&copy).await,
        sha256: looked.blob.sha256.clone(),
        extension: looked.info.extension.clone(),
        original: context.library.new_asset_id(),
        model,
        faces,
        group,
    };
    let entered = album.enter(photo, rules).await?;
    Ok(taken(&shoot, entered, is_faceless, copy, looked))
}

fn taken(shoot: &str, entered: Entered, is_faceless: bool, copy: PathBuf, looked: Looked) -> Done<Taken> {
    let original = NewAsset::new(entered.original, Kind::PhotoOriginal, shoot, copy);
    let original = original.name("shoot", shoot).name("photo", Photo::stem(entered.photo)).looked(Some(looked));
    Done::value(Taken { entered, is_faceless }).with(original)
}

/// Checks strictly, once for all that is made of it. Errors: those of `Inspect`; `file_forbidden` for what is no photo.
async fn look(inspect: &Arc<dyn Inspect>, file: &Path) -> Result<Looked, Fault> {
    let info = inspect.inspect_photo(file).await?;
    if !info.mime.starts_with("image/") {
        return Err(Fault::new(Code::FileForbidden, "take photo").because(format!("it is {}, not a photo", info.mime)));
    }
    let (file, mime) = (file.to_owned(), info.mime.clone());
    let blob = blocking(move || {
        File::open(&file).and_then(|open| digest_without_md5(open, &mime)).map_err(|e| Fault::io("hash photo", &file, &e))
    })
    .await?;
    Ok(Looked { info, blob })
}

/// Whoever looks after the shoot finds it beside the reason.
async fn refuse<F: Flow>(flow: &F, kit: &Kit, shoot: &str, file: &Dropped, fault: &Fault, index: usize) -> Result<(), Stop> {
    let (own, file, said) = (kit.shoots.root.join(shoot), file.clone(), fault.to_string());
    flow.step(Step::new(format!("set aside {index}")), move |_: StepContext| async move {
        blocking(move || {
            // What it became meanwhile is judged by itself.
            let is_same = std::fs::metadata(&file.path).is_ok_and(|meta| Mark::of(&meta) == file.mark);
            if is_same { set_aside(&own, &file.path, OsStr::new(&file.name), &said) } else { Ok(()) }
        })
        .await?;
        Ok(Done::value(()))
    })
    .await
}

/// People look for the photos of nobody, too.
async fn show_faceless<F: Flow>(flow: &F, kit: &Kit, shoot: &str, photo: u32) -> Result<(), Stop> {
    let folder = kit.shoots.root.join(shoot).join("Admin/NoFaces");
    let stem = Photo::stem(photo);
    let library = kit.library.join(shoot).join("Processed");
    flow.step(Step::new(format!("no faces {photo}")), move |_: StepContext| async move {
        blocking(move || {
            let io = |e| Fault::io("show photo without faces", &folder, &e);
            std::fs::create_dir_all(&folder).map_err(io)?;
            let found = std::fs::read_dir(&library).into_iter().flatten().flatten();
            let name = found.map(|entry| entry.file_name()).find(|name| name.to_string_lossy().starts_with(&format!("{stem}.")));
            match name {
                Some(name) => link(&library.join(&name), &folder.join(&name)).map_err(io),
                None => Ok(()),
            }
        })
        .await?;
        Ok(Done::value(()))
    })
    .await
}

/// A link that says where the file is; one that is there already stays.
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    match std::os::unix::fs::symlink(to, at) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}
