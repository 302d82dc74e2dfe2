//! Resumable uploads: TUS 1.0 as Supabase speaks it. What was begun is kept in the session; how far it came, the server is
//! asked. An upload that nobody will finish is removed.

use super::{SupabaseDestination, noted};
use crate::destinations::call::{Call, Resumable, Said, mime};
use crate::http::{Body, bytes_of, crc32c_of, damaged, file_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use rushes_core::destination::Put;
use rushes_core::{Code, Fault};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::sync::Arc;

/// What policies must allow for writing over an object.
pub(super) const NEEDS_OVER: &str = "SELECT, INSERT and UPDATE";
const VERSION: &str = "1.0.0";

/// What is kept between tries.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// The server's name of the upload: the last part of its address, whatever host it said.
    upload: String,
    key: String,
    /// Of which bytes.
    sha256: String,
    size_bytes: u64,
    /// How many of them are there, as far as we know.
    sent_bytes: u64,
}

impl Resumable for Kept {}

/// Names and values as TUS carries them.
fn metadata(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name} {}", STANDARD.encode(value))).collect::<Vec<_>>().join(",")
}

impl SupabaseDestination {
    /// Sends a file in parts, the rest of them where some are there. That all of them arrived is not yet a proof.
    pub(super) async fn put_parts(&self, put: Put<'_>, is_over: bool) -> Result<(), Said> {
        let file = file_of(put.file, put.blob.size_bytes)?;
        let mut kept = match self.resume(put).await? {
            Some(kept) => kept,
            None => self.begin(put, is_over).await?,
        };
        match self.send_parts(put, is_over, &file, &mut kept).await {
            // It has expired on the way: from the beginning, once.
            Err(said) if matches!(said.status, 404 | 410) => {
                kept = self.begin(put, is_over).await?;
                self.send_parts(put, is_over, &file, &mut kept).await
            }
            sent => sent,
        }
    }

    /// What an earlier try has begun, where it can go on. The caller has seen that its object is not there.
    async fn resume(&self, put: Put<'_>) -> Result<Option<Kept>, Said> {
        let Some(mut kept) = put.session.kept().as_deref().and_then(Kept::read) else { return Ok(None) };
        if kept.key != put.key || kept.sha256 != put.blob.sha256 || kept.size_bytes != put.blob.size_bytes {
            self.clear(put).await;
            return Ok(None);
        }
        match self.offset(put, &kept.upload).await? {
            Some(offset) if offset < kept.size_bytes => {
                kept.sent_bytes = offset;
                Ok(Some(kept))
            }
            // Forgotten; or whole, and yet no object came of it.
            _ => Ok(None),
        }
    }

    fn tus_call<'a>(&'a self, method: Method, upload: &str, operation: &'static str, is_over: bool, key: &'a str) -> Call<'a> {
        let needs = if is_over { NEEDS_OVER } else { "INSERT" };
        let path = if upload.is_empty() { "upload/resumable".to_owned() } else { format!("upload/resumable/{upload}") };
        Call::new(method, path, self.about(operation, needs, key))
            .with("tus-resumable", VERSION)
            .with("x-upsert", if is_over { "true" } else { "false" })
    }

    /// Begins an upload. One whose answer is lost cannot be found again; the server forgets it after a while.
    async fn begin(&self, put: Put<'_>, is_over: bool) -> Result<Kept, Said> {
        let object_name = super::keys::encode(put.key);
        let pairs =
            [("bucketName", self.bucket()), ("objectName", &object_name), ("contentType", mime(put.blob)), ("metadata", &noted(put.blob))];
        let call = self
            .tus_call(Method::POST, "", "begin upload", is_over, put.key)
            .with("upload-length", &put.blob.size_bytes.to_string())
            .with("upload-metadata", &metadata(&pairs));
        let answer = self.call(call).await?;
        // Our key must go to no host but ours, whatever a proxy made of the address.
        let location = answer.header("location").split(['?', '#']).next().unwrap_or_default();
        let upload = location.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        if upload.is_empty() {
            let reason = "the upload was begun and got no address";
            return Err(Fault::new(Code::DestinationDown, "begin upload").with("key", put.key).because(reason).into());
        }
        let (key, sha256) = (put.key.to_owned(), put.blob.sha256.clone());
        let kept = Kept { upload, key, sha256, size_bytes: put.blob.size_bytes, sent_bytes: 0 };
        if let Err(fault) = put.session.keep(&kept.write()?).await {
            self.clear_upload(&kept).await;
            return Err(fault.into());
        }
        Ok(kept)
    }

    async fn send_parts(&self, put: Put<'_>, is_over: bool, file: &Arc<File>, kept: &mut Kept) -> Result<(), Said> {
        let size_bytes = put.blob.size_bytes;
        let mut sum = crc32c_of(file.clone(), 0..kept.sent_bytes).await?;
        while kept.sent_bytes < size_bytes {
            let start = kept.sent_bytes;
            // Also after a part that arrived by half, the next one begins where it would have begun.
            let part_bytes = self.settings.part_bytes;
            let end = ((start / part_bytes + 1) * part_bytes).min(size_bytes);
            let bytes = bytes_of(file.clone(), start..end).await?;
            if end == size_bytes && crc32c::crc32c_append(sum, &bytes) != put.blob.crc32c {
                self.clear_upload(kept).await;
                let reason = "the local file changed: it is not what was registered";
                return Err(damaged().with("path", put.file.display()).because(reason).into());
            }
            let there = self.send_part(put, is_over, kept, bytes.clone()).await?;
            let arrived = usize::try_from(there - start).unwrap_or(bytes.len()).min(bytes.len());
            sum = crc32c::crc32c_append(sum, &bytes[..arrived]);
            kept.sent_bytes = there;
            if there < size_bytes {
                put.session.keep(&kept.write()?).await?;
            }
        }
        Ok(())
    }

    /// Sends one part, and gives how many bytes are there then: more than before, and no more than with this part.
    async fn send_part(&self, put: Put<'_>, is_over: bool, kept: &Kept, bytes: Bytes) -> Result<u64, Said> {
        let (start, end) = (kept.sent_bytes, kept.sent_bytes + bytes.len() as u64);
        let mut call = self
            .tus_call(Method::PATCH, &kept.upload, "send part", is_over, put.key)
            .with("upload-offset", &start.to_string())
            .with("content-type", "application/offset+octet-stream");
        call.body = Body::Bytes(bytes);
        let strange = |there: &str| {
            let reason = format!("after bytes {start} to {end} the server says that {there:?} bytes are there");
            Said::from(Fault::new(Code::DestinationDown, "send part").with("key", put.key).because(reason))
        };
        let is_progress = |there: u64| start < there && there <= end;
        let said = match self.call(call).await {
            Ok(answer) => {
                let there = answer.header("upload-offset");
                return there.parse().ok().filter(|there| is_progress(*there)).ok_or_else(|| strange(there));
            }
            Err(said) => said,
        };
        match said.status {
            // No answer, trouble over there, or the wrong place: the server knows how many have arrived.
            0 | 409 | 500.. => match self.offset(put, &kept.upload).await {
                Ok(Some(there)) if there == kept.size_bytes && is_progress(there) => self.ended(put, there, said).await,
                Ok(Some(there)) if is_progress(there) => Ok(there),
                Ok(Some(there)) if there == start && said.is_taken() => {
                    self.clear_upload(kept).await;
                    Err(said)
                }
                Ok(there) if said.is_taken() => Err(strange(&there.map_or("no".to_owned(), |there| there.to_string()))),
                _ => Err(said),
            },
            404 | 410 => {
                let reason = "the server no longer knows the upload";
                Err(Said { fault: Fault::new(Code::DestinationDown, "send part").with("key", put.key).because(reason), ..said })
            }
            _ => {
                if !said.fault.is_transient() {
                    self.clear_upload(kept).await;
                }
                Err(said)
            }
        }
    }

    /// All bytes are there and the last answer did not come: an object has come of them, or may still.
    async fn ended(&self, put: Put<'_>, there: u64, said: Said) -> Result<u64, Said> {
        match self.look(put.key).await? {
            Some(_) => Ok(there),
            None => Err(said),
        }
    }

    /// How many bytes of an upload are there; None where the server does not know it, or does not say why it gives no
    /// answer: an answer to HEAD has no words, and the next request will get some.
    async fn offset(&self, put: Put<'_>, upload: &str) -> Result<Option<u64>, Said> {
        match self.call(self.tus_call(Method::HEAD, upload, "look at upload", false, put.key)).await {
            Ok(answer) => {
                let silent =
                    || Fault::new(Code::DestinationDown, "look at upload").with("key", put.key).because("the answer has no offset");
                Ok(Some(answer.header("upload-offset").parse().map_err(|_| silent())?))
            }
            Err(said) if said.status == 0 || said.fault.is_transient() => Err(said),
            Err(_) => Ok(None),
        }
    }

    /// Removes what the session says was begun.
    pub(super) async fn clear(&self, put: Put<'_>) {
        if let Some(kept) = put.session.kept().as_deref().and_then(Kept::read) {
            self.clear_upload(&kept).await;
        }
    }

    /// Whatever made it useless stays the answer, so a fault is only noted; the server forgets uploads after a while.
    async fn clear_upload(&self, kept: &Kept) {
        if let Err(fault) = self.remove_upload(kept).await {
            tracing::warn!(%fault, "what an upload left could not be removed");
        }
    }

    pub(super) async fn abandon_upload(&self, session: &str) -> Result<(), Fault> {
        match Kept::read(session) {
            Some(kept) => self.remove_upload(&kept).await,
            None => Ok(()),
        }
    }

    async fn remove_upload(&self, kept: &Kept) -> Result<(), Fault> {
        // The server asks the policies of a write first: where there is an object meanwhile, those of writing over it.
        let mut answer = self.call(self.tus_call(Method::DELETE, &kept.upload, "remove upload", false, &kept.key)).await;
        if answer.as_ref().is_err_and(Said::is_taken) {
            answer = self.call(self.tus_call(Method::DELETE, &kept.upload, "remove upload", true, &kept.key)).await;
        }
        match answer {
            // 400: it is whole, so there is nothing left of it but the object.
            Err(said) if !matches!(said.status, 400 | 404 | 410) || said.fault.is_transient() => Err(said.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supabase_metadata_is_as_tus_wants_it() {
        assert_eq!(metadata(&[("bucketName", "films"), ("objectName", "a b")]), "bucketName ZmlsbXM=,objectName YSBi");
    }
}
