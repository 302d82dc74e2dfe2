//! The one list of all routes. `open` needs no key; all else does.

use super::app::App;
use super::{
    assets, audit, callbacks, caller, choices, content, costs, deliveries, docs, drive, events, former, handed, health, jobs, keys,
    metrics, openapi, pipeline, problem, results, schedules, shoots, subjects, trace, upload, webhooks, workers, workflows,
};
use crate::ui;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

/// The routes that need no key.
pub(super) fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .route("/healthz", get(health::health))
        .route("/api/v1/health", get(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(callbacks::take))
        .route("/openapi.json", get(openapi::openapi))
        .route("/docs", get(docs::docs))
}

/// The routes that need one.
pub(super) fn guarded() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(pipeline::run))
        .routes(routes!(pipeline::status))
        .routes(routes!(pipeline::jobs))
        .routes(routes!(pipeline::cancel))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::settle))
        .routes(routes!(costs::show))
        .routes(routes!(jobs::steps))
        .routes(routes!(jobs::signal))
        .routes(routes!(drive::drive))
        .routes(routes!(drive::look))
        .routes(routes!(choices::choose))
        .routes(routes!(workflows::list))
        .routes(routes!(workflows::start))
        .routes(routes!(workflows::plan))
        .routes(routes!(results::save))
        .routes(routes!(results::discard))
        .routes(routes!(results::clear))
        .routes(routes!(former::find))
        .routes(routes!(schedules::list))
        // A file has a bound of its own.
        .routes(routes!(assets::list, upload::upload).layer(DefaultBodyLimit::disable()))
        .routes(routes!(assets::show))
        .routes(routes!(content::content))
        .routes(routes!(assets::address))
        .routes(routes!(assets::family))
        .routes(routes!(subjects::characters))
        .routes(routes!(subjects::character))
        .routes(routes!(subjects::people))
        .routes(routes!(subjects::person))
        .merge(of_shoots())
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::retry))
        .routes(routes!(audit::report, audit::fix))
        .routes(routes!(audit::status))
        .routes(routes!(events::events))
        .routes(routes!(keys::list, keys::make))
        .routes(routes!(keys::revoke))
        .routes(routes!(metrics::metrics))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::remove))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::log_of_one))
        .routes(routes!(webhooks::log))
        .routes(routes!(webhooks::message))
        .routes(routes!(webhooks::redeliver))
        .routes(routes!(webhooks::secret))
        .routes(routes!(webhooks::rotate))
        .routes(routes!(workers::list, workers::register))
        .routes(routes!(workers::drain))
        .routes(routes!(workers::waiting))
        .routes(routes!(workers::lease))
        .routes(routes!(workers::show))
        .routes(routes!(workers::heartbeat))
        .routes(routes!(workers::complete))
        .routes(routes!(workers::fail))
        .routes(routes!(handed::picture))
        .routes(routes!(handed::hand_in).layer(DefaultBodyLimit::disable()))
}

/// Of them those of shoots, and of who is in them.
fn of_shoots() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(shoots::list, shoots::make))
        .routes(routes!(shoots::show, shoots::change))
        .routes(routes!(shoots::link, shoots::unlink))
        .routes(routes!(shoots::point))
        .routes(routes!(shoots::people::list, shoots::people::enrol).layer(DefaultBodyLimit::disable()))
        .routes(routes!(shoots::people::forget))
        .routes(routes!(shoots::people::correct))
        .routes(routes!(shoots::people::review))
        .routes(routes!(shoots::people::proposals))
        .routes(routes!(shoots::people::crop))
        .routes(routes!(shoots::photos::list, shoots::photos::hand_in).layer(DefaultBodyLimit::disable()))
        .routes(routes!(shoots::photos::why))
}

/// Every route with what it passes on its way.
pub(super) fn routes(app: &App) -> Router {
    let guarded = Router::from(guarded()).layer(from_fn_with_state(app.clone(), caller::enter));
    let pages = ui::pages().layer(from_fn_with_state(app.clone(), caller::look));
    let guests = ui::guests::routes().layer(from_fn_with_state(app.clone(), ui::guests::guard));
    ui::listen(app);
    Router::from(open())
        .merge(guarded)
        .merge(ui::open())
        .merge(pages)
        .merge(guests)
        .fallback(ui::no_page)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn_with_state(app.clone(), trace::watch))
        .layer(from_fn(problem::write))
        .with_state(app.clone())
}
