//! The commands, over keys in memory. Lists that are empty are not there, as in a Redis.

use rushes_core::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

enum Key {
    List(VecDeque<String>),
    Hash(BTreeMap<String, String>),
}

/// Everything that is kept.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<String, Key>);

const WRONG: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn number(word: &str) -> Result<i64, String> {
    word.parse().map_err(|_| "ERR value is not an integer or out of range".to_owned())
}

impl Keys {
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Key::List(items)) => items.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Carries out one command. Errors: in Redis' words.
    pub(super) fn run(&mut self, command: &[Value]) -> Result<Value, String> {
        let words: Vec<String> = command.iter().map(word).collect();
        let mut words = words.iter().map(String::as_str);
        let name = words.next().unwrap_or_default().to_uppercase();
        let arguments: Vec<&str> = words.collect();
        let done = match (name.as_str(), arguments.as_slice()) {
            ("TIME", []) => {
                let now_ms = SystemClock.now_ms();
                Ok(json!([(now_ms / 1_000).to_string(), (now_ms % 1_000 * 1_000).to_string()]))
            }
            ("RPUSH" | "LPUSH", [list, item, more @ ..]) => {
                let items = self.items(list)?;
                for item in [item].into_iter().chain(more) {
                    if name == "RPUSH" { items.push_back((*item).to_owned()) } else { items.push_front((*item).to_owned()) }
                }
                Ok(json!(items.len()))
            }
            ("LLEN", [list]) => Ok(json!(self.items(list)?.len())),
            ("LMOVE", [from, into, take @ ("LEFT" | "RIGHT"), put @ ("LEFT" | "RIGHT")]) => self.moved(from, into, (take, put)),
            ("LRANGE", [list, first, last]) => {
                let kept = range(self.items(list)?, number(first)?, number(last)?);
                Ok(json!(kept))
            }
            ("LTRIM", [list, first, last]) => {
                let items = self.items(list)?;
                *items = range(items, number(first)?, number(last)?).into();
                Ok(json!("OK"))
            }
            // Only from the left, as it is asked for.
            ("LREM", [list, "0" | "1", item]) => {
                let items = self.items(list)?;
                let at = items.iter().position(|one| one == item);
                at.and_then(|at| items.remove(at));
                Ok(json!(u8::from(at.is_some())))
            }
            ("HSET", [hash, field, value]) => Ok(json!(u8::from(self.fields(hash)?.insert((*field).into(), (*value).into()).is_none()))),
            ("HDEL", [hash, field]) => Ok(json!(u8::from(self.fields(hash)?.remove(*field).is_some()))),
            ("HGETALL", [hash]) => Ok(json!(self.fields(hash)?.iter().flat_map(|(field, value)| [field, value]).collect::<Vec<_>>())),
            _ => Err(format!("ERR unknown command or wrong number of arguments for '{name}'")),
        };
        self.0.retain(|_, key| match key {
            Key::List(items) => !items.is_empty(),
            Key::Hash(fields) => !fields.is_empty(),
        });
        done
    }

    fn moved(&mut self, from: &str, into: &str, (take, put): (&str, &str)) -> Result<Value, String> {
        self.items(into)?;
        let items = self.items(from)?;
        let Some(item) = (if take == "LEFT" { items.pop_front() } else { items.pop_back() }) else { return Ok(Value::Null) };
        let items = self.items(into)?;
        if put == "LEFT" {
            items.push_front(item.clone())
        } else {
            items.push_back(item.clone())
        }
        Ok(json!(item))
    }

    fn items(&mut self, name: &str) -> Result<&mut VecDeque<String>, String> {
        match self.0.entry(name.to_owned()).or_insert_with(|| Key::List(VecDeque::new())) {
            Key::List(items) => Ok(items),
            Key::Hash(_) => Err(WRONG.to_owned()),
        }
    }

    fn fields(&mut self, name: &str) -> Result<&mut BTreeMap<String, String>, String> {
        match self.0.entry(name.to_owned()).or_insert_with(|| Key::Hash(BTreeMap::new())) {
            Key::Hash(fields) => Ok(fields),
            Key::List(_) => Err(WRONG.to_owned()),
        }
    }
}

/// From the first to the last, both counted in; below zero from the end.
fn range(items: &VecDeque<String>, first: i64, last: i64) -> Vec<String> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let at = |index: i64| if index < 0 { (length + index).max(0) } else { index };
    let (first, last) = (at(first), if last < 0 { length + last } else { last.min(length - 1) });
    let place = |index: i64| usize::try_from(index).unwrap_or_default();
    if first > last { Vec::new() } else { items.range(place(first)..=place(last)).cloned().collect() }
}
