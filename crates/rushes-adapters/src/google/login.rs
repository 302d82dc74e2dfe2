//! A person's login: the address their browser opens, the code it brings back, and the refresh token for it (OAuth 2.0
//! for installed applications, with a proof key). Where the browser comes back to is the caller's business.

use super::{Credentials, Tokens};
use crate::http::{Answer, Body, Client, HttpOptions, Request, encode_query, passing};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use ring::rand::{SecureRandom, SystemRandom};
use rushes_core::{Code, Fault};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What is asked for: the files that Rushes itself makes, and no other.
pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/drive.file";

/// An application of Google's console, and where people log in to it.
pub struct Login {
    client: Client,
    id: String,
    secret: String,
    consent: String,
    token: String,
    revoke: String,
}

/// What was asked of a browser; what it brings back must fit.
pub struct Asked {
    /// The address to open.
    pub url: String,
    redirect: String,
    verifier: String,
    state: String,
}

#[derive(Deserialize)]
struct Granted {
    refresh_token: Option<String>,
    #[serde(default)]
    scope: String,
}

fn failed(reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::LoginFailed, "log in at Google").because(reason)
}

fn random() -> Result<String, Fault> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| failed("this machine gives no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// One parameter of a query, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name)?.1;
    percent_decode_str(&value.replace('+', " ")).decode_utf8().ok().map(String::from)
}

impl Asked {
    /// The code in the query the browser came back with. Errors: `login_failed`.
    pub fn code_in(&self, query: &str) -> Result<String, Fault> {
        if parameter(query, "state").as_deref() != Some(&*self.state) {
            return Err(failed("the browser came back from another page than was opened here; nothing of it was used"));
        }
        match (parameter(query, "error").as_deref(), parameter(query, "code")) {
            (Some("access_denied"), _) => Err(failed("it was refused in the browser")),
            (Some(error), _) => Err(failed(format!("Google says {error:?}; compare the OAuth client's settings in its console"))),
            (None, Some(code)) if !code.is_empty() => Ok(code),
            _ => Err(failed("the browser came back without a code")),
        }
    }
}

impl Login {
    /// `endpoint`: where `/auth`, `/token` and `/revoke` are, if not at Google. Errors: `config_invalid`.
    pub fn new(id: &str, secret: &str, endpoint: Option<&str>) -> Result<Self, Fault> {
        let at =
            |path: &str, google: &str| endpoint.map_or_else(|| google.to_owned(), |own| format!("{}{path}", own.trim_end_matches('/')));
        Ok(Self {
            client: Client::new(HttpOptions::default())?,
            id: id.to_owned(),
            secret: secret.to_owned(),
            consent: at("/auth", "https://accounts.google.com/o/oauth2/v2/auth"),
            token: at("/token", "https://oauth2.googleapis.com/token"),
            revoke: at("/revoke", "https://oauth2.googleapis.com/revoke"),
        })
    }

    /// What to ask of a browser, which will come back to `redirect`. Errors: `login_failed`.
    pub fn ask(&self, redirect: &str) -> Result<Asked, Fault> {
        let (verifier, state) = (random()?, random()?);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let pairs = [
            ("client_id", &*self.id),
            ("redirect_uri", redirect),
            ("response_type", "code"),
            ("scope", SCOPE),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            // Only then a refresh token comes along, also to somebody who agreed before.
            ("access_type", "offline"),
            ("prompt", "consent"),
        ];
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode_query(value))).collect();
        let url = format!("{}?{}", self.consent, query.join("&"));
        Ok(Asked { url, redirect: redirect.to_owned(), verifier, state })
    }

    /// The login for a code, in the JSON that [`Credentials::parse`] reads. Secret. Errors: `login_failed`,
    /// `destination_down`.
    pub async fn exchange(&self, asked: &Asked, code: &str) -> Result<String, Fault> {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &*self.id),
            ("client_secret", &*self.secret),
            ("redirect_uri", &*asked.redirect),
            ("code_verifier", &*asked.verifier),
        ];
        let body = self.post(&self.token, &pairs).await?.bytes().await?;
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| failed("Google's answer is no login"))?;
        // People may leave the box for it empty.
        if !granted.scope.split(' ').any(|scope| scope == SCOPE) {
            return Err(failed("the box for Google Drive was left empty in the browser; tick it"));
        }
        let refresh_token = granted
            .refresh_token
            .ok_or_else(|| failed("Google gave no refresh token; remove Rushes at myaccount.google.com/permissions first"))?;
        let kept = json!({
            "type": "authorized_user", "client_id": self.id, "client_secret": self.secret,
            "refresh_token": refresh_token, "token_uri": self.token,
        });
        Ok(kept.to_string())
    }

    /// Takes a login back; one that was taken back already is success. Errors: `login_failed`, `destination_down`.
    pub async fn revoke(&self, kept: &str) -> Result<(), Fault> {
        let kept: Value = serde_json::from_str(kept).map_err(|_| failed("the file holds no login"))?;
        let token = kept["refresh_token"].as_str().unwrap_or_default();
        match self.post(&self.revoke, &[("token", token)]).await {
            Err(fault) if fault.reason.as_ref().is_some_and(|reason| reason.contains("invalid_token")) => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn post(&self, url: &str, pairs: &[(&str, &str)]) -> Result<Answer, Fault> {
        let form: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode_query(value))).collect();
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let (body, operation) = (Body::Bytes(form.join("&").into()), "log in at Google");
        let request = Request { method: Method::POST, url: url.to_owned(), headers, body, operation, answers_within: None };
        let answer = self.client.send(request).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let (status, wait) = (answer.status, answer.retry_after());
        let said: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        let said =
            [status.as_str(), said["error"].as_str().unwrap_or_default(), said["error_description"].as_str().unwrap_or_default()].join(" ");
        match passing(status, operation, wait) {
            Some(fault) => Err(fault.because(said)),
            None if said.contains("invalid_client") => {
                Err(failed(format!("Google does not know the OAuth client; compare GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET ({said})")))
            }
            None => Err(failed(said)),
        }
    }
}

/// Asks for a token with a login that was kept. Errors: `config_invalid` where it is none, and those of getting a token.
pub async fn check(kept: &str) -> Result<(), Fault> {
    let client = Client::new(HttpOptions::default())?;
    Tokens::new(Credentials::parse(kept)?, SCOPE, &client).bearer().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_takes_only_what_was_asked_for() {
        let login = Login::new("id", "secret", Some("http://127.0.0.1:1/")).unwrap();
        let (asked, other) = (login.ask("http://127.0.0.1:2").unwrap(), login.ask("http://127.0.0.1:2").unwrap());
        assert!(asked.url.starts_with("http://127.0.0.1:1/auth?client_id=id&redirect_uri=http%3A%2F%2F127.0.0.1%3A2&response_type=code"));
        assert!(asked.verifier.len() == 43 && asked.verifier != other.verifier && asked.state != other.state);
        assert!(!asked.url.contains(&asked.verifier) && !asked.url.contains("secret"));
        let query = |rest: &str| format!("state={}&{rest}", asked.state);
        assert_eq!(asked.code_in(&query("code=4%2Fabc")).unwrap(), "4/abc");
        for (query, words) in [
            (query("error=access_denied"), "refused in the browser"),
            (query("error=org_internal"), "org_internal"),
            (query("code="), "without a code"),
            (format!("state={}&code=x", other.state), "another page"),
            ("code=x".to_owned(), "another page"),
        ] {
            let fault = asked.code_in(&query).unwrap_err();
            assert!(fault.code == Code::LoginFailed && fault.to_string().contains(words), "{query}: {fault}");
        }
    }
}
