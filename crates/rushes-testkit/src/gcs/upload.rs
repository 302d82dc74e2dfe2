//! Uploads by one request, the beginning of resumable ones, and the moment in which bytes become an object.

use super::conditions::Conditions;
use super::errors::{Outcome, Refusal, json_answer};
use super::request::Request;
use super::resumable;
use super::shelf::End;
use super::{Object, State};
use axum::body::Body;
use axum::http::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Uploads by one request with words of their own are at most this long.
const LARGEST_WHOLE: usize = 128 * 1024 * 1024;
const LONGEST_KEY: usize = 1_024;

/// Where bytes are to go, and on what condition.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) bucket: String,
    pub(super) key: String,
    /// What its writer said of it, with the hashes it is to have.
    pub(super) told: Value,
    pub(super) conditions: Conditions,
    pub(super) email: String,
}

/// `POST …/o?uploadType=`
pub(super) async fn post(state: &State, request: Request, bucket: &str) -> Outcome<Response<Body>> {
    let email = request.may(state, "storage.objects.create", "object")?;
    state.buckets().get(bucket).ok_or_else(Refusal::no_bucket)?;
    let (conditions, name) = (Conditions::of(&request)?, request.parameter("name"));
    let wanted = |told: Value| -> Outcome<Wanted> {
        let key = name.clone().or_else(|| told["name"].as_str().map(str::to_owned)).unwrap_or_default();
        check_key(&key)?;
        let (bucket, conditions, email) = (bucket.to_owned(), conditions.clone(), email.clone());
        Ok(Wanted { bucket, key, told, conditions, email })
    };
    match request.parameter("uploadType").as_deref() {
        Some("media") => {
            let wanted = wanted(json!({"contentType": request.header("content-type")}))?;
            let file = state.shelf.open();
            match state.shelf.append(&file, request.into_body(), 0, std::future::pending()).await {
                End::Whole => Ok(json_answer(200, &finish(state, &wanted, file).await?)),
                End::Broken => {
                    state.shelf.remove(&file);
                    Err(Refusal::invalid("the body broke off"))
                }
            }
        }
        Some("multipart") => {
            let kind = request.header("content-type").unwrap_or_default().to_owned();
            let body = axum::body::to_bytes(request.into_body(), LARGEST_WHOLE).await.map_err(|_| Refusal::unparsed())?;
            let (told, bytes) = two_parts(&kind, &body).ok_or_else(Refusal::unparsed)?;
            let wanted = wanted(told)?;
            let file = state.shelf.open();
            state.shelf.append(&file, Body::from(bytes), 0, std::future::pending()).await;
            Ok(json_answer(200, &finish(state, &wanted, file).await?))
        }
        Some("resumable") => resumable::begin(state, request, wanted).await,
        _ => Err(Refusal::invalid("Invalid value for: uploadType")),
    }
}

fn check_key(key: &str) -> Outcome<()> {
    if key.is_empty() {
        return Err(Refusal::invalid("Required"));
    }
    let is_sound = key.len() <= LONGEST_KEY && !key.contains(['\n', '\r']) && key != "." && key != "..";
    if is_sound { Ok(()) } else { Err(Refusal::invalid(format!("The specified object name is not valid: {key:.40}"))) }
}

/// The JSON and the bytes of a body of two parts (RFC 2387).
fn two_parts(kind: &str, body: &[u8]) -> Option<(Value, Vec<u8>)> {
    let boundary = kind.strip_prefix("multipart/related")?.split("boundary=").nth(1)?.trim_matches('"');
    let (opening, parting) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}\r\n"));
    let closing = format!("\r\n--{boundary}--");
    let body = body.strip_prefix(opening.as_bytes())?;
    let at = |of: &[u8], text: &str| of.windows(text.len()).position(|window| window == text.as_bytes());
    let first_end = at(body, &parting)?;
    let second = &body[first_end + parting.len()..];
    let closing_len = closing.len() + if second.ends_with(b"\r\n") { 2 } else { 0 };
    let second_end = second.len().checked_sub(closing_len).filter(|end| second[*end..].starts_with(closing.as_bytes()))?;
    let content = |part: &'_ [u8]| -> Option<Vec<u8>> { Some(part[at(part, "\r\n\r\n")? + 4..].to_vec()) };
    let told: Value = serde_json::from_slice(&content(&body[..first_end])?).ok().filter(Value::is_object)?;
    Some((told, content(&second[..second_end])?))
}

/// Makes an object of bytes that are whole: their hashes and the conditions hold, or the bytes are removed.
pub(super) async fn finish(state: &State, wanted: &Wanted, file: String) -> Outcome<Value> {
    let made = make(state, wanted, &file).await;
    if made.is_err() {
        state.shelf.remove(&file);
    }
    made
}

async fn make(state: &State, wanted: &Wanted, file: &str) -> Outcome<Value> {
    let (md5, crc32c) = state.shelf.sums(file).await;
    for (name, words, found) in
        [("md5Hash", "MD5 hash", STANDARD.encode(md5)), ("crc32c", "CRC32C checksum", STANDARD.encode(crc32c.to_be_bytes()))]
    {
        if let Some(said) = wanted.told[name].as_str().filter(|said| *said != found) {
            return Err(Refusal::invalid(format!("Provided {words} \"{said}\" doesn't match calculated {words} \"{found}\".")));
        }
    }
    let mut buckets = state.buckets();
    let objects = &mut buckets.get_mut(&wanted.bucket).ok_or_else(Refusal::no_bucket)?.objects;
    let there = objects.get(&wanted.key);
    wanted.conditions.check(there)?;
    if there.is_some() && state.forbidden().contains("storage.objects.delete") {
        return Err(Refusal::forbidden(&wanted.email, "storage.objects.delete", "object"));
    }
    let object = Object {
        name: wanted.key.clone(),
        generation: state.next_generation(),
        metageneration: 1,
        size: state.shelf.size(file),
        md5: Some(md5),
        crc32c,
        told: wanted.told.clone(),
        file: file.to_owned(),
    };
    let resource = object.resource(&wanted.bucket);
    if let Some(old) = objects.insert(wanted.key.clone(), object) {
        state.shelf.remove(&old.file);
    }
    Ok(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcs_bodies_of_two_parts_are_parted() {
        let body =
            b"--x\r\nContent-Type: application/json\r\n\r\n{\"name\":\"a\"}\r\n--x\r\nContent-Type: a/b\r\n\r\nby\r\n\r\ntes\r\n--x--\r\n";
        let (told, bytes) = two_parts("multipart/related; boundary=x", body).unwrap();
        assert_eq!((told["name"].as_str(), &bytes[..]), (Some("a"), &b"by\r\n\r\ntes"[..]));
        assert!(two_parts("multipart/related; boundary=y", body).is_none());
        assert!(two_parts("multipart/related; boundary=x", &body[..body.len() - 4]).is_none(), "it breaks off");
    }
}
