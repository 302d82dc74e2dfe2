//! How a file is handed to ffmpeg and ffprobe: with the protocols and demuxers that may be used, and by a name that
//! cannot be taken for an option, a protocol or a pattern.

use std::ffi::OsString;
use std::path::Path;

/// The demuxers that read what we accept. Left out on purpose: hls, concat, dash, image2 patterns, playlists, scripts
/// and everything else that opens further files.
const DEMUXERS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,wav,flac,mp3";

/// The arguments that name `path` as an input, `-i` included. Options for this input go before them.
#[must_use]
pub(crate) fn input_args(path: &Path) -> [OsString; 6] {
    let mut name = OsString::from("file:");
    name.push(path);
    ["-protocol_whitelist".into(), "file".into(), "-format_whitelist".into(), DEMUXERS.into(), "-i".into(), name]
}

/// Adds `options`, then `path` as input, to a list of arguments.
pub(crate) fn add_input(args: &mut Vec<OsString>, options: &[&str], path: &Path) {
    args.extend(options.iter().map(OsString::from));
    args.extend(input_args(path));
}
