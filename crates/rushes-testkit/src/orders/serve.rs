//! What every such server does with a request, whatever its dialect.

use super::{Inner, Moment, PICTURE, Planned, RUBBISH, Shared, Task, is_held};
use crate::film::fetch;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode};
use rushes_core::clock::{Clock, SystemClock};
use serde_json::Value;
use std::sync::Arc;

const LARGEST_JSON: usize = 1024 * 1024;
/// What was made lies below.
const FILES: &str = "/files/";

/// Status, code, words.
pub(crate) type Refusal = (u16, i64, String);

pub(crate) fn refuse<T>(status: u16, code: i64, words: &str) -> Result<T, Refusal> {
    Err((status, code, words.to_owned()))
}

/// A request as it came.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// `http://127.0.0.1:PORT`
    pub(crate) here: String,
}

impl Asked {
    /// A value of its query.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// What its `authorization` says after this word.
    pub(crate) fn shows(&self, word: &str) -> &str {
        let shown = self.headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix(word)?.strip_prefix(' '));
        shown.unwrap_or_default()
    }

    /// Where what was made is.
    pub(crate) fn file(&self, task: &Task) -> String {
        format!("{}{FILES}{}", self.here, task.id)
    }
}

/// What a request is about, as its dialect says it.
pub(crate) enum Said {
    Order,
    /// How far the order of this name is.
    Look(String),
    /// Whether there is an order of ours.
    Find,
    /// What was made, of the order of this name, in words.
    Result(String),
    Stop(String),
}

impl Said {
    fn name(&self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Look(_) => "look",
            Self::Find => "find",
            Self::Result(_) => "result",
            Self::Stop(_) => "stop",
        }
    }
}

/// What an order wants.
pub(crate) struct Wanted {
    /// All of these must open.
    pub(crate) addresses: Vec<String>,
    /// One of them, the film that is "made"; None: [`PICTURE`].
    pub(crate) film: Option<String>,
    pub(crate) external: String,
}

/// How a service speaks.
pub(crate) trait Dialect: Send + Sync + 'static {
    fn said(&self, asked: &Asked) -> Option<Said>;
    fn check(&self, asked: &Asked) -> Result<(), Refusal>;
    fn wanted(&self, asked: &Asked) -> Result<Wanted, Refusal>;
    /// An order that was taken.
    fn taken(&self, asked: &Asked, task: &Task) -> Value;
    /// An order that is looked at.
    fn looked(&self, asked: &Asked, task: &Task) -> Value;
    /// What it answers where the order is not there.
    fn missing(&self) -> Result<Value, Refusal> {
        refuse(404, 0, "not found")
    }
    /// An order whose result is asked for.
    fn result(&self, asked: &Asked, task: &Task) -> Result<Value, Refusal> {
        Ok(self.looked(asked, task))
    }
    fn found(&self, asked: &Asked, tasks: &[Task]) -> Result<Value, Refusal>;
    /// An order that somebody wants to stop; `was_queued` where it had not begun.
    fn stopped(&self, _: &Asked, _: &Task, _was_queued: bool) -> Value {
        Value::Null
    }
    /// A second order of one key is refused.
    fn is_unique(&self) -> bool {
        false
    }
    fn full(&self) -> Refusal;
    fn refusal(&self, code: i64, words: &str) -> Value;
}

/// Every request. One that has arrived is finished even if its client goes away.
pub(super) async fn answer(
    axum::extract::State(shared): axum::extract::State<Arc<Shared>>,
    request: axum::extract::Request,
) -> Response<Body> {
    tokio::spawn(serve(shared, request)).await.expect("the server does not panic")
}

async fn serve(shared: Arc<Shared>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, LARGEST_JSON).await.unwrap_or_default();
    // As it was reached: there may be something in between.
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let asked = Asked {
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        here: format!("http://{host}"),
    };
    let said = shared.dialect.said(&asked).filter(|_| !asked.path.starts_with(FILES));
    let name = said.as_ref().map_or("fetch", Said::name);
    let (planned, held) = {
        let mut inner = shared.inner();
        inner.calls.push(name);
        (inner.next_planned(name), is_held(&mut inner.hold, name))
    };
    if held == Some(Moment::Before) {
        shared.reached.notify_one();
        std::future::pending::<()>().await;
    }
    let answer = carried_out(&shared, &asked, said, planned.as_ref()).await;
    if held == Some(Moment::After) {
        shared.reached.notify_one();
        std::future::pending::<()>().await;
    }
    answer
}

async fn carried_out(shared: &Shared, asked: &Asked, said: Option<Said>, planned: Option<&Planned>) -> Response<Body> {
    let dialect = &shared.dialect;
    let refused = |(status, code, words): Refusal| sent(status, &dialect.refusal(code, &words));
    match planned {
        Some(Planned::Refused(status, code, words)) => return refused((*status, *code, words.clone())),
        Some(Planned::Told(status, body)) => return sent(*status, body),
        Some(Planned::Dropped) => return broken(),
        _ => {}
    }
    let Some(said) = said else { return made(shared, asked, planned) };
    let told = match (dialect.check(asked), said) {
        (Err(refusal), _) => Err(refusal),
        (_, Said::Order) => order(shared, asked, planned).await,
        (_, Said::Find) => dialect.found(asked, &shared.inner().tasks),
        (_, Said::Look(id)) => with(&mut shared.inner(), &id, |task, queues| {
            task.look(queues, planned);
            Ok(dialect.looked(asked, task))
        })
        .unwrap_or_else(|| dialect.missing()),
        (_, Said::Result(id)) => with(&mut shared.inner(), &id, |task, _| {
            task.is_expired |= planned == Some(&Planned::Expired);
            dialect.result(asked, task)
        })
        .unwrap_or_else(|| dialect.missing()),
        (_, Said::Stop(id)) => with(&mut shared.inner(), &id, |task, _| {
            let is_open = task.end.is_none();
            task.is_stopped |= is_open;
            if is_open {
                task.end = Some(Err("stopped".to_owned()));
            }
            Ok(dialect.stopped(asked, task, is_open && !task.is_begun))
        })
        .unwrap_or_else(|| dialect.missing()),
    };
    if planned == Some(&Planned::AnswerLost) {
        return broken();
    }
    told.map_or_else(refused, |told| sent(200, &told))
}

fn with<T>(inner: &mut Inner, id: &str, then: impl FnOnce(&mut Task, bool) -> T) -> Option<T> {
    let queues = inner.queues;
    inner.tasks.iter_mut().find(|task| task.id == id || task.external == id).map(|task| then(task, queues))
}

impl Task {
    fn look(&mut self, queues: bool, planned: Option<&Planned>) {
        if let Some(Planned::Fails(words)) = planned {
            self.end = Some(Err(words.clone()));
        }
        if queues {
            return;
        }
        self.is_begun = true;
        self.looks_left = self.looks_left.saturating_sub(1);
        if self.looks_left == 0 && self.end.is_none() {
            self.end = Some(Ok(()));
        }
    }
}

async fn order(shared: &Shared, asked: &Asked, planned: Option<&Planned>) -> Result<Value, Refusal> {
    let wanted = shared.dialect.wanted(asked)?;
    let at = wanted.film.as_ref().and_then(|film| wanted.addresses.iter().position(|address| address == film));
    let addresses = wanted.addresses;
    let opened = tokio::task::spawn_blocking(move || addresses.iter().map(|address| fetch(address)).collect::<Option<Vec<_>>>());
    let Some(mut opened) = opened.await.expect("fetching does not panic") else { return refuse(400, 1201, "an address does not open") };
    let mut inner = shared.inner();
    if shared.dialect.is_unique() && inner.tasks.iter().any(|task| task.external == wanted.external) {
        return refuse(400, 1201, "external_task_id is not unique");
    }
    if inner.tasks.iter().filter(|task| task.end.is_none()).count() >= inner.at_once {
        return Err(shared.dialect.full());
    }
    let task = Task {
        id: format!("task-{}", inner.tasks.len() + 1),
        external: wanted.external,
        told: asked.body.clone(),
        end: match planned {
            Some(Planned::Fails(words)) => Some(Err(words.clone())),
            _ => None,
        },
        is_stopped: false,
        is_begun: false,
        is_expired: planned == Some(&Planned::Expired),
        created_ms: SystemClock.now_ms(),
        looks_left: inner.looks,
        made: match (planned, at) {
            (Some(Planned::Rubbish), _) => RUBBISH.to_vec(),
            (_, Some(at)) => opened.swap_remove(at),
            _ => PICTURE.to_vec(),
        },
    };
    let told = shared.dialect.taken(asked, &task);
    inner.tasks.push(task);
    Ok(told)
}

fn sent(status: u16, json: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(json.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    answer
}

/// The head promises what the connection then breaks off.
fn broken() -> Response<Body> {
    let broken = futures_util::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("planned"))]);
    Response::new(Body::from_stream(broken))
}

fn made(shared: &Shared, asked: &Asked, planned: Option<&Planned>) -> Response<Body> {
    let id = asked.path.trim_start_matches(FILES);
    let inner = shared.inner();
    let Some(task) = inner.tasks.iter().find(|task| task.id == id) else { return sent(404, &Value::Null) };
    // Its address is signed: no key goes there.
    if asked.headers.contains_key("authorization") || task.is_expired || planned == Some(&Planned::Expired) {
        return sent(403, &Value::Null);
    }
    let made = task.made.clone();
    if planned == Some(&Planned::HalfFetched) {
        let half = made[..made.len() / 2].to_vec();
        let pieces = futures_util::stream::iter([Ok(half), Err(std::io::Error::other("planned"))]);
        return Response::new(Body::from_stream(pieces));
    }
    Response::new(Body::from(made))
}
