//! `rushes models`: the two files that find and tell faces. The product holds no weights.

use super::{Context, exit, print};
use crate::wire::models::fetch_model;
use rushes_faces::models::{DETECTOR, EMBEDDER, Model, State, install, status};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say which models there are, and whether they are installed.
    Status,
    /// Install models from files, each checked byte for byte.
    Install {
        /// The file that finds faces.
        #[arg(long, value_name = "FILE", required_unless_present = "embedder")]
        detector: Option<PathBuf>,
        /// The file that tells them apart.
        #[arg(long, value_name = "FILE")]
        embedder: Option<PathBuf>,
    },
    /// Fetch what is not installed from `[faces] detector_url` and `embedder_url`, each checked byte for byte.
    Fetch,
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<u8> {
    let folder = context.home.models();
    match command {
        Command::Status => {}
        Command::Install { detector, embedder } => {
            let files = [(DETECTOR, detector), (EMBEDDER, embedder)];
            for (model, file) in files.into_iter().filter_map(|(model, file)| Some((model, file?))) {
                context.home.prepare()?;
                install(&folder, model, &file)?;
            }
        }
        Command::Fetch => {
            for (model, _) in status(&folder)?.into_iter().filter(|(_, state)| *state != State::Installed) {
                fetch_model(&context.home, &context.loaded.config, model, print::note).await?;
            }
        }
    }
    let found = status(&folder)?;
    let word = |state: State| match state {
        State::Installed => "installed",
        State::Absent => "absent",
        State::Differs => "another file",
    };
    if context.json {
        let row = |(model, state): &(Model, State)| json!({"file": model.file, "sha256": model.sha256, "licence": model.licence, "purpose": model.purpose, "state": word(*state)});
        print::json(&json!({"models": found.iter().map(row).collect::<Vec<Value>>()}))?;
    } else {
        let row = |(model, state): (Model, State)| {
            vec![model.file.to_owned(), word(state).to_owned(), model.licence.to_owned(), model.purpose.to_owned()]
        };
        print::table(&["model", "state", "licence", "purpose"], &[], found.into_iter().map(row));
    }
    let is_whole = found.iter().all(|(_, state)| *state == State::Installed);
    Ok(if is_whole { exit::DONE } else { exit::NOT_CLEAN })
}
