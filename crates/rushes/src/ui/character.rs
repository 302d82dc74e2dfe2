//! `/characters/{id}`: everything of one character: the finished film large, then every film, picture and sound, and how
//! each was made from the others.

use super::card::{Card, Table, content};
use super::read::Path;
use super::shell::{self, Answer, Shell, Trouble, Visitor};
use super::words::{self, Copies};
use crate::http::App;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::record::Listed;
use rushes_core::store::AssetFilter;
use rushes_core::{Asset, Fault, Kind};

/// Assets of one character shown at most, old versions among them.
const SHOWN_MAX: u32 = 2_000;
/// Files whose origin is told at most.
const ORIGINS_MAX: usize = 100;

/// Cards that belong together.
struct Section {
    id: &'static str,
    name: &'static str,
    cards: Vec<Card>,
}

/// What one file was made from.
struct Origin {
    id: String,
    name: String,
    parents: Vec<(String, String)>,
}

/// The film on the screen.
struct Screen {
    name: String,
    film: String,
    poster: Option<String>,
    id: String,
}

#[derive(Template)]
#[template(path = "character.html")]
struct CharacterPage {
    shell: Shell,
    id: String,
    name: String,
    tagline: String,
    traits: Vec<String>,
    style: Option<String>,
    seed: Option<String>,
    prompt: Option<String>,
    jobs: Vec<String>,
    screen: Option<Screen>,
    still: Option<Card>,
    sections: Vec<Section>,
    sounds: Vec<Card>,
    older: Vec<(Card, u32)>,
    references: Vec<Card>,
    origins: Vec<Origin>,
    files: usize,
    delivered: usize,
}

impl Copies for CharacterPage {}

pub(super) async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let store = &app.parts().store;
    let subject = store.subject(&id).await?.ok_or_else(|| Trouble::unknown("character", &id))?;
    if subject.made.id != id {
        return Ok(shell::go_to(&format!(
            "/characters/{}",
            percent_encoding::utf8_percent_encode(&subject.made.id, percent_encoding::NON_ALPHANUMERIC)
        )));
    }
    let shell = Shell::of(&app, &visitor, "characters", subject.made.name.clone()).await?.listening("asset. delivery. subject.");
    let filter = AssetFilter { subject: Some(id.clone()), all_versions: true, limit: Some(SHOWN_MAX), ..AssetFilter::default() };
    let (listed, retired): (Vec<Listed>, Vec<Listed>) =
        store.assets(&filter).await?.into_iter().partition(|(asset, _)| asset.retired_ms.is_none());
    let (table, before) = (Table::of(&listed, &app), Table::of(&retired, &app));
    let fields = &subject.made.fields;
    let text = |name: &str| fields[name].as_str().map(str::to_owned);
    let still = listed
        .iter()
        .find(|(asset, _)| asset.kind == Kind::CosplayImage)
        .or_else(|| listed.iter().find(|(asset, _)| asset.kind == Kind::AnimeImage));
    let mut jobs: Vec<String> = listed.iter().map(|(asset, _)| asset.job.to_string()).collect();
    jobs.sort_unstable();
    jobs.dedup();
    let proven = |listed: &&Listed| !listed.1.is_empty() && words::worst(&listed.1, &app.parts().routes).class == "proven";
    let older = retired.iter().filter(|(asset, _)| !super::card::is_companion(asset.kind));
    let view = CharacterPage {
        name: subject.made.name.clone(),
        tagline: text("tagline").unwrap_or_default(),
        traits: fields["traits"].as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        style: text("style").map(|style| words::style(&style)),
        seed: fields["seed"].as_u64().map(|seed| seed.to_string()),
        prompt: text("prompt"),
        jobs,
        screen: screen(&listed, &table),
        still: still.map(|(asset, deliveries)| table.card(asset, deliveries)),
        sections: sections(&table),
        sounds: table.cards(|asset| asset.blob.mime.starts_with("audio/")),
        origins: origins(&app, &listed).await?,
        references: table.cards(|asset| asset.kind == Kind::ReferenceVideo),
        older: older.map(|(asset, deliveries)| (before.card(asset, deliveries), asset.version)).collect(),
        files: listed.len(),
        delivered: listed.iter().filter(proven).count(),
        shell,
        id,
    };
    Ok(shell::page(StatusCode::OK, &view))
}

/// What was made from what, in the order it was made.
async fn origins(app: &App, listed: &[Listed]) -> Result<Vec<Origin>, Fault> {
    let called = |asset: &Asset| words::kind_in_set(asset.kind, &asset.title);
    let mut origins = Vec::new();
    for (asset, _) in listed.iter().filter(|(asset, _)| !super::card::is_companion(asset.kind)).take(ORIGINS_MAX) {
        let ids = app.parts().store.parents(asset.id).await?;
        let parents = listed.iter().filter(|(other, _)| ids.contains(&other.id)).map(|(other, _)| (other.id.to_string(), called(other)));
        let parents: Vec<(String, String)> = parents.collect();
        if !parents.is_empty() {
            origins.push(Origin { id: asset.id.to_string(), name: called(asset), parents });
        }
    }
    Ok(origins)
}

/// The most finished film there is.
fn screen(listed: &[Listed], table: &Table<'_>) -> Option<Screen> {
    let best = [Kind::WatermarkedVideo, Kind::KpopVideo, Kind::ScoredVideo, Kind::RemixVideo, Kind::DanceVideo, Kind::VariantVideo];
    let asset = best.iter().find_map(|kind| listed.iter().map(|(asset, _)| asset).find(|asset| asset.kind == *kind))?;
    let id = asset.id.to_string();
    let poster = table.poster(asset).map(|poster| super::card::thumb(&poster.id.to_string()));
    Some(Screen { name: words::kind_in_set(asset.kind, &asset.title), film: content(&id), poster, id })
}

fn sections(table: &Table<'_>) -> Vec<Section> {
    type Wanted = fn(&Asset) -> bool;
    let finished: Wanted =
        |asset| matches!(asset.kind, Kind::WatermarkedVideo | Kind::KpopVideo | Kind::OrigVideo | Kind::ScoredVideo | Kind::RemixVideo);
    let dances: Wanted = |asset| matches!(asset.kind, Kind::DanceVideo | Kind::VariantVideo);
    let pictures: Wanted = |asset| asset.blob.mime.starts_with("image/") && !matches!(asset.kind, Kind::IconSticker | Kind::NameSticker);
    let stickers: Wanted = |asset| matches!(asset.kind, Kind::IconSticker | Kind::NameSticker);
    let others: Wanted = |asset| matches!(asset.kind.today(), Kind::WorkspaceVideo | Kind::ShowcasePage);
    let all = [
        ("films", "Finished films", finished),
        ("dances", "Dances", dances),
        ("pictures", "Pictures", pictures),
        ("stickers", "Stickers", stickers),
        ("others", "Others", others),
    ];
    let sections = all.into_iter().map(|(id, name, wanted)| Section { id, name, cards: table.cards(wanted) });
    sections.filter(|section| !section.cards.is_empty()).collect()
}
