//! AWS Signature Version 4: requests signed in their headers, addresses signed in their query.
//!
//! Our own, because the signing time must be settable: a machine whose clock is wrong signs by the store's clock.
//! Source: "Signature Version 4 signing process" and its published examples, which the tests repeat.

use crate::http::query_of;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, Method};
use rushes_core::record::rfc3339;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// What stands for the hash of a body that is not hashed before it is sent.
pub(super) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// An account's keys.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) access: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

/// What is signed: a request as it will be sent.
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    pub(super) host: &'a str,
    /// Encoded once, with its leading separator.
    pub(super) path: &'a str,
    /// Names and values, not encoded.
    pub(super) query: &'a [(String, String)],
    /// SHA-256 of the body in hex, or [`UNSIGNED`].
    pub(super) payload: &'a str,
}

/// For whom and when.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) keys: &'a Keys,
    pub(super) at_ms: i64,
}

/// `20261121T101500Z`.
fn moment(at_ms: i64) -> String {
    let text = rfc3339(at_ms);
    text[..19].chars().filter(|c| !matches!(c, '-' | ':')).chain(['Z']).collect()
}

impl Scope<'_> {
    /// At a moment, as everything that is signed at once is.
    fn name(&self, moment: &str) -> String {
        format!("{}/{}/s3/aws4_request", &moment[..8], self.region)
    }

    fn signature(&self, moment: &str, name: &str, canonical: &str) -> String {
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{name}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let day = mac(format!("AWS4{}", self.keys.secret).as_bytes(), &moment[..8]);
        let key = mac(&mac(&mac(&day, self.region), "s3"), "aws4_request");
        hex(&mac(&key, &text))
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length will do; it is hashed where it is too long.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    rushes_core::flow::hex(bytes)
}

fn canonical(signed: &Signed<'_>, query: &str, headers: &[(&str, &str)], names: &str) -> String {
    let mut text = format!("{}\n{}\n{query}\n", signed.method, signed.path);
    for (name, value) in headers {
        text.extend([name, ":", value, "\n"]);
    }
    text.extend(["\n", names, "\n", signed.payload]);
    text
}

/// Adds the date, the token, the payload's hash and the signature to headers. All that are there already are signed too.
pub(super) fn sign(signed: &Signed<'_>, scope: &Scope<'_>, headers: &mut HeaderMap) {
    let mut add = |name: &'static str, text: &str| {
        if let Ok(mut value) = HeaderValue::from_str(text) {
            value.set_sensitive(name == "x-amz-security-token");
            headers.insert(name, value);
        }
    };
    let moment = moment(scope.at_ms);
    add("x-amz-date", &moment);
    add("x-amz-content-sha256", signed.payload);
    if let Some(token) = &scope.keys.token {
        add("x-amz-security-token", token);
    }
    let texts: Vec<(&str, Cow<'_, str>)> =
        headers.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();
    let mut lines: Vec<(&str, &str)> = texts.iter().map(|(name, value)| (*name, value.trim())).chain([("host", signed.host)]).collect();
    lines.sort_unstable();
    let names = lines.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let name = scope.name(&moment);
    let signature = scope.signature(&moment, &name, &canonical(signed, &query_of(signed.query), &lines, &names));
    let text = format!("AWS4-HMAC-SHA256 Credential={}/{name}, SignedHeaders={names}, Signature={signature}", scope.keys.access);
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        headers.insert(http::header::AUTHORIZATION, value);
    }
}

/// The query of an address that is valid for so many seconds.
pub(super) fn sign_query(signed: &Signed<'_>, scope: &Scope<'_>, valid_s: u64) -> String {
    let moment = moment(scope.at_ms);
    let scope_name = scope.name(&moment);
    let mut pairs = signed.query.to_vec();
    let mut add = |name: &str, value: String| pairs.push((name.to_owned(), value));
    add("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned());
    add("X-Amz-Credential", format!("{}/{scope_name}", scope.keys.access));
    add("X-Amz-Date", moment.clone());
    add("X-Amz-Expires", valid_s.to_string());
    add("X-Amz-SignedHeaders", "host".to_owned());
    if let Some(token) = &scope.keys.token {
        add("X-Amz-Security-Token", token.clone());
    }
    let query = query_of(&pairs);
    let signature = scope.signature(&moment, &scope_name, &canonical(signed, &query, &[("host", signed.host)], "host"));
    format!("{query}&X-Amz-Signature={signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 24 May 2013, midnight: the moment of the published examples.
    const MAY_24: i64 = 1_369_353_600_000;
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn keys() -> Keys {
        Keys { access: "AKIAIOSFODNN7EXAMPLE".into(), secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(), token: None }
    }

    fn signature_of(method: Method, path: &str, query: &[(&str, &str)], given: &[(&'static str, &'static str)], payload: &str) -> String {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut headers: HeaderMap =
            given.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        let signed = Signed { method: &method, host: "examplebucket.s3.amazonaws.com", path, query: &query, payload };
        sign(&signed, &Scope { region: "us-east-1", keys: &keys(), at_ms: MAY_24 }, &mut headers);
        headers["authorization"].to_str().unwrap().rsplit_once("Signature=").unwrap().1.to_owned()
    }

    #[test]
    fn sign_gives_the_published_signatures() {
        let get = signature_of(Method::GET, "/test.txt", &[], &[("range", "bytes=0-9")], EMPTY);
        assert_eq!(get, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
        let put = signature_of(
            Method::PUT,
            "/test%24file.text",
            &[],
            &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        );
        assert_eq!(put, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
        let list = signature_of(Method::GET, "/", &[("max-keys", "2"), ("prefix", "J")], &[], EMPTY);
        assert_eq!(list, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    }

    #[test]
    fn sign_query_gives_the_published_address() {
        let signed =
            Signed { method: &Method::GET, host: "examplebucket.s3.amazonaws.com", path: "/test.txt", query: &[], payload: UNSIGNED };
        let query = sign_query(&signed, &Scope { region: "us-east-1", keys: &keys(), at_ms: MAY_24 }, 86_400);
        assert!(query.ends_with("aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"), "{query}");
    }
}
