//! Webhooks: endpoints, secrets, the log of what was sent, and sending again. All of it is for those who may everything: an
//! address often holds a secret of its own.

use super::app::App;
use super::caller::{Admin, Caller};
use super::idempotency::Instead;
use super::problem::Problem;
use super::read::{Body, Path, Query};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::{Extension, Json};
use rushes_core::record::rfc3339;
use rushes_core::webhook::{Endpoint, Message, MessageFilter, MessageState, Secrets, Try};
use rushes_core::{Code, EndpointId, JobId, MessageId};
use rushes_engine::hooks;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An endpoint to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// Where to: https or http, and an address of the public internet.
    #[schema(max_length = 2048)]
    url: String,
    /// What it wants to hear of; none = all: `pipeline.completed`, `pipeline.failed`, `pipeline.cancelled`, `job.completed`, …
    #[serde(default)]
    types: Vec<String>,
}

/// What is to change about an endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookChange {
    /// Whether anything is sent there.
    enabled: bool,
}

/// A registered endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookView {
    id: String,
    url: String,
    /// Empty = all.
    types: Vec<String>,
    /// The id of the key whose secret signs; null: the home's own secret.
    key: Option<String>,
    enabled: bool,
    /// Why nothing is sent there.
    disabled_why: Option<String>,
    created_at: String,
}

impl WebhookView {
    fn of(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url,
            types: endpoint.types,
            key: Some(endpoint.key).filter(|key| !key.is_empty()),
            enabled: endpoint.disabled_why.is_none(),
            disabled_why: endpoint.disabled_why,
            created_at: rfc3339(endpoint.created_ms),
        }
    }
}

/// Every endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookList {
    webhooks: Vec<WebhookView>,
}

/// Lists the registered endpoints.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", responses((status = 200, body = WebhookList)))]
pub(super) async fn list(_: Admin, State(app): State<App>) -> Result<Json<WebhookList>, Problem> {
    let endpoints = app.parts().store.endpoints().await?;
    Ok(Json(WebhookList { webhooks: endpoints.into_iter().map(WebhookView::of).collect() }))
}

/// Registers an endpoint. The secret of the key that asks signs what is sent there.
#[utoipa::path(post, path = "/api/v1/webhooks", tag = "webhooks", request_body = NewWebhook, responses((status = 201, body = WebhookView)))]
pub(super) async fn add(
    _: Admin,
    caller: Caller,
    State(app): State<App>,
    Body(new): Body<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookView>), Problem> {
    let endpoint = hooks::add(app.parts(), new.url, new.types, caller.key).await?;
    Ok((StatusCode::CREATED, Json(WebhookView::of(endpoint))))
}

/// One endpoint.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = WebhookView)))]
pub(super) async fn show(_: Admin, State(app): State<App>, Path(id): Path<String>) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(WebhookView::of(endpoint(&app, &id).await?)))
}

async fn endpoint(app: &App, id: &str) -> Result<Endpoint, Problem> {
    let found = app.parts().store.endpoints().await?.into_iter().find(|endpoint| endpoint.id.to_string() == id);
    found.ok_or_else(|| unknown("webhook", id))
}

fn unknown(what: &str, id: &str) -> Problem {
    Problem::new(Code::NotFound, "look up webhook", format!("there is no {what} {id:?}"))
}

fn endpoint_id(id: &str) -> Result<EndpointId, Problem> {
    id.parse().map_err(|_| unknown("webhook", id))
}

fn message_id(id: &str) -> Result<MessageId, Problem> {
    id.parse().map_err(|_| unknown("message", id))
}

/// Sends to an endpoint again, or no more.
#[utoipa::path(patch, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path, description = "Its id")),
    request_body = WebhookChange, responses((status = 200, body = WebhookView)))]
pub(super) async fn change(
    _: Admin,
    State(app): State<App>,
    Path(id): Path<String>,
    Body(change): Body<WebhookChange>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(WebhookView::of(hooks::enable(app.parts(), endpoint_id(&id)?, change.enabled).await?)))
}

/// Forgets an endpoint. What is owed there is given up.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path, description = "Its id")),
    responses((status = 204)))]
pub(super) async fn remove(_: Admin, State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    app.parts().store.remove_endpoint(endpoint_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A message that will be sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sent {
    /// What its `webhook-id` says.
    message: String,
}

/// Sends an endpoint a message of type `webhook.test`.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path, description = "Its id")),
    responses((status = 202, body = Sent)))]
pub(super) async fn test(_: Admin, State(app): State<App>, Path(id): Path<String>) -> Result<(StatusCode, Json<Sent>), Problem> {
    let message = app.parts().store.owe_test(endpoint_id(&id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(Sent { message: message.to_string() })))
}

/// Which messages to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Only of this job.
    #[serde(default)]
    job: Option<String>,
    /// Only those that are owed, being sent, done or refused.
    #[serde(default)]
    #[param(pattern = "^(owed|sending|done|refused)$")]
    state: Option<String>,
    /// Go on after a list: its `next`.
    #[serde(default)]
    cursor: Option<String>,
    /// At most this many.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 200)]
    limit: u32,
}

fn default_limit() -> u32 {
    50
}

/// Messages, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Log {
    deliveries: Vec<MessageView>,
    /// The cursor of what follows; null at the end.
    next: Option<String>,
}

/// A message and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageView {
    /// What its `webhook-id` says, the same in every try.
    id: String,
    /// The registered endpoint; null for an address a job brought.
    webhook: Option<String>,
    url: String,
    #[serde(rename = "type")]
    message_type: String,
    job_id: Option<String>,
    /// `owed`, `sending`, `done` or `refused`.
    state: &'static str,
    /// Tries since it was owed, or owed again.
    attempts: u32,
    next_attempt_at: Option<String>,
    created_at: String,
    ended_at: Option<String>,
    /// The newest first.
    tries: Vec<TryView>,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TryView {
    at: String,
    /// How long it took, milliseconds.
    ms: u64,
    /// The HTTP status; null where there was no answer.
    status: Option<u16>,
    /// The beginning of the answer, or why there was none.
    said: String,
}

impl MessageView {
    fn of(message: Message) -> Self {
        let tried = |one: Try| TryView { at: rfc3339(one.at_ms), ms: one.ms, status: one.status, said: one.said };
        Self {
            id: message.id.to_string(),
            webhook: message.endpoint.map(|id| id.to_string()),
            url: message.url,
            message_type: message.message_type,
            job_id: message.job.map(|id| id.to_string()),
            state: message.state.name(),
            attempts: message.attempts,
            next_attempt_at: message.next_ms.map(rfc3339),
            created_at: rfc3339(message.created_ms),
            ended_at: message.ended_ms.map(rfc3339),
            tries: message.tries.into_iter().map(tried).collect(),
        }
    }
}

async fn log_of(app: &App, endpoint: Option<EndpointId>, query: LogQuery) -> Result<Json<Log>, Problem> {
    let refuse = |reason: String| Problem::new(Code::InputInvalid, "list webhooks", reason);
    if !(1..=200).contains(&query.limit) {
        return Err(refuse(format!("limit is 1 to 200, not {}", query.limit)));
    }
    let state =
        |name: String| MessageState::named(&name).ok_or_else(|| refuse(format!("state is owed, sending, done or refused, not {name:?}")));
    let before = |cursor: String| cursor.parse().map_err(|_| refuse(format!("{cursor:?} is no cursor of this list")));
    let job = |id: String| id.parse::<JobId>().map_err(|_| refuse(format!("{id:?} is no job id")));
    let filter = MessageFilter {
        endpoint,
        job: query.job.map(job).transpose()?,
        state: query.state.map(state).transpose()?,
        before: query.cursor.map(before).transpose()?,
        limit: query.limit + 1,
    };
    let mut found = app.parts().store.messages(&filter).await?;
    let is_more = found.len() > query.limit as usize;
    found.truncate(query.limit as usize);
    let next = found.last().filter(|_| is_more).map(|message| message.seq.to_string());
    Ok(Json(Log { deliveries: found.into_iter().map(MessageView::of).collect(), next }))
}

/// What was sent, or will be, to everybody.
#[utoipa::path(get, path = "/api/v1/webhooks/deliveries", tag = "webhooks", params(LogQuery), responses((status = 200, body = Log)))]
pub(super) async fn log(_: Admin, State(app): State<App>, Query(query): Query<LogQuery>) -> Result<Json<Log>, Problem> {
    log_of(&app, None, query).await
}

/// What was sent, or will be, to one endpoint.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = String, Path, description = "Its id"), LogQuery),
    responses((status = 200, body = Log)))]
pub(super) async fn log_of_one(
    _: Admin,
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<LogQuery>,
) -> Result<Json<Log>, Problem> {
    let endpoint = endpoint(&app, &id).await?;
    log_of(&app, Some(endpoint.id), query).await
}

/// One message with its tries.
#[utoipa::path(get, path = "/api/v1/webhooks/deliveries/{message}", tag = "webhooks",
    params(("message" = String, Path, description = "Its id, as `webhook-id` says")), responses((status = 200, body = MessageView)))]
pub(super) async fn message(_: Admin, State(app): State<App>, Path(message): Path<String>) -> Result<Json<MessageView>, Problem> {
    Ok(Json(MessageView::of(app.parts().store.message(message_id(&message)?).await?)))
}

/// Sends a message again at once, with the same id and bytes.
#[utoipa::path(post, path = "/api/v1/webhooks/deliveries/{message}/redeliver", tag = "webhooks",
    params(("message" = String, Path, description = "Its id, as `webhook-id` says")), responses((status = 202, body = Sent)))]
pub(super) async fn redeliver(_: Admin, State(app): State<App>, Path(message): Path<String>) -> Result<(StatusCode, Json<Sent>), Problem> {
    let owed = app.parts().store.redeliver(message_id(&message)?).await?;
    Ok((StatusCode::ACCEPTED, Json(Sent { message: owed.id.to_string() })))
}

/// Whose secret.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SecretQuery {
    /// The id or name of a key; none = the key that asks.
    #[serde(default)]
    key: Option<String>,
}

/// A secret that signs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretView {
    /// The id of its key; null: it is the home's own.
    key: Option<String>,
    /// `whsec_…`, for a verifier of Standard Webhooks; null where an answer is given again: it is kept without.
    secret: Option<String>,
    /// Until when the one before signs too.
    previous_until: Option<String>,
}

type Unkept = ([(HeaderName, &'static str); 1], Extension<Instead>, Json<SecretView>);

fn shown(app: &App, key: String, secrets: Secrets) -> Unkept {
    let now_ms = app.parts().clock.now_ms();
    let previous_until = secrets.previous.map(|(_, until_ms)| until_ms).filter(|until_ms| *until_ms > now_ms).map(rfc3339);
    let mut view = SecretView { key: Some(key).filter(|key| !key.is_empty()), secret: None, previous_until };
    let kept = Instead::of(&view);
    view.secret = Some(secrets.current);
    ([(CACHE_CONTROL, "no-store")], kept, Json(view))
}

async fn key_of(app: &App, caller: Caller, query: SecretQuery) -> Result<String, Problem> {
    match query.key {
        None => Ok(caller.key),
        Some(key) => Ok(hooks::key_named(app.parts(), &key).await?),
    }
}

/// The secret by which the messages of a key are signed.
#[utoipa::path(get, path = "/api/v1/webhooks/secret", tag = "webhooks", params(SecretQuery), responses((status = 200, body = SecretView)))]
pub(super) async fn secret(_: Admin, caller: Caller, State(app): State<App>, Query(query): Query<SecretQuery>) -> Result<Unkept, Problem> {
    let key = key_of(&app, caller, query).await?;
    let secrets = hooks::secrets(app.parts(), &key).await?;
    Ok(shown(&app, key, secrets))
}

/// Makes a new secret. The one before signs too for a day, so that those who verify can change over.
#[utoipa::path(post, path = "/api/v1/webhooks/secret/rotate", tag = "webhooks", params(SecretQuery), responses((status = 200, body = SecretView)))]
pub(super) async fn rotate(_: Admin, caller: Caller, State(app): State<App>, Query(query): Query<SecretQuery>) -> Result<Unkept, Problem> {
    let key = key_of(&app, caller, query).await?;
    let secrets = hooks::rotate(app.parts(), &key).await?;
    Ok(shown(&app, key, secrets))
}
