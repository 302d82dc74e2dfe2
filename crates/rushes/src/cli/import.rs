//! `rushes import`: a library that exists already, by its records, by its files' names, or by a bucket's listing.

mod tell;

use super::hand::{self, Hand, advance, bar};
use super::{Context, exit, print};
use crate::ways::character_db::{self, CharacterDb, Problem};
use crate::ways::find::Bucket;
use crate::ways::known::{self, Current};
use crate::ways::plan::{Item, Plan, Sources, State, plan};
use crate::ways::titles::Titles;
use crate::ways::walk::{Rules, Walked, excluded, walk};
use crate::wire;
use futures_util::{StreamExt, TryStreamExt, stream};
use rushes_core::job::{Job, JobState};
use rushes_core::store::{AssetFilter, JobFilter};
use rushes_core::{Code, Fault, JobId};
use rushes_engine::{Ask, Parts};
use rushes_workflows::import::{self, FILES_MAX, Input, Place, Refused};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Jobs under way at once: each inspects one file at a time.
const AT_ONCE: usize = 6;
/// What one job is asked for stays below 256 KB, long prompts included.
const INPUT_MAX_BYTES: usize = 128 * 1024;
/// Files looked up at once.
const LOOKS: usize = 16;
const LOOK_EVERY: Duration = Duration::from_millis(10);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A `character_db.json`, or the folder of a library, with or without one.
    #[arg(required_unless_present = "from")]
    source: Option<PathBuf>,
    /// A configured destination whose objects are taken in, with a prefix or its own: `DEST` or `DEST/prefix`.
    #[arg(long, value_name = "DEST[/PREFIX]")]
    from: Vec<String>,
    /// Where the files lie; the folder of the source unless given.
    #[arg(long)]
    root: Option<PathBuf>,
    /// Where paths of another machine are here, such as `C:\out=/srv/out`.
    #[arg(long = "map", value_name = "FROM=TO", value_parser = map)]
    maps: Vec<(String, PathBuf)>,
    /// Take files that records name outside of the library too: any of this machine.
    #[arg(long)]
    allow_outside: bool,
    /// Names to pass over, such as `*_old.*`.
    #[arg(long, value_name = "PATTERN")]
    ignore: Vec<String>,
    /// Only say what would become of each file.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the deliveries.
    #[arg(long)]
    no_wait: bool,
}

fn map(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.to_owned(), PathBuf::from(to))),
        _ => Err(format!("{text:?} is not FROM=TO")),
    }
}

/// What was found out before anything is changed.
struct Survey {
    plan: Plan,
    source: Option<PathBuf>,
    problems: Vec<Problem>,
    closed: Vec<(PathBuf, String)>,
    ignored: u64,
}

/// How the jobs came out.
#[derive(Default)]
struct Outcome {
    refused: Vec<Refused>,
    failed: Vec<Fault>,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    if args.dry_run {
        let looked = wire::look(&context.home, &context.loaded.config);
        // Without a home yet, everything is new.
        let (parts, has_home) = match looked {
            Err(fault) if fault.code == Code::FileMissing => (wire::look_without_database(&context.home, &context.loaded.config)?, false),
            looked => (looked?, true),
        };
        return tell::before(context, &survey(context, &args, &parts, has_home).await?);
    }
    let mut hand = Hand::open(context).await?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stopped = tokio::select! {
        end = carry_out(context, &args, &mut hand) => Err(end),
        _ = interrupt.recv() => Ok(exit::CANCELLED),
        _ = terminate.recv() => Ok(exit::STOPPED),
    };
    hand.close().await;
    let code = match stopped {
        Ok(code) => code,
        Err(end) => return end,
    };
    print::note("Stopping; the same command goes on, and nothing is taken twice.");
    Ok(code)
}

async fn carry_out(context: &Context, args: &Args, hand: &mut Hand<'_>) -> anyhow::Result<u8> {
    finish_earlier(hand).await?;
    let parts = hand.parts().clone();
    let mut outcome = Outcome::default();
    let survey = survey(context, args, &parts, true).await?;
    if !context.json {
        tell::before(context, &survey)?;
    }
    let batches = batches(&parts, &survey.plan).await?;
    if !batches.is_empty() {
        let files = batches.iter().map(|batch| batch.files.len()).sum();
        carry(hand, batches, files, &mut outcome).await?;
    }
    // Another engine than at the beginning, where whoever worked on the home has gone.
    let parts = hand.parts().clone();
    if !args.no_wait {
        hand::drain(&parts).await?;
    }
    let current = Current::of(parts.store.assets(&AssetFilter::default()).await?);
    tell::after(context, &survey, &current, &outcome)
}

/// Jobs that a kill left, or that another process has under way, end first: what they take is not to be taken twice.
async fn finish_earlier(hand: &mut Hand<'_>) -> anyhow::Result<()> {
    let parts = hand.parts().clone();
    let mut open = Vec::new();
    for state in [JobState::Queued, JobState::Running] {
        let jobs = parts.store.jobs(&JobFilter { state: Some(state), limit: u32::MAX, ..JobFilter::default() }).await?;
        open.extend(jobs.into_iter().filter(|job| job.workflow == import::CARD.name).map(|job| job.id));
    }
    if !open.is_empty() {
        print::note(format!("Going on with {} unfinished imports first.", open.len()));
    }
    while !open.is_empty() {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(gone) = hand.gone() {
            hand.take_over(gone).await?;
        }
        let mut still = Vec::new();
        for id in open {
            if is_under_way(&parts.store.job(id).await?) {
                still.push(id);
            }
        }
        open = still;
    }
    Ok(())
}

fn is_under_way(job: &Job) -> bool {
    matches!(job.state, JobState::Queued | JobState::Running)
}

/// Looks at everything and plans; changes nothing.
async fn survey(context: &Context, args: &Args, parts: &Parts, has_home: bool) -> anyhow::Result<Survey> {
    let (db, root) = source(args)?;
    let rules = Rules { ignored: args.ignore.clone(), excluded: excluded(&context.home, &parts.destinations) };
    let walked = match &root {
        Some(root) => {
            let inside = std::fs::canonicalize(root).map_err(|e| Fault::io("read library", root, &e))?;
            if rules.excluded.iter().any(|own| inside.starts_with(own)) {
                let reason = "Rushes writes there itself; name the library it should take in";
                return Err(Fault::new(Code::InputInvalid, "import library").with("folder", root.display()).because(reason).into());
            }
            let (root, rules) = (root.clone(), rules);
            let walked = tokio::task::spawn_blocking(move || walk(&root, &rules).map_err(|e| Fault::io("read library", &root, &e)));
            walked.await??
        }
        None => Walked::default(),
    };
    let buckets = buckets(parts, &args.from).await?;
    let listed = if has_home { parts.store.assets(&AssetFilter::default()).await? } else { Vec::new() };
    let current = Current::of(listed);
    let titles = Titles::of(current.assets());
    let (source, problems) = db.as_ref().map_or((None, Vec::new()), |db| (Some(db.path.clone()), db.problems.clone()));
    let Walked { files, closed, ignored } = walked;
    let (maps, may_leave) = (args.maps.clone(), args.allow_outside);
    let planning = tokio::task::spawn_blocking(move || {
        plan(Sources { db, root: root.as_deref(), files: &files, buckets: &buckets, maps: &maps, may_leave }, titles)
    });
    let mut plan = planning.await?;
    if has_home {
        plan.items = stream::iter(plan.items).map(|item| settle(parts, &current, item)).buffered(LOOKS).try_collect().await?;
    }
    Ok(Survey { plan, source: source.or_else(|| args.source.clone()), problems, closed, ignored })
}

/// The record, where there is one, and the folder of the files.
fn source(args: &Args) -> anyhow::Result<(Option<CharacterDb>, Option<PathBuf>)> {
    let Some(source) = &args.source else { return Ok((None, args.root.clone())) };
    let source = std::path::absolute(source)?;
    if !source.is_dir() {
        let root = args.root.clone().unwrap_or_else(|| source.parent().unwrap_or(Path::new("/")).to_owned());
        return Ok((Some(character_db::read(&source)?), Some(std::path::absolute(root)?)));
    }
    let inside = source.join(character_db::NAME);
    let is_there = inside.exists() || source.join(format!("{}.bak", character_db::NAME)).exists();
    let db = if is_there { Some(character_db::read(&inside)?) } else { None };
    Ok((db, Some(std::path::absolute(args.root.clone().unwrap_or(source))?)))
}

/// Every destination with its addresses; those asked for with their keys. Errors: `input_invalid` for a name that is none.
async fn buckets(parts: &Parts, from: &[String]) -> anyhow::Result<Vec<Bucket>> {
    let mut buckets = Vec::new();
    for site in &parts.destinations {
        let before = |address: String| address.strip_suffix('x').map(str::to_owned);
        let public = site.port.abilities().links.map(|links| links.public_url("x"));
        let bases = [Some(site.port.uri("x")), public].into_iter().flatten().filter_map(before).collect();
        buckets.push(Bucket { destination: site.name.clone(), bases, keys: Vec::new() });
    }
    for text in from {
        let (name, prefix) = text.split_once('/').map_or((text.as_str(), None), |(name, prefix)| (name, Some(prefix)));
        let Some(at) = parts.destinations.iter().position(|site| site.name == name) else {
            let names: Vec<&str> = parts.destinations.iter().map(|site| site.name.as_str()).collect();
            let reason = format!("there is no destination {name:?}; there are: {}", names.join(", "));
            return Err(Fault::new(Code::InputInvalid, "import from destination").because(reason).into());
        };
        let site = &parts.destinations[at];
        let prefix = prefix.unwrap_or(&site.prefix);
        let mut cursor: Option<String> = None;
        loop {
            let page = site.port.list(prefix, cursor.as_deref()).await.map_err(|fault| fault.with("destination", name))?;
            buckets[at].keys.extend(page.keys);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(buckets)
}

/// Whether an item is an asset already.
async fn settle(parts: &Parts, current: &Current, mut item: Item) -> Result<Item, Fault> {
    let there = current.at(&item).map(|(asset, _)| asset);
    match (item.state, item.taken()) {
        (State::New, Some(taken)) => {
            item.state = known::state(parts, &taken, there).await?;
            if let (State::New, Place::Object { destination, key }) = (item.state, &taken.from) {
                let site = parts.destinations.iter().find(|site| site.name == *destination);
                let is_there = match site {
                    Some(site) => site.port.stat(key).await?.is_some(),
                    None => false,
                };
                if !is_there {
                    (item.state, item.why) = (State::Missing, Some("the destination has no such object".to_owned()));
                    item.from = None;
                }
            }
        }
        // Its original may be gone: the asset stands for it.
        (State::Missing | State::Elsewhere, _) if there.is_some() => (item.state, item.why) = (State::Known, None),
        _ => {}
    }
    Ok(item)
}

/// The jobs: by subject, each of a bounded number of files; none for what is known already.
async fn batches(parts: &Parts, plan: &Plan) -> anyhow::Result<Vec<Input>> {
    let mut by_subject: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in plan.items.iter().filter(|item| matches!(item.state, State::New | State::Changed)) {
        by_subject.entry(&item.subject).or_default().push(item);
    }
    let mut batches = Vec::new();
    for (id, character) in &plan.characters {
        if by_subject.contains_key(id.as_str()) {
            continue;
        }
        // No file to take; what the record says may be new all the same.
        let known = parts.store.subject(id).await?.filter(|known| known.made.id == *id);
        let is_new = match (&known, &character.fields) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(known), Some(fields)) => import::told(&known.made, &character.name, fields).is_some(),
        };
        if is_new {
            batches.push(Input { character: Some(character.clone()), files: Vec::new() });
        }
    }
    for (subject, items) in by_subject {
        let character = plan.characters.get(subject);
        let (mut files, mut bytes) = (Vec::new(), 0);
        for taken in items.iter().filter_map(|item| item.taken()) {
            let size = serde_json::to_string(&taken)?.len();
            if files.len() == FILES_MAX || (bytes + size > INPUT_MAX_BYTES && !files.is_empty()) {
                batches.push(Input { character: character.cloned(), files: std::mem::take(&mut files) });
                bytes = 0;
            }
            bytes += size;
            files.push(taken);
        }
        batches.push(Input { character: character.cloned(), files });
    }
    Ok(batches)
}

/// Has the jobs done, few at once, and tells how far it is.
async fn carry(hand: &mut Hand<'_>, batches: Vec<Input>, files: usize, outcome: &mut Outcome) -> anyhow::Result<()> {
    let bar = bar("importing");
    let mut left = batches.into_iter();
    let mut open: Vec<(JobId, usize, String)> = Vec::new();
    let mut done = 0;
    loop {
        while open.len() < AT_ONCE
            && let Some(batch) = left.next()
        {
            let whose = batch.character.as_ref().map_or("files".to_owned(), |character| character.name.clone());
            let count = batch.files.len();
            let answer = hand
                .ask(Ask::Submit {
                    workflow: import::CARD.name.to_owned(),
                    input: serde_json::to_value(batch)?,
                    new: false,
                    since_ms: None,
                })
                .await?;
            open.push((hand::job_of(&answer)?, count, whose));
        }
        if open.is_empty() {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(gone) = hand.gone() {
            hand.take_over(gone).await?;
        }
        let mut still = Vec::new();
        for (id, count, whose) in open {
            let job = hand.parts().store.job(id).await?;
            if is_under_way(&job) {
                still.push((id, count, whose));
                continue;
            }
            done += count;
            if bar.is_hidden() {
                print::note(format!("taken    {done} of {files} ({whose})"));
            }
            #[expect(clippy::cast_precision_loss, reason = "a share for people")]
            advance(&bar, done as f32 / files.max(1) as f32);
            take_account(&job, outcome);
        }
        open = still;
    }
}

/// What a job refused, and why it failed if it did.
fn take_account(job: &Job, outcome: &mut Outcome) {
    let refused = job.value.as_ref().map(|value| value["refused"].clone());
    outcome.refused.extend(refused.and_then(|list| serde_json::from_value::<Vec<Refused>>(list).ok()).unwrap_or_default());
    match (&job.fault, job.state) {
        (Some(fault), _) => outcome.failed.push(fault.clone()),
        (None, JobState::Cancelled) => outcome.failed.push(Fault::new(Code::Cancelled, "import").with("job", job.id)),
        _ => {}
    }
}
