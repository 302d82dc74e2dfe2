//! Writes WAV: 48 kHz, stereo, 24 bit, nothing but the format and the samples.

use crate::run::encode::SAMPLE_RATE_HZ;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const CHANNELS: u32 = 2;
const BYTES_PER_SAMPLE: u32 = 3;

/// Writes left and right in turn; beyond −1.0 to 1.0 is cut off.
pub(super) fn write(path: &Path, stereo: &[f32]) -> io::Result<()> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "longer than a WAV can be");
    let data_bytes = u32::try_from(stereo.len() as u64 * u64::from(BYTES_PER_SAMPLE)).map_err(too_long)?;
    let riff_bytes = data_bytes.checked_add(36).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(b"RIFF")?;
    file.write_all(&riff_bytes.to_le_bytes())?;
    file.write_all(b"WAVEfmt ")?;
    file.write_all(&16_u32.to_le_bytes())?;
    file.write_all(&1_u16.to_le_bytes())?;
    file.write_all(&(CHANNELS as u16).to_le_bytes())?;
    file.write_all(&SAMPLE_RATE_HZ.to_le_bytes())?;
    file.write_all(&(SAMPLE_RATE_HZ * CHANNELS * BYTES_PER_SAMPLE).to_le_bytes())?;
    file.write_all(&((CHANNELS * BYTES_PER_SAMPLE) as u16).to_le_bytes())?;
    file.write_all(&(BYTES_PER_SAMPLE as u16 * 8).to_le_bytes())?;
    file.write_all(b"data")?;
    file.write_all(&data_bytes.to_le_bytes())?;
    for sample in stereo {
        let level = (f64::from(sample.clamp(-1.0, 1.0)) * 8_388_607.0).round() as i32;
        file.write_all(&level.to_le_bytes()[..3])?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.flush()
}
