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
use std::time::Duration;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const HAND_OVER: &str = "hand job over";
/// A lost lease is seen after so long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Restate tries again within this, unless the address it has for the engine leads nowhere.
const TRIES_AGAIN_MS: i64 = 5_000;
const PATIENCE: HttpOptions = HttpOptions { stalled_after: Duration::from_secs(8) };

/// Where Restate is, and where it finds this engine.
#[derive(Debug, Clone)]
pub struct RestateSettings {
    /// Takes invocations: `http://127.0.0.1:8080`.
    pub ingress: String,
    /// Is told of deployments: `http://127.0.0.1:9070`.
    pub admin: String,
    /// Where Restate reaches this engine, or any of those that are equal to it.
    pub deployment: String,
}

/// One Restate server or cluster.
pub struct RestateQueue {
    client: Client,
    settings: RestateSettings,
    store: Arc<dyn Store>,
}

impl RestateQueue {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: RestateSettings, store: Arc<dyn Store>) -> Result<Self, Fault> {
        for (name, address) in [("ingress", &settings.ingress), ("admin", &settings.admin), ("advertise", &settings.deployment)] {
            if !Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
                let setting = format!("engine.restate.{name}");
                let reason = format!("{address:?} is no address; write http://HOST:PORT");
                return Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", setting).because(reason));
            }
        }
        Ok(Self { client: Client::new(PATIENCE)?, settings, store })
    }

    /// Hands a job over; false where nobody has such a service.
    async fn send(&self, service: &str, job: &Job, not_before_ms: Option<i64>) -> Result<bool, Fault> {
        let wait_ms = not_before_ms.map_or(0, |at_ms| at_ms.saturating_sub(SystemClock.now_ms()).max(0));
        let url = send_url(&self.settings.ingress, service, wait_ms);
        let answer = self.post(url, Some(key_of(job, not_before_ms)), json!({ "job": job.id }), HAND_OVER).await?;
        match answer.status {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(refused(status, answer, HAND_OVER).await),
        }
    }

    async fn post(&self, url: String, key: Option<String>, body: Value, operation: &'static str) -> Result<Answer, Fault> {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        if let Some(key) = key.and_then(|key| HeaderValue::from_str(&key).ok()) {
            headers.insert(KEY, key);
        }
        let body = Body::Bytes(body.to_string().into());
        let sent = self.client.send(Request { method: Method::POST, url, headers, body, operation, answers_within: None }).await;
        sent.map_err(|fault| Fault::new(Code::QueueDown, operation).because(fault))
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
        let url = format!("{}/deployments", self.settings.admin.trim_end_matches('/'));
        // Never by force: what a deployment once had, jobs in flight may still need.
        let body = json!({"uri": self.settings.deployment, "force": false});
        let answer = self.post(url, None, body, operation).await?;
        if answer.status.is_success() { Ok(()) } else { Err(refused(answer.status, answer, operation).await) }
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

fn send_url(ingress: &str, service: &str, wait_ms: i64) -> String {
    let delay = if wait_ms > 0 { format!("?delay={wait_ms}ms") } else { String::new() };
    format!("{}/{}/{}/send{delay}", ingress.trim_end_matches('/'), encode_path(service), queue::HANDLER)
}

/// The same for as long as nothing has happened to the job: nobody took it up, retried it, or asked it to stop.
fn key_of(job: &Job, not_before_ms: Option<i64>) -> String {
    let at = not_before_ms.map(|at_ms| format!("-{at_ms}")).unwrap_or_default();
    format!("{}-{}-{}{at}", job.id, job.tries, job.updated_ms)
}
