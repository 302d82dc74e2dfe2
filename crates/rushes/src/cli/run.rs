//! `rushes run WORKFLOW`: start it or go on with it, follow it, and tell what was made and where it is.

use super::follow::{self, End, Until};
use super::hand::{self, Hand};
use super::{Context, exit, print, summary, text_of};
use rushes_core::Fault;
use rushes_core::job::JobState;
use rushes_core::record;
use rushes_core::store::Family;
use rushes_engine::{Ask, Parts};
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
    #[arg(long, default_value_t = usual().count, value_parser = clap::value_parser!(u32).range(1..=i64::from(production::COUNT_MAX)))]
    count: u32,
    /// Equal seeds give equal productions.
    #[arg(long, default_value_t = usual().seed, value_parser = clap::value_parser!(u64).range(..=production::SEED_MAX))]
    seed: u64,
    /// The style of characters and music.
    #[arg(long, default_value_t = usual().style_id)]
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
    #[arg(long, value_name = "TAKE", default_value_t = usual().redo)]
    redo: u32,
}

/// What is asked for where no flag is given.
fn usual() -> production::Input {
    production::Input::default()
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
        return text_of("find reference", std::path::absolute(path).map_err(|e| Fault::io("find reference", path, &e))?);
    }
    Ok(text.to_owned())
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let Workflow::Production(options) = &args.workflow;
    let input = options.input(&context.home.references())?;
    let mut hand = Hand::open_for_long(context).await?;
    let answer = hand.ask(Ask::Submit { workflow: "production".into(), input, new: args.new }).await?;
    let id = hand::job_of(&answer)?;
    if answer["is_new"] == false {
        print::note(format!("Going on with the unfinished job {id} (--new starts another)."));
    }
    let until = if args.no_wait { Until::Workflow } else { Until::Delivery };
    let end = follow::follow(&mut hand, id, until, Some(options.count)).await?;
    let parts = hand.parts().clone();
    let family = parts.store.family(end.job.id).await?;
    hand.close().await;
    tell(context, &parts, &family, &end)
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
    Ok(if is_partly { exit::PARTLY } else { end.code })
}
