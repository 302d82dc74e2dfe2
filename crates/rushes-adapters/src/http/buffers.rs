//! Buffers that files are read into, used again and again: a new one is cleared before it is read into, and its pages by the
//! system once more, which took as long as the reading.

use bytes::Bytes;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many are kept for the next, and none larger.
const KEPT: usize = 16;
const KEPT_BYTES: usize = 1024 * 1024;

/// Of the whole process, as its memory is.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Bytes to be written over: what they are before is left from another file.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    length: usize,
}

impl Buffer {
    /// One of so many bytes.
    pub(super) fn of(length: usize) -> Self {
        let mut bytes = spare().pop().unwrap_or_default();
        if bytes.len() < length {
            bytes.resize(length, 0);
        }
        Self { bytes, length }
    }

    /// Its bytes, to be sent; it is used again when the last of them are gone.
    pub(super) fn filled(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spare = spare();
        if spare.len() < KEPT && self.bytes.len() <= KEPT_BYTES {
            spare.push(std::mem::take(&mut self.bytes));
        }
    }
}

fn spare() -> MutexGuard<'static, Vec<Vec<u8>>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_as_long_as_asked_for_and_their_bytes_nobody_elses_while_they_last() {
        let mut held: Vec<Bytes> = Vec::new();
        for turn in 0..40_u8 {
            let length = usize::from(turn) * 1_000 % 7_001;
            let mut buffer = Buffer::of(length);
            buffer.as_mut().fill(turn);
            assert_eq!(buffer.as_ref().len(), length);
            held.push(buffer.filled());
            // Some go at once, and some while a part of them is still held.
            if turn % 3 == 0 {
                let part = held.swap_remove(usize::from(turn / 3)).slice(..);
                held.push(part);
            }
        }
        for bytes in held {
            assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "written over");
        }
    }
}
