//! The command line: what can be asked, and who answers. One file a command.

mod assets;
mod audit;
mod auth;
mod completions;
mod config;
mod costs;
mod doctor;
pub(crate) mod exit;
mod follow;
mod hand;
mod health;
mod import;
mod init;
mod jobs;
mod keys;
mod migrate;
mod models;
mod people;
mod photos;
pub(crate) mod print;
mod put;
mod restore;
mod run;
mod schedules;
mod serve;
mod shoots;
mod status;
mod summary;
mod sync;
mod verify;
mod watch;
mod webhooks;
mod worker;

use crate::config::{Loaded, load};
use crate::log;
use clap::{Parser, Subcommand};
use rushes_core::{Code, Fault};
use rushes_engine::Home;
use std::ffi::OsString;
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
    /// List jobs, show one with its steps, choose among its takes, cancel or retry one.
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// List what is started by the clock, or start it now.
    #[command(subcommand)]
    Schedules(schedules::Command),
    /// List assets, show one with its deliveries, or what it was made from.
    #[command(subcommand)]
    Assets(assets::Command),
    /// Register and deliver one file.
    Put(put::Args),
    /// Take in a library that exists: its records, its files by their names, a bucket by its listing.
    Import(import::Args),
    /// Take in what arrives in folders, as it arrives.
    Watch(watch::Args),
    /// Make and look after shoots: occasions whose photos are given to who is in them.
    #[command(subcommand)]
    Shoots(shoots::Command),
    /// List, name, join and forget the people of a shoot.
    People(people::Command),
    /// List the photos of a shoot, or say why one is where it is.
    Photos(photos::Command),
    /// Install or fetch the models that find and tell faces, or say whether they are there.
    #[command(subcommand)]
    Models(models::Command),
    /// Say what was spent at providers, by day and by job, and how that stands to the budgets.
    Costs(costs::Args),
    /// Say what is still owed, and how fast deliveries have been.
    Status,
    /// Send what one subject still owes.
    Sync(sync::Args),
    /// Compare what is here with what destinations and catalogs hold, and mend it.
    Audit(audit::Args),
    /// Prove anew that every delivered object is what was made.
    Verify(verify::Args),
    /// Rebuild the library from catalogs and destinations alone, or prove that it can be done.
    Restore(restore::Args),
    /// Move all rows to a server that nodes may share, or back into the home.
    Migrate(migrate::Args),
    /// Serve the HTTP interface, and work on what is asked there.
    Serve(serve::Args),
    /// Do the work of a server's jobs with the graphics card of this machine.
    Worker(worker::Args),
    /// Ask the server of this configuration whether it lives.
    Health(health::Args),
    /// Make, list and revoke the keys of the HTTP interface.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Say who is told of the ends of jobs, and see what was sent.
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Check everything Rushes needs, each with its cure.
    Doctor(doctor::Args),
    /// Log in where a destination wants a person's consent.
    #[command(subcommand)]
    Auth(auth::Command),
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

/// A path as text, as it stands in requests and in the database. Errors: `input_invalid`.
fn text_of(operation: &str, path: PathBuf) -> Result<String, Fault> {
    let refuse = |path: OsString| {
        let reason = "its path is not UTF-8; give it, or the folder it lies in, another name";
        Fault::new(Code::InputInvalid, operation).with("file", path.to_string_lossy()).because(reason)
    };
    path.into_os_string().into_string().map_err(refuse)
}

/// Runs a command; gives the exit code.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<u8> {
    let folder = std::env::current_dir()?;
    let home = Home::at(&cli.home);
    if home.root().to_str().is_none() {
        let reason = "its path is not UTF-8; name another folder with --home";
        return Err(Fault::new(Code::InputInvalid, "open home").with("home", home.root().display()).because(reason).into());
    }
    let context = Context { home, json: cli.json, loaded: load(&folder)? };
    let _told = log::start(&context.loaded.config, cli.verbose, matches!(cli.command, Command::Serve(_) | Command::Worker(_)));
    match cli.command {
        Command::Init => init::run(&context),
        Command::Run(args) => run::run(&context, args).await,
        Command::Jobs(command) => jobs::run(&context, command).await,
        Command::Costs(args) => costs::run(&context, args).await,
        Command::Schedules(command) => schedules::run(&context, command).await,
        Command::Assets(command) => assets::run(&context, command).await,
        Command::Put(args) => put::run(&context, args).await,
        Command::Import(args) => import::run(&context, args).await,
        Command::Watch(args) => watch::run(&context, args).await,
        Command::Worker(args) => worker::run(&context, args).await,
        Command::Shoots(command) => shoots::run(&context, command).await,
        Command::People(command) => people::run(&context, command).await,
        Command::Photos(command) => photos::run(&context, command).await,
        Command::Models(command) => models::run(&context, command).await,
        Command::Status => status::run(&context).await,
        Command::Sync(args) => sync::run(&context, args).await,
        Command::Audit(args) => audit::run(&context, &args).await,
        Command::Verify(args) => verify::run(&context, &args).await,
        Command::Restore(args) => restore::run(&context, &args).await,
        Command::Migrate(args) => migrate::run(&context, args).await,
        Command::Serve(args) => serve::run(&context, args).await,
        Command::Health(args) => health::run(&context, args).await,
        Command::Keys(command) => keys::run(&context, command).await,
        Command::Webhooks(command) => webhooks::run(&context, command).await,
        Command::Doctor(args) => doctor::run(&context, &args).await,
        Command::Auth(command) => auth::run(&context, &command).await,
        Command::Config(command) => config::run(&context, &command),
        Command::Completions(args) => completions::run(&args),
    }
}
