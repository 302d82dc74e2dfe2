//! Lists of a Redis, as Upstash speaks them over HTTP: a command is a JSON array, its answer `{"result": …}` or `{"error": …}`.
//!
//! Nothing here is undone or sent again by itself: an answer that was lost may mean that the command was carried out. All are such
//! that whoever looks again finds out. Sources: Upstash's public reference of its REST API and of Redis' commands, as of
//! November 2026.

#[cfg(test)]
mod tests;

use crate::http::{Body, Client, HttpOptions, Request, words};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rushes_core::{Code, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

const OPERATION: &str = "ask list of work";
/// A command takes milliseconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// What was refused is kept up to so many items; the oldest go.
const REFUSED_MAX: i64 = 1_000;

/// How it is reached.
#[derive(Clone)]
pub struct UpstashSettings {
    /// `https://…upstash.io`, without a path.
    pub url: String,
    /// The database's REST token, which may write.
    pub token: String,
}

/// One database.
pub struct Upstash {
    client: Client,
    url: String,
    headers: HeaderMap,
    token: String,
}

/// The end of a list at which its oldest item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// Of those that are pushed with `RPUSH`.
    Left,
    /// Of those that are pushed with `LPUSH`.
    Right,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Left => "LEFT",
            Self::Right => "RIGHT",
        }
    }
}

/// One who takes work from lists, as the others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When it was last there, seconds since 1970 by the clock of the lists.
    pub at_s: i64,
    /// Those with the same word here write their jobs into the same store.
    pub store: String,
    /// The lists it takes from.
    pub queues: Vec<String>,
}

impl Upstash {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: &UpstashSettings, http: HttpOptions) -> Result<Self, Fault> {
        let refuse = |key: &str, reason: &str| {
            Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("intake.redis.{key}")).because(reason)
        };
        let url = reqwest::Url::parse(&settings.url).map_err(|_| refuse("url", "no address"))?;
        let is_here = url.host_str().is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127."));
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            return Err(refuse("url", "the token is sent over https:// only; redis:// is not spoken: put an HTTP front before it"));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", settings.token))
            .map_err(|_| refuse("token", "the token holds signs that no token has"))?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer), (CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let url = settings.url.trim_end_matches('/').to_owned();
        Ok(Self { client: Client::new(http)?, url, headers, token: settings.token.clone() })
    }

    /// Moves the oldest item of a list to the newest end of another, in one go; gives it. None: there is none. Errors: `queue_down`,
    /// after which it may have been moved; `queue_refused`.
    pub async fn take(&self, from: &str, oldest: End, into: &str) -> Result<Option<String>, Fault> {
        let moved = self.ask(json!(["LMOVE", from, into, oldest.name(), "RIGHT"])).await?;
        Ok(moved.as_str().map(str::to_owned))
    }

    /// The oldest items of a list, so many at most. Errors: as [`Upstash::take`].
    pub async fn items(&self, list: &str, most: usize) -> Result<Vec<String>, Fault> {
        let found = self.ask(json!(["LRANGE", list, 0, most.saturating_sub(1)])).await?;
        read(found)
    }

    /// How many items a list has. Errors: as [`Upstash::take`].
    pub async fn length(&self, list: &str) -> Result<u64, Fault> {
        read(self.ask(json!(["LLEN", list])).await?)
    }

    /// Removes one item from a list; false where it is not there. Errors: as [`Upstash::take`], after which it may be gone.
    pub async fn remove(&self, list: &str, item: &str) -> Result<bool, Fault> {
        let removed: u64 = read(self.ask(json!(["LREM", list, 1, item])).await?)?;
        Ok(removed > 0)
    }

    /// Removes one item from a list and appends a note about it to another, both or neither. Errors: as [`Upstash::take`].
    pub async fn set_aside(&self, list: &str, item: &str, into: &str, note: &Value) -> Result<(), Fault> {
        let note = note.to_string();
        let commands = json!([["LREM", list, 1, item], ["RPUSH", into, note], ["LTRIM", into, -REFUSED_MAX, -1]]);
        let answers = self.send("/multi-exec", &commands).await?;
        match answers.as_array().into_iter().flatten().find_map(|answer| answer["error"].as_str()) {
            Some(error) => Err(self.refused(error)),
            None => Ok(()),
        }
    }

    /// The time of the lists' own clock, seconds since 1970. Errors: as [`Upstash::take`].
    pub async fn now_s(&self) -> Result<i64, Fault> {
        let told = self.ask(json!(["TIME"])).await?;
        let seconds = told[0].as_i64().or_else(|| told[0].as_str()?.parse().ok());
        seconds.ok_or_else(|| strange("its clock tells no time"))
    }

    /// Says that somebody is there. Errors: as [`Upstash::take`].
    pub async fn be_seen(&self, among: &str, node: &str, seen: &Seen) -> Result<(), Fault> {
        self.ask(json!(["HSET", among, node, json!(seen).to_string()])).await.map(drop)
    }

    /// Everybody who was there, by name; what cannot be read is left out. Errors: as [`Upstash::take`].
    pub async fn seen(&self, among: &str) -> Result<Vec<(String, Seen)>, Fault> {
        // Names and values in turn.
        let told: Vec<String> = read(self.ask(json!(["HGETALL", among])).await?)?;
        let pairs = told.chunks_exact(2).filter_map(|pair| Some((pair[0].clone(), serde_json::from_str(&pair[1]).ok()?)));
        Ok(pairs.collect())
    }

    /// Forgets who is gone. Errors: as [`Upstash::take`].
    pub async fn forget(&self, among: &str, node: &str) -> Result<(), Fault> {
        self.ask(json!(["HDEL", among, node])).await.map(drop)
    }

    async fn ask(&self, command: Value) -> Result<Value, Fault> {
        let mut answer = self.send("", &command).await?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(strange("its answer has no result")),
        }
    }

    async fn send(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        let request = Request {
            method: Method::POST,
            url: format!("{}{path}", self.url),
            headers: self.headers.clone(),
            body: Body::Bytes(Bytes::from(body.to_string())),
            operation: OPERATION,
            answers_within: Some(ANSWERS_WITHIN),
        };
        let down = |reason: String| Fault::new(Code::QueueDown, OPERATION).because(reason);
        let lost = |fault: Fault| down(fault.reason.unwrap_or_else(|| "no answer came".to_owned()));
        let answer = self.client.send(request).await.map_err(lost)?;
        let (status, wait) = (answer.status, answer.retry_after());
        let bytes = answer.bytes().await.map_err(lost)?;
        let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let said = json["error"].as_str().map_or_else(|| words(&bytes), str::to_owned);
        match status {
            status if status.is_success() && json.get("error").is_none() && !json.is_null() => Ok(json),
            status if status.is_success() && json.is_null() => Err(strange("its answer is no JSON")),
            StatusCode::TOO_MANY_REQUESTS => Err(wait.into_iter().fold(down(self.shown(&said)), Fault::retry_after)),
            status if status.is_server_error() || status.is_redirection() || status == StatusCode::REQUEST_TIMEOUT => {
                Err(down(format!("{} ({})", self.shown(&said), status.as_u16())))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.refused(&format!("the token is not taken: {said}"))),
            _ => Err(self.refused(&said)),
        }
    }

    fn refused(&self, said: &str) -> Fault {
        Fault::new(Code::QueueRefused, OPERATION).because(self.shown(said))
    }

    fn shown(&self, said: &str) -> String {
        said.replace(&self.token, "…")
    }
}

fn strange(reason: &str) -> Fault {
    Fault::new(Code::QueueDown, OPERATION).because(reason)
}

fn read<T: serde::de::DeserializeOwned>(result: Value) -> Result<T, Fault> {
    serde_json::from_value(result).map_err(|e| strange(&format!("its answer is of another kind: {e}")))
}
