//! `/keys`: who may ask. A new key is shown once, on the page that answers its making.

use super::form::Form;
use super::read::Path;
use super::shell::{self, Answer, Shell, Visitor};
use super::words::{self, Copies, When};
use crate::http::{self, App};
use askama::Template;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, StatusCode};
use rushes_core::key::{Key, Scope};

struct Row {
    id: String,
    name: String,
    scope: &'static str,
    made: When,
    used: Option<When>,
    revoked: Option<When>,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct Keys {
    shell: Shell,
    rows: Vec<Row>,
    is_open: bool,
    secret: Option<String>,
    secret_name: String,
    name: String,
    scope: String,
    wrong: Option<String>,
}

impl Copies for Keys {}

async fn view(app: &App, visitor: &Visitor) -> Result<Keys, rushes_core::Fault> {
    let shell = Shell::of(app, visitor, "keys", "Keys").await?;
    let keys = if shell.may_admin { app.parts().store.keys().await? } else { Vec::new() };
    let own = visitor.caller.key_id();
    let when = |at_ms: i64| When { at_ms, now_ms: shell.now_ms };
    let row = |key: Key| Row {
        is_own: own.as_ref() == Some(&key.id),
        id: key.id,
        name: key.name,
        scope: says(key.scope),
        made: when(key.created_ms),
        used: key.used_ms.map(when),
        revoked: key.revoked_ms.map(when),
    };
    let rows: Vec<Row> = keys.into_iter().map(row).collect();
    Ok(Keys {
        is_open: own.is_none(),
        rows,
        shell,
        secret: None,
        secret_name: String::new(),
        name: String::new(),
        scope: "run".into(),
        wrong: None,
    })
}

fn says(scope: Scope) -> &'static str {
    match scope {
        Scope::Work => "may do the work of jobs",
        Scope::Read => "may look",
        Scope::Run => "may start and stop work",
        Scope::Admin => "may do everything",
    }
}

pub(super) async fn show(State(app): State<App>, visitor: Visitor) -> Answer {
    let mut keys = view(&app, &visitor).await?;
    if keys.is_open {
        keys.scope = "admin".into();
    }
    Ok(shell::page(StatusCode::OK, &keys))
}

/// Makes a key and shows it. The first one of all lets its maker in at once, who would else be shut out.
pub(super) async fn make(State(app): State<App>, visitor: Visitor, form: Form) -> Answer {
    visitor.need(Scope::Admin)?;
    let (name, scope) = (form.text("name"), form.text("scope"));
    let is_first = visitor.caller.key_id().is_none();
    let made = if is_first && scope != "admin" {
        Err("The first key must be one that may do everything; without it nobody could make another.".to_owned())
    } else {
        http::add_key(&app, &name, &scope).await.map_err(|problem| match &problem.fault().reason {
            Some(reason) => words::capital(reason),
            None => problem.fault().code.row().title.to_owned(),
        })
    };
    match made {
        Ok((key, secret)) => {
            let cookie = is_first.then(|| super::login::cookie(&secret));
            let mut keys = view(&app, &visitor).await?;
            keys.is_open = false;
            (keys.secret_name, keys.secret) = (key.name, Some(secret));
            let mut response = shell::page(StatusCode::OK, &keys);
            if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(wrong) => {
            let keys = Keys { name, scope, wrong: Some(wrong), ..view(&app, &visitor).await? };
            Ok(shell::page(StatusCode::BAD_REQUEST, &keys))
        }
    }
}

/// It opens nothing from now on.
pub(super) async fn revoke(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    visitor.need(Scope::Admin)?;
    app.parts().store.revoke_key(&id).await?;
    Ok(shell::go_to("/keys"))
}
