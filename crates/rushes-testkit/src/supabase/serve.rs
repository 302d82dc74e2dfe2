//! Reading objects: the bytes, their head, their info, and signed addresses.

use super::State;
use super::database::Caller;
use super::errors::{Outcome, Refusal, json_answer};
use super::request::{Request, integer};
use super::{bytes, dates, names, token};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};

/// Which door a reader came through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// A token is needed, except for public buckets.
    Either,
    /// A token is needed.
    Authenticated,
    /// The bucket must be public.
    Public,
}

/// The row of an object the asker may read.
async fn readable(state: &State, request: &Request, door: Door, bucket: &str, key: &str) -> Outcome<Value> {
    let caller = if door == Door::Authenticated { Some(request.caller()?) } else { request.caller_if_known() };
    let is_public = state.bucket(bucket).await?["public"] == true;
    match caller {
        _ if is_public => state.find(&Caller::server(), bucket, key).await,
        Some(caller) if door != Door::Public => state.find(&caller, bucket, key).await,
        _ => Err(Refusal::no_bucket()),
    }
}

/// `GET` and `HEAD` of an object.
pub(super) async fn object(state: &State, request: &Request, door: Door, bucket: &str, key: &str) -> Outcome<Response<Body>> {
    let row = readable(state, request, door, bucket, key).await?;
    render(state, request, &row, None).await
}

/// `GET …/info/…`
pub(super) async fn info(state: &State, request: &Request, door: Door, bucket: &str, key: &str) -> Outcome<Response<Body>> {
    let row = readable(state, request, door, bucket, key).await?;
    let metadata = &row["metadata"];
    let body = json!({
        "id": row["id"], "name": row["name"], "version": row["version"], "bucket_id": row["bucket_id"],
        "size": metadata["size"], "content_type": metadata["mimetype"], "cache_control": metadata["cacheControl"],
        "etag": metadata["eTag"], "metadata": row["user_metadata"],
        "last_modified": row["updated_at"], "created_at": row["created_at"],
    });
    let mut answer = json_answer(200, &body);
    set(answer.headers_mut(), "etag", metadata["eTag"].as_str().unwrap_or_default());
    set(answer.headers_mut(), "cache-control", metadata["cacheControl"].as_str().unwrap_or_default());
    Ok(answer)
}

/// `POST …/sign/{bucket}/{key}` with `{"expiresIn": seconds}`. `raw`: bucket and key as they stand in the address.
pub(super) async fn sign(state: &State, request: Request, bucket: &str, key: &str, raw: &str) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let body = request.json().await?;
    let lives_s = integer(&body["expiresIn"]).filter(|seconds| *seconds >= 1);
    let lives_s = lives_s.ok_or_else(|| Refusal::malformed("body/expiresIn must be >= 1"))?;
    state.find(&caller, bucket, key).await?;
    // As the real server does: signs with a meaning in addresses stay encoded, so what was encoded needlessly is signed
    // as another key.
    let url = names::decode_except(raw, ";/?:@&=+$,#").ok_or_else(|| Refusal::invalid_key(raw))?;
    Ok(json_answer(200, &json!({"signedURL": format!("/object/sign/{url}?token={}", download_token(&url, lives_s))})))
}

/// `POST …/sign/{bucket}` with `{"expiresIn": seconds, "paths": [key, …]}`: one answer for each, refused or not.
pub(super) async fn sign_many(state: &State, request: Request, bucket: &str) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let body = request.json().await?;
    let lives_s = integer(&body["expiresIn"]).filter(|seconds| *seconds >= 1);
    let lives_s = lives_s.ok_or_else(|| Refusal::malformed("body/expiresIn must be >= 1"))?;
    let keys: Option<Vec<String>> =
        body["paths"].as_array().and_then(|keys| keys.iter().map(|key| key.as_str().map(str::to_owned)).collect());
    let keys = keys.filter(|keys| !keys.is_empty()).ok_or_else(|| Refusal::malformed("body must have required property 'paths'"))?;
    let sql = "SELECT name FROM storage.objects WHERE bucket_id = $1 AND name = ANY($2)";
    let transaction = state.database.begin(&caller).await?;
    let seen = transaction.select(sql, &[&bucket, &keys]).await?;
    transaction.roll_back().await?;
    let answers = keys.iter().map(|key| {
        if seen.iter().any(|row| row["name"] == json!(key)) {
            let url = format!("{bucket}/{key}");
            let signed = format!("/object/sign/{url}?token={}", download_token(&url, lives_s));
            json!({"error": null, "path": key, "signedURL": signed})
        } else {
            let error = "Either the object does not exist or you do not have access to it";
            json!({"error": error, "path": key, "signedURL": null})
        }
    });
    Ok(json_answer(200, &answers.collect()))
}

fn download_token(url: &str, lives_s: i64) -> String {
    token::sign(json!({"url": url, "scope": "download"}), lives_s)
}

/// `GET …/sign/{bucket}/{key}?token=`
pub(super) async fn signed(state: &State, request: &Request, bucket: &str, key: &str) -> Outcome<Response<Body>> {
    let given = request.parameter("token").ok_or_else(|| Refusal::malformed("querystring must have required property 'token'"))?;
    let claims = token::verify(&given).map_err(Refusal::invalid_jwt)?;
    if claims["scope"] != "download" || claims["url"] != format!("{bucket}/{key}") {
        return Err(Refusal::invalid_signature());
    }
    let row = state.find(&Caller::server(), bucket, key).await?;
    render(state, request, &row, claims["exp"].as_i64()).await
}

async fn render(state: &State, request: &Request, row: &Value, expires: Option<i64>) -> Outcome<Response<Body>> {
    let metadata = &row["metadata"];
    let size = metadata["size"].as_u64().unwrap_or_default();
    let etag = metadata["eTag"].as_str().unwrap_or_default();
    let mut answer = Response::new(Body::empty());
    let mut length = size;
    if request.method != Method::HEAD {
        if request.header("if-none-match").is_some_and(|known| known == etag) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(answer);
        }
        let range = request.header("range").map(|range| parse_range(range, size)).transpose()?;
        let (from, count) = range.unwrap_or((0, size));
        if range.is_some() {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(answer.headers_mut(), "content-range", &format!("bytes {from}-{}/{size}", from + count - 1));
        }
        length = count;
        let Ok(body) = bytes::read(&state.shelf.file(row["version"].as_str().unwrap_or_default()), from, count).await else {
            let body = json!({"error": "Not found", "message": "The resource was not found", "statusCode": "404", "code": "NoSuchKey"});
            return Ok(json_answer(400, &body));
        };
        *answer.body_mut() = body;
    }
    let mime = metadata["mimetype"].as_str().unwrap_or("application/octet-stream");
    let headers = answer.headers_mut();
    set(headers, "accept-ranges", "bytes");
    set(headers, "content-type", if mime.contains("text/html") { "text/plain" } else { mime });
    set(headers, "etag", etag);
    set(headers, "x-robots-tag", "none");
    set(headers, "last-modified", &dates::header(row["updated_s"].as_i64().unwrap_or_default()));
    set(headers, "content-length", &length.to_string());
    match expires {
        Some(seconds) => set(headers, "expires", &dates::header(seconds)),
        None => set(headers, "cache-control", metadata["cacheControl"].as_str().unwrap_or("no-cache")),
    }
    if let Some(name) = request.parameter("download") {
        set(headers, "content-disposition", &format!("attachment; filename={name}; filename*=UTF-8''{name}"));
    }
    Ok(answer)
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        headers.insert(name, value);
    }
}

/// The first byte and the count of bytes that a `Range` asks for.
fn parse_range(range: &str, size: u64) -> Outcome<(u64, u64)> {
    let parsed = || {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        if from.is_empty() {
            let count = to.parse::<u64>().ok().filter(|count| *count > 0)?.min(size);
            return (size > 0).then(|| (size - count, count));
        }
        let from: u64 = from.parse().ok()?;
        let to: u64 = if to.is_empty() { size.checked_sub(1)? } else { to.parse().ok()? };
        (from <= to && from < size).then(|| (from, to.min(size - 1) - from + 1))
    };
    parsed().ok_or_else(Refusal::invalid_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supabase_ranges() {
        assert_eq!(parse_range("bytes=0-0", 10).expect("good"), (0, 1));
        assert_eq!(parse_range("bytes=4-", 10).expect("good"), (4, 6));
        assert_eq!(parse_range("bytes=4-99", 10).expect("good"), (4, 6));
        assert_eq!(parse_range("bytes=-3", 10).expect("good"), (7, 3));
        for bad in ["bytes=10-", "bytes=5-4", "bytes=-0", "bytes=-", "items=0-1", "bytes=0-1,3-4"] {
            assert!(parse_range(bad, 10).is_err(), "{bad}");
        }
        assert!(parse_range("bytes=0-", 0).is_err());
    }
}
