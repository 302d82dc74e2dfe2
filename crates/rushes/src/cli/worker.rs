//! `rushes worker`: does the work of a server's jobs with the graphics card of this machine.

use super::{Context, exit, print};
use crate::worker::{Command, Families, Leave, Worker};
use rushes_adapters::HttpOptions;
use rushes_adapters::work::WorkServer;
use rushes_core::work::is_word;
use rushes_core::{Cancel, Code, Fault};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is not given stands in `[worker]` of the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The address of `rushes serve`.
    #[arg(long, value_name = "ADDRESS")]
    server: Option<String>,
    /// Its name among the workers [default: the machine's].
    #[arg(long)]
    name: Option<String>,
    /// What else it is called; a job may ask for a label. Several times.
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// The address of ComfyUI.
    #[arg(long, value_name = "ADDRESS")]
    comfyui: Option<String>,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let config = &context.loaded.config;
    let section = &config.worker;
    let server = args.server.unwrap_or_else(|| section.server.clone());
    let name = args.name.or_else(|| section.name.clone()).unwrap_or_else(machine);
    let labels = if args.labels.is_empty() { section.labels.clone() } else { args.labels };
    if let Some(wrong) = labels.iter().chain([&name]).find(|word| !is_word(word)) {
        let reason = format!("{wrong:?} is no name: 1 to 64 letters, digits, -, _ and .; say --name or --label");
        return Err(Fault::new(Code::InputInvalid, "start worker").because(reason).into());
    }
    let key = section.key.as_ref().map(|place| config.secret("worker.key", place)).transpose()?;
    let folder = section.folder.as_ref().map(PathBuf::from);
    let command = (!section.command.is_empty()).then(|| Command { line: section.command.clone(), folder });
    let worker = Worker {
        name: name.clone(),
        labels,
        server: WorkServer::new(&server, key.as_deref(), HttpOptions::default())?,
        families: Families::of(section, &config.folder)?,
        folder: context.home.root().join("worker"),
        comfyui: args.comfyui.unwrap_or_else(|| section.comfyui.clone()),
        command,
        starts_within: Duration::from_secs(section.starts_within_s.into()),
        file_limit: Duration::from_secs(section.file_limit_s.into()),
    };
    if context.json {
        print::json(&json!({"worker": name, "server": server}))?;
    } else {
        print::line(format!("Working as {name} for {server}"));
    }
    let leave = Leave { soon: Cancel::new(), now: Cancel::new() };
    let told = leave.clone();
    tokio::spawn(async move {
        asked(&mut interrupt, &mut terminate).await;
        print::note("Takes nothing more, and ends what it has; asked once more, it gives that back.");
        told.soon.cancel();
        asked(&mut interrupt, &mut terminate).await;
        told.now.cancel();
    });
    worker.run(&leave).await?;
    Ok(exit::DONE)
}

async fn asked(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// The machine's name, as far as it is one for workers.
fn machine() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(64).collect();
    if name.is_empty() { "worker".to_owned() } else { name }
}
