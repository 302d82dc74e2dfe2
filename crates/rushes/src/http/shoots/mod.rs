//! Shoots: made, told what to do, looked at; the link their guests join by. Who is in them is `people`, what is in them `photos`.

pub(super) mod people;
pub(super) mod photos;

use super::app::App;
use super::caller::Admin;
use super::idempotency::Instead;
use super::page;
use super::problem::Problem;
use super::read::{Body, Path, Query};
use super::subjects::PageQuery;
use crate::shoots::incoming::{self, Pointed};
use crate::shoots::{Stand, Wish, invite, make};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use rushes_core::album::{Counts, Rules};
use rushes_core::record::rfc3339;
use rushes_core::store::SubjectFilter;
use rushes_core::subject::{Subject, SubjectType};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use utoipa::ToSchema;

/// What a shoot does.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RulesFacts {
    /// Whether faces are looked for.
    recognise: bool,
    /// What becomes of people nobody knows: `cloud`, `local` or `review`.
    #[schema(value_type = String)]
    unknown: rushes_core::album::Unknown,
    /// A face nearer than this is that person's.
    route_below: f32,
    /// A face nearer than this may be that person's.
    review_below: f32,
    /// The second-best person is further away by at least so much.
    margin: f32,
    /// Whether photos are taken.
    open: bool,
    /// When everything known of faces is erased.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

impl From<Rules> for RulesFacts {
    fn from(rules: Rules) -> Self {
        Self {
            recognise: rules.is_recognising,
            unknown: rules.unknown,
            route_below: rules.route_below,
            review_below: rules.review_below,
            margin: rules.margin,
            open: rules.is_open,
            expires_at: rules.expires_ms.map(rfc3339),
        }
    }
}

/// A shoot: one occasion with its photos.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShootFacts {
    id: String,
    name: String,
    rules: RulesFacts,
}

impl ShootFacts {
    fn of(subject: Subject) -> Self {
        let rules: Rules = serde_json::from_value(subject.made.fields["rules"].clone()).unwrap_or_default();
        Self { id: subject.made.id, name: subject.made.name, rules: rules.into() }
    }
}

/// Some shoots.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShootPage {
    shoots: Vec<ShootFacts>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// How much is in a shoot.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CountFacts {
    photos: u32,
    without_faces: u32,
    faces: u32,
    people: u32,
    /// Of the people, those somebody said who they are.
    enrolled: u32,
    /// Faces somebody must decide of.
    in_review: u32,
    /// Photos and people on their way to where they belong.
    unsettled: u32,
}

impl From<Counts> for CountFacts {
    fn from(counts: Counts) -> Self {
        let Counts { photos, without_faces, faces, people, enrolled, in_review, unsettled } = counts;
        Self { photos, without_faces, faces, people, enrolled, in_review, unsettled }
    }
}

/// A folder of the server's machine that photos are taken from, further to the shoot's own.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FolderFacts {
    path: String,
    /// Why nothing is taken from it now, as from a card that was pulled out; null: it is there.
    away: Option<String>,
}

impl From<Pointed> for FolderFacts {
    fn from(folder: Pointed) -> Self {
        Self { path: folder.path.display().to_string(), away: folder.away }
    }
}

/// A shoot and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShootWhole {
    #[serde(flatten)]
    facts: ShootFacts,
    counts: CountFacts,
    /// Folders that photos are taken from, further to its own.
    incoming: Vec<FolderFacts>,
    /// When the link guests join by was made; null: there is none.
    #[schema(format = DateTime)]
    link_made_at: Option<String>,
    /// Whether guests are asked for a PIN.
    has_pin: bool,
}

/// What a new shoot is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewShoot {
    /// As spoken.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[serde(default, deserialize_with = "Wish::of_object")]
    rules: Wish,
}

/// The shoot of this id, its album open.
async fn stand(app: &App, id: &str) -> Result<Stand, Problem> {
    Ok(Stand::of(app.parts().store.as_ref(), &app.desk.workflows().kit().shoots, id).await?)
}

async fn whole(app: &App, id: &str) -> Result<Json<ShootWhole>, Problem> {
    let stand = stand(app, id).await?;
    let (counts, invitation) = (stand.album.counts().await?, stand.album.invitation().await?);
    Ok(Json(ShootWhole {
        counts: counts.into(),
        incoming: incoming::pointed(&stand).await?.into_iter().map(FolderFacts::from).collect(),
        link_made_at: invitation.link.map(|_| rfc3339(invitation.made_ms)),
        has_pin: invitation.pin.is_some(),
        facts: ShootFacts::of(stand.subject),
    }))
}

/// Lists shoots, by id.
#[utoipa::path(get, path = "/api/v1/shoots", tag = "shoots", params(PageQuery), responses((status = 200, body = ShootPage)))]
pub(super) async fn list(State(app): State<App>, Query(query): Query<PageQuery>) -> Result<Json<ShootPage>, Problem> {
    let sort = Some(SubjectType::Shoot);
    let filter = SubjectFilter { subject_type: sort, after: page::opened(query.cursor.as_deref())?, limit: page::one_more(query.limit)? };
    let mut found = app.parts().store.subject_page(&filter).await?;
    let next = page::next(&mut found, query.limit, |subject| subject.made.id.clone());
    Ok(Json(ShootPage { shoots: found.into_iter().map(ShootFacts::of).collect(), next }))
}

/// Makes a shoot, with its folders.
#[utoipa::path(post, path = "/api/v1/shoots", tag = "shoots", request_body = NewShoot, responses((status = 201, body = ShootWhole)))]
pub(super) async fn make(State(app): State<App>, Body(new): Body<NewShoot>) -> Result<(StatusCode, Json<ShootWhole>), Problem> {
    let rules = new.rules.onto(Rules::default(), app.parts().clock.now_ms());
    let id = make::shoot(&app.desk, &new.name, rules).await?;
    Ok((StatusCode::CREATED, whole(&app, &id).await?))
}

/// One shoot: what it does, and how it stands.
#[utoipa::path(get, path = "/api/v1/shoots/{id}", tag = "shoots", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = ShootWhole)))]
pub(super) async fn show(State(app): State<App>, Path(id): Path<String>) -> Result<Json<ShootWhole>, Problem> {
    whole(&app, &id).await
}

/// Changes what a shoot does; what is not said stays. `{"open": false}` closes it.
#[utoipa::path(patch, path = "/api/v1/shoots/{id}", tag = "shoots", params(("id" = String, Path, description = "Its id")), request_body = Wish,
    responses((status = 200, body = ShootWhole)))]
pub(super) async fn change(State(app): State<App>, Path(id): Path<String>, Body(wish): Body<Wish>) -> Result<Json<ShootWhole>, Problem> {
    let stand = stand(&app, &id).await?;
    make::change(&app.desk, &stand, wish.onto(stand.rules, app.parts().clock.now_ms())).await?;
    whole(&app, &id).await
}

/// Where photos are taken from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFolders {
    /// Whole paths on the server's machine, in place of those there were; none: from its own alone.
    #[schema(max_items = 20)]
    folders: Vec<String>,
}

/// Has a shoot take photos from these folders, further to its own, and from no others. What lies in them is never changed.
#[utoipa::path(put, path = "/api/v1/shoots/{id}/incoming", tag = "shoots", params(("id" = String, Path, description = "Its id")),
    request_body = NewFolders, responses((status = 200, body = ShootWhole)))]
pub(super) async fn point(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<String>,
    Body(new): Body<NewFolders>,
) -> Result<Json<ShootWhole>, Problem> {
    let stand = stand(&app, &id).await?;
    let folders: Vec<PathBuf> = new.folders.into_iter().map(PathBuf::from).collect();
    incoming::point(app.parts(), &app.desk.workflows().kit().shoots, &stand, &folders).await?;
    whole(&app, &id).await
}

/// What a new link is like.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewLink {
    /// Asked for, too; empty: none is. Not given: as it was.
    #[schema(pattern = "^([0-9]{4,8})?$")]
    pin: Option<String>,
}

/// The link guests join by. It is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkFacts {
    /// Behind the address of this server.
    path: Option<String>,
}

/// Makes the link guests join by; one that there was opens nothing any more. Who has joined stays.
#[utoipa::path(post, path = "/api/v1/shoots/{id}/link", tag = "shoots", params(("id" = String, Path, description = "Its id")),
    request_body = NewLink, responses((status = 201, body = LinkFacts)))]
pub(super) async fn link(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<String>,
    Body(new): Body<NewLink>,
) -> Result<(StatusCode, Extension<Instead>, Json<LinkFacts>), Problem> {
    let stand = stand(&app, &id).await?;
    if let Some(pin) = new.pin {
        invite::set_pin(&stand, &pin).await?;
    }
    let path = invite::new_link(&stand).await?;
    Ok((StatusCode::CREATED, Instead::of(&LinkFacts { path: None }), Json(LinkFacts { path: Some(path) })))
}

/// Takes the link away: nobody joins until another is made.
#[utoipa::path(delete, path = "/api/v1/shoots/{id}/link", tag = "shoots", params(("id" = String, Path, description = "Its id")),
    responses((status = 204)))]
pub(super) async fn unlink(State(app): State<App>, _: Admin, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    stand(&app, &id).await?.album.invite(None).await?;
    Ok(StatusCode::NO_CONTENT)
}
