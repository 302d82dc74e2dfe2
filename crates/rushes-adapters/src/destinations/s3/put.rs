//! Whether an object goes whole or in parts; and whole ones, each by one request: on a condition the store keeps, proven by
//! its answer.

use super::answers::{NOTED, bare, etag_in, hash_in};
use super::{Call, S3Destination};
use crate::destinations::proving::{Target, contended, neither, prove, target};
use crate::http::{Answer, Body, base64_of, body_of, unless_damaged};
use http::Method;
use rushes_core::destination::{Compared, Condition, Destination, Proof, ProofHash, Put};
use rushes_core::{Code, Fault};
use std::time::Duration;

/// Files of more than this many parts' size go in parts.
const WHOLE_PARTS: u64 = 4;
/// Objects up to this are put twice, once in a process, to learn whether the store keeps conditions.
const LEARN_MAX_BYTES: u64 = 1024 * 1024;
/// The others wait for the first no longer than this.
pub(super) const FIRST_LIMIT: Duration = Duration::from_secs(1);

pub(super) fn conditioned<'a>(call: Call<'a>, target: &Target) -> Call<'a> {
    match target {
        Target::Over(Proof { etag: Some(etag), .. }) => call.with("if-match", &format!("\"{}\"", bare(etag))),
        _ => call.with("if-none-match", "*"),
    }
}

impl S3Destination {
    pub(super) async fn put_object(&self, put: Put<'_>) -> Result<Proof, Fault> {
        if put.blob.size_bytes > self.whole_max_bytes() { self.put_parts(put).await } else { self.put_whole(put).await }
    }

    pub(super) fn whole_max_bytes(&self) -> u64 {
        self.settings.part_bytes * WHOLE_PARTS
    }

    pub(super) async fn target(&self, put: Put<'_>) -> Result<Target, Fault> {
        let there = self.look(put.key).await?;
        match target(there, &put, self.place(), self.part_bytes(&put), Box::pin(self.read(put.key))).await? {
            Target::Over(Proof { etag: None, .. }) => Err(neither(&put, self.place())),
            target => Ok(target),
        }
    }

    /// Until the store is known, each new object is looked for before it is put. So one goes first, and the others wait for what it
    /// learns; not for long, and whatever that is, they wait once.
    async fn put_whole(&self, put: Put<'_>) -> Result<Proof, Fault> {
        let learns = self.keeps_conditions.get().is_none() && put.blob.size_bytes <= LEARN_MAX_BYTES;
        if !learns || !matches!(put.condition, Condition::CreateOnly) {
            return self.put_at_once(put).await;
        }
        let first = tokio::time::timeout(FIRST_LIMIT, self.first.acquire()).await;
        let ended = self.put_at_once(put).await;
        if let Ok(Ok(_first)) = first {
            self.first.close();
        }
        ended
    }

    async fn put_at_once(&self, put: Put<'_>) -> Result<Proof, Fault> {
        // A store that keeps conditions needs no look before: what was not to be written over refuses by itself.
        let mut next = match put.condition {
            Condition::CreateOnly if self.keeps_conditions.get() == Some(&true) => Target::New,
            _ => self.target(put).await?,
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
                Err(said) if said.status == 412 || said.status == 404 && &*said.code != "NoSuchBucket" => {
                    next = self.target(put).await?;
                }
                Err(said) if said.status == 0 => return Err(said.fault),
                Err(said) => return Err(unless_changed(&body, put, said.fault).await),
            }
        }
        match next {
            Target::Done(proof) => Ok(proof),
            _ => Err(contended(&put, self.place())),
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
        let shown = Proof { size_bytes: put.blob.size_bytes, hash: hash_in(answer), etag: etag_in(answer) };
        if let Compared::Same(proof) = prove(shown, &put, 0, Box::pin(std::future::ready(Ok::<_, Fault>(None)))).await? {
            return Ok(proof);
        }
        // Who looks is shown more.
        let there = self.look(put.key).await?.ok_or_else(|| failed("the store took it and does not have it"))?;
        if let Compared::Same(proof) = prove(there.proof, &put, self.part_bytes(&put), Box::pin(self.read(put.key))).await? {
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
        if self.keeps_conditions.get().is_some() || put.blob.size_bytes > LEARN_MAX_BYTES {
            return;
        }
        // Any other answer tells nothing; the next new object asks again.
        let _ = match self.call(&conditioned(self.put_call(&put, body), &Target::New)).await {
            Ok(_) => self.keeps_conditions.set(false),
            Err(said) if said.status == 412 => self.keeps_conditions.set(true),
            Err(_) => Ok(()),
        };
    }
}

/// Smaller files were read, and compared, before they were sent.
async fn unless_changed(body: &Body, put: Put<'_>, fault: Fault) -> Fault {
    if matches!(body, Body::File { .. }) { unless_damaged(put.file, put.blob, fault).await } else { fault }
}
