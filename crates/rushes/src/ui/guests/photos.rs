//! A guest's own photos, newest first. Whether a photo is theirs is asked of the album for each picture.

use super::{Known, Named, Paged, Refusal, face, page, peer_of};
use crate::http::{App, Peer, Query, bytes_of};
use crate::shoots::files::{Size, original, preview};
use askama::Template;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use rushes_core::album::Photo;
use serde::Deserialize;
use serde_json::{Value, json};

/// Photos on one page.
const PAGE: usize = 60;
/// Photos of one guest at most.
pub(super) const PHOTOS_MAX: u32 = 10_000;

#[derive(Deserialize)]
pub(super) struct Asked {
    /// Only those before this number.
    before: Option<u32>,
}

#[derive(Template)]
#[template(path = "guest_photos.html")]
struct Own {
    title: String,
    name: String,
    at: String,
    count: usize,
    numbers: Vec<u32>,
    /// Older ones are before this number.
    older: Option<u32>,
    is_first_page: bool,
    expires: Option<String>,
}

impl Paged for Own {}

/// All photos the guest is in, newest first.
pub(super) async fn own(known: &Known) -> Result<Vec<Photo>, Refusal> {
    let mut photos = known.stand.album.photos(Some(known.person()?), 0, PHOTOS_MAX).await?;
    photos.reverse();
    Ok(photos)
}

pub(super) async fn show(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Named((shoot, token)): Named<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let known = Known::of(&app, peer_of(peer.as_deref()), &shoot, &token).await?;
    let Some(person) = known.guest.person else {
        return Ok(face::asked(&known, StatusCode::OK, "", None));
    };
    let photos = own(&known).await?;
    let people = known.stand.album.people().await?;
    let mut numbers: Vec<u32> =
        photos.iter().map(|photo| photo.number).filter(|number| asked.before.is_none_or(|before| *number < before)).collect();
    let has_older = numbers.len() > PAGE;
    numbers.truncate(PAGE);
    let view = Own {
        title: format!("Your photos of {}", known.name()),
        name: people.into_iter().find(|one| one.number == person).map(|one| one.name).unwrap_or_default(),
        at: known.at.clone(),
        count: photos.len(),
        older: numbers.last().copied().filter(|_| has_older),
        is_first_page: asked.before.is_none(),
        expires: known.stand.rules.expires_ms.map(|at_ms| rushes_core::record::rfc3339(at_ms)[..10].to_owned()),
        numbers,
    };
    Ok(page(StatusCode::OK, &view))
}

/// What a page that is open shows now.
pub(super) async fn latest(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Named((shoot, token)): Named<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    let known = Known::of(&app, peer_of(peer.as_deref()), &shoot, &token).await?;
    let photos = own(&known).await?;
    let numbers: Vec<u32> = photos.iter().take(PAGE).map(|photo| photo.number).collect();
    Ok(Json(json!({"count": photos.len(), "photos": numbers})))
}

/// One photo, if they are in it: `small`, `large`, or the `file` itself.
pub(super) async fn picture(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Named((shoot, token, number, size)): Named<(String, String, u32, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let known = Known::of(&app, peer_of(peer.as_deref()), &shoot, &token).await?;
    let found = known.stand.album.photos(Some(known.person()?), number.saturating_sub(1), 1).await?.pop();
    let photo = found.filter(|photo| photo.number == number).ok_or(Refusal::Gone)?;
    let asset = original(app.parts(), &photo).await?;
    let size = match size.as_str() {
        "small" => Size::Small,
        "large" => Size::Large,
        "file" => return bytes_of(&app, &asset, &headers, true).await.map_err(|problem| problem.fault().clone().into()),
        _ => return Err(Refusal::Gone),
    };
    Ok(([(CONTENT_TYPE, "image/jpeg")], preview(app.parts(), known.stand.id(), &asset.blob, size).await?).into_response())
}
