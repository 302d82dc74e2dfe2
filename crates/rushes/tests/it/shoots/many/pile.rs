//! What is dropped: photos, what only looks like one, and whatever else lies on the cards of those who photograph.

use crate::support::library::{picture, write};
use crate::support::survivor::Dice;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};
use rushes_core::digest::digest;
use rushes_testkit::drawn::{Figure, photo};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Cursor, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::Mutex;

/// Names of every script, and such as programs stumble over; the same word composed and decomposed, and in two cases.
const NAMES: [&str; 38] = [
    "حفل زفاف.jpg",
    "חתונה.jpg",
    "婚礼.jpg",
    "विवाह.jpg",
    "พิธีแต่งงาน.jpg",
    "웨딩.jpg",
    "結婚式.jpg",
    "Γάμος.jpg",
    "свадьба.jpg",
    "💍👰🏽‍♀️🤵.jpg",
    "caf\u{e9}.jpg",
    "cafe\u{301}.jpg",
    "Z\u{30c}\u{323}alm.jpg",
    "-rf.jpg",
    "--help.jpg",
    "two\nlines.jpg",
    "tab\there.jpg",
    "it's \"quoted\".jpg",
    "100%.jpg",
    "100%25.jpg",
    "",
    "",
    "#1.jpg",
    "a+b.jpg",
    "a b .jpg",
    " begins.jpg",
    "Case.jpg",
    "case.jpg",
    "CASE.JPG",
    "back\\slash.jpg",
    "a:b|c?d*e<f>.jpg",
    "$(reboot).jpg",
    "`id`.jpg",
    "\u{202e}gpj.exe",
    "zero\u{200b}width.jpg",
    "no extension",
    "many.dots.in.it.jpg",
    "ends.",
];

/// What is to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Has its place, once for its bytes.
    Taken,
    /// Is set aside, with these words among the reasons.
    Refused(&'static str),
    /// Is none of ours.
    Passed,
}

/// A file that is dropped.
pub(super) struct Piece {
    /// Below the folder.
    pub(super) name: OsString,
    pub(super) bytes: Vec<u8>,
    pub(super) fate: Fate,
    /// Its second half comes after so many kills.
    half: Option<u64>,
}

impl Piece {
    pub(super) fn sha256(&self) -> String {
        digest(&self.bytes[..], "").unwrap().sha256
    }
}

/// All of it.
pub(super) struct Pile {
    pub(super) pieces: Vec<Piece>,
    /// Links, by name and what they lead to.
    links: Vec<(&'static str, &'static str)>,
    /// Begun, and to be written to their end after so many kills; some of them still open.
    begun: Mutex<Vec<(u64, usize, Option<File>)>>,
}

impl Pile {
    pub(super) fn make(count: usize, kills: u64, faces: Option<&Path>, dice: &mut Dice) -> Self {
        let bases = faces.map_or_else(drawn, portraits);
        let mut pieces: Vec<Piece> = Vec::new();
        for number in 0..count {
            let name = match NAMES.get(number) {
                Some(&"") => format!("{}.jpg", "x".repeat(251)),
                Some(name) => (*name).to_owned(),
                // The same names on every card.
                None => format!("card {}/DCIM/IMG_{:04}.jpg", number % 3, number / 3),
            };
            let name = if NAMES.get(number) == Some(&"") { name.replacen('x', ["a", "b"][number % 2], 1) } else { name };
            let (bytes, fate) = content(number, &bases, &pieces, dice);
            let half = (fate == Fate::Taken && number % 20 == 4).then(|| 1 + dice.below(kills.max(1)));
            pieces.push(Piece { name: name.into(), bytes, fate, half });
        }
        for large in 0..if count < 1_000 { 1 } else { 3 } {
            pieces.push(piece(
                &format!("large {large}.jpg"),
                photo(&[Figure::Clear(large), Figure::Clear(5)], 10_000, 10_000, 9),
                Fate::Taken,
            ));
        }
        pieces.extend(oddities(&bases[0]));
        let links =
            vec![("leads out.jpg", "/etc/hostname"), ("leads nowhere.jpg", "gone.jpg"), ("leads to another.jpg", "folder.jpg/inside.jpg")];
        let pile = Self { pieces, links, begun: Mutex::default() };
        assert_eq!(pile.names().len(), pile.pieces.len() + pile.links.len(), "each has a name of its own");
        pile
    }

    /// How many photos of different bytes there are.
    pub(super) fn good(&self) -> usize {
        self.hashes().len()
    }

    /// The hashes of what is to be taken.
    pub(super) fn hashes(&self) -> BTreeSet<String> {
        self.pieces.iter().filter(|piece| piece.fate == Fate::Taken).map(Piece::sha256).collect()
    }

    /// Everything that lies there in the end.
    pub(super) fn names(&self) -> BTreeSet<OsString> {
        self.pieces.iter().map(|piece| piece.name.clone()).chain(self.links.iter().map(|(name, _)| (*name).into())).collect()
    }

    /// As fast as the disk takes it.
    pub(super) fn drop_into(&self, folder: &Path) {
        for (name, to) in &self.links {
            std::os::unix::fs::symlink(to, folder.join(name)).unwrap();
        }
        for (index, piece) in self.pieces.iter().enumerate() {
            let path = folder.join(&piece.name);
            let Some(after) = piece.half else {
                write(&path, &piece.bytes);
                continue;
            };
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = File::create(&path).unwrap();
            file.write_all(&piece.bytes[..piece.bytes.len() / 2]).unwrap();
            // Some keep it open; some close it, and come again to go on with a copy that was cut.
            self.begun.lock().unwrap().push((after, index, (index % 40 < 20).then_some(file)));
        }
    }

    /// Writes to their end those whose time has come.
    pub(super) fn go_on(&self, folder: &Path, kills: u64) {
        for (_, index, file) in self.begun.lock().unwrap().extract_if(.., |(after, ..)| *after <= kills) {
            let Piece { name, bytes, .. } = &self.pieces[index];
            let mut file = file.unwrap_or_else(|| File::options().append(true).open(folder.join(name)).unwrap());
            file.write_all(&bytes[bytes.len() / 2..]).unwrap();
        }
    }
}

fn piece(name: &str, bytes: Vec<u8>, fate: Fate) -> Piece {
    Piece { name: name.into(), bytes, fate, half: None }
}

/// What is in the file of this number, and what is to become of it.
fn content(number: usize, bases: &[Vec<u8>], before: &[Piece], dice: &mut Dice) -> (Vec<u8>, Fate) {
    let own = numbered(&bases[number % bases.len()], number);
    match number % 20 {
        0 => (Vec::new(), Fate::Refused("0 bytes")),
        1 => (own[..own.len() * 3 / 5].to_vec(), Fate::Refused("end marker")),
        2 => (format!("no photo, but number {number}\n").into_bytes(), Fate::Refused("its content is none of")),
        3 => {
            let photos: Vec<&Piece> = before.iter().filter(|piece| piece.fate == Fate::Taken).collect();
            let same = photos.get(usize::try_from(dice.below(photos.len().max(1) as u64)).unwrap());
            (same.map_or(own, |same| same.bytes.clone()), Fate::Taken)
        }
        5 => (small(number, ImageFormat::WebP), Fate::Taken),
        6 => (picture(u32::try_from(number).unwrap()), Fate::Taken),
        7 if number % 40 == 7 => (bomb(own), Fate::Refused("pixels, of")),
        _ => (own, Fate::Taken),
    }
}

/// What lies on cards beside photos.
fn oddities(base: &[u8]) -> Vec<Piece> {
    let text = || b"a note of somebody's".to_vec();
    let none = Fate::Refused("its content is none of");
    let mut all = vec![
        piece("folder.jpg/inside.jpg", numbered(base, 900_001), Fate::Taken),
        // The reason of the first would be called as the second is.
        piece("reason.jpg", Vec::new(), Fate::Refused("0 bytes")),
        piece("reason.jpg.txt", text(), none),
        // One name where folders are not seen.
        piece("a/b.jpg", text(), none),
        piece("a_b.jpg", Vec::new(), Fate::Refused("0 bytes")),
        piece(".hidden.jpg", numbered(base, 900_002), Fate::Passed),
        piece("~$office.jpg", numbered(base, 900_003), Fate::Passed),
        piece("coming.jpg.part", base[..base.len() / 2].to_vec(), Fate::Passed),
        piece("Thumbs.db", text(), Fate::Passed),
    ];
    let no_text = OsString::from_vec(b"caf\xe9 \xff.jpg".to_vec());
    all.push(Piece { name: no_text, bytes: numbered(base, 900_004), fate: Fate::Refused("its name is no UTF-8"), half: None });
    all
}

/// Another file of the same photo: with a comment, as cameras write them.
fn numbered(jpeg: &[u8], number: usize) -> Vec<u8> {
    let note = format!("number {number}");
    let length = u16::try_from(note.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xfe], &length, note.as_bytes(), &jpeg[2..]].concat()
}

/// The same photo, which says that it is 65500 pixels wide and high.
fn bomb(mut jpeg: Vec<u8>) -> Vec<u8> {
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    for at in [frame + 5, frame + 7] {
        jpeg[at..at + 2].copy_from_slice(&65_500_u16.to_be_bytes());
    }
    jpeg
}

fn small(number: usize, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let [.., a, b, c] = number.to_be_bytes();
    RgbImage::from_pixel(40, 30, image::Rgb([a, b, c])).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Drawn figures; one of these photos as large as phones make them.
fn drawn() -> Vec<Vec<u8>> {
    let all = (0..24_u8).map(|seed| {
        let (one, other) = (Figure::Clear(usize::from(seed % 6)), Figure::Clear(usize::from(seed / 6 % 6)));
        let figures = [one, other];
        let (width, height) = if seed == 23 { (4_000, 3_000) } else { (640, 480) };
        photo(if one == other { &figures[..1] } else { &figures }, width, height, seed)
    });
    all.collect()
}

/// Photos of people, each as several programs would export it.
fn portraits(faces: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(faces).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "csv"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let opened = image::load_from_memory(&std::fs::read(&path).unwrap()).unwrap().into_rgb8();
        for quality in [80, 92] {
            let mut jpeg = Vec::new();
            JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(&opened).unwrap();
            all.push(jpeg);
        }
    }
    // Photos of nobody, too.
    all.extend([photo(&[], 640, 480, 1), photo(&[], 800, 600, 2)]);
    all
}
