//! What S3 answers: documents in XML, hashes in headers, and refusals turned into faults a person can act on.

use crate::destinations::call::{About, Said};
use crate::http::{Answer, passing, words};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use rushes_core::destination::{Proof, ProofHash};
use rushes_core::folder::is_marker;
use rushes_core::{Code, Fault, Verdict};
use serde::Deserialize;
use std::time::Duration;

/// The metadata in which the hash of what was to be put is noted.
pub(super) const NOTED: &str = "x-amz-meta-rushes-sha256";
/// Clocks this far apart make signatures invalid; the published limit is 15 minutes.
const SKEW_MS: i64 = 5 * 60_000;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ErrorXml {
    code: String,
    message: String,
}

/// How far the store's clock is ahead of the one that signed at `signed_ms`, where an answer refuses and that is too far.
pub(super) fn skew_in(answer: &Answer, signed_ms: i64) -> Option<i64> {
    let date = httpdate::parse_http_date(answer.header("date")).ok()?;
    let theirs_ms = i64::try_from(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()?;
    Some(theirs_ms - signed_ms).filter(|skew| answer.status == 403 && skew.abs() > SKEW_MS)
}

/// Reads a refusal.
pub(super) async fn refusal(answer: Answer, about: About<'_>) -> Said {
    let (status, wait) = (answer.status, answer.retry_after());
    // A refusal of which half is missing is none: what it says decides whether trying again helps.
    let body = match answer.bytes().await {
        Ok(body) => body,
        Err(fault) => return about.of(fault).into(),
    };
    let error: ErrorXml = quick_xml::de::from_reader(&body[..]).unwrap_or_default();
    let message = if error.code.is_empty() { words(&body) } else { words(error.message.as_bytes()) };
    let fault = fault(status, &error.code, &message, wait, about);
    Said::new(status, &error.code, fault)
}

fn fault(status: http::StatusCode, code: &str, message: &str, wait: Option<Duration>, about: About<'_>) -> Fault {
    let About { operation, needs, place: (_, bucket), .. } = about;
    let new = |code: Code| about.fault(code);
    let said = [status.as_str(), code, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let refused = |advice: String| new(Code::DestinationRefused).because(format!("{advice} ({said})"));
    match code {
        "NoSuchBucket" => refused(format!("there is no bucket {bucket:?}; make it, or correct the destination's uri")),
        "SignatureDoesNotMatch" | "InvalidAccessKeyId" => {
            refused("the access key or its secret is wrong for this store; a wrong region says so too".into())
        }
        "AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException" => {
            refused("the bucket is in another region or at another endpoint; correct the destination's region and endpoint".into())
        }
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
            refused("the session's keys have expired; renew them".into()).verdict(Verdict::Transient)
        }
        "RequestTimeTooSkewed" => refused("this machine's clock is wrong; set it".into()).verdict(Verdict::Transient),
        "BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest" | "IncompleteBody" => new(Code::ProofFailed).because(said),
        "SlowDown" | "RequestTimeout" | "OperationAborted" | "ConditionalRequestConflict" | "ServiceUnavailable" | "InternalError" => {
            let fault = new(if code == "SlowDown" { Code::DestinationBusy } else { Code::DestinationDown }).because(said);
            wait.map_or(fault.clone(), |wait| fault.retry_after(wait))
        }
        _ => match passing(status, operation, wait) {
            Some(fault) => about.of(fault).because(said),
            None if status == 401 => refused("the keys are not accepted any more; renew them".into()).verdict(Verdict::Transient),
            None if status == 403 => refused(format!("the keys lack {needs} on this bucket or key; grant it")),
            None if status == 404 => new(Code::NotFound).because(said),
            // S3 names its refusals; what has no name came from somebody between us.
            None if status == 400 && code.is_empty() => new(Code::DestinationDown).because(said),
            None if status == 501 => new(Code::DestinationRefused).because(format!("the store does not know {needs} ({said})")),
            None => new(Code::DestinationRefused).because(said),
        },
    }
}

/// A document that was promised. Errors: `destination_down` where it is another, `destination_refused` or transient where
/// it is an error in spite of its status.
pub(super) async fn document<T: for<'de> Deserialize<'de>>(answer: Answer, about: About<'_>) -> Result<T, Said> {
    let (status, wait) = (answer.status, answer.retry_after());
    let body = answer.bytes().await?;
    let text = String::from_utf8_lossy(&body);
    if let Ok(error) = quick_xml::de::from_str::<ErrorXml>(&text)
        && !error.code.is_empty()
    {
        let mut fault = fault(status, &error.code, &words(error.message.as_bytes()), wait, about);
        // Without a code of its own a status of success says nothing: the same may go well in a moment.
        if fault.code == Code::DestinationRefused && error.code == "InternalError" {
            fault = fault.verdict(Verdict::Transient);
        }
        return Err(Said::new(status, &error.code, fault));
    }
    quick_xml::de::from_str(text.trim_start()).map_err(|e| about.down(format!("the answer is no document of S3: {e}: {}", words(&body))))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Begun {
    pub(super) upload_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Completed {
    #[serde(rename = "ETag")]
    pub(super) etag: String,
    #[serde(rename = "ChecksumCRC32C")]
    pub(super) crc32c: String,
    pub(super) checksum_type: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Page {
    pub(super) contents: Vec<Object>,
    pub(super) next_continuation_token: Option<String>,
    pub(super) is_truncated: bool,
    encoding_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Object {
    key: String,
}

impl Page {
    pub(super) fn keys(self) -> Vec<String> {
        let is_encoded = self.encoding_type.as_deref() == Some("url");
        let plain = |key: String| {
            // Encoded as in a form: a plus is a space.
            if is_encoded { percent_decode_str(&key.replace('+', "%20")).decode_utf8_lossy().into_owned() } else { key }
        };
        self.contents.into_iter().map(|object| plain(object.key)).filter(|key| !is_marker(key)).collect()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Uploads {
    pub(super) upload: Vec<Upload>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) upload_id: String,
}

/// An etag without its quotes, as a condition or a list of parts names it.
pub(super) fn bare(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}

fn hex_of(base64: &str, bytes: usize) -> Option<Vec<u8>> {
    STANDARD.decode(base64).ok().filter(|sum| sum.len() == bytes)
}

/// A CRC-32C as headers carry it.
pub(super) fn crc32c_text(sum: u32) -> String {
    STANDARD.encode(sum.to_be_bytes())
}

/// The hash of the whole object that an answer shows.
pub(super) fn hash_in(answer: &Answer) -> ProofHash {
    // An object in parts, as its etag says, may show a sum of sums; some stores show another sum than the one they checked.
    let is_whole = match answer.header("x-amz-checksum-type") {
        "" => !answer.header("etag").contains('-'),
        told => told == "FULL_OBJECT",
    };
    let sum = |name: &str, bytes: usize| hex_of(answer.header(name), bytes).filter(|_| is_whole);
    if let Some(sha256) = sum("x-amz-checksum-sha256", 32) {
        return ProofHash::Sha256(rushes_core::flow::hex(&sha256));
    }
    let crc32c = sum("x-amz-checksum-crc32c", 4).filter(|_| !answer.header("etag").contains('-'));
    crc32c.and_then(|sum| sum.try_into().ok()).map_or(ProofHash::Untold, |sum| ProofHash::Crc32c(u32::from_be_bytes(sum)))
}

/// The proof in the answer to a look at an object; None where it says no length, or names no version: then it is no object
/// that answers, whatever the status says.
pub(super) fn proof_in(answer: &Answer) -> Option<Proof> {
    let size_bytes = answer.header("content-length").parse().ok()?;
    Some(Proof { size_bytes, hash: hash_in(answer), etag: Some(etag_in(answer)?) })
}

/// The etag without its quotes, and with its `W/` where it is weak.
pub(super) fn etag_in(answer: &Answer) -> Option<String> {
    version(answer.header("etag"))
}

/// The same of one that stands in a document.
pub(super) fn version(etag: &str) -> Option<String> {
    let weak = if etag.trim().starts_with("W/") { "W/" } else { "" };
    Some(bare(etag)).filter(|etag| !etag.is_empty()).map(|etag| format!("{weak}{etag}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn told(status: u16, code: &str) -> Fault {
        let about = About { operation: "put object", needs: "s3:PutObject", place: ("bucket", "b"), key: "k" };
        fault(StatusCode::from_u16(status).unwrap(), code, "as it says", None, about)
    }

    #[test]
    fn s3_refusals_say_what_to_do_and_whether_waiting_helps() {
        for (status, code, is_transient, words) in [
            (403, "AccessDenied", false, "s3:PutObject"),
            (403, "SignatureDoesNotMatch", false, "region"),
            (404, "NoSuchBucket", false, "there is no bucket \"b\""),
            (301, "PermanentRedirect", false, "region"),
            (400, "ExpiredToken", true, "renew"),
            (401, "", true, "renew"),
            (403, "RequestTimeTooSkewed", true, "clock"),
            (503, "SlowDown", true, "SlowDown"),
            (429, "", true, "429"),
            (500, "InternalError", true, "500"),
            (400, "BadDigest", true, "BadDigest"),
            (400, "EntityTooLarge", false, "EntityTooLarge"),
        ] {
            let fault = told(status, code);
            assert_eq!(fault.is_transient(), is_transient, "{status} {code}: {fault}");
            assert!(fault.to_string().contains(words), "{status} {code}: {fault}");
        }
    }

    #[test]
    fn s3_listings_are_read_encoded_or_not() {
        let page = |xml: &str| quick_xml::de::from_str::<Page>(xml).unwrap();
        let encoded = page(
            "<ListBucketResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><NextContinuationToken>n</NextContinuationToken>\
             <Contents><Key>a+b%2B%5B1%5D/%C3%A9</Key><Size>1</Size></Contents><Contents><Key>c</Key></Contents></ListBucketResult>",
        );
        assert!(encoded.is_truncated && encoded.next_continuation_token.as_deref() == Some("n"));
        assert_eq!(encoded.keys(), ["a b+[1]/é", "c"]);
        let plain = page("<ListBucketResult><Contents><Key>a+b &amp; c%20</Key></Contents></ListBucketResult>");
        assert_eq!(plain.keys(), ["a+b & c%20"]);
        assert!(page("<ListBucketResult/>").keys().is_empty());
    }

    #[test]
    fn s3_etags_lose_their_quotes_and_stay_weak() {
        assert_eq!(version("\"25f9e794\"").as_deref(), Some("25f9e794"));
        assert_eq!(version("W/\"25f9e794\"").as_deref(), Some("W/25f9e794"));
        assert_eq!((version("\"\""), bare(" W/\"a-3\"")), (None, "a-3"));
        assert_eq!(crc32c_text(0xe306_9283), "4waSgw==");
    }
}
