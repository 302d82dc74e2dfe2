//! The slideshow of a shoot's newest photos; and the pictures its pages show: photos made small, and faces.

use super::one::newest;
use super::{at, stand};
use crate::http::App;
use crate::shoots::files::{Size, original, preview};
use crate::ui::files;
use crate::ui::read::Path;
use crate::ui::shell::{self, Answer, Trouble, Visitor};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use rushes_core::album::Photo;

/// Photos shown in turn.
const SHOWN: u32 = 60;

#[derive(Template)]
#[template(path = "slideshow.html")]
struct Slideshow {
    id: String,
    at: String,
    name: String,
    photos: Vec<Photo>,
}

impl Slideshow {
    fn file(&self, name: &str) -> String {
        files::at(name)
    }
}

pub(in crate::ui) async fn show(State(app): State<App>, _: Visitor, Path(id): Path<String>) -> Answer {
    let stand = stand(&app, &id).await?;
    let photos = newest(&stand, &stand.album.counts().await?, SHOWN).await?;
    let (at, name) = (at(stand.id()), stand.subject.made.name.clone());
    Ok(shell::page(StatusCode::OK, &Slideshow { id: stand.subject.made.id, at, name, photos }))
}

/// A JPEG for whoever asked, and nobody between.
fn jpeg(bytes: impl IntoResponse, keep: &'static str) -> Response {
    ([(CONTENT_TYPE, "image/jpeg"), (CACHE_CONTROL, keep), (X_CONTENT_TYPE_OPTIONS, "nosniff")], bytes).into_response()
}

/// `/ui/photos/{shoot}/{number}/{size}`: a photo, `small` or `large`.
pub(in crate::ui) async fn photo(
    State(app): State<App>,
    _: Visitor,
    Path((id, number, size)): Path<(String, u32, String)>,
) -> Result<Response, Trouble> {
    let stand = stand(&app, &id).await?;
    let size = if size == "small" { Size::Small } else { Size::Large };
    let found = stand.album.photos(None, number.saturating_sub(1), 1).await?.pop().filter(|photo| photo.number == number);
    let photo = found.ok_or_else(|| Trouble::unknown("photo", &number.to_string()))?;
    let asset = original(app.parts(), &photo).await?;
    // An edited one has the same number.
    Ok(jpeg(preview(app.parts(), stand.id(), &asset.blob, size).await?, "private, max-age=60"))
}

/// `/ui/faces/{shoot}/{face}`: the picture of a face.
pub(in crate::ui) async fn face(State(app): State<App>, _: Visitor, Path((id, face)): Path<(String, u32)>) -> Result<Response, Trouble> {
    let crop = stand(&app, &id).await?.album.crop(face).await?;
    // Once forgotten it is nowhere.
    Ok(jpeg(crop.ok_or_else(|| Trouble::unknown("face", &face.to_string()))?, "private, no-store"))
}
