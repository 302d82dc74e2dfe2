//! `rushes serve`: the engine of a home, and its HTTP interface.

use super::{Context, exit, print};
use crate::config::EngineKind;
use crate::http::{App, Listening, tail};
use crate::wire;
use rushes_core::log_lines::CLOUD_ENABLED;
use serde_json::json;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often it is looked whether the engine still works.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address and port; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Who hands out jobs: the engine itself, or the Restate server of the configuration.
    #[arg(long, value_enum, value_name = "KIND")]
    engine: Option<EngineKind>,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let mut config = context.loaded.config.clone();
    config.engine.kind = args.engine.unwrap_or(config.engine.kind);
    let config = &config;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    open_files();
    let running = wire::serve(&context.home, config)?;
    if config.has_places() {
        let names: Vec<&str> = running.engine.parts().destinations.iter().map(|site| site.name.as_str()).collect();
        tracing::info!(destinations = names.join(", "), "{}", CLOUD_ENABLED.text);
    }
    let intake = wire::intake(&context.home, config, running.engine.desk(), running.styles.clone());
    let intake = match intake {
        Ok(intake) => intake,
        Err(fault) => {
            running.engine.stop().await;
            return Err(fault.into());
        }
    };
    let app = App::new(running.engine.desk(), config.clone(), running.styles.clone(), running.bells.clone())?;
    let address = args.listen.unwrap_or_else(|| config.server.address());
    let listening = match Listening::bind(&address, app.clone()).await {
        Ok(listening) => listening,
        Err(fault) => {
            running.engine.stop().await;
            return Err(fault.into());
        }
    };
    let at = format!("http://{}", listening.address()?);
    if context.json {
        print::json(&json!({"listening": at}))?;
    } else {
        print::line(format!("Listening on {at}"));
    }
    tokio::spawn(tail(app.clone()));
    if let Some(intake) = intake {
        tokio::spawn(intake.run(app.stop.clone()));
    }
    tokio::spawn(crate::shoots::watch(running.engine.desk(), app.stop.clone()));
    let server = tokio::spawn(listening.serve());
    let broken = async {
        loop {
            if let Some(fault) = running.engine.broken() {
                return fault;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let end = tokio::select! {
        _ = interrupt.recv() => Ok(exit::DONE),
        _ = terminate.recv() => Ok(exit::DONE),
        // Whoever keeps services running starts it again; it goes on with everything.
        fault = broken => Err(fault.into()),
    };
    print::note("Stopping: what is under way is handed back, and goes on with the next start.");
    app.stop.cancel();
    // No new work meanwhile: the engine lets go while requests under way are answered.
    let (served, ()) = tokio::join!(server, running.engine.stop());
    served?;
    end
}

/// Lets this process open as many files and connections as the system allows it; shells start it with 1,024.
fn open_files() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer, who comes last waits.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
}
