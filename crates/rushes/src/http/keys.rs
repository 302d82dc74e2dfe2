//! Keys: making, listing, revoking. A key is shown once, to who makes it.

use super::app::App;
use super::caller::{Admin, new_secret};
use super::idempotency::Instead;
use super::problem::Problem;
use super::read::{Body, Path};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use rushes_core::Code;
use rushes_core::key::{Key, Scope};
use rushes_core::record::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// What its owner calls it.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What it may do: `read`, `run` or `admin`.
    #[schema(pattern = "^(read|run|admin)$")]
    scope: String,
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyView {
    id: String,
    name: String,
    scope: &'static str,
    created_at: String,
    used_at: Option<String>,
    revoked_at: Option<String>,
    /// The key itself; in the answer to its making only.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl KeyView {
    fn of(key: Key, secret: Option<String>) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scope: key.scope.name(),
            created_at: rfc3339(key.created_ms),
            used_at: key.used_ms.map(rfc3339),
            revoked_at: key.revoked_ms.map(rfc3339),
            key: secret,
        }
    }
}

/// Every key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyList {
    keys: Vec<KeyView>,
}

/// Lists the keys, revoked ones too.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", responses((status = 200, body = KeyList)))]
pub(super) async fn list(_: Admin, State(app): State<App>) -> Result<Json<KeyList>, Problem> {
    let keys = app.parts().store.keys().await?;
    Ok(Json(KeyList { keys: keys.into_iter().map(|key| KeyView::of(key, None)).collect() }))
}

/// Makes a key. It is shown in this answer and never again.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = NewKey, responses((status = 201, body = KeyView)))]
pub(super) async fn make(
    _: Admin,
    State(app): State<App>,
    Body(new): Body<NewKey>,
) -> Result<(StatusCode, Extension<Instead>, Json<KeyView>), Problem> {
    let (key, secret) = add(&app, &new.name, &new.scope).await?;
    let kept = Instead::of(&KeyView::of(key.clone(), None));
    Ok((StatusCode::CREATED, kept, Json(KeyView::of(key, Some(secret)))))
}

/// Makes a key and gives it with its secret.
pub(crate) async fn add(app: &App, name: &str, scope: &str) -> Result<(Key, String), Problem> {
    let unknown = || Problem::new(Code::InputInvalid, "make key", format!("scope is work, read, run or admin, not {scope:?}"));
    let scope = Scope::named(scope).ok_or_else(unknown)?;
    let clock = &app.parts().clock;
    let key = Key::new(clock.new_id(), name, scope, clock.now_ms())?;
    let (secret, hash) = new_secret();
    app.parts().store.add_key(&key, &hash).await?;
    Ok((key, secret))
}

/// Revokes a key. It opens nothing from a second later on, and streams it opened end.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = KeyView)))]
pub(super) async fn revoke(_: Admin, State(app): State<App>, Path(id): Path<String>) -> Result<Json<KeyView>, Problem> {
    Ok(Json(KeyView::of(app.parts().store.revoke_key(&id).await?, None)))
}
