//! One attempt of a step's body: its place in a lane, its scratch folder, its time limit, its cancel token.

use super::Live;
use super::drive::panic_text;
use super::flow::LocalFlow;
use super::scratch::Room;
use crate::fetch::fetch;
use crate::parts::Parts;
use crate::pins::Pinned;
use crate::workers;
use async_trait::async_trait;
use rushes_core::faults::{self, Place};
use rushes_core::flow::{Body, Data, Library, Step, StepContext, Workflows};
use rushes_core::ledger::{Attempt as Sent, AttemptEnd, AttemptState, Begun, Ledger, Terms};
use rushes_core::record::Listed;
use rushes_core::store::{AssetFilter, Lease, SubjectFilter};
use rushes_core::subject::{NewSubject, Subject};
use rushes_core::{AssetId, Blob, Cancel, Code, Fault, Kind, NewAsset, NewFolder, Stop, Wait};
use serde_json::Value;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

/// How long a body may go on after it was told to stop, before its result is refused.
const GRACE: Duration = Duration::from_millis(800);
/// A wait for a lane is written down when it lasts longer than this.
const TELL_AFTER: Duration = Duration::from_millis(300);

/// What a body made, without its type.
pub(super) struct Made {
    pub(super) value: Value,
    pub(super) files: Vec<NewAsset>,
    pub(super) subjects: Vec<NewSubject>,
    pub(super) renewed: Vec<NewSubject>,
    pub(super) shown: Vec<AssetId>,
    pub(super) gone: Vec<AssetId>,
    pub(super) folders: Vec<NewFolder>,
    pub(super) folders_gone: Vec<NewFolder>,
    /// Where the files lie, when the body asked for a place.
    pub(super) scratch: Option<PathBuf>,
}

type Future = Pin<Box<dyn std::future::Future<Output = Result<Made, Stop>> + Send>>;

/// A body, without its type.
pub(super) struct Work(Box<dyn FnOnce(StepContext, Arc<Room>) -> Future + Send>);

impl Work {
    pub(super) fn of<T: Data>(body: Body<T>) -> Self {
        Self(Box::new(move |context, room| {
            Box::pin(async move {
                let done = body(context).await?;
                let value = serde_json::to_value(done.value)
                    .map_err(|e| Stop::Failed(Fault::new(Code::Unexpected, "keep step value").because(e)))?;
                Ok(Made {
                    value,
                    files: done.made,
                    subjects: done.subjects,
                    renewed: done.renewed,
                    shown: done.shown,
                    gone: done.gone,
                    folders: done.folders,
                    folders_gone: done.folders_gone,
                    scratch: room.taken(),
                })
            })
        }))
    }
}

pub(super) struct Attempt<'a, W> {
    pub(super) flow: &'a LocalFlow<W>,
    pub(super) step: &'a Step,
    pub(super) number: u32,
    /// Undoing after the job's one `Cancelled`: works under a token of its own.
    pub(super) is_undoing: bool,
    /// Where the body may write.
    pub(super) room: Arc<Room>,
}

impl<W: Workflows> Attempt<'_, W> {
    /// Runs the body. Gives `Stop::Cancelled` when the job is cancelled first, `time_limit` when its time is up.
    pub(super) async fn run(&self, work: Work) -> Result<Made, Stop> {
        let _place = self.enter_lane().await?;
        // The place may have come free because the cancel ended who held it.
        if !self.is_undoing && self.flow.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let outer = if self.is_undoing { Cancel::new() } else { self.flow.cancel.clone() };
        let token = outer.child_token();
        let _told = token.clone().drop_guard();
        let context = self.context(token.clone());
        faults::note("begun", &context.key);
        let mut body = AbortOnDrop(tokio::spawn(work.0(context, self.room.clone())));
        let in_time = tokio::select! {
            ended = &mut body.0 => {
                faults::pass(Place::BodyDone)?;
                return join(ended);
            }
            () = outer.cancelled() => false,
            () = tokio::time::sleep(self.step.within) => true,
        };
        token.cancel();
        // A moment to put things away; what comes after it is refused.
        let _ = tokio::time::timeout(GRACE, &mut body.0).await;
        if in_time {
            let reason = format!("{} s were allowed", self.step.within.as_secs());
            return Err(Stop::from(Fault::new(Code::TimeLimit, "run step").with("step", &self.step.name).because(reason)));
        }
        Err(Stop::Cancelled)
    }

    async fn enter_lane(&self) -> Result<Option<OwnedSemaphorePermit>, Stop> {
        let Some(lane) = self.step.lane else { return Ok(None) };
        let lanes = &self.flow.shared.parts.lanes;
        if let Some(place) = lanes.try_enter(lane) {
            return Ok(Some(place));
        }
        let entering = lanes.enter(lane);
        tokio::pin!(entering);
        let mut has_told = false;
        let place = loop {
            tokio::select! {
                place = &mut entering => break place,
                () = self.flow.cancel.cancelled(), if !self.is_undoing => return Err(Stop::Cancelled),
                () = tokio::time::sleep(TELL_AFTER), if !has_told => {
                    has_told = true;
                    self.flow.wait(Some(Wait::Lane(lane))).await;
                }
            }
        };
        if has_told {
            self.flow.wait(None).await;
        }
        Ok(place)
    }

    fn context(&self, cancel: Cancel) -> StepContext {
        let room = self.room.clone();
        let (live, job, step) = (self.flow.shared.live.clone(), self.flow.job.id, self.step.name.clone());
        let parts = &self.flow.shared.parts;
        StepContext {
            key: format!("{job}/{step}"),
            attempt: self.number,
            inputs: self.step.input_hash.clone(),
            kept: room.kept(),
            take_scratch: Arc::new(move || room.take()),
            cancel,
            progress: Arc::new(move |fraction, note| {
                // Nobody listening is fine.
                let _ = live.send(Live { job, step: step.clone(), fraction, note: note.to_owned() });
            }),
            library: library(parts),
            workers: Arc::new(workers::of(parts)),
            ledger: Arc::new(LocalLedger { parts: parts.clone(), lease: self.flow.lease, step: self.step.name.clone() }),
        }
    }
}

fn join(ended: Result<Result<Made, Stop>, tokio::task::JoinError>) -> Result<Made, Stop> {
    match ended {
        Ok(result) => result,
        Err(error) if error.is_panic() => {
            Err(Stop::from(Fault::new(Code::Panicked, "run step").because(panic_text(error.into_panic().as_ref()))))
        }
        Err(_) => Err(Stop::Cancelled),
    }
}

/// A body whose drive has ended must not go on.
struct AbortOnDrop(JoinHandle<Result<Made, Stop>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What may be asked of a home's library; what paths were given of stays here until it is dropped.
#[must_use]
pub fn library(parts: &Parts) -> Arc<dyn Library> {
    Arc::new(LocalLibrary { parts: parts.clone(), pins: Mutex::default() })
}

/// What bodies may ask, on the local store.
struct LocalLibrary {
    parts: Parts,
    /// What the body was given paths of; let go when the attempt has ended.
    pins: Mutex<Vec<Pinned>>,
}

impl LocalLibrary {
    async fn hold(&self, blob: &Blob) -> Result<PathBuf, Fault> {
        let (path, pin) = fetch(&self.parts, blob).await?;
        self.pins.lock().unwrap_or_else(PoisonError::into_inner).push(pin);
        Ok(path)
    }
}

#[async_trait]
impl Library for LocalLibrary {
    async fn path_of(&self, asset: AssetId) -> Result<PathBuf, Fault> {
        let asset = self.parts.store.asset(asset).await?;
        self.hold(&asset.blob).await
    }

    async fn subject(&self, id_or_slug: &str) -> Result<Option<Subject>, Fault> {
        self.parts.store.subject(id_or_slug).await
    }

    async fn sha256_at(&self, path: &str) -> Result<Option<String>, Fault> {
        Ok(self.parts.store.blob_at(path).await?.map(|blob| blob.sha256))
    }

    async fn assets(&self, filter: &AssetFilter) -> Result<Vec<Listed>, Fault> {
        self.parts.store.assets(filter).await
    }

    async fn subjects(&self, filter: &SubjectFilter) -> Result<Vec<Subject>, Fault> {
        self.parts.store.subject_page(filter).await
    }

    async fn made_before(&self, inputs: &str, kind: Kind) -> Result<Option<(AssetId, PathBuf)>, Fault> {
        let Some(asset) = self.parts.store.made_before(inputs, kind).await? else { return Ok(None) };
        // What cannot be fetched back is simply made anew.
        Ok(self.hold(&asset.blob).await.ok().map(|path| (asset.id, path)))
    }

    fn new_asset_id(&self) -> AssetId {
        AssetId(self.parts.clock.new_id())
    }

    fn now_ms(&self) -> i64 {
        self.parts.clock.now_ms()
    }
}

/// What one step sends outside, in the local store.
struct LocalLedger {
    parts: Parts,
    lease: Lease,
    step: String,
}

#[async_trait]
impl Ledger for LocalLedger {
    async fn begin(&self, terms: &Terms) -> Result<Begun, Fault> {
        let begun = self.parts.store.begin_attempt(self.lease, &self.step, terms).await?;
        faults::pass(Place::AttemptBegun)?;
        Ok(begun)
    }

    async fn end(&self, end: AttemptEnd) -> Result<(), Fault> {
        if matches!(end, AttemptEnd::Submitted(_) | AttemptEnd::Done { .. }) {
            faults::pass(Place::AttemptAnswered)?;
        }
        self.parts.store.end_attempt(self.lease, &self.step, end).await
    }

    async fn left(&self) -> Result<Vec<Sent>, Fault> {
        let mut sent = self.parts.store.attempts(self.lease.job).await?;
        sent.retain(|attempt| !matches!(attempt.state, AttemptState::Done | AttemptState::Failed));
        Ok(sent)
    }

    async fn settle(&self, step: &str, end: AttemptEnd) -> Result<(), Fault> {
        self.parts.store.end_attempt(self.lease, step, end).await
    }
}
