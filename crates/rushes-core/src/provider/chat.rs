//! Asking a language model for an answer in a shape, and checking that it kept to it.

use super::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Asks a language model for one answer. What comes back has the shape that was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChatRequest {
    /// What the answer is, in one word of small letters and `_`: `enhanced_prompt`.
    pub kind: String,
    /// What the model is told once, before the conversation.
    pub instruction: String,
    /// The conversation so far, the oldest first; the last one is answered.
    pub messages: Vec<ChatMessage>,
    /// What the answer looks like: an object.
    pub shape: Shape,
    /// Equal seeds give equal answers, where the model can do that.
    pub seed: u64,
    /// An answer is broken off at about so many tokens, what the model thinks included.
    pub max_tokens: u32,
}

impl Request for ChatRequest {
    type Made = Value;
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatMessage {
    /// Whose it is.
    pub role: ChatRole,
    /// What it says.
    pub content: String,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    /// A person.
    User,
    /// The model.
    Assistant,
}

/// What an answer looks like. Sizes are checked here and told in words: few servers take them in a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A text of so many characters.
    Text {
        /// At least.
        least: usize,
        /// At most.
        most: usize,
    },
    /// Several of one shape.
    List {
        /// Of which.
        of: Box<Shape>,
        /// At least.
        least: usize,
        /// At most.
        most: usize,
    },
    /// These fields, all of them, and no other.
    Object(BTreeMap<String, Shape>),
}

impl Shape {
    /// An object with these fields.
    pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Object(fields.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect())
    }

    /// As JSON Schema.
    #[must_use]
    pub fn schema(&self) -> Value {
        match self {
            Self::Text { least, most } => json!({"type": "string", "description": format!("{least} to {most} characters")}),
            Self::List { of, least, most } => {
                json!({"type": "array", "items": of.schema(), "description": format!("{least} to {most} of them")})
            }
            Self::Object(fields) => {
                let properties: Map<String, Value> = fields.iter().map(|(name, shape)| (name.clone(), shape.schema())).collect();
                let names: Vec<&String> = fields.keys().collect();
                json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
            }
        }
    }

    /// Whether a value has this shape. Errors: where it does not, and why, in words a model can mend it by.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.check_at(value, "the answer")
    }

    fn check_at(&self, value: &Value, at: &str) -> Result<(), String> {
        let within = |count: usize, least: usize, most: usize, what: &str| {
            if (least..=most).contains(&count) { Ok(()) } else { Err(format!("{at} has {count} {what}, of {least} to {most}")) }
        };
        match self {
            Self::Text { least, most } => {
                let text = value.as_str().ok_or_else(|| format!("{at} is no text"))?;
                within(text.trim().chars().count(), *least, *most, "characters")
            }
            Self::List { of, least, most } => {
                let list = value.as_array().ok_or_else(|| format!("{at} is no list"))?;
                within(list.len(), *least, *most, "entries")?;
                list.iter().enumerate().try_for_each(|(index, one)| of.check_at(one, &format!("{at}[{index}]")))
            }
            Self::Object(fields) => {
                let object = value.as_object().ok_or_else(|| format!("{at} is no object"))?;
                if object.keys().any(|name| !fields.contains_key(name)) {
                    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
                    return Err(format!("{at} has a field beside {}", names.join(", ")));
                }
                fields.iter().try_for_each(|(name, shape)| {
                    let one = object.get(name).ok_or_else(|| format!("{at} has no {name}"))?;
                    shape.check_at(one, &format!("{at}.{name}"))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ideas() -> Shape {
        let idea = Shape::object([("title", Shape::Text { least: 1, most: 8 }), ("prompt", Shape::Text { least: 0, most: 4 })]);
        Shape::object([("ideas", Shape::List { of: Box::new(idea), least: 1, most: 2 })])
    }

    #[test]
    fn shape_takes_what_has_it_and_says_what_the_rest_lacks() {
        let idea = json!({"title": "Rain", "prompt": "wet"});
        ideas().check(&json!({"ideas": [idea, idea]})).unwrap();
        for (value, says) in [
            (json!([]), "the answer is no object"),
            (json!({}), "the answer has no ideas"),
            (json!({"ideas": [idea], "more": 1}), "the answer has a field beside ideas"),
            (json!({"ideas": idea}), "the answer.ideas is no list"),
            (json!({"ideas": []}), "the answer.ideas has 0 entries, of 1 to 2"),
            (json!({"ideas": [idea, idea, idea]}), "the answer.ideas has 3 entries, of 1 to 2"),
            (json!({"ideas": [idea, 5]}), "the answer.ideas[1] is no object"),
            (json!({"ideas": [{"title": " ", "prompt": ""}]}), "the answer.ideas[0].title has 0 characters, of 1 to 8"),
            (json!({"ideas": [{"title": "a", "prompt": "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}"}]}), "prompt has 5 characters, of 0 to 4"),
            (json!({"ideas": [{"title": null, "prompt": ""}]}), "title is no text"),
        ] {
            let told = ideas().check(&value).unwrap_err();
            assert!(told.contains(says), "{value}: {told}");
        }
    }

    #[test]
    fn shape_is_told_as_a_schema_that_strict_servers_take() {
        let schema = ideas().schema();
        let idea = &schema["properties"]["ideas"]["items"];
        assert_eq!((&schema["required"], &idea["required"]), (&json!(["ideas"]), &json!(["prompt", "title"])));
        assert_eq!((&schema["additionalProperties"], &idea["additionalProperties"]), (&json!(false), &json!(false)));
        assert_eq!(idea["properties"]["title"], json!({"type": "string", "description": "1 to 8 characters"}));
    }
}
