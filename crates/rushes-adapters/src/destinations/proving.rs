//! How a put learns what is at its key: by what the store shows, by the MD5 of the file or of its parts, and at last by the
//! very bytes. What each of them proves, [`Proof::shows`] says.

use super::call::Place;
use crate::http::{Answer, file_of, md5_of};
use md5::{Digest, Md5};
use rushes_core::destination::{Compared, Condition, Proof, ProofHash, Put, Shows};
use rushes_core::flow::hex;
use rushes_core::{Code, Fault};
use std::io::Read;

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// What is at a key, and the SHA-256 noted beside it by whoever put it there.
pub(super) struct There {
    pub(super) proof: Proof,
    pub(super) noted: Option<String>,
}

/// What a put meets at its key.
pub(super) enum Target {
    /// These very bytes.
    Done(Proof),
    /// Nothing.
    New,
    /// What may be written over.
    Over(Proof),
}

/// Errors: `destination_conflict` where something is there that is neither the old version nor this one; those of [`prove`].
pub(super) async fn target<E: From<Fault>>(
    there: Option<There>,
    put: &Put<'_>,
    place: Place<'_>,
    part_bytes: u64,
    read_back: impl Future<Output = Result<Option<Proof>, E>>,
) -> Result<Target, E> {
    let Some(There { proof, noted }) = there else { return Ok(Target::New) };
    let is_known = |proof: &Proof| matches!(put.condition, Condition::Replace(known) if proof.is_version(known));
    if is_known(&proof) && !proof.proves(put.blob) {
        return Ok(Target::Over(proof));
    }
    // With our note and other bytes, it is a put of ours that was spoilt on its way and whose answer was lost.
    let is_spoilt = noted.as_ref() == Some(&put.blob.sha256);
    let compared = match put.condition {
        Condition::Replace(known) if proof.may_be_version(known) => Compared::read(read_back.await?, put.blob),
        _ => prove(proof, put, part_bytes, read_back).await?,
    };
    match compared {
        Compared::Absent => Ok(Target::New),
        Compared::Same(proof) => Ok(Target::Done(proof)),
        Compared::Other(proof) if is_spoilt || is_known(&proof) => Ok(Target::Over(proof)),
        Compared::Other(_) => Err(neither(put, place).into()),
    }
}

/// Something is at the key that is not ours to write over.
pub(super) fn neither(put: &Put<'_>, (what, name): Place<'_>) -> Fault {
    let reason = "the object there is neither the old nor the new version";
    Fault::new(Code::DestinationConflict, "put object").with(what, name).with("key", put.key).because(reason)
}

/// Nobody but us should write there.
pub(super) fn contended(put: &Put<'_>, (what, name): Place<'_>) -> Fault {
    let reason = "somebody else is writing there just now";
    Fault::new(Code::DestinationDown, "put object").with(what, name).with("key", put.key).because(reason)
}

/// Whether what a store shows are the bytes of this put. `part_bytes`: of each part, where it went in parts; `read_back` is
/// asked when nothing else can tell. Errors: those of `read_back`; `blob_missing` where the file holds other bytes.
pub(super) async fn prove<E: From<Fault>>(
    shown: Proof,
    put: &Put<'_>,
    part_bytes: u64,
    read_back: impl Future<Output = Result<Option<Proof>, E>>,
) -> Result<Compared, E> {
    let mut shows = shown.shows(put.blob, None);
    if shows == Shows::Same {
        return Ok(Compared::Same(shown.told_by(put.blob, None)));
    }
    if shows == Shows::Unclear && put.blob.md5.is_none() && shown.may_be_md5() {
        let blob = rushes_core::Blob { md5: Some(md5_of(put).await?), ..put.blob.clone() };
        shows = shown.shows(&blob, None);
        if shows == Shows::Same {
            return Ok(Compared::Same(Proof { hash: ProofHash::Md5(blob.md5.unwrap_or_default()), ..shown }));
        }
    }
    if shows == Shows::Other {
        return Ok(Compared::Other(shown));
    }
    if is_of_parts(&shown, part_bytes) && shown.etag == Some(etag_of(put, part_bytes).await?) {
        return Ok(Compared::Same(Proof { hash: ProofHash::Noted(put.blob.sha256.clone()), ..shown }));
    }
    Ok(Compared::read(read_back.await?, put.blob))
}

/// The proof of last resort: the bytes themselves, which go nowhere. `etag`: of the version that answers, or one before it.
pub(super) async fn read_back(answer: Answer, etag: Option<String>) -> Result<Proof, Fault> {
    let (sha256, size_bytes) = answer.sha256().await?;
    Ok(Proof { size_bytes, hash: ProofHash::Sha256(sha256), etag })
}

/// Whether its etag may be that of so many parts.
fn is_of_parts(shown: &Proof, part_bytes: u64) -> bool {
    let count = shown.size_bytes.div_ceil(part_bytes.max(1));
    shown.etag.as_ref().is_some_and(|etag| !etag.starts_with("W/") && etag.ends_with(&format!("-{count}")))
}

/// The etag that S3, and what stands on it, gives an object in parts of this size: it comes of the MD5 of each of them.
async fn etag_of(put: &Put<'_>, part_bytes: u64) -> Result<String, Fault> {
    let file = file_of(put.file, put.blob.size_bytes)?;
    let summed = tokio::task::spawn_blocking(move || etag_in(&*file, part_bytes));
    let failed = |e: std::io::Error| Fault::new(Code::Io, "read what was sent").because(e);
    summed.await.map_err(|e| Fault::new(Code::Panicked, "read what was sent").because(e))?.map_err(failed)
}

fn etag_in(mut file: impl Read, part_bytes: u64) -> std::io::Result<String> {
    let (mut whole, mut count, mut buffer) = (Md5::new(), 0, vec![0; BUFFER_BYTES]);
    loop {
        let (mut part, mut rest) = (Md5::new(), file.by_ref().take(part_bytes));
        let mut is_empty = true;
        loop {
            let read = rest.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            is_empty = false;
            part.update(&buffer[..read]);
        }
        if is_empty {
            return Ok(format!("{}-{count}", hex(&whole.finalize())));
        }
        whole.update(part.finalize());
        count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_of_parts_are_those_of_s3() {
        let part = |bytes: &[u8]| Md5::digest(bytes).to_vec();
        let whole = |parts: &[Vec<u8>]| format!("{}-{}", hex(&Md5::digest(parts.concat())), parts.len());
        assert_eq!(etag_in(&b"abcdefgh"[..], 3).unwrap(), whole(&[part(b"abc"), part(b"def"), part(b"gh")]));
        assert_eq!(etag_in(&b"abcdef"[..], 3).unwrap(), whole(&[part(b"abc"), part(b"def")]));
        let shown = |etag: &str| Proof { size_bytes: 8, hash: ProofHash::Untold, etag: Some(etag.to_owned()) };
        assert!(is_of_parts(&shown(&etag_in(&b"abcdefgh"[..], 3).unwrap()), 3));
        assert!(!is_of_parts(&shown("25f9e794323b453885f5181f1b624d0b"), 3));
    }
}
