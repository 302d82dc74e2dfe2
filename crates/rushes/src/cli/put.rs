//! `rushes put FILE`: one file from outside, registered and delivered.

use super::follow::{self, Until};
use super::hand::{self, By};
use super::{Context, assets, exit, print};
use crate::wire;
use rushes_core::Kind;
use rushes_core::kinds::Names;
use rushes_engine::Ask;
use rushes_engine::blobs::sha256_of;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file.
    file: PathBuf,
    /// Of what kind; a workspace image or video unless given.
    #[arg(long, value_parser = assets::kind)]
    kind: Option<Kind>,
    /// Whose: the id or unique slug of a subject, or a user's name.
    #[arg(long, default_value = "local")]
    subject: String,
    /// Which of the subject's sets.
    #[arg(long)]
    title: Option<String>,
    /// Fill a name of its path, such as `ref=ref1`.
    #[arg(long = "name", value_parser = name_value)]
    names: Vec<(String, String)>,
    /// Do not wait for the delivery.
    #[arg(long)]
    no_wait: bool,
}

pub(super) fn name_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| format!("{text:?} is not NAME=VALUE"))
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let file = std::path::absolute(&args.file)?;
    // Before it is read for its hash: what is no file has no end, or is waited for.
    rushes_media::inspect::check_file(&file)?;
    let names: Names = args.names.into_iter().collect();
    let input = rushes_workflows::put::Input {
        sha256: sha256_of(&file)?.0,
        file,
        kind: args.kind,
        subject: args.subject,
        title: args.title,
        looked: None,
        names,
    };
    let ask = Ask::Submit { workflow: "put".into(), input: serde_json::to_value(input)?, new: false };
    let (answer, by) = hand::ask(context, ask).await?;
    let id = hand::job_of(&answer)?;
    let (parts, job, code) = match by {
        By::Us(running) => {
            let until = if args.no_wait { Until::Workflow } else { Until::Delivery };
            let end = follow::follow(follow::By::Us(&running.engine), id, until, None).await?;
            running.engine.stop().await;
            (wire::look(&context.home, &context.loaded.config)?, end.job, end.code)
        }
        By::Owner => {
            let parts = wire::look(&context.home, &context.loaded.config)?;
            let job = if args.no_wait { parts.store.job(id).await? } else { hand::watch(&parts, id).await? };
            let code = follow::code_of(job.state);
            (parts, job, code)
        }
    };
    let family = parts.store.family(job.id).await?;
    if let Some(fault) = job.fault {
        return Err(fault.into());
    }
    let Some((asset, deliveries)) = family.listed.first() else {
        return Ok(code);
    };
    let uri = rushes_core::record::proven_uri(deliveries, &parts.routes);
    if context.json {
        print::json(
            &serde_json::json!({"job_id": job.id, "status": job.state, "asset": asset.id, "kind": asset.kind, "sha256": asset.blob.sha256, "url": uri}),
        )?;
    } else {
        print::line(format!("{} {}: {}", asset.kind.name(), asset.id, uri.unwrap_or("on its way")));
    }
    Ok(if code == exit::DONE && uri.is_none() { exit::PARTLY } else { code })
}
