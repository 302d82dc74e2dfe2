//! The documents, and the transactions that have read some of them.

use firestore_protos::google::firestore::v1::precondition::ConditionType;
use firestore_protos::google::firestore::v1::run_query_request::QueryType;
use firestore_protos::google::firestore::v1::value::ValueType;
use firestore_protos::google::firestore::v1::write::Operation;
use firestore_protos::google::firestore::v1::{CommitRequest, CommitResponse, Document, RunQueryRequest, Value, Write, WriteResult};
use prost_types::Timestamp;
use rushes_core::clock::{Clock, SystemClock};
use std::collections::{BTreeMap, HashMap};
use tonic::Status;

/// A document's fields, by name.
pub type Fields = BTreeMap<String, Value>;

const DOCUMENT_MAX_BYTES: usize = 1_048_576;
const DEPTH_MAX: usize = 20;
const SELECTED: &str = "__name__";

#[derive(Default)]
pub(super) struct Documents {
    /// By whole name, which is their order too.
    all: BTreeMap<String, Document>,
    /// What each running transaction has read, and as of when it was written.
    running: HashMap<Vec<u8>, Vec<(String, Option<Timestamp>)>>,
    begun: u64,
    /// Microseconds since 1970 of the last commit; no two are the same.
    last_us: i64,
}

impl Documents {
    pub(super) fn fields(&self, name: &str) -> Option<Fields> {
        self.all.get(name).map(|document| document.fields.clone())
    }

    pub(super) fn change(&mut self, name: &str, field: &str, text: &str) {
        let now = self.next_time();
        let document = self.all.entry(name.to_owned()).or_insert_with(|| Document {
            name: name.to_owned(),
            create_time: Some(now),
            ..Document::default()
        });
        document.update_time = Some(now);
        document.fields.insert(field.to_owned(), Value { value_type: Some(ValueType::StringValue(text.to_owned())) });
    }

    pub(super) fn begin(&mut self) -> Vec<u8> {
        self.begun += 1;
        let transaction = self.begun.to_be_bytes().to_vec();
        self.running.insert(transaction.clone(), Vec::new());
        transaction
    }

    pub(super) fn end(&mut self, transaction: &[u8]) -> Result<(), Status> {
        self.running.remove(transaction).map(drop).ok_or_else(invalid_transaction)
    }

    pub(super) fn read(&mut self, name: &str, transaction: &[u8], mask: Option<&[String]>) -> Result<Option<Document>, Status> {
        let found = self.all.get(name).cloned();
        if !transaction.is_empty() {
            let read = self.running.get_mut(transaction).ok_or_else(invalid_transaction)?;
            read.push((name.to_owned(), found.as_ref().and_then(|document| document.update_time)));
        }
        Ok(found.map(|mut document| {
            if let Some(mask) = mask {
                document.fields.retain(|field, _| mask.contains(field));
            }
            document
        }))
    }

    /// Only what lists ids: one collection, in the order of names, from a name on.
    pub(super) fn query(&self, message: &RunQueryRequest) -> Result<Vec<Document>, Status> {
        let Some(QueryType::StructuredQuery(query)) = &message.query_type else { return Err(Status::invalid_argument("no query")) };
        let orders: Vec<_> =
            query.order_by.iter().filter_map(|order| Some((order.field.as_ref()?.field_path.as_str(), order.direction))).collect();
        let [from] = query.from.as_slice() else { return Err(Status::invalid_argument("one collection at a time")) };
        if query.r#where.is_some() || query.end_at.is_some() || query.offset != 0 || orders != [(SELECTED, 1)] || from.all_descendants {
            return Err(Status::unimplemented("only ids in their order"));
        }
        let selects_names = query.select.as_ref().is_some_and(|select| select.fields.iter().all(|field| field.field_path == SELECTED));
        let prefix = format!("{}/{}/", message.parent, from.collection_id);
        let is_behind = |name: &str| match &query.start_at {
            None => true,
            Some(cursor) => match cursor.values.first().and_then(|value| value.value_type.as_ref()) {
                Some(ValueType::ReferenceValue(at)) => name > at.as_str() || cursor.before && name == at,
                _ => false,
            },
        };
        let found = self.all.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix)).filter(|(name, _)| is_behind(name));
        let limit = query.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0));
        Ok(found
            .map(|(_, document)| if selects_names { Document { fields: Fields::new(), ..document.clone() } } else { document.clone() })
            .take(limit)
            .collect())
    }

    /// All writes or none.
    pub(super) fn commit(&mut self, message: CommitRequest) -> Result<CommitResponse, Status> {
        if !message.transaction.is_empty() {
            let read = self.running.remove(&message.transaction).ok_or_else(invalid_transaction)?;
            let is_changed = |(name, at): &(String, Option<Timestamp>)| self.all.get(name).and_then(|document| document.update_time) != *at;
            if read.iter().any(is_changed) {
                return Err(Status::aborted("Transaction lock timeout or contention on these documents. Please try again."));
            }
        }
        let now = self.next_time();
        let mut after: BTreeMap<String, Option<Document>> = BTreeMap::new();
        for write in &message.writes {
            let (name, document) = self.written(write, now)?;
            after.insert(name, document);
        }
        for (name, document) in after {
            match document {
                Some(document) => drop(self.all.insert(name, document)),
                None => drop(self.all.remove(&name)),
            }
        }
        let result = WriteResult { update_time: Some(now), transform_results: Vec::new() };
        Ok(CommitResponse { write_results: vec![result; message.writes.len()], commit_time: Some(now) })
    }

    /// The document after this write, where its condition holds.
    fn written(&self, write: &Write, now: Timestamp) -> Result<(String, Option<Document>), Status> {
        let name = match &write.operation {
            Some(Operation::Update(document)) => &document.name,
            Some(Operation::Delete(name)) => name,
            _ => return Err(Status::unimplemented("transforms")),
        };
        let there = self.all.get(name);
        match write.current_document.as_ref().and_then(|condition| condition.condition_type.as_ref()) {
            Some(ConditionType::Exists(true)) if there.is_none() => {
                return Err(Status::not_found(format!("No document to update: {name}")));
            }
            Some(ConditionType::Exists(false)) if there.is_some() => {
                return Err(Status::already_exists(format!("Document already exists: {name}")));
            }
            Some(ConditionType::UpdateTime(time)) if there.and_then(|document| document.update_time) != Some(*time) => {
                return Err(Status::failed_precondition(format!("the stored version does not match the required base version: {name}")));
            }
            _ => {}
        }
        let Some(Operation::Update(given)) = &write.operation else { return Ok((name.clone(), None)) };
        let mut document = there.cloned().unwrap_or_else(|| Document { name: name.clone(), create_time: Some(now), ..Document::default() });
        document.update_time = Some(now);
        match &write.update_mask {
            None => document.fields.clone_from(&given.fields),
            Some(mask) => {
                for path in &mask.field_paths {
                    let field = unescaped(path)?;
                    match given.fields.get(&field) {
                        Some(value) => drop(document.fields.insert(field, value.clone())),
                        None => drop(document.fields.remove(&field)),
                    }
                }
                if let Some(field) =
                    given.fields.keys().find(|field| mask.field_paths.iter().all(|path| unescaped(path).ok().as_ref() != Some(*field)))
                {
                    return Err(Status::invalid_argument(format!("field {field} is not in the mask")));
                }
            }
        }
        check_fields(&document.fields, 1)?;
        let size_bytes = size_of(name, &document.fields);
        if size_bytes > DOCUMENT_MAX_BYTES {
            let refusal = format!(
                "Document '{name}' cannot be written because its size ({size_bytes} bytes) exceeds the maximum allowed size of 1,048,576 bytes."
            );
            return Err(Status::invalid_argument(refusal));
        }
        Ok((name.clone(), Some(document)))
    }

    fn next_time(&mut self) -> Timestamp {
        self.last_us = (SystemClock.now_ms() * 1_000).max(self.last_us + 1);
        let nanos = i32::try_from(self.last_us % 1_000_000 * 1_000).expect("below a second");
        Timestamp { seconds: self.last_us / 1_000_000, nanos }
    }
}

fn invalid_transaction() -> Status {
    Status::invalid_argument("The referenced transaction has expired or is no longer valid.")
}

/// A path of one part; deeper ones are not played.
fn unescaped(path: &str) -> Result<String, Status> {
    let is_plain = |path: &str| {
        path.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && path.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if is_plain(path) {
        return Ok(path.to_owned());
    }
    let inner = path.strip_prefix('`').and_then(|path| path.strip_suffix('`'));
    let inner = inner.ok_or_else(|| Status::invalid_argument(format!("Invalid property path \"{path}\".")))?;
    let mut out = String::new();
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            '`' if !escaped => return Err(Status::invalid_argument(format!("Invalid property path \"{path}\"."))),
            c => {
                out.push(c);
                escaped = false;
            }
        }
    }
    Ok(out)
}

fn check_fields(fields: &Fields, depth: usize) -> Result<(), Status> {
    for (name, value) in fields {
        if name.is_empty() || name.len() > 1_500 || name.starts_with("__") && name.ends_with("__") {
            return Err(Status::invalid_argument(format!("The field name {name:?} is reserved or of a wrong length.")));
        }
        check_value(value, depth, false)?;
    }
    Ok(())
}

fn check_value(value: &Value, depth: usize, in_array: bool) -> Result<(), Status> {
    if depth > DEPTH_MAX {
        return Err(Status::invalid_argument("Maximum depth of nested values is 20."));
    }
    match &value.value_type {
        None => Err(Status::invalid_argument("a value without a type")),
        Some(ValueType::ArrayValue(_)) if in_array => Err(Status::invalid_argument("Cannot convert an array value in an array value.")),
        Some(ValueType::ArrayValue(array)) => array.values.iter().try_for_each(|value| check_value(value, depth + 1, true)),
        Some(ValueType::MapValue(map)) => check_fields(&map.fields, depth + 1),
        Some(_) => Ok(()),
    }
}

/// As the page on storage size calculations has it.
fn size_of(name: &str, fields: &Fields) -> usize {
    let path = name.split_once("/documents/").map_or(name, |(_, path)| path);
    path.split('/').map(|id| id.len() + 1).sum::<usize>() + 16 + 32 + size_of_fields(fields)
}

fn size_of_fields(fields: &Fields) -> usize {
    fields.iter().map(|(name, value)| name.len() + 1 + size_of_value(value)).sum()
}

fn size_of_value(value: &Value) -> usize {
    match value.value_type.as_ref() {
        Some(ValueType::BooleanValue(_) | ValueType::NullValue(_)) | None => 1,
        Some(ValueType::StringValue(text)) => text.len() + 1,
        Some(ValueType::BytesValue(bytes)) => bytes.len(),
        Some(ValueType::ArrayValue(array)) => array.values.iter().map(size_of_value).sum(),
        Some(ValueType::MapValue(map)) => size_of_fields(&map.fields),
        Some(_) => 8,
    }
}
