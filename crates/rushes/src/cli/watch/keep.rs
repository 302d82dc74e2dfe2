//! What has settled is made jobs, few at once, and not what was before; what becomes of them is told.

use super::folder::{Folder, Settled, Wish};
use crate::cli::hand::{self, Hand};
use crate::cli::{Context, print};
use crate::ways::known;
use crate::ways::plan::{State, is_of_character, title_of};
use crate::ways::titles::Titles;
use crate::ways::walk::Entry;
use crate::words;
use rushes_core::flow::hash;
use rushes_core::job::{Job, JobState};
use rushes_core::recognise::Recognised;
use rushes_core::store::{AssetFilter, JobFilter};
use rushes_core::subject::name_of;
use rushes_core::{Asset, Code, Fault, JobId, Kind};
use rushes_engine::{Ask, Parts};
use rushes_workflows::import::{self, Character, Input, Place, Refused, Taken};
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Jobs under way at once: each inspects one file.
const AT_ONCE: usize = 4;
/// Files looked up in the journal before the next look around.
const LOOKED_UP_MAX: usize = 256;
/// Between two looks at jobs under way.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What is under way when the end is asked for may take so long to come to its own.
const LAST_MOMENT: Duration = Duration::from_secs(2);
/// Times and refusals kept for the end's account.
const KEPT_MAX: usize = 10_000;

/// Why a job did not take its file.
fn refused_by(job: &Job) -> Option<Fault> {
    let list = job.value.as_ref()?["refused"].clone();
    serde_json::from_value::<Vec<Refused>>(list).ok()?.pop().map(|refused| refused.fault)
}

/// The file was another, or gone, when it was to be taken: that says nothing about it.
fn is_fleeting(fault: &Fault) -> bool {
    matches!(fault.code, Code::FileChanged | Code::FileMissing)
}

struct UnderWay {
    job: JobId,
    entry: Entry,
    closed_ms: Option<i64>,
}

/// Who turns files into jobs.
pub(super) struct Keeper<'a> {
    hand: Hand<'a>,
    ready: VecDeque<Settled>,
    open: Vec<UnderWay>,
    titles: Titles,
    /// Subjects whose dances are known to `titles`.
    asked: HashSet<String>,
    taken: u64,
    known: u64,
    took_ms: Vec<i64>,
    pub(super) refused: Vec<(PathBuf, Fault)>,
    /// Not settled when a single pass ended.
    pub(super) left: Vec<PathBuf>,
}

impl<'a> Keeper<'a> {
    pub(super) async fn open(context: &'a Context) -> anyhow::Result<Self> {
        Ok(Self {
            hand: Hand::open(context).await?,
            ready: VecDeque::new(),
            open: Vec::new(),
            titles: Titles::default(),
            asked: HashSet::new(),
            taken: 0,
            known: 0,
            took_ms: Vec::new(),
            refused: Vec::new(),
            left: Vec::new(),
        })
    }

    pub(super) fn parts(&self) -> &Parts {
        self.hand.parts()
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.parts().clock.now_ms()
    }

    pub(super) async fn close(self) {
        self.hand.close().await;
    }

    /// Lines files up.
    pub(super) fn take(&mut self, settled: Vec<Settled>) {
        self.ready.extend(settled);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.open.is_empty()
    }

    /// Starts what there is room for, and looks what has ended.
    pub(super) async fn go_on(&mut self, folders: &mut [Folder]) -> anyhow::Result<()> {
        if let Some(gone) = self.hand.gone() {
            self.hand.take_over(gone).await?;
        }
        self.look(folders).await?;
        for _ in 0..LOOKED_UP_MAX {
            if self.open.len() >= AT_ONCE {
                break;
            }
            let Some(settled) = self.ready.pop_front() else { break };
            self.start(settled).await?;
        }
        Ok(())
    }

    /// Gives what is under way a moment, so that it is told of; starts nothing more.
    pub(super) async fn finish(&mut self, folders: &mut [Folder]) -> anyhow::Result<()> {
        let end = Instant::now() + LAST_MOMENT;
        while !self.open.is_empty() && Instant::now() < end {
            self.look(folders).await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn start(&mut self, settled: Settled) -> anyhow::Result<()> {
        let Settled { entry, closed_ms, wish } = settled;
        let (taken, character) = self.taken(&entry, wish).await?;
        let input = serde_json::to_value(Input { character, files: vec![taken.clone()] })?;
        if self.is_known(&taken, &input).await? {
            self.known += 1;
            return Ok(());
        }
        let answer = self.hand.ask(Ask::Submit { workflow: import::CARD.name.to_owned(), input, new: false, since_ms: None }).await?;
        self.open.push(UnderWay { job: hand::job_of(&answer)?, entry, closed_ms });
        Ok(())
    }

    /// Whether this very file was taken, or refused, before; or is what is there already.
    async fn is_known(&self, taken: &Taken, input: &Value) -> anyhow::Result<bool> {
        let parts = self.parts();
        let same_as = Some((import::CARD.name.to_owned(), hash(input)));
        let asked = parts.store.jobs(&JobFilter { same_as, limit: 1, ..JobFilter::default() }).await?.pop();
        // What went away before it was taken, and is here again, was never looked at.
        let has_fled = |job: &Job| refused_by(job).is_some_and(|fault| is_fleeting(&fault));
        if asked.is_some_and(|job| !has_fled(&job)) {
            return Ok(true);
        }
        // A renamed file, or a renamed folder's: it is known by what it is.
        if known::was_taken(parts, taken).await?.is_some_and(|asset| asset.retired_ms.is_none()) {
            return Ok(true);
        }
        for kind in taken.kind.map_or(vec![Kind::WorkspaceImage, Kind::WorkspaceVideo], |kind| vec![kind]) {
            let title = taken.title.as_deref().unwrap_or_else(|| kind.own_title().unwrap_or("primary"));
            let Ok(stem) = kind.stem(&taken.subject, &taken.names) else { continue };
            let is_meant = |asset: &Asset| asset.kind == kind && asset.subject == taken.subject && asset.title == title;
            let there = parts.store.current_at(&stem).await?.into_iter().find(is_meant);
            if known::state(parts, taken, there.as_ref()).await? == State::Known {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the workflow is asked for.
    async fn taken(&mut self, entry: &Entry, wish: Wish) -> anyhow::Result<(Taken, Option<Character>)> {
        let from = Place::File { path: entry.path.clone(), mark: entry.mark };
        let meta = json!({"watched_as": entry.relative});
        match wish {
            Wish::Recognised(found) => {
                let (subject, title) = self.belongs(&found).await?;
                let is_character = is_of_character(found.kind) && !found.subject.is_empty();
                let character = is_character.then(|| Character { id: subject.clone(), name: name_of(&subject), fields: None });
                Ok((Taken { from, kind: Some(found.kind), subject, title: Some(title), names: found.names, meta }, character))
            }
            Wish::As { kind, subject, title, names } => {
                let subject = self.parts().store.subject(&subject).await?.map_or(subject, |known| known.made.id);
                let names = names.into_iter().map(|(name, value)| (name, rushes_core::kinds::segment(&value))).collect();
                Ok((Taken { from, kind, subject, title, names, meta }, None))
            }
        }
    }

    /// Whose a recognised file is, and of which set.
    async fn belongs(&mut self, found: &Recognised) -> anyhow::Result<(String, String)> {
        if found.subject.is_empty() {
            return Ok(("local".to_owned(), rushes_core::recognise::PRIMARY.to_owned()));
        }
        if self.asked.insert(found.subject.clone()) {
            let filter = AssetFilter { subject: Some(found.subject.clone()), kind: Some(Kind::DanceVideo), ..AssetFilter::default() };
            let dances: Vec<Asset> = self.parts().store.assets(&filter).await?.into_iter().map(|(asset, _)| asset).collect();
            for asset in &dances {
                if let Some(reference) = rushes_core::recognise::recognise(&asset.path).as_ref().and_then(Recognised::reference) {
                    self.titles.learn(&asset.subject, reference, &asset.title);
                }
            }
        }
        Ok((found.subject.clone(), title_of(found, &found.subject, &mut self.titles)))
    }

    async fn look(&mut self, folders: &mut [Folder]) -> anyhow::Result<()> {
        let mut still = Vec::new();
        for under_way in std::mem::take(&mut self.open) {
            let job = self.parts().store.job(under_way.job).await?;
            if matches!(job.state, JobState::Queued | JobState::Running) {
                still.push(under_way);
                continue;
            }
            match refused_by(&job).or(job.fault) {
                None => self.account(under_way).await?,
                Some(fault) => self.refuse(under_way, fault, folders),
            }
        }
        self.open = still;
        Ok(())
    }

    async fn account(&mut self, done: UnderWay) -> anyhow::Result<()> {
        self.taken += 1;
        let filter = AssetFilter { root: Some(done.job), all_versions: true, limit: Some(1), ..AssetFilter::default() };
        let made = self.parts().store.assets(&filter).await?.into_iter().next();
        let Some((asset, _)) = made else { return Ok(()) };
        let after = match done.closed_ms {
            Some(closed_ms) => {
                let took_ms = (asset.created_ms - closed_ms).max(0);
                if self.took_ms.len() < KEPT_MAX {
                    self.took_ms.push(took_ms);
                }
                format!(", {} after it was closed", words::took(took_ms))
            }
            None => String::new(),
        };
        print::note(format!("took     {} as {} {}{after}", done.entry.relative, asset.kind.name(), asset.path));
        Ok(())
    }

    fn refuse(&mut self, under_way: UnderWay, fault: Fault, folders: &mut [Folder]) {
        let UnderWay { entry, .. } = under_way;
        if is_fleeting(&fault) {
            // It is another file by now, or none: the next looks say which.
            print::note(format!("waiting  for {}: it was changed while it was being taken", entry.relative));
            folders.iter_mut().filter(|folder| entry.path.starts_with(&folder.root)).for_each(|folder| folder.forget(&entry.relative));
            return;
        }
        print::note(format!("refused  {}: {fault}", entry.relative));
        if self.refused.len() < KEPT_MAX {
            self.refused.push((entry.path, fault));
        }
    }

    /// The account at the end.
    pub(super) fn tell(&mut self, context: &Context, code: u8) -> anyhow::Result<u8> {
        self.took_ms.sort_unstable();
        let at = |share: usize| self.took_ms.get((self.took_ms.len() * share / 100).min(self.took_ms.len().saturating_sub(1))).copied();
        let (p50, p95) = (at(50), at(95));
        if context.json {
            let refused: Vec<Value> = self
                .refused
                .iter()
                .map(|(path, fault)| json!({"file": path.display().to_string(), "code": fault.code, "detail": fault.to_string()}))
                .collect();
            let left: Vec<String> = self.left.iter().map(|path| path.display().to_string()).collect();
            print::json(
                &json!({"taken": self.taken, "known": self.known, "refused": refused, "unsettled": left, "from_closed_to_asset_ms": {"p50": p50, "p95": p95}}),
            )?;
            return Ok(code);
        }
        for path in &self.left {
            print::line(format!("{} is still being written, and was left", path.display()));
        }
        let speed = match (p50, p95) {
            (Some(p50), Some(p95)) => {
                format!(" From closed to registered: half within {}, 95 % within {}.", words::took(p50), words::took(p95))
            }
            _ => String::new(),
        };
        print::line(format!("{} files taken, {} known already, {} refused.{speed}", self.taken, self.known, self.refused.len()));
        Ok(code)
    }
}
