//! `/join/{shoot}/{secret}`: what is done with the face, in plain words, and consent to it. The camera is on the page behind.

use super::{Named, Paged, Refusal, page, peer_of, stand};
use crate::http::{App, Peer};
use crate::shoots::{Stand, invite};
use crate::ui::form::Form;
use crate::ui::shell::go_to;
use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rushes_core::album::guests::Invitation;
use rushes_core::record::rfc3339;
use std::net::IpAddr;

#[derive(Template)]
#[template(path = "guest_join.html")]
struct Join {
    title: String,
    name: String,
    at: String,
    has_pin: bool,
    /// The day on which what is known of faces is erased.
    expires: Option<String>,
    wrong: Option<&'static str>,
}

impl Paged for Join {}

async fn invited(app: &App, peer: IpAddr, shoot: &str, secret: &str) -> Result<(Stand, Invitation), Refusal> {
    if let Some(stand) = stand(app, shoot).await? {
        let invitation = stand.album.invitation().await?;
        if invite::lets_in(&stand, &invitation, secret, app.parts().clock.now_ms()) {
            return Ok((stand, invitation));
        }
    }
    Err(app.guests.guessed(peer))
}

fn drawn(stand: &Stand, invitation: &Invitation, secret: &str, status: StatusCode, wrong: Option<&'static str>) -> Response {
    let name = stand.subject.made.name.clone();
    let shoot = percent_encoding::utf8_percent_encode(stand.id(), percent_encoding::NON_ALPHANUMERIC);
    let view = Join {
        title: format!("{name}: find your photos"),
        at: format!("/join/{shoot}/{secret}"),
        has_pin: invitation.pin.is_some(),
        expires: stand.rules.expires_ms.map(|at_ms| rfc3339(at_ms)[..10].to_owned()),
        name,
        wrong,
    };
    page(status, &view)
}

pub(super) async fn show(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Named((shoot, secret)): Named<(String, String)>,
) -> Result<Response, Refusal> {
    let peer = peer_of(peer.as_deref());
    let (stand, invitation) = invited(&app, peer, &shoot, &secret).await?;
    Ok(drawn(&stand, &invitation, &secret, StatusCode::OK, None))
}

/// Writes the consent down, and leads to the camera.
pub(super) async fn consent(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Named((shoot, secret)): Named<(String, String)>,
    form: Form,
) -> Result<Response, Refusal> {
    let peer = peer_of(peer.as_deref());
    let (stand, invitation) = invited(&app, peer, &shoot, &secret).await?;
    if !form.has("consent") {
        let wrong = "Tick the box if you agree. Without it nothing is done with your face.";
        return Ok(drawn(&stand, &invitation, &secret, StatusCode::BAD_REQUEST, Some(wrong)));
    }
    if invitation.pin.is_some() {
        app.guests.pin(peer, stand.id())?;
        if !invite::is_pin(&stand, &invitation, &form.text("pin")) {
            let wrong = "That is not the PIN. It stands beside the code you scanned.";
            return Ok(drawn(&stand, &invitation, &secret, StatusCode::BAD_REQUEST, Some(wrong)));
        }
    }
    app.guests.join(peer, stand.id())?;
    let token = invite::new_secret();
    let (face_until_ms, _) = invite::until(&stand, app.parts().clock.now_ms());
    stand.album.admit(&invite::of_token(stand.id(), &token), face_until_ms).await?;
    let shoot = percent_encoding::utf8_percent_encode(stand.id(), percent_encoding::NON_ALPHANUMERIC);
    Ok(go_to(&format!("/guest/{shoot}/{token}")))
}
