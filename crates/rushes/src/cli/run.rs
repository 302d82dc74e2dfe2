//! `rushes run WORKFLOW`: start it or go on with it, follow it, and tell what was made and where it is.

use super::follow::{self, By, End, Until};
use super::{Context, exit, hand, print, summary};
use crate::wire::{self, Running};
use rushes_core::job::JobState;
use rushes_core::record;
use rushes_core::store::Family;
use rushes_core::{Code, Fault, JobId};
use rushes_engine::{Ask, NewJobRequest, Owner, Parts, Role, owner};
use rushes_workflows::production;
use serde_json::{Value, json};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Do not wait for the deliveries.
    #[arg(long, global = true)]
    no_wait: bool,
    /// Start another job, even if an equal one is unfinished.
    #[arg(long, global = true)]
    new: bool,
    #[command(subcommand)]
    workflow: Workflow,
}

#[derive(Debug, clap::Subcommand)]
enum Workflow {
    /// Characters, each from concept to delivered films.
    Production(Production),
}

#[derive(Debug, clap::Args)]
struct Production {
    /// How many characters, 1 to 10.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(production::COUNT_MAX)))]
    count: u32,
    /// Equal seeds give equal productions.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=9_007_199_254_740_991))]
    seed: u64,
    /// The style of characters and music.
    #[arg(long, default_value = "kpop_dance")]
    style: String,
    /// A reference video, as a file or as a name in the library; given n times, n dances.
    #[arg(long = "reference", value_name = "FILE|NAME")]
    references: Vec<String>,
    /// Make new versions of characters whose name exists, instead of drawing others.
    #[arg(long)]
    no_skip_existing: bool,
    /// Make no outfit variants.
    #[arg(long)]
    no_variants: bool,
    /// Make no soundtrack versions.
    #[arg(long)]
    no_soundtracks: bool,
    /// Make no watermarked version.
    #[arg(long)]
    no_watermark: bool,
    /// Make anew what equal inputs would reuse; each number is a take of its own.
    #[arg(long, value_name = "TAKE", default_value_t = 0)]
    redo: u32,
}

impl Production {
    fn input(&self, library: &Path) -> anyhow::Result<Value> {
        let references = self.references.iter().map(|text| reference(text)).collect::<Result<_, _>>()?;
        let input = production::Input {
            count: self.count,
            seed: self.seed,
            style_id: self.style.clone(),
            reference_videos: references,
            skip_existing: !self.no_skip_existing,
            generate_variants: !self.no_variants,
            create_soundtracks: !self.no_soundtracks,
            apply_watermark: !self.no_watermark,
            redo: self.redo,
        };
        production::check(&input, library)?;
        Ok(serde_json::to_value(input)?)
    }
}

/// A file as its absolute path; a name of the library as it is. What is there but no file is refused, unless it could
/// be such a name.
fn reference(text: &str) -> Result<String, Fault> {
    let path = Path::new(text);
    let is_path = text.contains(std::path::MAIN_SEPARATOR);
    if is_path {
        rushes_media::inspect::check_file(path)?;
    }
    if path.is_file() {
        let absolute = std::path::absolute(path).map_err(|e| Fault::io("find reference", path, &e))?;
        return absolute
            .into_os_string()
            .into_string()
            .map_err(|_| Fault::new(Code::InputInvalid, "find reference").with("file", text).because("its path is not UTF-8"));
    }
    Ok(text.to_owned())
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let Workflow::Production(options) = &args.workflow;
    let request = NewJobRequest { workflow: "production".into(), input: options.input(&context.home.references())?, ..Default::default() };
    let plan = Plan { request, new: args.new, until: if args.no_wait { Until::Workflow } else { Until::Delivery }, count: options.count };
    match wire::start(&context.home, &context.loaded.config) {
        Ok(running) => here(context, running, plan).await,
        Err(fault) if fault.code == Code::HomeBusy => match context.home.owner() {
            // What works for one command only would leave the job to nobody.
            Some(owner) if owner.role == Role::Service => there(context, owner, plan).await,
            _ => Err(fault.into()),
        },
        Err(fault) => Err(fault.into()),
    }
}

/// What is to be run, and how it is followed.
struct Plan {
    request: NewJobRequest,
    new: bool,
    until: Until,
    count: u32,
}

/// Runs it on an engine of our own.
async fn here(context: &Context, running: Running, plan: Plan) -> anyhow::Result<u8> {
    let unfinished = if plan.new { None } else { running.engine.unfinished(&plan.request).await? };
    let job = match unfinished {
        Some(job) => {
            note_going_on(job.id);
            job
        }
        None => running.engine.submit(plan.request).await?,
    };
    let end = follow::follow(By::Us(&running.engine), job.id, plan.until, Some(plan.count)).await?;
    let parts = running.engine.parts().clone();
    let family = parts.store.family(end.job.id).await?;
    running.engine.stop().await;
    tell(context, &parts, &family, &end)
}

/// Hands it to the process that works on the home, and looks on.
async fn there(context: &Context, owner: Owner, plan: Plan) -> anyhow::Result<u8> {
    let ask = Ask::Submit { workflow: plan.request.workflow, input: plan.request.input, new: plan.new };
    let answer = owner::ask(&context.home, &ask).await?;
    print::note(format!("Handed to process {}, which works on this home.", owner.pid));
    let id = hand::job_of(&answer)?;
    if answer["is_new"] == false {
        note_going_on(id);
    }
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let end = follow::follow(By::Owner(&parts, owner), id, plan.until, Some(plan.count)).await?;
    let family = parts.store.family(end.job.id).await?;
    tell(context, &parts, &family, &end)
}

fn note_going_on(job: JobId) {
    print::note(format!("Going on with the unfinished job {job} (--new starts another)."));
}

fn tell(context: &Context, parts: &Parts, family: &Family, end: &End) -> anyhow::Result<u8> {
    let (results, errors) = (record::results(family, &parts.routes), record::errors(family));
    let is_partly = end.code == exit::DONE && !errors.is_empty();
    // While it delivers, the published status is `running`.
    let status = if end.job.state == JobState::Delivering { JobState::Running } else { end.job.state };
    if context.json {
        print::json(&json!({"job_id": end.job.id, "status": status, "results": results, "errors": errors}))?;
    } else {
        summary::print(parts, family);
    }
    for error in &errors {
        print::note(format!("rushes: {}", error["message"].as_str().unwrap_or("unknown")));
    }
    if end.code == exit::PARTLY {
        print::note("Not everything is delivered yet. The same command goes on; `rushes status` shows what is owed.");
    }
    Ok(if is_partly { exit::PARTLY } else { end.code })
}
