//! What is dropped into the `Incoming/` of an open shoot, and what has settled there, is made jobs, a photo each, some at once.
//! Which were taken is remembered by the journal.

use super::make;
use crate::ways::hints::{Hints, KEPT, Told};
use crate::ways::looks::{Looks, QUICK};
use crate::ways::walk::{Entry, Rules as Passed, look_at, walk};
use rushes_core::album::Rules;
use rushes_core::flow::hash;
use rushes_core::job::JobState;
use rushes_core::store::{JobFilter, SubjectFilter};
use rushes_core::subject::SubjectType;
use rushes_core::{Cancel, Fault, Job, JobId};
use rushes_engine::{Ask, Desk};
use rushes_workflows::photos::{self, Dropped, Input};
use rushes_workflows::{Registry, shoot};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Photos under way at once: twice what is looked at, so that the next is copied while one is looked at.
const AT_ONCE: usize = 8;
/// A file that nobody was seen closing has settled when it stays the same for so long.
const SETTLE: Duration = Duration::from_secs(2);
/// Between two looks at everything: what the system reports may be lost.
const EVERY: Duration = Duration::from_secs(5);
/// Between two looks for new shoots.
const SHOOTS_EVERY: Duration = Duration::from_secs(1);
/// Shoots looked up in one go.
const PAGE: u32 = 200;

/// One `Incoming/` folder.
struct Folder {
    root: PathBuf,
    looks: Looks,
    hints: Option<Hints>,
    next: Instant,
    is_walked: bool,
    /// What cannot be looked at, and stands in `Admin/Errors` therefore.
    closed: BTreeSet<PathBuf>,
}

impl Folder {
    /// As long as something cannot be looked at, it is set aside below `own`, with the reason.
    fn say(&mut self, own: &Path, closed: Vec<(PathBuf, String)>) {
        let name = |path: &Path| path.strip_prefix(&self.root).unwrap_or(path).as_os_str().to_owned();
        let mut said = BTreeSet::new();
        for (path, why) in closed {
            let is_said = self.closed.contains(&path) || {
                let set = photos::set_aside(own, &path, &name(&path), &why);
                set.inspect_err(|fault| tracing::warn!(%fault, "what cannot be looked at is said by the next look")).is_ok()
            };
            said.extend(is_said.then_some(path));
        }
        for path in self.closed.difference(&said) {
            if let Err(fault) = photos::clear(own, &name(path)) {
                tracing::warn!(%fault, "what can be looked at again is still set aside");
            }
        }
        self.closed = said;
    }

    /// Looked at as if it had never been there.
    fn again(&mut self, relative: &str) {
        self.looks.forget(relative);
        (self.next, self.is_walked) = (Instant::now(), false);
    }
}

/// A photo that is being taken, or what was decided of an earlier one and is carried out.
struct Taking {
    job: JobId,
    /// The shoot and where in its folder.
    photo: Option<(String, String)>,
}

/// What the system reports, with the number of the folder.
type Heard = (mpsc::Sender<(usize, Told)>, mpsc::Receiver<(usize, Told)>);

/// The folders of all open shoots, by shoot.
pub(crate) struct Folders {
    desk: Desk<Registry>,
    open: BTreeMap<String, Folder>,
    ready: VecDeque<(String, Entry)>,
    under_way: Vec<Taking>,
    hints: Heard,
    /// By the number hints come with.
    heard: Vec<String>,
    next: Instant,
}

/// Takes in what is dropped, until `stop`.
pub(crate) async fn watch(desk: Desk<Registry>, stop: Cancel) {
    let mut folders = Folders::new(desk);
    folders.carry_on().await;
    while !stop.is_cancelled() {
        if let Err(fault) = folders.look().await {
            tracing::warn!(%fault, "photos of shoots could not be looked for; it is tried again");
            tokio::time::sleep(SHOOTS_EVERY).await;
        }
        folders.wait(&stop).await;
    }
}

impl Folders {
    pub(crate) fn new(desk: Desk<Registry>) -> Self {
        let now = Instant::now();
        Self {
            desk,
            open: BTreeMap::new(),
            ready: VecDeque::new(),
            under_way: Vec::new(),
            hints: mpsc::channel(KEPT),
            heard: Vec::new(),
            next: now,
        }
    }

    /// What was decided and is not yet so everywhere goes on.
    pub(crate) async fn carry_on(&mut self) {
        for (id, _) in self.shoots().await.unwrap_or_default() {
            let kit = &self.desk.workflows().kit().shoots;
            let left = match kit.albums.album(&id).await {
                Ok(album) => make::left(album.as_ref(), &id).await,
                Err(fault) => Err(fault),
            };
            let begun = match left {
                Ok(None) => continue,
                Ok(Some((workflow, input))) => {
                    self.desk.answer(Ask::Submit { workflow: workflow.into(), input, new: false, since_ms: None }).await
                }
                Err(fault) => Err(fault),
            };
            match begun {
                // Whoever waits until everything is taken waits for it, too.
                Ok(answer) => self.follow(&answer, None),
                Err(fault) => tracing::warn!(%fault, shoot = id, "what its album wants is not carried out yet"),
            }
        }
    }

    fn follow(&mut self, answer: &serde_json::Value, photo: Option<(String, String)>) {
        let job = serde_json::from_value(answer["job"].clone()).ok();
        self.under_way.extend(job.map(|job| Taking { job, photo }));
    }

    /// Every shoot and its rules.
    async fn shoots(&self) -> Result<Vec<(String, Rules)>, Fault> {
        let filter = SubjectFilter { subject_type: Some(SubjectType::Shoot), limit: PAGE, ..SubjectFilter::default() };
        let found = self.desk.parts().store.subject_page(&filter).await?;
        Ok(found
            .into_iter()
            .filter_map(|shoot| Some((shoot.made.id, serde_json::from_value(shoot.made.fields["rules"].clone()).ok()?)))
            .collect())
    }

    /// One look around, and jobs of what has settled.
    pub(crate) async fn look(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + SHOOTS_EVERY;
            self.find_shoots().await?;
        }
        while let Ok((index, told)) = self.hints.1.try_recv() {
            self.hear(index, told, now);
        }
        for (shoot, folder) in &mut self.open {
            for relative in folder.looks.due(now) {
                match look_at(&folder.root, &folder.root.join(&relative), &Passed::default()) {
                    Some(entry) if folder.looks.see(&entry, None, now) => self.ready.push_back((shoot.clone(), entry)),
                    Some(_) => {}
                    None => folder.looks.forget(&relative),
                }
            }
            let is_overrun = folder.hints.as_ref().is_some_and(Hints::was_overrun);
            if now >= folder.next || is_overrun {
                folder.next = now + EVERY;
                let root = folder.root.clone();
                let walked = tokio::task::spawn_blocking(move || walk(&root, &Passed::default())).await;
                let Ok(Ok(walked)) = walked else { continue };
                folder.is_walked = true;
                folder.looks.keep(&walked.files);
                folder.say(&self.desk.workflows().kit().shoots.root.join(shoot), walked.closed);
                let settled = walked.files.into_iter().filter(|entry| folder.looks.see(entry, None, now));
                self.ready.extend(settled.map(|entry| (shoot.clone(), entry)));
            }
        }
        self.start().await
    }

    /// Whether everything that was seen is taken.
    pub(crate) fn is_idle(&self) -> bool {
        self.ready.is_empty()
            && self.under_way.is_empty()
            && self.open.values().all(|folder| folder.is_walked && folder.looks.waiting().next().is_none())
    }

    /// Until there is something to look at.
    pub(crate) async fn wait(&mut self, stop: &Cancel) {
        let wait = if self.under_way.is_empty() && self.ready.is_empty() { QUICK } else { QUICK / 4 };
        tokio::select! {
            () = stop.cancelled() => {}
            told = self.hints.1.recv() => if let Some((index, told)) = told { self.hear(index, told, Instant::now()) },
            () = tokio::time::sleep(wait) => {}
        }
    }

    fn hear(&mut self, index: usize, told: Told, now: Instant) {
        let Some((shoot, folder)) = self.heard.get(index).and_then(|shoot| self.open.get_mut(shoot).map(|folder| (shoot, folder))) else {
            return;
        };
        match told {
            Told::File(path, hint) => {
                if let Some(entry) = look_at(&folder.root, &path, &Passed::default())
                    && folder.looks.see(&entry, hint, now)
                {
                    self.ready.push_back((shoot.clone(), entry));
                }
            }
            Told::Everything | Told::Lost(_) => folder.next = now,
        }
    }

    async fn find_shoots(&mut self) -> Result<(), Fault> {
        let root = self.desk.workflows().kit().shoots.root.clone();
        let shoots = self.shoots().await?;
        let now_ms = self.desk.parts().clock.now_ms();
        for (id, _) in shoots.iter().filter(|(_, rules)| rules.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms)) {
            if self.desk.workflows().kit().shoots.albums.album(id).await?.expire().await? {
                tracing::info!(shoot = id, "its days are over: what was known of faces is erased");
            }
        }
        let is_open = |id: &String| shoots.iter().any(|(shoot, rules)| shoot == id && rules.is_open);
        self.open.retain(|id, _| is_open(id));
        for (id, rules) in &shoots {
            if !rules.is_open || self.open.contains_key(id) {
                continue;
            }
            let root = root.join(id).join(shoot::INCOMING);
            if !root.is_dir() {
                continue;
            }
            self.heard.push(id.clone());
            let hints = Hints::start(&root, self.heard.len() - 1, self.hints.0.clone());
            let hints = hints.inspect_err(|why| tracing::warn!(shoot = id, why, "changes are not reported; looking goes on")).ok();
            self.open.insert(
                id.clone(),
                Folder { root, looks: Looks::new(SETTLE), hints, next: Instant::now(), is_walked: false, closed: BTreeSet::new() },
            );
        }
        Ok(())
    }

    /// Starts what there is room for.
    async fn start(&mut self) -> Result<(), Fault> {
        let store = self.desk.parts().store.clone();
        let mut still = Vec::new();
        for taking in std::mem::take(&mut self.under_way) {
            let job = store.job(taking.job).await?;
            if matches!(job.state, JobState::Queued | JobState::Running) {
                still.push(taking);
            } else if job.value.as_ref().is_some_and(photos::has_passed_over)
                && let Some((shoot, relative)) = taking.photo
                && let Some(folder) = self.open.get_mut(&shoot)
            {
                folder.again(&relative);
            }
        }
        self.under_way = still;
        while self.under_way.len() < AT_ONCE {
            let Some((shoot, entry)) = self.ready.pop_front() else { break };
            let file = Dropped { path: entry.path, mark: entry.mark, name: entry.relative.clone() };
            let input = serde_json::to_value(Input { shoot: shoot.clone(), files: vec![file] }).unwrap_or_default();
            let workflow = photos::CARD.name.to_owned();
            let same_as = Some((workflow.clone(), hash(&input)));
            let asked = store.jobs(&JobFilter { same_as, limit: 1, ..JobFilter::default() }).await?.pop();
            // One that failed for a reason of the machine is tried again by the next start.
            let is_done = |job: Job| job.state != JobState::Failed && !job.value.as_ref().is_some_and(photos::has_passed_over);
            if asked.is_some_and(is_done) {
                continue;
            }
            let answer = self.desk.answer(Ask::Submit { workflow, input, new: false, since_ms: None }).await?;
            self.follow(&answer, Some((shoot, entry.relative)));
        }
        Ok(())
    }
}
