//! The command line: what can be asked, and who answers. One file a command.

mod assets;
mod audit;
mod completions;
mod config;
mod doctor;
pub(crate) mod exit;
mod follow;
mod init;
mod jobs;
pub(crate) mod log;
pub(crate) mod print;
mod put;
mod run;
mod status;
mod summary;

use crate::config::{Loaded, load};
use clap::{Parser, Subcommand};
use rushes_engine::Home;
use std::path::PathBuf;

/// Media workflows whose every file arrives.
#[derive(Debug, Parser)]
#[command(name = "rushes", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// The folder everything is kept in.
    #[arg(long, global = true, env = "RUSHES_HOME", default_value = "./rushes-home")]
    home: PathBuf,
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Tell more on stderr; twice tells most.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a home with its folders and database.
    Init,
    /// Start a workflow, follow it, and wait until what it made is delivered.
    Run(run::Args),
    /// List jobs, or show one with its steps.
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// List assets, or show one with its deliveries and origin.
    #[command(subcommand)]
    Assets(assets::Command),
    /// Register and deliver one file.
    Put(put::Args),
    /// Say what is still owed, and how fast deliveries have been.
    Status,
    /// Compare what is here with what destinations and catalogs hold.
    Audit,
    /// Check everything Rushes needs, each with its cure.
    Doctor,
    /// Show the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Print completions for a shell.
    Completions(completions::Args),
}

/// What every command works with.
pub(crate) struct Context {
    home: Home,
    json: bool,
    loaded: Loaded,
}

/// Runs a command; gives the exit code.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<u8> {
    let folder = std::env::current_dir()?;
    let context = Context { home: Home::at(&cli.home), json: cli.json, loaded: load(&folder)? };
    match cli.command {
        Command::Init => init::run(&context),
        Command::Run(args) => run::run(&context, args).await,
        Command::Jobs(command) => jobs::run(&context, command).await,
        Command::Assets(command) => assets::run(&context, command).await,
        Command::Put(args) => put::run(&context, args).await,
        Command::Status => status::run(&context).await,
        Command::Audit => audit::run(&context).await,
        Command::Doctor => doctor::run(&context).await,
        Command::Config(command) => config::run(&context, &command),
        Command::Completions(args) => completions::run(&args),
    }
}
