//! What guests see: the page they join by, the page that takes their selfie, and their own photos. Nobody logs in here: a secret in the
//! address opens one thing, and every picture is looked up anew in the album. Whatever opens nothing gets one and the same page.

mod face;
mod forget;
mod gate;
mod join;
mod photos;
mod zip;

use super::files;
use crate::http::{self, App, Peer};
use crate::shoots::{Stand, invite};
use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
pub(crate) use gate::Gate;
use rushes_core::album::guests::Guest;
use rushes_core::{Code, Fault};
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Nothing but our own files, and the selfie that was taken a moment ago.
const POLICY: &str = "default-src 'none'; img-src 'self' blob:; media-src 'self' blob:; style-src 'self'; script-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// All pages of guests.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/join/{shoot}/{secret}", get(join::show).post(join::consent))
        .route("/guest/{shoot}/{token}", get(photos::show))
        .route("/guest/{shoot}/{token}/selfie", post(face::take).layer(DefaultBodyLimit::disable()))
        .route("/guest/{shoot}/{token}/latest", get(photos::latest))
        .route("/guest/{shoot}/{token}/photos/{number}/{size}", get(photos::picture))
        .route("/guest/{shoot}/{token}/all.zip", get(zip::all))
        .route("/guest/{shoot}/{token}/forget", get(forget::ask).post(forget::forget))
}

/// Around every page: not too many, from no other site, kept nowhere, found by no search.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let peer = peer_of(request.extensions().get::<Peer>());
    let mut response = if let Err(slow) = app.guests.ask(peer) {
        slow.into_response()
    } else if !request.method().is_safe() && !is_own(request.headers()) {
        Refusal::Gone.into_response()
    } else {
        next.run(request).await
    };
    let told = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "private, no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow, noimageindex"),
        (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(), geolocation=()"),
    ];
    for (name, value) in told {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn peer_of(peer: Option<&Peer>) -> IpAddr {
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0)
}

/// Whether a form was sent from a page of this server.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(ORIGIN) {
        Some(origin) => origin.split_once("://").is_some_and(|(_, at)| Some(at) == text(HOST)),
        None => true,
    }
}

/// Why a guest gets no page.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The address opens nothing: never did, or does no more.
    Gone,
    /// Too many asked; after so long it may be tried again.
    Slow(Duration),
    /// Something is wrong here.
    Trouble(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        if fault.code == Code::NotFound { Self::Gone } else { Self::Trouble(fault) }
    }
}

#[derive(Template)]
#[template(path = "guest_gone.html")]
struct GonePage {
    title: &'static str,
    says: &'static str,
}

impl Paged for GonePage {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, title, says) = match &self {
            Self::Gone => (
                StatusCode::NOT_FOUND,
                "This link does not work",
                "It may have run out, or there is a newer one. Ask whoever takes the photos for the code, and scan it again.",
            ),
            Self::Slow(_) => (StatusCode::TOO_MANY_REQUESTS, "One moment", "Many people are here just now. Wait a minute, then try again."),
            Self::Trouble(fault) => {
                tracing::error!(%fault, "a guest's page could not be shown");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "That did not work",
                    "Something is wrong here, not with your phone. Try again in a minute.",
                )
            }
        };
        let mut response = page(status, &GonePage { title, says });
        if let Self::Slow(wait) = self {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        response
    }
}

/// The names in an address; what cannot be one opens nothing.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        http::Path::from_request_parts(parts, state).await.map(|http::Path(names)| Self(names)).map_err(|_| Refusal::Gone)
    }
}

/// What a page of guests has around it.
pub(super) trait Paged {
    fn file(&self, name: &str) -> String {
        files::at(name)
    }
}

pub(super) fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(body) => (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be drawn");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be drawn.").into_response()
        }
    }
}

/// The shoot of an address, its album open; None where there is none that is still shown.
async fn stand(app: &App, shoot: &str) -> Result<Option<Stand>, Fault> {
    match Stand::of(app.parts().store.as_ref(), &app.desk.workflows().kit().shoots, shoot).await {
        Ok(stand) => Ok(Some(stand).filter(|stand| invite::is_current(stand, app.parts().clock.now_ms()))),
        Err(fault) if fault.code == Code::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A guest who is known by their token.
pub(super) struct Known {
    pub(super) stand: Stand,
    pub(super) guest: Guest,
    /// What is kept of the token.
    pub(super) hash: String,
    /// The address of their page.
    pub(super) at: String,
}

impl Known {
    /// Errors: `Gone`, and `Slow` for those who guess.
    pub(super) async fn of(app: &App, peer: IpAddr, shoot: &str, token: &str) -> Result<Self, Refusal> {
        let hash = invite::of_token(shoot, token);
        if let Some(stand) = stand(app, shoot).await?
            && let Some(guest) = stand.album.guest(&hash).await?
        {
            let shoot = percent_encoding::utf8_percent_encode(stand.id(), percent_encoding::NON_ALPHANUMERIC);
            let at = format!("/guest/{shoot}/{token}");
            return Ok(Self { stand, guest, hash, at });
        }
        Err(app.guests.guessed(peer))
    }

    /// Who they are. Errors: `Gone` until they showed their face.
    pub(super) fn person(&self) -> Result<u32, Refusal> {
        self.guest.person.ok_or(Refusal::Gone)
    }

    pub(super) fn name(&self) -> &str {
        &self.stand.subject.made.name
    }
}
