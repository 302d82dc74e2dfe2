//! `/login`: takes a key and keeps it in a cookie that scripts cannot read and other sites cannot send.

use super::form::Form;
use super::read::Query;
use super::shell::{self, Answer, Shell};
use crate::http::{App, COOKIE_NAME, Caller, Peer, Problem};
use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr};

/// How long a browser keeps the key.
const KEPT_S: u32 = 30 * 24 * 3_600;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    shell: Shell,
    next: String,
    wrong: Option<String>,
}

/// The cookie that keeps a key.
pub(super) fn cookie(key: &str) -> String {
    format!("{COOKIE_NAME}={key}; Path=/; Max-Age={KEPT_S}; HttpOnly; SameSite=Strict")
}

fn place(next: &str) -> String {
    if shell::is_ours(next) { next.to_owned() } else { "/".to_owned() }
}

pub(super) async fn show(Query(asked): Query<Asked>, caller: Result<Caller, Problem>) -> Response {
    // Who needs none, or has one, need not be asked.
    if caller.is_ok() {
        return shell::go_to(&place(&asked.next));
    }
    shell::page(StatusCode::OK, &Login { shell: Shell::bare("Log in"), next: asked.next, wrong: None })
}

pub(super) async fn enter(State(app): State<App>, caller: Result<Caller, Problem>, peer: Option<Extension<Peer>>, form: Form) -> Answer {
    if let Err(problem) = caller
        && problem.status() == StatusCode::FORBIDDEN
    {
        return Err(problem.into());
    }
    let (key, next) = (form.text("key"), form.text("next"));
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(Peer(peer))| peer);
    match app.doorkeeper.look(app.parts(), peer, &key).await {
        Ok(_) => {
            let mut response = shell::go_to(&place(&next));
            let cookie = HeaderValue::from_str(&cookie(&key)).map_err(|_| shell::Trouble::unknown("key", "it holds what a key cannot"))?;
            response.headers_mut().insert(SET_COOKIE, cookie);
            Ok(response)
        }
        Err(problem) => {
            let status = problem.status();
            let wrong = match status {
                StatusCode::TOO_MANY_REQUESTS => "Too many wrong keys came from here. Wait a minute, then try again.".to_owned(),
                StatusCode::UNAUTHORIZED => "No key is like this, or it was revoked. Look for a missing letter at its ends.".to_owned(),
                _ => problem.fault().code.row().title.to_owned(),
            };
            let mut response = shell::page(status, &Login { shell: Shell::bare("Log in"), next, wrong: Some(wrong) });
            if let Some(wait_ms) = problem.fault().retry_after_ms {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1_000)));
            }
            Ok(response)
        }
    }
}

pub(super) async fn leave(caller: Result<Caller, Problem>) -> Answer {
    if let Err(problem) = caller
        && problem.status() == StatusCode::FORBIDDEN
    {
        return Err(problem.into());
    }
    let mut response = shell::go_to("/login");
    let gone = HeaderValue::from_str(&format!("{COOKIE_NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"));
    response.headers_mut().insert(SET_COOKIE, gone.unwrap_or(HeaderValue::from_static("")));
    Ok(response)
}
