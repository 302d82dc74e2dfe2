//! What an item of a list says: one JSON object with an `id`.

use rushes_core::{Code, Fault};
use serde_json::{Map, Value};

/// The longest id.
const ID_MAX: usize = 200;
/// Some clients put the object into a text, or that into a list of one.
const WRAPPED_MAX: u32 = 3;

/// One item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// The application's own; the same id is the same job.
    pub(crate) id: String,
    /// All that it says, the id too.
    pub(crate) fields: Map<String, Value>,
}

impl Item {
    /// Errors: `input_invalid`, which says what is missing.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        let refuse = |reason: String| Fault::new(Code::InputInvalid, "read item of list").because(reason);
        let mut value = serde_json::from_str(text).map_err(|e| refuse(format!("it is no JSON: {e}")))?;
        for _ in 0..WRAPPED_MAX {
            value = match value {
                Value::String(inner) => serde_json::from_str(&inner).map_err(|e| refuse(format!("its text is no JSON: {e}")))?,
                Value::Array(mut one) if one.len() == 1 => one.remove(0),
                other => other,
            };
        }
        let Value::Object(fields) = value else { return Err(refuse("it is no JSON object".to_owned())) };
        let id = match &fields.get("id") {
            Some(Value::String(id)) => id.trim().to_owned(),
            Some(Value::Number(id)) => id.to_string(),
            _ => return Err(refuse("it has no id: a text by which the same item is known again".to_owned())),
        };
        if !(1..=ID_MAX).contains(&id.chars().count()) || id.chars().any(char::is_control) {
            return Err(refuse(format!("its id has 1 to {ID_MAX} printable characters")));
        }
        Ok(Self { id, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn intake_reads_items_however_they_are_wrapped() {
        let object = json!({"id": "a-1", "prompt": "x"});
        let wrapped = [object.clone(), json!([object]), json!(object.to_string()), json!([object.to_string()])];
        for text in wrapped.map(|value| value.to_string()) {
            let item = Item::read(&text).unwrap();
            assert_eq!((item.id.as_str(), Value::Object(item.fields)), ("a-1", object.clone()), "{text}");
        }
        assert_eq!(Item::read("{\"id\": 7}").unwrap().id, "7");
    }

    #[test]
    fn intake_refuses_items_that_are_none() {
        for (text, says) in [
            ("", "no JSON"),
            ("words", "no JSON"),
            ("\"words\"", "text is no JSON"),
            ("5", "no JSON object"),
            ("[{\"id\": \"a\"}, {\"id\": \"b\"}]", "no JSON object"),
            ("{}", "has no id"),
            ("{\"id\": null}", "has no id"),
            ("{\"id\": \" \"}", "1 to 200"),
            ("{\"id\": \"a\\nb\"}", "1 to 200"),
            ("[[[[{\"id\": \"a\"}]]]]", "no JSON object"),
        ] {
            let fault = Item::read(text).unwrap_err();
            assert!(fault.code == Code::InputInvalid && !fault.is_transient(), "{text}");
            assert!(fault.to_string().contains(says), "{text}: {fault}");
        }
        assert!(Item::read(&json!({"id": "x".repeat(201)}).to_string()).is_err());
    }
}
