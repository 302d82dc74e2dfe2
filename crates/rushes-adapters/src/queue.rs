//! Google Cloud Tasks (v2, REST): a queue that posts to an address until it is answered with 2xx.
//!
//! Tasks are sent without a name: a name that was used cannot be used again for hours, and a job may need many tasks.
//! Sources: Google's public reference of `projects.locations.queues.tasks`, as of November 2026.

use crate::google::{Credentials, Tokens};
use crate::http::{Answer, Body, Client, HttpOptions, Request, words};
use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rushes_core::queue::TaskQueue;
use rushes_core::record::rfc3339;
use rushes_core::{Code, Fault, JobId};
use serde_json::json;
use std::time::Duration;

const GOOGLE: &str = "https://cloudtasks.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long a task may wait for its answer, as the queue allows it.
const ANSWERED_WITHIN: std::ops::RangeInclusive<Duration> = Duration::from_secs(15)..=Duration::from_mins(30);
/// The header our own key goes in: `Authorization` is Google's own, where it names itself.
const KEY: &str = "X-Rushes-Key";

/// One queue, and what its tasks ask for.
pub struct CloudTasksSettings {
    /// `projects/P/locations/L/queues/Q`
    pub queue: String,
    /// Where tasks ask: `https://host`, without a path.
    pub url: String,
    /// How long one request may take to be answered: 15 s to 30 minutes.
    pub answered_within: Duration,
    /// As whom the queue asks, where the other side wants to know: an account's e-mail.
    pub service_account: Option<String>,
    /// What that is proven for; None: the address.
    pub audience: Option<String>,
    /// Our own key.
    pub key: Option<String>,
    /// `https://host[:port]`; None: Google's own.
    pub endpoint: Option<String>,
    /// Who fills the queue.
    pub credentials: Credentials,
}

/// A queue of Cloud Tasks.
pub struct CloudTasks {
    settings: CloudTasksSettings,
    client: Client,
    tokens: Tokens,
    /// Where tasks are made.
    tasks: String,
    base: String,
}

impl CloudTasks {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: CloudTasksSettings, http: HttpOptions) -> Result<Self, Fault> {
        let refuse = |setting: &str, reason: &str| {
            Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("engine.tasks.{setting}")).because(reason))
        };
        let parts: Vec<&str> = settings.queue.split('/').collect();
        let is_queue =
            matches!(parts.as_slice(), ["projects", p, "locations", l, "queues", q] if ![p, l, q].iter().any(|name| name.is_empty()));
        if !is_queue || settings.queue.contains(['?', '#', ' ']) {
            return refuse("queue", "it is written projects/PROJECT/locations/REGION/queues/NAME");
        }
        let base = settings.url.trim_end_matches('/').to_owned();
        if !is_address(&base) {
            return refuse("url", "it is the address of this service, https://host without a path");
        }
        let endpoint = settings.endpoint.as_deref().unwrap_or(GOOGLE).trim_end_matches('/').to_owned();
        if !is_address(&endpoint) {
            return refuse("endpoint", "an endpoint is written https://host");
        }
        if !ANSWERED_WITHIN.contains(&settings.answered_within) {
            return refuse("drive_s", "the queue waits for an answer for 15 s to 30 minutes");
        }
        if settings.key.as_ref().is_some_and(|key| HeaderValue::from_str(key).is_err()) {
            return refuse("key", "it holds signs that no key has");
        }
        let client = Client::new(http)?;
        let tokens = Tokens::new(settings.credentials.clone(), SCOPE, &client);
        Ok(Self { tasks: format!("{endpoint}/v2/{}/tasks", settings.queue), base, settings, client, tokens })
    }

    /// The task, as the queue reads it.
    fn task(&self, job: JobId, not_before_ms: Option<i64>) -> serde_json::Value {
        let settings = &self.settings;
        let mut request = json!({"url": format!("{}/api/v1/jobs/{job}/drive", self.base), "httpMethod": "POST"});
        if let Some(key) = &settings.key {
            request["headers"] = json!({ KEY: key });
        }
        if let Some(account) = &settings.service_account {
            let audience = settings.audience.as_deref().unwrap_or(&self.base);
            request["oidcToken"] = json!({"serviceAccountEmail": account, "audience": audience});
        }
        let mut task = json!({"httpRequest": request, "dispatchDeadline": format!("{}s", settings.answered_within.as_secs())});
        if let Some(at_ms) = not_before_ms {
            task["scheduleTime"] = json!(rfc3339(at_ms));
        }
        json!({ "task": task })
    }

    async fn send(&self, body: &Body) -> Result<(Answer, Option<String>), Fault> {
        let mut headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let bearer = self.tokens.authorize(&mut headers).await?;
        let (method, url, operation) = (Method::POST, self.tasks.clone(), OPERATION);
        let answer = self.client.send(Request { method, url, headers, body: body.again(), operation, answers_within: None }).await?;
        Ok((answer, bearer))
    }

    async fn refusal(&self, answer: Answer) -> Fault {
        let (status, wait) = (answer.status, answer.retry_after());
        let said = answer.bytes().await.map_or_else(|fault| fault.to_string(), |body| words(&body));
        // The queue may say again what it was sent.
        let said = self.settings.key.as_ref().map_or(said.clone(), |key| said.replace(key.as_str(), "***"));
        let passes = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) || status.is_server_error();
        let fault = Fault::new(if passes { Code::QueueDown } else { Code::QueueRefused }, OPERATION).with("queue", &self.settings.queue);
        let advice = match status {
            StatusCode::FORBIDDEN => "its account needs roles/cloudtasks.enqueuer, and roles/iam.serviceAccountUser on the tasks' own: ",
            StatusCode::NOT_FOUND => "make the queue first: ",
            _ => "",
        };
        let fault = fault.because(format!("{advice}{} {said}", status.as_u16()));
        wait.map_or(fault.clone(), |wait| fault.retry_after(wait))
    }
}

const OPERATION: &str = "ask for task";

/// `https://host[:port]`, or `http://` on this machine.
fn is_address(text: &str) -> bool {
    let is_plain = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(host), _) => is_plain(host),
        (_, Some(host)) => {
            is_plain(host) && ["127.0.0.1", "localhost", "[::1]"].contains(&host.rsplit_once(':').map_or(host, |(name, _)| name))
        }
        _ => false,
    }
}

#[async_trait]
impl TaskQueue for CloudTasks {
    async fn ask(&self, job: JobId, not_before_ms: Option<i64>) -> Result<(), Fault> {
        let body = Body::Bytes(self.task(job, not_before_ms).to_string().into());
        let unreached = |fault: Fault| match fault.is_transient() {
            true => Fault::new(Code::QueueDown, OPERATION).with("queue", &self.settings.queue).because(fault),
            false => Fault::new(Code::QueueRefused, OPERATION).with("queue", &self.settings.queue).because(fault),
        };
        let (mut answer, bearer) = self.send(&body).await.map_err(unreached)?;
        if let (StatusCode::UNAUTHORIZED, Some(bearer)) = (answer.status, bearer) {
            self.tokens.forget(&bearer).await;
            (answer, _) = self.send(&body).await.map_err(unreached)?;
        }
        if answer.status.is_success() { Ok(()) } else { Err(self.refusal(answer).await) }
    }
}

#[cfg(test)]
mod tests;
