//! The event log as a stream (server-sent events) that goes on without a gap after a disconnect or a restart.
//!
//! New facts are read from the store once, put into words once, and handed to all listeners; who is behind reads the
//! store until it has caught up. A listener that reads slowly holds nothing back: what it missed it reads from the store.

use super::app::App;
use super::caller::Caller;
use super::problem::Problem;
use super::read::Query;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use rushes_core::event::Event;
use rushes_core::record::rfc3339;
use rushes_core::{Code, Fault};
use rushes_store::Watch;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::{Arc, Once};
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::{IntoParams, ToSchema};

/// Facts read, and sent in one piece, at most.
const PAGE: u32 = 64;
/// Pages kept for listeners that are a little slow.
const PAGES_KEPT: usize = 32;
/// Listeners at once.
const LISTENERS_MAX: usize = 2_000;
/// A comment is sent after so long without facts, so that nobody on the way takes the line for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the store is looked at without its bell: other processes write to it, too.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Browsers come back after so long.
const HELLO: &[u8] = b"retry: 1000\n\n";

/// Facts in words, in order.
struct Page {
    /// The number of the fact before.
    after: i64,
    /// The number of the last fact.
    last: i64,
    text: Bytes,
    /// Where each fact begins in the text.
    begins: Vec<(i64, usize)>,
    /// Keys that were revoked in it.
    revoked: Vec<String>,
}

/// A fact as it is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventFacts<'a> {
    /// Counts up; the `id` of the server-sent event.
    seq: i64,
    at: String,
    /// The `event` of the server-sent event: `job.started`, `asset.made`, `delivery.proven`, …
    #[serde(rename = "type")]
    sort: &'a str,
    /// The job it is about.
    job: Option<&'a str>,
    /// The ids and figures of it.
    #[schema(value_type = Object)]
    data: &'a serde_json::Value,
}

impl Page {
    fn of(after: i64, facts: &[Event]) -> Option<Self> {
        let last = facts.last()?.seq;
        let mut text = BytesMut::with_capacity(facts.len() * 256);
        let mut begins = Vec::with_capacity(facts.len());
        for fact in facts {
            begins.push((fact.seq, text.len()));
            let Event { seq, at_ms, event_type, job, data } = fact;
            let shown = EventFacts { seq: *seq, at: rfc3339(*at_ms), sort: event_type, job: job.as_deref(), data };
            let shown = serde_json::to_string(&shown).unwrap_or_default();
            // JSON has no line ends of its own; a type is a word of ours.
            text.put_slice(format!("id: {seq}\nevent: {event_type}\ndata: {shown}\n\n").as_bytes());
        }
        let revoked = facts.iter().filter(|fact| fact.event_type == "key.revoked").filter_map(|fact| fact.data["key"].as_str());
        Some(Self { after, last, text: text.freeze(), begins, revoked: revoked.map(str::to_owned).collect() })
    }

    /// What comes after a fact; the very bytes all listeners share.
    fn from(&self, at: i64) -> Bytes {
        let begin = self.begins.iter().find(|(seq, _)| *seq > at).map_or(self.text.len(), |(_, begin)| *begin);
        self.text.slice(begin..)
    }
}

/// New facts, for all who listen.
pub(super) struct Feed {
    pages: broadcast::Sender<Arc<Page>>,
    room: Arc<Semaphore>,
    begun: Once,
}

impl Default for Feed {
    fn default() -> Self {
        Self { pages: broadcast::channel(PAGES_KEPT).0, room: Arc::new(Semaphore::new(LISTENERS_MAX)), begun: Once::new() }
    }
}

impl Feed {
    /// How many listen now.
    pub(super) fn listening(&self) -> usize {
        LISTENERS_MAX - self.room.available_permits()
    }

    /// New pages from now on; the first who listens sets the reading off.
    fn listen(app: &App) -> broadcast::Receiver<Arc<Page>> {
        let heard = app.feed.pages.subscribe();
        app.feed.begun.call_once(|| drop(tokio::spawn(read(app.clone()))));
        heard
    }
}

/// Reads each new fact once.
async fn read(app: App) {
    let store = &app.parts().store;
    let Watch { events: mut bell, .. } = app.parts().watch.clone();
    let mut last = None;
    while !app.stop.is_cancelled() {
        bell.mark_unchanged();
        let found = match last {
            None => store.last_seq().await.map(|seq| (seq, Vec::new())),
            Some(after) => store.events(after, PAGE).await.map(|facts| (after, facts)),
        };
        match found {
            Ok((after, facts)) => {
                last = Some(facts.last().map_or(after, |fact| fact.seq));
                if let Some(page) = Page::of(after, &facts) {
                    // Nobody may be listening just now.
                    let _ = app.feed.pages.send(Arc::new(page));
                }
                // After a page that was not full, the bell tells of more. The first look only finds where to begin.
                if facts.len() == PAGE as usize {
                    continue;
                }
            }
            Err(fault) => tracing::error!(%fault, "facts could not be read for those who listen"),
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            changed = bell.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// The number of the last fact known, for those who cannot send `Last-Event-ID`; 0 begins with the first.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// Whether to go on with what happens; false: it ends with the newest fact there is.
    #[serde(default = "yes")]
    #[param(default = true)]
    follow: bool,
}

fn yes() -> bool {
    true
}

/// The event log as server-sent events. `Last-Event-ID` (or `after`) goes on behind that fact without a gap; without
/// either it begins now. Facts are kept for 30 days: an older id is answered with 410, which says where to begin.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(EventsQuery, ("Last-Event-ID" = Option<i64>, Header, description = "The last fact known")),
    responses((status = 200, description = "Each event's `data` is an EventFacts", content_type = "text/event-stream", body = EventFacts<'static>)))]
pub(super) async fn events(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let busy = Fault::new(Code::TooManyRequests, "listen to events").because(format!("{LISTENERS_MAX} listen already"));
    let place = app.feed.room.clone().try_acquire_owned().map_err(|_| busy.retry_after(Duration::from_secs(5)))?;
    // Before the store is looked at: what is written in between is heard.
    let heard = Feed::listen(&app);
    let store = &app.parts().store;
    let newest = store.last_seq().await?;
    let at = match last_known(&headers)?.or(query.after) {
        None => newest,
        Some(after) => {
            let oldest = store.oldest_seq().await?;
            if after < oldest - 1 || after > newest {
                let reason =
                    format!("facts {oldest} to {newest} are kept; begin with ?after={}", if after > newest { newest } else { oldest - 1 });
                return Err(Problem::new(Code::EventsGone, "listen to events", reason));
            }
            after
        }
    };
    let key = caller.key_id();
    let listener =
        Listener { app, key, heard, at, follows: query.follow, is_behind: true, has_said_hello: false, is_over: false, _place: place };
    let pieces = stream::unfold(listener, |mut listener| async move { Some((Ok::<_, Infallible>(listener.next().await?), listener)) });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // Servers in front that gather answers before they pass them on.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Errors: `input_invalid` for what cannot be the number of a fact.
fn last_known(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse::<i64>().ok()).filter(|seq| *seq >= 0);
    number.map(Some).ok_or_else(|| Problem::new(Code::InputInvalid, "listen to events", "Last-Event-ID is the number of a fact"))
}

/// Somebody who listens; a few hundred bytes, beside their connection.
struct Listener {
    app: App,
    /// What it came in with.
    key: Option<String>,
    heard: broadcast::Receiver<Arc<Page>>,
    /// The last fact sent.
    at: i64,
    /// Whether it goes on with what happens.
    follows: bool,
    /// There may be facts that were not heard.
    is_behind: bool,
    has_said_hello: bool,
    /// Its key was revoked.
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    fn take(&mut self, page: &Page) {
        self.at = page.last;
        self.is_over = self.key.as_ref().is_some_and(|key| page.revoked.contains(key));
    }

    /// The next piece; None at the end of the server, or when the store fails: they come back with the last id.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_said_hello, true) {
            return Some(Bytes::from_static(HELLO));
        }
        loop {
            if self.is_over || self.app.stop.is_cancelled() {
                return None;
            }
            if self.is_behind {
                let facts = self.app.parts().store.events(self.at, PAGE).await.ok()?;
                match Page::of(self.at, &facts) {
                    Some(page) => {
                        self.take(&page);
                        return Some(page.text);
                    }
                    None if !self.follows => return None,
                    None => self.is_behind = false,
                }
            }
            tokio::select! {
                () = self.app.stop.cancelled() => return None,
                () = tokio::time::sleep(KEEP_ALIVE) => return Some(Bytes::from_static(b":\n\n")),
                heard = self.heard.recv() => match heard {
                    Ok(page) if page.last <= self.at => {}
                    Ok(page) if page.after <= self.at => {
                        let text = page.from(self.at);
                        self.take(&page);
                        return Some(text);
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => self.is_behind = true,
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fact(seq: i64) -> Event {
        Event { seq, at_ms: 0, event_type: "job.queued".into(), job: None, data: json!({"text": "a\nb"}) }
    }

    #[test]
    fn events_of_a_page_are_whole_and_begin_behind_what_is_known() {
        let page = Page::of(4, &[fact(5), fact(6), fact(7)]).unwrap();
        let all = String::from_utf8(page.from(4).to_vec()).unwrap();
        assert_eq!(all.matches("\n\n").count(), 3, "{all}");
        assert!(all.starts_with("id: 5\nevent: job.queued\ndata: {\"seq\":5,\"at\":\"1970-01-01T00:00:00.000Z\""), "{all}");
        assert!(page.from(6).starts_with(b"id: 7\n"));
        assert!(page.from(7).is_empty());
        assert!(Page::of(4, &[]).is_none());
    }

    /// The dashboard listens for each by its name; one it does not know, it never hears.
    #[test]
    fn events_of_every_sort_are_listened_for_by_the_dashboard() {
        let script = include_str!("../../ui/files/rushes.js");
        let types = script.split_once("const TYPES = [").unwrap().1.split_once(']').unwrap().0;
        let heard: Vec<&str> = types.split(',').map(|name| name.trim().trim_matches('\'')).collect();
        assert_eq!(heard, rushes_core::event::EVENTS.iter().map(|row| row.name).collect::<Vec<_>>());
    }
}
