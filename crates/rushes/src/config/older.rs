//! Names known from the older systems, and `.env` files. Each name is a row; what this build cannot act on yet is
//! refused by name, so that nobody believes a cloud is configured that is not.

use figment::providers::Serialized;
use figment::{Metadata, Profile, Provider};
use rushes_core::{Code, Fault};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What an older name means today.
enum Means {
    /// This setting, as a number.
    Number(&'static str, &'static str),
    /// This setting, switched the other way round.
    Not(&'static str, &'static str),
    /// A place of a type that this build does not have.
    NotYet(&'static str),
}

const NAMES: &[(&str, Means)] = &[
    ("UPLOAD_BATCH_SIZE", Means::Number("delivery", "in_flight")),
    ("UPLOAD_RETRY_DELAY", Means::Number("delivery", "first_backoff_s")),
    ("UPLOAD_MAX_RETRIES", Means::Number("delivery", "alarm_after")),
    ("UPLOAD_QUEUE_ENABLED", Means::Not("delivery", "hold")),
    ("FOLDER_SYNC_INTERVAL", Means::Number("delivery", "scan_every_s")),
    ("PORT", Means::Number("server", "port")),
    ("JOB_TIMEOUT", Means::Number("server", "job_limit_s")),
    ("DRIVE_ROOT_FOLDER_ID", Means::NotYet("a Google Drive destination")),
];

/// A `.env` file: every line, and those that name a setting of ours as nested values.
pub(super) struct Dotenv {
    pub(super) all: BTreeMap<String, String>,
    pub(super) named: Value,
}

/// Reads a `.env` file; none there is an empty one. The process's own environment is left alone.
pub(super) fn read_dotenv(path: &Path) -> Result<Dotenv, Fault> {
    let invalid = |reason: String| Fault::new(Code::ConfigInvalid, "read configuration").with("from", ".env").because(reason);
    let mut all = BTreeMap::new();
    if super::is_file(path)? {
        for line in dotenvy::from_path_iter(path).map_err(|e| invalid(e.to_string()))? {
            let (name, value) = line.map_err(|e| invalid(e.to_string()))?;
            all.insert(name, value);
        }
    }
    let mut named = json!({});
    for (name, text) in &all {
        let Some(key) = name.strip_prefix("RUSHES_").filter(|key| key.contains("__")) else { continue };
        let value: Value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        let mut at = &mut named;
        for part in key.to_ascii_lowercase().split("__") {
            at =
                at.as_object_mut().ok_or_else(|| invalid(format!("{name} names a value within a value")))?.entry(part).or_insert(json!({}));
        }
        *at = value;
    }
    Ok(Dotenv { all, named })
}

/// The older names among these variables, as a layer that tells its origin.
pub(super) fn names(variables: &BTreeMap<String, String>) -> Result<impl Provider, Fault> {
    let mut found = Map::new();
    for (name, means) in NAMES {
        let Some(text) = variables.get(*name).filter(|text| !text.is_empty()) else { continue };
        match means {
            Means::Number(section, key) => {
                let number: serde_json::Number = text.trim().parse().map_err(|_| {
                    Fault::new(Code::ConfigInvalid, "read configuration").with("setting", *name).because(format!("{text:?} is no number"))
                })?;
                found.entry(*section).or_insert(json!({}))[*key] = Value::Number(number);
            }
            Means::Not(section, key) => {
                let is_on = match text.trim().to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" | "on" => true,
                    "false" | "0" | "no" | "off" => false,
                    _ => {
                        return Err(Fault::new(Code::ConfigInvalid, "read configuration")
                            .with("setting", *name)
                            .because(format!("{text:?} is neither true nor false")));
                    }
                };
                found.entry(*section).or_insert(json!({}))[*key] = Value::Bool(!is_on);
            }
            Means::NotYet(what) => {
                let reason = format!("it asks for {what}, which this build does not have yet; unset it to go on without");
                return Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", *name).because(reason));
            }
        }
    }
    Ok(Older(Serialized::from(Value::Object(found), Profile::Default)))
}

struct Older(Serialized<Value>);

impl Provider for Older {
    fn metadata(&self) -> Metadata {
        Metadata::named("older name in the environment")
    }

    fn data(&self) -> figment::Result<figment::value::Map<Profile, figment::value::Dict>> {
        self.0.data()
    }
}
