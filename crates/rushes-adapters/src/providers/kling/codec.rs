//! The two generations of Kling's API: what they are called with, and where they say what.

use super::super::in_time::Progress;
use super::{KlingSettings, Resolution};
use crate::http::encode_query;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::provider::MotionRequest;
use rushes_core::{Code, Fault};
use serde_json::{Value, json};
use sha2::Sha256;

/// A signature of the older API holds this long.
const SIGNED_S: i64 = 1_800;
/// Clocks may be apart this far.
const CLOCKS_S: i64 = 5;

/// What opens the API.
#[derive(Clone)]
pub enum KlingKey {
    /// The current one, by an API key.
    Current(String),
    /// The older one, by a pair of which the second signs.
    Older {
        /// Who.
        access: String,
        /// What is signed with.
        secret: String,
    },
}

impl std::fmt::Debug for KlingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Current(_) => "Current(…)",
            Self::Older { .. } => "Older(…)",
        })
    }
}

impl KlingKey {
    pub(super) fn secrets(&self) -> Vec<String> {
        match self {
            Self::Current(key) => vec![key.clone()],
            Self::Older { access, secret } => vec![access.clone(), secret.clone()],
        }
    }
}

pub(super) enum Codec {
    Current(HeaderValue),
    Older { access: String, secret: String },
}

/// One task as they tell of it.
pub(super) struct Task<'a> {
    told: &'a Value,
    is_older: bool,
}

fn bearer(token: &str) -> Result<HeaderValue, Fault> {
    let broken =
        |_| Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "kling").because("the key holds signs that no key has");
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(broken)?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

impl Codec {
    pub(super) fn new(key: &KlingKey) -> Result<Self, Fault> {
        Ok(match key {
            KlingKey::Current(key) => Self::Current(bearer(key)?),
            KlingKey::Older { access, secret } => Self::Older { access: access.clone(), secret: secret.clone() },
        })
    }

    pub(super) fn is_older(&self) -> bool {
        matches!(self, Self::Older { .. })
    }

    pub(super) fn model(&self) -> &'static str {
        match self {
            Self::Current(_) => "kling-3.0",
            Self::Older { .. } => "kling-v2-6",
        }
    }

    pub(super) fn motion_path(&self) -> &'static str {
        match self {
            Self::Current(_) => "/motion-control/kling-3.0",
            Self::Older { .. } => "/v1/videos/motion-control",
        }
    }

    pub(super) fn headers(&self) -> Result<HeaderMap, Fault> {
        let value = match self {
            Self::Current(bearer) => bearer.clone(),
            Self::Older { access, secret } => bearer(&signed(access, secret, SystemClock.now_ms() / 1_000))?,
        };
        Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    pub(super) fn order(&self, request: &MotionRequest, [image_url, video_url]: [&str; 2], key: &str, settings: &KlingSettings) -> Value {
        let prompt = &request.concept.prompt;
        let is_fine = settings.resolution == Resolution::P1080;
        // The movement is the reference's, and so is where the dancer faces: that also allows up to 30 s.
        let mut order = match self {
            Self::Current(_) => json!({
                "contents": [{"type": "prompt", "text": prompt}, {"type": "image", "url": image_url}, {"type": "video", "url": video_url}],
                "settings": {"character_orientation": "video", "audio": "original", "resolution": if is_fine { "1080p" } else { "720p" }},
                "options": {"external_task_id": key, "watermark_info": {"enabled": false}},
            }),
            Self::Older { .. } => json!({
                "model_name": self.model(), "image_url": image_url, "video_url": video_url, "prompt": prompt, "keep_original_sound": "yes",
                "character_orientation": "video", "mode": if is_fine { "pro" } else { "std" }, "external_task_id": key,
            }),
        };
        if let Some(callback) = &settings.callback {
            let options = if self.is_older() { &mut order } else { &mut order["options"] };
            options["callback_url"] = json!(callback);
        }
        order
    }

    pub(super) fn find_path(&self, key: &str) -> String {
        match self {
            Self::Current(_) => format!("/tasks?external_task_ids={}", encode_query(key)),
            Self::Older { .. } => self.look_path(key),
        }
    }

    pub(super) fn look_path(&self, id: &str) -> String {
        match self {
            Self::Current(_) => format!("/tasks?task_ids={}", encode_query(id)),
            Self::Older { .. } => format!("{}/{}", self.motion_path(), encode_query(id)),
        }
    }

    /// The name of the task that an answer to an order tells of.
    pub(super) fn name_of(&self, said: &Value) -> Option<String> {
        Task { told: &said["data"], is_older: self.is_older() }.name()
    }

    /// The task that an answer to a look tells of.
    pub(super) fn task<'a>(&self, said: &'a Value) -> Option<Task<'a>> {
        let data = &said["data"];
        let told = if self.is_older() { Some(data) } else { data.as_array().and_then(|tasks| tasks.first()) };
        told.filter(|told| told.is_object()).map(|told| Task { told, is_older: self.is_older() })
    }
}

impl Task<'_> {
    pub(super) fn name(self) -> Option<String> {
        let id = &self.told[if self.is_older { "task_id" } else { "id" }];
        id.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
    }

    /// How far it is. Errors: `provider_down` where it says nothing that is known.
    pub(super) fn progress(self, shown: impl Fn(&str) -> String) -> Result<Progress, Fault> {
        let state = self.told[if self.is_older { "task_status" } else { "status" }].as_str().unwrap_or_default();
        match state {
            "submitted" | "processing" => Ok(Progress::Working(None)),
            "succeed" | "succeeded" => Ok(Progress::Made { cost_micros: None }),
            "failed" => {
                let words = ["task_status_msg", "message", "status_msg"].iter().find_map(|field| self.told[field].as_str());
                let reason = words.map_or_else(|| "Kling gives no reason".to_owned(), shown);
                Ok(Progress::Failed(Fault::new(Code::ProviderRefused, "make dance").because(reason)))
            }
            other => Err(Fault::new(Code::ProviderDown, "look at dance").because(format!("its task is {:?}", shown(other)))),
        }
    }

    /// Where the film is.
    pub(super) fn film(self) -> Option<String> {
        let outputs = if self.is_older { &self.told["task_result"]["videos"] } else { &self.told["outputs"] };
        outputs.as_array()?.iter().find_map(|output| output["url"].as_str()).map(str::to_owned)
    }
}

/// The older API's token: a JWT of the pair.
fn signed(access: &str, secret: &str, now_s: i64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": access, "exp": now_s + SIGNED_S, "nbf": now_s - CLOCKS_S});
    let text = format!("{}.{}", part(json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return text };
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
