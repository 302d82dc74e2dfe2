//! Reading by a plain address: signed (V4), or in a bucket that everybody may read. Refusals come in XML.

use super::errors::{Outcome, Refusal, text_answer};
use super::request::{Request, decoded};
use super::{State, objects};
use axum::body::Body;
use axum::http::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rushes_core::flow::hex;
use rushes_core::record::rfc3339;
use sha2::{Digest, Sha256};

const LONGEST_S: i64 = 7 * 86_400;
/// How far in the future an address may have been signed.
const TOLERANCE_S: i64 = 15 * 60;
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

fn refused(status: u16, code: &str, message: &str) -> Response<Body> {
    let body = format!("<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    text_answer(status, "application/xml; charset=UTF-8", body)
}

/// `GET /{bucket}/{key}`
pub(super) async fn open(state: &State, request: &Request) -> Outcome<Response<Body>> {
    let path = decoded(request.path.trim_start_matches('/'));
    let (bucket, key) = path.split_once('/').ok_or_else(Refusal::no_route)?;
    let is_signed = request.parameter("X-Goog-Algorithm").is_some();
    if request.method != "GET" {
        return Err(Refusal::no_route());
    }
    let (is_public, found) = match state.buckets().get(bucket) {
        Some(held) => (held.is_public, held.objects.get(key).cloned()),
        None => return Ok(refused(404, "NoSuchBucket", "The specified bucket does not exist.")),
    };
    if is_signed {
        if let Err((status, code, words)) = verify(state, request) {
            return Ok(refused(status, code, words));
        }
        if state.forbidden().contains("storage.objects.get") {
            return Ok(refused(403, "AccessDenied", "Access denied."));
        }
    } else if !is_public && !state.is_open {
        return Ok(refused(
            403,
            "AccessDenied",
            "Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object.",
        ));
    }
    match found {
        Some(object) => objects::media(state, request, &object).await,
        None => Ok(refused(404, "NoSuchKey", "The specified key does not exist.")),
    }
}

/// Whether the address is signed by the account, for this object, and not too old.
fn verify(state: &State, request: &Request) -> Result<(), (u16, &'static str, &'static str)> {
    let malformed = (400, "AuthenticationRequired", "The query parameters of a signed address are missing or malformed.");
    let asked = |name: &str| request.parameter(name).ok_or(malformed);
    let (credential, date) = (asked("X-Goog-Credential")?, asked("X-Goog-Date")?);
    let (email, scope) = credential.split_once('/').ok_or(malformed)?;
    let wanted_scope = format!("{}/auto/storage/goog4_request", date.get(..8).ok_or(malformed)?);
    if asked("X-Goog-Algorithm")? != "GOOG4-RSA-SHA256" || scope != wanted_scope || asked("X-Goog-SignedHeaders")? != "host" {
        return Err(malformed);
    }
    let valid_s: i64 = asked("X-Goog-Expires")?.parse().map_err(|_| malformed)?;
    if !(1..=LONGEST_S).contains(&valid_s) {
        return Err((400, "InvalidArgument", "Invalid argument: X-Goog-Expires must be between 1 and 604800."));
    }
    // Moments written alike are in the order of time.
    let moment = |at_s: i64| rfc3339(at_s * 1_000)[..19].chars().filter(|c| !matches!(c, '-' | ':')).chain(['Z']).collect::<String>();
    let now_s = state.accounts.now_s();
    if date < moment(now_s - valid_s) {
        return Err((400, "ExpiredToken", "The provided token has expired."));
    }
    if date > moment(now_s + TOLERANCE_S) {
        return Err((403, "AccessDenied", "Signed address is not valid yet."));
    }
    let (rest, signature) = request.query.rsplit_once("&X-Goog-Signature=").ok_or(malformed)?;
    let mut pairs: Vec<&str> = rest.split('&').collect();
    pairs.sort_unstable();
    let path = utf8_percent_encode(&decoded(&request.path), PATH).to_string();
    // Ports are not signed.
    let host = request.header("host").unwrap_or_default().split(':').next().unwrap_or_default();
    let canonical = format!("GET\n{path}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", pairs.join("&"));
    let text = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let signature: Option<Vec<u8>> =
        (0..signature.len()).step_by(2).map(|at| u8::from_str_radix(signature.get(at..at + 2)?, 16).ok()).collect();
    if state.accounts.is_signed(email, text.as_bytes(), &signature.ok_or(malformed)?) {
        Ok(())
    } else {
        Err((403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."))
    }
}
