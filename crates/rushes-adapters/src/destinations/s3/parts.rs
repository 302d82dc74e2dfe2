//! Large objects in parts, one after the other. What was begun and each part that arrived is kept in the session, so a
//! restart sends at most one part again; what nobody will finish is removed.

use super::answers::{self, Begun, Completed, NOTED, bare, crc32c_text, document, version};
use super::put::conditioned;
use super::{Call, EMPTY, S3Destination, UNSIGNED};
use crate::destinations::call::{Resumable, Said};
use crate::destinations::proving::{Target, prove};
use crate::http::{Body, Sums, damaged};
use bytes::Bytes;
use http::Method;
use md5::{Digest, Md5};
use rushes_core::destination::{Compared, Destination, Proof, ProofHash, Put};
use rushes_core::flow::hex;
use rushes_core::{Code, Fault};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The most parts one object may have.
const PARTS_MAX: u64 = 10_000;
/// Putting together what arrived takes a store its time.
const JOINED_WITHIN: Duration = Duration::from_mins(5);

/// What is kept between tries.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// Of which bytes.
    sha256: String,
    part_bytes: u64,
    /// The store's name of the upload; None: it was about to be begun, and may have been.
    upload: Option<String>,
    parts: Vec<Part>,
    /// Whether the store was told to add up the sums of parts.
    is_summed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    etag: String,
    md5: String,
    crc32c: u32,
}

impl Part {
    /// Whether the store names it by its MD5.
    fn is_proven(&self) -> bool {
        self.etag.trim_matches('"') == self.md5
    }
}

impl Resumable for Kept {}

impl Kept {
    fn range(&self, index: usize, size_bytes: u64) -> Range<u64> {
        let start = index as u64 * self.part_bytes;
        start..(start + self.part_bytes).min(size_bytes)
    }

    /// The sum of all parts as if taken in one go.
    fn crc32c(&self, size_bytes: u64) -> u32 {
        let lengths = (0..self.parts.len()).map(|index| self.range(index, size_bytes)).map(|range| range.end - range.start);
        self.parts
            .iter()
            .zip(lengths)
            .fold(0, |sum, (part, length)| crc32c::crc32c_combine(sum, part.crc32c, usize::try_from(length).unwrap_or_default()))
    }

    /// The etag most stores give an object in parts; None where a part's etag is no MD5.
    fn etag(&self) -> Option<String> {
        let mut whole = Md5::new();
        for part in &self.parts {
            if !part.is_proven() {
                return None;
            }
            let md5: Option<Vec<u8>> = (0..32).step_by(2).map(|at| u8::from_str_radix(part.md5.get(at..at + 2)?, 16).ok()).collect();
            whole.update(md5?);
        }
        Some(format!("{}-{}", hex(&whole.finalize()), self.parts.len()))
    }

    fn list(&self) -> String {
        let mut xml = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for (index, part) in self.parts.iter().enumerate() {
            let sum = if self.is_summed { format!("<ChecksumCRC32C>{}</ChecksumCRC32C>", crc32c_text(part.crc32c)) } else { String::new() };
            let etag = bare(&part.etag);
            let _ = write!(xml, "<Part><PartNumber>{}</PartNumber><ETag>&quot;{etag}&quot;</ETag>{sum}</Part>", index + 1);
        }
        xml + "</CompleteMultipartUpload>"
    }
}

impl S3Destination {
    /// Of how many bytes each part is, where these bytes go in parts.
    pub(super) fn part_bytes(&self, put: &Put<'_>) -> u64 {
        self.settings.part_bytes.max(put.blob.size_bytes.div_ceil(PARTS_MAX))
    }

    pub(super) async fn put_parts(&self, put: Put<'_>) -> Result<Proof, Fault> {
        let kept = put.session.kept().as_deref().and_then(Kept::read);
        let goal = match self.target(put).await {
            Ok(goal) => goal,
            // What passes costs no part that has arrived.
            Err(fault) if fault.is_transient() => return Err(fault),
            Err(fault) => return Err(self.give_up(put, kept.as_ref(), fault).await),
        };
        if let Target::Done(proof) = goal {
            self.clear(put.key, kept.as_ref()).await;
            return Ok(proof);
        }
        let mut kept = match kept {
            Some(kept) if kept.sha256 == put.blob.sha256 && kept.upload.is_some() => kept,
            other => {
                self.clear(put.key, other.as_ref()).await;
                self.begin(put).await?
            }
        };
        match self.send_parts(put, &mut kept).await {
            // It has expired, or somebody removed it: from the beginning, once.
            Err(said) if &*said.code == "NoSuchUpload" => {
                kept = self.begin(put).await?;
                self.send_parts(put, &mut kept).await?;
            }
            sent => sent?,
        }
        if kept.crc32c(put.blob.size_bytes) != put.blob.crc32c {
            let fault = damaged().with("path", put.file.display()).because("the local file is not what was registered");
            return Err(self.give_up(put, Some(&kept), fault).await);
        }
        self.join(put, &kept, &goal).await
    }

    /// Begins an upload. That it is about to begin is kept first, so that one whose answer was lost is found again.
    async fn begin(&self, put: Put<'_>) -> Result<Kept, Fault> {
        let part_bytes = self.part_bytes(&put);
        let sha256 = put.blob.sha256.clone();
        let mut kept = Kept { sha256, part_bytes, upload: None, parts: Vec::new(), is_summed: self.sums_parts.load(Ordering::Relaxed) };
        let intent = kept.write()?;
        if put.session.kept().as_ref() != Some(&intent) {
            put.session.keep(&intent).await?;
        }
        let mut begun = self.create(put, kept.is_summed).await;
        // Older stores know nothing of sums.
        if begun.as_ref().is_err_and(|said| kept.is_summed && matches!(said.status, 400 | 501)) {
            self.sums_parts.store(false, Ordering::Relaxed);
            kept.is_summed = false;
            begun = self.create(put, false).await;
        }
        kept.upload = Some(begun?);
        put.session.keep(&kept.write()?).await?;
        Ok(kept)
    }

    async fn create(&self, put: Put<'_>, is_summed: bool) -> Result<String, Said> {
        let mut call = Call::new(Method::POST, put.key, "begin upload", "s3:PutObject")
            .asking("uploads", "")
            .with("content-type", &put.blob.mime)
            .with(NOTED, &put.blob.sha256);
        if is_summed {
            call = call.with("x-amz-checksum-algorithm", "CRC32C").with("x-amz-checksum-type", "FULL_OBJECT");
        }
        let answer = self.call(&call).await?;
        let begun: Begun = document(answer, self.about(&call)).await?;
        Ok(begun.upload_id)
    }

    async fn send_parts(&self, put: Put<'_>, kept: &mut Kept) -> Result<(), Said> {
        let size_bytes = put.blob.size_bytes;
        let file = File::open(put.file).map_err(|e| damaged().with("path", put.file.display()).because(e))?;
        let file = Arc::new(file);
        let count = usize::try_from(size_bytes.div_ceil(kept.part_bytes)).unwrap_or(usize::MAX);
        while kept.parts.len() < count {
            let range = kept.range(kept.parts.len(), size_bytes);
            let part = self.send_part(put.key, kept, file.clone(), range).await?;
            kept.parts.push(part);
            put.session.keep(&kept.write()?).await?;
        }
        // Etags may be anything; but where some are MD5s of their parts, those that are not are of other bytes.
        match kept.parts.iter().position(|part| !part.is_proven()) {
            Some(spoilt) if kept.parts.iter().any(Part::is_proven) => {
                kept.parts.truncate(spoilt);
                put.session.keep(&kept.write()?).await?;
                let reason = format!("part {} arrived otherwise than it was sent", spoilt + 1);
                Err(Fault::new(Code::ProofFailed, "send part").with("key", put.key).because(reason).into())
            }
            _ => Ok(()),
        }
    }

    async fn send_part(&self, key: &str, kept: &Kept, file: Arc<File>, range: Range<u64>) -> Result<Part, Said> {
        let number = kept.parts.len() + 1;
        let sums = Arc::new(Sums::default());
        let mut call = Call::new(Method::PUT, key, "send part", "s3:PutObject")
            .asking("partNumber", &number.to_string())
            .asking("uploadId", kept.upload.as_deref().unwrap_or_default());
        if kept.is_summed {
            let sum = crate::http::crc32c_of(file.clone(), range.clone()).await?;
            call = call.with("x-amz-checksum-crc32c", &crc32c_text(sum));
        }
        call.payload = UNSIGNED;
        call.body = Body::File { file, range, sums: Some(sums.clone()) };
        let answer = self.call(&call).await?;
        let (md5, crc32c) = sums.taken();
        let part = Part { etag: version(answer.header("etag")).unwrap_or_default(), md5: hex(&md5), crc32c };
        // What it says of the part is weighed when all of them are there.
        if part.is_proven() || !part.etag.is_empty() && !kept.parts.iter().any(Part::is_proven) {
            return Ok(part);
        }
        let reason = format!("part {number} arrived as {:?} instead of {}", part.etag, part.md5);
        Err(Fault::new(Code::ProofFailed, "send part").with("key", key).because(reason).into())
    }

    async fn join(&self, put: Put<'_>, kept: &Kept, goal: &Target) -> Result<Proof, Fault> {
        let list = Bytes::from(kept.list());
        let payload = hex(&sha2::Sha256::digest(&list));
        let mut call = Call::new(Method::POST, put.key, "join parts", "s3:PutObject")
            .asking("uploadId", kept.upload.as_deref().unwrap_or_default())
            .with("content-type", "application/xml");
        if kept.is_summed {
            call = call.with("x-amz-checksum-crc32c", &crc32c_text(put.blob.crc32c)).with("x-amz-checksum-type", "FULL_OBJECT");
        }
        call.body = Body::Bytes(list);
        call.payload = &payload;
        call.answers_within = Some(JOINED_WITHIN);
        let call = conditioned(call, goal);
        let joined = match self.call(&call).await {
            Ok(answer) => document::<Completed>(answer, self.about(&call)).await,
            Err(said) => Err(said),
        };
        match joined {
            Ok(completed) => self.proof_of_parts(put, kept, &completed).await,
            // Joined already, its answer lost; or written to by somebody else meanwhile.
            Err(said) if said.status == 412 || &*said.code == "NoSuchUpload" => match self.target(put).await {
                Ok(Target::Done(proof)) => Ok(proof),
                Ok(_) => Err(said.fault),
                Err(fault) if fault.is_transient() => Err(fault),
                Err(fault) => Err(self.give_up(put, Some(kept), fault).await),
            },
            // It has other parts than were sent, or another list arrived: what can be proven of neither begins anew.
            Err(said) if matches!(&*said.code, "InvalidPart" | "InvalidPartOrder") => {
                self.clear(put.key, Some(kept)).await;
                put.session.keep("").await?;
                Err(Fault::new(Code::ProofFailed, "join parts").with("key", put.key).because(said.fault))
            }
            Err(said) => Err(said.into()),
        }
    }

    async fn proof_of_parts(&self, put: Put<'_>, kept: &Kept, completed: &Completed) -> Result<Proof, Fault> {
        let (size_bytes, etag) = (put.blob.size_bytes, version(&completed.etag));
        if completed.crc32c == crc32c_text(put.blob.crc32c) && completed.checksum_type == "FULL_OBJECT" {
            return Ok(Proof { size_bytes, hash: ProofHash::Crc32c(put.blob.crc32c), etag });
        }
        // Each part was proven by its MD5, and the store names the whole by exactly these.
        if etag.is_some() && etag == kept.etag() {
            return Ok(Proof { size_bytes, hash: ProofHash::Noted(put.blob.sha256.clone()), etag });
        }
        let shown = Proof { size_bytes, hash: ProofHash::Untold, etag };
        let reason = match prove(shown, &put, 0, Box::pin(self.read(put.key))).await? {
            Compared::Same(proof) => return Ok(proof),
            Compared::Other(_) => "it arrived otherwise than it was sent",
            Compared::Absent => "the store took it and does not have it",
        };
        // It is ours, and would stand in the way of the next try, which begins anew.
        self.delete(put.key).await?;
        put.session.keep("").await?;
        Err(Fault::new(Code::ProofFailed, "join parts").with("key", put.key).because(reason))
    }

    /// Removes what was begun, and forgets it: some stores say of an upload that is gone that access is denied. The fault
    /// that made it useless stays the answer.
    async fn give_up(&self, put: Put<'_>, kept: Option<&Kept>, fault: Fault) -> Fault {
        self.clear(put.key, kept).await;
        // Where that cannot be kept, the next try finds that the upload is gone.
        let _ = put.session.keep("").await;
        fault
    }

    async fn clear(&self, key: &str, kept: Option<&Kept>) {
        let Some(kept) = kept else { return };
        if let Err(fault) = self.remove_upload(key, kept).await {
            tracing::warn!(%fault, "what an upload left could not be removed");
        }
    }

    pub(super) async fn abandon_parts(&self, key: &str, session: &str) -> Result<(), Fault> {
        match Kept::read(session) {
            Some(kept) => self.remove_upload(key, &kept).await,
            None => Ok(()),
        }
    }

    async fn remove_upload(&self, key: &str, kept: &Kept) -> Result<(), Fault> {
        let uploads = match &kept.upload {
            Some(upload) => vec![upload.clone()],
            None => self.uploads_of(key).await?,
        };
        for upload in uploads {
            let call = Call::new(Method::DELETE, key, "remove upload", "s3:AbortMultipartUpload").asking("uploadId", &upload);
            match self.call(&call).await {
                Err(said) if said.status != 404 => return Err(said.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Every unfinished upload of exactly this key; none where the store cannot list them.
    pub(super) async fn uploads_of(&self, key: &str) -> Result<Vec<String>, Fault> {
        let mut call =
            Call::new(Method::GET, "", "list uploads", "s3:ListBucketMultipartUploads").asking("uploads", "").asking("prefix", key);
        call.payload = EMPTY;
        let answer = match self.call(&call).await {
            Err(said) if said.status == 501 => return Ok(Vec::new()),
            answer => answer?,
        };
        let found: answers::Uploads = document(answer, self.about(&call)).await?;
        Ok(found.upload.into_iter().filter(|upload| upload.key == key).map(|upload| upload.upload_id).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_parts_add_up_to_the_whole() {
        let bytes: Vec<u8> = (0..25_000_u32).map(|n| (n % 251) as u8).collect();
        let part = |range: Range<usize>| {
            let bytes = &bytes[range];
            let md5 = hex(&Md5::digest(bytes));
            Part { etag: format!("\"{md5}\""), md5, crc32c: crc32c::crc32c(bytes) }
        };
        let parts = vec![part(0..10_000), part(10_000..20_000), part(20_000..25_000)];
        let mut kept = Kept { sha256: String::new(), part_bytes: 10_000, upload: None, parts, is_summed: false };
        assert_eq!(kept.crc32c(25_000), crc32c::crc32c(&bytes));
        assert!(kept.etag().is_some_and(|etag| etag.ends_with("-3") && etag.len() == 34), "{:?}", kept.etag());
        assert!(kept.list().contains("<PartNumber>3</PartNumber><ETag>&quot;"), "{}", kept.list());
        kept.parts[1].etag = "\"encrypted\"".into();
        assert_eq!(kept.etag(), None);
    }
}
