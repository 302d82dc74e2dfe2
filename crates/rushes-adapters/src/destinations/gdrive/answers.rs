//! What Drive answers: JSON, also where it refuses, with a reason in one word. Refusals become faults a person can act on.

use crate::destinations::call::{About, Said};
use crate::http::{Answer, passing, words};
use http::StatusCode;
use rushes_core::destination::{Proof, ProofHash};
use rushes_core::{Code, Fault, Verdict};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is asked of each file.
pub(super) const FIELDS: &str = "id,name,mimeType,size,md5Checksum,sha256Checksum,headRevisionId,createdTime,trashed,appProperties";

/// A file or folder as Drive shows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "mimeType")]
    pub(super) mime: String,
    /// A number, written as text.
    pub(super) size: Option<String>,
    pub(super) md5_checksum: Option<String>,
    pub(super) sha256_checksum: Option<String>,
    pub(super) head_revision_id: Option<String>,
    /// `2026-11-21T13:42:10.123Z`: in the order of time when compared as text.
    pub(super) created_time: String,
    pub(super) trashed: bool,
    #[serde(rename = "appProperties")]
    pub(super) properties: BTreeMap<String, String>,
}

impl File {
    /// What it shows of its content; None where it says no length.
    pub(super) fn proof(&self) -> Option<Proof> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let hash = filled(&self.sha256_checksum).map(ProofHash::Sha256).or_else(|| filled(&self.md5_checksum).map(ProofHash::Md5));
        let hash = hash.unwrap_or(ProofHash::Untold);
        Some(Proof { size_bytes: self.size.as_ref()?.parse().ok()?, hash, etag: filled(&self.head_revision_id) })
    }
}

/// One page of a listing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Page {
    pub(super) files: Vec<File>,
    pub(super) next_page_token: Option<String>,
    pub(super) incomplete_search: bool,
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

pub(super) fn read(status: StatusCode, body: &[u8], wait: Option<Duration>, about: About<'_>) -> Said {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &value["error"];
    let told = error["code"].as_u64().and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
    let status = told.filter(|told| status.is_success() && !told.is_success()).unwrap_or(status);
    // Older parts of Google's interfaces give a reason in one word, newer ones a detail.
    let detail = error["details"].as_array().and_then(|details| details.iter().find_map(|detail| detail["reason"].as_str()));
    let reason = error["errors"][0]["reason"].as_str().or(detail).unwrap_or_default();
    let message = error["message"].as_str().map_or_else(|| words(body), |message| words(message.as_bytes()));
    Said::new(status, reason, fault(status, reason, &message, wait, about))
}

fn fault(status: StatusCode, reason: &str, message: &str, wait: Option<Duration>, about: About<'_>) -> Fault {
    let said = [status.as_str(), reason, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if let Some(fault) = passing(status, about.operation, wait) {
        return about.of(fault).because(said);
    }
    let waiting = |fault: Fault| wait.map_or(fault.clone(), |wait| fault.retry_after(wait));
    let refused = |advice: &str| about.fault(Code::DestinationRefused).because(format!("{advice} ({said})"));
    match (status.as_u16(), reason) {
        (403, "rateLimitExceeded" | "userRateLimitExceeded" | "RATE_LIMIT_EXCEEDED") => {
            waiting(about.fault(Code::DestinationBusy).because(said))
        }
        (403, "dailyLimitExceeded" | "quotaExceeded") => {
            let advice = "the project's requests of today are used up; they are free again tomorrow, or raise the quota of the Drive API";
            waiting(about.fault(Code::DestinationBusy).because(format!("{advice} ({said})")))
        }
        (400, _) => {
            // What we ask always has the same form; it was changed on its way, or Drive is of another opinion today.
            about.fault(Code::DestinationDown).because(format!("Drive could not read the request ({said})"))
        }
        (401, _) => refused("the token was refused; another one is asked for. If that stays, run `rushes auth google`, or renew the key")
            .verdict(Verdict::Transient),
        (403, "storageQuotaExceeded") => refused(
            "there is no room left in the drive. Free some or buy more; a service account has none of its own: give it a folder of a shared drive",
        ),
        (
            403,
            "teamDriveFileLimitExceeded"
            | "numChildrenInNonRootLimitExceeded"
            | "teamDriveHierarchyTooDeep"
            | "myDriveHierarchyDepthLimitExceeded",
        ) => refused("the drive or the folder holds as many as Drive allows; use another folder, or remove what is not needed"),
        (403, "appNotAuthorizedToFile") => refused(
            "the account has seen only what Rushes made; use a folder of gdrive://root/NAME, or a service account with which the folder is shared",
        ),
        (403, "accessNotConfigured" | "SERVICE_DISABLED") => {
            refused("the Drive API is off in the Google project; switch it on: APIs and services, Library, Google Drive API")
        }
        (403, "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT") => {
            refused("what was agreed to does not include writing to Drive; run `rushes auth google` again and agree to it")
        }
        (403, "domainPolicy") => {
            refused("the administrator of the domain does not allow applications at Drive; ask them to allow this one")
        }
        (403, "cannotDownloadAbusiveFile") => refused("Drive holds the file for harmful and gives it to nobody but its owner"),
        (403, _) => {
            refused("the account may not do that in this folder; share it with the account as Editor (in a shared drive: Content manager)")
        }
        (404, _) => about.fault(Code::NotFound).because(said),
        (409, _) => about.fault(Code::DestinationDown).because(said),
        (300..=399, _) => refused("the address answers with another address; correct the destination's endpoint"),
        _ => about.fault(Code::DestinationRefused).because(said),
    }
}

/// A document that was promised, known by one of its fields. Errors: what it says where it is an error in spite of its
/// status; `destination_down` where it is broken off or another.
pub(super) async fn document<T: for<'de> Deserialize<'de>>(answer: Answer, field: &str, about: About<'_>) -> Result<T, Said> {
    let (status, wait) = (answer.status, answer.retry_after());
    let body = answer.bytes().await.map_err(|fault| about.of(fault))?;
    promised(status, &body, wait, field, about)
}

pub(super) fn promised<T: for<'de> Deserialize<'de>>(
    status: StatusCode,
    body: &[u8],
    wait: Option<Duration>,
    field: &str,
    about: About<'_>,
) -> Result<T, Said> {
    let strange = |why: String| about.down(format!("the answer is not what Drive promises: {why}: {}", words(body)));
    let value: Value = serde_json::from_slice(body).map_err(|e| strange(e.to_string()))?;
    if value.get(field).is_none_or(Value::is_null) {
        let said = read(status, body, wait, about);
        return Err(if said.status == status.as_u16() { strange(format!("{field} is missing")) } else { said });
    }
    serde_json::from_value(value).map_err(|e| strange(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ABOUT: About<'_> = About { operation: "put object", needs: "", place: ("folder", "root"), key: "a/b.mp4" };

    fn told(status: u16, reason: &str) -> Said {
        let body =
            json!({"error": {"code": status, "message": "words", "errors": [{"domain": "global", "reason": reason, "message": "words"}]}});
        read(StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes(), Some(Duration::from_secs(7)), ABOUT)
    }

    #[test]
    fn gdrive_refusals_say_what_to_do_and_whether_waiting_helps() {
        for (status, reason, code, is_transient, words) in [
            (403, "rateLimitExceeded", Code::DestinationBusy, true, "rateLimitExceeded"),
            (403, "userRateLimitExceeded", Code::DestinationBusy, true, "userRateLimitExceeded"),
            (403, "dailyLimitExceeded", Code::DestinationBusy, true, "tomorrow"),
            (429, "rateLimitExceeded", Code::DestinationBusy, true, "429"),
            (503, "backendError", Code::DestinationDown, true, "503"),
            (500, "internalError", Code::DestinationDown, true, "500"),
            (400, "parseError", Code::DestinationDown, true, "could not read"),
            (401, "authError", Code::DestinationRefused, true, "rushes auth google"),
            (403, "storageQuotaExceeded", Code::DestinationRefused, false, "shared drive"),
            (403, "appNotAuthorizedToFile", Code::DestinationRefused, false, "gdrive://root"),
            (403, "insufficientFilePermissions", Code::DestinationRefused, false, "Editor"),
            (403, "insufficientPermissions", Code::DestinationRefused, false, "agree"),
            (403, "accessNotConfigured", Code::DestinationRefused, false, "switch it on"),
            (403, "domainPolicy", Code::DestinationRefused, false, "administrator"),
            (404, "notFound", Code::NotFound, false, "404"),
        ] {
            let said = told(status, reason);
            assert_eq!((said.status, said.fault.code), (status, code), "{reason}: {}", said.fault);
            assert_eq!(said.fault.is_transient(), is_transient, "{reason}: {}", said.fault);
            assert!(said.fault.to_string().contains(words), "{reason}: {}", said.fault);
        }
        assert_eq!(told(403, "rateLimitExceeded").fault.retry_after_ms, Some(7_000));
        assert_eq!(told(429, "rateLimitExceeded").fault.retry_after_ms, Some(7_000));
        let newer = json!({"error": {"code": 403, "message": "off", "details": [{"@type": "x"}, {"reason": "SERVICE_DISABLED"}]}});
        let said = read(StatusCode::FORBIDDEN, newer.to_string().as_bytes(), None, ABOUT);
        assert!(said.fault.to_string().contains("switch it on"), "{}", said.fault);
    }

    #[test]
    fn gdrive_success_with_an_error_inside_is_none() {
        let read = |body: &str| promised::<File>(StatusCode::OK, body.as_bytes(), None, "id", ABOUT);
        assert_eq!(read(r#"{"id":"x","size":"3"}"#).unwrap().id, "x");
        assert_eq!(read(r#"{"error":{"code":403,"message":"no","errors":[{"reason":"domainPolicy"}]}}"#).unwrap_err().status, 403);
        for broken in [r#"{"id":"fil"#, "", "{}", r#"{"error":"x"}"#, "[]"] {
            let said = read(broken).unwrap_err();
            assert!(said.fault.code == Code::DestinationDown && said.fault.is_transient(), "{broken}: {}", said.fault);
        }
    }

    #[test]
    fn gdrive_files_show_the_strongest_hash_there_is() {
        let file = |value: Value| serde_json::from_value::<File>(value).unwrap().proof();
        let both = file(json!({"size": "5", "md5Checksum": "m", "sha256Checksum": "s", "headRevisionId": "r"})).unwrap();
        assert_eq!(both, Proof { size_bytes: 5, hash: ProofHash::Sha256("s".into()), etag: Some("r".into()) });
        assert_eq!(file(json!({"size": "5", "md5Checksum": "m"})).unwrap().hash, ProofHash::Md5("m".into()));
        assert_eq!(file(json!({"size": "5"})).unwrap().hash, ProofHash::Untold);
        assert_eq!(file(json!({"md5Checksum": "m"})), None, "a document has no size");
    }
}
