//! A piece as a WAV file: 24 bit, stereo, interleaved, rounded to nearest without dither, so equal pieces give equal bytes.

use super::Piece;
use super::dsp::RATE;
use rushes_core::Fault;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

const CHANNELS: u16 = 2;
const BYTES: u16 = 3;

/// Writes `piece` to `path`, replacing what is there.
/// Errors: `disk_full`, `io`, `file_missing` (no such folder).
pub fn write_wav(path: &Path, piece: &Piece) -> Result<(), Fault> {
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        file.write_all(&header(piece.left.len()))?;
        for (l, r) in piece.left.iter().zip(&piece.right) {
            let (l, r) = (sample(*l).to_le_bytes(), sample(*r).to_le_bytes());
            file.write_all(&[l[0], l[1], l[2], r[0], r[1], r[2]])?;
        }
        file.flush()?;
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    };
    write().map_err(|e| Fault::io("write music", path, &e))
}

/// −1…1 as a signed 24-bit number.
fn sample(value: f32) -> i32 {
    (f64::from(value).clamp(-1.0, 1.0) * 8_388_607.0).round_ties_even() as i32
}

/// The 44 bytes before the samples. Ten minutes are 173 MB, far below the format's 4 GB.
fn header(frames: usize) -> Vec<u8> {
    let block = CHANNELS * BYTES;
    let data = frames as u32 * u32::from(block);
    let mut head = Vec::with_capacity(44);
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(36 + data).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt ");
    head.extend_from_slice(&16u32.to_le_bytes());
    head.extend_from_slice(&1u16.to_le_bytes());
    head.extend_from_slice(&CHANNELS.to_le_bytes());
    head.extend_from_slice(&RATE.to_le_bytes());
    head.extend_from_slice(&(RATE * u32::from(block)).to_le_bytes());
    head.extend_from_slice(&block.to_le_bytes());
    head.extend_from_slice(&(BYTES * 8).to_le_bytes());
    head.extend_from_slice(b"data");
    head.extend_from_slice(&data.to_le_bytes());
    head
}
