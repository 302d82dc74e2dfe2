//! Callbacks of providers. They come without a key of ours, and nothing they say is believed: one that its provider has
//! signed rings a bell, and whoever waits for that order looks at once.

use super::app::App;
use super::problem::Problem;
use super::read::{Path, whole};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use rushes_core::Code;

/// Takes a callback of a provider that was asked to call here (`server.callback_base`), of up to 1 MiB. 200 whatever it tells
/// of; 401 where its signature is not the provider's, or too old; 404 for a provider
/// that makes nothing here, or does not call; 503 where its keys
/// cannot be fetched: it may call again.
#[utoipa::path(post, path = "/api/v1/callbacks/{provider}", tag = "callbacks", security(()),
    params(("provider" = String, Path, description = "fal, kling or replicate")),
    request_body(content = serde_json::Value, description = "As the provider sends it"), responses((status = 200)))]
pub(super) async fn take(
    State(app): State<App>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let make = &app.config.make;
    if ![&make.image, &make.motion].contains(&&provider) {
        return Err(Problem::new(Code::NotFound, "take callback", format!("{provider:?} makes nothing here that is waited for")));
    }
    let body = whole(body).await?;
    app.bells.ring(&provider, &headers, &body).await?;
    Ok(StatusCode::OK)
}
