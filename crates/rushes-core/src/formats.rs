//! What telephones and cameras write beside JPEG, PNG and WebP: told by content, never by name, and what a file's index says of its
//! picture. Whatever a file says of itself is bounded.
//!
//! What does not live here: decoding a pixel.

mod boxes;
pub mod heif;
pub mod jpeg;
pub mod raw;

/// A format of photos that no browser shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the formats' own")]
pub enum Format {
    Heic,
    /// The same wrapping, for what is neither HEVC nor AV1 by its brands.
    Heif,
    Avif,
    Arw,
    Cr2,
    Cr3,
    Dng,
    Nef,
    Orf,
    Pef,
    Raf,
    Rw2,
    Srw,
}

impl Format {
    const ALL: [Self; 13] = [
        Self::Heic,
        Self::Heif,
        Self::Avif,
        Self::Arw,
        Self::Cr2,
        Self::Cr3,
        Self::Dng,
        Self::Nef,
        Self::Orf,
        Self::Pef,
        Self::Raf,
        Self::Rw2,
        Self::Srw,
    ];

    /// What a blob says it is.
    #[must_use]
    pub(crate) fn of_mime(mime: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.mime() == mime)
    }

    /// As its blob says.
    #[must_use]
    pub fn mime(self) -> &'static str {
        self.names().0
    }

    /// Without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Heic => ("image/heic", "heic"),
            Self::Heif => ("image/heif", "heif"),
            Self::Avif => ("image/avif", "avif"),
            Self::Arw => ("image/x-sony-arw", "arw"),
            Self::Cr2 => ("image/x-canon-cr2", "cr2"),
            Self::Cr3 => ("image/x-canon-cr3", "cr3"),
            Self::Dng => ("image/x-adobe-dng", "dng"),
            Self::Nef => ("image/x-nikon-nef", "nef"),
            Self::Orf => ("image/x-olympus-orf", "orf"),
            Self::Pef => ("image/x-pentax-pef", "pef"),
            Self::Raf => ("image/x-fuji-raf", "raf"),
            Self::Rw2 => ("image/x-panasonic-rw2", "rw2"),
            Self::Srw => ("image/x-samsung-srw", "srw"),
        }
    }
}

/// What has to be done to see a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A program decodes it; [`heif::read`] says what it is to find.
    Heif(Format),
    /// A JPEG lies in it, which [`raw::read`] finds. A TIFF may be a camera's raw file or not.
    Raw,
}

/// By the first bytes of a file: 64 are enough.
#[must_use]
pub fn sniff(head: &[u8]) -> Option<Family> {
    if head.get(4..8) == Some(b"ftyp") {
        return sniff_brands(head);
    }
    raw::is_raw(head).then_some(Family::Raw)
}

fn sniff_brands(head: &[u8]) -> Option<Family> {
    const HEVC: [&[u8]; 6] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"];
    const AV1: [&[u8]; 2] = [b"avif", b"avis"];
    const ANY: [&[u8]; 2] = [b"mif1", b"msf1"];
    let length = usize::try_from(u32::from_be_bytes(*head.first_chunk()?)).ok()?;
    let brand = head.get(8..12)?;
    // The minor version stands between the brand and those it is compatible with.
    let others = head.get(16..length.min(head.len())).unwrap_or_default();
    let says = |brands: &[&[u8]]| others.chunks_exact(4).any(|other| brands.contains(&other));
    match brand {
        b"crx " => Some(Family::Raw),
        _ if HEVC.contains(&brand) => Some(Family::Heif(Format::Heic)),
        _ if AV1.contains(&brand) => Some(Family::Heif(Format::Avif)),
        _ if !ANY.contains(&brand) => None,
        _ if says(&AV1) => Some(Family::Heif(Format::Avif)),
        _ if says(&HEVC) => Some(Family::Heif(Format::Heic)),
        _ => Some(Family::Heif(Format::Heif)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let head = |brand: &[u8], others: &[u8]| [&24_u32.to_be_bytes()[..], b"ftyp", brand, &[0; 4], others].concat();
        for (bytes, expected) in [
            (head(b"heic", b"mif1heic"), Some(Family::Heif(Format::Heic))),
            (head(b"mif1", b"mif1heic"), Some(Family::Heif(Format::Heic))),
            (head(b"mif1", b"miafavif"), Some(Family::Heif(Format::Avif))),
            (head(b"mif1", b"miafjpeg"), Some(Family::Heif(Format::Heif))),
            (head(b"avif", b""), Some(Family::Heif(Format::Avif))),
            (head(b"crx ", b"isom"), Some(Family::Raw)),
            (head(b"isom", b"mp42heic"), None),
            (b"MM\0*\0\0\0\x08".to_vec(), Some(Family::Raw)),
            (b"FUJIFILMCCD-RAW 0201".to_vec(), Some(Family::Raw)),
            (b"\xff\xd8\xff".to_vec(), None),
            (b"\0\0\0\x18ftyphe".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(sniff(&bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
