//! Photos as cameras and telephones write them, as far as anybody here reads them: small files around a JPEG that the test gives.

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

/// What is written of a raw file's own pixels: nobody reads them.
const SENSOR: [u8; 400] = [0x5a; 400];

/// A picture that tells how it is turned: red above left, green above right, blue below left, white below right. [`corners`] reads it.
#[must_use]
pub fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => Rgb([220, 10, 10]),
        (false, true) => Rgb([10, 220, 10]),
        (true, false) => Rgb([10, 10, 220]),
        (false, false) => Rgb([230, 230, 230]),
    })
}

/// Its four corners, as `rgbw`: above left, above right, below left, below right.
#[must_use]
pub fn corners(picture: &RgbImage) -> String {
    let (right, below) = (picture.width() - 3, picture.height() - 3);
    let name = |x, y| match picture.get_pixel(x, y).0.map(|value| value > 128) {
        [true, false, false] => 'r',
        [false, true, false] => 'g',
        [false, false, true] => 'b',
        _ => 'w',
    };
    [name(2, 2), name(right, 2), name(2, below), name(right, below)].iter().collect()
}

/// A JPEG of it. Panics where it has no pixels.
#[must_use]
pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 90)).expect("a picture with pixels");
    bytes
}

/// The JPEG with an Exif segment that says how it is turned, 1 to 8.
#[must_use]
pub fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let exif: &[u8] = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
    [&jpeg[..2], exif, &[orientation], &[0; 6], &jpeg[2..]].concat()
}

/// The JPEG with an Exif segment that says when it was taken, as `2026:05:30 14:03:22`.
#[must_use]
pub fn taken(jpeg: &[u8], at: &str) -> Vec<u8> {
    // A directory that leads to the one of the camera's settings, which holds this text alone.
    let exif = [
        &b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0"[..],
        b"\0\x01\x90\x03\0\x02\0\0\0\x14\0\0\0\x2c\0\0\0\0",
        at.as_bytes(),
        b"\0",
    ]
    .concat();
    let length = u16::try_from(exif.len() + 2).expect("a short segment").to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

/// A TIFF under way: what is put in says where it lies.
struct Tiff {
    bytes: Vec<u8>,
    is_big: bool,
}

/// A tag, the type of its values, how many there are, the value or where they lie.
type Entry = (u16, u16, u32, u32);

const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const ORIENTATION: u16 = 0x0112;

impl Tiff {
    /// Behind the mark stands where the first directory is: [`Tiff::end`] says.
    fn new(mark: &[u8], behind: &[u8]) -> Self {
        Self { bytes: [mark, &[0; 4], behind].concat(), is_big: mark.starts_with(b"M") }
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.is_big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.is_big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        let at = length(&self.bytes);
        self.bytes.extend(bytes);
        at
    }

    fn list(&mut self, values: &[u32]) -> u32 {
        let bytes: Vec<u8> = values.iter().flat_map(|value| self.u32(*value)).collect();
        self.put(&bytes)
    }

    fn directory(&mut self, entries: &[Entry], next: u32) -> u32 {
        let mut bytes = self.u16(u16::try_from(entries.len()).expect("a directory of some entries")).to_vec();
        for (tag, kind, count, value) in entries {
            bytes.extend(self.u16(*tag));
            bytes.extend(self.u16(*kind));
            bytes.extend(self.u32(*count));
            match *kind == SHORT && *count == 1 {
                true => bytes.extend([self.u16(u16::try_from(*value).expect("a short number")), [0; 2]].concat()),
                false => bytes.extend(self.u32(*value)),
            }
        }
        bytes.extend(self.u32(next));
        self.put(&bytes)
    }

    fn end(mut self, first: u32) -> Vec<u8> {
        let first = self.u32(first);
        self.bytes[4..8].copy_from_slice(&first);
        self.bytes
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a small file")
}

/// What a sensor gave, in two strips.
fn sensor(tiff: &mut Tiff) -> Vec<Entry> {
    let at = tiff.put(&SENSOR);
    let (offsets, lengths) = (tiff.list(&[at, at + 200]), tiff.list(&[200, 200]));
    vec![(0x0103, SHORT, 1, 1), (0x0106, SHORT, 1, 32_803), (0x0111, LONG, 2, offsets), (0x0117, LONG, 2, lengths)]
}

/// As Canon's: the JPEG is the strip of the first directory, a small one stands in the second.
#[must_use]
pub fn cr2(jpeg: &[u8], small: &[u8], orientation: u32) -> Vec<u8> {
    let mut tiff = Tiff::new(b"II*\0", b"CR\x02\0\0\0\0\0");
    let (large, little) = (tiff.put(jpeg), tiff.put(small));
    let sensor = sensor(&mut tiff);
    let third = tiff.directory(&sensor, 0);
    let second = tiff.directory(&[(0x0201, LONG, 1, little), (0x0202, LONG, 1, length(small))], third);
    let strip = [(0x0103, SHORT, 1, 6), (0x0111, LONG, 1, large), (ORIENTATION, SHORT, 1, orientation), (0x0117, LONG, 1, length(jpeg))];
    let first = tiff.directory(&strip, second);
    tiff.end(first)
}

/// As of many makers: the make in the first directory, further ones below it with the JPEG and with what the sensor gave. `more` stands
/// in the first, too.
#[must_use]
pub fn tiff(mark: &[u8], make: &str, jpeg: &[u8], orientation: u32, more: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    let mut tiff = Tiff::new(mark, b"");
    let (large, make) = (tiff.put(jpeg), (tiff.put(format!("{make}\0").as_bytes()), length(make.as_bytes()) + 1));
    let preview = tiff.directory(&[(0x0201, LONG, 1, large), (0x0202, LONG, 1, length(jpeg))], 0);
    let sensor = sensor(&mut tiff);
    let raw = tiff.directory(&sensor, 0);
    let below = tiff.list(&[preview, raw]);
    let entries = [(0x010f, ASCII, make.1, make.0), (ORIENTATION, SHORT, 1, orientation), (0x014a, LONG, 2, below)];
    let first = tiff.directory(&[&entries, more].concat(), 0);
    tiff.end(first)
}

/// The tag by which a DNG says that it is one.
pub const DNG: (u16, u16, u32, u32) = (0xc612, 1, 4, 0x0001_0401);

/// As Olympus': its preview is named in the camera's settings, in the maker's notes, counted from where those begin.
#[must_use]
pub fn orf(jpeg: &[u8], orientation: u32) -> Vec<u8> {
    let mut tiff = Tiff::new(b"IIRO", b"");
    let notes = tiff.put(b"OLYMPUS\0II\x03\0");
    // The directory of the notes has one entry, and behind it stand the settings, which have two.
    let settings = 12 + 2 + 12 + 4;
    let large = settings + 2 + 2 * 12 + 4;
    tiff.directory(&[(0x2020, 13, 1, settings)], 0);
    tiff.directory(&[(0x0101, LONG, 1, large), (0x0102, LONG, 1, length(jpeg))], 0);
    assert_eq!(tiff.put(jpeg), notes + large);
    let exif = tiff.directory(&[(0x927c, 7, 1000, notes)], 0);
    let first = tiff.directory(&[(ORIENTATION, SHORT, 1, orientation), (0x8769, LONG, 1, exif)], 0);
    tiff.end(first)
}

/// As Panasonic's: one tag holds the JPEG whole.
#[must_use]
pub fn rw2(jpeg: &[u8], orientation: u32) -> Vec<u8> {
    let mut tiff = Tiff::new(b"IIU\0", b"");
    let large = tiff.put(jpeg);
    let first = tiff.directory(&[(0x002e, 7, length(jpeg), large), (ORIENTATION, SHORT, 1, orientation)], 0);
    tiff.end(first)
}

/// As Fuji's: its head says where the JPEG lies.
#[must_use]
pub fn raf(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = [&b"FUJIFILMCCD-RAW 0201FF129502"[..], &[0; 100]].concat();
    for (at, value) in [(84, 128), (88, length(jpeg)), (100, 128 + length(jpeg)), (104, length(&SENSOR))] {
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    [&bytes, jpeg, &SENSOR[..]].concat()
}

/// A box of ISO base media.
#[must_use]
pub fn boxed(kind: &[u8; 4], held: &[&[u8]]) -> Vec<u8> {
    let held = held.concat();
    [&(length(&held) + 8).to_be_bytes()[..], kind, &held].concat()
}

/// As Canon's newer ones: the large JPEG is what the first track holds, a smaller one lies in a box of its own.
#[must_use]
pub fn cr3(jpeg: &[u8], small: &[u8], orientation: u32) -> Vec<u8> {
    const CANON: &[u8] = b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
    const PREVIEW: &[u8] = b"\xea\xf4\x2b\x5e\x1c\x98\x4b\x88\xb9\xfb\xb7\xdc\x40\x6e\x4d\x16";
    let kind = boxed(b"ftyp", &[b"crx ", &[0, 0, 0, 1], b"crx isom"]);
    let mut notes = Tiff::new(b"II*\0", b"");
    let first = notes.directory(&[(ORIENTATION, SHORT, 1, orientation)], 0);
    let notes = boxed(b"uuid", &[CANON, &boxed(b"CNCV", &[b"CanonCR3_001"]), &boxed(b"CMT1", &[&notes.end(first)])]);
    let track = |at: u64, size: u32| {
        let sizes = boxed(b"stsz", &[&[0; 4], &size.to_be_bytes(), &1_u32.to_be_bytes()]);
        let places = boxed(b"co64", &[&[0; 4], &1_u32.to_be_bytes(), &at.to_be_bytes()]);
        let table = boxed(b"stbl", &[&sizes, &places]);
        boxed(b"trak", &[&boxed(b"mdia", &[&boxed(b"minf", &[&table])])])
    };
    let preview = {
        let head = [&[0_u8; 4][..], &1_u16.to_be_bytes(), &[0; 4], &1_u16.to_be_bytes(), &length(small).to_be_bytes()].concat();
        boxed(b"uuid", &[PREVIEW, &[0; 8], &boxed(b"PRVW", &[&head, small])])
    };
    let index = |at: u64| boxed(b"moov", &[&notes, &track(at, length(jpeg)), &track(at + jpeg.len() as u64, length(&SENSOR))]);
    let before = (kind.len() + index(0).len() + preview.len() + 8) as u64;
    [kind, index(before), preview, boxed(b"mdat", &[jpeg, &SENSOR])].concat()
}

/// HEIC whose index is whole and whose picture is nothing: only a program that is told otherwise makes one of it.
#[must_use]
pub fn heic(width: u32, height: u32) -> Vec<u8> {
    let kind = boxed(b"ftyp", &[b"heic", &[0; 4], b"mif1heic"]);
    let one = boxed(b"infe", &[&[2, 0, 0, 0, 0, 1, 0, 0], b"hvc1\0"]);
    let size = boxed(b"ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()]);
    let properties = boxed(b"iprp", &[&boxed(b"ipco", &[&size]), &boxed(b"ipma", &[&[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0x81]])]);
    let meta =
        boxed(b"meta", &[&[0; 4], &boxed(b"pitm", &[&[0, 0, 0, 0, 0, 1]]), &boxed(b"iinf", &[&[0, 0, 0, 0, 0, 1], &one]), &properties]);
    [kind, meta, boxed(b"mdat", &[&SENSOR])].concat()
}
