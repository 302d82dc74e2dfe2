//! A guest has everything known of them erased.

use super::{Known, Named, Paged, Refusal, page, peer_of};
use crate::http::{App, Peer};
use crate::shoots::make;
use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rushes_core::album::Correction;

#[derive(Template)]
#[template(path = "guest_forget.html")]
struct Forget {
    title: &'static str,
    at: String,
    is_done: bool,
}

impl Paged for Forget {}

pub(super) async fn ask(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Named((shoot, token)): Named<(String, String)>,
) -> Result<Response, Refusal> {
    let known = Known::of(&app, peer_of(peer.as_deref()), &shoot, &token).await?;
    known.person()?;
    Ok(page(StatusCode::OK, &Forget { title: "Delete my data", at: known.at, is_done: false }))
}

pub(super) async fn forget(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Named((shoot, token)): Named<(String, String)>,
) -> Result<Response, Refusal> {
    let known = Known::of(&app, peer_of(peer.as_deref()), &shoot, &token).await?;
    let person = known.person()?;
    // Folders and copies follow; from here on this address opens nothing.
    make::said(&app.desk, &known.stand, Correction::Forget { person }).await?;
    Ok(page(StatusCode::OK, &Forget { title: "Deleted", at: String::new(), is_done: true }))
}
