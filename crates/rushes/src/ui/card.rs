//! One picture, film or piece of sound on the light table: what stands in strips and on walls.

use super::shelf::Colours;
use super::words::{self, Icon, State};
use crate::http::App;
use askama::Template;
use askama::filters::HtmlSafe;
use rushes_core::delivery::Delivery;
use rushes_core::record::Listed;
use rushes_core::{Asset, Kind};
use std::collections::BTreeMap;

/// What is shown of one asset.
#[derive(Template)]
#[template(path = "card.html")]
pub(super) struct Card {
    /// The asset's id.
    pub(super) id: String,
    /// Of what kind and set.
    pub(super) name: String,
    /// Whose, where that is not plain from the place.
    pub(super) owner: Option<String>,
    pub(super) mime: String,
    /// Where its small picture is: its own, or its poster's.
    pub(super) thumb: Option<String>,
    /// What stands there until the picture does.
    pub(super) colours: Option<Colours>,
    /// As `0:10`.
    pub(super) length: Option<String>,
    pub(super) state: State,
    /// Stickers are shown whole, others fill their frame.
    pub(super) is_whole: bool,
}

impl HtmlSafe for Card {}

impl Card {
    pub(super) fn is_film(&self) -> bool {
        self.mime.starts_with("video/")
    }

    pub(super) fn is_sound(&self) -> bool {
        self.mime.starts_with("audio/")
    }

    /// Where its bytes are.
    pub(super) fn content(&self) -> String {
        content(&self.id)
    }

    pub(super) fn icon(&self, name: &'static str) -> Icon {
        Icon(name)
    }

    /// What is said of it where it stands alone.
    pub(super) fn title(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{owner}: {}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Where the bytes of an asset are.
pub(super) fn content(id: &str) -> String {
    format!("/api/v1/assets/{id}/content")
}

/// Where a small picture of an asset is.
pub(super) fn thumb(id: &str) -> String {
    format!("/ui/thumbs/{id}")
}

/// What is not shown by itself: it shows something else.
pub(super) fn is_companion(kind: Kind) -> bool {
    matches!(kind, Kind::Poster | Kind::ContactSheet | Kind::Preview | Kind::Waveform | Kind::Thumbnail | Kind::FormerThumbnail)
}

/// Assets with what shows them.
pub(super) struct Table<'a> {
    listed: &'a [Listed],
    by_stem: BTreeMap<&'a str, &'a Asset>,
    app: &'a App,
}

impl<'a> Table<'a> {
    /// `listed` holds films and their companions.
    pub(super) fn of(listed: &'a [Listed], app: &'a App) -> Self {
        let by_stem = listed.iter().map(|(asset, _)| (stem(&asset.path), asset)).collect();
        Self { listed, by_stem, app }
    }

    /// Cards of everything that is shown by itself, in the order it was made.
    pub(super) fn cards(&self, is_wanted: impl Fn(&Asset) -> bool) -> Vec<Card> {
        let shown = self.listed.iter().filter(|(asset, _)| !is_companion(asset.kind) && is_wanted(asset));
        shown.map(|(asset, deliveries)| self.card(asset, deliveries)).collect()
    }

    pub(super) fn card(&self, asset: &Asset, deliveries: &[Delivery]) -> Card {
        let picture = if asset.blob.mime.starts_with("image/") { Some(asset) } else { self.poster(asset) };
        Card {
            id: asset.id.to_string(),
            name: words::kind_in_set(asset.kind, &asset.title),
            owner: None,
            mime: asset.blob.mime.clone(),
            thumb: picture.map(|picture| thumb(&picture.id.to_string())),
            colours: picture.and_then(|picture| self.app.shelf.colours(&picture.blob.sha256)),
            length: asset.duration_ms.map(words::length),
            state: words::worst(deliveries, &self.app.parts().routes),
            is_whole: matches!(asset.kind, Kind::IconSticker | Kind::NameSticker),
        }
    }

    /// What shows a film before it plays: its own poster, else that of the film it is another cut of, else what it was made
    /// from.
    pub(super) fn poster(&self, film: &Asset) -> Option<&'a Asset> {
        if !film.blob.mime.starts_with("video/") {
            return None;
        }
        let own = format!("{}_poster", stem(&film.path));
        if let Some(poster) = self.by_stem.get(own.as_str()) {
            return Some(poster);
        }
        let folder = film.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let is_near = |asset: &&(Asset, Vec<Delivery>)| {
            asset.0.kind == Kind::Poster
                && asset.0.subject == film.subject
                && asset.0.path.rsplit_once('/').is_some_and(|(at, _)| at == folder)
        };
        // Until there is one, the picture it was made from.
        let is_source = |asset: &&(Asset, Vec<Delivery>)| {
            asset.0.subject == film.subject
                && match film.kind {
                    Kind::VariantVideo => asset.0.kind == Kind::VariantImage && asset.0.title == film.title,
                    Kind::ReferenceVideo | Kind::WorkspaceVideo | Kind::FormerVideo => false,
                    _ => asset.0.kind == Kind::CosplayImage,
                }
        };
        self.listed.iter().rfind(is_near).or_else(|| self.listed.iter().rfind(is_source)).map(|(asset, _)| asset)
    }
}

fn stem(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((stem, end)) if !end.contains('/') => stem,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(name: &str) -> Card {
        Card {
            id: "asset_1".into(),
            name: name.into(),
            owner: None,
            mime: "video/mp4".into(),
            thumb: Some(thumb("asset_2")),
            colours: None,
            length: Some("0:10".into()),
            state: words::delivery_state(rushes_core::delivery::DeliveryState::Proven, &rushes_core::delivery::Routes::default()),
            is_whole: false,
        }
    }

    #[test]
    fn cards_escape_names_and_say_their_state_in_words() {
        let shown = card("<script>alert(1)</script>").to_string();
        assert!(!shown.contains("<script>"), "{shown}");
        assert!(shown.contains("delivered") && shown.contains("/api/v1/assets/asset_1/content"), "{shown}");
    }

    #[test]
    fn cards_find_stems() {
        assert_eq!(stem("a.b/c"), "a.b/c");
        assert_eq!(stem("a.b/c.mp4"), "a.b/c");
    }
}
