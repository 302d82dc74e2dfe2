//! The link guests join by: made, shown once with its code to print, taken away.

use super::{at, stand};
use crate::http::App;
use crate::shoots::address::outside;
use crate::shoots::invite;
use crate::ui::form::Form;
use crate::ui::read::Path;
use crate::ui::shell::{self, Answer, Shell, Visitor};
use crate::ui::words::Copies;
use askama::Template;
use axum::extract::State;
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use rushes_core::key::Scope;

#[derive(Template)]
#[template(path = "shoot_link.html")]
struct Made {
    shell: Shell,
    at: String,
    name: String,
    link: String,
    qr: String,
    pin: Option<String>,
    is_reachable: bool,
}

impl Copies for Made {}

pub(in crate::ui) async fn make(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    visitor.need(Scope::Admin)?;
    let stand = stand(&app, &id).await?;
    let pin = form.text("pin");
    invite::set_pin(&stand, &pin).await?;
    let path = invite::new_link(&stand).await?;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let outside = outside(host, &app.config.server.address());
    let link = format!("{}{path}", outside.base);
    let page = Made {
        shell: Shell::of(&app, &visitor, "shoots", format!("Guests of {}", stand.subject.made.name)).await?,
        at: at(stand.id()),
        name: stand.subject.made.name.clone(),
        qr: invite::qr_svg(&link)?,
        pin: (!pin.is_empty()).then_some(pin),
        is_reachable: outside.is_reachable,
        link,
    };
    Ok(shell::page(StatusCode::OK, &page))
}

pub(in crate::ui) async fn remove(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    visitor.need(Scope::Admin)?;
    let stand = stand(&app, &id).await?;
    stand.album.invite(None).await?;
    Ok(shell::go_to(&at(stand.id())))
}
