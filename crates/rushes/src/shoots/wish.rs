//! What somebody wants of a shoot's rules: what is not said stays.

use rushes_core::album::{Rules, Unknown};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a shoot is to do; what is not said stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wish {
    /// Whether faces are looked for: only with the consent of those it is about.
    pub(crate) recognise: Option<bool>,
    /// What becomes of people nobody knows: a folder of their own (`cloud`), one on this machine alone until
    /// somebody enrols them (`local`), or a question (`review`). For people founded from now on.
    #[schema(value_type = Option<String>, pattern = "^(cloud|local|review)$")]
    pub(crate) unknown: Option<Unknown>,
    /// A face nearer than this is that person's.
    #[schema(minimum = 0, maximum = 0.8)]
    pub(crate) route_below: Option<f32>,
    /// A face nearer than this may be that person's: somebody decides.
    #[schema(minimum = 0, maximum = 0.8)]
    pub(crate) review_below: Option<f32>,
    /// The second-best person is further away by at least so much.
    #[schema(minimum = 0, maximum = 0.5)]
    pub(crate) margin: Option<f32>,
    /// Whether photos are taken.
    pub(crate) open: Option<bool>,
    /// Everything known of faces is erased, and the pages of guests end, so many days from now; 0: never.
    #[schema(minimum = 0, maximum = 3650)]
    #[serde(deserialize_with = "at_most::<_, 3_650>")]
    pub(crate) days: Option<u32>,
}

impl Wish {
    /// From an object alone: by itself serde would read a list as the fields in their order.
    pub(crate) fn of_object<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let said = Map::<String, Value>::deserialize(from)?;
        serde_json::from_value(Value::Object(said)).map_err(serde::de::Error::custom)
    }

    /// The rules from now on.
    pub(crate) fn onto(&self, rules: Rules, now_ms: i64) -> Rules {
        let until = |days: u32| (days > 0).then(|| now_ms + i64::from(days) * DAY_MS);
        Rules {
            is_recognising: self.recognise.unwrap_or(rules.is_recognising),
            unknown: self.unknown.unwrap_or(rules.unknown),
            route_below: self.route_below.unwrap_or(rules.route_below),
            review_below: self.review_below.unwrap_or(rules.review_below),
            margin: self.margin.unwrap_or(rules.margin),
            is_open: self.open.unwrap_or(rules.is_open),
            expires_ms: self.days.map_or(rules.expires_ms, until),
        }
    }
}

/// A number up to this, where there is one.
pub(crate) fn at_most<'de, D: Deserializer<'de>, const MAX: u32>(from: D) -> Result<Option<u32>, D::Error> {
    let number = Option::<u32>::deserialize(from)?;
    match number {
        Some(number) if number > MAX => Err(serde::de::Error::custom(format!("{number} is more than {MAX}"))),
        _ => Ok(number),
    }
}

/// `cloud`, `local` or `review`.
pub(crate) fn unknown(text: &str) -> Option<Unknown> {
    serde_json::from_value(json!(text)).ok()
}
