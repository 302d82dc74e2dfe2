//! What of a record stands where in a row of `workspace_assets`, and how it is read from there again. Pure.

use percent_encoding::percent_decode_str;
use rushes_core::catalog::Record;
use rushes_core::record::rfc3339;
use rushes_core::{AssetId, Code, Fault, Kind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The field of `generation_settings` that is ours.
const OURS: &str = "rushes";
/// Of ours: how often the row was written, the numbers of records, and the thumbnail's record.
const WRITES: &str = "writes";
const REV: &str = "rev";
const THUMBNAIL: &str = "thumbnail";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Which of a job's results; a table has one row of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The app's id of its job.
    pub(super) job_id: String,
    pub(super) asset_index: u64,
}

/// A record that is to be written.
pub(super) struct Entry<'a> {
    record: &'a Record,
    asset: AssetId,
    kind: Kind,
    /// The key in the bucket.
    key: String,
    pub(super) place: Place,
}

fn refused(reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::DestinationRefused, "write record").because(reason)
}

impl<'a> Entry<'a> {
    /// Errors: `destination_refused`, for what no row can tell of.
    pub(super) fn of(record: &'a Record) -> Result<Self, Fault> {
        let fields = &record.fields;
        let strange = || refused("only pictures, films and thumbnails of users' workspaces have a row in workspace_assets");
        let asset = super::asset_of(&record.collection, &record.id).ok_or_else(strange)?;
        let kind = fields["kind"].as_str().and_then(Kind::named);
        let kind = kind
            .filter(|kind| matches!(kind.today(), Kind::WorkspaceImage | Kind::WorkspaceVideo | Kind::Thumbnail))
            .ok_or_else(strange)?;
        let path = fields["path"].as_str().unwrap_or_default();
        let Some(uri) = fields["uri"].as_str() else {
            return Err(refused("its object is not at the first destination, and a row must not name what is not there"));
        };
        // What was put by hand has no job of an app's; its path tells of one all the same.
        let job_id = fields["meta"]["job_id"].as_str().or_else(|| path.split('/').nth(1)).unwrap_or_default().to_owned();
        let asset_index = fields["meta"]["asset_index"].as_u64().or_else(|| fields["idx"].as_u64()).unwrap_or_default();
        Ok(Self { record, asset, kind, key: key_of(uri, path), place: Place { job_id, asset_index } })
    }

    pub(super) fn is_thumbnail(&self) -> bool {
        self.kind.today() == Kind::Thumbnail
    }

    /// The entry as it is kept beside the columns.
    fn kept(&self) -> Map<String, Value> {
        let mut kept = self.record.fields.as_object().cloned().unwrap_or_default();
        kept.insert(REV.to_owned(), json!(self.record.rev));
        kept
    }

    /// The columns to be written, in a row that is there or a new one; of the former, what others say stays.
    /// Errors: `destination_refused` where the user is none of the app's.
    pub(super) fn row(&self, there: Option<&Row>, days: &BTreeMap<Kind, u32>) -> Result<Value, Fault> {
        let mut settings = there.map(|row| row.settings.clone()).unwrap_or_default();
        let before = settings.remove(OURS).unwrap_or_default();
        let mut ours = if self.is_thumbnail() { before.as_object().cloned().unwrap_or_default() } else { self.kept() };
        if self.is_thumbnail() {
            ours.insert(THUMBNAIL.to_owned(), Value::Object(self.kept()));
        } else if let Some(thumbnail) = before.get(THUMBNAIL) {
            ours.insert(THUMBNAIL.to_owned(), thumbnail.clone());
        }
        ours.insert(WRITES.to_owned(), json!(before[WRITES].as_u64().unwrap_or(0) + 1));
        let fields = &self.record.fields;
        if !self.is_thumbnail() {
            settings.extend(fields["meta"]["settings"].as_object().cloned().unwrap_or_default());
        }
        settings.insert(OURS.to_owned(), Value::Object(ours));
        if self.is_thumbnail() {
            return Ok(json!({"thumbnail_path": self.key, "generation_settings": settings}));
        }
        let owner = fields["owner"].as_str().unwrap_or_default();
        let no_user = |_| {
            refused(format!(
                "a row belongs to a user, whose id is a UUID, and this asset to {owner:?}; hand in the app's own id of its user"
            ))
        };
        let user_id: Uuid = owner.parse().map_err(no_user)?;
        let created_ms = fields["created_ms"].as_i64().unwrap_or_default();
        let expires_at = days.get(&self.kind).map_or_else(|| "infinity".to_owned(), |days| rfc3339(created_ms + i64::from(*days) * DAY_MS));
        #[expect(clippy::cast_precision_loss, reason = "films are shorter than the age of the universe")]
        let duration_seconds = fields["duration_ms"].as_u64().map(|ms| ms as f64 / 1_000.0);
        Ok(json!({
            "id": self.asset.0, "user_id": user_id, "job_id": self.place.job_id, "asset_index": self.place.asset_index,
            "asset_type": if self.kind.today() == Kind::WorkspaceVideo { "video" } else { "image" },
            "temp_storage_path": self.key, "file_size_bytes": fields["size_bytes"], "mime_type": fields["mime"],
            "duration_seconds": duration_seconds, "generation_seed": fields["seed"],
            "original_prompt": fields["meta"]["prompt"], "model_used": fields["meta"]["model"], "generation_settings": settings,
            "created_at": rfc3339(created_ms), "expires_at": expires_at,
        }))
    }
}

/// The key in its bucket, of an address at a store of buckets; elsewhere the path below the destination's prefix.
fn key_of(uri: &str, path: &str) -> String {
    let in_bucket =
        uri.split_once("://").filter(|(scheme, _)| matches!(*scheme, "supabase" | "s3" | "gs")).and_then(|(_, rest)| rest.split_once('/'));
    let key = in_bucket.and_then(|(_, key)| percent_decode_str(key).decode_utf8().ok());
    key.filter(|key| key.ends_with(path)).map_or_else(|| path.to_owned(), |key| key.into_owned())
}

/// A row as it was read.
pub(super) struct Row {
    pub(super) id: String,
    settings: Map<String, Value>,
}

impl Row {
    pub(super) fn of(row: Value) -> Self {
        let settings = row["generation_settings"].as_object().cloned().unwrap_or_default();
        Self { id: row["id"].as_str().unwrap_or_default().to_owned(), settings }
    }

    fn ours(&self) -> &Value {
        self.settings.get(OURS).unwrap_or(&Value::Null)
    }

    /// How often it was written; None for a row that others made.
    pub(super) fn writes(&self) -> Option<u64> {
        self.ours()[WRITES].as_u64()
    }

    /// Whether what stands there of the same sort is as new: the same record under this number or a higher one, or that of an
    /// asset which took this one's place.
    pub(super) fn tells_as_much_as(&self, entry: &Entry<'_>) -> bool {
        let (there, new) = (if entry.is_thumbnail() { &self.ours()[THUMBNAIL] } else { self.ours() }, &entry.record.fields);
        let Some(asset) = there["asset"].as_str() else { return false };
        if asset == entry.record.id {
            return there[REV].as_u64().unwrap_or(0) >= entry.record.rev;
        }
        let age = |fields: &Value| (fields["version"].as_u64(), fields["created_ms"].as_i64());
        age(there) > age(new)
    }

    /// The columns of it once its thumbnail has gone.
    pub(super) fn without_thumbnail(&self) -> Value {
        let mut settings = self.settings.clone();
        if let Some(ours) = settings.get_mut(OURS).and_then(Value::as_object_mut) {
            ours.remove(THUMBNAIL);
            ours.insert(WRITES.to_owned(), json!(self.writes().unwrap_or(0) + 1));
        }
        json!({"thumbnail_path": null, "generation_settings": settings})
    }

    /// Number and fields of the record of its picture or film.
    pub(super) fn record(&self) -> Option<(u64, Value)> {
        recorded(self.ours())
    }

    /// Those of its thumbnail's.
    pub(super) fn record_of_thumbnail(&self) -> Option<(u64, Value)> {
        recorded(&self.ours()[THUMBNAIL])
    }
}

fn recorded(kept: &Value) -> Option<(u64, Value)> {
    let mut fields = kept.as_object().filter(|fields| fields.contains_key("asset"))?.clone();
    fields.remove(THUMBNAIL);
    fields.remove(WRITES);
    let rev = fields.remove(REV)?.as_u64()?;
    Some((rev, Value::Object(fields)))
}
