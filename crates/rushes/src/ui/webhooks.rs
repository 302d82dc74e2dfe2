//! `/webhooks`: who is told of the ends of jobs, and what came of telling them. All of it is for those who may everything.

use super::form::Form;
use super::read::Path;
use super::shell::{self, Answer, Shell, Trouble, Visitor};
use super::words::{self, Copies, State, When};
use crate::http::App;
use askama::Template;
use axum::extract;
use axum::http::StatusCode;
use rushes_core::key::Scope;
use rushes_core::webhook::{Endpoint, Message, MessageFilter, MessageState, Try};
use rushes_core::{Code, EndpointId, Fault};
use rushes_engine::hooks;

/// Messages of the log on the page.
const PAGE: u32 = 50;

struct EndpointRow {
    id: String,
    url: String,
    types: String,
    made: When,
    disabled_why: Option<String>,
}

struct TryRow {
    at: When,
    took: String,
    said: String,
}

struct MessageRow {
    id: String,
    url: String,
    about: String,
    job: Option<String>,
    state: State,
    made: When,
    next: Option<String>,
    tries: Vec<TryRow>,
    may_go_again: bool,
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct Webhooks {
    shell: Shell,
    endpoints: Vec<EndpointRow>,
    messages: Vec<MessageRow>,
    refused: usize,
    secret: Option<String>,
    url: String,
    wrong: Option<String>,
}

impl Copies for Webhooks {}

pub(super) async fn show(extract::State(app): extract::State<App>, visitor: Visitor) -> Answer {
    Ok(shell::page(StatusCode::OK, &view(&app, &visitor).await?))
}

async fn view(app: &App, visitor: &Visitor) -> Result<Webhooks, Fault> {
    let shell =
        Shell::of(app, visitor, "webhooks", "Webhooks").await?.listening("webhook. message. job.completed job.failed job.cancelled");
    let store = &app.parts().store;
    let (mut endpoints, mut messages, mut secret) = (Vec::new(), Vec::new(), None);
    if shell.may_admin {
        endpoints = store.endpoints().await?.into_iter().map(|one| endpoint(one, shell.now_ms)).collect();
        let log = store.messages(&MessageFilter { limit: PAGE, ..MessageFilter::default() }).await?;
        messages = log.into_iter().map(|one| message(one, shell.now_ms)).collect();
        if !endpoints.is_empty() {
            secret = Some(hooks::secrets(app.parts(), &visitor.caller.key).await?.current);
        }
    }
    let refused = messages.iter().filter(|message: &&MessageRow| message.state.class == "refused").count();
    Ok(Webhooks { shell, endpoints, messages, refused, secret, url: String::new(), wrong: None })
}

fn endpoint(endpoint: Endpoint, now_ms: i64) -> EndpointRow {
    EndpointRow {
        id: endpoint.id.to_string(),
        types: if endpoint.types.is_empty() { "every end of a job".to_owned() } else { endpoint.types.join(", ") },
        url: endpoint.url,
        made: When { at_ms: endpoint.created_ms, now_ms },
        disabled_why: endpoint.disabled_why,
    }
}

fn message(message: Message, now_ms: i64) -> MessageRow {
    let (class, icon, word) = match message.state {
        MessageState::Owed => ("moving", "clock", "waiting"),
        MessageState::Sending => ("moving", "send", "sending"),
        MessageState::Done => ("proven", "check", "taken"),
        MessageState::Refused => ("refused", "alert", "given up"),
    };
    MessageRow {
        id: message.id.to_string(),
        url: message.url,
        about: message.message_type,
        job: message.job.map(|id| id.to_string()),
        state: State { class, icon, word },
        made: When { at_ms: message.created_ms, now_ms },
        next: message.next_ms.filter(|at_ms| *at_ms > now_ms).map(|at_ms| words::about(at_ms - now_ms)),
        tries: message.tries.into_iter().map(|one| tried(one, now_ms)).collect(),
        may_go_again: message.state != MessageState::Sending,
    }
}

fn tried(one: Try, now_ms: i64) -> TryRow {
    let said = match one.status {
        Some(status) if one.said.is_empty() => format!("answered {status}"),
        Some(status) => format!("answered {status}: {}", one.said),
        None => one.said,
    };
    TryRow { at: When { at_ms: one.at_ms, now_ms }, took: words::took(i64::try_from(one.ms).unwrap_or(i64::MAX)), said }
}

/// Registers an address, or shows the form with what is wrong with it.
pub(super) async fn add(extract::State(app): extract::State<App>, visitor: Visitor, form: Form) -> Answer {
    visitor.need(Scope::Admin)?;
    match hooks::add(app.parts(), form.text("url"), Vec::new(), visitor.caller.key.clone()).await {
        Ok(_) => Ok(shell::go_to("/webhooks")),
        Err(fault) if fault.code == Code::InputInvalid => {
            let wrong = fault.reason.as_deref().map_or_else(|| fault.code.row().title.to_owned(), words::capital);
            let view = Webhooks { url: form.text("url"), wrong: Some(wrong), ..view(&app, &visitor).await? };
            Ok(shell::page(StatusCode::BAD_REQUEST, &view))
        }
        Err(fault) => Err(fault.into()),
    }
}

fn parse(id: &str) -> Result<EndpointId, Trouble> {
    id.parse().map_err(|_| Trouble::unknown("webhook", id))
}

/// Does one of the things that can be done with an endpoint: `test`, `on`, `off`, `remove`.
pub(super) async fn change(extract::State(app): extract::State<App>, visitor: Visitor, Path((id, what)): Path<(String, String)>) -> Answer {
    visitor.need(Scope::Admin)?;
    let parsed = parse(&id)?;
    let parts = app.parts();
    match what.as_str() {
        "test" => parts.store.owe_test(parsed).await.map(drop)?,
        "on" | "off" => hooks::enable(parts, parsed, what == "on").await.map(drop)?,
        "remove" => parts.store.remove_endpoint(parsed).await?,
        _ => return Err(Trouble::unknown("page", &what)),
    }
    Ok(shell::go_to("/webhooks"))
}

/// Has a message sent again, with the same id and bytes.
pub(super) async fn redeliver(extract::State(app): extract::State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    visitor.need(Scope::Admin)?;
    app.parts().store.redeliver(id.parse().map_err(|_| Trouble::unknown("message", &id))?).await?;
    Ok(shell::go_to("/webhooks"))
}
