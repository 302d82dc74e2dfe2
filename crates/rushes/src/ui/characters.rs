//! `/characters`: a wall of everybody there is.

use super::card::{Card, Table};
use super::read::Query;
use super::shell::{self, Answer, Shell, Visitor};
use super::words;
use crate::http::App;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::store::{AssetFilter, SubjectFilter};
use rushes_core::subject::SubjectType;
use rushes_core::{Fault, Kind, Subject};
use serde::Deserialize;

/// Characters on one page.
const PAGE: u32 = 48;

#[derive(Deserialize)]
pub(super) struct Asked {
    after: Option<String>,
}

/// One on the wall.
struct Portrait {
    id: String,
    name: String,
    tagline: String,
    films: String,
    card: Option<Card>,
}

#[derive(Template)]
#[template(path = "characters.html")]
struct Characters {
    shell: Shell,
    portraits: Vec<Portrait>,
    next: Option<String>,
}

pub(super) async fn show(State(app): State<App>, visitor: Visitor, Query(asked): Query<Asked>) -> Answer {
    let shell = Shell::of(&app, &visitor, "characters", "Characters").await?.listening("subject. asset.made delivery.proven");
    let filter = SubjectFilter { subject_type: Some(SubjectType::Character), after: asked.after, limit: PAGE + 1 };
    let mut found = app.parts().store.subject_page(&filter).await?;
    let has_more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| has_more).map(|last| {
        format!("/characters?after={}", percent_encoding::utf8_percent_encode(&last.made.id, percent_encoding::NON_ALPHANUMERIC))
    });
    let mut portraits = Vec::with_capacity(found.len());
    for subject in &found {
        portraits.push(portrait(&app, subject).await?);
    }
    Ok(shell::page(StatusCode::OK, &Characters { shell, portraits, next }))
}

async fn portrait(app: &App, subject: &Subject) -> Result<Portrait, Fault> {
    let listed = app.parts().store.assets(&AssetFilter { subject: Some(subject.made.id.clone()), ..AssetFilter::default() }).await?;
    let table = Table::of(&listed, app);
    let of = |kind: Kind| listed.iter().find(|(asset, _)| asset.kind == kind);
    let shown = of(Kind::CosplayImage)
        .or_else(|| of(Kind::AnimeImage))
        .or_else(|| listed.iter().find(|(asset, _)| asset.blob.mime.starts_with("image/")));
    let is_film = |kind: Kind, mime: &str| mime.starts_with("video/") && kind != Kind::ReferenceVideo && kind != Kind::Preview;
    let films = listed.iter().filter(|(asset, _)| is_film(asset.kind, &asset.blob.mime)).count();
    Ok(Portrait {
        id: subject.made.id.clone(),
        name: subject.made.name.clone(),
        tagline: subject.made.fields["tagline"].as_str().unwrap_or_default().to_owned(),
        films: words::count(films as u64, "film"),
        card: shown.map(|(asset, deliveries)| table.card(asset, deliveries)),
    })
}
