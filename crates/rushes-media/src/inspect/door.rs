//! The first look: whether there is a regular file at all, of a size that can be read. Nothing else is ever opened: a pipe
//! would be waited for, a device has no end.

use super::limits::MAX_FILE_BYTES;
use super::refuse;
use rushes_core::{Code, Fault, Verdict};
use std::fs::{File, FileType, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Refuses what is not there, what is no regular file, what is empty and what is too long; opens nothing.
///
/// Errors: `file_missing`, `file_forbidden`, `file_empty`, `file_too_large`; `io` where it may not be looked at.
pub fn check_file(path: &Path) -> Result<(), Fault> {
    check(path, &std::fs::metadata(path).map_err(|error| unreachable_file(path, &error))?)
}

/// Opens a file after [`check_file`], and looks again at what was opened.
pub(super) fn open(path: &Path) -> Result<File, Fault> {
    check_file(path)?;
    // Not waited for, should a pipe have taken its place meanwhile.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(|error| unreachable_file(path, &error))?;
    check(path, &file.metadata().map_err(|error| unreachable_file(path, &error))?)?;
    Ok(file)
}

fn check(path: &Path, meta: &Metadata) -> Result<(), Fault> {
    if !meta.is_file() {
        return Err(refuse(Code::FileForbidden, path, format!("it is {}, no regular file", sort(meta.file_type()))));
    }
    match meta.len() {
        0 => Err(refuse(Code::FileEmpty, path, "0 bytes")),
        1..=MAX_FILE_BYTES => Ok(()),
        more => Err(refuse(Code::FileTooLarge, path, format!("{more} bytes, of {MAX_FILE_BYTES}"))),
    }
}

fn sort(found: FileType) -> &'static str {
    match found {
        _ if found.is_dir() => "a folder",
        _ if found.is_fifo() => "a named pipe",
        _ if found.is_socket() => "a socket",
        _ if found.is_block_device() || found.is_char_device() => "a device",
        _ => "something else",
    }
}

/// A path that leads nowhere is a missing file however it fails to; trying again would not help.
fn unreachable_file(path: &Path, error: &std::io::Error) -> Fault {
    // "Too many levels of symbolic links": the standard library has no stable name for it yet.
    let is_loop = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::InvalidFilename => refuse(Code::FileMissing, path, error),
        _ if is_loop => refuse(Code::FileMissing, path, error),
        ErrorKind::PermissionDenied => Fault::io("inspect file", path, error).verdict(Verdict::Permanent),
        _ => Fault::io("inspect file", path, error),
    }
}
