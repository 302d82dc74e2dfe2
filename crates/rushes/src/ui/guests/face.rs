//! A guest's name and selfies. What is wrong with a picture is told beside it, and another can be taken.

use super::{Known, Named, Paged, Refusal, page, peer_of};
use crate::http::{App, FileForm, Peer, without_path};
use crate::shoots::{faces_of, invite, make};
use crate::ui::shell::go_to;
use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use rushes_core::album::guests::Joining;
use rushes_core::{Code, Fault};

/// Selfies a guest may send.
const SELFIES_MAX: usize = 3;
/// One selfie at most, bytes.
const SELFIE_MAX_BYTES: u64 = 20_000_000;

#[derive(Template)]
#[template(path = "guest_face.html")]
struct FacePage {
    title: String,
    at: String,
    called: String,
    wrong: Option<String>,
}

impl Paged for FacePage {}

/// The page that asks for a selfie.
pub(super) fn asked(known: &Known, status: StatusCode, called: &str, wrong: Option<String>) -> Response {
    let view = FacePage { title: known.name().to_owned(), at: known.at.clone(), called: called.to_owned(), wrong };
    page(status, &view)
}

pub(super) async fn take(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Named((shoot, token)): Named<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let peer = peer_of(peer.as_deref());
    let known = Known::of(&app, peer, &shoot, &token).await?;
    if known.guest.person.is_some() {
        // Sent twice, as telephones do; what was shown first counts.
        return Ok(go_to(&known.at));
    }
    app.guests.selfie(peer)?;
    let form = match FileForm::read(&app, request, "selfie", SELFIES_MAX, SELFIE_MAX_BYTES).await {
        Ok(form) => form,
        Err(problem) => return Ok(asked(&known, problem.status(), "", Some(says(problem.fault())))),
    };
    let name = form.field("name").unwrap_or_default().to_owned();
    match join(&app, &known, &form, &name).await {
        Ok(()) => Ok(go_to(&known.at)),
        Err(fault) if fault.code == Code::NotFound => Err(Refusal::Gone),
        Err(fault) => Ok(asked(&known, StatusCode::UNPROCESSABLE_ENTITY, &name, Some(says(&fault)))),
    }
}

async fn join(app: &App, known: &Known, form: &FileForm, name: &str) -> Result<(), Fault> {
    let refuse = |reason: &str| Err(Fault::new(Code::InputInvalid, "join").because(reason));
    if name.is_empty() || name.chars().count() > 60 {
        return refuse("write your name, with at most 60 letters");
    }
    if form.files().is_empty() {
        return refuse("take a selfie first");
    }
    known.stand.must_recognise()?;
    let _turn = app.guests.looking.acquire().await.map_err(|e| Fault::new(Code::Unexpected, "look at selfie").because(e))?;
    let shoots = &app.desk.workflows().kit().shoots;
    let (selfies, model) = faces_of(shoots, form.files()).await.map_err(|fault| without_path(fault, form.folder()))?;
    let (_, until_ms) = invite::until(&known.stand, app.parts().clock.now_ms());
    let joining = Joining { name: name.to_owned(), selfies, model, until_ms };
    known.stand.album.join(&known.hash, joining, known.stand.rules).await?;
    make::route(&app.desk, known.stand.id()).await
}

/// In plain words, for people who know nothing of this program.
fn says(fault: &Fault) -> String {
    let text = match fault.code {
        Code::InputInvalid => fault.reason.clone().unwrap_or_default(),
        Code::BodyTooLarge => "that picture is too large; take it with this phone's camera".into(),
        Code::RequestSlow => "the network is slow here; try again".into(),
        Code::FacesOff => "faces are not looked for just now; tell whoever takes the photos".into(),
        _ if fault.code.name().starts_with("file_") => "that is no picture that can be read here; take another".into(),
        _ => {
            tracing::error!(%fault, "a guest could not join");
            "something is wrong here, not with your phone; try again in a minute".into()
        }
    };
    format!("{}.", crate::ui::words::capital(text.trim_end_matches('.')))
}
