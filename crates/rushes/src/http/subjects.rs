//! Subjects: characters and people, each with what belongs to it.

use super::app::App;
use super::assets::AssetFacts;
use super::page;
use super::problem::Problem;
use super::read::{Path, Query};
use super::words::SubjectWord;
use axum::Json;
use axum::extract::State;
use rushes_core::store::{AssetFilter, SubjectFilter};
use rushes_core::subject::{Subject, SubjectType};
use rushes_core::{Code, Fault};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Assets shown with one subject at most; the list of assets has them all.
const ASSETS_MAX: u32 = 200;

/// How much of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// At most this many.
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(super) limit: u32,
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// A character or a person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubjectFacts {
    /// Frozen.
    id: String,
    #[serde(rename = "type")]
    sort: SubjectWord,
    /// Unique; it will do wherever the id is asked for.
    slug: String,
    name: String,
    /// What its record says beside its assets.
    fields: Value,
}

impl SubjectFacts {
    fn of(subject: Subject) -> Self {
        let made = subject.made;
        Self { id: made.id, sort: SubjectWord(made.subject_type), slug: made.slug, name: made.name, fields: made.fields }
    }
}

/// Some characters.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CharacterPage {
    characters: Vec<SubjectFacts>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Some people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PeoplePage {
    people: Vec<SubjectFacts>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// A subject with its current assets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubjectWhole {
    #[serde(flatten)]
    facts: SubjectFacts,
    /// The newest first, at most 200.
    assets: Vec<AssetFacts>,
}

async fn some(app: &App, sort: SubjectType, query: &PageQuery) -> Result<(Vec<SubjectFacts>, Option<String>), Problem> {
    let filter =
        SubjectFilter { subject_type: Some(sort), after: page::opened(query.cursor.as_deref())?, limit: page::one_more(query.limit)? };
    let mut found = app.parts().store.subject_page(&filter).await?;
    let next = page::next(&mut found, query.limit, |subject| subject.made.id.clone());
    Ok((found.into_iter().map(SubjectFacts::of).collect(), next))
}

async fn one(app: &App, sort: SubjectType, id: &str) -> Result<Json<SubjectWhole>, Problem> {
    let store = &app.parts().store;
    let found = store.subject(id).await?.filter(|subject| subject.made.subject_type == sort);
    let subject = found.ok_or_else(|| Fault::new(Code::NotFound, "look up subject").with(sort.name(), id))?;
    let filter =
        AssetFilter { subject: Some(subject.made.id.clone()), newest_first: true, limit: Some(ASSETS_MAX), ..AssetFilter::default() };
    let listed = store.assets(&filter).await?;
    let assets = listed.iter().map(|(asset, deliveries)| AssetFacts::of(app, asset, deliveries)).collect();
    Ok(Json(SubjectWhole { facts: SubjectFacts::of(subject), assets }))
}

/// Lists characters, by id.
#[utoipa::path(get, path = "/api/v1/characters", tag = "subjects", params(PageQuery), responses((status = 200, body = CharacterPage)))]
pub(super) async fn characters(State(app): State<App>, Query(query): Query<PageQuery>) -> Result<Json<CharacterPage>, Problem> {
    let (characters, next) = some(&app, SubjectType::Character, &query).await?;
    Ok(Json(CharacterPage { characters, next }))
}

/// One character, by id or unique slug.
#[utoipa::path(get, path = "/api/v1/characters/{id}", tag = "subjects", params(("id" = String, Path, description = "Its id or unique slug")),
    responses((status = 200, body = SubjectWhole)))]
pub(super) async fn character(State(app): State<App>, Path(id): Path<String>) -> Result<Json<SubjectWhole>, Problem> {
    one(&app, SubjectType::Character, &id).await
}

/// Lists people, by id.
#[utoipa::path(get, path = "/api/v1/people", tag = "subjects", params(PageQuery), responses((status = 200, body = PeoplePage)))]
pub(super) async fn people(State(app): State<App>, Query(query): Query<PageQuery>) -> Result<Json<PeoplePage>, Problem> {
    let (people, next) = some(&app, SubjectType::Person, &query).await?;
    Ok(Json(PeoplePage { people, next }))
}

/// One person, by id or unique slug.
#[utoipa::path(get, path = "/api/v1/people/{id}", tag = "subjects", params(("id" = String, Path, description = "Their id or unique slug")),
    responses((status = 200, body = SubjectWhole)))]
pub(super) async fn person(State(app): State<App>, Path(id): Path<String>) -> Result<Json<SubjectWhole>, Problem> {
    one(&app, SubjectType::Person, &id).await
}
