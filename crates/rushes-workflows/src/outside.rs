//! How somebody outside starts a workflow: what they may say, what that becomes, and what will be done. One table of
//! fields makes the JSON schema, the flags of the command line and the check of what is said.

use crate::kit::Kit;
use rushes_core::flow::Library;
use rushes_core::provider::ChatMessage;
use rushes_core::{Code, Fault};
use rushes_media::music::Styles;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::future::Future;
use std::ops::RangeInclusive;
use std::path::Path;
use std::pin::Pin;

/// The largest seed: the largest whole number that every reader of JSON keeps exactly.
pub(crate) const SEED_MAX: u64 = 9_007_199_254_740_991;
/// Characters of one text at most.
const TEXT_MAX: usize = 2_000;
/// An object, written out, at most.
const OBJECT_MAX_BYTES: usize = 64 * 1024;

/// Where somebody asks, and what they may choose from.
#[derive(Clone, Copy)]
pub struct Door<'a> {
    /// The seed where none is said.
    pub seed: u64,
    /// The folder of the reference library.
    pub references: &'a Path,
    /// The styles of music there are.
    pub styles: &'a Styles,
    /// On this very machine: a path is a file of who types it. From anywhere else only names are taken.
    pub may_name_files: bool,
}

/// What a plan is made from: nothing is changed by looking.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// As the job would have it.
    pub kit: &'a Kit,
    /// What there is now.
    pub library: &'a dyn Library,
}

/// A plan being made.
pub type Planning<'a> = Pin<Box<dyn Future<Output = Result<Plan, Fault>> + Send + 'a>>;

/// The ways of a workflow that may be started from outside. The others read files of this very machine.
#[derive(Debug, Clone, Copy)]
pub struct Outside {
    /// What may be said.
    pub fields: fn() -> Vec<Field>,
    /// What was said as the workflow's parameters, with everything filled in that was left out.
    /// Errors: `input_invalid`, `reference_unknown`, each naming what there is.
    pub read: fn(&Value, &Door<'_>) -> Result<Value, Fault>,
    /// What will be done with such parameters. Errors: `input_invalid`, `not_found`.
    pub plan: for<'a> fn(Value, Look<'a>) -> Planning<'a>,
    /// What makes two requests with such parameters one, where they say so themselves.
    pub key: fn(&Value) -> Option<String>,
}

/// Parameters that somebody outside may say.
pub(crate) trait Parameters: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What may be said; each is a field of the parameters.
    fn fields() -> Vec<Field>;

    /// Refuses what can be refused before a job is made, beyond what the fields say.
    fn check(&self, _door: &Door<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// What makes two requests one, where whoever asks has a name for it.
    fn key(&self) -> Option<String> {
        None
    }

    /// What will be done.
    fn plan(&self, look: Look<'_>) -> impl Future<Output = Result<Plan, Fault>> + Send;
}

impl Outside {
    /// The ways of a workflow with these parameters.
    pub(crate) const fn of<P: Parameters>() -> Self {
        Self { fields: P::fields, read: read::<P>, plan: plan::<P>, key: key::<P> }
    }

    /// The fields as a JSON schema.
    #[must_use]
    pub fn schema(&self) -> Value {
        let fields = (self.fields)();
        let needed: Vec<&str> = fields.iter().filter(|field| field.is_needed).map(|field| field.name).collect();
        let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), field.schema())).collect();
        json!({"type": "object", "additionalProperties": false, "required": needed, "properties": properties})
    }
}

/// A step that will be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Of which workflow.
    pub workflow: &'static str,
    /// As it will be named.
    pub step: String,
    /// How often: once in each child.
    pub times: u32,
}

/// What a job will do, as far as can be told now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Its steps and those of its children.
    pub steps: Vec<Planned>,
    /// What it found to do, a line each.
    pub found: Vec<String>,
}

impl Plan {
    /// These steps of a workflow, each so often.
    pub(crate) fn of(workflow: &'static str, times: u32, steps: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let steps = steps.into_iter().map(|step| Planned { workflow, step: step.into(), times }).collect();
        Self { steps, found: Vec::new() }
    }

    /// And these.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self.found.extend(other.found);
        self
    }

    /// With a line on what was found.
    pub(crate) fn found(mut self, line: impl Into<String>) -> Self {
        self.found.push(line.into());
        self
    }
}

/// One thing that may be said.
#[derive(Debug, Clone)]
pub struct Field {
    /// Among the parameters.
    pub name: &'static str,
    /// On the command line, without its dashes; None: it stands there bare, before all flags.
    pub flag: Option<&'static str>,
    /// One sentence for people.
    pub about: String,
    /// What it takes.
    pub takes: Takes,
    /// It must be said, unless the command line knows what is usual.
    pub is_needed: bool,
    /// On this machine it may be a file.
    pub is_file: bool,
    /// It is a folder of this machine, and nothing from anywhere else.
    pub is_folder: bool,
}

/// What a field takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takes {
    /// True or false; this is usual. Where true is usual, its flag says no.
    Switch(bool),
    /// A whole number; the one that is usual, where there is any.
    Whole {
        /// The least and the most.
        within: RangeInclusive<u64>,
        /// Where nothing is said.
        usual: Option<u64>,
    },
    /// A seed; a fresh one where none is said.
    Seed,
    /// A text; the one that is usual, where there is any.
    Text(Option<String>),
    /// Several texts, at most so many.
    Texts(usize),
    /// An object of JSON, whose fields the workflow reads itself; an empty one where nothing is said.
    Object,
    /// Messages of a conversation, at most so many: each has its role, `user` or `assistant`, and its content.
    Messages(usize),
}

impl Field {
    fn new(name: &'static str, flag: Option<&'static str>, takes: Takes, about: impl Into<String>) -> Self {
        Self { name, flag, about: about.into(), takes, is_needed: false, is_file: false, is_folder: false }
    }

    /// A switch that is usually off.
    pub(crate) fn switch(name: &'static str, flag: &'static str, about: &str) -> Self {
        Self::new(name, Some(flag), Takes::Switch(false), about)
    }

    /// A switch that is usually on; `flag` turns it off.
    pub(crate) fn unless(name: &'static str, flag: &'static str, about: &str) -> Self {
        Self::new(name, Some(flag), Takes::Switch(true), about)
    }

    /// A whole number.
    pub(crate) fn whole(name: &'static str, flag: &'static str, within: RangeInclusive<u64>, usual: Option<u64>, about: &str) -> Self {
        Self::new(name, Some(flag), Takes::Whole { within, usual }, about)
    }

    /// The seed.
    pub(crate) fn seed(about: &str) -> Self {
        Self::new("seed", Some("seed"), Takes::Seed, about)
    }

    /// Any text.
    pub(crate) fn text(name: &'static str, flag: &'static str, about: &str) -> Self {
        Self::new(name, Some(flag), Takes::Text(None), about)
    }

    /// A text that stands bare on the command line, and must be there.
    pub(crate) fn bare(name: &'static str, about: &str) -> Self {
        Self { is_needed: true, ..Self::new(name, None, Takes::Text(None), about) }
    }

    /// A text; this one where nothing is said.
    pub(crate) fn usually(name: &'static str, flag: &'static str, usual: &str, about: &str) -> Self {
        Self::new(name, Some(flag), Takes::Text(Some(usual.to_owned())), about)
    }

    /// Several texts.
    pub(crate) fn texts(name: &'static str, flag: &'static str, most: usize, about: &str) -> Self {
        Self::new(name, Some(flag), Takes::Texts(most), about)
    }

    /// An object of JSON.
    pub(crate) fn object(name: &'static str, flag: &'static str, about: &str) -> Self {
        Self::new(name, Some(flag), Takes::Object, about)
    }

    /// Messages of a conversation.
    pub(crate) fn messages(name: &'static str, flag: &'static str, most: usize, about: &str) -> Self {
        Self::new(name, Some(flag), Takes::Messages(most), about)
    }

    /// It must be said.
    pub(crate) fn needed(mut self) -> Self {
        self.is_needed = true;
        self
    }

    /// It may be left out.
    pub(crate) fn or_none(mut self) -> Self {
        self.is_needed = false;
        self
    }

    /// On this machine it may be a file.
    pub(crate) fn file(mut self) -> Self {
        self.is_file = true;
        self
    }

    /// It is a folder of this machine.
    pub(crate) fn folder(mut self) -> Self {
        self.is_folder = true;
        self
    }

    fn schema(&self) -> Value {
        let mut schema = match &self.takes {
            Takes::Switch(usual) => json!({"type": "boolean", "default": usual}),
            Takes::Whole { within, usual } => {
                let mut whole = json!({"type": "integer", "minimum": within.start(), "maximum": within.end()});
                if let (Some(usual), false) = (usual, self.is_needed) {
                    whole["default"] = json!(usual);
                }
                whole
            }
            Takes::Seed => json!({"type": "integer", "minimum": 0, "maximum": SEED_MAX}),
            Takes::Text(usual) => {
                let mut text = json!({"type": "string", "maxLength": TEXT_MAX});
                if let Some(usual) = usual {
                    text["default"] = json!(usual);
                }
                text
            }
            Takes::Texts(most) => {
                json!({"type": "array", "items": {"type": "string", "maxLength": TEXT_MAX}, "maxItems": most, "default": []})
            }
            Takes::Object => json!({"type": "object", "default": {}}),
            Takes::Messages(most) => {
                let fields = json!({"role": {"enum": ["user", "assistant"]}, "content": {"type": "string", "minLength": 1}});
                let message =
                    json!({"type": "object", "properties": fields, "required": ["role", "content"], "additionalProperties": false});
                json!({"type": "array", "items": message, "maxItems": most, "default": []})
            }
        };
        schema["description"] = json!(self.about);
        schema
    }

    /// What is said of it, checked; what is usual where nothing is. None: nothing at all.
    fn value(&self, said: Option<&Value>, door: &Door<'_>) -> Result<Option<Value>, Fault> {
        let Some(said) = said.filter(|said| !said.is_null()) else {
            return match &self.takes {
                _ if self.is_needed => Err(refuse(format!("{} is missing: {}", self.name, self.about))),
                Takes::Switch(usual) => Ok(Some(json!(usual))),
                Takes::Whole { usual, .. } => Ok(usual.map(|usual| json!(usual))),
                Takes::Seed => Ok(Some(json!(door.seed))),
                Takes::Text(usual) => Ok(usual.as_ref().map(|usual| json!(usual))),
                Takes::Texts(_) | Takes::Messages(_) => Ok(Some(json!([]))),
                Takes::Object => Ok(Some(json!({}))),
            };
        };
        let wrong = |wanted: String| Err(refuse(format!("{} is {}, and may be {wanted}", self.name, short(said))));
        match &self.takes {
            Takes::Switch(_) if !said.is_boolean() => wrong("true or false".to_owned()),
            Takes::Whole { within, .. } if !said.as_u64().is_some_and(|n| within.contains(&n)) => {
                wrong(format!("{} to {}", within.start(), within.end()))
            }
            Takes::Seed if said.as_u64().is_none_or(|seed| seed > SEED_MAX) => wrong(format!("0 to {SEED_MAX}")),
            Takes::Text(_) => match said.as_str() {
                Some(text) => self.text_is_fit(text, door).map(|()| Some(said.clone())),
                None => wrong("a text".to_owned()),
            },
            Takes::Texts(most) => match said.as_array() {
                Some(texts) if texts.len() > *most => Err(refuse(format!("of {} there are {}, and may be {most}", self.name, texts.len()))),
                Some(texts) => {
                    for text in texts {
                        self.text_is_fit(text.as_str().ok_or_else(|| refuse(format!("{} is a list of texts", self.name)))?, door)?;
                    }
                    Ok(Some(said.clone()))
                }
                None => wrong("a list of texts".to_owned()),
            },
            Takes::Object if !said.is_object() => wrong("an object".to_owned()),
            Takes::Object if said.to_string().len() > OBJECT_MAX_BYTES => {
                Err(refuse(format!("{} is longer than {OBJECT_MAX_BYTES} bytes", self.name)))
            }
            Takes::Messages(most) => match said.as_array() {
                Some(all) if all.len() > *most => Err(refuse(format!("of {} there are {}, and may be {most}", self.name, all.len()))),
                _ => match serde_json::from_value::<Vec<ChatMessage>>(said.clone()) {
                    Ok(_) => Ok(Some(said.clone())),
                    Err(why) => Err(refuse(format!("{} is a list of objects with role (user or assistant) and content: {why}", self.name))),
                },
            },
            _ => Ok(Some(said.clone())),
        }
    }

    fn text_is_fit(&self, text: &str, door: &Door<'_>) -> Result<(), Fault> {
        if text.trim().is_empty() {
            return Err(refuse(format!("{} is empty", self.name)));
        }
        if text.chars().count() > TEXT_MAX || text.contains('\0') {
            return Err(refuse(format!("{} is longer than {TEXT_MAX} characters, or holds the character 0", self.name)));
        }
        if self.is_file && !door.may_name_files && text.contains(['/', '\\']) {
            return Err(refuse(format!("{} is a path; give a name of the library", short(&json!(text)))));
        }
        if self.is_folder && !door.may_name_files {
            return Err(refuse(format!("{} is a folder of the machine itself, which only who works there may name", self.name)));
        }
        Ok(())
    }
}

/// What was said, for people: never without end.
fn short(said: &Value) -> String {
    let text = said.to_string();
    if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text }
}

pub(crate) fn refuse(reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::InputInvalid, "start workflow").because(reason)
}

fn read<P: Parameters>(said: &Value, door: &Door<'_>) -> Result<Value, Fault> {
    let said = said.as_object().ok_or_else(|| refuse("the parameters are an object"))?;
    let fields = P::fields();
    if let Some(unknown) = said.keys().find(|name| fields.iter().all(|field| field.name != name.as_str())) {
        let there: Vec<&str> = fields.iter().map(|field| field.name).collect();
        return Err(refuse(format!("unknown field {}; there are: {}", short(&json!(unknown)), there.join(", "))));
    }
    let mut whole = Map::new();
    for field in &fields {
        if let Some(value) = field.value(said.get(field.name), door)? {
            whole.insert(field.name.to_owned(), value);
        }
    }
    let parameters: P = serde_json::from_value(Value::Object(whole)).map_err(refuse)?;
    parameters.check(door)?;
    serde_json::to_value(parameters).map_err(refuse)
}

fn key<P: Parameters>(parameters: &Value) -> Option<String> {
    P::deserialize(parameters).ok()?.key()
}

fn plan<P: Parameters>(parameters: Value, look: Look<'_>) -> Planning<'_> {
    Box::pin(async move {
        let parameters: P = serde_json::from_value(parameters).map_err(refuse)?;
        parameters.plan(look).await
    })
}
