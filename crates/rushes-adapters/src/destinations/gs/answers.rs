//! What Cloud Storage answers: documents in JSON, and refusals in JSON or plain words, turned into faults a person can act on.

use crate::destinations::call::{About, Said};
use crate::http::{Answer, passing, words};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use rushes_core::destination::{Proof, ProofHash};
use rushes_core::flow::hex;
use rushes_core::{Code, Fault, Verdict};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// What was to be written on a condition met something else: its generation, or something that may not be written over.
pub(super) fn is_unmet(said: &Said) -> bool {
    let reason = || said.fault.reason.as_deref().unwrap_or_default();
    said.status == 412 || said.status == 403 && reason().contains("storage.objects.delete")
}

/// `{"error": {"code": 403, "message": "…", "errors": [{"reason": "forbidden", …}]}}`
#[derive(Deserialize)]
struct Refusal {
    error: Told,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    code: u16,
    message: String,
    errors: Vec<Reason>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reason {
    reason: String,
}

/// Reads a refusal.
pub(super) async fn refusal(answer: Answer, about: About<'_>) -> Said {
    let (status, wait) = (answer.status, answer.retry_after());
    // A refusal of which half is missing is none: what it says decides whether trying again helps.
    match answer.bytes().await {
        Ok(body) => read(status, &body, wait, about),
        Err(fault) => about.of(fault).into(),
    }
}

fn read(status: StatusCode, body: &[u8], wait: Option<Duration>, about: About<'_>) -> Said {
    let told = serde_json::from_slice::<Refusal>(body).ok().map(|refusal| refusal.error);
    // Asked for bytes, it refuses in plain words.
    let message = told.as_ref().map_or_else(|| words(body), |told| words(told.message.as_bytes()));
    let reason = told.as_ref().and_then(|told| Some(told.errors.first()?.reason.as_str()));
    Said::new(status, reason.unwrap_or_default(), fault(status, reason, &message, wait, about))
}

/// Which permission the words of a refusal say is missing: "… does not have storage.objects.create access to …".
fn missing(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("does not have ")?;
    rest.split(' ').next().filter(|permission| permission.starts_with("storage."))
}

/// The narrowest of Google's own roles that holds a permission.
fn role(permission: &str) -> &'static str {
    match permission {
        "storage.objects.get" | "storage.objects.list" => "Storage Object Viewer",
        "storage.objects.create" => "Storage Object Creator",
        _ => "Storage Object User",
    }
}

fn fault(status: StatusCode, reason: Option<&str>, message: &str, wait: Option<Duration>, about: About<'_>) -> Fault {
    let new = |code: Code| about.fault(code);
    let said = [status.as_str(), reason.unwrap_or_default(), message].into_iter().filter(|part| !part.is_empty());
    let said = said.collect::<Vec<_>>().join(" ");
    let refused = |advice: String| new(Code::DestinationRefused).because(format!("{advice} ({said})"));
    if let Some(fault) = passing(status, about.operation, wait) {
        return about.of(fault).because(said);
    }
    let lower = message.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    match (status.as_u16(), reason.unwrap_or_default()) {
        (403, "rateLimitExceeded" | "userRateLimitExceeded") => {
            let busy = new(Code::DestinationBusy).because(said);
            wait.map_or(busy.clone(), |wait| busy.retry_after(wait))
        }
        (401, _) if has("anonymous caller") => refused("there are no credentials; set the destination's credentials".into()),
        (401, _) => refused("the token is not accepted any more; renew the credentials".into()).verdict(Verdict::Transient),
        (403, _) if has("insufficient authentication scopes") || has("insufficient permission") => {
            refused("the machine's tokens are not for Cloud Storage; give it the scope cloud-platform".into())
        }
        (403, "retentionPolicyNotMet" | "objectUnderActiveHold") => refused("the bucket's retention keeps what is there".into()),
        (403, "accessNotConfigured" | "accountDisabled" | "userProjectAccountProblem") => {
            refused("the project does not let anybody use Cloud Storage; mend what is named".into())
        }
        (403, _) => {
            let permission = missing(message).unwrap_or(about.needs);
            let (bucket, role) = (about.place.1, role(permission));
            let advice = format!("the account lacks {permission} on bucket {bucket:?}; grant it the role {role}");
            // Storage Object User holds all four that are needed.
            refused(if role == "Storage Object User" { advice } else { format!("{advice}, or Storage Object User for all of it") })
        }
        (404, _) if has("bucket does not exist") => {
            refused(format!("there is no bucket {:?}; make it, or correct the destination's uri", about.place.1))
        }
        (404, reason) if has("no such object") || !reason.is_empty() => new(Code::NotFound).because(said),
        // Emulators say no more where an object is not there.
        (404, _) if message.is_empty() && matches!(about.operation, "look at object" | "get object" | "delete object") => {
            new(Code::NotFound).because(said)
        }
        (404 | 410, _) if about.operation == "send part" => new(Code::DestinationDown).because("the store no longer knows the upload"),
        (404, _) => refused("there is no Cloud Storage at the destination's endpoint; correct it".into()),
        (412, _) => new(Code::DestinationConflict).because("the object there is neither the old nor the new version"),
        (413, _) => refused("the file is larger than an object may be (5 TiB)".into()),
        (400, _) if has("doesn't match calculated") => new(Code::ProofFailed).because(said),
        // It names its refusals; what has no name came from somebody between us, or was spoilt on its way.
        (400, "" | "parseError") => new(Code::DestinationDown).because(said),
        (300..=399, _) => refused("the address answers with another address; correct the destination's endpoint".into()),
        _ => new(Code::DestinationRefused).because(said),
    }
}

/// A document that was promised. Errors: what it says where it is an error in spite of its status; `destination_down` where
/// it is broken off or another.
pub(super) async fn document<T: DeserializeOwned>(answer: Answer, about: About<'_>) -> Result<T, Said> {
    let (status, wait) = (answer.status, answer.retry_after());
    promised(status, &answer.bytes().await?, wait, about)
}

fn promised<T: DeserializeOwned>(status: StatusCode, body: &[u8], wait: Option<Duration>, about: About<'_>) -> Result<T, Said> {
    let inner = serde_json::from_slice::<Refusal>(body).ok().and_then(|refusal| StatusCode::from_u16(refusal.error.code).ok());
    if let Some(inner) = inner.filter(|inner| inner.as_u16() >= 400) {
        return Err(read(inner, body, wait, about));
    }
    serde_json::from_slice(body).map_err(|e| {
        let reason = format!("{status}, and the answer is not what Cloud Storage promises: {e}: {}", words(body));
        about.fault(Code::DestinationDown).because(reason).into()
    })
}

/// An object as it is told of.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    /// Numbers are texts, as JSON has no long ones.
    size: String,
    generation: String,
    md5_hash: Option<String>,
    crc32c: Option<String>,
}

impl Object {
    /// What it proves: by CRC-32C where it is larger than `md5_max_bytes`, and so went in parts, whose MD5 nobody took.
    /// Composite objects have no MD5. Errors: `destination_down` where no hash is shown.
    pub(super) fn proof(&self, about: About<'_>, md5_max_bytes: u64) -> Result<Proof, Fault> {
        let bytes = |text: &Option<String>| STANDARD.decode(text.as_deref()?).ok();
        let is_small = self.size.parse().is_ok_and(|size: u64| size <= md5_max_bytes);
        let md5 = bytes(&self.md5_hash).filter(|md5| md5.len() == 16).map(|md5| ProofHash::Md5(hex(&md5)));
        let md5 = md5.filter(|_| is_small || self.crc32c.is_none());
        let crc32c = || Some(ProofHash::Crc32c(u32::from_be_bytes(bytes(&self.crc32c)?.try_into().ok()?)));
        let silent = || about.fault(Code::DestinationDown).because("the store tells of the object without its hash or size");
        let hash = md5.or_else(crc32c).ok_or_else(silent)?;
        let size_bytes = self.size.parse().map_err(|_| silent())?;
        Ok(Proof { size_bytes, hash, etag: Some(self.generation.clone()) })
    }
}

/// One page of a listing. Without its kind it is another document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(default)]
    pub(super) items: Vec<Item>,
    pub(super) next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Item {
    pub(super) name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ABOUT: About<'_> = About { operation: "put object", needs: "storage.objects.create", place: ("bucket", "films"), key: "a/b.mp4" };

    fn told(status: u16, body: &str) -> Said {
        read(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None, ABOUT)
    }

    #[test]
    fn gs_refusals_say_what_to_do_and_whether_waiting_helps() {
        let json = |code: u16, reason: &str, message: &str| {
            json!({"error": {"code": code, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}})
                .to_string()
        };
        let lacks = |permission: &str| {
            let message = format!(
                "a@b.iam.gserviceaccount.com does not have {permission} access to the Google Cloud Storage object. Permission '{permission}' denied on resource (or it may not exist)."
            );
            json(403, "forbidden", &message)
        };
        for (http, body, is_transient, words) in [
            (401, json(401, "authError", "Invalid Credentials"), true, "renew"),
            (
                401,
                json(401, "required", "Anonymous caller does not have storage.objects.get access"),
                false,
                "set the destination's credentials",
            ),
            (
                403,
                lacks("storage.objects.create"),
                false,
                "lacks storage.objects.create on bucket \"films\"; grant it the role Storage Object Creator",
            ),
            (403, lacks("storage.objects.delete"), false, "lacks storage.objects.delete"),
            (403, lacks("storage.objects.list"), false, "Storage Object Viewer"),
            (403, "<html>no".to_owned(), false, "lacks storage.objects.create"),
            (403, json(403, "forbidden", "Request had insufficient authentication scopes."), false, "cloud-platform"),
            (403, json(403, "rateLimitExceeded", "slow"), true, "slow"),
            (403, json(403, "retentionPolicyNotMet", "Object 'a' is subject to bucket's retention policy"), false, "retention"),
            (404, json(404, "notFound", "The specified bucket does not exist."), false, "there is no bucket \"films\""),
            (404, "Not Found".to_owned(), false, "endpoint"),
            (400, json(400, "invalid", "Provided MD5 hash \"x\" doesn't match calculated MD5 hash \"y\"."), true, "MD5"),
            (400, json(400, "parseError", "Parse Error"), true, "Parse"),
            (400, json(400, "invalid", "The specified object name is not valid."), false, "name is not valid"),
            (408, String::new(), true, "408"),
            (413, String::new(), false, "5 TiB"),
            (429, json(429, "rateLimitExceeded", "The object exceeded the rate limit"), true, "rate limit"),
            (503, json(503, "backendError", "Backend Error"), true, "503"),
            (507, String::new(), true, "507"),
            (302, String::new(), false, "endpoint"),
        ] {
            let said = told(http, &body);
            assert_eq!(said.fault.is_transient(), is_transient, "{body}: {}", said.fault);
            assert!(said.fault.to_string().contains(words), "{body}: {}", said.fault);
            assert!(!said.is_absent(), "{body}");
        }
        assert!(told(404, &json(404, "notFound", "No such object: films/a/b.mp4")).is_absent());
        assert!(told(404, "No such object: films/a/b.mp4").is_absent(), "as it says where bytes were asked for");
        assert!(is_unmet(&told(412, &json(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold."))));
        assert!(is_unmet(&told(403, &lacks("storage.objects.delete"))) && !is_unmet(&told(403, &lacks("storage.objects.create"))));
    }

    #[test]
    fn gs_success_with_an_error_inside_is_none() {
        let read = |body: &str| promised::<Object>(StatusCode::OK, body.as_bytes(), None, ABOUT);
        assert!(read(r#"{"size":"1","generation":"2"}"#).is_ok());
        let said = read(r#"{"error":{"code":503,"message":"Backend Error"}}"#).unwrap_err();
        assert!(said.status == 503 && said.fault.is_transient(), "{}", said.fault);
        for broken in [r#"{"size":"1","gen"#, "", "{}", r#"{"error":"x"}"#, "[]"] {
            let said = read(broken).unwrap_err();
            assert!(said.fault.code == Code::DestinationDown && said.status == 0, "{broken}: {}", said.fault);
        }
        assert!(promised::<Page>(StatusCode::OK, b"{}", None, ABOUT).is_err(), "an empty page says what it is");
    }

    #[test]
    fn gs_objects_are_proven_by_md5_or_crc32c() {
        let proof = |value: Value| serde_json::from_value::<Object>(value).unwrap().proof(ABOUT, 9);
        let whole = json!({"size": "9", "generation": "7", "md5Hash": "JfnnlDI7RTiF9RgfG2JNCw==", "crc32c": "4waSgw=="});
        assert_eq!(proof(whole).unwrap().hash, ProofHash::Md5("25f9e794323b453885f5181f1b624d0b".into()));
        let large = json!({"size": "10", "generation": "7", "md5Hash": "JfnnlDI7RTiF9RgfG2JNCw==", "crc32c": "4waSgw=="});
        assert_eq!(proof(large).unwrap().hash, ProofHash::Crc32c(0xe306_9283), "what went in parts");
        let composite = proof(json!({"size": "9", "generation": "7", "crc32c": "4waSgw=="})).unwrap();
        assert_eq!((composite.hash, composite.etag.as_deref()), (ProofHash::Crc32c(0xe306_9283), Some("7")));
        assert!(proof(json!({"size": "9", "generation": "7"})).unwrap_err().is_transient());
    }
}
