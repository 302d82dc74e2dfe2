//! Writes WAV: 48 kHz, stereo, 24 bit, nothing but the format and the samples; rounded to the nearest without dither, so
//! that equal samples give equal bytes.

use crate::run::encode::SAMPLE_RATE_HZ;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const CHANNELS: u16 = 2;
const BYTES: u16 = 3;

/// Writes `count` frames, left and right, over what is there; beyond −1.0 to 1.0 is cut off.
/// Errors: those of the file system; `InvalidInput` beyond the format's 4 GB, four hours.
pub(crate) fn write(path: &Path, count: usize, frames: impl Iterator<Item = [f32; 2]>) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 18, File::create(path)?);
    file.write_all(&header(count)?)?;
    for [left, right] in frames {
        let (l, r) = (sample(left), sample(right));
        file.write_all(&[l[0], l[1], l[2], r[0], r[1], r[2]])?;
    }
    file.flush()
}

/// −1…1 as a signed 24-bit number; the fourth byte is of no use.
fn sample(value: f32) -> [u8; 4] {
    ((f64::from(value).clamp(-1.0, 1.0) * 8_388_607.0).round_ties_even() as i32).to_le_bytes()
}

/// The 44 bytes before the samples.
fn header(frames: usize) -> io::Result<Vec<u8>> {
    let block = CHANNELS * BYTES;
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "longer than a WAV can be");
    let data = u32::try_from(frames).ok().and_then(|frames| frames.checked_mul(u32::from(block))).ok_or_else(too_long)?;
    let mut head = Vec::with_capacity(44);
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&data.checked_add(36).ok_or_else(too_long)?.to_le_bytes());
    head.extend_from_slice(b"WAVEfmt ");
    head.extend_from_slice(&16u32.to_le_bytes());
    head.extend_from_slice(&1u16.to_le_bytes());
    head.extend_from_slice(&CHANNELS.to_le_bytes());
    head.extend_from_slice(&SAMPLE_RATE_HZ.to_le_bytes());
    head.extend_from_slice(&(SAMPLE_RATE_HZ * u32::from(block)).to_le_bytes());
    head.extend_from_slice(&block.to_le_bytes());
    head.extend_from_slice(&(BYTES * 8).to_le_bytes());
    head.extend_from_slice(b"data");
    head.extend_from_slice(&data.to_le_bytes());
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wav_is_what_its_head_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let frames = [[0.0, 1.0], [-1.0, 2.0], [f32::NAN, 0.5]];
        write(&path, frames.len(), frames.into_iter()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 44 + 3 * 6);
        assert_eq!(u32::from_le_bytes(bytes[40..44].try_into().unwrap()), 18);
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()), 36 + 18);
        assert_eq!(bytes[44..56], [0, 0, 0, 0xff, 0xff, 0x7f, 1, 0, 0x80, 0xff, 0xff, 0x7f]);
        assert_eq!(write(&path, usize::MAX, [].into_iter()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
