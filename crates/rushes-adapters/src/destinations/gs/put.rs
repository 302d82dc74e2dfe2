//! Writing: on the condition that nothing, or the version last proven, is there; proven by the answer.

use super::answers::{Object, Said};
use super::{Call, FIELDS, GsDestination};
use crate::http::{base64_of, body_of, unless_damaged};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rushes_core::destination::{Condition, Proof, Put};
use rushes_core::{Blob, Code, Fault};
use serde_json::{Value, json};

/// The generation of what is not there.
const NOTHING: &str = "0";
/// What writing takes; what is written over is also deleted.
pub(super) const NEEDS: &str = "storage.objects.create";

/// What a put meets at its key.
enum Target {
    /// These very bytes.
    Done(Proof),
    /// This generation, which may be written over; 0: nothing.
    At(String),
}

/// What the store is told of the bytes beforehand; other bytes it refuses.
pub(super) fn told(put: &Put<'_>) -> Value {
    let Put { key, blob, .. } = put;
    let crc32c = STANDARD.encode(blob.crc32c.to_be_bytes());
    let mut told = json!({"name": key, "contentType": mime(blob), "crc32c": crc32c});
    if let Some(md5) = &blob.md5 {
        told["md5Hash"] = base64_of(md5).into();
    }
    told
}

pub(super) fn mime(blob: &Blob) -> &str {
    if blob.mime.is_empty() { "application/octet-stream" } else { &blob.mime }
}

impl GsDestination {
    async fn target(&self, put: Put<'_>) -> Result<Target, Fault> {
        let Some(there) = self.look(put.key).await? else { return Ok(Target::At(NOTHING.to_owned())) };
        let is_known = matches!(put.condition, Condition::Replace(known)
            if there.etag == known.etag || there.size_bytes == known.size_bytes && there.hash == known.hash);
        if there.is_of(put.blob) {
            self.clear(put).await;
            return Ok(Target::Done(there));
        }
        if let (true, Some(generation)) = (is_known, there.etag) {
            return Ok(Target::At(generation));
        }
        self.clear(put).await;
        let reason = "the object there is neither the old nor the new version";
        Err(Fault::new(Code::DestinationConflict, "put object").with("bucket", self.bucket()).with("key", put.key).because(reason))
    }

    pub(super) async fn put_checked(&self, put: Put<'_>) -> Result<Proof, Fault> {
        let is_whole = put.blob.size_bytes <= self.settings.part_bytes;
        let known = match put.condition {
            Condition::CreateOnly => Some(NOTHING.to_owned()),
            Condition::Replace(known) => known.etag.clone().filter(|etag| etag.bytes().all(|b| b.is_ascii_digit())),
        };
        // The store keeps conditions, so small objects need no look before; before a large upload it is worth one.
        let mut target = match known.filter(|_| is_whole) {
            Some(generation) => Target::At(generation),
            None => self.target(put).await?,
        };
        for _ in 0..3 {
            let generation = match target {
                Target::Done(proof) => return Ok(proof),
                Target::At(generation) => generation,
            };
            let sent = if is_whole { self.put_whole(put, &generation).await } else { self.put_parts(put, &generation).await };
            let said = match sent {
                Ok(proof) => return self.checked(proof, put).await,
                Err(said) => said,
            };
            if said.fault.code == Code::ProofFailed {
                return Err(unless_damaged(put.file, put.blob, said.fault).await);
            }
            if !said.is_unmet() {
                return Err(said.into());
            }
            target = self.target(put).await?;
            // Who may not write over anything is told so also where these very bytes are there already.
            if said.status == 403 && !matches!(target, Target::Done(_)) {
                return Err(said.into());
            }
        }
        match target {
            Target::Done(proof) => Ok(proof),
            Target::At(_) => {
                let reason = "somebody else is writing there just now";
                Err(Fault::new(Code::DestinationDown, "put object").with("bucket", self.bucket()).with("key", put.key).because(reason))
            }
        }
    }

    async fn put_whole(&self, put: Put<'_>, generation: &str) -> Result<Proof, Said> {
        // Content that held its own SHA-256 would be a wonder, so this ends it.
        let (end, mime, told) = (format!("rushes-{}", put.blob.sha256), mime(put.blob), told(&put));
        let head =
            format!("--{end}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{told}\r\n--{end}\r\nContent-Type: {mime}\r\n\r\n");
        let body = body_of(put.file, put.blob).await?.framed(head, format!("\r\n--{end}--\r\n"));
        let about = self.about("put object", NEEDS, put.key);
        let call = Call::new(Method::POST, self.objects("/upload/storage/v1"), about)
            .asking("uploadType", "multipart")
            .asking("name", put.key)
            .asking("ifGenerationMatch", generation)
            .asking("fields", FIELDS)
            .with("content-type", &format!("multipart/related; boundary={end}"))
            .sending(body);
        Ok(self.ask::<Object>(&call).await?.proof(about)?)
    }

    /// What was written is what was sent. An emulator that does not compare keeps what is wrong: it is ours, and would stand
    /// in the way of the next try.
    async fn checked(&self, proof: Proof, put: Put<'_>) -> Result<Proof, Fault> {
        if proof.is_of(put.blob) {
            return Ok(proof);
        }
        self.remove(put.key, proof.etag.as_deref()).await?;
        let fault = Fault::new(Code::ProofFailed, "put object").with("bucket", self.bucket()).with("key", put.key);
        Err(unless_damaged(put.file, put.blob, fault.because("it arrived otherwise than it was sent")).await)
    }
}
