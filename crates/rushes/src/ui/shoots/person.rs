//! `/shoots/{id}/people/{number}`: somebody's photos, and what can be said about them.

use super::{at, stand};
use crate::http::App;
use crate::ui::read::{Path, Query};
use crate::ui::shell::{self, Answer, Shell, Trouble, Visitor};
use crate::ui::words::When;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::album::{Person, Photo, Stands};
use serde::Deserialize;

/// Photos on a page, the newest first.
const PAGE: usize = 120;
/// Photos looked through.
const LOOKED_MAX: u32 = 10_000;
/// Faces of one photo.
const FACES_MAX: u32 = 100;

#[derive(Deserialize)]
pub(in crate::ui) struct Asked {
    /// Only photos taken before this one.
    before: Option<u32>,
}

/// A photo with the face of theirs.
struct Shown {
    photo: Photo,
    face: Option<u32>,
}

#[derive(Template)]
#[template(path = "shoot_person.html")]
struct PersonPage {
    shell: Shell,
    id: String,
    at: String,
    shoot: String,
    person: Person,
    consent: Option<When>,
    others: Vec<Person>,
    shown: Vec<Shown>,
    is_first_page: bool,
    /// Where the next page begins.
    older: Option<u32>,
}

pub(in crate::ui) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, number)): Path<(String, u32)>,
    Query(asked): Query<Asked>,
) -> Answer {
    let stand = stand(&app, &id).await?;
    let (mine, others): (Vec<Person>, Vec<Person>) = stand.album.people().await?.into_iter().partition(|person| person.number == number);
    let person = mine.into_iter().next().ok_or_else(|| Trouble::unknown("person", &number.to_string()))?;
    let shell = Shell::of(&app, &visitor, "shoots", person.name.clone()).await?.listening("subject. asset.made");
    let mut photos = stand.album.photos(Some(number), 0, LOOKED_MAX).await?;
    photos.retain(|photo| asked.before.is_none_or(|before| photo.number < before));
    photos.reverse();
    let has_older = photos.len() > PAGE;
    photos.truncate(PAGE);
    let older = photos.last().map(|photo| photo.number).filter(|_| has_older);
    let mut shown = Vec::with_capacity(photos.len());
    for photo in photos {
        let faces = stand.album.faces(Some(photo.number), FACES_MAX).await?;
        let face = faces.iter().find(|seen| seen.person == Some(number) && seen.stands == Stands::Routed).map(|seen| seen.face);
        shown.push(Shown { photo, face });
    }
    let page = PersonPage {
        consent: person.consent_ms.map(|at_ms| When { at_ms, now_ms: shell.now_ms }),
        at: at(stand.id()),
        shoot: stand.subject.made.name.clone(),
        id: stand.subject.made.id,
        person,
        others,
        is_first_page: asked.before.is_none(),
        older,
        shown,
        shell,
    };
    Ok(shell::page(StatusCode::OK, &page))
}
