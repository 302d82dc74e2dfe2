//! `rushes config show`: each value and where it came from.

use super::{Context, exit, print};
use crate::config::place;
use serde_json::{Value, json};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print each value and where it came from.
    Show,
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<u8> {
    let Command::Show = command;
    let mut rows = Vec::new();
    flatten("", &serde_json::to_value(&context.loaded.config)?, &mut rows);
    let shown = rows.into_iter().map(|(key, value)| {
        let from = context.loaded.origin.find_metadata(&key).map_or_else(|| "default".to_owned(), place);
        (key, value, from)
    });
    if context.json {
        let settings: Vec<Value> = shown.map(|(key, value, from)| json!({"setting": key, "value": value, "from": from})).collect();
        print::json(&json!({"home": context.home.root(), "settings": settings}))?;
    } else {
        print::line(format!("home: {}", context.home.root().display()));
        print::table(&["setting", "value", "from"], &[], shown.map(|(key, value, from)| vec![key, value.to_string(), from]));
    }
    Ok(exit::DONE)
}

fn flatten(at: &str, value: &Value, rows: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let key = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                flatten(&key, value, rows);
            }
        }
        other => rows.push((at.to_owned(), other.clone())),
    }
}
