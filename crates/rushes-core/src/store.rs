//! The ports of the store, by what is asked of it. Each write is one durable transaction of its own.

use crate::asset::{Asset, Blob, NewAsset};
use crate::catalog::Record;
use crate::delivery::{Backlog, Delivery, DeliveryState, Due, Held, Leased, LeftUpload, Link, Owed, Wanted};
use crate::destination::Proof;
use crate::event::Event;
use crate::fault::Fault;
use crate::ids::{AssetId, EndpointId, JobId, MessageId};
use crate::inspect::MediaInfo;
use crate::job::{Job, JobState, NewJob, Outcome, StepRow};
use crate::key::{IdemKey, Key, Replied, Reply};
use crate::kinds::Kind;
use crate::subject::{NewSubject, Subject, SubjectType};
use crate::webhook::{DueMessage, DueMessages, Endpoint, Message, MessageFilter, Secrets, Try, Verdict};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;

/// Proof that an engine may write for a job: raised at each claim, checked in each transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The counter at the claim.
    pub fence: i64,
}

/// A job taken up by an engine.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job.
    pub job: Job,
    /// The right to write for it.
    pub lease: Lease,
    /// Whether it counts among the jobs at once.
    pub in_turn: bool,
}

/// How many jobs an engine has room for. Those that were begun are taken back whether or not it is their turn.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Jobs of every sort.
    pub all: u32,
    /// Of those, new ones that wait for their turn.
    pub in_turn: u32,
}

/// A file whose bytes are already in the blob store, about to be registered.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// What the step asked for.
    pub asset: NewAsset,
    /// Its bytes.
    pub blob: Blob,
    /// What it was found to be.
    pub info: MediaInfo,
    /// Its path, with extension.
    pub path: String,
}

/// Everything one step commits.
#[derive(Debug, Clone)]
pub struct StepCommit {
    /// The right to write.
    pub lease: Lease,
    /// The step's name.
    pub step: String,
    /// Hash of what it worked from.
    pub input_hash: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How often its body was started.
    pub attempts: u32,
    /// When the first attempt began.
    pub started_ms: i64,
    /// Who did the work.
    pub provider: Option<String>,
    /// New subjects.
    pub subjects: Vec<NewSubject>,
    /// Subjects that are there, with the name and the fields they have from now on.
    pub renewed: Vec<NewSubject>,
    /// New assets.
    pub assets: Vec<Ingested>,
}

/// Which jobs to list, newest first; topmost jobs only, unless told otherwise.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only in this state.
    pub state: Option<JobState>,
    /// Only of this workflow.
    pub workflow: Option<String>,
    /// Only of this workflow and input.
    pub same_as: Option<(String, String)>,
    /// Only those that were asked to stop, children too.
    pub cancel_asked: bool,
    /// Only those that come after this one in the list; `input_invalid` where there is no such job.
    pub after: Option<JobId>,
    /// At most this many.
    pub limit: u32,
}

/// Which assets to list; current versions only unless `all_versions`.
#[derive(Debug, Clone, Default)]
pub struct AssetFilter {
    /// Only this one.
    pub id: Option<AssetId>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only of this subject id.
    pub subject: Option<String>,
    /// Only made by this job or its children.
    pub root: Option<JobId>,
    /// Only made by this very job.
    pub job: Option<JobId>,
    /// Only with these bytes.
    pub sha256: Option<String>,
    /// Only those the worst of whose deliveries stands here.
    pub state: Option<DeliveryState>,
    /// Retired versions too.
    pub all_versions: bool,
    /// The newest first, not the oldest.
    pub newest_first: bool,
    /// Only those that come after this id in the list.
    pub after: Option<AssetId>,
    /// At most this many; None = all.
    pub limit: Option<u32>,
}

/// Which subjects to list, by id.
#[derive(Debug, Clone, Default)]
pub struct SubjectFilter {
    /// Only of this sort.
    pub subject_type: Option<SubjectType>,
    /// Only after this id.
    pub after: Option<String>,
    /// At most this many.
    pub limit: u32,
}

/// Which deliveries of current assets to list, those of the oldest asset first.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those that stand here.
    pub state: Option<DeliveryState>,
    /// Only to this place.
    pub destination: Option<String>,
    /// Only after this asset, destination and key.
    pub after: Option<(AssetId, String, String)>,
    /// At most this many.
    pub limit: u32,
}

/// A delivery with what it is of, and how it is tried.
#[derive(Debug, Clone)]
pub struct Sending {
    /// How far it is.
    pub delivery: Delivery,
    /// What is delivered.
    pub asset: Asset,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again, milliseconds since 1970; None unless it is owed.
    pub next_ms: Option<i64>,
}

/// How long one file took from its commit to its proof at one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// When it was proven, milliseconds since 1970.
    pub done_ms: i64,
    /// Milliseconds.
    pub took_ms: i64,
}

/// A topmost job with all that belongs to it.
#[derive(Debug, Clone)]
pub struct Family {
    /// The topmost job first, then its children as they began.
    pub jobs: Vec<Job>,
    /// What they made, retired versions too, with the deliveries.
    pub listed: Vec<(Asset, Vec<Delivery>)>,
    /// Whom it belongs to.
    pub subjects: Vec<Subject>,
}

/// Jobs: making, claiming, ending.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Writes a queued job. A child of the same parent and name, and a job asked for with the same `idem_key`, is
    /// returned as it is, not made twice.
    async fn create(&self, job: NewJob) -> Result<Job, Fault>;

    /// Takes up abandoned jobs, then queued ones that need no turn, then those whose turn it is; each oldest first. Raises
    /// their fence.
    async fn claim(&self, owner: &str, room: Room) -> Result<Vec<Claim>, Fault>;

    /// Ends the workflow's part: `Ok` begins the delivery, `Err` fails it, `None` means cancelled, or failed where the job
    /// was given up.
    /// Errors: `lease_lost`.
    async fn finish(&self, lease: Lease, end: Option<Result<Value, Fault>>) -> Result<Job, Fault>;

    /// Asks a job and its children to stop. Errors: `not_found`, `input_invalid` when it has ended.
    async fn cancel(&self, job: JobId) -> Result<Job, Fault>;

    /// One job. Errors: `not_found`.
    async fn job(&self, job: JobId) -> Result<Job, Fault>;

    /// Several jobs.
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, Fault>;

    /// A topmost job with its children, and what they made, for results and mirrors.
    async fn family(&self, root: JobId) -> Result<Family, Fault>;

    /// How many topmost jobs there are in each state.
    async fn count(&self) -> Result<BTreeMap<JobState, u64>, Fault>;
}

/// The journal: what the steps of jobs gave.
#[async_trait]
pub trait Journal: Send + Sync {
    /// The steps of a job, in the order they were written.
    async fn steps(&self, job: JobId) -> Result<Vec<StepRow>, Fault>;

    /// The one transaction: value, subjects, assets, lineage, everything owed, event.
    /// Errors: `lease_lost`; `name_taken` when a new subject's slug exists.
    async fn commit(&self, commit: StepCommit) -> Result<Vec<Asset>, Fault>;

    /// Remembers that an attempt failed.
    async fn attempt_failed(&self, lease: Lease, step: &str, attempts: u32, started_ms: i64, fault: &Fault) -> Result<(), Fault>;

    /// Says what a job waits for (None: nothing).
    async fn waiting(&self, lease: Lease, waiting_for: Option<String>) -> Result<(), Fault>;

    /// Asks a job and its children to stop, as a cancel does; but it then ends failed, with this fault. Nothing changes for
    /// a job that was asked to stop before. Errors: `lease_lost`.
    async fn give_up(&self, lease: Lease, fault: &Fault) -> Result<(), Fault>;

    /// Sends a value to a name of a job; the same `at` twice is once.
    async fn send_signal(&self, job: JobId, name: &str, value: Value) -> Result<(), Fault>;

    /// The oldest value sent to that name that no earlier waiting took, given for good to this waiting.
    async fn take_signal(&self, lease: Lease, name: &str, at: &str) -> Result<Option<Value>, Fault>;
}

/// Assets, bytes and subjects, for those who look.
#[async_trait]
pub trait Assets: Send + Sync {
    /// One asset. Errors: `not_found`.
    async fn asset(&self, id: AssetId) -> Result<Asset, Fault>;

    /// Several assets with their deliveries.
    async fn assets(&self, filter: &AssetFilter) -> Result<Vec<(Asset, Vec<Delivery>)>, Fault>;

    /// The assets this one was made from.
    async fn parents(&self, id: AssetId) -> Result<Vec<AssetId>, Fault>;

    /// The assets made from this one.
    async fn made_from(&self, id: AssetId) -> Result<Vec<AssetId>, Fault>;

    /// The newest bytes of this kind that a finished step with this inputs hash made.
    async fn made_before(&self, input_hash: &str, kind: Kind) -> Result<Option<Asset>, Fault>;

    /// The bytes now current at a path below the library; None where nothing is.
    async fn blob_at(&self, path: &str) -> Result<Option<Blob>, Fault>;

    /// The current ones among the first `limit` assets written after `row` (0: from the beginning), in that order, and
    /// the row to go on from.
    async fn written_after(&self, row: i64, limit: u32) -> Result<(Vec<Asset>, i64), Fault>;

    /// The subject of this id or unique slug.
    async fn subject(&self, id_or_slug: &str) -> Result<Option<Subject>, Fault>;

    /// Every subject, by id.
    async fn subjects(&self) -> Result<Vec<Subject>, Fault>;
}

/// What is owed, and its payment.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Leases rows of one destination or catalog that are due and need nothing else first, oldest first; renews the
    /// leases still held. To be called every few seconds: a lease that nobody renews runs out, and its row is due again.
    async fn due(&self, destination: &str, wanted: Wanted) -> Result<Leased, Fault>;

    /// Keeps how far the upload of a leased row has come. Errors: `lease_lost`.
    async fn keep_session(&self, due: &Due, session: &str) -> Result<(), Fault>;

    /// The object was read back and found equal: pays the row, and ends jobs that owe nothing more.
    async fn proven(&self, due: &Due, held: &Held) -> Result<(), Fault>;

    /// The record a leased row asks for, as local truth has it now, with a raised `rev`.
    async fn snapshot(&self, due: &Due) -> Result<Record, Fault>;

    /// The record was written: pays every row under this lease, and ends jobs that owe nothing more.
    async fn recorded(&self, due: &Due) -> Result<(), Fault>;

    /// It failed: `again_ms` from now, or refused for good.
    async fn failed(&self, due: &Due, fault: &Fault, again_ms: Option<u64>) -> Result<(), Fault>;

    /// Owed and refused rows and latencies, by destination and catalog.
    async fn backlog(&self) -> Result<BTreeMap<String, Backlog>, Fault>;

    /// What one family of jobs owes, its own mirror included.
    async fn owed_by(&self, root: JobId) -> Result<Owed, Fault>;
}

/// Something to be owed, again or for the first time, and tried at once.
#[derive(Debug, Clone)]
pub enum Owe {
    /// All that a subject still owes: what was refused, what waits for its time, what was never owed.
    Subject(String),
    /// One asset at one destination, in place of what is there now.
    Object {
        /// Which asset.
        asset: AssetId,
        /// Where.
        destination: String,
        /// What the destination holds under the key, where that may be written over.
        there: Option<Proof>,
    },
    /// Every current asset that a destination should have and was never asked to take, at most so many.
    Missing {
        /// Where.
        destination: String,
        /// At most.
        limit: u32,
    },
    /// One document of one catalog.
    Record {
        /// Where.
        catalog: String,
        /// The collection.
        collection: String,
        /// The document.
        id: String,
        /// The revision there, which the next one must be above.
        above: u64,
    },
}

/// An asset as a catalog and a destination have it, to be known here again.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whose, where that is a subject.
    pub subject: Option<(NewSubject, u64)>,
    /// The asset; its job is the one that restores.
    pub asset: Asset,
    /// Where it was found.
    pub destination: String,
    /// Under which key.
    pub key: String,
    /// Its address there.
    pub uri: String,
    /// What was read back.
    pub proof: Proof,
}

/// What keeps a home in order: trying again, mending, forgetting.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Takes a family of jobs up again at the steps that failed; where only a destination refused, it delivers again.
    /// Errors: `not_found`, `input_invalid` when nothing of it failed.
    async fn retry(&self, job: JobId) -> Result<Job, Fault>;

    /// Makes something owed. Gives how many rows of the outbox that made due.
    async fn owe(&self, what: &Owe) -> Result<u64, Fault>;

    /// Refuses, in words, what is owed to places that are no longer configured. Gives how many rows that were.
    async fn refuse_unrouted(&self) -> Result<u64, Fault>;

    /// Those of these hashes that assets have, each with whether its bytes should be on this machine.
    async fn blob_states(&self, hashes: Vec<String>) -> Result<BTreeMap<String, bool>, Fault>;

    /// Bytes whose local copy may go, the longest unused first: those of current assets are proven at every
    /// destination; those of retired versions (`is_retired`) have a proven successor and no unfinished job.
    async fn removable_blobs(&self, is_retired: bool, limit: u32) -> Result<Vec<Blob>, Fault>;

    /// Remembers whether bytes are on this machine, and that they were used just now.
    async fn set_present(&self, sha256: &str, is_present: bool) -> Result<(), Fault>;

    /// Retires the assets that their kind keeps for so many days only and owes their removal. Gives how many.
    async fn expire(&self) -> Result<u64, Fault>;

    /// Knows an asset again that was found; false when it is known already.
    async fn adopt(&self, found: &Found) -> Result<bool, Fault>;
}

/// What runs out, or was left unfinished, at destinations.
#[async_trait]
pub trait Loose: Send + Sync {
    /// Deliveries of current assets whose links end before then.
    async fn links_ending(&self, before_ms: i64, limit: u32) -> Result<Vec<Delivery>, Fault>;

    /// Has a new link in place of an ending one, and owes the record that tells of it.
    async fn relink(&self, delivery: &Delivery, link: &Link) -> Result<(), Fault>;

    /// Uploads in parts of rows that are not owed any more, or were refused longer ago than `refused_before_ms`.
    async fn left_uploads(&self, refused_before_ms: i64, limit: u32) -> Result<Vec<LeftUpload>, Fault>;

    /// That one is gone.
    async fn upload_gone(&self, row: i64) -> Result<(), Fault>;
}

/// Pages of what there is, for those who look; and one delivery tried again by who has looked.
#[async_trait]
pub trait Pages: Send + Sync {
    /// Some subjects.
    async fn subject_page(&self, filter: &SubjectFilter) -> Result<Vec<Subject>, Fault>;

    /// Some deliveries.
    async fn delivery_page(&self, filter: &DeliveryFilter) -> Result<Vec<Sending>, Fault>;

    /// Has one asset tried at one destination now: what was refused, and what waits for its time. Gives what stands there
    /// then. Errors: `not_found`, `input_invalid` when it is proven, or a newer version has taken its place.
    async fn deliver_again(&self, asset: AssetId, destination: &str) -> Result<Vec<Sending>, Fault>;

    /// What was proven at a destination since then, the newest first, at most `limit`.
    async fn latencies(&self, destination: &str, since_ms: i64, limit: u32) -> Result<Vec<Latency>, Fault>;
}

/// The log of facts. The oldest go after their time, the newest one never.
#[async_trait]
pub trait Events: Send + Sync {
    /// The facts after `seq`, in order, at most `limit`.
    async fn events(&self, after_seq: i64, limit: u32) -> Result<Vec<Event>, Fault>;

    /// The number of the newest fact; 0 where there is none.
    async fn last_seq(&self) -> Result<i64, Fault>;

    /// The number of the oldest fact that is kept; 1 where there is none yet.
    async fn oldest_seq(&self) -> Result<i64, Fault>;

    /// Forgets facts older than `before_ms`, the oldest first, at most `limit`. Gives how many.
    async fn forget_events(&self, before_ms: i64, limit: u32) -> Result<u64, Fault>;
}

/// Who may ask over HTTP. What is kept of a key tells nobody the key.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Remembers a key. Errors: `name_taken` when a key that is not revoked has this name.
    async fn add_key(&self, key: &Key, hash: &str) -> Result<(), Fault>;

    /// The key of this hash, unless it is revoked; notes that it was used.
    async fn key_of(&self, hash: &str) -> Result<Option<Key>, Fault>;

    /// Every key, revoked ones too, the newest first.
    async fn keys(&self) -> Result<Vec<Key>, Fault>;

    /// It opens nothing from now on. Errors: `not_found`.
    async fn revoke_key(&self, id_or_name: &str) -> Result<Key, Fault>;
}

/// What was answered to a request that carries a key of its own, so that asking twice does it once. Kept for a day.
#[async_trait]
pub trait Replies: Send + Sync {
    /// Says that a request is being answered by `owner`, unless it was before. One that another `owner` began and never
    /// answered is begun anew.
    async fn begin_reply(&self, owner: &str, ask: &IdemKey) -> Result<Replied, Fault>;

    /// Keeps the answer.
    async fn end_reply(&self, ask: &IdemKey, reply: &Reply) -> Result<(), Fault>;

    /// There is no answer to keep: the same request may come again.
    async fn forget_reply(&self, ask: &IdemKey) -> Result<(), Fault>;
}

/// Who is told of the ends of jobs, and with which secrets.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Registers an endpoint. Errors: `input_invalid` when there are too many.
    async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<(), Fault>;

    /// Every endpoint, the oldest first.
    async fn endpoints(&self) -> Result<Vec<Endpoint>, Fault>;

    /// Stops sending there, with the reason, or begins again (None). What is owed there when it stops is refused.
    /// Errors: `not_found`.
    async fn set_endpoint(&self, id: EndpointId, disabled_why: Option<String>) -> Result<Endpoint, Fault>;

    /// Forgets an endpoint; what is owed there is refused. Errors: `not_found`.
    async fn remove_endpoint(&self, id: EndpointId) -> Result<(), Fault>;

    /// Owes an endpoint the test message. Errors: `not_found`, `input_invalid` when nothing is sent there now.
    async fn owe_test(&self, id: EndpointId) -> Result<MessageId, Fault>;

    /// The secrets of a key (empty: of the home); `fresh` becomes its first where it has none.
    async fn secrets(&self, key: &str, fresh: &str) -> Result<Secrets, Fault>;

    /// `fresh` signs from now on, and the one before beside it until then.
    async fn rotate_secret(&self, key: &str, fresh: &str, until_ms: i64) -> Result<Secrets, Fault>;
}

/// The messages that ends of jobs owe. What is owed is written with the end itself, see [`Jobs`] and [`Outbox`].
#[async_trait]
pub trait Messages: Send + Sync {
    /// Leases messages whose time has come, at most `limit`, and of each host so many that no more than `per_host` are under
    /// way. A lease runs out after a minute; its message is due again.
    async fn due_messages(&self, limit: u32, per_host: u32) -> Result<DueMessages, Fault>;

    /// Writes down a try and what follows from it. Errors: `lease_lost`.
    async fn tried(&self, due: &DueMessage, tried: &Try, verdict: Verdict) -> Result<(), Fault>;

    /// The log.
    async fn messages(&self, filter: &MessageFilter) -> Result<Vec<Message>, Fault>;

    /// One message with its tries. Errors: `not_found`.
    async fn message(&self, id: MessageId) -> Result<Message, Fault>;

    /// How many wait to be taken.
    async fn owed_messages(&self) -> Result<u64, Fault>;

    /// Has a message sent at once, with the same id and bytes; one that was taken or given up begins its schedule anew.
    /// Errors: `not_found`, `input_invalid` when nothing is sent to its endpoint now.
    async fn redeliver(&self, id: MessageId) -> Result<Message, Fault>;

    /// Forgets messages that ended before then, at most `limit`. Gives how many.
    async fn forget_messages(&self, before_ms: i64, limit: u32) -> Result<u64, Fault>;
}

/// How far something has come that goes on where it stopped.
#[async_trait]
pub trait Marks: Send + Sync {
    /// Where it stands; 0 when it has not begun.
    async fn mark(&self, name: &'static str) -> Result<i64, Fault>;

    /// Where it stands from now on.
    async fn set_mark(&self, name: &'static str, value: i64) -> Result<(), Fault>;
}

/// A job that was completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastJob {
    /// From when an engine first took it up to its end, milliseconds.
    pub took_ms: i64,
    /// How many children it had.
    pub children: u32,
}

/// A step that gave a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastStep {
    /// Its name.
    pub name: String,
    /// Who did the work, where a provider did.
    pub provider: Option<String>,
    /// From its first attempt to its end, its wait for a lane included; milliseconds.
    pub took_ms: i64,
}

/// What earlier work took, the newest first; without what was only reused.
#[async_trait]
pub trait History: Send + Sync {
    /// The last completed jobs of a workflow.
    async fn past_jobs(&self, workflow: &str, limit: u32) -> Result<Vec<PastJob>, Fault>;

    /// The steps of the last `jobs` completed jobs of a workflow.
    async fn past_steps(&self, workflow: &str, jobs: u32) -> Result<Vec<PastStep>, Fault>;
}

/// The whole store.
pub trait Store:
    Jobs + Journal + Assets + Outbox + Upkeep + Loose + Pages + Events + Keys + Replies + Webhooks + Messages + Marks + History
{
}
impl<T> Store for T where
    T: Jobs + Journal + Assets + Outbox + Upkeep + Loose + Pages + Events + Keys + Replies + Webhooks + Messages + Marks + History
{
}
