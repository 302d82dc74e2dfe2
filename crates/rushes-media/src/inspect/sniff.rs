//! Tells formats apart by their first bytes, and whether their outermost parts are as long as they say. What is not
//! recognised here is never opened by a decoder.

use image::ImageFormat;
use rushes_core::formats::{self, Family};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Still(ImageFormat),
    /// What telephones and cameras write beside those.
    Photo(Family),
    Film(Container),
}

/// The containers of moving pictures and sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// ISO base media; `m4a` when there is no moving picture in it.
    Mp4,
    QuickTime,
    WebM,
    Matroska,
    Wav,
    Flac,
    Mp3,
}

impl Container {
    /// Mime type and extension, given whether a moving picture was found.
    pub(super) fn names(self, is_video: bool) -> (&'static str, &'static str) {
        match (self, is_video) {
            (Self::Mp4 | Self::QuickTime, false) => ("audio/mp4", "m4a"),
            (Self::Mp4, true) => ("video/mp4", "mp4"),
            (Self::QuickTime, true) => ("video/quicktime", "mov"),
            (Self::WebM, true) => ("video/webm", "webm"),
            (Self::WebM, false) => ("audio/webm", "webm"),
            (Self::Matroska, true) => ("video/x-matroska", "mkv"),
            (Self::Matroska, false) => ("audio/x-matroska", "mkv"),
            (Self::Wav, _) => ("audio/wav", "wav"),
            (Self::Flac, _) => ("audio/flac", "flac"),
            (Self::Mp3, _) => ("audio/mpeg", "mp3"),
        }
    }
}

/// Looks at a file's beginning.
pub(super) fn sniff(head: &[u8]) -> Option<Content> {
    let at = |offset: usize, wanted: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(wanted));
    let film = |container| Some(Content::Film(container));
    if at(0, b"\x89PNG\r\n\x1a\n") {
        return Some(Content::Still(ImageFormat::Png));
    }
    if at(0, b"\xff\xd8\xff") {
        return Some(Content::Still(ImageFormat::Jpeg));
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return Some(Content::Still(ImageFormat::WebP));
    }
    if at(0, b"RIFF") && at(8, b"WAVE") {
        return film(Container::Wav);
    }
    if at(0, b"fLaC") {
        return film(Container::Flac);
    }
    if at(0, b"\x1a\x45\xdf\xa3") {
        let is_webm = head.iter().take(64).copied().collect::<Vec<_>>().windows(4).any(|word| word == b"webm");
        return film(if is_webm { Container::WebM } else { Container::Matroska });
    }
    if let Some(family) = formats::sniff(head) {
        return Some(Content::Photo(family));
    }
    if at(4, b"ftyp") {
        return sniff_brand(head.get(8..12)?);
    }
    // QuickTime before brands, and files whose brand box was left out.
    if [b"moov", b"mdat", b"wide", b"free", b"skip"].iter().any(|kind| at(4, *kind)) {
        return film(Container::QuickTime);
    }
    let is_frame = head.len() >= 4 && head[0] == 0xff && head[1] & 0xe6 == 0xe2 && head[2] >> 4 != 0xf && head[2] & 0x0c != 0x0c;
    (at(0, b"ID3") || is_frame).then_some(Content::Film(Container::Mp3))
}

/// Stills of no camera come in the same wrapping; there is no decoder for them here.
fn sniff_brand(brand: &[u8]) -> Option<Content> {
    match brand {
        b"jp2 " => None,
        b"qt  " => Some(Content::Film(Container::QuickTime)),
        _ => Some(Content::Film(Container::Mp4)),
    }
}

/// How many of the bytes that the outermost boxes of ISO base media declare are not there.
pub(super) fn missing_boxes(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut at = 0;
    while at + 8 <= length {
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 16];
        let count = if at + 16 <= length { 16 } else { 8 };
        file.read_exact(&mut head[..count])?;
        let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let size = match short {
            // To the end of the file.
            0 => return Ok(0),
            1 => u64::from_be_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]),
            short => u64::from(short),
        };
        if size < 8 {
            // Not a box: the decoder is to say what is wrong.
            return Ok(0);
        }
        at = at.saturating_add(size);
    }
    Ok(at.saturating_sub(length))
}

/// How many of the bytes that a RIFF file declares are not there.
pub(super) fn missing_riff_bytes(file: &mut File) -> io::Result<u64> {
    let mut head = [0; 8];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut head)?;
    let declared = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    // Recorders that cannot go back leave the size at nothing or at its largest.
    let is_known = declared != 0 && declared != u32::MAX;
    Ok(if is_known { (u64::from(declared) + 8).saturating_sub(file.metadata()?.len()) } else { 0 })
}

/// What a WAV's sound chunk says of its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WavLength {
    /// All of it is there, or nothing is said of it that could be wrong.
    There,
    /// So many bytes are not there.
    Missing(u64),
    /// Left open by a recorder that could not go back.
    Open,
}

/// Walks the chunks of a WAV to its sound.
pub(super) fn wav_length(file: &mut File) -> io::Result<WavLength> {
    /// Chunks before the sound: a dozen in the fullest broadcast files.
    const MAX_CHUNKS: usize = 100;
    let length = file.metadata()?.len();
    let mut at = 12;
    for _ in 0..MAX_CHUNKS {
        if at + 8 > length {
            break;
        }
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let end = at + 8 + u64::from(size);
        if head.starts_with(b"data") {
            return Ok(match size {
                0 | u32::MAX => WavLength::Open,
                _ if end > length => WavLength::Missing(end - length),
                _ => WavLength::There,
            });
        }
        at = end + u64::from(size % 2);
    }
    Ok(WavLength::There)
}

/// How many of the bytes that a Matroska file's segment declares are not there. Nothing where it was recorded live.
pub(super) fn missing_segment_bytes(file: &mut File) -> io::Result<u64> {
    const SEGMENT: &[u8] = &[0x18, 0x53, 0x80, 0x67];
    let length = file.metadata()?.len();
    let mut head = Vec::with_capacity(4096);
    file.seek(SeekFrom::Start(0))?;
    file.take(4096).read_to_end(&mut head)?;
    // The header element first, then the segment, perhaps with padding between.
    let mut at = 0;
    while let Some(id_length) = head.get(at).map(|first| first.leading_zeros() as usize + 1).filter(|length| *length <= 4) {
        let is_segment = head[at..].starts_with(SEGMENT);
        let Some((size, size_length)) = head.get(at + id_length..).and_then(element_size) else { break };
        let start = at + id_length + size_length;
        match size {
            None => return Ok(0),
            Some(size) if is_segment => return Ok((start as u64).saturating_add(size).saturating_sub(length)),
            Some(size) => at = start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)),
        }
    }
    Ok(0)
}

/// An element's size, None when it is left open, and how many bytes say so.
fn element_size(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    let said = bytes.get(..length)?;
    let value = said.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let bits = 7 * u32::try_from(length).ok()?;
    let size = value & ((1 << bits) - 1);
    Some(((size != (1 << bits) - 1).then_some(size), length))
}
