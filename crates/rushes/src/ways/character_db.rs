//! Reads `character_db.json` as it has grown over the years: a list of characters, or characters by id; their sets as a
//! list, by title, or only the fields of the first. What cannot be understood is named and the rest goes on.

use rushes_core::subject::name_of;
use rushes_core::{Code, Fault, record};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Its name in a library.
pub(crate) const NAME: &str = "character_db.json";
/// A file of words larger than this is none.
const BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The fields of a set that name a file.
pub(crate) const FILES: [&str; 19] = [
    "anime_image",
    "cosplay_image",
    "dance_video",
    "motion_ref_video",
    "deliverable",
    "DELIVERABLE",
    "scored",
    "watermarked",
    "kpop_video",
    "orig_video",
    "kpop_audio",
    "ai_music",
    "orig_audio",
    "icon",
    "name_sticker",
    "poster",
    "contact_sheet",
    "preview",
    "waveform",
];

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct CharacterDb {
    /// The file that was read.
    pub(crate) path: PathBuf,
    pub(crate) characters: Vec<Character>,
    pub(crate) problems: Vec<Problem>,
}

/// One character.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Character {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Whatever it says beside id, name and files.
    pub(crate) fields: Map<String, Value>,
    pub(crate) named: Vec<Named>,
    /// Folders of remixes, with the title of the set that names each.
    pub(crate) folders: Vec<(String, String)>,
}

/// A value that names a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    pub(crate) title: String,
    pub(crate) field: String,
    pub(crate) value: String,
    pub(crate) prompt: Option<String>,
    /// Where it stands, for people.
    pub(crate) at: String,
}

/// Something in the file that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// `backup_used`, `wrong_type`, `no_id`, `bad_id`, `no_name`, `no_title`, `duplicate_id`, `duplicate_field`, `field_unknown`.
    pub(crate) code: &'static str,
    /// Where.
    pub(crate) at: String,
    /// In words.
    pub(crate) detail: String,
}

/// Reads it, or the `.bak` beside it where it is broken or missing. Errors: `file_missing`, `file_corrupt`, naming both.
pub(crate) fn read(path: &Path) -> Result<CharacterDb, Fault> {
    let first = match parse(path) {
        Ok(value) => return Ok(understand(path, &value, Vec::new())),
        Err(fault) => fault,
    };
    let beside = [PathBuf::from(format!("{}.bak", path.display())), path.with_extension("bak")];
    for backup in beside {
        if let Ok(value) = parse(&backup) {
            let name = backup.file_name().unwrap_or_default().to_string_lossy();
            let detail = format!("{first}; {name} beside it is used instead");
            return Ok(understand(&backup, &value, vec![Problem { code: "backup_used", at: path.display().to_string(), detail }]));
        }
    }
    let reason = format!("{}; and no .bak beside it can be read", first.reason.as_deref().unwrap_or("it cannot be read"));
    Err(Fault { reason: Some(reason), ..first })
}

fn parse(path: &Path) -> Result<Value, Fault> {
    rushes_media::inspect::check_file(path)?;
    let corrupt = |reason: String| Fault::new(Code::FileCorrupt, "read characters").with("path", path.display()).because(reason);
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > BYTES_MAX) {
        return Err(corrupt(format!("it is larger than {} MB", BYTES_MAX / 1_000_000)));
    }
    let bytes = std::fs::read(path).map_err(|e| Fault::io("read characters", path, &e))?;
    // Editors on Windows begin a file with a mark that JSON does not know.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let value: Value = serde_json::from_slice(text).map_err(|e| corrupt(format!("it is no JSON: {e}")))?;
    match value {
        Value::Array(_) | Value::Object(_) => Ok(value),
        _ => Err(corrupt("it is neither a list of characters nor an object of them".to_owned())),
    }
}

fn understand(path: &Path, value: &Value, problems: Vec<Problem>) -> CharacterDb {
    let mut reading = Reading { problems };
    let mut characters: Vec<Character> = Vec::new();
    for (at, id, entry) in entries(value) {
        let Some(character) = reading.character(&at, id, entry) else { continue };
        match characters.iter().position(|other| other.id == character.id) {
            None => characters.push(character),
            Some(index) => {
                reading.say(
                    "duplicate_id",
                    &at,
                    format!("{} is there before; what only one of the two says is kept, of the rest the later", character.id),
                );
                let other = std::mem::take(&mut characters[index]);
                characters[index] = merge(other, character);
            }
        }
    }
    CharacterDb { path: path.to_owned(), characters, problems: reading.problems }
}

/// The characters with where they stand, and the id where that is their key.
fn entries(value: &Value) -> Vec<(String, Option<&str>, &Value)> {
    let listed = |name: &str, list: &'_ [Value]| (0..list.len()).map(|i| format!("{name}[{i}]")).collect::<Vec<_>>();
    match value {
        Value::Array(list) => listed("characters", list).into_iter().zip(list).map(|(at, entry)| (at, None, entry)).collect(),
        Value::Object(fields) => match fields.get("characters") {
            Some(inner @ (Value::Array(_) | Value::Object(_))) => entries(inner),
            _ => fields.iter().map(|(id, entry)| (format!("characters.{id}"), Some(id.as_str()), entry)).collect(),
        },
        _ => Vec::new(),
    }
}

/// Two entries of one id: the one with the later `last_updated` counts (the second, where that does not say), and takes
/// over what only the other has. Files of both stay; which are the same is found out later.
fn merge(first: Character, second: Character) -> Character {
    let age = |c: &Character| c.fields.get("last_updated").map(ToString::to_string).unwrap_or_default();
    let (mut newer, older) = if age(&first) > age(&second) { (first, second) } else { (second, first) };
    for (field, value) in older.fields {
        newer.fields.entry(field).or_insert(value);
    }
    newer.named.extend(older.named);
    newer.folders.extend(older.folders);
    newer
}

struct Reading {
    problems: Vec<Problem>,
}

impl Reading {
    fn say(&mut self, code: &'static str, at: &str, detail: impl Into<String>) {
        self.problems.push(Problem { code, at: at.to_owned(), detail: detail.into() });
    }

    fn character(&mut self, at: &str, key: Option<&str>, entry: &Value) -> Option<Character> {
        let Value::Object(fields) = entry else {
            self.say("wrong_type", at, format!("a character is an object, and this is {}", sort(entry)));
            return None;
        };
        let id = match fields.get("id") {
            Some(Value::String(id)) if !id.trim().is_empty() => id.trim().to_owned(),
            Some(Value::Number(id)) => id.to_string(),
            None | Some(Value::Null) if key.is_some_and(|key| !key.trim().is_empty()) => key.unwrap_or_default().to_owned(),
            other => {
                let detail = other.map_or("it has no id".to_owned(), |id| format!("its id is {}", shown(id)));
                self.say("no_id", at, format!("{detail}; it cannot be told from others and is left out"));
                return None;
            }
        };
        // Ids are parts of paths and names of records, and frozen: another one cannot be made up.
        if rushes_core::kinds::segment(&id) != id {
            self.say("bad_id", at, format!("{id:?} cannot be part of a path; give it another id, and its files will be taken"));
            return None;
        }
        let name = match fields.get("name") {
            Some(Value::String(name)) if !name.trim().is_empty() => name.trim().to_owned(),
            other => {
                let name = name_of(&id);
                let detail = other.map_or("it has no name".to_owned(), |value| format!("its name is {}", shown(value)));
                self.say("no_name", at, format!("{id}: {detail}; {name:?} is taken from the id"));
                name
            }
        };
        let mut character = Character { id, name, ..Character::default() };
        let mut sets = Map::new();
        for (field, value) in fields {
            match field.as_str() {
                "id" | "name" => {}
                "assets" => sets = self.assets(&format!("{at}.assets"), value, &mut character),
                // What records use for themselves.
                own if record::OWN.contains(&own) || [record::SETS, record::IMPORTED].contains(&own) => {
                    let kept = character.fields.entry(record::IMPORTED).or_insert_with(|| Value::Object(Map::new()));
                    kept[field.as_str()] = value.clone();
                }
                _ => drop(character.fields.insert(field.clone(), value.clone())),
            }
        }
        if !sets.is_empty() {
            character.fields.insert(record::SETS.to_owned(), Value::Object(sets));
        }
        Some(character)
    }

    /// Reads the sets; gives what they say beside files, by title.
    fn assets(&mut self, at: &str, value: &Value, character: &mut Character) -> Map<String, Value> {
        let mut said = Map::new();
        let mut seen: BTreeMap<(String, String), String> = BTreeMap::new();
        for (at, title, set) in self.sets(at, value) {
            let more = self.set(&at, &title, &set, character, &mut seen);
            if !more.is_empty() {
                let known = said.entry(title).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(known) = known {
                    known.extend(more);
                }
            }
        }
        said
    }

    /// The sets with their titles, whatever form they have.
    fn sets(&mut self, at: &str, value: &Value) -> Vec<(String, String, Map<String, Value>)> {
        match value {
            Value::Null => Vec::new(),
            Value::Array(list) => {
                let mut sets = Vec::new();
                for (index, set) in list.iter().enumerate() {
                    let at = format!("{at}[{index}]");
                    let Value::Object(fields) = set else {
                        self.say("wrong_type", &at, format!("a set is an object, and this is {}", shown(set)));
                        continue;
                    };
                    let title = match fields.get("title") {
                        Some(Value::String(title)) if !title.trim().is_empty() => title.trim().to_owned(),
                        _ => {
                            let title = if index == 0 { "primary".to_owned() } else { format!("alternate_{index}") };
                            self.say("no_title", &at, format!("it has no title; {title:?} is taken for it"));
                            title
                        }
                    };
                    sets.push((at, title, fields.clone()));
                }
                sets
            }
            // By title; or, oldest of all, the files of the first set themselves.
            Value::Object(fields) if fields.values().any(Value::is_object) => {
                let mut sets = Vec::new();
                for (title, set) in fields {
                    let at = format!("{at}.{title}");
                    match set {
                        Value::Object(inner) => sets.push((at, title.clone(), inner.clone())),
                        Value::Null => {}
                        _ => self.say("wrong_type", &at, format!("a set is an object, and this is {}", shown(set))),
                    }
                }
                sets
            }
            Value::Object(fields) => vec![(at.to_owned(), "primary".to_owned(), fields.clone())],
            _ => {
                self.say("wrong_type", at, format!("assets are a list or an object, and this is {}", shown(value)));
                Vec::new()
            }
        }
    }

    fn set(
        &mut self,
        at: &str,
        title: &str,
        set: &Map<String, Value>,
        character: &mut Character,
        seen: &mut BTreeMap<(String, String), String>,
    ) -> Map<String, Value> {
        let mut more = Map::new();
        let prompt = set.get("prompt").and_then(Value::as_str).map(str::to_owned);
        for (field, value) in set {
            let at = format!("{at}.{field}");
            let is_file = FILES.contains(&field.as_str()) || field == "remix_folder";
            match value {
                _ if field == "title" => {}
                // No file, in each of the ways there are to say so.
                Value::Null => {}
                Value::String(text) if is_file && text.trim().is_empty() => {}
                Value::String(text) if field == "remix_folder" => character.folders.push((title.to_owned(), text.clone())),
                Value::String(text) if is_file => {
                    let before = seen.insert((title.to_owned(), field.clone()), text.clone());
                    if before.is_some_and(|before| before != *text) {
                        self.say(
                            "duplicate_field",
                            &at,
                            format!("{}: the set {title} names two files for {field}; see below which is taken", character.id),
                        );
                    }
                    let (field, value) = (field.clone(), text.trim().to_owned());
                    character.named.push(Named { title: title.to_owned(), field, value, prompt: prompt.clone(), at });
                }
                _ if is_file => {
                    self.say("wrong_type", &at, format!("{}: a path is text, and this is {}", character.id, shown(value)));
                }
                Value::String(text) if text.contains(['/', '\\']) && rushes_core::recognise::Sort::of(text).is_some() => {
                    let detail = format!("{}: it names {text}, and no kind of file is called {field}; the text is kept", character.id);
                    self.say("field_unknown", &at, detail);
                    more.insert(field.clone(), value.clone());
                }
                _ => drop(more.insert(field.clone(), value.clone())),
            }
        }
        more
    }
}

fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shown(value: &Value) -> String {
    let text: String = value.to_string().chars().take(40).collect();
    format!("{} ({text})", sort(value))
}

#[cfg(test)]
mod tests;
