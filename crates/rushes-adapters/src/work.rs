//! What a worker says to the server whose work it does: `/api/v1/workers` of another Rushes.

use crate::http::{Body, Client, HttpOptions, Request, encode_query, file_of, passing, words};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::work::{LeasedWork, NewWorker, WaitingWork};
use rushes_core::{Code, Fault, JobId, Verdict};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// Longer than the server lets anybody wait for work.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// The largest picture that work is made from.
const PICTURE_MAX_BYTES: u64 = 200_000_000;

/// The server, for one worker. Every call may be made again.
#[derive(Debug, Clone)]
pub struct WorkServer {
    http: Client,
    /// Without a slash in the end.
    base: String,
    key: Option<HeaderValue>,
}

/// What the server knows of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Noted {
    /// It is to take nothing more.
    pub draining: bool,
}

#[derive(Deserialize)]
struct Waiting {
    work: Vec<WaitingWork>,
}

#[derive(Deserialize)]
struct Heard {
    wanted: bool,
}

impl WorkServer {
    /// Speaks to nobody yet; `key`: one of the scope `work`, where the server asks for keys. Errors: `config_invalid`.
    pub fn new(server: &str, key: Option<&str>, options: HttpOptions) -> Result<Self, Fault> {
        let refuse =
            |setting: &str, reason: &str| Fault::new(Code::ConfigInvalid, "read configuration").with("setting", setting).because(reason);
        if Url::parse(server).ok().is_none_or(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(refuse("worker.server", "no address; write https://rushes.example.com or where `rushes serve` listens"));
        }
        let bearer = |key: &str| {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| refuse("worker.key", "it has characters no key has"))?;
            value.set_sensitive(true);
            Ok::<_, Fault>(value)
        };
        Ok(Self { http: Client::new(options)?, base: server.trim_end_matches('/').to_owned(), key: key.map(bearer).transpose()? })
    }

    /// The server's time, milliseconds since 1970, as far as its answers have told it.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        SystemClock.now_ms() - self.http.clock_ahead_ms().unwrap_or(0)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &'static str,
        body: Body,
        operation: &'static str,
    ) -> Result<crate::http::Answer, Fault> {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        if let Some(key) = &self.key {
            headers.insert(AUTHORIZATION, key.clone());
        }
        let url = format!("{}/api/v1/workers{path}", self.base);
        let answer = self.http.send(Request { method, url, headers, body, operation, answers_within: Some(ANSWERS_WITHIN) }).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let (status, wait) = (answer.status, answer.retry_after());
        let bytes = answer.bytes().await?;
        Err(refusal(status, wait, &bytes, operation))
    }

    async fn tell(&self, method: Method, path: &str, said: &Value, operation: &'static str) -> Result<Bytes, Fault> {
        self.send(method, path, "application/json", Body::Bytes(Bytes::from(said.to_string())), operation).await?.bytes().await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        said: Option<&Value>,
        operation: &'static str,
    ) -> Result<T, Fault> {
        let bytes = match said {
            Some(said) => self.tell(method, path, said, operation).await?,
            None => self.send(method, path, "application/json", Body::Empty, operation).await?.bytes().await?,
        };
        serde_json::from_slice(&bytes)
            .map_err(|e| Fault::new(Code::DestinationDown, operation).because(format!("its answer cannot be read: {e}")))
    }

    /// Makes this worker known. Errors: `input_invalid`; `key_missing`, `scope_missing`.
    pub async fn register(&self, worker: &NewWorker) -> Result<Noted, Fault> {
        self.ask(Method::POST, "", Some(&json!(worker)), "register worker").await
    }

    /// The work there is for it; where there is none, some is waited for. Errors: `not_found` where it is not registered.
    pub async fn waiting(&self, worker: &str, wait: Duration) -> Result<Vec<WaitingWork>, Fault> {
        let path = format!("/{}/work?wait_s={}", encode_query(worker), wait.as_secs());
        self.ask(Method::GET, &path, None, "look for work").await.map(|waiting: Waiting| waiting.work)
    }

    /// Leases a job's work. Errors: `job_taken` where another was first.
    pub async fn lease(&self, worker: &str, job: JobId) -> Result<LeasedWork, Fault> {
        self.ask(Method::POST, "/lease", Some(&json!({"worker": worker, "job": job})), "lease work").await
    }

    /// The work of a lease. Errors: `lease_lost`.
    pub async fn leased(&self, token: Uuid) -> Result<LeasedWork, Fault> {
        self.ask(Method::GET, &format!("/leases/{token}"), None, "look up lease").await
    }

    /// Renews a lease; whether the work is still wanted. Errors: `lease_lost`.
    pub async fn heartbeat(&self, token: Uuid, share: f32) -> Result<bool, Fault> {
        let path = format!("/leases/{token}/heartbeat");
        self.ask(Method::POST, &path, Some(&json!({"share": share})), "renew lease").await.map(|heard: Heard| heard.wanted)
    }

    /// Fetches a picture that the work is made from into a new file. Errors: `lease_lost`; `not_found`; `blob_missing`.
    pub async fn picture(&self, token: Uuid, name: &str, into: &Path) -> Result<(), Fault> {
        let path = format!("/leases/{token}/pictures/{}", encode_query(name));
        let answer = self.send(Method::GET, &path, "application/json", Body::Empty, "fetch picture").await?;
        answer.into_file_up_to(into, PICTURE_MAX_BYTES).await
    }

    /// Hands a file in, whose SHA-256 this is. Errors: `lease_lost`; the `file_…` codes where it is of no use.
    pub async fn hand_in(&self, token: Uuid, index: u32, file: &Path, sha256: &str, model: &str) -> Result<(), Fault> {
        let size_bytes = file.metadata().map_err(|e| Fault::io("hand in file", file, &e))?.len();
        let body = Body::File { file: file_of(file, size_bytes)?, range: 0..size_bytes, sums: None };
        let path = format!("/leases/{token}/files/{index}?sha256={sha256}&model={}", encode_query(model));
        self.send(Method::PUT, &path, "application/octet-stream", body, "hand in file").await.map(drop)
    }

    /// Says that all files are handed in. Errors: `lease_lost`; `input_invalid` where one is missing.
    pub async fn complete(&self, token: Uuid) -> Result<(), Fault> {
        self.tell(Method::POST, &format!("/leases/{token}/complete"), &json!({}), "complete work").await.map(drop)
    }

    /// Gives work back; `is_given_back`: since this worker goes. Errors: `lease_lost`.
    pub async fn fail(&self, token: Uuid, fault: &Fault, is_given_back: bool) -> Result<(), Fault> {
        let retry_after_s = fault.retry_after_ms.map(|ms| ms.div_ceil(1_000));
        let reason = fault.reason.clone().unwrap_or_else(|| fault.to_string());
        let said = json!({"code": fault.code, "reason": reason, "retry_after_s": retry_after_s, "given_back": is_given_back});
        self.tell(Method::POST, &format!("/leases/{token}/fail"), &said, "give work back").await.map(drop)
    }
}

/// A refusal in the server's own code and words; what is not of its making is the network's.
fn refusal(status: StatusCode, wait: Option<Duration>, bytes: &[u8], operation: &'static str) -> Fault {
    let said: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let Some(code) = serde_json::from_value::<Code>(said["code"].clone()).ok() else {
        let down = || Fault::new(Code::DestinationDown, operation).because(format!("the server answers {status}: {}", words(bytes)));
        return passing(status, operation, wait).unwrap_or_else(down);
    };
    let reason = said["detail"].as_str().map_or_else(|| words(bytes), str::to_owned);
    let verdict = if said["retryable"] == true { Verdict::Transient } else { Verdict::Permanent };
    let fault = Fault::new(code, operation).verdict(verdict).because(reason);
    wait.map_or(fault.clone(), |wait| fault.retry_after(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_refusals_keep_the_servers_code_and_what_is_the_networks_passes() {
        let of =
            |status: u16, body: &str| refusal(StatusCode::from_u16(status).unwrap(), Some(Duration::from_secs(7)), body.as_bytes(), "ask");
        let lost = of(409, r#"{"code": "lease_lost", "detail": "another has it", "retryable": false}"#);
        assert_eq!((lost.code, lost.is_transient(), lost.reason.as_deref()), (Code::LeaseLost, false, Some("another has it")));
        let busy = of(429, r#"{"code": "too_many_requests", "detail": "wait", "retryable": true}"#);
        assert!(busy.is_transient() && busy.retry_after_ms == Some(7_000));
        for foreign in [of(502, "<html>Bad Gateway</html>"), of(404, "no such page"), of(503, "{}")] {
            assert!(foreign.is_transient(), "{foreign}");
        }
    }

    #[test]
    fn work_servers_are_addresses() {
        for (server, key) in [("rushes.example.com", None), ("ftp://x", None), ("http://x", Some("a\nb"))] {
            assert_eq!(WorkServer::new(server, key, HttpOptions::default()).unwrap_err().code, Code::ConfigInvalid);
        }
    }
}
