//! Restate as the queue: each job that somebody is to drive becomes an invocation, kept there until it was answered well.
//!
//! A service is called by the name of a workflow with its version, so that Restate itself finds a deployment that has that
//! version. A key made from the job and how often it was taken up makes handing over twice harmless.
//! Sources: the public pages of docs.restate.dev on the ingress (`send`, `delay`, `idempotency-key`) and the admin interface
//! (`POST /deployments`), as of November 2026.

use crate::http::{Answer, Body, Client, HttpOptions, Request, encode_path, passing, words};
use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Url;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::job::Job;
use rushes_core::queue::{self, TaskQueue};
use rushes_core::store::Store;
use rushes_core::{Code, Fault, JobId};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const HAND_OVER: &str = "hand job over";
/// A lost lease is seen after so long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Restate tries again within this, unless the address it has for the engine leads nowhere.
const TRIES_AGAIN_MS: i64 = 5_000;
const PATIENCE: Duration = Duration::from_secs(8);
/// The same where there is another address to try: three of them fit into the time a call may take.
const PATIENCE_OF_SEVERAL: Duration = Duration::from_secs(3);

/// Where Restate is, and where it finds this engine.
#[derive(Debug, Clone)]
pub struct RestateSettings {
    /// Where nodes of one cluster take invocations: `http://127.0.0.1:8080`. One that does not answer is followed by the next.
    pub ingress: Vec<String>,
    /// Where they are told of deployments: `http://127.0.0.1:9070`.
    pub admin: Vec<String>,
    /// Where Restate reaches this engine, or any of those that are equal to it.
    pub deployment: String,
}

/// One Restate server or cluster.
pub struct RestateQueue {
    client: Client,
    ingress: Doors,
    admin: Doors,
    deployment: String,
    store: Arc<dyn Store>,
}

/// Addresses that lead to the same, and the one that answered last.
struct Doors {
    addresses: Vec<String>,
    open: AtomicUsize,
    /// How long each may take to answer, where that is longer than anything else.
    answers_within: Option<Duration>,
}

impl Doors {
    /// Errors: `config_invalid`, naming the setting.
    fn new(setting: &'static str, addresses: Vec<String>, answers_within: Option<Duration>) -> Result<Self, Fault> {
        addresses.iter().try_for_each(|address| check(setting, address))?;
        if addresses.is_empty() {
            return Err(invalid(setting, "it names no address; write http://HOST:PORT"));
        }
        Ok(Self { addresses, open: AtomicUsize::new(0), answers_within })
    }

    /// All of them with their places, the one that answered last first.
    fn in_turn(&self) -> impl Iterator<Item = (usize, &str)> {
        let (count, first) = (self.addresses.len(), self.open.load(Ordering::Relaxed));
        (first..first + count).map(move |at| (at % count, self.addresses[at % count].trim_end_matches('/')))
    }
}

fn invalid(setting: &str, reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("engine.restate.{setting}")).because(reason)
}

fn check(setting: &str, address: &str) -> Result<(), Fault> {
    let is_address = Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_address { Ok(()) } else { Err(invalid(setting, format!("{address:?} is no address; write http://HOST:PORT"))) }
}

impl RestateQueue {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: RestateSettings, store: Arc<dyn Store>) -> Result<Self, Fault> {
        check("advertise", &settings.deployment)?;
        let ingress = Doors::new("ingress", settings.ingress, None)?;
        // It asks this engine back before it answers.
        let admin = Doors::new("admin", settings.admin, Some(PATIENCE))?;
        let is_alone = ingress.addresses.len() == 1 && admin.addresses.len() == 1;
        let stalled_after = if is_alone { PATIENCE } else { PATIENCE_OF_SEVERAL };
        Ok(Self { client: Client::new(HttpOptions { stalled_after })?, ingress, admin, deployment: settings.deployment, store })
    }

    /// Hands a job over; false where nobody has such a service.
    async fn send(&self, service: &str, job: &Job, not_before_ms: Option<i64>) -> Result<bool, Fault> {
        let wait_ms = not_before_ms.map_or(0, |at_ms| at_ms.saturating_sub(SystemClock.now_ms()).max(0));
        let path = send_path(service, wait_ms);
        let answer = self
            .post((&self.ingress, &path), Some(key_of(job, not_before_ms)), json!({"job": job.id, "tries": job.tries}), HAND_OVER)
            .await?;
        Ok(answer.is_some())
    }

    /// Asks the addresses in turn until one carries it out: each is of the same cluster, and what is asked twice is done once.
    /// None where what is asked for is not there. Errors: of the last one tried.
    async fn post(
        &self,
        (doors, path): (&Doors, &str),
        key: Option<String>,
        body: Value,
        operation: &'static str,
    ) -> Result<Option<()>, Fault> {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        if let Some(key) = key.and_then(|key| HeaderValue::from_str(&key).ok()) {
            headers.insert(KEY, key);
        }
        let bytes = bytes::Bytes::from(body.to_string());
        let mut last = Fault::new(Code::QueueDown, operation);
        for (at, address) in doors.in_turn() {
            // Before it is asked: whoever is tired of waiting meanwhile begins with the next one.
            doors.open.store((at + 1) % doors.addresses.len(), Ordering::Relaxed);
            let (url, headers, body) = (format!("{address}{path}"), headers.clone(), Body::Bytes(bytes.clone()));
            let sent = self
                .client
                .send(Request { method: Method::POST, url, headers, body, operation, answers_within: doors.answers_within })
                .await;
            let answered = match sent {
                Ok(answer) => match answer.status {
                    status if status.is_success() => Ok(Some(())),
                    StatusCode::NOT_FOUND => Ok(None),
                    status => Err(refused(status, answer, operation).await),
                },
                Err(fault) => Err(Fault::new(Code::QueueDown, operation).because(fault)),
            };
            match answered {
                Err(fault) if fault.code == Code::QueueDown => last = fault.with("address", address),
                answered => {
                    doors.open.store(at, Ordering::Relaxed);
                    return answered;
                }
            }
        }
        Err(last)
    }
}

#[async_trait]
impl TaskQueue for RestateQueue {
    async fn ask(&self, job: JobId, not_before_ms: Option<i64>) -> Result<(), Fault> {
        let job = self.store.job(job).await?;
        let service = queue::service_of(&job.workflow, job.version);
        if self.send(&service, &job, not_before_ms).await? {
            return Ok(());
        }
        // A server that has lost its deployments, or was never told of this one; or nobody has that version any more.
        self.announce().await?;
        if self.send(&service, &job, not_before_ms).await? || self.send(queue::STRAYS, &job, not_before_ms).await? {
            return Ok(());
        }
        Err(Fault::new(Code::QueueDown, HAND_OVER).because("Restate does not know the services it was told of a moment ago"))
    }

    async fn announce(&self) -> Result<(), Fault> {
        let operation = "register at Restate";
        // Never by force: what a deployment once had, jobs in flight may still need.
        let body = json!({"uri": self.deployment, "force": false});
        let missing = || Fault::new(Code::QueueRefused, operation).because("Restate knows no deployments at engine.restate.admin");
        self.post((&self.admin, "/deployments"), None, body, operation).await?.ok_or_else(missing)
    }

    fn heeds_turns(&self) -> bool {
        true
    }

    fn tries_again_ms(&self) -> i64 {
        TRIES_AGAIN_MS
    }

    fn look_every(&self) -> Duration {
        LOOK_EVERY
    }
}

async fn refused(status: StatusCode, answer: Answer, operation: &'static str) -> Fault {
    let code = if passing(status, operation, None).is_some() { Code::QueueDown } else { Code::QueueRefused };
    let said = answer.bytes().await.unwrap_or_default();
    Fault::new(code, operation).because(format!("Restate answered {status}: {}", words(&said)))
}

fn send_path(service: &str, wait_ms: i64) -> String {
    let delay = if wait_ms > 0 { format!("?delay={wait_ms}ms") } else { String::new() };
    format!("/{}/{}/send{delay}", encode_path(service), queue::HANDLER)
}

/// The same for as long as nothing has happened to the job: nobody took it up, retried it, or asked it to stop.
fn key_of(job: &Job, not_before_ms: Option<i64>) -> String {
    let at = not_before_ms.map(|at_ms| format!("-{at_ms}")).unwrap_or_default();
    format!("{}-{}-{}{at}", job.id, job.tries, job.updated_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restate_addresses_are_tried_in_turn_from_the_one_that_answered_last() {
        let doors = Doors::new("ingress", ["http://a:1/", "http://b:1", "http://c:1"].map(str::to_owned).into(), None).unwrap();
        assert_eq!(doors.in_turn().collect::<Vec<_>>(), [(0, "http://a:1"), (1, "http://b:1"), (2, "http://c:1")]);
        doors.open.store(2, Ordering::Relaxed);
        assert_eq!(doors.in_turn().map(|(at, _)| at).collect::<Vec<_>>(), [2, 0, 1]);
    }

    #[test]
    fn restate_addresses_that_cannot_be_meant_are_refused_by_the_setting_s_name() {
        for addresses in [vec![], vec!["http://a:1".to_owned(), "b:1".to_owned()], vec!["postgres://a:1".to_owned()]] {
            let fault = Doors::new("admin", addresses, None).err().expect("it is refused");
            assert!(fault.code == Code::ConfigInvalid && fault.to_string().contains("engine.restate.admin"), "{fault}");
        }
    }
}
