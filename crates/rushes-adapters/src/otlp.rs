//! A collector of spans that speaks OTLP over HTTP in JSON (opentelemetry.io, "OTLP Specification 1.x", OTLP/HTTP).

use crate::http::{Body, Client, HttpOptions, Request, passing, words};
use http::{HeaderMap, HeaderValue, Method, header};
use rushes_core::{Code, Fault};
use serde_json::Value;
use std::time::Duration;

/// How long one batch may take.
const LIMIT: Duration = Duration::from_secs(10);
const OPERATION: &str = "send spans";

/// Where spans go.
#[derive(Debug, Clone)]
pub struct Collector {
    client: Client,
    url: String,
}

impl Collector {
    /// `endpoint`: as for every OpenTelemetry exporter, without `/v1/traces`. Errors: `config_invalid`.
    pub fn new(endpoint: &str) -> Result<Self, Fault> {
        let refuse = |reason: &str| Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "otlp.endpoint").because(reason);
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(refuse("it is the address of a collector, such as http://127.0.0.1:4318"));
        }
        let client = Client::new(HttpOptions { stalled_after: LIMIT })?;
        Ok(Self { client, url: format!("{}/v1/traces", endpoint.trim_end_matches('/')) })
    }

    /// Sends an `ExportTraceServiceRequest`. Errors: `destination_down`, `destination_refused`.
    pub async fn send(&self, spans: Value) -> Result<(), Fault> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let body = Body::Bytes(spans.to_string().into());
        let request = Request { method: Method::POST, url: self.url.clone(), headers, body, operation: OPERATION, answers_within: None };
        let answer = self.client.send(request).await?;
        let (status, wait) = (answer.status, answer.retry_after());
        if status.is_success() {
            return Ok(());
        }
        let said = words(&answer.bytes().await?);
        Err(passing(status, OPERATION, wait)
            .unwrap_or_else(|| Fault::new(Code::DestinationRefused, OPERATION))
            .because(format!("{status}: {said}")))
    }
}
