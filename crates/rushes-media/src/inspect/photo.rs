//! What telephones and cameras write beside JPEG, PNG and WebP: of a raw file its largest preview is decoded, of HEIC and AVIF what a
//! program makes of them.

use super::limits::{LARGE_PICTURE_BYTES, MAX_RAW_BYTES};
use super::still::{self, Decoded};
use super::{Content, alone, heif, open, refuse};
use image::metadata::Orientation;
use rushes_core::formats::{Family, Format, raw};
use rushes_core::inspect::MediaInfo;
use rushes_core::{Cancel, Code, Fault};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Says what a photo is after decoding it.
pub(super) fn inspect(path: &Path, file: File, family: Family, cancel: &Cancel) -> Result<MediaInfo, Fault> {
    let (format, decoded) = decode(path, file, family, cancel)?;
    Ok(decoded.info(format.mime(), format.extension()))
}

/// Decodes it, in bounded memory.
pub(super) fn decode(path: &Path, mut file: File, family: Family, cancel: &Cancel) -> Result<(Format, Decoded), Fault> {
    match family {
        Family::Heif(format) => {
            let index = heif::index(path, &mut file)?;
            let pixels = u64::from(index.width) * u64::from(index.height);
            let turn = (3 * pixels > LARGE_PICTURE_BYTES).then(|| alone(cancel)).transpose()?;
            let jpeg = heif::jpeg(path, format, &index, cancel)?;
            // What was noted of its turning is done.
            let decoded = still::decode_jpeg(path, jpeg, Some(Orientation::NoTransforms), turn, cancel)?;
            Ok((format, decoded))
        }
        Family::Raw => {
            let length = file.metadata().map_err(|error| Fault::io("inspect file", path, &error))?.len();
            if length > MAX_RAW_BYTES {
                return Err(refuse(Code::FileTooLarge, path, format!("{length} bytes of a raw file, of {MAX_RAW_BYTES}")));
            }
            let turn = (length > LARGE_PICTURE_BYTES).then(|| alone(cancel)).transpose()?;
            let (format, preview) = preview(path, file)?;
            let turned = preview.orientation.and_then(Orientation::from_exif);
            Ok((format, still::decode_jpeg(path, preview.jpeg, turned, turn, cancel)?))
        }
    }
}

/// What a raw file shows itself as. Errors: `file_truncated`; `file_forbidden` where it is none, or shows nothing.
fn preview(path: &Path, file: File) -> Result<(Format, raw::Preview), Fault> {
    let read = raw::read(&mut BufReader::new(file)).map_err(|error| Fault::io("inspect file", path, &error))?;
    let unknown =
        || refuse(Code::FileForbidden, path, "it is a TIFF, and no raw file of a camera that is known here; hand in a JPEG of it");
    let found = read.ok_or_else(unknown)?;
    let format = found.format.ok_or_else(unknown)?;
    if found.missing_bytes > 0 {
        let why = format!("it lacks {} of the bytes it declares", found.missing_bytes);
        return Err(refuse(Code::FileTruncated, path, why));
    }
    let none = || {
        refuse(Code::FileForbidden, path, format!("there is no whole JPEG preview in this {}; hand in a JPEG of it", format.extension()))
    };
    Ok((format, found.preview.ok_or_else(none)?))
}

/// How large its picture is, before it is turned, as far as it says.
pub(super) fn size(mut file: File, family: Family) -> Option<(u32, u32)> {
    match family {
        Family::Heif(_) => rushes_core::formats::heif::read(&mut BufReader::new(&mut file)).ok()?.map(|index| (index.width, index.height)),
        Family::Raw => raw::read(&mut BufReader::new(file)).ok()??.preview.map(|preview| (preview.width, preview.height)),
    }
}

/// A JPEG of HEIC or AVIF, upright, by a program that is installed here. It blocks; of large ones, whoever asks has waited by
/// [`super::alone_with`].
///
/// # Errors
/// The `file_…` codes, `decoder_missing`, `cancelled`, `time_limit`, `io`.
pub fn jpeg_of(path: &Path, cancel: &Cancel) -> Result<Vec<u8>, Fault> {
    match open(path)? {
        (mut file, Some(Content::Photo(Family::Heif(format)))) => {
            let index = heif::index(path, &mut file)?;
            heif::jpeg(path, format, &index, cancel)
        }
        _ => Err(refuse(Code::FileForbidden, path, "it is neither HEIC nor AVIF")),
    }
}

#[cfg(test)]
mod tests;
