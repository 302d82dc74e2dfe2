//! A look into the index of ISO base media before any decoder sees it: parts that lie about their length, tables that
//! claim more entries than they hold, and media that is said to lie in another file.

use super::refuse;
use rushes_core::{Code, Fault};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Boxes looked at in one index; films of many tracks have a few hundred, those in parts one for each part.
const MAX_BOXES: u32 = 200_000;
/// How deep boxes lie in one another; the deepest that is looked at is the seventh.
const MAX_DEPTH: u32 = 16;
/// Boxes that hold boxes, as far as the way to what is looked at.
const OUTER: &[&[u8; 4]] = &[b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"moof", b"traf", b"rmra", b"rmda", b"edts", b"mvex"];
/// Tables, and how many bytes an entry takes.
const TABLES: &[(&[u8; 4], u64)] = &[(b"stts", 8), (b"ctts", 8), (b"stss", 4), (b"stsc", 12), (b"stco", 4), (b"co64", 8)];

/// Looks at all boxes of a file. Errors: `file_corrupt`, `file_forbidden`, `file_too_large`, `io`.
pub(super) fn check_boxes(path: &Path, file: &mut File) -> Result<(), Fault> {
    let end = file.metadata().map_err(|error| Fault::io("inspect file", path, &error))?.len();
    Walk { path, file, seen: 0 }.level(0, end, 0)
}

struct Walk<'a> {
    path: &'a Path,
    file: &'a mut File,
    seen: u32,
}

impl Walk<'_> {
    /// The boxes from `at` to `end`.
    fn level(&mut self, mut at: u64, end: u64, depth: u32) -> Result<(), Fault> {
        while at + 8 <= end {
            self.seen += 1;
            if self.seen > MAX_BOXES {
                return Err(refuse(Code::FileTooLarge, self.path, format!("more than {MAX_BOXES} parts in its index")));
            }
            if depth > MAX_DEPTH {
                return self.corrupt(format!("more than {MAX_DEPTH} parts of its index in one another"));
            }
            let head: [u8; 8] = self.read(at)?;
            let kind = [head[4], head[5], head[6], head[7]];
            let (start, size) = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
                0 => (at + 8, end - at),
                1 if at + 16 <= end => (at + 16, u64::from_be_bytes(self.read(at + 8)?)),
                size => (at + 8, u64::from(size)),
            };
            let next = at.saturating_add(size);
            if next < start || next > end {
                // Outermost, the caller has counted what is missing; and four zeros end QuickTime's lists.
                let is_end = depth == 0 || kind == [0; 4];
                return if is_end { Ok(()) } else { self.corrupt(format!("its part {} is longer than what holds it", letters(kind))) };
            }
            self.look(kind, start, next, depth)?;
            at = next;
        }
        Ok(())
    }

    fn look(&mut self, kind: [u8; 4], start: u64, end: u64, depth: u32) -> Result<(), Fault> {
        let elsewhere = "it says that its media lies in another file, which is never opened";
        if OUTER.contains(&&kind) {
            return self.level(start, end, depth + 1);
        }
        if let Some((_, width)) = TABLES.iter().find(|(table, _)| **table == kind) {
            return self.table(kind, *width, start + 4, end);
        }
        match &kind {
            // Sizes of their own only where no one size is given for all.
            b"stsz" if end >= start + 12 && self.number(start + 4)? == 0 => self.table(kind, 4, start + 8, end),
            b"rdrf" => Err(refuse(Code::FileForbidden, self.path, elsewhere)),
            b"dref" => {
                let mut at = start + 8;
                while at + 12 <= end {
                    self.seen += 1;
                    let size = u64::from(self.number(at)?);
                    // The lowest flag says that the media is in this file.
                    if self.number(at + 8)? & 1 == 0 {
                        return Err(refuse(Code::FileForbidden, self.path, elsewhere));
                    }
                    at += size.max(12);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A count at `at`, entries behind it.
    fn table(&mut self, kind: [u8; 4], width: u64, at: u64, end: u64) -> Result<(), Fault> {
        if at + 4 > end {
            return self.corrupt(format!("its table {} is too short", letters(kind)));
        }
        let count = u64::from(self.number(at)?);
        if count * width > end - at - 4 {
            return self.corrupt(format!("its table {} claims {count} entries, which it has no room for", letters(kind)));
        }
        Ok(())
    }

    fn number(&mut self, at: u64) -> Result<u32, Fault> {
        self.read(at).map(u32::from_be_bytes)
    }

    fn read<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| Fault::io("inspect file", self.path, &error))?;
        Ok(bytes)
    }

    fn corrupt(&self, why: String) -> Result<(), Fault> {
        Err(refuse(Code::FileCorrupt, self.path, why))
    }
}

fn letters(kind: [u8; 4]) -> String {
    kind.escape_ascii().to_string()
}
