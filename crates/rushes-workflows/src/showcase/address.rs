//! Where a page finds what it shows: at the address that the primary destination gives to others, else beside itself.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rushes_core::delivery::{Delivery, DeliveryState, Route, Routes};
use rushes_core::record::Listed;
use rushes_core::{Asset, Kind};

/// What no reader of an address takes for anything but itself; a `/` stays between names.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// An address that the page may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) url: String,
    /// Until when it opens, milliseconds since 1970; None: as long as the object is there.
    pub(super) until_ms: Option<i64>,
}

/// Where the page and what it shows go.
pub(super) struct Places<'a> {
    routes: &'a Routes,
    /// The primary destination of the page itself.
    own: Option<&'a Route>,
}

impl<'a> Places<'a> {
    pub(super) fn of(routes: &'a Routes) -> Self {
        Self { routes, own: routes.of(Kind::ShowcasePage, None).next() }
    }

    /// Where others find an asset; None for what is not proven at its primary destination, or cannot be reached from
    /// where the page is.
    pub(super) fn address(&self, (_, deliveries): &Listed) -> Option<Address> {
        let primary = self.routes.primary(deliveries).filter(|delivery| is_there(delivery))?;
        // Nothing else may stand in an attribute that a browser follows.
        let is_web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        if let Some(link) = primary.link.as_ref().filter(|link| is_web(&link.url)) {
            return Some(Address { url: link.url.clone(), until_ms: link.until_ms });
        }
        let own = self.own?;
        let beside = deliveries.iter().find(|delivery| delivery.destination == own.name && delivery.rendition.is_none())?;
        is_there(beside).then(|| Address { url: relative(&own.prefix, &beside.key), until_ms: None })
    }
}

fn is_there(delivery: &Delivery) -> bool {
    delivery.state == DeliveryState::Proven && delivery.uri.is_some()
}

/// A key as seen from the page, which lies in one folder below this prefix.
fn relative(prefix: &str, key: &str) -> String {
    // Delivered before the destination had this prefix, it is told from the very top.
    let (up, rest) = key.strip_prefix(prefix).map_or_else(|| (prefix.matches('/').count() + 1, key), |rest| (1, rest));
    format!("{}{}", "../".repeat(up), utf8_percent_encode(rest, PLAIN))
}

/// The name of a place on the page: the same in its `id` and behind a `#`.
pub(super) fn anchor(subject: &str) -> String {
    // A name is neither decoded nor encoded on its way there: a % in it would be.
    utf8_percent_encode(subject, PLAIN).to_string().replace('%', ".").replace('/', ".2F")
}

/// The path of a film's poster, without extension.
pub(super) fn poster_of(film: &Asset) -> String {
    format!("{}_poster", film.reference().stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn showcase_keys_are_addresses_from_where_the_page_is() {
        assert_eq!(relative("", "dances/a b.mp4"), "../dances/a%20b.mp4");
        assert_eq!(
            relative("", "r/[kpop] #1 100%?&\"'<é🎬>.mp4"),
            "../r/%5Bkpop%5D%20%231%20100%25%3F%26%22%27%3C%C3%A9%F0%9F%8E%AC%3E.mp4"
        );
        assert_eq!(relative("base/set/", "base/set/dances/a.mp4"), "../dances/a.mp4");
        assert_eq!(relative("base/set/", "dances/a.mp4"), "../../../dances/a.mp4", "from before the prefix");
        // What looks like a scheme or a host stays a name.
        assert_eq!(relative("", "javascript:alert(1)"), "../javascript%3Aalert%281%29");
        // Composed and decomposed are two keys.
        assert_ne!(relative("", "e\u{301}"), relative("", "\u{e9}"));
    }

    #[test]
    fn showcase_anchors_are_names_without_spaces_and_percents() {
        assert_eq!(anchor("mira_1770337530"), "mira_1770337530");
        assert_eq!(anchor("Mira \"K\"/ü"), "Mira.20.22K.22.2F.C3.BC");
    }
}
