//! The bytes of an asset, whole or in part. What a browser would run is never shown, only handed over.

use super::app::App;
use super::assets::id_of;
use super::problem::Problem;
use super::read::{Path, Query};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rushes_core::{Asset, Code, Fault};
use rushes_engine::fetch::fetch;
use rushes_engine::pins::Pinned;
use serde::Deserialize;
use std::ops::Range;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use utoipa::IntoParams;

/// Read and sent in one piece.
const PIECE_BYTES: usize = 64 * 1024;
/// What may stand in `filename*` as it is (RFC 8187).
const NAME_PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How to show it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ContentQuery {
    /// To be kept as a file rather than shown.
    #[serde(default)]
    download: bool,
}

/// What of a file was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// Beyond its end.
    Nothing,
}

/// What a `Range` asks for. One range is given; several, and what cannot be read, is the whole (RFC 9110, 14.2).
fn wanted(range: Option<&str>, size: u64) -> Wanted {
    let spec = range.and_then(|range| range.trim().strip_prefix("bytes=")).map(str::trim);
    let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else { return Wanted::Whole };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return Wanted::Whole;
    }
    // More digits than a number has are beyond every end.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    match (first.is_empty(), last.is_empty()) {
        (true, true) => Wanted::Whole,
        (true, false) if number(last) == 0 => Wanted::Nothing,
        (true, false) => Wanted::Part(size.saturating_sub(number(last))..size),
        (false, _) if number(first) >= size => Wanted::Nothing,
        (false, true) => Wanted::Part(number(first)..size),
        (false, false) if number(last) < number(first) => Wanted::Whole,
        (false, false) => Wanted::Part(number(first)..number(last).saturating_add(1).min(size)),
    }
}

/// Whether one of the tags listed is this one (weak comparison), or any will do.
fn names(list: Option<&HeaderValue>, tag: &str) -> bool {
    let listed = list.and_then(|value| value.to_str().ok()).unwrap_or_default();
    listed.split(',').map(|one| one.trim()).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// How the bytes are handed over, under the last part of their path.
fn disposition(path: &str, mime: &str, download: bool) -> String {
    let is_media = ["image/", "video/", "audio/"].iter().any(|sort| mime.starts_with(sort)) && !mime.contains("svg");
    let how = if is_media && !download { "inline" } else { "attachment" };
    let name = path.rsplit('/').next().unwrap_or("file");
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, NAME_PLAIN))
}

/// The bytes of an asset. They never change, so the `ETag` is their hash. Bytes that are no longer on this machine are
/// fetched back from a destination first.
#[utoipa::path(get, path = "/api/v1/assets/{id}/content", tag = "assets",
    params(("id" = String, Path, description = "Its id"), ContentQuery,
        ("Range" = Option<String>, Header, description = "`bytes=0-1023`; several ranges are answered with the whole"),
        ("If-Range" = Option<String>, Header, description = "The range only where this is the `ETag`"),
        ("If-None-Match" = Option<String>, Header, description = "304 where this is the `ETag`")),
    responses((status = 200, description = "The whole", content_type = "*/*"),
        (status = 206, description = "The range", content_type = "*/*"), (status = 304, description = "It is what you have")))]
pub(super) async fn content(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<ContentQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    of(&app, &app.parts().store.asset(id_of(&id)?).await?, &headers, query.download).await
}

/// The bytes of this asset, as the headers ask for them.
pub(crate) async fn of(app: &App, asset: &Asset, headers: &HeaderMap, download: bool) -> Result<Response, Problem> {
    let (size, tag) = (asset.blob.size_bytes, format!("\"{}\"", asset.blob.sha256));
    let header = |text: &str| HeaderValue::from_str(text).map_err(|e| Problem::new(Code::Unexpected, "answer content", e));
    let mut told = HeaderMap::new();
    told.insert(ETAG, header(&tag)?);
    // Whoever may read it may keep it; it is never another.
    told.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    if names(headers.get(IF_NONE_MATCH), &tag) {
        return Ok((StatusCode::NOT_MODIFIED, told).into_response());
    }
    told.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    told.insert(CONTENT_TYPE, header(&asset.blob.mime)?);
    let disposition = disposition(&asset.path, &asset.blob.mime, download);
    // Even a browser that shows what it was told to keep runs nothing of it in our name.
    if disposition.starts_with("attachment") {
        told.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    }
    told.insert(CONTENT_DISPOSITION, header(&disposition)?);
    told.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let is_current = headers.get(IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes());
    let range = headers.get(RANGE).filter(|_| is_current).and_then(|value| value.to_str().ok());
    let (status, part) = match wanted(range, size) {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Nothing => {
            let mut refused = Problem::new(Code::RangeInvalid, "answer content", format!("it has {size} bytes")).into_response();
            refused.headers_mut().insert(CONTENT_RANGE, header(&format!("bytes */{size}"))?);
            return Ok(refused);
        }
    };
    if status == StatusCode::PARTIAL_CONTENT {
        told.insert(CONTENT_RANGE, header(&format!("bytes {}-{}/{size}", part.start, part.end - 1))?);
    }
    told.insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    let (path, pin) = fetch(app.parts(), &asset.blob).await?;
    let open = async {
        let mut file = File::open(&path).await?;
        file.seek(std::io::SeekFrom::Start(part.start)).await?;
        Ok::<_, std::io::Error>(file)
    };
    let file = open.await.map_err(|e| Fault::io("open blob", &path, &e))?;
    let pieces = stream::try_unfold((file, part.end - part.start, pin), piece);
    Ok((status, told, Body::from_stream(pieces)).into_response())
}

/// The next piece. The bytes stay on this machine as long as somebody reads.
async fn piece((mut file, left, pin): (File, u64, Pinned)) -> std::io::Result<Option<(Bytes, (File, u64, Pinned))>> {
    if left == 0 {
        return Ok(None);
    }
    let room = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
    let mut piece = BytesMut::with_capacity(room);
    let mut ahead = (&mut file).take(room as u64);
    while piece.len() < room {
        if ahead.read_buf(&mut piece).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some((piece.freeze(), (file, left - room as u64, pin))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_strictly() {
        let of = |range: &str| wanted(Some(range), 100);
        assert_eq!(of("bytes=0-9"), Wanted::Part(0..10));
        assert_eq!(of("bytes= 90-"), Wanted::Part(90..100));
        assert_eq!(of("bytes=-1"), Wanted::Part(99..100));
        assert_eq!(of("bytes=-1000"), Wanted::Part(0..100));
        assert_eq!(of("bytes=99-99999999999999999999999999"), Wanted::Part(99..100));
        for beyond in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999999-"] {
            assert_eq!(of(beyond), Wanted::Nothing, "{beyond}");
        }
        for whole in
            ["", "bytes", "bytes=", "bytes=-", "bytes=9-0", "bytes=0-1,5-6", "bytes=+1-2", "bytes=0x1-2", "items=0-1", "bytes=1--2"]
        {
            assert_eq!(of(whole), Wanted::Whole, "{whole}");
        }
        assert_eq!(wanted(None, 100), Wanted::Whole);
    }

    #[test]
    fn content_names_can_break_no_header_and_scripts_are_never_shown() {
        let it = disposition("a/b/we\"ird\r\nX: y ü.png", "image/png", false);
        assert_eq!(it, "inline; filename=\"we_ird__X__y__.png\"; filename*=UTF-8''we%22ird%0D%0AX%3A%20y%20%C3%BC.png");
        assert!(disposition("x.html", "text/html", false).starts_with("attachment"));
        assert!(disposition("x.svg", "image/svg+xml", false).starts_with("attachment"));
        assert!(disposition("x.mp4", "video/mp4", true).starts_with("attachment"));
    }

    #[test]
    fn content_tags_are_compared_in_lists() {
        let names_it = |list: &str| names(Some(&HeaderValue::from_str(list).unwrap()), "\"abc\"");
        assert!(names_it("\"abc\"") && names_it("\"x\", W/\"abc\"") && names_it("*"));
        assert!(!names_it("abc") && !names_it("\"ab\"") && !names(None, "\"abc\""));
    }
}
