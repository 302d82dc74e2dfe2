//! Films as services fetch and look at them: over HTTP, an mp4 whose index says how long it lasts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The longest film read.
const FILM_MAX_BYTES: u64 = 300_000_000;

/// What is at an address; None where it cannot be fetched whole. Blocks.
pub(crate) fn fetch(url: &str) -> Option<Vec<u8>> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/')?;
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let head = format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: facebookexternalhit/1.1\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(FILM_MAX_BYTES).read_to_end(&mut answer).ok()?;
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..split]).to_ascii_lowercase();
    let body = answer.split_off(split + 4);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let is_whole = length.is_none_or(|length| length == body.len());
    (head.split(' ').nth(1) == Some("200") && is_whole).then_some(body)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// What is inside the first box of this type.
fn inside<'a>(mut rest: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    while rest.len() >= 8 {
        let (head, size) = match u32_at(rest, 0)? {
            1 => (16, usize::try_from(u64_at(rest, 8)?).ok()?),
            0 => (8, rest.len()),
            size => (8, usize::try_from(size).ok()?),
        };
        let whole = rest.get(..size).filter(|whole| whole.len() >= head)?;
        if &whole[4..8] == wanted {
            return Some(&whole[head..]);
        }
        rest = &rest[size..];
    }
    None
}

/// How long an mp4 says it lasts; None for what is none.
pub(crate) fn duration_ms(film: &[u8]) -> Option<u64> {
    inside(film, b"ftyp")?;
    let header = inside(inside(film, b"moov")?, b"mvhd")?;
    let (scale, length) = match header.first()? {
        0 => (u32_at(header, 12)?, u32_at(header, 16)?),
        _ => (u32_at(header, 20)?, u64_at(header, 24)?),
    };
    (length * 1_000).checked_div(scale)
}

/// An mp4 of nothing but its index, which says that it lasts so long.
#[must_use]
pub fn film_of_ms(lasts_ms: u32) -> Vec<u8> {
    let boxed = |name: &[u8; 4], inside: &[u8]| {
        let size = u32::try_from(inside.len() + 8).expect("a small box");
        [&size.to_be_bytes(), &name[..], inside].concat()
    };
    let mut header = vec![0; 100];
    header[12..16].copy_from_slice(&1_000_u32.to_be_bytes());
    header[16..20].copy_from_slice(&lasts_ms.to_be_bytes());
    let index = boxed(b"moov", &boxed(b"mvhd", &header));
    [boxed(b"ftyp", b"isom\0\0\x02\0isom"), index, boxed(b"mdat", &[0; 64])].concat()
}
