//! What a workflow sees of the engine: [`Flow`]. A workflow is plain async code over it; every step is remembered.

use crate::asset::{AssetRef, NewAsset};
use crate::fault::Fault;
use crate::folder::NewFolder;
use crate::ids::{AssetId, JobId};
use crate::ledger::Ledger;
use crate::provider::{Call, ReportProgress};
use crate::record::Listed;
use crate::store::{AssetFilter, SubjectFilter};
use crate::subject::{NewSubject, Subject};
use crate::work::Workers;
use crate::{Cancel, Code};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Values that are remembered: small JSON (≤ 256 KB); files travel as references.
pub trait Data: Serialize + DeserializeOwned + Send + 'static {}
impl<T: Serialize + DeserializeOwned + Send + 'static> Data for T {}

/// Why a durable call did not give a value.
///
/// Deliberately no `std::error::Error`: a `?` on any library error inside a workflow must not mean "retry for ever".
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// The job was cancelled; given once. Durable calls after it work, so undoing is an ordinary step.
    Cancelled,
    /// For good; remembered, so every replay sees it.
    Failed(Fault),
    /// Not now; not remembered. Bounded by the step's own limit.
    Retry {
        /// What went wrong.
        fault: Fault,
        /// Not before this long.
        after: Option<Duration>,
    },
}

/// A transient fault is tried again, a permanent one fails, a cancelled one is the job's cancel.
impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        if fault.code == Code::Cancelled {
            Self::Cancelled
        } else if fault.is_transient() {
            let after = fault.retry_after_ms.map(Duration::from_millis);
            Self::Retry { fault, after }
        } else {
            Self::Failed(fault)
        }
    }
}

/// What a step hands to the engine: committed together or not at all.
#[derive(Debug)]
pub struct Done<T> {
    /// What the workflow gets, now and in every replay.
    pub value: T,
    /// Files in scratch that become assets.
    pub made: Vec<NewAsset>,
    /// Subjects that come into being.
    pub subjects: Vec<NewSubject>,
    /// Subjects that are there and have this name and these fields from now on.
    pub renewed: Vec<NewSubject>,
    /// Assets of this job that were kept back: all of them take their places at once.
    pub shown: Vec<AssetId>,
    /// Assets that are not wanted any more: once every record tells of the others, their objects go.
    pub gone: Vec<AssetId>,
    /// Folders that are to be there at once, before any file that lies in them.
    pub folders: Vec<NewFolder>,
    /// Folders that are not wanted any more: each goes once what lay in it has gone, if nothing else lies there.
    pub folders_gone: Vec<NewFolder>,
}

impl<T> Done<T> {
    /// A value without files.
    pub fn value(value: T) -> Self {
        let (made, subjects, renewed, shown, gone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { value, made, subjects, renewed, shown, gone, folders: Vec::new(), folders_gone: Vec::new() }
    }

    /// Adds one file.
    #[must_use]
    pub fn with(mut self, asset: NewAsset) -> Self {
        self.made.push(asset);
        self
    }
}

/// Where work queues on this machine; each lane bounds what runs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// As many as there are cores.
    Cpu,
    /// Outside services.
    Net,
    /// One.
    Gpu,
}

impl Lane {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Net => "net",
            Self::Gpu => "gpu",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Cpu, Self::Net, Self::Gpu].into_iter().find(|lane| lane.name() == name)
    }
}

/// A step's name and limits.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique within its job.
    pub name: String,
    /// Hash of what it works from: inputs, provider, model, version, redo number.
    pub input_hash: String,
    /// Where it queues; None = it does not.
    pub lane: Option<Lane>,
    /// How many attempts at most.
    pub at_most: u32,
    /// How long one attempt may take.
    pub within: Duration,
    /// Who does the work, where a provider does.
    pub provider: Option<String>,
}

impl Step {
    /// Five attempts of ten minutes each, no lane.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), input_hash: String::new(), lane: None, at_most: 5, within: Duration::from_mins(10), provider: None }
    }

    /// Names what it works from.
    #[must_use]
    pub fn inputs(mut self, hash_of: &impl Serialize) -> Self {
        self.input_hash = hash(hash_of);
        self
    }

    /// Where it queues.
    #[must_use]
    pub fn lane(mut self, lane: Lane) -> Self {
        self.lane = Some(lane);
        self
    }

    /// How many attempts at most.
    #[must_use]
    pub fn at_most(mut self, attempts: u32) -> Self {
        self.at_most = attempts.max(1);
        self
    }

    /// How long one attempt may take.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    /// The provider that does the work: its lane, and its name for those who look.
    #[must_use]
    pub fn by(mut self, card: &crate::provider::ProviderCard) -> Self {
        self.provider = Some(card.name.to_owned());
        self.lane(card.lane)
    }
}

/// SHA-256 of the JSON of a value, hex; equal values give equal hashes (maps are ordered).
#[must_use]
pub fn hash(value: &impl Serialize) -> String {
    use sha2::Digest;
    // Through `Value`, whose maps are sorted; a value that is no JSON hashes as null, which only costs a cache hit.
    let json = serde_json::to_value(value).unwrap_or_default().to_string();
    hex(&sha2::Sha256::digest(json.as_bytes()))
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// What a step's body may ask of the library.
#[async_trait::async_trait]
pub trait Library: Send + Sync {
    /// A local path of an asset's bytes, fetched back if they are not here. Read only. Errors: `blob_missing`.
    async fn path_of(&self, asset: AssetId) -> Result<PathBuf, Fault>;

    /// The subject of this id or unique slug.
    async fn subject(&self, id_or_slug: &str) -> Result<Option<Subject>, Fault>;

    /// The SHA-256 now current at a path below the library; None where nothing is.
    async fn sha256_at(&self, path: &str) -> Result<Option<String>, Fault>;

    /// Assets with their deliveries.
    async fn assets(&self, filter: &AssetFilter) -> Result<Vec<Listed>, Fault>;

    /// Some subjects, by id.
    async fn subjects(&self, filter: &SubjectFilter) -> Result<Vec<Subject>, Fault>;

    /// The newest asset of this kind that an earlier step with these inputs made, and a local path of its bytes; None
    /// where there is none, or its bytes cannot be had.
    async fn made_before(&self, inputs: &str, kind: crate::Kind) -> Result<Option<(AssetId, PathBuf)>, Fault>;

    /// A fresh id.
    fn new_asset_id(&self) -> AssetId;

    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;
}

/// Gives an attempt's own folder, and makes it when it is first asked for: most steps need none.
pub type TakeScratch = Arc<dyn Fn() -> Result<PathBuf, Fault> + Send + Sync>;

/// The circumstances of one attempt of one step.
#[derive(Clone)]
pub struct StepContext {
    /// `{job}/{step}`: constant over attempts and restarts.
    pub key: String,
    /// 1 for the first.
    pub attempt: u32,
    /// The hash of what the step works from; empty when it names nothing.
    pub inputs: String,
    /// Behind [`StepContext::scratch`].
    pub take_scratch: TakeScratch,
    /// See [`Call::kept`].
    pub kept: PathBuf,
    /// Cancelled when the job is, when time is up, or when the engine stops.
    pub cancel: Cancel,
    /// How far it is.
    pub progress: ReportProgress,
    /// Paths, subjects, ids.
    pub library: Arc<dyn Library>,
    /// What this step sends outside; see [`crate::ledger::once`].
    pub ledger: Arc<dyn Ledger>,
    /// Work done elsewhere.
    pub workers: Arc<dyn Workers>,
}

impl StepContext {
    /// A folder of this attempt's own, empty when it is first asked for; gone when the step has ended.
    /// Errors: `io`, `disk_full`.
    pub fn scratch(&self) -> Result<PathBuf, Fault> {
        (self.take_scratch)()
    }

    /// The same circumstances as a provider's call, in a folder of its own within this step's scratch.
    pub fn call(&self, name: &str) -> Result<Call, Fault> {
        let scratch = self.scratch()?.join(name);
        std::fs::create_dir_all(&scratch).map_err(|e| Fault::io("make scratch folder", &scratch, &e))?;
        Ok(Call {
            key: self.key.clone(),
            scratch,
            kept: self.kept.join(name),
            cancel: self.cancel.clone(),
            progress: self.progress.clone(),
            ledger: self.ledger.clone(),
        })
    }

    /// A local path of an asset's bytes.
    pub async fn path_of(&self, asset: &AssetRef) -> Result<PathBuf, Fault> {
        self.library.path_of(asset.id).await
    }

    /// What an earlier step with equal inputs made of this kind, copied into this step's scratch, so that no provider
    /// is asked, or paid, twice. None when there is nothing of the sort.
    pub async fn made_before(&self, kind: crate::Kind) -> Result<Option<Before>, Fault> {
        let Some((asset, path)) = self.library.made_before(&self.inputs, kind).await? else { return Ok(None) };
        let file = self.scratch()?.join("made-before");
        // One copy of a finished file: where disks can share bytes, none is moved.
        std::fs::copy(&path, &file).map_err(|e| Fault::io("reuse file", &path, &e))?;
        Ok(Some(Before { asset, file }))
    }

    /// A file that is to become an asset.
    #[must_use]
    pub fn new_asset(&self, kind: crate::Kind, subject: &str, file: impl Into<PathBuf>) -> NewAsset {
        NewAsset::new(self.library.new_asset_id(), kind, subject, file)
    }
}

/// A file that an earlier step with equal inputs made.
#[derive(Debug, Clone)]
pub struct Before {
    /// Which asset it is.
    pub asset: AssetId,
    /// A copy in scratch.
    pub file: PathBuf,
}

/// A step's body, boxed.
pub type Body<T> = Box<dyn FnOnce(StepContext) -> Pin<Box<dyn Future<Output = Result<Done<T>, Stop>> + Send>> + Send>;

/// One of several short steps that run side by side.
pub struct Branch<T> {
    /// Its name and limits.
    pub step: Step,
    /// Its body.
    pub body: Body<T>,
}

impl<T> Branch<T> {
    /// A step to run beside others.
    pub fn new<F, Fut>(step: Step, body: F) -> Self
    where
        F: FnOnce(StepContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Done<T>, Stop>> + Send + 'static,
    {
        Self { step, body: Box::new(move |context| Box::pin(body(context))) }
    }
}

/// A whole job to run as part of this one.
#[derive(Debug, Clone)]
pub struct Child {
    /// Unique among the children of its job.
    pub name: String,
    /// The workflow.
    pub workflow: String,
    /// Its parameters.
    pub input: Value,
}

/// What a workflow sees of the engine.
pub trait Flow: Sync {
    /// Stable over replays, restarts and machines.
    fn id(&self) -> &JobId;

    /// Runs a step, or gives what it gave before. Its files are registered and its value remembered in one transaction.
    fn step<T: Data, F, Fut>(&self, step: Step, body: F) -> impl Future<Output = Result<T, Stop>> + Send
    where
        F: FnOnce(StepContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Done<T>, Stop>> + Send + 'static;

    /// Runs short steps side by side; answers in the order given.
    fn all<T: Data>(&self, branches: Vec<Branch<T>>) -> impl Future<Output = Vec<Result<T, Stop>>> + Send;

    /// Runs whole jobs side by side, perhaps elsewhere; answers in the order given.
    fn children(&self, jobs: Vec<Child>) -> impl Future<Output = Vec<Result<Value, Stop>>> + Send;

    /// Waits; a restart waits only for what is left.
    fn sleep(&self, name: &str, duration: Duration) -> impl Future<Output = Result<(), Stop>> + Send;

    /// The value sent to `name` from outside, or None after `limit`; `at` names this one waiting.
    fn signal<T: Data>(&self, name: &str, at: &str, limit: Duration) -> impl Future<Output = Result<Option<T>, Stop>> + Send;
}

/// Every workflow an engine can run.
pub trait Workflows: Send + Sync + 'static {
    /// The present version of a workflow; None when there is none of that name.
    fn version(&self, workflow: &str) -> Option<u32>;

    /// The catalog collection that mirrors a workflow's jobs, such as `pipeline_jobs`; None for most.
    fn collection(&self, workflow: &str) -> Option<&'static str>;

    /// Whether its jobs wait for their turn where jobs at once are bounded; false for what is over in a moment.
    fn takes_turns(&self, _workflow: &str) -> bool {
        true
    }

    /// Runs a workflow on a flow.
    fn run<F: Flow>(&self, workflow: &str, flow: &F, input: Value) -> impl Future<Output = Result<Value, Stop>> + Send;
}
