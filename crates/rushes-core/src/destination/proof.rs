//! What a destination's answer proves of the bytes it holds, and whether that is enough.

use super::Destination;
use crate::asset::Blob;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// What a destination says of an object it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Bytes held.
    pub size_bytes: u64,
    /// What says which bytes they are.
    pub hash: ProofHash,
    /// The destination's own name of this very version; it begins with `W/` where it is a weak one.
    pub etag: Option<String>,
}

/// A hash of all the bytes an object has, taken by the destination, or by us of what came back from it; hex, or the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the algorithms")]
pub enum ProofHash {
    Sha256(String),
    Md5(String),
    Crc32c(u32),
    /// The SHA-256 of what was put there in parts, each of them proven, by a put of ours. No look at an object gives it.
    Noted(String),
    /// None is shown.
    Untold,
}

/// What a [`Proof`] says of whether these bytes are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// They are.
    Same,
    /// Others are.
    Other,
    /// Only the bytes themselves can tell.
    Unclear,
}

impl Proof {
    /// What this proves, in one place for all who ask:
    ///
    /// - Another length, or another hash, is other bytes; the same hash is these.
    /// - An etag that is the MD5 of these bytes is a hash of them. One that is not says nothing: many stores give 32 digits
    ///   that are no MD5.
    /// - A length and an etag say that it is still the version that was proven before (`proven`, a proof of these very
    ///   bytes), and never prove anything for the first time. A weak etag (`W/`) says nothing at all.
    /// - What is noted beside an object proves nothing; at most it says whose it is.
    #[must_use]
    pub fn shows(&self, blob: &Blob, proven: Option<&Self>) -> Shows {
        if self.size_bytes != blob.size_bytes {
            return Shows::Other;
        }
        let is_same = match &self.hash {
            ProofHash::Sha256(hex) | ProofHash::Noted(hex) => Some(*hex == blob.sha256),
            ProofHash::Crc32c(sum) => Some(*sum == blob.crc32c),
            ProofHash::Md5(hex) => blob.md5.as_ref().map(|md5| md5 == hex),
            ProofHash::Untold => (blob.md5.is_some() && self.strong_etag() == blob.md5.as_deref()).then_some(true),
        };
        match is_same {
            Some(true) => Shows::Same,
            Some(false) => Shows::Other,
            None if proven.is_some_and(|proven| self.is_version(proven)) => Shows::Same,
            None => Shows::Unclear,
        }
    }

    /// Whether this alone proves that these bytes are held.
    #[must_use]
    pub fn proves(&self, blob: &Blob) -> bool {
        self.shows(blob, None) == Shows::Same
    }

    /// What this proves of a copy whose source was `proven` to be these bytes: as [`Proof::shows`], and the same hash is the
    /// same bytes. An etag tells of one key only, unless it is that hash.
    #[must_use]
    pub fn shows_copy(&self, blob: &Blob, proven: &Self) -> Shows {
        let known = Self { etag: None, ..proven.clone() };
        let is_md5 =
            matches!(&proven.hash, ProofHash::Md5(md5) if self.hash == ProofHash::Untold && self.strong_etag() == Some(md5.as_str()));
        match self.shows(blob, Some(&known)) {
            Shows::Unclear if is_md5 => Shows::Same,
            shows => shows,
        }
    }

    /// Whether it is of the same version, or at least of the same bytes, as `known`.
    #[must_use]
    pub fn is_version(&self, known: &Self) -> bool {
        let is_etag = self.strong_etag().is_some() && self.strong_etag() == known.strong_etag();
        let is_hash = match (&self.hash, &known.hash) {
            (ProofHash::Noted(_) | ProofHash::Untold, _) => false,
            (ProofHash::Sha256(here), ProofHash::Noted(then)) => here == then,
            (here, then) => here == then,
        };
        self.size_bytes == known.size_bytes && (is_etag || is_hash)
    }

    /// Whether only the bytes themselves can tell if it is of the version `known`.
    #[must_use]
    pub fn may_be_version(&self, known: &Self) -> bool {
        let has_no_name = self.strong_etag().is_none() || known.strong_etag().is_none();
        self.size_bytes == known.size_bytes && self.hash == ProofHash::Untold && has_no_name
    }

    /// The same, once it has shown these bytes, with the hash that did so in place of none.
    #[must_use]
    pub fn told_by(mut self, blob: &Blob, proven: Option<&Self>) -> Self {
        if self.hash == ProofHash::Untold {
            let md5 = blob.md5.as_deref().filter(|md5| self.strong_etag() == Some(md5)).map(|md5| ProofHash::Md5(md5.to_owned()));
            self.hash = md5.or_else(|| Some(proven?.hash.clone())).unwrap_or(ProofHash::Untold);
        }
        self
    }

    /// Whether the MD5 of a blob could tell more.
    #[must_use]
    pub fn may_be_md5(&self) -> bool {
        let is_md5 = |etag: &str| etag.len() == 32 && etag.bytes().all(|b| b.is_ascii_hexdigit());
        match self.hash {
            ProofHash::Md5(_) => true,
            ProofHash::Untold => self.strong_etag().is_some_and(is_md5),
            _ => false,
        }
    }

    fn strong_etag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.is_empty() && !etag.starts_with("W/"))
    }
}

/// What is under a key, compared with a blob.
#[derive(Debug, Clone)]
pub enum Compared {
    /// Nothing.
    Absent,
    /// These very bytes.
    Same(Proof),
    /// Others.
    Other(Proof),
}

impl Compared {
    /// By what was read back.
    #[must_use]
    pub fn read(read: Option<Proof>, blob: &Blob) -> Self {
        match read {
            None => Self::Absent,
            Some(read) if read.proves(blob) => Self::Same(read),
            Some(read) => Self::Other(read),
        }
    }
}

/// Whether a destination holds these bytes under a key: by what it shows, and where that is not enough, by the bytes
/// themselves. `proven`: what proved them there before. Errors: those of [`Destination::stat`].
pub async fn compare(at: &dyn Destination, key: &str, blob: &Blob, proven: Option<&Proof>) -> Result<Compared, Fault> {
    let Some(shown) = at.stat(key).await? else { return Ok(Compared::Absent) };
    Ok(match shown.shows(blob, proven) {
        Shows::Same => Compared::Same(shown.told_by(blob, proven)),
        Shows::Other => Compared::Other(shown),
        Shows::Unclear => Compared::read(at.read_back(key).await?, blob),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "25f9e794323b453885f5181f1b624d0b";

    fn proof(hash: ProofHash, etag: &str) -> Proof {
        Proof { size_bytes: 9, hash, etag: Some(etag.to_owned()) }
    }

    fn blob() -> Blob {
        crate::digest::digest(&b"123456789"[..], "").unwrap()
    }

    #[test]
    fn proof_is_a_hash_of_the_bytes_or_the_version_proven_before() {
        let (blob, zeros) = (blob(), "0".repeat(32));
        let sha256 = ProofHash::Sha256(blob.sha256.clone());
        let before = proof(sha256.clone(), "e1");
        for (shown, first, again) in [
            (proof(sha256, "e2"), Shows::Same, Shows::Same),
            (proof(ProofHash::Sha256("0".repeat(64)), "e1"), Shows::Other, Shows::Other),
            (proof(ProofHash::Crc32c(blob.crc32c), "e2"), Shows::Same, Shows::Same),
            (proof(ProofHash::Crc32c(0), "e1"), Shows::Other, Shows::Other),
            (proof(ProofHash::Md5(MD5.into()), "e2"), Shows::Same, Shows::Same),
            (proof(ProofHash::Md5(zeros.clone()), "e1"), Shows::Other, Shows::Other),
            (proof(ProofHash::Untold, MD5), Shows::Same, Shows::Same),
            (proof(ProofHash::Untold, &zeros), Shows::Unclear, Shows::Unclear),
            (proof(ProofHash::Untold, "e1"), Shows::Unclear, Shows::Same),
            (proof(ProofHash::Untold, "e2"), Shows::Unclear, Shows::Unclear),
            (proof(ProofHash::Untold, &format!("W/{MD5}")), Shows::Unclear, Shows::Unclear),
        ] {
            assert_eq!(shown.shows(&blob, None), first, "{shown:?}");
            if first == Shows::Same {
                assert_ne!(shown.clone().told_by(&blob, None).hash, ProofHash::Untold, "{shown:?}");
            }
            assert_eq!(shown.shows(&blob, Some(&before)), again, "{shown:?} after {before:?}");
            let longer = Proof { size_bytes: 10, ..shown };
            assert_eq!(longer.shows(&blob, Some(&before)), Shows::Other, "its length says it: {longer:?}");
        }
        let weak = proof(ProofHash::Untold, "W/e1");
        assert_eq!(weak.shows(&blob, Some(&weak)), Shows::Unclear, "a weak etag is that of many versions");
        assert!(weak.may_be_version(&before) && !weak.is_version(&before), "its bytes are read");
        assert!(!proof(ProofHash::Untold, "e2").may_be_version(&before), "two names are two versions");
    }

    #[test]
    fn proof_of_a_copy_is_a_hash_that_its_source_had_and_never_its_etag() {
        let blob = Blob { md5: None, ..blob() };
        let source = proof(ProofHash::Md5(MD5.into()), "e1");
        for (shown, shows) in [
            (proof(ProofHash::Md5(MD5.into()), "e2"), Shows::Same),
            (proof(ProofHash::Untold, MD5), Shows::Same),
            (proof(ProofHash::Crc32c(blob.crc32c), "e2"), Shows::Same),
            (proof(ProofHash::Untold, "e1"), Shows::Unclear),
            (proof(ProofHash::Untold, &format!("W/{MD5}")), Shows::Unclear),
            (proof(ProofHash::Md5("0".repeat(32)), "e1"), Shows::Unclear),
            (proof(ProofHash::Sha256("0".repeat(64)), "e1"), Shows::Other),
        ] {
            assert_eq!(shown.shows_copy(&blob, &source), shows, "{shown:?}");
        }
        let longer = Proof { size_bytes: 10, ..proof(ProofHash::Md5(MD5.into()), "e1") };
        assert_eq!(longer.shows_copy(&blob, &source), Shows::Other);
    }

    #[test]
    fn proof_by_md5_of_a_blob_without_one_is_the_proven_version_or_unclear() {
        let blob = Blob { md5: None, ..blob() };
        let told = proof(ProofHash::Md5("ab".repeat(16)), "e1");
        assert!(told.may_be_md5() && !told.proves(&blob));
        let after = |hash, etag| told.shows(&blob, Some(&proof(hash, etag)));
        assert_eq!(after(ProofHash::Sha256(blob.sha256.clone()), "e1"), Shows::Same, "the very version");
        assert_eq!(after(ProofHash::Md5("ab".repeat(16)), "e2"), Shows::Same, "the very hash");
        assert_eq!(after(ProofHash::Md5("cd".repeat(16)), "e2"), Shows::Unclear, "another one, of which nothing is known");
        let etag = |etag| proof(ProofHash::Untold, etag);
        assert!(etag(MD5).may_be_md5());
        assert!([etag("e1"), etag(&format!("{MD5}-2")), etag(&format!("W/{MD5}"))].iter().all(|told| !told.may_be_md5()));
    }
}
