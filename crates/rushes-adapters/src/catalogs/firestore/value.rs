//! JSON as Firestore keeps it, and back. What goes and comes is equal, also where Firestore has no such thing: arrays in
//! arrays, and whole numbers beyond a signed 64 bit.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use firestore_protos::google::firestore::v1::value::ValueType;
use firestore_protos::google::firestore::v1::{ArrayValue, MapValue, Value};
use prost_types::Timestamp;
use rushes_core::record::rfc3339;
use serde_json::{Map, Number, Value as Json, json};
use std::collections::BTreeMap;

/// The largest document, by Firestore's own reckoning.
pub(super) const DOCUMENT_MAX_BYTES: usize = 1024 * 1024;
/// An array in an array is a map with this one key.
const INNER: &str = "_array";
/// Times at the top of a record are times there, which today's readers sort by.
const TIME_ENDS: &str = "_at";

pub(super) type Fields = BTreeMap<String, Value>;

/// The fields of a record.
pub(super) fn fields(record: &Map<String, Json>) -> Fields {
    let field = |(name, json): (&String, &Json)| {
        let time = json.as_str().filter(|_| name.ends_with(TIME_ENDS)).and_then(time);
        (name.clone(), time.map_or_else(|| value(json), |time| of(ValueType::TimestampValue(time))))
    };
    record.iter().map(field).collect()
}

/// Those of a document, as they were given.
pub(super) fn record(fields: &Fields) -> Map<String, Json> {
    fields.iter().map(|(name, value)| (name.clone(), json(value))).collect()
}

/// Only such texts as come back the same.
fn time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.parse().ok()?;
    (rfc3339(ms(&time)) == text).then_some(time)
}

fn ms(time: &Timestamp) -> i64 {
    time.seconds.saturating_mul(1_000).saturating_add(i64::from(time.nanos / 1_000_000))
}

fn of(value: ValueType) -> Value {
    Value { value_type: Some(value) }
}

fn map(fields: Fields) -> Value {
    of(ValueType::MapValue(MapValue { fields }))
}

fn value(json: &Json) -> Value {
    of(match json {
        Json::Null => ValueType::NullValue(0),
        Json::Bool(is) => ValueType::BooleanValue(*is),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => ValueType::IntegerValue(whole),
            (None, Some(large)) => ValueType::StringValue(large.to_string()),
            (None, None) => ValueType::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => ValueType::StringValue(text.clone()),
        Json::Array(items) => ValueType::ArrayValue(ArrayValue { values: items.iter().map(inner).collect() }),
        Json::Object(fields) => return map(fields.iter().map(|(name, json)| (name.clone(), value(json))).collect()),
    })
}

fn inner(json: &Json) -> Value {
    if json.is_array() { map(Fields::from([(INNER.to_owned(), value(json))])) } else { value(json) }
}

fn json(value: &Value) -> Json {
    let Some(value) = &value.value_type else { return Json::Null };
    match value {
        ValueType::BooleanValue(is) => json!(is),
        ValueType::IntegerValue(whole) => json!(whole),
        ValueType::DoubleValue(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        ValueType::TimestampValue(time) => json!(rfc3339(ms(time))),
        ValueType::StringValue(text) => large(text).map_or_else(|| json!(text), |large| json!(large)),
        ValueType::BytesValue(bytes) => json!(STANDARD.encode(bytes)),
        ValueType::ReferenceValue(name) => json!(name),
        ValueType::GeoPointValue(point) => json!({"latitude": point.latitude, "longitude": point.longitude}),
        ValueType::ArrayValue(array) => array.values.iter().map(json_of_inner).collect(),
        ValueType::MapValue(map) => Json::Object(record(&map.fields)),
        // Of queries only, or null.
        _ => Json::Null,
    }
}

fn json_of_inner(value: &Value) -> Json {
    let Some(ValueType::MapValue(map)) = &value.value_type else { return json(value) };
    let array = map.fields.get(INNER).filter(|inner| map.fields.len() == 1 && matches!(inner.value_type, Some(ValueType::ArrayValue(_))));
    json(array.unwrap_or(value))
}

/// A number that had to be written as text.
fn large(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (i64::try_from(number).is_err() && number.to_string() == text).then_some(number)
}

/// What a document counts for, bytes; `name`: `projects/…/documents/collection/id`.
pub(super) fn document_size(name: &str, fields: &Fields) -> usize {
    let path = name.split_once("/documents/").map_or(name, |(_, path)| path);
    16 + path.split('/').map(|part| part.len() + 1).sum::<usize>() + fields_size(fields) + 32
}

fn fields_size(fields: &Fields) -> usize {
    fields.iter().map(|(name, value)| name.len() + 1 + size(value)).sum()
}

fn size(value: &Value) -> usize {
    match &value.value_type {
        None | Some(ValueType::NullValue(_) | ValueType::BooleanValue(_)) => 1,
        Some(ValueType::StringValue(text)) => text.len() + 1,
        Some(ValueType::ArrayValue(array)) => array.values.iter().map(size).sum(),
        Some(ValueType::MapValue(map)) => fields_size(&map.fields),
        _ => 8,
    }
}

/// A field's name as part of a mask.
pub(super) fn mask(name: &str) -> String {
    let is_plain =
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_plain { name.to_owned() } else { format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firestore_values_come_back_as_they_were() {
        let all = json!({
            "null": null, "yes": true, "whole": -7, "large": u64::MAX, "half": 0.5, "one": 1.0, "text": "é [1] 🙂", "digits": "12345",
            "created_at": "2026-02-06T00:25:30.001Z", "odd_at": "yesterday", "other_at": "2026-02-06T00:25:30Z",
            "nested": {"list": [1, [2, [3, {"x": []}]], {"_array": 1}], "seed": u64::MAX - 1}, "empty": [], "none": {},
        });
        let there = fields(all.as_object().unwrap());
        assert_eq!(Json::Object(record(&there)), all);
        assert!(matches!(there["created_at"].value_type, Some(ValueType::TimestampValue(_))), "today's readers sort by it");
        assert!(matches!(there["odd_at"].value_type, Some(ValueType::StringValue(_))));
    }

    #[test]
    fn firestore_masks_name_any_field() {
        assert_eq!(mask("assets"), "assets");
        assert_eq!(mask("hair.colour"), "`hair.colour`");
        assert_eq!(mask("a`b\\c"), "`a\\`b\\\\c`");
        assert_eq!(mask("1st"), "`1st`");
    }

    #[test]
    fn firestore_documents_are_measured_as_documented() {
        // The example of Firestore's own page: a document of 147 bytes, without its indexes.
        let fields =
            fields(json!({"type": "Personal", "done": false, "priority": 1, "description": "Learn Cloud Firestore"}).as_object().unwrap());
        assert_eq!(document_size("projects/p/databases/d/documents/users/jeff/tasks/my_task_id", &fields), 147);
    }
}
