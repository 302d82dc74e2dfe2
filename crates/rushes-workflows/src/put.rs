//! `put`: one file from outside becomes an asset. The smallest recipe: one step.

use crate::kit::{Kit, blocking};
use crate::registry::Card;
use rushes_core::digest::digest_without_md5;
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::inspect::{Looked, MediaInfo};
use rushes_core::kinds::Names;
use rushes_core::{Code, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What the registry says of it.
pub const CARD: Card =
    Card { name: "put", version: 1, collection: None, is_short: true, about: "register and deliver one file", outside: None };

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The file, absolute.
    pub file: PathBuf,
    /// Its SHA-256: the same path with other bytes is another job.
    pub sha256: String,
    /// Of what kind; None = a workspace image or video, by content.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// The id or unique slug of the subject, or a user's name for workspace kinds.
    pub subject: String,
    /// Which of the subject's sets; None = the kind's own.
    #[serde(default)]
    pub title: Option<String>,
    /// What was found of it, where it was looked at when it came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Looked>,
    /// What fills its path beside the subject: `ref`, `variant`, `name`, `beside`, …
    #[serde(default)]
    pub names: Names,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let job = flow.id().to_string();
    let inspect = kit.inspect.clone();
    flow.step(Step::new("put").inputs(&input), move |context: StepContext| async move {
        let info = match &input.looked {
            Some(looked) => looked.info.clone(),
            None => inspect.inspect(&input.file).await?,
        };
        let kind = match input.kind {
            Some(kind) => kind,
            None if info.mime.starts_with("image/") => Kind::WorkspaceImage,
            None if info.mime.starts_with("video/") => Kind::WorkspaceVideo,
            None => {
                let reason = format!("{} has no kind of its own; say which with --kind", info.mime);
                return Err(Stop::Failed(Fault::new(Code::InputInvalid, "put file").with("file", input.file.display()).because(reason)));
            }
        };
        // A subject that is known goes by its id; a user's name stands for itself.
        let subject = context.library.subject(&input.subject).await?.map_or_else(|| input.subject.clone(), |subject| subject.made.id);
        let scratch = context.scratch()?;
        let (input, copy, looked) = blocking(move || take(&input, info, &scratch).map(|(copy, looked)| (input, copy, looked))).await?;
        let asset = context.new_asset(kind, &subject, copy).looked(looked);
        let mut asset = asset.names(&input.names).name("user", &subject).name("job", &job).name("idx", "0");
        if let Some(title) = input.title {
            asset = asset.title(title);
        }
        let made = asset.reference()?;
        Ok(Done::value(serde_json::json!({"asset": made.id, "kind": made.kind})).with(asset))
    })
    .await
}

/// The step's own file with these bytes, and what was found of them. What lies in the job's scratch gets a second name, so
/// that a further attempt finds it again; what is anybody else's is copied, since its owner may go on writing it.
#[expect(clippy::disallowed_methods, reason = "within scratch")]
fn take(input: &Input, info: MediaInfo, scratch: &Path) -> Result<(PathBuf, Option<Looked>), Fault> {
    let (file, own) = (&input.file, scratch.join("file"));
    let is_here = file.parent() == scratch.parent();
    if !is_here || std::fs::hard_link(file, &own).is_err() {
        std::fs::copy(file, &own).map_err(|e| Fault::io("copy file", file, &e))?;
    }
    if input.looked.is_some() {
        return Ok((own, input.looked.clone()));
    }
    let blob = File::open(&own).and_then(|open| digest_without_md5(open, &info.mime)).map_err(|e| Fault::io("hash file", &own, &e))?;
    // Changed since it was asked for, it may have been changed since it was looked at, too.
    let is_same = blob.sha256 == input.sha256;
    Ok((own, is_same.then_some(Looked { info, blob })))
}
