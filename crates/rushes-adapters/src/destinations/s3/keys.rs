//! Whose keys sign: those configured, or those the machine offers (environment, profile, role).

use super::sign::Keys;
use crate::http::{Body, Client, Request};
use bytes::Bytes;
use reqsign_aws_core::{Credential, DefaultCredentialProvider};
use reqsign_core::{Context, FileRead, HttpSend, OsEnv, ProvideCredential};
use rushes_core::{Code, Fault};
use tokio::sync::Mutex;

/// An account's keys as configured. Never shown.
#[derive(Clone)]
pub struct AccessKey {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: String,
    /// Of a session, where the keys are lent.
    pub token: Option<String>,
}

pub(super) struct KeyRing {
    configured: Option<AccessKey>,
    context: Context,
    chain: DefaultCredentialProvider,
    found: Mutex<Option<Credential>>,
}

impl KeyRing {
    pub(super) fn new(configured: Option<AccessKey>, client: &Client) -> Self {
        let context = Context::new().with_file_read(Files).with_http_send(Web(client.clone())).with_env(OsEnv);
        Self { configured, context, chain: DefaultCredentialProvider::new(), found: Mutex::new(None) }
    }

    /// The keys to sign with now. Errors: `destination_refused` where nobody offers any.
    pub(super) async fn keys(&self) -> Result<Keys, Fault> {
        if let Some(AccessKey { id, secret, token }) = self.configured.clone() {
            return Ok(Keys { access: id, secret, token });
        }
        let mut found = self.found.lock().await;
        if !found.as_ref().is_some_and(reqsign_core::SigningCredential::is_valid) {
            let refused = |reason: String| Fault::new(Code::DestinationRefused, "find S3 keys").because(reason);
            let asked = self.chain.provide_credential(&self.context).await.map_err(|e| refused(e.to_string()))?;
            *found = Some(asked.ok_or_else(|| {
                refused("none are configured, and neither environment (AWS_ACCESS_KEY_ID), profile nor role offers any".into())
            })?);
        }
        let Some(Credential { access_key_id, secret_access_key, session_token, .. }) = found.clone() else {
            return Err(Fault::new(Code::Unexpected, "find S3 keys"));
        };
        Ok(Keys { access: access_key_id, secret: secret_access_key, token: session_token })
    }

    /// Asks again next time: those we had were refused as too old.
    pub(super) async fn forget(&self) {
        *self.found.lock().await = None;
    }

    /// Whether there is anybody to ask again.
    pub(super) fn is_lent(&self) -> bool {
        self.configured.is_none()
    }
}

#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        tokio::fs::read(path).await.map_err(|e| reqsign_core::Error::unexpected(format!("read {path}: {e}")))
    }
}

#[derive(Debug)]
struct Web(Client);

impl HttpSend for Web {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let failed = |fault: Fault| reqsign_core::Error::unexpected(fault.to_string());
        let (parts, body) = request.into_parts();
        let request = Request {
            method: parts.method,
            url: parts.uri.to_string(),
            headers: parts.headers,
            body: if body.is_empty() { Body::Empty } else { Body::Bytes(body) },
            operation: "find S3 keys",
            answers_within: None,
        };
        let answer = self.0.send(request).await.map_err(failed)?;
        let (status, headers) = (answer.status, answer.headers.clone());
        let mut response = http::Response::new(answer.bytes().await.map_err(failed)?);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}
