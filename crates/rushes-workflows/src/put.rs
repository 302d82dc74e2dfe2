//! `put`: one file from outside becomes an asset. The smallest recipe: one step.

use crate::kit::Kit;
use crate::registry::Card;
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::kinds::Names;
use rushes_core::{Code, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

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
    /// What fills its path beside the subject: `ref`, `variant`, `name`, `beside`, …
    #[serde(default)]
    pub names: Names,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let job = flow.id().to_string();
    let inspect = kit.inspect.clone();
    flow.step(Step::new("put").inputs(&input), move |context: StepContext| async move {
        let info = inspect.inspect(&input.file).await?;
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
        let subject = context.library.subject(&input.subject).await?.map_or(input.subject, |subject| subject.made.id);
        let copy = context.scratch()?.join("file");
        tokio::fs::copy(&input.file, &copy).await.map_err(|e| Stop::from(Fault::io("copy file", &input.file, &e)))?;
        let mut asset =
            context.new_asset(kind, &subject, copy).names(&input.names).name("user", &subject).name("job", &job).name("idx", "0");
        if let Some(title) = input.title {
            asset = asset.title(title);
        }
        let made = asset.reference()?;
        Ok(Done::value(serde_json::json!({"asset": made.id, "kind": made.kind})).with(asset))
    })
    .await
}
