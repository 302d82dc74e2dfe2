//! The one list of all routes. `open` needs no key; all else does.

use super::app::App;
use super::{caller, health, idempotency, keys, pipeline, problem};
use crate::ui;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every route with what it passes on its way.
pub(super) fn routes(app: &App) -> Router {
    let (open, _) = OpenApiRouter::<App>::new()
        .routes(routes!(health::health))
        .route("/healthz", get(health::health))
        .route("/api/v1/health", get(health::health))
        .routes(routes!(health::ready))
        .split_for_parts();
    let (guarded, _) = OpenApiRouter::<App>::new()
        .routes(routes!(pipeline::run))
        .routes(routes!(pipeline::status))
        .routes(routes!(pipeline::jobs))
        .routes(routes!(pipeline::cancel))
        .routes(routes!(keys::list, keys::make))
        .routes(routes!(keys::revoke))
        .split_for_parts();
    let guarded = guarded
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(from_fn(caller::guard))
        .layer(from_fn_with_state(app.clone(), caller::look));
    let pages = ui::pages().layer(from_fn_with_state(app.clone(), caller::look));
    ui::listen(app);
    open.merge(guarded)
        .merge(ui::open())
        .merge(pages)
        .fallback(ui::no_page)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn(problem::write))
        .with_state(app.clone())
}
