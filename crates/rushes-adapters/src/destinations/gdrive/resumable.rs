//! Resumable uploads. What was begun is kept in the session; how far it came, Drive is asked. One that has expired begins
//! anew; one that nobody finishes is seen by nobody and gone after a week.

use super::DriveDestination;
use super::answers::{File, document};
use super::put::{method, upload_path};
use super::tags::Meta;
use crate::destinations::call::{About, Call, Resumable, Said, mime};
use crate::http::{Answer, Body, bytes_of, crc32c_of, damaged, file_of};
use bytes::Bytes;
use http::{Method, StatusCode};
use rushes_core::Fault;
use rushes_core::destination::Put;
use serde::{Deserialize, Serialize};

/// What is kept between tries: small objects keep their id alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) id: String,
    path: String,
    /// Of which bytes.
    sha256: String,
    size_bytes: u64,
    /// Whether it writes over what is there.
    pub(super) is_over: bool,
    /// The address of the upload at Drive, without the host; whoever has it may write there.
    upload: Option<String>,
    sent_bytes: u64,
}

impl Kept {
    pub(super) fn new(put: Put<'_>, path: &str, id: &str, is_over: bool) -> Self {
        let (sha256, size_bytes) = (put.blob.sha256.clone(), put.blob.size_bytes);
        Self { id: id.to_owned(), path: path.to_owned(), sha256, size_bytes, is_over, upload: None, sent_bytes: 0 }
    }

    pub(super) fn is_for(&self, put: Put<'_>, path: &str) -> bool {
        self.path == path && self.sha256 == put.blob.sha256 && self.size_bytes == put.blob.size_bytes
    }
}

impl Resumable for Kept {}

/// How far an upload has come.
enum Sent {
    Bytes(u64),
    Whole(Box<File>),
}

impl DriveDestination {
    /// Sends a file in parts, the rest of them where some are there.
    pub(super) async fn put_parts(&self, put: Put<'_>, meta: &Meta, is_over: bool, about: About<'_>) -> Result<File, Said> {
        let path = self.path(put.key);
        let kept = put.session.kept().as_deref().and_then(Kept::read);
        let kept = kept.filter(|kept| kept.is_for(put, &path) && kept.is_over == is_over && kept.id == meta.id && kept.upload.is_some());
        if let Some(kept) = kept {
            match self.go_on(put, kept, true, about).await {
                Err(said) if matches!(said.status, 404 | 410) => {}
                sent => return sent,
            }
        }
        let kept = self.begin(put, meta, is_over, about).await?;
        self.go_on(put, kept, false, about).await
    }

    async fn begin(&self, put: Put<'_>, meta: &Meta, is_over: bool, about: About<'_>) -> Result<Kept, Said> {
        let description = if is_over { meta.over_json() } else { meta.new_json() };
        let call = Call::new(method(is_over), upload_path(meta, is_over, "resumable"), about)
            .with("x-upload-content-type", mime(put.blob))
            .with("x-upload-content-length", &put.blob.size_bytes.to_string())
            .json(&description);
        let answer = self.call(call).await?;
        // Our token must go to no host but ours, whatever a proxy made of the address.
        let upload = answer.header("location").find("/upload/").map(|at| answer.header("location")[at + 1..].to_owned());
        let upload = upload.ok_or_else(|| about.down("the upload was begun and got no address"))?;
        let kept = Kept { upload: Some(upload), ..Kept::new(put, &self.path(put.key), &meta.id, is_over) };
        if let Err(fault) = put.session.keep(&kept.write()?).await {
            self.clear_upload(&kept).await;
            return Err(fault.into());
        }
        Ok(kept)
    }

    async fn go_on(&self, put: Put<'_>, mut kept: Kept, is_resumed: bool, about: About<'_>) -> Result<File, Said> {
        let size_bytes = put.blob.size_bytes;
        let file = file_of(put.file, size_bytes)?;
        if is_resumed {
            match self.send_part(&kept, &format!("bytes */{size_bytes}"), Bytes::new(), about).await? {
                Sent::Whole(made) => return Ok(*made),
                Sent::Bytes(there) => kept.sent_bytes = there.min(size_bytes),
            }
        }
        let mut sum = crc32c_of(file.clone(), 0..kept.sent_bytes).await?;
        loop {
            let start = kept.sent_bytes;
            let end = (start + self.settings.part_bytes).min(size_bytes);
            let bytes = bytes_of(file.clone(), start..end).await?;
            if end == size_bytes && crc32c::crc32c_append(sum, &bytes) != put.blob.crc32c {
                self.clear_upload(&kept).await;
                let reason = "the local file changed: it is not what was registered";
                return Err(damaged().with("path", put.file.display()).because(reason).into());
            }
            let range = format!("bytes {start}-{}/{size_bytes}", end.saturating_sub(1));
            match self.send_part(&kept, &range, bytes.clone(), about).await? {
                Sent::Whole(made) => return Ok(*made),
                Sent::Bytes(there) if start < there && there <= end && there < size_bytes => {
                    let arrived = usize::try_from(there - start).unwrap_or(bytes.len());
                    sum = crc32c::crc32c_append(sum, &bytes[..arrived]);
                    kept.sent_bytes = there;
                    put.session.keep(&kept.write()?).await?;
                }
                Sent::Bytes(there) => {
                    return Err(about.down(format!("after bytes {start} to {end} Drive says that {there} bytes are there")));
                }
            }
        }
    }

    /// Sends bytes of a file, or none to ask how many are there.
    async fn send_part(&self, kept: &Kept, range: &str, bytes: Bytes, about: About<'_>) -> Result<Sent, Said> {
        let upload = kept.upload.clone().unwrap_or_default();
        let mut call = Call::new(Method::PUT, upload, about).with("content-range", range);
        if bytes.is_empty() {
            call = call.with("content-length", "0");
        } else {
            call.body = Body::Bytes(bytes);
        }
        let answer = self.call(call).await?;
        if answer.status == StatusCode::PERMANENT_REDIRECT {
            return Ok(Sent::Bytes(there(&answer)));
        }
        Ok(Sent::Whole(Box::new(document(answer, "id", about).await?)))
    }

    /// Whatever made it useless stays the answer, so a fault is only noted; Drive forgets uploads after a while.
    pub(super) async fn clear_upload(&self, kept: &Kept) {
        if let Err(said) = self.remove_upload(kept, self.about("remove upload", "")).await {
            tracing::warn!(fault = %said.fault, "what an upload left could not be removed");
        }
    }

    pub(super) async fn abandon_upload(&self, key: &str, session: &str) -> Result<(), Fault> {
        match Kept::read(session) {
            Some(kept) => Ok(self.remove_upload(&kept, self.about("remove upload", key)).await?),
            None => Ok(()),
        }
    }

    async fn remove_upload(&self, kept: &Kept, about: About<'_>) -> Result<(), Said> {
        let Some(upload) = &kept.upload else { return Ok(()) };
        match self.call(Call::new(Method::DELETE, upload.clone(), about).with("content-length", "0")).await {
            // 499 says that it was taken back; whatever else it says, there is nothing left to take back.
            Err(said) if said.fault.is_transient() => Err(said),
            _ => Ok(()),
        }
    }
}

/// How many bytes are there: `Range: bytes=0-N`, or no such header where there are none.
fn there(answer: &Answer) -> u64 {
    answer.header("range").rsplit('-').next().and_then(|last| last.parse::<u64>().ok()).map_or(0, |last| last + 1)
}
