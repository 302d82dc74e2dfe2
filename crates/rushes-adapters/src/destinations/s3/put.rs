//! Small objects, each by one request: on a condition the store keeps, proven by its answer.

use super::answers::{NOTED, etag_in, hash_in};
use super::{Call, S3Destination};
use crate::http::{Answer, Body, base64_of, body_of, md5_of, unless_damaged};
use http::Method;
use rushes_core::destination::{Condition, Destination, Proof, ProofHash, Put};
use rushes_core::{Code, Fault};
use std::sync::atomic::Ordering;

/// Objects up to this are put twice, once in a process, to learn whether the store keeps conditions.
const LEARN_MAX_BYTES: u64 = 1024 * 1024;

/// What a put meets at its key.
pub(super) enum Target {
    /// These very bytes.
    Done(Proof),
    /// Nothing.
    New,
    /// The version that may be written over.
    Over(String),
}

/// What is at a key, and the hash noted beside it by whoever put it there.
pub(super) struct There {
    pub(super) proof: Proof,
    pub(super) noted: Option<String>,
}

pub(super) async fn target(there: Option<There>, put: &Put<'_>) -> Result<Target, Fault> {
    let Some(There { proof, noted }) = there else { return Ok(Target::New) };
    if is_held(&proof, put).await? {
        return Ok(Target::Done(proof));
    }
    // With our note and other bytes, it is a put of ours that was spoilt on its way and whose answer was lost.
    let is_spoilt = noted.as_ref() == Some(&put.blob.sha256);
    let is_known =
        matches!(put.condition, Condition::Replace(old) if proof.hash == old.hash || proof.etag.is_some() && proof.etag == old.etag);
    match proof.etag {
        Some(etag) if is_spoilt || is_known => Ok(Target::Over(etag)),
        _ => Err(Fault::new(Code::DestinationConflict, "put object")
            .with("key", put.key)
            .because("the object there is neither the old nor the new version")),
    }
}

/// Whether this is what is put; its MD5 is taken where nothing else can tell.
async fn is_held(proof: &Proof, put: &Put<'_>) -> Result<bool, Fault> {
    match &proof.hash {
        ProofHash::Md5(told) if proof.needs_md5_of(put.blob) => Ok(*told == md5_of(put).await?),
        _ => Ok(proof.is_of(put.blob)),
    }
}

pub(super) fn conditioned<'a>(call: Call<'a>, target: &Target) -> Call<'a> {
    match target {
        Target::Over(etag) => call.with("if-match", &format!("\"{etag}\"")),
        _ => call.with("if-none-match", "*"),
    }
}

impl S3Destination {
    pub(super) async fn put_whole(&self, put: Put<'_>) -> Result<Proof, Fault> {
        // A store that keeps conditions needs no look before: what was not to be written over refuses by itself.
        let mut next = match put.condition {
            Condition::CreateOnly if self.keeps_conditions.load(Ordering::Relaxed) => Target::New,
            _ => target(self.look(put.key).await?, &put).await?,
        };
        let body = body_of(put.file, put.blob).await?;
        for _ in 0..2 {
            if let Target::Done(proof) = next {
                return Ok(proof);
            }
            let call = self.put_call(&put, &body);
            match self.call(&conditioned(call, &next)).await {
                Ok(answer) => {
                    let proof = match self.proof_of_put(&answer, put).await {
                        Ok(proof) => proof,
                        Err(fault) => return Err(unless_changed(&body, put, fault).await),
                    };
                    if matches!(next, Target::New) {
                        self.learn(put, &body, &proof).await;
                    }
                    return Ok(proof);
                }
                // 404: what was to be written over is gone.
                Err(said) if said.status == 412 || said.status == 404 && said.code != "NoSuchBucket" => {
                    next = target(self.look(put.key).await?, &put).await?;
                }
                Err(said) if said.status == 0 => return Err(said.fault),
                Err(said) => return Err(unless_changed(&body, put, said.fault).await),
            }
        }
        match next {
            Target::Done(proof) => Ok(proof),
            _ => {
                Err(Fault::new(Code::DestinationDown, "put object").with("key", put.key).because("somebody else is writing there just now"))
            }
        }
    }

    fn put_call<'a>(&self, put: &Put<'a>, body: &Body) -> Call<'a> {
        let sum = base64_of(&put.blob.sha256);
        let mut call = Call::new(Method::PUT, put.key, "put object", "s3:PutObject")
            .with("content-type", &put.blob.mime)
            .with("x-amz-checksum-sha256", &sum)
            .with(NOTED, &put.blob.sha256);
        call.body = body.again();
        // Signed as well, though the sum is: some stores keep a body before they look at its sum.
        call.payload = &put.blob.sha256;
        call
    }

    async fn proof_of_put(&self, answer: &Answer, put: Put<'_>) -> Result<Proof, Fault> {
        let failed = |reason: &str| Fault::new(Code::ProofFailed, "put object").with("key", put.key).because(reason);
        let proof = match hash_in(answer) {
            Some(hash) => Proof { size_bytes: put.blob.size_bytes, hash, etag: etag_in(answer) },
            None => self.look(put.key).await?.ok_or_else(|| failed("the store took it and does not have it"))?.proof,
        };
        if is_held(&proof, &put).await? {
            return Ok(proof);
        }
        // A store that does not check what arrives keeps what is wrong. It is ours, and would stand in the way of the next try.
        self.delete(put.key).await?;
        Err(failed("it arrived otherwise than it was sent"))
    }

    /// What the first new object tells of the store: whether it shows to who looks what it showed to who wrote; and by
    /// creating once more what was just created, with the same bytes, whether it keeps conditions: then it refuses.
    async fn learn(&self, put: Put<'_>, body: &Body, proof: &Proof) {
        if self.shows_sums.get().is_none()
            && let Ok(there) = self.look(put.key).await
        {
            let is_sum = |proof: &Proof| matches!(proof.hash, ProofHash::Sha256(_));
            let _ = self.shows_sums.set(is_sum(proof) && there.is_some_and(|there| is_sum(&there.proof)));
        }
        if self.keeps_conditions.load(Ordering::Relaxed) || put.blob.size_bytes > LEARN_MAX_BYTES {
            return;
        }
        let again = self.call(&conditioned(self.put_call(&put, body), &Target::New)).await;
        if again.is_err_and(|said| said.status == 412) {
            self.keeps_conditions.store(true, Ordering::Relaxed);
        }
    }
}

/// Smaller files were read, and compared, before they were sent.
async fn unless_changed(body: &Body, put: Put<'_>, fault: Fault) -> Fault {
    if matches!(body, Body::File { .. }) { unless_damaged(put.file, put.blob, fault).await } else { fault }
}
