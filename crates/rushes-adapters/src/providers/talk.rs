//! Asking a service something in JSON, as all of them are asked; what its answers mean is each one's own business.

use crate::http::{Body, Client, HttpOptions, Request, words};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use rushes_core::{Code, Fault};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// An order may take its time to be taken.
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);

/// What is made while one waits may take its time, and is no longer than this.
const MADE_WITHIN: Duration = Duration::from_mins(5);
const MADE_MAX_BYTES: u64 = 128 * 1024 * 1024;

/// One service.
#[derive(Debug, Clone)]
pub(super) struct Talk {
    client: Client,
    /// Without a slash in the end.
    base: String,
    /// What no message may show.
    secrets: Vec<String>,
}

/// What it said.
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) json: Value,
    /// How long it asks to wait.
    pub(super) wait: Option<Duration>,
}

impl Talk {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming `{section}.endpoint`.
    pub(super) fn new(section: &str, endpoint: &str, secrets: Vec<String>, http: HttpOptions) -> Result<Self, Fault> {
        let refuse = |reason: &str| {
            Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("{section}.endpoint")).because(reason)
        };
        let address = Url::parse(endpoint).map_err(|_| refuse("no address"))?;
        let is_here = address.host_str().is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127."));
        if address.scheme() != "https" && !is_here {
            return Err(refuse("a key is sent over https:// only"));
        }
        Ok(Self { client: Client::new(http)?, base: endpoint.trim_end_matches('/').to_owned(), secrets })
    }

    /// One exchange. Errors: `lost` where no answer comes or none that can be read; an answer that refuses is none.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Option<&Value>,
        (operation, lost): (&'static str, Code),
    ) -> Result<Said, Fault> {
        let missing = |fault: &Fault| Fault::new(lost, operation).because(fault.reason.as_deref().unwrap_or("no answer came"));
        let body = body.map_or(Body::Empty, |body| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Body::Bytes(Bytes::from(body.to_string()))
        });
        let url = format!("{}{path}", self.base);
        let sent = self.client.send(Request { method, url, headers, body, operation, answers_within: Some(ANSWERS_WITHIN) }).await;
        let answer = sent.map_err(|fault| missing(&fault))?;
        let (status, wait) = (answer.status, answer.retry_after());
        let bytes = answer.bytes().await.map_err(|fault| missing(&fault))?;
        let json = match serde_json::from_slice(&bytes) {
            Ok(json) => json,
            // A page of a server in between.
            Err(_) if !status.is_success() => Value::String(self.shown(&bytes)),
            Err(e) => return Err(Fault::new(lost, operation).because(format!("its answer cannot be read: {e}"))),
        };
        Ok(Said { status, json, wait })
    }

    /// The path of an address that is below its own; None for any other, which nothing secret is sent to.
    pub(super) fn path_of<'a>(&self, url: &'a str) -> Option<&'a str> {
        url.strip_prefix(self.base.as_str()).filter(|path| path.starts_with('/') && !path.contains(char::is_whitespace))
    }

    /// Asks it to make something while we wait; its answer goes into a new file, as it comes. Gives what it says where it
    /// refuses. Errors: `provider_down` where it was not reached; `answer_lost` where it may have been carried out.
    pub(super) async fn ask_into(
        &self,
        path: &str,
        mut headers: HeaderMap,
        body: &Value,
        into: &Path,
        operation: &'static str,
    ) -> Result<Option<Said>, Fault> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (url, body) = (format!("{}{path}", self.base), Body::Bytes(Bytes::from(body.to_string())));
        let request = Request { method: Method::POST, url, headers, body, operation, answers_within: Some(MADE_WITHIN) };
        let as_code = |code, fault: Fault| Fault::new(code, operation).because(fault.reason.as_deref().unwrap_or("no answer came"));
        let answer = self.client.exchange(request).await.map_err(|none| {
            let code = if none.was_reached { Code::AnswerLost } else { Code::ProviderDown };
            as_code(code, none.fault)
        })?;
        let (status, wait) = (answer.status, answer.retry_after());
        let lost = |fault| as_code(Code::AnswerLost, fault);
        if status.is_success() {
            return answer.into_file_up_to(into, MADE_MAX_BYTES).await.map(|()| None).map_err(lost);
        }
        // A refusal without its words is one all the same.
        let bytes = answer.bytes().await.unwrap_or_default();
        let json = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(self.shown(&bytes)));
        Ok(Some(Said { status, json, wait }))
    }

    /// Fetches a file from an address it gave, which is asked without any key. Errors: `provider_down`; `provider_refused` where
    /// it is not there any more; `disk_full`, `io`.
    pub(super) async fn fetch(&self, url: &str, into: &Path, operation: &'static str) -> Result<(), Fault> {
        let request = Request {
            method: Method::GET,
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body: Body::Empty,
            operation,
            answers_within: Some(ANSWERS_WITHIN),
        };
        let down = |fault: Fault| match fault.code {
            Code::DestinationDown => Fault::new(Code::ProviderDown, operation).because(fault.reason.unwrap_or_default()),
            _ => fault,
        };
        let answer = self.client.send(request).await.map_err(down)?;
        match answer.status {
            StatusCode::OK => answer.into_file(into).await.map_err(down),
            status @ (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE) => {
                let reason = format!("what was made is not kept there any more ({status}); start the job again for another");
                Err(Fault::new(Code::ProviderRefused, operation).because(reason))
            }
            status => Err(Fault::new(Code::ProviderDown, operation).because(format!("its file answers {status}"))),
        }
    }

    /// Their words as they may be shown.
    pub(super) fn shown(&self, text: impl AsRef<[u8]>) -> String {
        let text = String::from_utf8_lossy(text.as_ref()).into_owned();
        let text = self.secrets.iter().filter(|secret| !secret.is_empty()).fold(text, |text, secret| text.replace(secret.as_str(), "…"));
        words(text.as_bytes())
    }
}
