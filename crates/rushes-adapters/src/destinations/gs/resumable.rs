//! Resumable uploads: begun once and kept in the session; how far they came, the store is asked. One that nobody will
//! finish is cancelled.

use super::answers::{Object, document};
use super::put::{NEEDS, told};
use super::{FIELDS, GsDestination};
use crate::destinations::call::{Call, Resumable, Said, mime};
use crate::http::{Answer, Body, file_of};
use http::{Method, StatusCode};
use rushes_core::destination::{Proof, Put};
use rushes_core::{Code, Fault};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// What is kept between tries.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// The query of the upload's address, whatever host it said.
    upload: String,
    key: String,
    /// Of which bytes.
    sha256: String,
    size_bytes: u64,
    /// On which condition.
    generation: String,
    /// How many of the bytes are there, as far as we know.
    sent_bytes: u64,
}

impl Resumable for Kept {}

/// How far an upload has come.
enum Far {
    /// So many bytes are there.
    Sent(u64),
    Done(Proof),
    /// The store does not know it, any more.
    Gone,
}

impl GsDestination {
    /// Sends a file in parts, the rest of them where some are there.
    pub(super) async fn put_parts(&self, put: Put<'_>, generation: &str) -> Result<Proof, Said> {
        let file = file_of(put.file, put.blob.size_bytes)?;
        let mut kept = match self.resume(put, generation).await? {
            Some((_, Far::Done(proof))) => return Ok(proof),
            Some((kept, _)) => kept,
            None => self.begin(put, generation).await?,
        };
        // It may have expired on the way: from the beginning, once.
        for _ in 0..2 {
            match self.send_parts(put, &file, &mut kept).await {
                Ok(Some(proof)) => return Ok(proof),
                Ok(None) => kept = self.begin(put, generation).await?,
                Err(said) => {
                    // What the store refuses for good nobody will finish; what failed here, the next try goes on with.
                    if said.status != 0 && (!said.fault.is_transient() || said.fault.code == Code::ProofFailed) {
                        self.give_up(put, &kept).await;
                    }
                    return Err(said);
                }
            }
        }
        Err(self.about("send part", NEEDS, put.key).fault(Code::DestinationDown).because("the store no longer knows the upload").into())
    }

    /// What an earlier try has begun, where it can go on.
    async fn resume(&self, put: Put<'_>, generation: &str) -> Result<Option<(Kept, Far)>, Said> {
        let Some(mut kept) = put.session.kept().as_deref().and_then(Kept::read) else { return Ok(None) };
        let is_ours = kept.key == put.key && kept.sha256 == put.blob.sha256 && kept.size_bytes == put.blob.size_bytes;
        if !is_ours || kept.generation != generation {
            self.clear_upload(&kept).await;
            return Ok(None);
        }
        match self.far(put, &kept).await {
            Ok(Far::Gone) => Ok(None),
            Ok(Far::Sent(there)) => {
                kept.sent_bytes = there;
                Ok(Some((kept, Far::Sent(there))))
            }
            Ok(far) => Ok(Some((kept, far))),
            Err(said) if said.fault.is_transient() && said.fault.code != Code::ProofFailed => Err(said),
            // It went wrong at its end, and stays so.
            Err(_) => Ok(None),
        }
    }

    fn upload_call<'a>(&'a self, method: Method, upload: &str, operation: &'static str, key: &'a str) -> Call<'a> {
        let path = format!("{}?{upload}", self.objects("/upload/storage/v1"));
        Call::new(method, path, self.about(operation, NEEDS, key))
    }

    /// Begins an upload. One whose answer is lost cannot be found again; the store forgets it after a week.
    async fn begin(&self, put: Put<'_>, generation: &str) -> Result<Kept, Said> {
        let about = self.about("begin upload", NEEDS, put.key);
        let call = Call::new(Method::POST, self.objects("/upload/storage/v1"), about)
            .asking("uploadType", "resumable")
            .asking("name", put.key)
            .asking("ifGenerationMatch", generation)
            .asking("fields", FIELDS)
            .with("x-upload-content-type", mime(put.blob))
            .with("x-upload-content-length", &put.blob.size_bytes.to_string())
            .json(&told(&put));
        let answer = self.call(&call).await?;
        // Our token must go to no host but ours, whatever a proxy made of the address.
        let upload = answer.header("location").split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        if !upload.contains("upload_id=") {
            return Err(about.fault(Code::DestinationDown).because("the upload was begun and got no address").into());
        }
        let (key, sha256) = (put.key.to_owned(), put.blob.sha256.clone());
        let kept = Kept { upload, key, sha256, size_bytes: put.blob.size_bytes, generation: generation.to_owned(), sent_bytes: 0 };
        if let Err(fault) = put.session.keep(&kept.write()?).await {
            self.clear_upload(&kept).await;
            return Err(fault.into());
        }
        Ok(kept)
    }

    /// The proof of what came of it; None where the store no longer knows the upload.
    async fn send_parts(&self, put: Put<'_>, file: &Arc<File>, kept: &mut Kept) -> Result<Option<Proof>, Said> {
        let (part_bytes, size_bytes) = (self.settings.part_bytes, kept.size_bytes);
        loop {
            let start = kept.sent_bytes;
            // Also after a part that arrived by half, the next one begins where it would have begun.
            let end = ((start / part_bytes + 1) * part_bytes).min(size_bytes);
            match self.send_part(put, file, kept, start..end).await? {
                Far::Done(proof) => return Ok(Some(proof)),
                Far::Gone => return Ok(None),
                Far::Sent(there) if start < there && there <= end && there < size_bytes => kept.sent_bytes = there,
                Far::Sent(there) => {
                    let reason = format!("after bytes {start} to {end} the store says that {there} bytes are there");
                    return Err(self.about("send part", NEEDS, put.key).fault(Code::DestinationDown).because(reason).into());
                }
            }
            put.session.keep(&kept.write()?).await?;
        }
    }

    async fn send_part(&self, put: Put<'_>, file: &Arc<File>, kept: &Kept, range: Range<u64>) -> Result<Far, Said> {
        let told = format!("bytes {}-{}/{}", range.start, range.end - 1, kept.size_bytes);
        let call = self.upload_call(Method::PUT, &kept.upload, "send part", put.key).with("content-range", &told).sending(Body::File {
            file: file.clone(),
            range: range.clone(),
            sums: None,
        });
        let said = match self.call(&call).await {
            Ok(answer) => return self.read_far(put, answer).await,
            Err(said) => said,
        };
        let is_unanswered = matches!(said.status, 0 | 408 | 500..) && said.fault.code == Code::DestinationDown;
        match said.status {
            404 | 410 => Ok(Far::Gone),
            // The store knows how many have arrived.
            _ if is_unanswered => match self.far(put, kept).await {
                Ok(Far::Sent(there)) if there <= range.start => Err(said),
                Ok(far) => Ok(far),
                Err(_) => Err(said),
            },
            _ => Err(said),
        }
    }

    /// Asks how far an upload has come.
    async fn far(&self, put: Put<'_>, kept: &Kept) -> Result<Far, Said> {
        let call = self
            .upload_call(Method::PUT, &kept.upload, "look at upload", put.key)
            .with("content-range", &format!("bytes */{}", kept.size_bytes))
            .with("content-length", "0");
        match self.call(&call).await {
            Ok(answer) => self.read_far(put, answer).await,
            Err(said) if matches!(said.status, 404 | 410 | 499) => Ok(Far::Gone),
            Err(said) => Err(said),
        }
    }

    /// `Range: bytes=0-262143` tells how far it has come; none, that nothing has arrived; an object, that it is whole.
    async fn read_far(&self, put: Put<'_>, answer: Answer) -> Result<Far, Said> {
        let about = self.about("send part", NEEDS, put.key);
        if answer.status != StatusCode::PERMANENT_REDIRECT {
            return Ok(Far::Done(document::<Object>(answer, about).await?.proof(about, self.settings.part_bytes)?));
        }
        let told = answer.header("range");
        let last = told.strip_prefix("bytes=0-").and_then(|last| last.parse::<u64>().ok());
        match last {
            Some(last) => Ok(Far::Sent(last + 1)),
            None if told.is_empty() => Ok(Far::Sent(0)),
            None => Err(about.fault(Code::DestinationDown).because(format!("the store says that {told:?} is there")).into()),
        }
    }

    /// Removes what the session says was begun.
    pub(super) async fn clear(&self, put: Put<'_>) {
        if let Some(kept) = put.session.kept().as_deref().and_then(Kept::read) {
            self.give_up(put, &kept).await;
        }
    }

    async fn give_up(&self, put: Put<'_>, kept: &Kept) {
        self.clear_upload(kept).await;
        // Where it cannot be kept, the next try finds that the upload is gone.
        let _ = put.session.keep("").await;
    }

    /// Whatever made it useless stays the answer, so a fault is only noted; the store forgets uploads after a week.
    async fn clear_upload(&self, kept: &Kept) {
        if let Err(fault) = self.cancel(kept).await {
            tracing::warn!(%fault, "what an upload left could not be removed");
        }
    }

    pub(super) async fn abandon_upload(&self, session: &str) -> Result<(), Fault> {
        match Kept::read(session) {
            Some(kept) => self.cancel(&kept).await,
            None => Ok(()),
        }
    }

    async fn cancel(&self, kept: &Kept) -> Result<(), Fault> {
        let call = self.upload_call(Method::DELETE, &kept.upload, "cancel upload", &kept.key).with("content-length", "0");
        match self.call(&call).await {
            // 499 is how it says that it is done.
            Err(said) if !matches!(said.status, 499 | 404 | 410) && said.fault.is_transient() => Err(said.into()),
            _ => Ok(()),
        }
    }
}
