//! Style, script and signs, inside the program. Their address carries the hash of all of them, so that browsers keep
//! them for good and a new program is seen at once.

use super::read::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use std::sync::OnceLock;

/// Name, media type, bytes.
const FILES: &[(&str, &str, &[u8])] = &[
    ("rushes.css", "text/css; charset=utf-8", include_bytes!("../../ui/files/rushes.css")),
    ("rushes.js", "text/javascript; charset=utf-8", include_bytes!("../../ui/files/rushes.js")),
    ("guest.css", "text/css; charset=utf-8", include_bytes!("../../ui/files/guest.css")),
    ("guest.js", "text/javascript; charset=utf-8", include_bytes!("../../ui/files/guest.js")),
    ("slideshow.css", "text/css; charset=utf-8", include_bytes!("../../ui/files/slideshow.css")),
    ("slideshow.js", "text/javascript; charset=utf-8", include_bytes!("../../ui/files/slideshow.js")),
    ("icons.svg", "image/svg+xml", include_bytes!("../../ui/files/icons.svg")),
    ("holes.svg", "image/svg+xml", include_bytes!("../../ui/files/holes.svg")),
    ("mark.svg", "image/svg+xml", include_bytes!("../../ui/files/mark.svg")),
];

/// What browsers may keep for good.
pub(super) const FOR_GOOD: &str = "public, max-age=31536000, immutable";

fn hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let all: Vec<&[u8]> = FILES.iter().map(|(_, _, bytes)| *bytes).collect();
        rushes_core::flow::hash(&all)[..12].to_owned()
    })
}

/// The address of one of them.
pub(super) fn at(name: &str) -> String {
    format!("/ui/files/{}/{name}", hash())
}

/// Answers with one of them. An older page's address gives the new file, which is not kept.
pub(super) async fn file(Path((asked, name)): Path<(String, String)>) -> Response {
    let Some((_, mime, bytes)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let keep = if asked == hash() { FOR_GOOD } else { "no-store" };
    ([(CONTENT_TYPE, *mime), (CACHE_CONTROL, keep), (X_CONTENT_TYPE_OPTIONS, "nosniff")], *bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_weigh_little() {
        // Those of guests and of the slideshow are on pages of their own.
        let is_apart = |name: &str| name.starts_with("guest") || name.starts_with("slideshow");
        let total: usize = FILES.iter().filter(|(name, ..)| !is_apart(name)).map(|(_, _, bytes)| bytes.len()).sum();
        assert!(total < 64 * 1024, "{total} bytes of a page's 100 KB are for its facts, too");
    }

    #[test]
    fn files_lead_nowhere_else() {
        for (name, mime, bytes) in FILES {
            let text = String::from_utf8_lossy(bytes).replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("//cdn"), "{name} ({mime})");
        }
    }

    #[test]
    fn files_hold_every_sign_that_pages_name() {
        let icons = include_str!("../../ui/files/icons.svg");
        let script = include_str!("../../ui/files/rushes.js");
        for name in script.split("icon('").skip(1).filter_map(|rest| rest.split('\'').next()) {
            assert!(icons.contains(&format!("id=\"{name}\"")), "{name}");
        }
    }
}
