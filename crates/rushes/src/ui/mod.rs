//! The dashboard: pages drawn on the server, one file a page; what they look like is in the folder `ui` beside `src`.
//!
//! A page reads the store's ports, makes a view of plain words, and has its template draw that. Forms post and are
//! answered with where to look next; nothing is changed by looking. The script only renews what changed and plays films:
//! without it every page still tells its facts and every form works. Nothing here is wire JSON; that is `http`'s.

mod asset;
mod audit;
mod card;
mod character;
mod characters;
mod chart;
mod choices;
mod deliveries;
mod files;
mod form;
pub(crate) mod guests;
mod job;
mod jobs;
mod keys;
mod login;
mod overview;
mod pictures;
mod read;
mod shelf;
mod shell;
mod shoots;
mod start;
mod steps;
mod webhooks;
mod words;

use crate::http::App;
use axum::Router;
use axum::routing::{get, post};
pub(crate) use shelf::Shelf;
pub(crate) use shell::no_page;
use tokio::sync::broadcast::error::RecvError;

/// What anybody may have: it tells nothing.
pub(crate) fn open() -> Router<App> {
    Router::new().route("/ui/files/{hash}/{name}", get(files::file))
}

/// The pages. Each asks itself who looks; who may not is led to the login.
pub(crate) fn pages() -> Router<App> {
    Router::new()
        .route("/", get(overview::show))
        .route("/jobs", get(jobs::show))
        .route("/jobs/{id}", get(job::show))
        .route("/jobs/{id}/choose", post(choices::choose))
        .route("/jobs/{id}/cancel", post(job::cancel))
        .route("/jobs/{id}/retry", post(job::retry))
        .route("/start", get(start::show).post(start::start))
        .route("/characters", get(characters::show))
        .route("/characters/{id}", get(character::show))
        .route("/assets/{id}", get(asset::show))
        .route("/deliveries", get(deliveries::show))
        .route("/deliveries/retry", post(deliveries::retry))
        .route("/shoots", get(shoots::show).post(shoots::make))
        .route("/shoots/{id}", get(shoots::one::show))
        .route("/shoots/{id}/say", post(shoots::said::say))
        .route("/shoots/{id}/rules", post(shoots::said::change))
        .route("/shoots/{id}/link", post(shoots::link::make))
        .route("/shoots/{id}/link/remove", post(shoots::link::remove))
        .route("/shoots/{id}/slideshow", get(shoots::slideshow::show))
        .route("/shoots/{id}/people/{number}", get(shoots::person::show))
        .route("/shoots/{id}/people/{number}/forget", post(shoots::said::forget))
        .route("/ui/faces/{shoot}/{face}", get(shoots::slideshow::face))
        .route("/ui/photos/{shoot}/{number}/{size}", get(shoots::slideshow::photo))
        .route("/audit", get(audit::show).post(audit::run))
        .route("/audit/mend", post(audit::mend))
        .route("/keys", get(keys::show).post(keys::make))
        .route("/keys/{id}/revoke", post(keys::revoke))
        .route("/webhooks", get(webhooks::show).post(webhooks::add))
        .route("/webhooks/{id}/{what}", post(webhooks::change))
        .route("/webhooks/messages/{id}/redeliver", post(webhooks::redeliver))
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/ui/thumbs/{id}", get(pictures::thumb))
        .route("/ui/references/{name}", get(pictures::reference))
        .route("/ui/styles/{name}", get(pictures::style))
}

/// Hears how far steps are, until the server ends.
pub(crate) fn listen(app: &App) {
    let (app, mut live) = (app.clone(), app.desk.live());
    tokio::spawn(async move {
        let stop = app.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                heard = live.recv() => match heard {
                    Ok(report) => app.shelf.hear(report),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
            }
        }
    });
}
