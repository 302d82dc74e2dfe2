//! The photos of a shoot: listed, explained, handed in. What is handed in comes into `Incoming/` as if it were dropped there.

use super::people::{FaceFacts, face_facts};
use super::stand;
use crate::http::app::App;
use crate::http::page;
use crate::http::problem::Problem;
use crate::http::read::{Path, Query};
use crate::http::upload::{next_field, stream_to, write};
use crate::shoots::at_most;
use crate::shoots::files::Coming;
use axum::Json;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use rushes_core::album::Photo;
use rushes_core::record::rfc3339;
use rushes_core::{Code, Fault};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

/// Photos of one form at most.
const FILES_MAX: usize = 200;
/// Requests that hand photos in at once.
static ROOM: Semaphore = Semaphore::const_new(8);
/// Faces of one photo listed.
const FACES_MAX: u32 = 1_000;

/// A photo.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PhotoFacts {
    number: u32,
    /// As it was handed in.
    name: String,
    sha256: String,
    /// The asset of its bytes.
    original: String,
    /// `Solo` or `Group`.
    group: &'static str,
    #[schema(format = DateTime)]
    entered_at: String,
    /// Faces found in it.
    faces: u32,
}

impl From<Photo> for PhotoFacts {
    fn from(photo: Photo) -> Self {
        Self {
            number: photo.number,
            name: photo.name,
            sha256: photo.sha256,
            original: photo.original.to_string(),
            group: photo.group.name(),
            entered_at: rfc3339(photo.entered_ms),
            faces: photo.faces,
        }
    }
}

/// Some photos.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PhotoPage {
    photos: Vec<PhotoFacts>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// A photo and why it is where it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PhotoWhole {
    #[serde(flatten)]
    facts: PhotoFacts,
    in_it: Vec<FaceFacts>,
}

/// Which photos.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PhotosQuery {
    /// Only those of this person: their number.
    #[param(minimum = 0, maximum = 2_147_483_647)]
    #[serde(default, deserialize_with = "at_most::<_, 2_147_483_647>")]
    person: Option<u32>,
    /// At most this many.
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists the photos of a shoot, by number.
#[utoipa::path(get, path = "/api/v1/shoots/{id}/photos", tag = "shoots", params(("id" = String, Path, description = "The shoot's"), PhotosQuery),
    responses((status = 200, body = PhotoPage)))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<PhotosQuery>,
) -> Result<Json<PhotoPage>, Problem> {
    let (limit, after) = (page::one_more(query.limit)?, page::opened(query.cursor.as_deref())?.unwrap_or(0));
    let mut found = stand(&app, &id).await?.album.photos(query.person, after, limit).await?;
    let next = page::next(&mut found, query.limit, |photo| photo.number.to_string());
    Ok(Json(PhotoPage { photos: found.into_iter().map(PhotoFacts::from).collect(), next }))
}

/// One photo: whose faces are in it, how far they are from whom, and which rule decided.
#[utoipa::path(get, path = "/api/v1/shoots/{id}/photos/{number}", tag = "shoots",
    params(("id" = String, Path, description = "The shoot's"), ("number" = u32, Path, description = "The photo's")),
    responses((status = 200, body = PhotoWhole)))]
pub(in crate::http) async fn why(State(app): State<App>, Path((id, number)): Path<(String, u32)>) -> Result<Json<PhotoWhole>, Problem> {
    let stand = stand(&app, &id).await?;
    let found = stand.album.photos(None, number.saturating_sub(1), 1).await?.pop().filter(|photo| photo.number == number);
    let photo = found.ok_or_else(|| Fault::new(Code::NotFound, "look up photo").with("photo", number))?;
    let faces = stand.album.faces(Some(number), FACES_MAX).await?;
    Ok(Json(PhotoWhole { facts: photo.into(), in_it: face_facts(&stand, faces).await? }))
}

/// Photos, as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is the document's; the form is read as it comes")]
pub(in crate::http) struct PhotosForm {
    /// A photo, with its file name; up to 200 times.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What the body is called.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct NameQuery {
    /// The photo's file name, where the body is its bytes.
    name: Option<String>,
}

/// Photos that lie in `Incoming/`.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Dropped {
    /// Their file names: another photo of the same name is a newer version of it.
    names: Vec<String>,
}

/// Hands photos in: a form of files, or the bytes of one with its `name`. They lie in `Incoming/` then, and are taken in like any others.
#[utoipa::path(post, path = "/api/v1/shoots/{id}/photos", tag = "shoots",
    params(("id" = String, Path, description = "The shoot's"), NameQuery),
    request_body(content((PhotosForm = "multipart/form-data"), (Vec<u8> = "application/octet-stream"))), responses((status = 202, body = Dropped)))]
pub(in crate::http) async fn hand_in(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<NameQuery>,
    request: Request,
) -> Result<(StatusCode, Json<Dropped>), Problem> {
    let busy = Fault::new(Code::TooManyRequests, "take photos").because("other photos are being handed in; wait 5 s");
    let _place = ROOM.try_acquire().map_err(|_| busy.retry_after(Duration::from_secs(5)))?;
    let stand = stand(&app, &id).await?;
    let refuse = |reason: &str| Problem::new(Code::InputInvalid, "take photos", reason);
    if !stand.rules.is_open {
        return Err(refuse("this shoot takes no more photos"));
    }
    let max_bytes = u64::from(app.config.server.upload_max_mb) * 1_000_000;
    let mime = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !mime.starts_with("multipart/") {
        let name = query.name.ok_or_else(|| refuse("say the photo's file name as `name`, or send a form of files"))?;
        let coming = Coming::of(app.parts(), stand.id(), &name)?;
        stream_to(request.into_body(), coming.hidden(), max_bytes).await?;
        return Ok((StatusCode::ACCEPTED, Json(Dropped { names: vec![coming.arrive()?] })));
    }
    let wrong = |e: MultipartRejection| Problem::new(Code::MediaTypeWrong, "take photos", e.body_text());
    let mut form = Multipart::from_request(request, &()).await.map_err(wrong)?;
    let mut names = Vec::new();
    while let Some(field) = next_field(&mut form).await? {
        if field.name() != Some("file") || names.len() == FILES_MAX {
            return Err(refuse("a form has 1 to 200 fields, and each is called `file`"));
        }
        let coming = Coming::of(app.parts(), stand.id(), field.file_name().unwrap_or_default())?;
        write(field, coming.hidden(), max_bytes).await?;
        names.push(coming.arrive()?);
    }
    if names.is_empty() {
        return Err(refuse("the form has no field `file`"));
    }
    Ok((StatusCode::ACCEPTED, Json(Dropped { names })))
}
