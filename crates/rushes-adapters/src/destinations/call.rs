//! One request to a store, and what is known of it when it did not do what it was sent for.

use crate::http::{Answer, Body, empty_file};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rushes_core::{Blob, Code, Fault};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ops::Range;
use std::path::Path;

/// Where keys are, for the words of a fault: `bucket` or `folder`, and its name.
pub(super) type Place<'a> = (&'static str, &'a str);

/// What a request was about, for the words of a fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) operation: &'static str,
    /// The permission it takes, in the store's words: `storage.objects.create`, `INSERT`; empty where it has none.
    pub(super) needs: &'static str,
    pub(super) place: Place<'a>,
    /// Empty: the place itself.
    pub(super) key: &'a str,
}

impl About<'_> {
    pub(super) fn fault(&self, code: Code) -> Fault {
        self.of(Fault::new(code, self.operation))
    }

    /// A fault that does not yet say where.
    pub(super) fn of(&self, fault: Fault) -> Fault {
        let fault = fault.with(self.place.0, self.place.1);
        if self.key.is_empty() { fault } else { fault.with("key", self.key) }
    }

    /// What passes by itself.
    pub(super) fn down(&self, reason: impl std::fmt::Display) -> Said {
        self.fault(Code::DestinationDown).because(reason).into()
    }
}

/// A request that did not do what it was sent for.
#[derive(Debug)]
pub(super) struct Said {
    /// The true one, where a store hides it; 0: no answer at all.
    pub(super) status: u16,
    /// The store's own word for it; empty where it has none.
    pub(super) code: Box<str>,
    pub(super) fault: Fault,
    /// How far the store's clock is ahead of the one that signed, where that is too far.
    pub(super) skew_ms: Option<i64>,
}

impl Said {
    pub(super) fn new(status: StatusCode, code: &str, fault: Fault) -> Self {
        Self { status: status.as_u16(), code: code.into(), fault, skew_ms: None }
    }

    /// There is no such object; a place that is not there is another matter.
    pub(super) fn is_absent(&self) -> bool {
        self.status == 404 && self.fault.code == Code::NotFound
    }

    /// Something is there already, where nothing was to be.
    pub(super) fn is_taken(&self) -> bool {
        self.status == 409
    }
}

impl From<Said> for Fault {
    fn from(said: Said) -> Self {
        said.fault
    }
}

impl From<Fault> for Said {
    fn from(fault: Fault) -> Self {
        Self { status: 0, code: Box::default(), fault, skew_ms: None }
    }
}

/// One request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Behind the store's base, encoded.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    pub(super) about: About<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: String, about: About<'a>) -> Self {
        Self { method, path, query: Vec::new(), headers: HeaderMap::new(), body: Body::Empty, about }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    pub(super) fn asking(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn sending(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.with("content-type", "application/json; charset=UTF-8").sending(Body::Bytes(body.to_string().into()))
    }
}

/// What a store is told that bytes are.
pub(super) fn mime(blob: &Blob) -> &str {
    if blob.mime.is_empty() { "application/octet-stream" } else { &blob.mime }
}

/// The header that asks for these bytes; None where there are none to ask for.
pub(super) fn range_of(bytes: &Range<u64>) -> Option<String> {
    (!bytes.is_empty()).then(|| format!("bytes={}-{}", bytes.start, bytes.end - 1))
}

/// Writes the answer to who asked for an object, or for these bytes of it, into a new file.
pub(super) async fn into_file(answer: Result<Answer, Said>, bytes: Option<&Range<u64>>, into: &Path, about: About<'_>) -> Result<(), Said> {
    match answer {
        Ok(answer) if bytes.is_some() && answer.status != StatusCode::PARTIAL_CONTENT && answer.header("content-length") != "0" => {
            Err(about.down("the whole object came where some of its bytes were asked for"))
        }
        Ok(answer) => Ok(answer.into_file(into).await?),
        // What was asked for begins behind the end.
        Err(said) if bytes.is_some() && (said.status == 416 || &*said.code == "InvalidRange") => Ok(empty_file(into).await?),
        Err(said) => Err(said),
    }
}

/// What is kept of an upload in parts between tries.
pub(super) trait Resumable: Serialize + DeserializeOwned {
    /// None where it makes no sense any more.
    fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn write(&self) -> Result<String, Fault> {
        serde_json::to_string(self).map_err(|e| Fault::new(Code::Unexpected, "keep upload").because(e))
    }
}
