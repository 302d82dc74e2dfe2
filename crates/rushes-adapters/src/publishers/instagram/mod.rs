//! Instagram: films as reels, by the content publishing part of its Graph API (v25.0).
//!
//! The film is named by an address that Instagram fetches by itself; it becomes a container, which is asked about until it
//! is ready, and then published. A container becomes one post at most. The token goes in a header and nowhere else.
//! Sources: Meta's public pages on content publishing, containers, publishing limits and error codes, as of November 2026.

mod answers;
mod reach;
#[cfg(test)]
mod tests;

use crate::http::{Body, Client, HttpOptions, Request, encode_query};
use answers::{Doubt, Said};
use async_trait::async_trait;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Url;
use rushes_core::publisher::{Container, NewPost, Post, Publisher, Quota, Specs};
use rushes_core::record::rfc3339;
use rushes_core::{Code, Fault, Verdict};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// Where accounts are asked that logged in at Instagram; those of Facebook's login have `https://graph.facebook.com`.
const ENDPOINT: &str = "https://graph.instagram.com";
const VERSION: &str = "v25.0";
/// Publishing takes its time to answer.
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);
const CAPTION_MAX_CHARS: usize = 2_200;
const HASHTAGS_MAX: usize = 30;
const SPECS: Specs = Specs { shortest_ms: 3_000, longest_ms: 15 * 60 * 1_000, size_max_bytes: 300_000_000, width_max_px: 1_920 };
/// How far their clock and ours may be apart when a post is looked for.
const CLOCKS_MS: i64 = 5 * 60 * 1_000;
/// Posts looked through for one whose answer was lost, the newest first.
const LOOK_THROUGH: u32 = 50;

/// Who publishes, and how much.
#[derive(Clone)]
pub struct InstagramSettings {
    /// The account's id at Instagram, digits.
    pub user_id: String,
    /// Its access token.
    pub token: String,
    /// None: Instagram's own, for its own login.
    pub endpoint: Option<String>,
    /// Posts in a day at most; the account's own limit holds all the same.
    pub daily_limit: u32,
}

/// One account.
pub struct Instagram {
    client: Client,
    /// With the version, without a slash in the end.
    base: String,
    user_id: String,
    token: String,
    bearer: HeaderValue,
    daily_limit: u32,
    /// The service itself is on this machine, so films may be too: tests.
    is_here: bool,
}

impl Instagram {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: &InstagramSettings, http: HttpOptions) -> Result<Self, Fault> {
        let refuse = |setting: &str, reason: &str| {
            Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("instagram.{setting}")).because(reason)
        };
        if settings.user_id.is_empty() || !settings.user_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refuse("user_id", "the account's id at Instagram, digits only; not its name"));
        }
        let endpoint = settings.endpoint.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/');
        let address = Url::parse(endpoint).map_err(|_| refuse("endpoint", "no address"))?;
        let is_here = reach::is_loopback(&address);
        if address.scheme() != "https" && !is_here {
            return Err(refuse("endpoint", "a token is sent over https:// only"));
        }
        let bearer = HeaderValue::from_str(&format!("Bearer {}", settings.token));
        let mut bearer = bearer.map_err(|_| refuse("token", "it holds signs that no token has"))?;
        bearer.set_sensitive(true);
        Ok(Self {
            client: Client::new(http)?,
            base: format!("{endpoint}/{VERSION}"),
            user_id: settings.user_id.clone(),
            token: settings.token.clone(),
            bearer,
            daily_limit: settings.daily_limit,
            is_here,
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &str, operation: &'static str) -> Result<T, Fault> {
        self.ask(Method::GET, &format!("{path}?{query}"), None, operation, Doubt::None).await.map_err(Fault::from)
    }

    /// One exchange. `doubt`: what a missing answer leaves open.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        operation: &'static str,
        doubt: Doubt,
    ) -> Result<T, Said> {
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, self.bearer.clone())]);
        let body = body.map_or(Body::Empty, |body| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Body::Bytes(body.to_string().into())
        });
        let url = format!("{}/{path}", self.base);
        let sent = self.client.send(Request { method, url, headers, body, operation, answers_within: Some(ANSWERS_WITHIN) }).await;
        let answer = sent.map_err(|fault| answers::missing(&fault, operation, doubt))?;
        let (status, wait) = (answer.status, answers::wait_of(&answer));
        let bytes = answer.bytes().await.map_err(|fault| answers::missing(&fault, operation, doubt))?;
        if !status.is_success() {
            return Err(answers::refusal(status, &bytes, wait, operation, doubt, &self.token));
        }
        serde_json::from_slice(&bytes).map_err(|e| {
            let fault = Fault::new(Code::ProviderDown, operation).because(format!("its answer cannot be read: {e}"));
            answers::missing(&fault, operation, doubt)
        })
    }

    /// What can be seen to be wrong from here. Errors: `input_invalid`.
    fn check(&self, post: &NewPost) -> Result<(), Fault> {
        let refuse = |reason: String| Err(Fault::new(Code::InputInvalid, "publish film").because(reason));
        if !self.is_here {
            reach::check(&post.video_url)?;
        }
        let chars = post.caption.chars().count();
        if chars > CAPTION_MAX_CHARS {
            return refuse(format!("the caption has {chars} signs, and Instagram takes {CAPTION_MAX_CHARS}"));
        }
        let is_tag = |word: &&str| word.len() > 1 && word.starts_with('#');
        let tags = post.caption.split_whitespace().filter(is_tag).count();
        if tags > HASHTAGS_MAX {
            return refuse(format!("the caption has {tags} hashtags, and Instagram takes {HASHTAGS_MAX}"));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Status {
    status_code: String,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
struct Limit {
    quota_usage: u32,
    config: Option<LimitConfig>,
}

#[derive(Deserialize)]
struct LimitConfig {
    quota_total: u32,
    quota_duration: u64,
}

#[derive(Deserialize)]
struct Media {
    id: String,
    #[serde(default)]
    caption: String,
    #[serde(default)]
    timestamp: String,
    permalink: Option<String>,
}

/// Captions are compared without the blanks at their ends, which are not kept.
fn words_of(caption: &str) -> String {
    caption.replace("\r\n", "\n").trim().to_owned()
}

#[async_trait]
impl Publisher for Instagram {
    fn name(&self) -> &'static str {
        "instagram"
    }

    fn specs(&self) -> Specs {
        SPECS
    }

    async fn quota(&self) -> Result<Quota, Fault> {
        let path = format!("{}/content_publishing_limit", self.user_id);
        let list: List<Limit> = self.get(&path, "fields=quota_usage,config", "ask for quota").await?;
        let told =
            list.data.into_iter().next().ok_or_else(|| Fault::new(Code::ProviderDown, "ask for quota").because("its list is empty"))?;
        let (total, window_s) = told.config.map_or((u32::MAX, 24 * 60 * 60), |config| (config.quota_total, config.quota_duration));
        Ok(Quota { used: told.quota_usage, limit: self.daily_limit.min(total), window: Duration::from_secs(window_s) })
    }

    async fn create(&self, post: &NewPost) -> Result<String, Fault> {
        self.check(post)?;
        let mut body = json!({
            "media_type": "REELS", "video_url": post.video_url, "caption": post.caption, "share_to_feed": post.share_to_feed,
        });
        if let Some(cover_ms) = post.cover_ms {
            body["thumb_offset"] = json!(cover_ms);
        }
        let path = format!("{}/media", self.user_id);
        let made: Named = self.ask(Method::POST, &path, Some(body), "hand film over", Doubt::Unanswered).await?;
        Ok(made.id)
    }

    async fn container(&self, container: &str) -> Result<Container, Fault> {
        let operation = "ask for container";
        let told: Status = self.get(&encode_query(container), "fields=status_code,status", operation).await?;
        Ok(match told.status_code.as_str() {
            "IN_PROGRESS" => Container::InProgress,
            "FINISHED" => Container::Finished,
            "PUBLISHED" => Container::Published,
            "EXPIRED" => Container::Expired,
            "ERROR" => Container::Failed(answers::of_container(&told.status, &self.token)),
            other => {
                let reason = format!("Instagram calls the container {other:?}, which is not known here");
                return Err(Fault::new(Code::ProviderDown, operation).because(reason));
            }
        })
    }

    async fn publish(&self, container: &str) -> Result<String, Fault> {
        let operation = "publish container";
        let path = format!("{}/media_publish", self.user_id);
        let body = json!({"creation_id": container});
        match self.ask::<Named>(Method::POST, &path, Some(body), operation, Doubt::Troubled).await {
            Ok(made) => Ok(made.id),
            // One that is published already is refused as one that is not ready: then the post is there.
            Err(said) if said.is_about_container() => match self.container(container).await {
                Ok(Container::Published) => {
                    Err(Fault::new(Code::AnswerLost, operation).because("the container is published already; its post is looked for"))
                }
                Ok(Container::Expired) => {
                    let reason = "the container lay for a day without being published, which is all it has";
                    Err(Fault::new(Code::ProviderRefused, operation).because(reason))
                }
                _ => Err(said.into()),
            },
            Err(said) => Err(said.into()),
        }
    }

    async fn find(&self, container: &str, caption: &str, since_ms: i64) -> Result<Option<String>, Fault> {
        if self.container(container).await? != Container::Published {
            return Ok(None);
        }
        let operation = "look for post";
        let path = format!("{}/media", self.user_id);
        let query = format!("fields=id,caption,timestamp&limit={LOOK_THROUGH}");
        let list: List<Media> = self.get(&path, &query, operation).await?;
        // Theirs has another ending, and is UTC as ours.
        let since = &rfc3339(since_ms.saturating_sub(CLOCKS_MS))[..19];
        let caption = words_of(caption);
        let is_it = |media: &&Media| words_of(&media.caption) == caption && media.timestamp.get(..19).is_some_and(|at| at >= since);
        let found: Vec<&Media> = list.data.iter().filter(is_it).collect();
        match found.as_slice() {
            [] => {
                let reason = "it is published, and not among the account's posts yet";
                Err(Fault::new(Code::AnswerLost, operation).because(reason).retry_after(answers::SOON))
            }
            [one] => Ok(Some(one.id.clone())),
            several => {
                let reason = format!("it is published, and {} posts of that time have its caption; see which is right", several.len());
                Err(Fault::new(Code::ProviderRefused, operation).verdict(Verdict::Permanent).because(reason))
            }
        }
    }

    async fn post(&self, id: &str) -> Result<Post, Fault> {
        let media: Media = self.get(&encode_query(id), "fields=id,permalink", "ask for post").await?;
        Ok(Post { id: media.id, permalink: media.permalink })
    }
}
