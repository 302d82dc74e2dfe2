//! What every page has around it: who looks, where they are, what the rail counts; and how a page leaves.

use super::files;
use super::words::{Cure, Icon};
use crate::http::{App, Caller, Problem};
use askama::Template;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rushes_core::delivery::Backlog;
use rushes_core::key::Scope;
use rushes_core::{Code, Fault};
use std::collections::BTreeMap;

/// Nothing but our own files; no script or style in a page, no frame around it, no form to elsewhere.
const POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Who looks at a page.
pub(super) struct Visitor {
    pub(super) caller: Caller,
}

impl Visitor {
    /// Refuses those who may do less. Errors: `scope_missing`.
    pub(super) fn need(&self, scope: Scope) -> Result<(), Trouble> {
        self.caller.need(scope).map_err(Trouble::from)
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Caller::from_request_parts(parts, app).await {
            // A key that opens less than looking is for programs.
            Ok(caller) => match caller.need(Scope::Read) {
                Ok(()) => Ok(Self { caller }),
                Err(problem) => Err(Trouble::from(problem).into_response()),
            },
            Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
                Err(to_login(parts.uri.path_and_query().map_or("/", |path| path.as_str())))
            }
            Err(problem) => Err(Trouble::from(problem).into_response()),
        }
    }
}

fn to_login(path: &str) -> Response {
    let next = percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC);
    let place = if path == "/" { "/login".to_owned() } else { format!("/login?next={next}") };
    go_to(&place)
}

/// Has the browser look elsewhere.
pub(super) fn go_to(place: &str) -> Response {
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, place), (CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response()
}

/// Whether an address leads to a page of this server and nowhere else.
pub(super) fn is_ours(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') && !path.chars().any(char::is_control)
}

/// A place on the rail.
pub(super) struct Place {
    pub(super) id: &'static str,
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
    /// How many want looking at: what is refused, or runs.
    pub(super) count: u64,
}

impl Place {
    pub(super) fn icon(&self) -> Icon {
        Icon(self.id)
    }
}

/// The places, in the order of the rail. The bar of a phone shows the first of them, and the others under `More`.
const PLACES: [(&str, &str, &str); 8] = [
    ("overview", "/", "Overview"),
    ("jobs", "/jobs", "Jobs"),
    ("characters", "/characters", "Characters"),
    ("deliveries", "/deliveries", "Deliveries"),
    ("shoots", "/shoots", "Shoots"),
    ("audit", "/audit", "Audit"),
    ("webhooks", "/webhooks", "Webhooks"),
    ("keys", "/keys", "Keys"),
];

/// What a page listens to.
#[derive(Default)]
pub(super) struct Live {
    /// The beginnings of the events' names, with spaces between them.
    pub(super) on: &'static str,
    /// Only what concerns these jobs; empty: all.
    pub(super) jobs: String,
    /// Looks again every so many seconds, too; 0: not.
    pub(super) every_s: u32,
}

/// Everything around a page.
pub(super) struct Shell {
    pub(super) title: String,
    pub(super) places: Vec<Place>,
    pub(super) may_run: bool,
    pub(super) may_admin: bool,
    /// Whether there is a key to log out with.
    pub(super) has_key: bool,
    pub(super) live: Live,
    /// The newest fact this page knows.
    pub(super) since: i64,
    pub(super) now_ms: i64,
    /// What each place still owes, asked for once.
    pub(super) backlog: BTreeMap<String, Backlog>,
}

impl Shell {
    /// Around a page for this visitor. `here` is the id of a place, or empty.
    pub(super) async fn of(app: &App, visitor: &Visitor, here: &str, title: impl Into<String>) -> Result<Self, Fault> {
        let parts = app.parts();
        // Before anything is looked at: what happens meanwhile is heard of again.
        let since = parts.store.last_seq().await?;
        let backlog = parts.store.backlog().await?;
        let refused = backlog.values().map(|backlog| backlog.refused).sum();
        let running = parts.store.count_open().await?.values().sum();
        let places = places(here, running, refused);
        Ok(Self {
            title: title.into(),
            places,
            may_run: visitor.caller.scope >= Scope::Run,
            may_admin: visitor.caller.scope >= Scope::Admin,
            has_key: visitor.caller.key_id().is_some(),
            live: Live::default(),
            since,
            now_ms: parts.clock.now_ms(),
            backlog,
        })
    }

    /// Around a page that tells of trouble, and asks the store nothing.
    pub(super) fn bare(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            places: places("", 0, 0),
            may_run: false,
            may_admin: false,
            has_key: false,
            live: Live::default(),
            since: 0,
            now_ms: 0,
            backlog: BTreeMap::new(),
        }
    }

    /// Listens to these facts.
    pub(super) fn listening(mut self, on: &'static str) -> Self {
        self.live.on = on;
        self
    }

    pub(super) fn file(&self, name: &str) -> String {
        files::at(name)
    }

    pub(super) fn icon(&self, name: &'static str) -> Icon {
        Icon(name)
    }

    /// Those that stand on a phone's bar.
    pub(super) fn first_places(&self) -> &[Place] {
        &self.places[..4]
    }

    /// Whether one of those under `More` is shown.
    pub(super) fn is_more_here(&self) -> bool {
        self.more_places().iter().any(|place| place.is_here)
    }

    /// Those under `More` there.
    pub(super) fn more_places(&self) -> &[Place] {
        &self.places[4..]
    }
}

fn places(here: &str, running: u64, refused: u64) -> Vec<Place> {
    let count = |id: &str| match id {
        "jobs" => running,
        "deliveries" => refused,
        _ => 0,
    };
    PLACES.iter().map(|(id, path, name)| Place { id, path, name, is_here: *id == here, count: count(id) }).collect()
}

/// A page on its way out.
pub(super) fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(body) => (status, headers(), body).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be drawn");
            (StatusCode::INTERNAL_SERVER_ERROR, headers(), "This page could not be drawn.").into_response()
        }
    }
}

fn headers() -> [(axum::http::HeaderName, &'static str); 5] {
    [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ]
}

/// What a page's handler gives.
pub(super) type Answer = Result<Response, Trouble>;

/// Why a page cannot be shown or a wish not be fulfilled, as a page of its own.
#[derive(Debug)]
pub(super) struct Trouble(Problem);

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self(fault.into())
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl Trouble {
    /// There is no such thing.
    pub(super) fn unknown(what: &str, id: &str) -> Self {
        Fault::new(Code::NotFound, format!("look up {what}")).with(what, id).into()
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    shell: Shell,
    what: String,
    why: String,
    cure: Cure,
    is_lost: bool,
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, fault) = (self.0.status(), self.0.fault());
        let is_lost = status == StatusCode::NOT_FOUND;
        if status.is_server_error() {
            tracing::error!(%fault, "a page could not be shown");
        }
        let about: Vec<&str> = fault.context.iter().map(|(_, value)| value.as_str()).collect();
        let why = match &fault.reason {
            // What went wrong inside is for the log.
            _ if status.is_server_error() => String::new(),
            Some(reason) => reason.clone(),
            None => about.join(", "),
        };
        let what = if is_lost { "There is nothing here".to_owned() } else { fault.code.row().title.trim_end_matches('.').to_owned() };
        page(status, &TroublePage { shell: Shell::bare(&what), what, why, cure: Cure(fault.code.row().cure), is_lost })
    }
}

/// No such page: for browsers a page, for programs the refusal they know.
pub(crate) async fn no_page(request: Request) -> Response {
    let path = request.uri().path();
    let wants_page = request
        .headers()
        .get(axum::http::header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_page && !path.starts_with("/api/") {
        return Trouble::from(Fault::new(Code::NotFound, "open page").with("path", path)).into_response();
    }
    Problem::new(Code::NotFound, "answer request", format!("there is no {path}; /docs lists what there is")).into_response()
}
