//! Writing: what is at a key is looked at, written over only where that is what was last proven, and proven afterwards.

use super::answers::Said;
use super::tus::{NEEDS_OVER, etag_of};
use super::{Call, Held, SupabaseDestination, mime, noted};
use crate::http::{Body, bytes_of, damaged, file_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rushes_core::destination::{Condition, Proof, ProofHash, Put};
use rushes_core::{Code, Fault};
use serde_json::Value;

/// What a put meets at its key.
enum Target {
    /// These very bytes.
    Done(Proof),
    /// Nothing.
    New,
    /// What may be written over.
    Over,
}

fn is_same(there: &Proof, known: &Proof) -> bool {
    let is_noted = matches!(there.hash, ProofHash::Noted(_));
    there.size_bytes == known.size_bytes && (there.etag.is_some() && there.etag == known.etag || !is_noted && there.hash == known.hash)
}

impl SupabaseDestination {
    /// The proof that what is there are the bytes of this put; None where they are not.
    async fn prove(&self, held: Proof, put: Put<'_>) -> Result<Option<Proof>, Fault> {
        if !held.is_of(put.blob) {
            return Ok(None);
        }
        if !matches!(held.hash, ProofHash::Noted(_)) {
            return Ok(Some(held));
        }
        // A note alone proves nothing. An etag that comes of the MD5 of each of our parts does.
        let parts = etag_of(put.file, put.blob.size_bytes, self.settings.part_bytes).await?;
        if held.etag.as_ref() == Some(&parts) {
            return Ok(Some(held));
        }
        Ok(self.read_back(put.key, held.etag).await?.filter(|proof| proof.is_of(put.blob)))
    }

    async fn target(&self, put: Put<'_>) -> Result<Target, Fault> {
        let Some(Held { proof, noted }) = self.look(put.key).await? else { return Ok(Target::New) };
        // With our note and other bytes, it is a put of ours that went wrong on its way.
        let is_spoilt = noted.as_ref() == Some(&put.blob.sha256);
        let is_known = matches!(put.condition, Condition::Replace(known) if is_same(&proof, known));
        if let Some(proof) = self.prove(proof, put).await? {
            return Ok(Target::Done(proof));
        }
        if is_spoilt || is_known {
            return Ok(Target::Over);
        }
        self.clear(put).await;
        let reason = "the object there is neither the old nor the new version";
        Err(Fault::new(Code::DestinationConflict, "put object").with("bucket", self.bucket()).with("key", put.key).because(reason))
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
                Target::Over => true,
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
            Target::Over => {
                let reason = "somebody else is writing there just now";
                Err(Fault::new(Code::DestinationDown, "put object").with("bucket", self.bucket()).with("key", put.key).because(reason))
            }
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

    /// Reads the proof of what was just put. What arrived otherwise than it was sent is taken away again.
    async fn proof_of_put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        let Some(Held { proof, noted }) = self.look(put.key).await? else {
            return Err(self.hidden(put.key, "the object was taken and cannot be seen"));
        };
        let told = format!("{:?}", proof.hash);
        if let Some(proof) = self.prove(proof, put).await? {
            return Ok(proof);
        }
        // Supabase looks for what is there only when an upload begins: another one may have ended after ours.
        if noted.as_ref() != Some(&put.blob.sha256) {
            let reason = "somebody else wrote there at the same time";
            return Err(Fault::new(Code::DestinationConflict, "put object").with("key", put.key).because(reason));
        }
        self.remove(put.key).await?;
        let reason = format!("it arrived as {told} instead of sha256 {} and was removed", put.blob.sha256);
        Err(Fault::new(Code::ProofFailed, "put object").with("bucket", self.bucket()).with("key", put.key).because(reason))
    }
}
