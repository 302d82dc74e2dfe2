//! `rushes put FILE`: one file from outside, registered and delivered.

use super::follow::{self, End, Until};
use super::hand::{self, Hand};
use super::{Context, assets, exit, print, text_of};
use rushes_core::Kind;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::kinds::Names;
use rushes_engine::Ask;
use rushes_engine::blobs::sha256_of;
use serde_json::json;
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
    let began_ms = SystemClock.now_ms();
    let file = PathBuf::from(text_of("put file", file)?);
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
    let mut hand = Hand::open(context).await?;
    let ask = Ask::Submit { workflow: "put".into(), input: serde_json::to_value(input)?, new: false, since_ms: Some(began_ms) };
    let id = hand::job_of(&hand.ask(ask).await?)?;
    let until = match (args.no_wait, hand.is_ours()) {
        (false, _) => Until::Delivery,
        (true, true) => Until::Workflow,
        // Whoever has it goes on with it.
        (true, false) => Until::Nothing,
    };
    let End { job, code } = follow::follow(&mut hand, id, until, None).await?;
    let parts = hand.parts().clone();
    let family = parts.store.family(job.id).await?;
    hand.close().await;
    if let Some(fault) = job.fault {
        return Err(fault.into());
    }
    let mut said = json!({"job_id": job.id, "status": job.state});
    let Some((asset, deliveries)) = family.listed.first() else {
        if context.json {
            print::json(&said)?;
        } else {
            print::line(format!("{} {}", job.id, job.state.name()));
        }
        return Ok(code);
    };
    let uri = rushes_core::record::proven_uri(deliveries, &parts.routes);
    if context.json {
        said["asset"] = json!(asset.id);
        said["kind"] = json!(asset.kind);
        said["sha256"] = json!(asset.blob.sha256);
        said["url"] = json!(uri);
        print::json(&said)?;
    } else {
        print::line(format!("{} {}: {}", asset.kind.name(), asset.id, uri.unwrap_or("on its way")));
    }
    Ok(if code == exit::DONE && until != Until::Nothing && uri.is_none() { exit::PARTLY } else { code })
}
