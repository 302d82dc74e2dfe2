//! `/shoots/{id}`: are guests getting their photos? What needs deciding comes first, then who is there.

use super::{at, stand};
use crate::http::App;
use crate::shoots::incoming::{Pointed, pointed};
use crate::shoots::{Merge, Proposed, Stand};
use crate::ui::read::{Path, Query};
use crate::ui::shell::{self, Answer, Shell, Visitor};
use crate::ui::words::{self, Due, When};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::Fault;
use rushes_core::album::{Counts, Person, Photo, Unknown};
use rushes_core::delivery::DeliveryState;
use rushes_core::store::DeliveryFilter;
use serde::Deserialize;

/// Questions on the page.
const ASKED_MAX: u32 = 24;
/// Photos in its strip.
const NEWEST: u32 = 12;
/// Deliveries counted: beyond, there are so many or more.
const COUNTED_MAX: u32 = 500;

#[derive(Deserialize)]
pub(in crate::ui) struct Asked {
    /// What was undone a moment ago.
    undone: Option<String>,
}

/// A face that may be somebody's.
pub(super) struct Question {
    face: u32,
    photo: u32,
    person: u32,
    name: String,
    /// What that person is known by.
    known_by: Option<u32>,
    why: String,
    distance: String,
}

/// How far the photos of the shoot are.
struct Delivered {
    refused: usize,
    why: Option<String>,
    owed: usize,
}

#[derive(Template)]
#[template(path = "shoot.html")]
struct ShootPage {
    shell: Shell,
    id: String,
    at: String,
    name: String,
    counts: Counts,
    people: Vec<Person>,
    questions: Vec<Question>,
    merges: Vec<Merge>,
    /// Faces of nobody that may be one person's.
    founds: Vec<Vec<u32>>,
    newest: Vec<Photo>,
    delivered: Delivered,
    is_open: bool,
    is_recognising: bool,
    has_finder: bool,
    unknown: Unknown,
    expires: Option<Due>,
    incoming: String,
    pointed: Vec<Pointed>,
    link: Option<When>,
    has_pin: bool,
    undo: Option<(i64, String, When)>,
    undone: Option<String>,
}

/// What somebody said, as it is shown.
pub(super) fn said(what: &str, people: &[Person]) -> String {
    let name = |number: &str| {
        let known = number.parse().ok().and_then(|number: u32| people.iter().find(|person| person.number == number));
        known.map_or_else(|| format!("#{number}"), |person| person.name.clone())
    };
    let parts: Vec<&str> = what.split(' ').collect();
    match parts.as_slice() {
        ["enrol"] => "somebody was enrolled".to_owned(),
        ["split"] => "faces were given to somebody new".to_owned(),
        ["found"] => "faces of nobody were given to somebody new".to_owned(),
        ["different", who, other] => format!("{} was said not to be {}", name(who), name(other)),
        ["rename", who] => format!("{} was named", name(who)),
        ["merge", from, "into", into] => format!("#{from} was merged into {}", name(into)),
        ["pin", who] => format!("{} was pinned or let go", name(who)),
        ["face", face, "is", "none"] => format!("face {face} was called no face"),
        ["face", face, "is", "not", who] => format!("face {face} was said not to be {}", name(who)),
        ["face", face, "is", who] => format!("face {face} was said to be {}", name(who)),
        _ => what.to_owned(),
    }
}

async fn questions(stand: &Stand, people: &[Person]) -> Result<Vec<Question>, Fault> {
    let faces = stand.album.faces(None, ASKED_MAX).await?;
    let question = |seen: rushes_core::album::Seen| {
        let person = people.iter().find(|person| Some(person.number) == seen.person)?;
        Some(Question {
            face: seen.face,
            photo: seen.photo,
            person: person.number,
            name: person.name.clone(),
            known_by: person.face,
            why: words::capital(&seen.why),
            distance: seen.distance.map_or_else(String::new, |distance| format!("{distance:.2}")),
        })
    };
    Ok(faces.into_iter().filter_map(question).collect())
}

async fn delivered(app: &App, shoot: &str) -> Result<Delivered, Fault> {
    let store = &app.parts().store;
    let of = async |state: DeliveryState| {
        let filter = DeliveryFilter { state: Some(state), folder: Some(shoot.to_owned()), limit: COUNTED_MAX, ..DeliveryFilter::default() };
        store.delivery_page(&filter).await
    };
    let refused = of(DeliveryState::Refused).await?;
    let why = refused.first().and_then(|sending| sending.delivery.last_fault.as_ref()).map(|fault| {
        let why = fault.reason.as_deref().unwrap_or(fault.code.row().title);
        format!("{}.", words::capital(why.trim_end_matches('.')))
    });
    let owed = of(DeliveryState::Owed).await?.len() + of(DeliveryState::Sending).await?.len();
    Ok(Delivered { refused: refused.len(), why, owed })
}

/// The newest photos, newest first.
pub(super) async fn newest(stand: &Stand, counts: &Counts, at_most: u32) -> Result<Vec<Photo>, Fault> {
    // Numbers are given one after the other, and none is used again.
    let mut photos = stand.album.photos(None, counts.photos.saturating_sub(at_most), at_most * 2).await?;
    photos.reverse();
    photos.truncate(at_most as usize);
    Ok(photos)
}

pub(in crate::ui) async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Query(asked): Query<Asked>) -> Answer {
    let stand = stand(&app, &id).await?;
    let mut shell = Shell::of(&app, &visitor, "shoots", stand.subject.made.name.clone()).await?;
    shell = shell.listening("subject. asset. delivery. step.done");
    shell.live.every_s = 5;
    let (people, counts) = (stand.album.people().await?, stand.album.counts().await?);
    let invitation = stand.album.invitation().await?;
    let Proposed { mut merges, mut founds } = app.proposer.proposed(&stand).await?;
    merges.truncate(ASKED_MAX as usize);
    founds.truncate(ASKED_MAX as usize);
    let now_ms = shell.now_ms;
    let undo = stand.album.last_said().await?;
    let page = ShootPage {
        at: at(stand.id()),
        name: stand.subject.made.name.clone(),
        questions: questions(&stand, &people).await?,
        merges,
        founds,
        newest: newest(&stand, &counts, NEWEST).await?,
        delivered: delivered(&app, stand.id()).await?,
        is_open: stand.rules.is_open,
        is_recognising: stand.rules.is_recognising,
        has_finder: app.desk.workflows().kit().shoots.finder.is_some(),
        unknown: stand.rules.unknown,
        expires: stand.rules.expires_ms.map(|at_ms| Due { at_ms, now_ms }),
        incoming: app.parts().home.shoots().join(stand.id()).join(rushes_workflows::shoot::INCOMING).display().to_string(),
        pointed: pointed(&stand).await?,
        link: invitation.link.map(|_| When { at_ms: invitation.made_ms, now_ms }),
        has_pin: invitation.pin.is_some(),
        undo: undo.map(|(number, at_ms, what)| (number, said(&what, &people), When { at_ms, now_ms })),
        undone: asked.undone.map(|what| said(&what, &people)),
        id: stand.subject.made.id,
        counts,
        people,
        shell,
    };
    Ok(shell::page(StatusCode::OK, &page))
}
