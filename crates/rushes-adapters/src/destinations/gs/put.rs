//! Writing: on the condition that nothing, or the version last proven, is there; proven by the answer.

use super::answers::{Object, is_unmet};
use super::{FIELDS, GsDestination};
use crate::destinations::call::{Call, Said, mime};
use crate::destinations::proving::{Target, There, contended, neither, prove, target};
use crate::http::{Body, base64_of, body_of, unless_damaged};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rushes_core::destination::{Compared, Condition, Proof, Put};
use rushes_core::{Code, Fault};
use serde_json::{Value, json};

/// The generation of what is not there.
const NOTHING: &str = "0";
/// What writing takes; what is written over is also deleted.
pub(super) const NEEDS: &str = "storage.objects.create";

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

impl GsDestination {
    async fn target(&self, put: Put<'_>) -> Result<Target, Fault> {
        // No note tells of a put of ours: the store takes no other bytes than it was told of.
        let there = self.look(put.key).await?.map(|proof| There { proof, noted: None });
        let generation = there.as_ref().and_then(|there| there.proof.etag.clone());
        let target = match target(there, &put, self.place(), 0, Box::pin(self.read(put.key, generation))).await {
            Ok(Target::Over(Proof { etag: None, .. })) => Err(neither(&put, self.place())),
            target => target,
        };
        if matches!(target, Ok(Target::Done(_)) | Err(_)) {
            self.clear(put).await;
        }
        target
    }

    pub(super) async fn put_checked(&self, put: Put<'_>) -> Result<Proof, Fault> {
        let is_whole = put.blob.size_bytes <= self.settings.part_bytes;
        let is_generation = |etag: &String| etag.bytes().all(|b| b.is_ascii_digit());
        // The store keeps conditions, so small objects need no look before; before a large upload it is worth one.
        let mut target = match put.condition {
            Condition::CreateOnly if is_whole => Target::New,
            Condition::Replace(known) if is_whole && known.etag.as_ref().is_some_and(is_generation) => Target::Over(known.clone()),
            _ => self.target(put).await?,
        };
        for _ in 0..3 {
            let generation = match target {
                Target::Done(proof) => return Ok(proof),
                Target::New => NOTHING.to_owned(),
                Target::Over(proof) => proof.etag.unwrap_or_default(),
            };
            let sent = if is_whole { self.put_whole(put, &generation).await } else { self.put_parts(put, &generation).await };
            let said = match sent {
                Ok(proof) => return self.checked(proof, put).await,
                Err(said) => said,
            };
            if said.fault.code == Code::ProofFailed {
                return Err(unless_damaged(put.file, put.blob, said.fault).await);
            }
            if !is_unmet(&said) {
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
            _ => Err(contended(&put, self.place())),
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
        Ok(self.ask::<Object>(&call).await?.proof(about, self.settings.part_bytes)?)
    }

    /// An object of no bytes, by which consoles show a folder. What is there already is no fault.
    pub(super) async fn put_marker(&self, key: &str) -> Result<(), Fault> {
        let (end, told) = ("rushes-folder", json!({"name": key, "contentType": "text/plain"}));
        let body = format!(
            "--{end}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{told}\r\n--{end}\r\nContent-Type: text/plain\r\n\r\n\r\n--{end}--\r\n"
        );
        let call = Call::new(Method::POST, self.objects("/upload/storage/v1"), self.about("make folder", NEEDS, key))
            .asking("uploadType", "multipart")
            .asking("name", key)
            .asking("ifGenerationMatch", NOTHING)
            .asking("fields", FIELDS)
            .with("content-type", &format!("multipart/related; boundary={end}"))
            .sending(Body::Bytes(body.into()));
        match self.ask::<Object>(&call).await {
            Err(said) if said.status != 412 => Err(said.into()),
            _ => Ok(()),
        }
    }

    /// What was written is what was sent. An emulator that does not compare keeps what is wrong: it is ours, and would stand
    /// in the way of the next try.
    async fn checked(&self, proof: Proof, put: Put<'_>) -> Result<Proof, Fault> {
        let generation = proof.etag.clone();
        if let Compared::Same(proof) = prove(proof, &put, 0, Box::pin(self.read(put.key, generation.clone()))).await? {
            return Ok(proof);
        }
        self.remove(put.key, generation.as_deref()).await?;
        let fault = Fault::new(Code::ProofFailed, "put object").with("bucket", self.bucket()).with("key", put.key);
        Err(unless_damaged(put.file, put.blob, fault.because("it arrived otherwise than it was sent")).await)
    }
}
