//! `rushes run WORKFLOW`: start it or go on with it, follow it, and tell what was made and where it is. Which workflows
//! there are, and what each takes, is theirs to say.

use super::follow::{self, End, Until};
use super::hand::{self, Hand};
use super::{Context, exit, print, summary, text_of};
use crate::{plan, wire, words};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, FromArgMatches, Subcommand};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::job::JobState;
use rushes_core::record;
use rushes_core::store::Family;
use rushes_core::{Code, Fault};
use rushes_engine::{Ask, Parts};
use rushes_media::music::Styles;
use rushes_workflows::{Door, Field, Outside, Registry, Takes};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The seed where none is given: the same command makes the same.
const SEED: u64 = 1;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Do not wait for the deliveries.
    #[arg(long, global = true)]
    no_wait: bool,
    /// Start another job, even if an equal one is unfinished.
    #[arg(long, global = true)]
    new: bool,
    /// Say what would be done, how long it takes and what it costs; start nothing.
    #[arg(long, global = true)]
    plan: bool,
    #[command(subcommand)]
    asked: Asked,
}

/// A workflow, and what was said to it.
#[derive(Debug)]
struct Asked {
    workflow: &'static str,
    said: Map<String, Value>,
}

/// The workflows that may be started from outside, by name.
fn startable() -> impl Iterator<Item = (&'static str, &'static str, Outside)> {
    Registry::cards().iter().filter_map(|card| Some((card.name, card.about, card.outside?)))
}

impl Subcommand for Asked {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        startable().fold(command.subcommand_required(true).arg_required_else_help(true), |command, (name, about, outside)| {
            let flags = (outside.fields)().into_iter().map(|field| flag(&field));
            command.subcommand(clap::Command::new(name).about(format!("{}{}.", about[..1].to_uppercase(), &about[1..])).args(flags))
        })
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        startable().any(|(workflow, ..)| workflow == name)
    }
}

impl FromArgMatches for Asked {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::raw(ErrorKind::MissingSubcommand, "name a workflow\n");
        let (name, of_workflow) = matches.subcommand().ok_or_else(missing)?;
        let (workflow, _, outside) = startable().find(|(workflow, ..)| *workflow == name).ok_or_else(missing)?;
        let said = (outside.fields)().iter().filter_map(|field| Some((field.name.to_owned(), said(field, of_workflow)?))).collect();
        Ok(Self { workflow, said })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A field as the command line takes it.
fn flag(field: &Field) -> Arg {
    let mut about = field.about.trim_end_matches('.').to_owned();
    let arg = match field.flag {
        Some(flag) => Arg::new(field.name).long(flag),
        None => Arg::new(field.name).value_name(field.name.to_uppercase()),
    };
    let named = |arg: Arg| match (field.is_file, field.is_folder) {
        (_, true) => arg.value_name("FOLDER"),
        (true, _) => arg.value_name("FILE|NAME"),
        _ => arg,
    };
    let arg = match &field.takes {
        Takes::Switch(usual) => {
            if *usual {
                about = format!("Without this: {}{}", about[..1].to_lowercase(), &about[1..]);
            }
            arg.action(ArgAction::SetTrue)
        }
        Takes::Whole { within, usual } => {
            about = match usual {
                Some(usual) => format!("{about}; {} to {} [default: {usual}]", within.start(), within.end()),
                None => format!("{about}; {} to {}", within.start(), within.end()),
            };
            arg.value_name("NUMBER").value_parser(clap::value_parser!(u64).range(within.clone()))
        }
        Takes::Seed => {
            about = format!("{about} [default: {SEED}]");
            arg.value_name("NUMBER").value_parser(clap::value_parser!(u64))
        }
        Takes::Text(usual) => {
            if let Some(usual) = usual {
                about = format!("{about} [default: {usual}]");
            }
            named(arg)
        }
        Takes::Texts(_) => named(arg.action(ArgAction::Append)),
        Takes::Object => arg.value_name("JSON").value_parser(|text: &str| serde_json::from_str::<Value>(text)),
        Takes::Messages(_) => arg.value_name("ROLE:TEXT").action(ArgAction::Append),
    };
    let is_usual = matches!(&field.takes, Takes::Whole { usual: Some(_), .. });
    arg.help(about).required(field.is_needed && !is_usual)
}

/// What was said of a field; what is usual of a number that must be said.
fn said(field: &Field, matches: &ArgMatches) -> Option<Value> {
    match &field.takes {
        Takes::Switch(usual) => matches.get_flag(field.name).then(|| json!(!usual)),
        Takes::Whole { usual, .. } => matches.get_one::<u64>(field.name).copied().or(usual.filter(|_| field.is_needed)).map(Value::from),
        Takes::Seed => matches.get_one::<u64>(field.name).copied().map(Value::from),
        Takes::Text(_) => matches.get_one::<String>(field.name).cloned().map(Value::from),
        Takes::Texts(_) => matches.get_many::<String>(field.name).map(|texts| texts.cloned().collect()),
        Takes::Object => matches.get_one::<Value>(field.name).cloned(),
        Takes::Messages(_) => matches.get_many::<String>(field.name).map(|texts| texts.map(|text| message(text)).collect()),
    }
}

/// `assistant: Hello` as a message; without a role before it, it is a user's.
fn message(text: &str) -> Value {
    let told = text.split_once(':').filter(|(role, _)| ["user", "assistant"].contains(role));
    let (role, content) = told.unwrap_or(("user", text));
    json!({"role": role, "content": content.trim()})
}

/// What was said, with files in place of their names, as the workflow's parameters.
fn parameters(asked: &Asked, references: &Path, styles: &Styles) -> anyhow::Result<Value> {
    let outside = Registry::card(asked.workflow).and_then(|card| card.outside);
    let outside = outside.ok_or_else(|| Fault::new(Code::WorkflowUnknown, "start workflow").with("workflow", asked.workflow))?;
    let mut said = asked.said.clone();
    for field in (outside.fields)().iter().filter(|field| field.is_file || field.is_folder) {
        let find = if field.is_folder { folder } else { file };
        match said.get_mut(field.name) {
            Some(Value::String(text)) => *text = find(text)?,
            Some(Value::Array(texts)) => {
                for text in texts {
                    *text = find(text.as_str().unwrap_or_default())?.into();
                }
            }
            _ => {}
        }
    }
    let door = Door { seed: SEED, references, styles, may_name_files: true };
    Ok((outside.read)(&Value::Object(said), &door)?)
}

/// A folder as its absolute path. Errors: `input_invalid`, where there is none.
fn folder(text: &str) -> Result<String, Fault> {
    let path = Path::new(text);
    if !path.is_dir() {
        let why = if path.exists() { "it is a file; give a folder" } else { "there is no such folder" };
        return Err(Fault::new(Code::InputInvalid, "find folder").with("path", path.display()).because(why));
    }
    text_of("find folder", std::path::absolute(path).map_err(|e| Fault::io("find folder", path, &e))?)
}

/// A file or folder as its absolute path; a name as it is. What is there but neither is refused, unless it could be a name.
fn file(text: &str) -> Result<String, Fault> {
    let path = Path::new(text);
    let is_path = text.contains(std::path::MAIN_SEPARATOR);
    if is_path && !path.is_dir() {
        rushes_media::inspect::check_file(path)?;
    }
    if is_path || path.is_file() {
        return text_of("find file", std::path::absolute(path).map_err(|e| Fault::io("find file", path, &e))?);
    }
    Ok(text.to_owned())
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let styles = Styles::with(&context.home.styles())?;
    let input = parameters(&args.asked, &context.home.references(), &styles)?;
    if args.plan {
        return tell_plan(context, args.asked.workflow, input, &styles).await;
    }
    let began_ms = SystemClock.now_ms();
    let mut hand = Hand::open_for_long(context).await?;
    let count = input["count"].as_u64().and_then(|count| u32::try_from(count).ok());
    let ask = Ask::Submit { workflow: args.asked.workflow.to_owned(), input, new: args.new, since_ms: Some(began_ms) };
    let answer = hand.ask(ask).await?;
    let id = hand::job_of(&answer)?;
    if answer["is_new"] == false {
        print::note(format!("Going on with the unfinished job {id} (--new starts another)."));
    }
    let until = if args.no_wait { Until::Workflow } else { Until::Delivery };
    let end = follow::follow(&mut hand, id, until, count).await?;
    let parts = hand.parts().clone();
    let family = parts.store.family(end.job.id).await?;
    hand.close().await;
    tell(context, &parts, &family, &end)
}

fn tell(context: &Context, parts: &Parts, family: &Family, end: &End) -> anyhow::Result<u8> {
    let (results, errors) = (record::results(family, &parts.routes), record::errors(family));
    let refused = refused(end.job.value.as_ref());
    let is_partly = end.code == exit::DONE && !(errors.is_empty() && refused.is_empty());
    // While it delivers, the published status is `running`.
    let status = if end.job.state == JobState::Delivering { JobState::Running } else { end.job.state };
    if context.json {
        print::json(&json!({"job_id": end.job.id, "status": status, "results": results, "errors": errors, "value": end.job.value}))?;
    } else {
        summary::print(parts, family);
    }
    for (what, why) in &refused {
        print::note(format!("refused: {what}: {why}"));
    }
    for error in &errors {
        print::note(format!("rushes: {}", error["message"].as_str().unwrap_or("unknown")));
    }
    Ok(if is_partly { exit::PARTLY } else { end.code })
}

/// What a workflow passed over while the rest went on: what, and why.
fn refused(value: Option<&Value>) -> Vec<(&str, &str)> {
    let list = value.and_then(|value| value["refused"].as_array()).into_iter().flatten();
    list.map(|refused| (refused["what"].as_str().unwrap_or_default(), refused["why"].as_str().unwrap_or_default())).collect()
}

async fn tell_plan(context: &Context, workflow: &str, input: Value, styles: &Styles) -> anyhow::Result<u8> {
    let parts = wire::beside(&context.home, &context.loaded.config)?;
    let kit = wire::kit(&context.home, &context.loaded.config, &parts, styles)?;
    let plan = plan::of(&parts, &kit, workflow, input).await?;
    if context.json {
        print::json(&plan)?;
        return Ok(exit::DONE);
    }
    let seconds = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), |seconds| words::took(millis(seconds)));
    let rows =
        plan.steps.iter().map(|step| vec![step.workflow.to_owned(), step.name.clone(), step.times.to_string(), seconds(step.seconds)]);
    print::table(&["workflow", "step", "times", "each takes"], &[2, 3], rows.collect::<Vec<_>>());
    plan.found.iter().for_each(print::line);
    let takes = plan.seconds.map_or_else(
        || "how long is not known: nothing like it was done here yet".to_owned(),
        |s| format!("takes about {}", words::took(millis(s))),
    );
    print::line(format!("Costs {:.2} {}; {takes}. Nothing was started.", plan.cost.amount, plan.cost.currency));
    Ok(exit::DONE)
}

#[expect(clippy::cast_possible_truncation, reason = "spans for people")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1_000.0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// The table of workflows, as README shows it.
    fn table() -> String {
        let mut cards: Vec<_> = Registry::cards().iter().filter(|card| !card.about.is_empty()).collect();
        cards.sort_by_key(|card| card.outside.is_none());
        let rows = cards.into_iter().map(|card| {
            let how = if card.outside.is_some() { format!("run {}", card.name) } else { card.name.to_owned() };
            format!("| `rushes {how}` | {} |\n", card.about)
        });
        ["| command | what it does |\n", "|---|---|\n"].into_iter().map(str::to_owned).chain(rows).collect()
    }

    #[test]
    fn run_table_of_workflows_in_the_readme_is_what_the_registry_says() {
        let (begin, end) = ("<!-- workflows -->\n", "<!-- /workflows -->");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
        let readme = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = readme.split_once(begin).unwrap();
        let (there, after) = rest.split_once(end).unwrap();
        if std::env::var_os("RUSHES_WRITE_DOCS").is_some() {
            use std::io::Write;
            let whole = format!("{before}{begin}{}{end}{after}", table());
            std::fs::File::create(&path).unwrap().write_all(whole.as_bytes()).unwrap();
            return;
        }
        assert_eq!(there, table(), "README.md is older than the registry: run this test with RUSHES_WRITE_DOCS=1");
    }

    #[test]
    fn run_takes_the_flags_that_each_workflow_names() {
        crate::cli::Cli::command().debug_assert();
        let parse = |words: &str| Asked::augment_subcommands(clap::Command::new("run")).try_get_matches_from(words.split(' '));
        let said = |words: &str| Asked::from_arg_matches(&parse(words).unwrap()).unwrap();
        let asked = said("run production --count 2 --reference a --reference b --no-variants");
        assert_eq!(asked.workflow, "production");
        assert_eq!(Value::Object(asked.said), json!({"count": 2, "reference_videos": ["a", "b"], "generate_variants": false}));
        assert_eq!(Value::Object(said("run redo mira --anime").said), json!({"project": "mira", "anime": true}));
        let talk = [
            json!({"role": "user", "content": "Hi"}),
            json!({"role": "assistant", "content": "Yes?"}),
            json!({"role": "user", "content": "at:noon"}),
        ];
        assert_eq!(said("run chat --message user:Hi --message assistant:Yes? --message at:noon").said["messages"], json!(talk));
        assert!(parse("run redo").is_err() && parse("run production --count 0").is_err() && parse("run put").is_err());
    }
}
