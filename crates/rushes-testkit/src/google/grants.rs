//! The addresses: tokens for assertions and logins, the metadata server, the exchange of foreign tokens, and IAM.

use super::{Accounts, Google, consent, jwt};
use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The scope that holds all others.
pub(super) const PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Of the one pool of foreign identities.
pub(super) const AUDIENCE: &str = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/other";
/// A body beyond this is refused.
const LARGEST_BODY: usize = 1024 * 1024;
/// Who has a foreign identity and nothing more.
const FOREIGNER: &str = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/subject/1";

type Answered = Result<Value, (u16, Value)>;

/// Every request.
pub(super) async fn answer(
    axum::extract::State(accounts): axum::extract::State<Arc<Accounts>>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    if let Some(rest) = path.strip_prefix("/computeMetadata/v1/instance/service-accounts/default/") {
        return metadata(&accounts, &parts.headers, rest, parts.uri.query().unwrap_or_default());
    }
    if (method, path) == ("GET", "/auth") {
        return match consent::agree(&accounts, &form(parts.uri.query().unwrap_or_default().as_bytes())) {
            Ok(location) => {
                let mut answer = plain_answer(&accounts, 302, "text/html", String::new());
                answer.headers_mut().insert("location", location.parse().expect("an address"));
                answer
            }
            Err(words) => plain_answer(&accounts, 400, "text/html", words),
        };
    }
    let answered = match (method, path) {
        ("POST", "/revoke") => revoke(&accounts, &form(&body)),
        ("POST", "/token") => token(&accounts, &form(&body), &format!("http://{host}/token")),
        // Another provider's, beside us.
        ("GET", "/subject") if parts.headers.get("x-asks").is_some_and(|who| who == "rushes") => Ok(json!({"token": Google::SUBJECT})),
        ("POST", "/sts") => exchange(&accounts, &form(&body)),
        ("POST", path) if path.contains("/serviceAccounts/") => iam(&accounts, &parts.headers, path, &body),
        _ => Err((404, json!({"error": {"code": 404, "message": "Not found", "status": "NOT_FOUND"}}))),
    };
    let (status, body) = answered.map_or_else(|refused| refused, |body| (200, body));
    json_answer(&accounts, status, &body)
}

fn json_answer(accounts: &Accounts, status: u16, body: &Value) -> Response<Body> {
    plain_answer(accounts, status, "application/json; charset=UTF-8", body.to_string())
}

fn plain_answer(accounts: &Accounts, status: u16, mime: &'static str, body: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    for (name, value) in [("content-type", mime), ("date", &accounts.date())] {
        answer.headers_mut().insert(name, value.parse().expect("a header of the protocol"));
    }
    answer
}

/// A form's fields, decoded.
fn form(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

fn refused(status: u16, error: &str, words: &str) -> (u16, Value) {
    (status, json!({"error": error, "error_description": words}))
}

fn granted(accounts: &Accounts, email: &str, scopes: &str) -> Value {
    let (token, lives_s) = accounts.grant(email, scopes);
    json!({"access_token": token, "expires_in": lives_s, "token_type": "Bearer"})
}

fn token(accounts: &Accounts, form: &[(String, String)], audience: &str) -> Answered {
    match field(form, "grant_type") {
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            let scopes = jwt::scopes_in(accounts, field(form, "assertion"), audience);
            let scopes = scopes.map_err(|(error, words)| refused(400, error, &words))?;
            Ok(granted(accounts, Google::EMAIL, &scopes))
        }
        "authorization_code" => {
            known_client(form)?;
            consent::redeem(accounts, form).map_err(|words| refused(400, "invalid_grant", words))
        }
        "refresh_token" => {
            known_client(form)?;
            if field(form, "refresh_token") != "1//refresh" || !accounts.is_logged_in.load(Ordering::Relaxed) {
                return Err(refused(400, "invalid_grant", "Token has been expired or revoked."));
            }
            Ok(granted(accounts, Google::PERSON, PLATFORM))
        }
        other => Err(refused(400, "unsupported_grant_type", &format!("Invalid grant_type: {other}"))),
    }
}

fn known_client(form: &[(String, String)]) -> Result<(), (u16, Value)> {
    let is_known = field(form, "client_id") == Google::CLIENT_ID && field(form, "client_secret") == Google::CLIENT_SECRET;
    if is_known { Ok(()) } else { Err(refused(401, "invalid_client", "The OAuth client was not found.")) }
}

fn revoke(accounts: &Accounts, form: &[(String, String)]) -> Answered {
    if field(form, "token") != "1//refresh" || !accounts.is_logged_in() {
        return Err(refused(400, "invalid_token", "Token expired or revoked"));
    }
    accounts.log_out();
    Ok(json!({}))
}

fn metadata(accounts: &Accounts, headers: &HeaderMap, what: &str, query: &str) -> Response<Body> {
    if headers.get("metadata-flavor").is_none_or(|flavor| flavor != "Google") {
        return plain_answer(accounts, 403, "text/html", "Missing Metadata-Flavor:Google header.".into());
    }
    let mut answer = match what {
        _ if !accounts.is_machine.load(Ordering::Relaxed) => plain_answer(accounts, 404, "text/html", "Error 404 (Not Found)!!1".into()),
        "token" => {
            let scopes = query.split('&').find_map(|pair| pair.strip_prefix("scopes=")).map(|text| decoded(text).replace(',', " "));
            json_answer(accounts, 200, &granted(accounts, Google::EMAIL, scopes.as_deref().unwrap_or(PLATFORM)))
        }
        "email" => plain_answer(accounts, 200, "application/text", Google::EMAIL.into()),
        _ => plain_answer(accounts, 404, "text/html", "Error 404 (Not Found)!!1".into()),
    };
    answer.headers_mut().insert("metadata-flavor", "Google".parse().expect("a word"));
    answer
}

fn exchange(accounts: &Accounts, form: &[(String, String)]) -> Answered {
    let is_exchange = field(form, "grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange"
        && field(form, "requested_token_type") == "urn:ietf:params:oauth:token-type:access_token"
        && field(form, "subject_token_type") == "urn:ietf:params:oauth:token-type:jwt";
    if !is_exchange {
        return Err(refused(
            400,
            "invalid_request",
            "Invalid value for \"grant_type\", \"requested_token_type\" or \"subject_token_type\".",
        ));
    }
    if field(form, "audience") != AUDIENCE {
        return Err(refused(400, "invalid_target", "The target service indicated by the \"audience\" parameters is invalid."));
    }
    if field(form, "subject_token") != Google::SUBJECT {
        return Err(refused(400, "invalid_grant", "The subject token is invalid or has expired."));
    }
    let mut answer = granted(accounts, FOREIGNER, field(form, "scope"));
    answer["issued_token_type"] = json!("urn:ietf:params:oauth:token-type:access_token");
    Ok(answer)
}

/// `POST …/serviceAccounts/{email}:{generateAccessToken|signBlob}`
fn iam(accounts: &Accounts, headers: &HeaderMap, path: &str, body: &[u8]) -> Answered {
    let error = |code: u16, status: &str, words: &str| (code, json!({"error": {"code": code, "message": words, "status": status}}));
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let scopes = ["https://www.googleapis.com/auth/iam"];
    accounts.who(bearer, &scopes).map_err(|_| {
        error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.")
    })?;
    let name = path.rsplit('/').next().unwrap_or_default();
    let (email, verb) = name.rsplit_once(':').unwrap_or_default();
    if email != Google::EMAIL || !accounts.may_sign.load(Ordering::Relaxed) {
        let permission = if verb == "signBlob" { "iam.serviceAccounts.signBlob" } else { "iam.serviceAccounts.getAccessToken" };
        let words = format!("Permission '{permission}' denied on resource (or it may not exist).");
        return Err(error(403, "PERMISSION_DENIED", &words));
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match verb {
        "generateAccessToken" => {
            let scopes: Vec<&str> = body["scope"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let (token, _) = accounts.grant(email, &scopes.join(" "));
            Ok(json!({"accessToken": token, "expireTime": "2099-01-01T00:00:00Z"}))
        }
        "signBlob" => {
            let payload = body["payload"].as_str().and_then(|text| STANDARD.decode(text).ok());
            let payload = payload.ok_or_else(|| error(400, "INVALID_ARGUMENT", "Base64 decoding failed for \"payload\""))?;
            let mut signature = vec![0; accounts.key.public().modulus_len()];
            accounts.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &payload, &mut signature).expect("the key signs");
            Ok(json!({"keyId": "managed-by-google", "signedBlob": STANDARD.encode(signature)}))
        }
        _ => Err(error(404, "NOT_FOUND", "Not found")),
    }
}
