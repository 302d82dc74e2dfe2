//! `rushes watch`: what arrives in folders is taken in as it arrives.
//!
//! The looks at everything are the truth; what the system reports only makes them quicker. What was taken is remembered by
//! the journal: each file is a job, found again by what it was asked for.

mod folder;
mod keep;

use super::{Context, assets, exit, print};
use crate::config::WatchSection;
use crate::ways::hints::{KEPT, Told};
use crate::ways::looks::QUICK;
use crate::ways::walk::excluded;
use folder::Folder;
use keep::Keeper;
use rushes_core::{Code, Fault, Kind};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folders; those of `[[watch]]` in the configuration unless given.
    folders: Vec<PathBuf>,
    /// Of what kind their files are; what their names say, else a workspace image or video, unless given.
    #[arg(long, value_parser = assets::kind)]
    kind: Option<Kind>,
    /// Whose files they are whose names do not say: the id or unique slug of a subject, or a user's name.
    #[arg(long)]
    subject: Option<String>,
    /// Which of the subject's sets, with --kind.
    #[arg(long, requires = "kind")]
    title: Option<String>,
    /// Fill a name of their paths, such as `ref=ref1`, with --kind; what is missing is the file's own name.
    #[arg(long = "name", value_parser = super::put::name_value, requires = "kind")]
    names: Vec<(String, String)>,
    /// Names to pass over, such as `*_draft.*`.
    #[arg(long, value_name = "PATTERN")]
    ignore: Vec<String>,
    /// Seconds between two looks at everything.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    every: Option<f64>,
    /// Seconds a file stays the same until it has settled, where nobody was seen closing it.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    settle: Option<f64>,
    /// Only look, and do not have changes reported.
    #[arg(long)]
    poll: bool,
    /// Take what is there and end, once it is delivered.
    #[arg(long)]
    once: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s| (0.1..=3600.0).contains(s)).ok_or_else(|| "a wait is 0.1 to 3600 seconds".to_owned())
}

/// The folders as flags and configuration have them.
fn sections(context: &Context, args: &Args) -> Result<Vec<WatchSection>, Fault> {
    let configured = &context.loaded.config.watch;
    let mut sections = if args.folders.is_empty() {
        configured.clone()
    } else {
        // A folder that is configured keeps its settings; flags win.
        let of = |folder: &PathBuf| {
            let known = configured.iter().find(|section| section.folder == *folder).cloned().unwrap_or_default();
            WatchSection { folder: folder.clone(), ..known }
        };
        args.folders.iter().map(of).collect()
    };
    if sections.is_empty() {
        let reason = "no folder is given, and the configuration has no [[watch]]";
        return Err(Fault::new(Code::InputInvalid, "watch folder").because(reason));
    }
    for section in &mut sections {
        section.kind = args.kind.map(|kind| kind.name().to_owned()).or(section.kind.take());
        section.subject = args.subject.clone().or(section.subject.take());
        section.title = args.title.clone().or(section.title.take());
        section.names.extend(args.names.iter().cloned());
        section.ignore.extend(args.ignore.iter().cloned());
        section.every_s = args.every.unwrap_or(section.every_s);
        section.settle_s = args.settle.unwrap_or(section.settle_s);
    }
    Ok(sections)
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let sections = sections(context, &args)?;
    let mut keeper = Keeper::open(context).await?;
    let own = excluded(&context.home, &keeper.parts().destinations);
    let folders = sections.into_iter().map(|section| Folder::open(section, own.clone())).collect::<Result<Vec<Folder>, Fault>>();
    let end = match folders {
        Ok(folders) if args.once => once(&mut keeper, folders).await,
        Ok(folders) => watch(&mut keeper, folders, args.poll).await,
        Err(fault) => Err(fault.into()),
    };
    let told = match end {
        Ok(code) => keeper.tell(context, code),
        Err(error) => Err(error),
    };
    keeper.close().await;
    told
}

/// Two looks, and what has settled between them.
async fn once(keeper: &mut Keeper<'_>, mut folders: Vec<Folder>) -> anyhow::Result<u8> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let pass = async {
        for folder in &mut folders {
            keeper.take(folder.scan().await?);
        }
        let longest = folders.iter().map(|folder| folder.settle).max().unwrap_or_default();
        tokio::time::sleep(longest + Duration::from_millis(20)).await;
        for folder in &mut folders {
            keeper.take(folder.scan().await?);
            keeper.left.extend(folder.waiting());
        }
        while !keeper.is_idle() {
            keeper.go_on(&mut folders).await?;
            tokio::time::sleep(keep::LOOK_EVERY).await;
        }
        let is_delivered = super::hand::drain(keeper.parts()).await?;
        Ok::<_, anyhow::Error>(is_delivered)
    };
    tokio::select! {
        done = pass => {
            let is_whole = done? && keeper.left.is_empty() && keeper.refused.is_empty();
            Ok(if is_whole { exit::DONE } else { exit::PARTLY })
        }
        _ = interrupt.recv() => Ok(exit::CANCELLED),
        _ = terminate.recv() => Ok(exit::STOPPED),
    }
}

async fn watch(keeper: &mut Keeper<'_>, mut folders: Vec<Folder>, is_polling: bool) -> anyhow::Result<u8> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (to, mut hints) = mpsc::channel::<(usize, Told)>(KEPT);
    for (index, folder) in folders.iter_mut().enumerate() {
        if is_polling {
            print::note(format!("Watching {}, looking every {} s.", folder.root.display(), folder.every.as_secs_f64()));
        } else {
            folder.listen(index, &to);
        }
    }
    loop {
        let wait = if keeper.is_idle() { QUICK } else { keep::LOOK_EVERY };
        let mut told = None;
        tokio::select! {
            // Signals first: a flood of hints must not put the end off.
            biased;
            _ = interrupt.recv() => {
                print::note("Stopping. What is under way goes on with the next start; nothing is taken twice.");
                keeper.finish(&mut folders).await?;
                return Ok(exit::DONE);
            }
            _ = terminate.recv() => {
                keeper.finish(&mut folders).await?;
                return Ok(exit::STOPPED);
            }
            hint = hints.recv() => told = hint,
            () = tokio::time::sleep(wait) => {}
        }
        let mut room = KEPT;
        while let Some((index, hint)) = told.take() {
            keeper.take(folders[index].hear(hint, keeper.now_ms()));
            room -= 1;
            told = if room > 0 { hints.try_recv().ok() } else { None };
        }
        let now = Instant::now();
        for (index, folder) in folders.iter_mut().enumerate() {
            keeper.take(folder.look_again(now));
            if folder.is_due(now) {
                let settled = folder.scan_or_wait().await;
                keeper.take(settled);
                if !is_polling && folder.is_deaf() {
                    folder.listen(index, &to);
                }
            }
        }
        keeper.go_on(&mut folders).await?;
    }
}
