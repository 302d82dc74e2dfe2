//! Files that break media programs, made in code, each with the verdict it must get.
//!
//! Truncated and damaged ones, types that are never opened, scripts and containers that name another file, floods of
//! pixels, streams, frames and hours, lying headers, things that are no files at all; and good but unusual ones, which
//! must be taken. Where a real encoded file is the starting point, ffmpeg makes it; the damage is done here.
//!
//! What does not live here: the tests that hand them in.

mod boxes;
mod films;
mod floods;
mod pictures;
mod samples;
mod scripts;
mod sounds;
mod specials;

pub(crate) use pictures::{chunk_list, header};
use rushes_core::Code;
use samples::Samples;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What must be said of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It is refused with this code.
    Refused(Code),
    /// It is taken, and this is said of it.
    Taken(Said),
}

/// What is said of a file that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// By content.
    pub mime: &'static str,
    /// Pixels as shown, rotation applied; None for sound.
    pub size: Option<(u32, u32)>,
    /// Milliseconds, within 120; None for pictures.
    pub duration_ms: Option<u64>,
    /// Whether there is sound.
    pub has_audio: bool,
}

/// One file and its verdict.
#[derive(Debug, Clone)]
pub struct BadFile {
    /// Its file name, unique in the table.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it, or unusual.
    pub why: &'static str,
    /// The verdict it must get.
    pub expected: Expected,
}

impl BadFile {
    /// Whether it may become a reference to dance on: taken, and a moving picture.
    #[must_use]
    pub fn is_film(&self) -> bool {
        matches!(&self.expected, Expected::Taken(said) if said.mime.starts_with("video/"))
    }
}

/// All of them.
#[derive(Debug)]
pub struct BadFiles {
    /// In the order they were made.
    pub files: Vec<BadFile>,
    /// The words in the file that scripts and containers of this table point to; they may appear nowhere else.
    pub canary: String,
}

impl BadFiles {
    /// The file of that name. Panics when the table has none.
    #[must_use]
    pub fn get(&self, name: &str) -> &BadFile {
        self.files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("the table has no {name}"))
    }
}

/// Makes every file in `folder`, which must be empty. Needs ffmpeg; takes a few seconds and a few megabytes.
///
/// Panics where a file cannot be made.
#[must_use]
pub fn make_bad_files(folder: &Path) -> BadFiles {
    let mut maker = Maker::new(folder);
    let samples = Samples::make(&folder.join("samples"));
    scripts::add(&mut maker, &samples);
    films::add(&mut maker, &samples);
    sounds::add(&mut maker, &samples);
    pictures::add(&mut maker, &samples);
    floods::add(&mut maker, &samples);
    specials::add(&mut maker, &samples);
    BadFiles { files: maker.files, canary: maker.canary }
}

/// Writes files and keeps the table.
struct Maker {
    folder: PathBuf,
    files: Vec<BadFile>,
    canary: String,
    /// The file that holds the canary.
    canary_file: PathBuf,
}

impl Maker {
    fn new(folder: &Path) -> Self {
        let folder = std::path::absolute(folder).expect("an absolute folder");
        // In two halves, so that no source file holds the whole word.
        let canary = format!("canary-{}-that-nobody-may-read", std::process::id());
        let canary_file = folder.join("secret.txt");
        write(&canary_file, format!("{canary}\n").repeat(40).as_bytes());
        Self { folder, files: Vec::new(), canary, canary_file }
    }

    /// The address of the canary.
    fn canary_url(&self) -> String {
        format!("file://{}", self.canary_file.display())
    }

    fn refuse(&mut self, name: &str, code: Code, why: &'static str, bytes: &[u8]) {
        let path = write(&self.folder.join(name), bytes);
        self.list(name, path, why, Expected::Refused(code));
    }

    fn take(&mut self, name: &str, said: Said, why: &'static str, bytes: &[u8]) {
        let path = write(&self.folder.join(name), bytes);
        self.list(name, path, why, Expected::Taken(said));
    }

    fn list(&mut self, name: &str, path: PathBuf, why: &'static str, expected: Expected) {
        assert!(self.files.iter().all(|file| file.name != name), "{name} is in the table twice");
        self.files.push(BadFile { name: name.to_owned(), path, why, expected });
    }
}

/// A film of the samples' size and length.
fn film(mime: &'static str) -> Said {
    Said { mime, size: Some((samples::WIDTH, samples::HEIGHT)), duration_ms: Some(samples::LENGTH_MS), has_audio: true }
}

/// A sound of the samples' length.
fn sound(mime: &'static str) -> Said {
    Said { mime, size: None, duration_ms: Some(samples::LENGTH_MS), has_audio: true }
}

/// A picture.
fn picture(mime: &'static str, width: u32, height: u32) -> Said {
    Said { mime, size: Some((width, height)), duration_ms: None, has_audio: false }
}

fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    std::fs::File::create(path).and_then(|mut file| file.write_all(bytes)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    path.to_owned()
}

/// The first `percent` of some bytes.
fn cut(bytes: &[u8], percent: usize) -> &[u8] {
    &bytes[..bytes.len() * percent / 100]
}

/// So many bytes turned over, spread between two hundredths of the whole.
fn flip(bytes: &[u8], count: usize, from: usize, to: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    let (from, to) = (bytes.len() * from / 100, bytes.len() * to / 100);
    for index in 0..count {
        flipped[from + index * (to - from) / count] ^= 0xff;
    }
    flipped
}

/// Where a word first stands.
fn find(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).position(|window| window == word).unwrap_or_else(|| panic!("no {word:02x?} in the sample"))
}

/// Bytes that look like nothing: the same on every run.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
}
