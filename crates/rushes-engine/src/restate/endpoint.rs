//! What Restate invokes: one service for each workflow with its version, all of them answered alike.

use crate::local::{Desk, Driven};
use restate_sdk::discovery;
use restate_sdk::endpoint::{ContextInternal, Endpoint};
use restate_sdk::errors::{HandlerError, HandlerResult, TerminalError};
use restate_sdk::serde::Json;
use restate_sdk::service::Service;
use restate_sdk::service::macro_support::{ServiceBoxFuture, service_definition};
use rushes_core::flow::Workflows;
use rushes_core::queue::{HANDLER, STRAYS, service_of};
use rushes_core::{Code, Fault, JobId, JobState};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Refused jobs that are remembered at most.
const STRAYS_MAX: usize = 10_000;
/// A job that another engine has is looked at for so long: two leases. Then that engine lives, and goes on with it.
const BUSY_PATIENCE: Duration = Duration::from_secs(12);
const BUSY_LOOK: Duration = Duration::from_millis(500);
/// Restate asks nothing of a drive meanwhile, which may be one long render, and sees by itself when a node is gone.
const LONGEST: Duration = Duration::from_hours(24 * 30);
/// A key that was answered is free again after this; what is in flight keeps it.
const KEY_KEPT: Duration = Duration::from_mins(1);
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(3);
/// Letters of a hash: few generations are ever in use side by side.
const GENERATION_LENGTH: usize = 8;
/// Of a number that is never reached: an invocation is tried for as long as its job is not done.
const RETRIES_MAX: u64 = 1_000_000_000;

#[derive(Deserialize)]
struct Task {
    job: JobId,
    /// How often the job had been taken up when it was called for; those called for by an older program do not say.
    #[serde(default = "unknown")]
    tries: u32,
}

fn unknown() -> u32 {
    u32::MAX
}

/// What became of a drive, once it is over.
type Became = watch::Receiver<Option<Result<Driven, Fault>>>;

/// The jobs driven here.
struct Jobs<W> {
    desk: Desk<W>,
    /// A drive outlives the invocation that began it: a Restate that comes back finds it again.
    under_way: Mutex<HashMap<JobId, Became>>,
    /// Jobs of other versions, as they stood when they came first.
    strays: Mutex<HashMap<JobId, Stray>>,
    /// How long such a job is refused, as somebody else may have its version; then it fails, and says so.
    patience: Duration,
}

/// A job of another version. Once something has happened to it, it is as new: it was taken up, or tried anew by a person.
struct Stray {
    tries: u32,
    updated_ms: i64,
    since: Instant,
}

/// What each service is answered by.
struct Answers<W>(Arc<Jobs<W>>);

impl<W: Workflows> Service for Answers<W> {
    type Future = ServiceBoxFuture;

    fn handle(&self, context: ContextInternal) -> Self::Future {
        let jobs = self.0.clone();
        Box::pin(async move {
            let (Json(task), _) = context.input::<Json<Task>>().await;
            let answer = jobs.answer(&task, context.service_name() == STRAYS).await;
            context.handle_handler_result(answer);
            context.end();
            Ok(())
        })
    }
}

impl<W: Workflows> Jobs<W> {
    /// Ends well when this invocation has nothing left to do; else Restate tries it again, here or elsewhere.
    async fn answer(self: &Arc<Self>, task: &Task, is_stray: bool) -> HandlerResult<()> {
        let job = task.job;
        if is_stray {
            self.refuse_stray(job).await?;
        }
        let since = Instant::now();
        loop {
            let (became, is_begun) = self.follow(job).await;
            match became {
                // The drive that was found under way may have been over when this was called for.
                Ok(Driven::Ended(_) | Driven::HandedBack { .. }) if !is_begun && self.is_still_asked_for(task).await? => {}
                Ok(Driven::Ended(_) | Driven::HandedBack { .. }) => return Ok(()),
                // It may be somebody's who has its version, or be left to them: never is it given up here.
                Ok(Driven::Busy) if is_stray => return Err(again(&Fault::new(Code::JobTaken, "drive job").with("job", job))),
                // If its owner dies after all, whoever looks for such jobs hands it over anew.
                Ok(Driven::Busy) if since.elapsed() > BUSY_PATIENCE => return Ok(()),
                Ok(Driven::Busy) => tokio::time::sleep(BUSY_LOOK).await,
                Err(fault) if fault.code == Code::NotFound => return Err(for_good(&fault)),
                Err(fault) => return Err(again(&fault)),
            }
        }
    }

    /// Whether nobody has taken the job up since it was called for.
    async fn is_still_asked_for(&self, task: &Task) -> HandlerResult<bool> {
        let job = self.desk.parts().store.job(task.job).await.map_err(|fault| again(&fault))?;
        Ok(matches!(job.state, JobState::Queued | JobState::Running) && job.tries <= task.tries)
    }

    /// Drives a job, or waits for the end of the drive that is under way here; and whether it was begun for this.
    async fn follow(self: &Arc<Self>, job: JobId) -> (Result<Driven, Fault>, bool) {
        let mut is_begun = false;
        let mut begin = || {
            is_begun = true;
            self.begin(job)
        };
        let mut became = self.under_way().entry(job).or_insert_with(&mut begin).clone();
        let ended = became.wait_for(Option::is_some).await.map(|became| became.clone());
        let gone = |_| Fault::new(Code::EngineGone, "drive job").with("job", job);
        (ended.map_err(gone).and_then(|became| became.unwrap_or(Ok(Driven::Busy))), is_begun)
    }

    fn begin(self: &Arc<Self>, job: JobId) -> Became {
        let (tell, became) = watch::channel(None);
        let jobs = self.clone();
        tokio::spawn(async move {
            let end = jobs.desk.drive_only(job).await;
            jobs.under_way().remove(&job);
            let has_ended = matches!(end, Ok(Driven::Ended(_)));
            // Whoever followed may have gone.
            let _ = tell.send(Some(end));
            // Its parent may have waited for it, or the next one for its turn: a second is long between short jobs.
            if has_ended && let Err(fault) = jobs.desk.call_for_all().await {
                tracing::warn!(%fault, "what a job's end has made due could not be handed over yet");
            }
        });
        became
    }

    /// A job begun with a version that is not here. It is not touched while somebody who has that version may come for it.
    async fn refuse_stray(&self, id: JobId) -> HandlerResult<()> {
        let job = self.desk.parts().store.job(id).await.map_err(|fault| again(&fault))?;
        let is_open = matches!(job.state, JobState::Queued | JobState::Running);
        let version = self.desk.workflows().version(&job.workflow);
        // What nobody has begun, a newer program begins.
        let is_new = job.tries == 0 && job.parent.is_none() && Some(job.version) < version;
        if !is_open || is_new || version == Some(job.version) {
            return Ok(());
        }
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        if strays.len() >= STRAYS_MAX {
            strays.clear();
        }
        let as_new = || Stray { tries: job.tries, updated_ms: job.updated_ms, since: Instant::now() };
        let stray = strays.entry(id).or_insert_with(as_new);
        if (stray.tries, stray.updated_ms) != (job.tries, job.updated_ms) {
            *stray = as_new();
        }
        if stray.since.elapsed() > self.patience {
            return Ok(());
        }
        let reason = format!("this engine has no version {} of {}", job.version, job.workflow);
        Err(again(&Fault::new(Code::WorkflowChanged, "drive job").with("job", id).because(reason)))
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<JobId, Became>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What makes Restate try again. Only here does a fault become an error of that sort.
fn again(fault: &Fault) -> HandlerError {
    fault.to_string().into()
}

fn for_good(fault: &Fault) -> HandlerError {
    TerminalError::new_with_code(404, fault.to_string()).into()
}

/// The endpoint of a node, and the names of its services.
pub(crate) struct Node {
    pub(super) endpoint: Endpoint,
    names: BTreeSet<String>,
    generation: String,
}

impl Node {
    /// Errors: `config_invalid` where Restate would not take a workflow's name.
    pub(crate) fn new<W: Workflows>(desk: Desk<W>, workflows: &[&str], patience: Duration) -> Result<Self, Fault> {
        let (names, generation) = (names_of(desk.workflows(), workflows), generation(desk.workflows(), workflows));
        let jobs = Arc::new(Jobs { desk, under_way: Mutex::default(), strays: Mutex::default(), patience });
        let mut builder = Endpoint::builder();
        for name in &names {
            builder = builder.bind(service_definition(Answers(jobs.clone()), service(name)?));
        }
        Ok(Self { endpoint: builder.build(), names, generation })
    }

    /// Whether somebody asks at this path what services there are, and means those of another program.
    pub(super) fn is_other(&self, path: &str) -> bool {
        let mut parts = path.rsplit('/');
        parts.next() == Some("discover") && parts.next().is_some_and(|of| !of.is_empty() && of != self.generation)
    }

    pub(super) fn has(&self, service: &str) -> bool {
        self.names.contains(service)
    }
}

/// Which workflows in which versions are here, as a short name: equal for all nodes that have the same.
#[must_use]
pub fn generation<W: Workflows>(has: &W, workflows: &[&str]) -> String {
    rushes_core::flow::hash(&names_of(has, workflows))[..GENERATION_LENGTH].to_owned()
}

fn names_of<W: Workflows>(has: &W, workflows: &[&str]) -> BTreeSet<String> {
    let versions = workflows.iter().filter_map(|name| Some(service_of(name, has.version(name)?)));
    versions.chain([STRAYS.to_owned()]).collect()
}

/// One service as Restate is told of it.
fn service(name: &str) -> Result<discovery::Service, Fault> {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let described = json!({
        "name": name,
        "ty": "SERVICE",
        "handlers": [{"name": HANDLER, "input": {"required": true, "contentType": "application/json"}}],
        "inactivityTimeout": ms(LONGEST),
        "abortTimeout": ms(LONGEST),
        "idempotencyRetention": ms(KEY_KEPT),
        "journalRetention": 0,
        "retryPolicyInitialInterval": ms(RETRY_FIRST),
        "retryPolicyExponentiationFactor": 2.0,
        "retryPolicyMaxInterval": ms(RETRY_MAX),
        "retryPolicyMaxAttempts": RETRIES_MAX,
        "retryPolicyOnMaxAttempts": "PAUSE",
    });
    serde_json::from_value(described)
        .map_err(|e| Fault::new(Code::ConfigInvalid, "name workflow for Restate").with("name", name).because(e))
}
