//! What is dropped into the `Incoming/` of an open shoot, or lies in a folder it was pointed at, and what has settled there, is made
//! jobs, a photo each, some at once. Which were taken is remembered by the journal.

use super::folder::{Folder, Place};
use super::incoming::{overlap, real};
use super::make;
use crate::ways::hints::{Hints, KEPT, Told};
use crate::ways::looks::QUICK;
use crate::ways::walk::{Entry, Rules as Passed, excluded, folder_id, look_at, walk};
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
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Photos under way at once: twice what is looked at, so that the next is copied while one is looked at.
const AT_ONCE: usize = 8;
/// Between two looks at everything: what the system reports may be lost.
const EVERY: Duration = Duration::from_secs(5);
/// Between two looks for new shoots.
const SHOOTS_EVERY: Duration = Duration::from_secs(1);
/// Shoots looked up in one go.
const PAGE: u32 = 200;

/// A photo that is being taken, or what was decided of an earlier one and is carried out.
struct Taking {
    job: JobId,
    /// The folder and where in it.
    photo: Option<(Place, String)>,
}

/// What the system reports, with the number of the folder.
type Heard = (mpsc::Sender<(usize, Told)>, mpsc::Receiver<(usize, Told)>);

/// The folders of all open shoots.
pub(crate) struct Folders {
    desk: Desk<Registry>,
    /// Those that are there.
    open: BTreeMap<Place, Folder>,
    /// Those that nothing can be taken from now; that was said once.
    away: BTreeSet<Place>,
    ready: VecDeque<(Place, Entry)>,
    under_way: Vec<Taking>,
    hints: Heard,
    /// By the number hints come with.
    heard: Vec<Place>,
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
            away: BTreeSet::new(),
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

    fn follow(&mut self, answer: &serde_json::Value, photo: Option<(Place, String)>) {
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
        let mut lost = Vec::new();
        for (place, folder) in &mut self.open {
            for relative in folder.looks.due(now) {
                match look_at(&place.root, &place.root.join(&relative), &Passed::default()) {
                    Some(entry) if folder.looks.see(&entry, None, now) => self.ready.push_back((place.clone(), entry)),
                    Some(_) => {}
                    None => folder.looks.forget(&relative),
                }
            }
            let is_overrun = folder.hints.as_ref().is_some_and(Hints::was_overrun);
            if now >= folder.next || is_overrun {
                folder.next = now + EVERY;
                let root = place.root.clone();
                let walked = match tokio::task::spawn_blocking(move || walk(&root, &Passed::default())).await {
                    Ok(Ok(walked)) => walked,
                    Ok(Err(why)) => {
                        lost.push((place.clone(), why.to_string()));
                        continue;
                    }
                    Err(_) => continue,
                };
                folder.is_walked = true;
                folder.looks.keep(&walked.files);
                folder.say(place, &self.desk.workflows().kit().shoots.root.join(&place.shoot), walked.closed);
                let settled = walked.files.into_iter().filter(|entry| folder.looks.see(entry, None, now));
                self.ready.extend(settled.map(|entry| (place.clone(), entry)));
            }
        }
        for (place, why) in lost {
            self.lose(place, &why);
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
        let Some((place, folder)) = self.heard.get(index).and_then(|place| self.open.get_mut(place).map(|folder| (place, folder))) else {
            return;
        };
        match told {
            Told::File(path, hint) => {
                if let Some(entry) = look_at(&place.root, &path, &Passed::default())
                    && folder.looks.see(&entry, hint, now)
                {
                    self.ready.push_back((place.clone(), entry));
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
        let open = shoots.into_iter().filter(|(_, rules)| rules.is_open).map(|(id, _)| id);
        let (mut own, mut pointed) = (Vec::new(), Vec::new());
        for shoot in open {
            let folders = match self.desk.workflows().kit().shoots.albums.album(&shoot).await {
                Ok(album) => album.incoming().await,
                Err(fault) => Err(fault),
            };
            // One album that cannot be read keeps no other shoot from its photos.
            let folders = folders.inspect_err(|fault| tracing::debug!(%fault, shoot, "its folders are not known")).unwrap_or_default();
            pointed.extend(folders.into_iter().map(|root| Place { shoot: shoot.clone(), root }));
            own.push(Place { root: root.join(&shoot).join(shoot::INCOMING), shoot });
        }
        let is_wanted = |place: &Place| own.contains(place) || pointed.contains(place);
        self.open.retain(|place, _| is_wanted(place));
        self.away.retain(is_wanted);
        let is_other = |(place, folder): &(&Place, &Folder)| folder_id(&place.root) != folder.id;
        let gone: Vec<Place> = self.open.iter().filter(is_other).map(|(place, _)| place.clone()).collect();
        gone.into_iter().for_each(|place| self.lose(place, "it is not there"));
        for (place, is_own) in own.into_iter().map(|place| (place, true)).chain(pointed.into_iter().map(|place| (place, false))) {
            if !self.open.contains_key(&place) {
                self.open(place, is_own);
            }
        }
        // It is seen again once its folder is there.
        self.ready.retain(|(place, _)| self.open.contains_key(place));
        Ok(())
    }

    /// Begins to look at a folder, where it is there and nobody else's.
    fn open(&mut self, place: Place, is_own: bool) {
        let real = match real(&place.root) {
            Ok(real) => real,
            // A shoot that is just being made has none yet.
            Err(_) if is_own => return,
            Err(why) => return self.lose(place, &why),
        };
        let other = self.open.iter().find(|(_, other)| overlap(&other.real, &real));
        if other.is_some_and(|(other, folder)| folder.is_own && other.shoot == place.shoot) {
            // Below its own it is gone through with that.
            return;
        }
        // What was right when it was said may be otherwise now, by a link or a mount.
        let parts = self.desk.parts();
        let ours = if is_own { Vec::new() } else { excluded(&parts.home, &parts.destinations) };
        let taken =
            other.map(|(other, _)| other.root.as_path()).or_else(|| ours.iter().map(AsRef::as_ref).find(|ours| overlap(ours, &real)));
        if let Some(taken) = taken {
            let why = format!("it is one with {}, or one lies within the other", taken.display());
            return self.lose(place, &why);
        }
        self.heard.push(place.clone());
        let hints = Hints::start(&place.root, self.heard.len() - 1, self.hints.0.clone());
        let hints = hints.inspect_err(|why| tracing::warn!(shoot = place.shoot, why, "changes are not reported; looking goes on")).ok();
        if self.away.remove(&place) {
            tracing::info!(shoot = place.shoot, folder = %place.root.display(), "a folder is there again; its photos are taken");
        }
        let id = folder_id(&place.root);
        self.open.insert(place, Folder::new(real, id, is_own, hints));
    }

    /// Nothing is taken from a folder until it is there again.
    fn lose(&mut self, place: Place, why: &str) {
        let is_own = self.open.remove(&place).is_some_and(|folder| folder.is_own);
        if !is_own && !self.away.contains(&place) {
            tracing::warn!(shoot = place.shoot, folder = %place.root.display(), why, "a folder is away; its photos are taken once it is back");
            self.away.insert(place);
        }
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
                && let Some((place, relative)) = taking.photo
                && let Some(folder) = self.open.get_mut(&place)
            {
                folder.again(&relative);
            }
        }
        self.under_way = still;
        while self.under_way.len() < AT_ONCE {
            let Some((place, entry)) = self.ready.pop_front() else { break };
            let Some(folder) = self.open.get(&place) else { continue };
            let file = Dropped { path: entry.path, mark: entry.mark, name: folder.name(&place, &entry.relative) };
            let input = serde_json::to_value(Input { shoot: place.shoot.clone(), files: vec![file] }).unwrap_or_default();
            let workflow = photos::CARD.name.to_owned();
            let same_as = Some((workflow.clone(), hash(&input)));
            let asked = store.jobs(&JobFilter { same_as, limit: 1, ..JobFilter::default() }).await?.pop();
            // One that failed for a reason of the machine is tried again by the next start.
            let is_done = |job: Job| job.state != JobState::Failed && !job.value.as_ref().is_some_and(photos::has_passed_over);
            if asked.is_some_and(is_done) {
                continue;
            }
            let answer = self.desk.answer(Ask::Submit { workflow, input, new: false, since_ms: None }).await?;
            self.follow(&answer, Some((place, entry.relative)));
        }
        Ok(())
    }
}
