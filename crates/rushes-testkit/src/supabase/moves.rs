//! Objects that get another name, or a second one. Both ends are asked for as the asker: the policies see the old name and the
//! new one.

use super::State;
use super::database::Caller;
use super::errors::{Outcome, Refusal, json_answer};
use super::names;
use super::objects::Row;
use super::request::Request;
use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};

/// Both routes' body.
struct Ends {
    bucket: String,
    key: String,
    to_bucket: String,
    to_key: String,
}

impl Ends {
    fn of(body: &Value) -> Outcome<Self> {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let needed = |name: &str| text(name).ok_or_else(|| Refusal::malformed(format!("body must have required property '{name}'")));
        let (bucket, key, to_key) = (needed("bucketId")?, needed("sourceKey")?, needed("destinationKey")?);
        names::check_key(&to_key)?;
        Ok(Self { to_bucket: text("destinationBucket").unwrap_or_else(|| bucket.clone()), bucket, key, to_key })
    }
}

const RENAME: &str = "UPDATE storage.objects SET bucket_id = $3, name = $4, version = $5, owner = $6::text::uuid, owner_id = $6 \
                      WHERE bucket_id = $1 AND name = $2 RETURNING id, name";

/// `POST /object/move`
pub(super) async fn relocate(state: &State, request: Request) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let ends = Ends::of(&request.json().await?)?;
    let source = state.find(&caller, &ends.bucket, &ends.key).await?;
    let version = uuid::Uuid::now_v7().to_string();
    let owner = caller.owner();
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&ends.bucket, &ends.key, &ends.to_bucket, &ends.to_key, &version, &owner];
    let trial = state.database.begin(&caller).await?;
    // Nothing renamed is what it says where one may see an object and may not change it.
    let renamed = trial.select(RENAME, &values).await?;
    trial.roll_back().await?;
    if renamed.is_empty() {
        return Err(Refusal::no_object());
    }
    state.shelf.copy(source["version"].as_str().unwrap_or_default(), &version).await?;
    let transaction = state.database.begin(&Caller::server()).await?;
    let moved = transaction.select(RENAME, &values).await?;
    transaction.commit().await?;
    state.forget(source["version"].as_str().unwrap_or_default());
    let moved = moved.first().ok_or_else(Refusal::no_object)?;
    Ok(json_answer(200, &json!({"message": "Successfully moved", "Id": moved["id"], "Key": moved["name"]})))
}

/// `POST /object/copy`; over what is there with `x-upsert: true`.
pub(super) async fn copy(state: &State, request: Request) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let is_upsert = request.is_upsert();
    let ends = Ends::of(&request.json().await?)?;
    let source = state.find(&caller, &ends.bucket, &ends.key).await?;
    let row = Row {
        bucket: ends.to_bucket,
        key: ends.to_key,
        version: uuid::Uuid::now_v7().to_string(),
        owner: caller.owner().map(str::to_owned),
        metadata: source["metadata"].clone(),
        user_metadata: Some(source["user_metadata"].clone()).filter(|metadata| !metadata.is_null()),
    };
    state.may_upload(&caller, &row, is_upsert).await?;
    state.shelf.copy(source["version"].as_str().unwrap_or_default(), &row.version).await?;
    let id = state.complete(&row).await?;
    Ok(json_answer(200, &json!({"Id": id, "Key": format!("{}/{}", row.bucket, row.key), "name": row.key, "bucket_id": row.bucket})))
}
