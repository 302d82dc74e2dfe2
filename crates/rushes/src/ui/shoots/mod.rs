//! `/shoots`: the occasions with photos, and where a new one is made.

pub(super) mod link;
pub(super) mod one;
pub(super) mod person;
pub(super) mod said;
pub(super) mod slideshow;

use super::form::Form;
use super::shell::{self, Answer, Shell, Visitor};
use super::words;
use crate::http::App;
use crate::shoots::{Stand, Wish, make as makes};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::Fault;
use rushes_core::album::Rules;
use rushes_core::key::Scope;
use rushes_core::store::SubjectFilter;
use rushes_core::subject::SubjectType;

/// Shoots on the page.
const SHOWN_MAX: u32 = 100;

struct Row {
    id: String,
    name: String,
    photos: u32,
    people: u32,
    in_review: u32,
    is_open: bool,
    is_recognising: bool,
}

#[derive(Template)]
#[template(path = "shoots.html")]
struct Shoots {
    shell: Shell,
    rows: Vec<Row>,
    name: String,
    wrong: Option<String>,
}

/// The shoot of this id, its album open. Errors: `not_found`.
pub(super) async fn stand(app: &App, id: &str) -> Result<Stand, Fault> {
    Stand::of(app.parts().store.as_ref(), &app.desk.workflows().kit().shoots, id).await
}

/// The address of a shoot's page.
pub(super) fn at(id: &str) -> String {
    format!("/shoots/{}", percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC))
}

async fn view(app: &App, visitor: &Visitor) -> Result<Shoots, Fault> {
    let shell = Shell::of(app, visitor, "shoots", "Shoots").await?.listening("subject. asset.made");
    let filter = SubjectFilter { subject_type: Some(SubjectType::Shoot), limit: SHOWN_MAX, ..SubjectFilter::default() };
    let mut rows = Vec::new();
    for shoot in app.parts().store.subject_page(&filter).await? {
        let stand = stand(app, &shoot.made.id).await?;
        let counts = stand.album.counts().await?;
        rows.push(Row {
            id: shoot.made.id,
            name: shoot.made.name,
            photos: counts.photos,
            people: counts.people,
            in_review: counts.in_review,
            is_open: stand.rules.is_open,
            is_recognising: stand.rules.is_recognising,
        });
    }
    Ok(Shoots { shell, rows, name: String::new(), wrong: None })
}

pub(super) async fn show(State(app): State<App>, visitor: Visitor) -> Answer {
    Ok(shell::page(StatusCode::OK, &view(&app, &visitor).await?))
}

pub(super) async fn make(State(app): State<App>, visitor: Visitor, form: Form) -> Answer {
    visitor.need(Scope::Run)?;
    let name = form.text("name");
    let wish = Wish { recognise: Some(form.has("recognise")), ..Wish::default() };
    match makes::shoot(&app.desk, &name, wish.onto(Rules::default(), app.parts().clock.now_ms())).await {
        Ok(id) => Ok(shell::go_to(&at(&id))),
        Err(fault) => {
            let wrong = words::capital(fault.reason.as_deref().unwrap_or(fault.code.row().title));
            let page = Shoots { name, wrong: Some(format!("{}.", wrong.trim_end_matches('.'))), ..view(&app, &visitor).await? };
            Ok(shell::page(StatusCode::BAD_REQUEST, &page))
        }
    }
}
