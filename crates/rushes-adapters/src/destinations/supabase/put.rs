//! Writing: what is at a key is looked at, written over only where that is what was last proven, and proven afterwards.

use super::tus::NEEDS_OVER;
use super::{SupabaseDestination, noted};
use crate::destinations::call::{Call, Said, mime};
use crate::destinations::proving::{Target, There, contended, prove, target};
use crate::http::{Body, bytes_of, damaged, file_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rushes_core::destination::{Compared, Condition, Proof, Put};
use rushes_core::{Code, Fault};
use serde_json::Value;

impl SupabaseDestination {
    async fn target(&self, put: Put<'_>) -> Result<Target, Fault> {
        let there = self.look(put.key).await?;
        let etag = there.as_ref().and_then(|there| there.proof.etag.clone());
        let target = target(there, &put, self.place(), self.settings.part_bytes, Box::pin(self.read(put.key, etag))).await;
        if target.is_err() {
            self.clear(put).await;
        }
        target
    }

    pub(super) async fn put_checked(&self, put: Put<'_>) -> Result<Proof, Fault> {
        let is_whole = put.blob.size_bytes <= self.settings.whole_max_bytes;
        // The server itself refuses a second create; before a large upload it is worth a look.
        let mut target = if is_whole && matches!(put.condition, Condition::CreateOnly) { Target::New } else { self.target(put).await? };
        for _ in 0..2 {
            let is_over = match target {
                Target::Done(proof) => {
                    self.clear(put).await;
                    return Ok(proof);
                }
                Target::New => false,
                // Supabase has no conditional replace: what somebody else writes between our look and this is lost.
                Target::Over(_) => true,
            };
            let sent = if is_whole { self.put_whole(put, is_over).await } else { self.put_parts(put, is_over).await };
            match sent {
                Ok(()) => return self.proof_of_put(put).await,
                Err(said) if said.is_taken() && !is_over => {}
                Err(said) => return Err(said.into()),
            }
            target = self.target(put).await?;
        }
        match target {
            Target::Done(proof) => Ok(proof),
            Target::New => Err(self.hidden(put.key, "something is at this key and cannot be seen")),
            Target::Over(_) => Err(contended(&put, self.place())),
        }
    }

    fn hidden(&self, key: &str, what: &str) -> Fault {
        let reason =
            format!("{what}: the policy of bucket {:?} does not allow SELECT on storage.objects for this key; add it", self.bucket());
        Fault::new(Code::DestinationRefused, "put object").with("bucket", self.bucket()).with("key", key).because(reason)
    }

    async fn put_whole(&self, put: Put<'_>, is_over: bool) -> Result<(), Said> {
        let about = self.about("put object", if is_over { NEEDS_OVER } else { "INSERT" }, put.key);
        let file = file_of(put.file, put.blob.size_bytes)?;
        let bytes = bytes_of(file, 0..put.blob.size_bytes).await?;
        if crc32c::crc32c(&bytes) != put.blob.crc32c {
            return Err(damaged().with("path", put.file.display()).because("the local file changed: it is not what was registered").into());
        }
        let mut call = Call::new(Method::POST, self.object("object", put.key), about)
            .with("content-type", mime(put.blob))
            .with("x-upsert", if is_over { "true" } else { "false" })
            .with("x-metadata", &STANDARD.encode(noted(put.blob)));
        call.body = Body::Bytes(bytes);
        self.ask::<Value>(call, "Key").await.map(drop)
    }

    /// An object of no bytes, by which the dashboard shows a folder. What is there already is no fault.
    pub(super) async fn put_marker(&self, key: &str) -> Result<(), Fault> {
        let about = self.about("make folder", "INSERT", key);
        let mut call = Call::new(Method::POST, self.object("object", key), about)
            .with("content-type", "application/octet-stream")
            .with("x-upsert", "false");
        call.body = Body::Bytes(bytes::Bytes::new());
        match self.ask::<Value>(call, "Key").await {
            Err(said) if !said.is_taken() => Err(said.into()),
            _ => Ok(()),
        }
    }

    /// Reads the proof of what was just put. What arrived otherwise than it was sent is taken away again.
    async fn proof_of_put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        let Some(There { proof, noted }) = self.look(put.key).await? else {
            return Err(self.hidden(put.key, "the object was taken and cannot be seen"));
        };
        let read_back = Box::pin(self.read(put.key, proof.etag.clone()));
        if let Compared::Same(proof) = prove(proof, &put, self.settings.part_bytes, read_back).await? {
            return Ok(proof);
        }
        // Supabase looks for what is there only when an upload begins: another one may have ended after ours.
        if noted.as_ref() != Some(&put.blob.sha256) {
            let reason = "somebody else wrote there at the same time";
            return Err(Fault::new(Code::DestinationConflict, "put object").with("key", put.key).because(reason));
        }
        self.remove(put.key).await?;
        let reason = "other bytes arrived than were sent; they were removed";
        Err(Fault::new(Code::ProofFailed, "put object").with("bucket", self.bucket()).with("key", put.key).because(reason))
    }
}
