//! What Supabase answers: JSON in which the true status stands (HTTP says 400 for most refusals), plain text from resumable
//! uploads. Refusals become faults a person can act on.

use crate::destinations::call::{About, Said};
use crate::http::{Answer, passing, words};
use http::StatusCode;
use rushes_core::destination::{Proof, ProofHash};
use rushes_core::{Code, Fault, Verdict};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The body of a refusal, in any of its dialects: the storage server's, and the gateway's before it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    /// Text or number.
    #[serde(rename = "statusCode")]
    status_code: Value,
    code: Value,
    error: Value,
    message: Value,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Reads a refusal.
pub(super) async fn refusal(answer: Answer, about: About<'_>) -> Said {
    let (status, wait) = (answer.status, answer.retry_after());
    // A refusal of which half is missing is none: what it says decides whether trying again helps.
    let body = match answer.bytes().await {
        Ok(body) => body,
        Err(fault) => return about.of(fault).into(),
    };
    read(status, &body, wait, about)
}

fn read(status: StatusCode, body: &[u8], wait: Option<Duration>, about: About<'_>) -> Said {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let told = match &refusal.status_code {
        Value::String(code) => code.parse().ok(),
        code => code.as_u64().and_then(|code| u16::try_from(code).ok()),
    };
    let status = told.and_then(|code| StatusCode::from_u16(code).ok()).filter(|told| !told.is_success()).unwrap_or(status);
    let code = [text(&refusal.code), text(&refusal.error)].into_iter().find(|code| !code.is_empty()).unwrap_or_default().to_owned();
    let message = if text(&refusal.message).is_empty() { words(body) } else { words(text(&refusal.message).as_bytes()) };
    let missing = match [code.as_str(), text(&refusal.error), message.as_str()] {
        said if said.iter().any(|said| BUCKET.contains(said)) => Missing::Bucket,
        _ if told.is_some() => Missing::Object,
        _ => Missing::Storage,
    };
    let fault = fault(status, &code, &message, missing, wait, about);
    Said::new(status, &code, fault)
}

/// How it is told that there is no such bucket; the last where an object was to be put there.
const BUCKET: [&str; 3] = ["NoSuchBucket", "Bucket not found", "The related resource does not exist"];

/// What a 404 is about.
#[derive(Debug, Clone, Copy)]
enum Missing {
    Object,
    Bucket,
    /// It was not the storage server who answered.
    Storage,
}

fn fault(status: StatusCode, code: &str, message: &str, missing: Missing, wait: Option<Duration>, about: About<'_>) -> Fault {
    let About { operation, needs, place: (_, bucket), .. } = about;
    let new = |code: Code| about.fault(code);
    let said = [status.as_str(), code, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let refused = |advice: String| new(Code::DestinationRefused).because(format!("{advice} ({said})"));
    if let Some(fault) = passing(status, operation, wait) {
        return about.of(fault).because(said);
    }
    let lower = message.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    match status.as_u16() {
        // Another request for the same upload holds it, or took it from this one; or ours was cut off: it passes.
        423 | 499 => new(Code::DestinationDown).because(said),
        400 if has(&["request aborted", "lock acquired"]) => new(Code::DestinationDown).because(said),
        400..=403 if has(&["\"exp\" claim", "expired"]) => {
            refused("the key has expired; renew the destination's key".into()).verdict(Verdict::Transient)
        }
        401 => refused("the project does not know the key; copy it from the project's API keys".into()),
        400..=403 if has(&["jwt", "jws", "api key", "signature verification", "invalid signature"]) => {
            refused("the project does not know the key; copy it from the project's API keys".into())
        }
        403 => refused(format!("the policy of bucket {bucket:?} does not allow {needs} on storage.objects for this key; add a policy, or use the project's secret key")),
        404 => match missing {
            Missing::Object => new(Code::NotFound).because(said),
            Missing::Bucket => refused(format!("there is no bucket {bucket:?}; create the bucket, or correct the destination's uri")),
            Missing::Storage => refused("there is no Supabase Storage at the destination's endpoint; correct it".into()),
        },
        409 => new(Code::DestinationConflict).because("the object there is neither the old nor the new version"),
        413 => refused("the file is larger than the bucket's file size limit or the project's global file size limit; raise both in the Storage settings".into()),
        415 => refused(format!("bucket {bucket:?} does not allow this type of file; add it to the bucket's allowed MIME types")),
        300..=399 => refused("the address answers with another address; correct the destination's endpoint".into()),
        _ => new(Code::DestinationRefused).because(said),
    }
}

/// A document that was promised, known by one of its fields (empty: a list). Errors: what it says where it is an error in
/// spite of its status; `destination_down` where it is broken off or another.
pub(super) async fn document<T: for<'de> Deserialize<'de>>(answer: Answer, field: &str, about: About<'_>) -> Result<T, Said> {
    let (status, wait) = (answer.status, answer.retry_after());
    let body = answer.bytes().await?;
    promised(status, &body, wait, field, about)
}

fn promised<T: for<'de> Deserialize<'de>>(
    status: StatusCode,
    body: &[u8],
    wait: Option<Duration>,
    field: &str,
    about: About<'_>,
) -> Result<T, Said> {
    // A signature must not stand in a fault.
    let shown = if String::from_utf8_lossy(body).contains("token=") { "not shown".to_owned() } else { words(body) };
    let strange = |why: String| about.down(format!("the answer is not what Supabase promises: {why}: {shown}"));
    let value: Value = serde_json::from_slice(body).map_err(|e| strange(e.to_string()))?;
    let is_whole = if field.is_empty() { value.is_array() } else { value.get(field).is_some_and(|field| !field.is_null()) };
    if !is_whole {
        let said = read(status, body, wait, about);
        // A success that is none, and gives no reason, may go well in a moment.
        return Err(if said.status == status.as_u16() { strange(format!("{field} is missing")) } else { said });
    }
    serde_json::from_value(value).map_err(|e| strange(e.to_string()))
}

/// What `info` tells of an object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    pub(super) size: Option<u64>,
    etag: Option<String>,
    /// Anybody's words; ours are `sha256` and `md5` in hex.
    metadata: Value,
}

impl Info {
    /// The store's name of this version; it keeps its `W/` where it is weak.
    pub(super) fn etag(&self) -> Option<String> {
        self.etag.as_deref().map(|etag| etag.trim().replace('"', "")).filter(|etag| !etag.is_empty())
    }

    /// What the store says of the object; None where it says no length.
    pub(super) fn proof(&self) -> Option<Proof> {
        Some(Proof { size_bytes: self.size?, hash: ProofHash::Untold, etag: self.etag() })
    }

    /// The SHA-256 noted by who put it there.
    pub(super) fn noted(&self) -> Option<&str> {
        self.metadata["sha256"].as_str().filter(|hex| hex.len() == 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ABOUT: About<'_> = About { operation: "put object", needs: "INSERT", place: ("bucket", "films"), key: "a/b.mp4" };

    fn told(status: u16, body: &str) -> Said {
        read(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None, ABOUT)
    }

    #[test]
    fn supabase_refusals_say_what_to_do_and_whether_waiting_helps() {
        let json = |status: &str, code: &str, message: &str| json!({"statusCode": status, "error": code, "message": message}).to_string();
        for (http, body, status, is_transient, words) in [
            (400, json("403", "Unauthorized", "new row violates row-level security policy"), 403, false, "does not allow INSERT"),
            (400, json("403", "Unauthorized", "\"exp\" claim timestamp check failed"), 403, true, "renew"),
            (400, json("400", "InvalidJWT", "jwt expired"), 400, true, "renew"),
            (400, json("403", "Unauthorized", "Invalid Compact JWS"), 403, false, "API keys"),
            (401, json!({"message": "Invalid API key"}).to_string(), 401, false, "API keys"),
            (400, json("404", "Bucket not found", "Bucket not found"), 404, false, "create the bucket"),
            (400, json("413", "Payload too large", "The object exceeded the maximum allowed size"), 413, false, "file size limit"),
            (400, json("415", "invalid_mime_type", "mime type a/b is not supported"), 415, false, "MIME"),
            (400, json("429", "too_many_connections", "Too many connections"), 429, true, "429"),
            (400, json("503", "SlowDown", "slow down"), 503, true, "503"),
            (544, json("544", "DatabaseTimeout", "timed out"), 544, true, "544"),
            (400, "Request aborted due to lock acquired".to_owned(), 400, true, "aborted"),
            (423, "failed to acquire lock".to_owned(), 423, true, "423"),
            (502, "<html>bad gateway".to_owned(), 502, true, "502"),
            (400, json("400", "InvalidKey", "Invalid key: a[b"), 400, false, "Invalid key"),
            (302, String::new(), 302, false, "endpoint"),
        ] {
            let said = told(http, &body);
            assert_eq!(said.status, status, "{body}");
            assert_eq!(said.fault.is_transient(), is_transient, "{body}: {}", said.fault);
            assert!(said.fault.to_string().contains(words), "{body}: {}", said.fault);
            assert!(!said.is_absent() && !said.is_taken(), "{body}");
        }
        assert!(!told(404, r#"{"message":"no Route matched with those values"}"#).is_absent(), "a gateway knows nothing of objects");
        assert!(told(400, &json("409", "Duplicate", "The resource already exists")).is_taken());
        assert!(told(400, &json("404", "not_found", "Object not found")).is_absent());
        assert!(told(400, r#"{"statusCode":404,"message":"Object not found"}"#).is_absent(), "a number will do");
    }

    #[test]
    fn supabase_success_with_an_error_inside_is_none() {
        let read = |body: &str| promised::<Value>(StatusCode::OK, body.as_bytes(), None, "Key", ABOUT);
        assert!(read(r#"{"Key":"films/a","Id":"1"}"#).is_ok());
        let said = read(r#"{"statusCode":"403","error":"Unauthorized","message":"new row violates"}"#).unwrap_err();
        assert_eq!((said.status, said.fault.code), (403, Code::DestinationRefused));
        for broken in [r#"{"Key":"fil"#, "", "{}", r#"{"error":"x"}"#, "[]"] {
            let said = read(broken).unwrap_err();
            assert!(said.fault.code == Code::DestinationDown && said.fault.is_transient(), "{broken}: {}", said.fault);
        }
    }

    #[test]
    fn supabase_etags_lose_their_quotes_and_notes_are_whole() {
        let info = |etag: &str, sha256: &str| -> Info {
            serde_json::from_value(json!({"size": 1, "etag": etag, "metadata": {"sha256": sha256}})).unwrap()
        };
        let sha256 = "1".repeat(64);
        assert_eq!((info("\"ab-2\"", &sha256).etag().as_deref(), info("\"\"", &sha256).etag()), (Some("ab-2"), None));
        assert_eq!(info("W/\"ab\"", &sha256).proof().unwrap().etag.as_deref(), Some("W/ab"));
        assert_eq!((info("", &sha256).noted(), info("", "short").noted()), (Some(&*sha256), None));
    }
}
