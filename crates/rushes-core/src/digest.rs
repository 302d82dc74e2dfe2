//! The hashes of bytes, taken in one reading: SHA-256 names a blob, CRC-32C and MD5 are what stores answer with.

use crate::asset::Blob;
use crate::flow::hex;
use sha2::Digest;
use std::io::Read;

/// Bytes read at once: little enough to stay near the processor until all three have seen them.
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads to the end and gives what a [`Blob`] says; `mime` is left as given.
pub fn digest(from: impl Read, mime: &str) -> std::io::Result<Blob> {
    take(from, mime, Some(md5::Md5::new()))
}

/// The same without the MD5, which takes longer than the rest together.
pub fn digest_without_md5(from: impl Read, mime: &str) -> std::io::Result<Blob> {
    take(from, mime, None)
}

fn take(mut from: impl Read, mime: &str, mut md5: Option<md5::Md5>) -> std::io::Result<Blob> {
    let (mut sha256, mut crc32c, mut size_bytes) = (sha2::Sha256::new(), 0_u32, 0_u64);
    let mut buffer = vec![0_u8; BUFFER_BYTES];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = &buffer[..read];
        sha256.update(bytes);
        md5.iter_mut().for_each(|md5| md5.update(bytes));
        crc32c = crc32c::crc32c_append(crc32c, bytes);
        size_bytes += read as u64;
    }
    Ok(Blob { sha256: hex(&sha256.finalize()), md5: md5.map(|md5| hex(&md5.finalize())), crc32c, size_bytes, mime: mime.to_owned() })
}

/// Whether a text is a SHA-256 as we write them: 64 digits, a to f small.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The SHA-256 alone, and the size: for reading back what is known already.
pub fn sha256(mut from: impl Read) -> std::io::Result<(String, u64)> {
    let (mut hash, mut size_bytes, mut buffer) = (sha2::Sha256::new(), 0_u64, vec![0_u8; BUFFER_BYTES]);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok((hex(&hash.finalize()), size_bytes)),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..read]);
        size_bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn digest_gives_the_published_hashes() {
        let blob = super::digest(&b"123456789"[..], "text/plain").unwrap();
        assert_eq!(blob.sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
        assert_eq!(blob.md5.as_deref(), Some("25f9e794323b453885f5181f1b624d0b"));
        let lean = super::digest_without_md5(&b"123456789"[..], "text/plain").unwrap();
        assert_eq!(lean, crate::Blob { md5: None, ..blob.clone() });
        assert_eq!(blob.crc32c, 0xe306_9283);
        assert_eq!(blob.size_bytes, 9);
        assert_eq!(super::sha256(&b"123456789"[..]).unwrap(), (blob.sha256, 9));
    }
}
