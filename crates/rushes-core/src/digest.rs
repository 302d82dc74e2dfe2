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

fn take(from: impl Read, mime: &str, mut md5: Option<md5::Md5>) -> std::io::Result<Blob> {
    let (mut sha256, mut crc32c) = (sha2::Sha256::new(), 0_u32);
    let size_bytes = read(from, |bytes| {
        sha256.update(bytes);
        md5.iter_mut().for_each(|md5| md5.update(bytes));
        crc32c = crc32c::crc32c_append(crc32c, bytes);
    })?;
    Ok(Blob { sha256: hex(&sha256.finalize()), md5: md5.map(|md5| hex(&md5.finalize())), crc32c, size_bytes, mime: mime.to_owned() })
}

/// The SHA-256 alone, and the size: for reading back what is known already.
pub fn sha256(from: impl Read) -> std::io::Result<(String, u64)> {
    let mut hash = sha2::Sha256::new();
    let size_bytes = read(from, |bytes| hash.update(bytes))?;
    Ok((hex(&hash.finalize()), size_bytes))
}

/// The CRC-32C alone, and the size: many times quicker than any hash, and enough to see that nothing happened to a file.
pub fn crc32c(from: impl Read) -> std::io::Result<(u32, u64)> {
    let mut sum = 0;
    let size_bytes = read(from, |bytes| sum = crc32c::crc32c_append(sum, bytes))?;
    Ok((sum, size_bytes))
}

/// Reads to the end, shows each piece, and gives the size.
fn read(mut from: impl Read, mut each: impl FnMut(&[u8])) -> std::io::Result<u64> {
    let (mut size_bytes, mut buffer) = (0, vec![0_u8; BUFFER_BYTES]);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(size_bytes),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        each(&buffer[..read]);
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
        assert_eq!(super::crc32c(&b"123456789"[..]).unwrap(), (blob.crc32c, 9));
    }
}
