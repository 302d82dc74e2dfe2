//! Webhooks: who is told of the end of a job, what they are told, and the port that tells them.
//!
//! A message is owed in the transaction that ends the job; its id and its bytes are the same in every try.

use crate::fault::Fault;
use crate::ids::{EndpointId, JobId, MessageId};
use crate::job::{Job, JobState};
use crate::record::{errors, results, rfc3339};
use crate::{delivery::Routes, store::Family};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Registered endpoints at most.
pub const ENDPOINTS_MAX: u64 = 50;
/// The longest address taken.
pub const URL_MAX: usize = 2_048;
/// The longest body sent; what is longer goes without its lists, which the pipeline's status has too.
pub const BODY_MAX_BYTES: usize = 256 * 1024;
/// Of what the other side answered, so much is kept.
pub const SAID_MAX: usize = 300;
/// How long an old secret signs beside the new one after it was rotated.
pub const ROTATED: Duration = Duration::from_hours(24);

/// What can be told. An endpoint that names none is told all but the test, which goes to the endpoint it is for.
pub const TYPES: [&str; 6] =
    ["pipeline.completed", "pipeline.failed", "pipeline.cancelled", "job.completed", "job.failed", "job.cancelled"];
/// The message by which people try an endpoint.
pub const TEST_TYPE: &str = "webhook.test";

/// A registered address that is told of every end of a job it wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Which.
    pub id: EndpointId,
    /// Where to.
    pub url: String,
    /// Of [`TYPES`]; empty = all.
    pub types: Vec<String>,
    /// The id of the key whose secret signs; empty: the home's own.
    pub key: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Why nothing is sent there now, where that is so.
    pub disabled_why: Option<String>,
}

/// What signs, as `whsec_…`. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The one that counts.
    pub current: String,
    /// The one before, and until when it signs too, milliseconds since 1970.
    pub previous: Option<(String, i64)>,
}

impl Secrets {
    /// All that sign at this moment, the current one first.
    #[must_use]
    pub fn at(&self, now_ms: i64) -> Vec<String> {
        let previous = self.previous.iter().filter(|(_, until_ms)| now_ms < *until_ms).map(|(secret, _)| secret.clone());
        std::iter::once(self.current.clone()).chain(previous).collect()
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets(***{})", if self.previous.is_some() { ", ***" } else { "" })
    }
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// To be sent, now or later.
    Owed,
    /// Being sent.
    Sending,
    /// Taken by the other side.
    Done,
    /// Given up; people may have it sent again.
    Refused,
}

impl MessageState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Owed, Self::Sending, Self::Done, Self::Refused];

    /// As written in JSON and the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Owed => "owed",
            Self::Sending => "sending",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A message as the log has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What `webhook-id` says, the same in every try.
    pub id: MessageId,
    /// Counts up; for going on with a list.
    pub seq: i64,
    /// The registered endpoint; None for an address a job brought.
    pub endpoint: Option<EndpointId>,
    /// Where to.
    pub url: String,
    /// What is told.
    pub message_type: String,
    /// The job it tells of.
    pub job: Option<JobId>,
    /// Where it stands.
    pub state: MessageState,
    /// Tries since it was owed, or owed again.
    pub attempts: u32,
    /// When it is tried next, while it is owed; milliseconds since 1970.
    pub next_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// When it was taken or given up; milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// What came of it, the newest first.
    pub tries: Vec<Try>,
}

/// One try of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When it began, milliseconds since 1970.
    pub at_ms: i64,
    /// How long it took.
    pub ms: u64,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What the answer said, shortened, or why there was none.
    pub said: String,
}

/// What follows from a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Done,
    /// Once more, so long from now.
    Again(Duration),
    /// Given up.
    Refused,
    /// Given up, and the endpoint with it: it says that it is gone.
    Gone,
}

/// How a message is signed, and by what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// As Standard Webhooks 1.0 has it, by a secret of the home's.
    #[default]
    Standard,
    /// As apps with a workspace of their own have it, by a secret they share; see [`crate::callback`].
    Workspace,
}

impl Style {
    /// As written in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Workspace => "workspace",
        }
    }

    /// The style of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Standard, Self::Workspace].into_iter().find(|style| style.name() == name)
    }
}

/// A message leased for one try.
#[derive(Debug, Clone)]
pub struct DueMessage {
    /// What `webhook-id` says.
    pub id: MessageId,
    /// The right to say what came of it.
    pub lease: i64,
    /// Where to.
    pub url: String,
    /// The key whose secret signs; empty: the home's own.
    pub key: String,
    /// How it is signed.
    pub style: Style,
    /// The bytes.
    pub body: String,
    /// Tries before this one.
    pub attempts: u32,
}

/// What a look at the messages gave.
#[derive(Debug, Default)]
pub struct DueMessages {
    /// To be tried now.
    pub messages: Vec<DueMessage>,
    /// When the next one is due that may be sent beside those; milliseconds since 1970.
    pub next_ms: Option<i64>,
}

/// Which messages to list, the newest first.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// Only to this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only of this job.
    pub job: Option<JobId>,
    /// Only in this state.
    pub state: Option<MessageState>,
    /// Only those before this `seq`.
    pub before: Option<i64>,
    /// At most this many.
    pub limit: u32,
}

/// One request: what is posted, and what signs it.
#[derive(Debug)]
pub struct Parcel<'a> {
    /// `webhook-id`.
    pub id: MessageId,
    /// `webhook-timestamp`, seconds since 1970.
    pub at_s: i64,
    /// Where to.
    pub url: &'a str,
    /// The bytes.
    pub body: &'a str,
    /// How it is signed.
    pub style: Style,
    /// What signs one of [`Style::Standard`], the current one first; the other has its secret where it is posted.
    pub secrets: &'a [String],
}

/// An answer, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of what it said.
    pub said: String,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
}

/// Posts messages. Never tries twice, never follows a redirect.
#[async_trait]
pub trait Post: Send + Sync {
    /// Looks at an address without asking anybody. Errors: `input_invalid`, in words for who wrote it.
    fn check(&self, url: &str) -> Result<(), Fault>;

    /// Posts once. Errors: `input_invalid` for an address that is not to be spoken to, for good; `destination_down` where
    /// no answer came.
    async fn post(&self, parcel: Parcel<'_>) -> Result<Answer, Fault>;

    /// A fresh secret, `whsec_…`. Errors: `unexpected` where the machine has no randomness.
    fn new_secret(&self) -> Result<String, Fault>;
}

/// The host and port of an address, by which messages wait for each other.
#[must_use]
pub fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// What the end of a topmost job is called; None before its end.
#[must_use]
pub fn type_of(job: &Job) -> Option<&'static str> {
    let at = match job.state {
        JobState::Completed => 0,
        JobState::Failed => 1,
        JobState::Cancelled => 2,
        _ => return None,
    };
    // Those that catalogs mirror are those of the pipeline.
    Some(TYPES[if job.collection.is_some() { at } else { at + 3 }])
}

/// What is sent of the end of a topmost job.
#[must_use]
pub fn body_of(message_type: &str, job: &Job, family: &Family, routes: &Routes, now_ms: i64) -> String {
    let body = |results: Vec<_>, errors: Vec<_>| {
        json!({"type": message_type, "timestamp": rfc3339(now_ms),
            "data": {"job_id": job.id, "status": job.state, "results": results, "errors": errors}})
        .to_string()
    };
    let whole = body(results(family, routes), errors(family));
    if whole.len() <= BODY_MAX_BYTES {
        return whole;
    }
    let words = "The lists of this job are too long for a message; ask for its status.";
    body(Vec::new(), vec![json!({"code": "value_too_large", "message": words, "character_id": null, "step": null, "at": rfc3339(now_ms)})])
}

/// What is sent to try an endpoint.
#[must_use]
pub fn test_body(endpoint: EndpointId, now_ms: i64) -> String {
    json!({"type": TEST_TYPE, "timestamp": rfc3339(now_ms), "data": {"endpoint": endpoint}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_hosts_are_told_from_addresses() {
        for (url, host) in [
            ("https://a.example/x?y", "a.example"),
            ("http://a.example:81", "a.example:81"),
            ("http://[::1]:8/", "[::1]:8"),
            ("http://a?b/c", "a"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }

    /// A production that made nothing, with as many failed children.
    fn family(failed: usize) -> Family {
        let job = |id: u128, state: JobState, fault: Option<Fault>| Job {
            id: JobId(uuid::Uuid::from_u128(id)),
            workflow: "production".into(),
            version: 1,
            input: json!({}),
            state,
            waiting_for: None,
            value: None,
            fault,
            parent: (id > 0).then(|| JobId(uuid::Uuid::nil())),
            child_name: None,
            root: JobId(uuid::Uuid::nil()),
            collection: None,
            asked: crate::job::Asked::default(),
            tries: 1,
            cancel: false,
            created_ms: 0,
            started_ms: None,
            updated_ms: 0,
            ended_ms: Some(1_000),
        };
        let fault = || Some(Fault::new(crate::Code::Unexpected, "draw").because("x".repeat(1_000)));
        let children = (1..=failed as u128).map(|id| job(id, JobState::Failed, fault()));
        Family {
            jobs: std::iter::once(job(0, JobState::Completed, None)).chain(children).collect(),
            listed: Vec::new(),
            subjects: Vec::new(),
        }
    }

    fn told(failed: usize) -> (usize, serde_json::Value) {
        let family = family(failed);
        let body = body_of("pipeline.completed", &family.jobs[0], &family, &Routes::default(), 2_000);
        (body.len(), serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn webhooks_tell_the_end_with_its_lists_or_say_where_they_are() {
        let (_, few) = told(2);
        assert_eq!((&few["type"], &few["timestamp"]), (&json!("pipeline.completed"), &json!("1970-01-01T00:00:02.000Z")));
        assert_eq!((&few["data"]["status"], &few["data"]["job_id"]), (&json!("completed"), &json!(uuid::Uuid::nil())));
        assert_eq!((few["data"]["errors"].as_array().unwrap().len(), &few["data"]["results"]), (2, &json!([])));
        let (bytes, many) = told(300);
        assert!(bytes <= BODY_MAX_BYTES, "{bytes} bytes");
        let [error] = &many["data"]["errors"].as_array().unwrap()[..] else { panic!("{many}") };
        assert_eq!(
            (&error["code"], &many["data"]["status"], &many["data"]["results"]),
            (&json!("value_too_large"), &json!("completed"), &json!([]))
        );
        assert!(error["message"].as_str().unwrap().contains("ask for its status"), "{error}");
        assert_eq!(
            few["data"]["errors"][0].as_object().unwrap().keys().collect::<Vec<_>>(),
            error.as_object().unwrap().keys().collect::<Vec<_>>()
        );
    }

    #[test]
    fn webhooks_an_old_secret_signs_until_its_time_and_none_is_shown() {
        let secrets = Secrets { current: "whsec_new".into(), previous: Some(("whsec_old".into(), 10)) };
        assert_eq!(secrets.at(9), ["whsec_new", "whsec_old"]);
        assert_eq!(secrets.at(10), ["whsec_new"]);
        assert!(!format!("{secrets:?}").contains("whsec"));
    }
}
