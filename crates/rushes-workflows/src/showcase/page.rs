//! Draws the page: one file that asks nobody for anything but the media it shows. What records say is escaped by the
//! template; and nothing but its own style and script would run, whatever came through.

use super::address::anchor;
use super::failed;
use super::gather::{Gallery, NAME_MAX, Person, plain};
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rushes_core::Fault;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("../../templates/showcase.css");
const SCRIPT: &str = include_str!("../../templates/showcase.js");

#[derive(Template)]
#[template(path = "showcase.html")]
struct Page<'a> {
    title: String,
    gallery: &'a Gallery,
    /// As people read it, and as programs do.
    until: Option<(String, String)>,
    style: &'a str,
    script: &'a str,
    style_hash: String,
    script_hash: String,
}

impl Page<'_> {
    #[expect(clippy::unused_self, reason = "templates call methods of their page")]
    fn id(&self, person: &Person) -> String {
        anchor(&person.id)
    }

    fn counts(&self) -> String {
        let count = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        format!("{} · {}", count(self.gallery.people.len(), "character"), count(self.gallery.films(), "film"))
    }
}

/// The page as HTML; equal galleries give equal bytes. Errors: `unexpected`.
pub(super) fn draw(title: &str, gallery: &Gallery) -> Result<String, Fault> {
    let hash = |text: &str| format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())));
    // `2026-11-29T12:00:00.000Z`, to the minute.
    let until = gallery.until().map(|until| (format!("{} {} UTC", &until[..10], &until[11..16]), until));
    let page = Page {
        title: plain(title, NAME_MAX),
        gallery,
        until,
        style: STYLE,
        script: SCRIPT,
        style_hash: hash(STYLE),
        script_hash: hash(SCRIPT),
    };
    page.render().map_err(|error| failed(&error))
}
