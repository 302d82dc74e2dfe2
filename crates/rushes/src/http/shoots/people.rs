//! Who is in a shoot, and what somebody says about them. What is said becomes so by the workflow `route`.

use super::stand;
use crate::http::app::App;
use crate::http::caller::Admin;
use crate::http::file_form::FileForm;
use crate::http::problem::Problem;
use crate::http::read::{Body, Path};
use crate::http::upload::without_path;
use crate::shoots::{Merge, Stand, faces_of, finder, make};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use rushes_core::album::{Corrected, Correction, Person, Seen};
use rushes_core::record::rfc3339;
use rushes_core::{Code, Fault};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Selfies of one person at most.
const SELFIES_MAX: usize = 5;
/// One selfie at most, bytes.
const SELFIE_MAX_BYTES: u64 = 30_000_000;
/// Faces listed at once.
const FACES_MAX: u32 = 1_000;

/// Somebody in a shoot.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PersonFacts {
    /// Never used again.
    number: u32,
    name: String,
    /// Of their photos.
    folder: String,
    /// Somebody said who they are.
    is_enrolled: bool,
    /// Shown first.
    is_pinned: bool,
    /// Their folders are on this machine alone until somebody enrols them.
    is_here: bool,
    #[schema(format = DateTime)]
    consent_at: Option<String>,
    /// How they may be reached.
    contact: Option<String>,
    /// Photos they are in.
    photos: u32,
    /// Faces that may be theirs.
    in_review: u32,
    /// A face to show them by.
    face: Option<u32>,
}

impl From<Person> for PersonFacts {
    fn from(person: Person) -> Self {
        Self {
            number: person.number,
            name: person.name,
            folder: person.folder,
            is_enrolled: person.is_enrolled,
            is_pinned: person.is_pinned,
            is_here: person.is_here,
            consent_at: person.consent_ms.map(rfc3339),
            contact: person.contact,
            photos: person.photos,
            in_review: person.in_review,
            face: person.face,
        }
    }
}

/// The people of a shoot.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PeopleFacts {
    people: Vec<PersonFacts>,
}

/// A face, and why it stands as it does.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct FaceFacts {
    face: u32,
    photo: u32,
    /// `routed`, `review`, `unknown` or `not_a_face`.
    stands: &'static str,
    /// The person it is, or may be.
    person: Option<u32>,
    name: Option<String>,
    /// From that person.
    distance: Option<f32>,
    why: String,
    /// Somebody said so.
    is_fixed: bool,
    /// Left, top, width, height: shares of the photo's.
    region: [f32; 4],
}

/// Faces with the names of whose they are.
pub(super) async fn face_facts(stand: &Stand, faces: Vec<Seen>) -> Result<Vec<FaceFacts>, Fault> {
    let people = stand.album.people().await?;
    let name = |number: Option<u32>| people.iter().find(|person| Some(person.number) == number).map(|person| person.name.clone());
    let facts = |seen: Seen| FaceFacts {
        name: name(seen.person),
        face: seen.face,
        photo: seen.photo,
        stands: seen.stands.name(),
        person: seen.person,
        distance: seen.distance,
        why: seen.why,
        is_fixed: seen.is_fixed,
        region: [seen.region.x, seen.region.y, seen.region.width, seen.region.height],
    };
    Ok(faces.into_iter().map(facts).collect())
}

/// Faces somebody must decide of.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ReviewFacts {
    faces: Vec<FaceFacts>,
}

/// Two people who may be one.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct MergeFacts {
    /// Who would become the other.
    from: PersonFacts,
    /// Who would stay: enrolled, or in more photos.
    into: PersonFacts,
    /// The average between their faces.
    distance: f32,
}

impl From<Merge> for MergeFacts {
    fn from(merge: Merge) -> Self {
        Self { from: merge.from.into(), into: merge.into.into(), distance: merge.distance }
    }
}

/// Faces of nobody that may be one person's.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct FoundFacts {
    /// Their numbers.
    faces: Vec<u32>,
}

/// What may be so.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ProposedFacts {
    /// The likest first.
    merges: Vec<MergeFacts>,
    founds: Vec<FoundFacts>,
}

/// What a correction came to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CorrectedFacts {
    /// Whom it is about.
    person: Option<PersonFacts>,
    /// Photos that stand otherwise now.
    photos: u32,
    /// What was undone.
    undone: Option<String>,
}

/// Something somebody says. It holds until it is undone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "say", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::http) enum Saying {
    /// They are called otherwise; their folders move.
    Rename { person: u32, name: String },
    /// Both are one.
    Merge { into: u32, from: u32 },
    /// Both are not one, however like.
    Different { person: u32, other: u32 },
    /// These faces of nobody are one person's, somebody new.
    Found { faces: Vec<u32> },
    /// These faces of one person are another's.
    Split { faces: Vec<u32> },
    /// This face is this person's.
    Confirm { face: u32, person: u32 },
    /// This face is not this person's.
    Not { face: u32, person: u32 },
    /// This is no face.
    NotAFace { face: u32 },
    /// Shown first, or no more.
    Pin { person: u32, is_pinned: bool },
    /// What was said last is not so.
    Undo {},
}

impl From<Saying> for Correction {
    fn from(saying: Saying) -> Self {
        match saying {
            Saying::Rename { person, name } => Self::Rename { person, name },
            Saying::Merge { into, from } => Self::Merge { into, from },
            Saying::Different { person, other } => Self::Different { person, other },
            Saying::Found { faces } => Self::Found { faces },
            Saying::Split { faces } => Self::Split { faces },
            Saying::Confirm { face, person } => Self::Confirm { face, person },
            Saying::Not { face, person } => Self::NotThisPerson { face, person },
            Saying::NotAFace { face } => Self::NotAFace { face },
            Saying::Pin { person, is_pinned } => Self::Pin { person, is_pinned },
            Saying::Undo {} => Self::Undo,
        }
    }
}

async fn corrected(stand: &Stand, corrected: Corrected) -> Result<CorrectedFacts, Problem> {
    let person = stand.album.people().await?.into_iter().find(|person| Some(person.number) == corrected.person);
    Ok(CorrectedFacts { person: person.map(PersonFacts::from), photos: corrected.photos, undone: corrected.undone })
}

/// Lists the people of a shoot, those pinned and enrolled first.
#[utoipa::path(get, path = "/api/v1/shoots/{id}/people", tag = "shoots", params(("id" = String, Path, description = "The shoot's")),
    responses((status = 200, body = PeopleFacts)))]
pub(in crate::http) async fn list(State(app): State<App>, Path(id): Path<String>) -> Result<Json<PeopleFacts>, Problem> {
    let people = stand(&app, &id).await?.album.people().await?;
    Ok(Json(PeopleFacts { people: people.into_iter().map(PersonFacts::from).collect() }))
}

/// Somebody to be enrolled, as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is the document's; the form is read as it comes")]
pub(in crate::http) struct EnrolForm {
    /// As spoken.
    name: String,
    /// `yes`: they have consented to be recognised in this shoot.
    consent: String,
    /// A telephone number or an e-mail address.
    contact: Option<String>,
    /// A photo of them alone; one to five times.
    #[schema(value_type = String, format = Binary)]
    selfie: Vec<u8>,
}

/// Says who somebody is, by one to five selfies and with their consent.
#[utoipa::path(post, path = "/api/v1/shoots/{id}/people", tag = "shoots", params(("id" = String, Path, description = "The shoot's")),
    request_body(content = EnrolForm, content_type = "multipart/form-data"), responses((status = 201, body = CorrectedFacts)))]
pub(in crate::http) async fn enrol(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<CorrectedFacts>), Problem> {
    let stand = stand(&app, &id).await?;
    stand.must_recognise()?;
    let shoots = &app.desk.workflows().kit().shoots;
    finder(shoots)?;
    let form = FileForm::read(&app, request, "selfie", SELFIES_MAX, SELFIE_MAX_BYTES).await?;
    let refuse = |reason: &str| Problem::new(Code::InputInvalid, "enrol person", reason);
    if form.field("consent") != Some("yes") {
        return Err(refuse("say consent=yes once they have consented to be recognised in this shoot"));
    }
    let name = form.field("name").ok_or_else(|| refuse("the form has no field `name`"))?.to_owned();
    let contact = form.field("contact").map(str::to_owned);
    let (selfies, model) = faces_of(shoots, form.files()).await.map_err(|fault| without_path(fault, form.folder()))?;
    let enrol = Correction::Enrol { name, selfies, model, consent_ms: app.parts().clock.now_ms(), contact };
    let said = make::said(&app.desk, &stand, enrol).await?;
    Ok((StatusCode::CREATED, Json(corrected(&stand, said).await?)))
}

/// Says something about people or faces. It holds until it is undone; folders follow.
#[utoipa::path(post, path = "/api/v1/shoots/{id}/corrections", tag = "shoots", params(("id" = String, Path, description = "The shoot's")),
    request_body = Saying, responses((status = 200, body = CorrectedFacts)))]
pub(in crate::http) async fn correct(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(saying): Body<Saying>,
) -> Result<Json<CorrectedFacts>, Problem> {
    let stand = stand(&app, &id).await?;
    let said = make::said(&app.desk, &stand, saying.into()).await?;
    Ok(Json(corrected(&stand, said).await?))
}

/// Erases everything known of somebody, here and at every destination. It cannot be undone.
#[utoipa::path(delete, path = "/api/v1/shoots/{id}/people/{number}", tag = "shoots",
    params(("id" = String, Path, description = "The shoot's"), ("number" = u32, Path, description = "The person's")), responses((status = 202)))]
pub(in crate::http) async fn forget(
    State(app): State<App>,
    _: Admin,
    Path((id, person)): Path<(String, u32)>,
) -> Result<StatusCode, Problem> {
    let stand = stand(&app, &id).await?;
    make::said(&app.desk, &stand, Correction::Forget { person }).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Lists the faces somebody must decide of.
#[utoipa::path(get, path = "/api/v1/shoots/{id}/review", tag = "shoots", params(("id" = String, Path, description = "The shoot's")),
    responses((status = 200, body = ReviewFacts)))]
pub(in crate::http) async fn review(State(app): State<App>, Path(id): Path<String>) -> Result<Json<ReviewFacts>, Problem> {
    let stand = stand(&app, &id).await?;
    let faces = stand.album.faces(None, FACES_MAX).await?;
    Ok(Json(ReviewFacts { faces: face_facts(&stand, faces).await? }))
}

/// Lists people who may be one, and faces of nobody that may be one person's. Nothing of it is so until somebody says it.
#[utoipa::path(get, path = "/api/v1/shoots/{id}/proposals", tag = "shoots", params(("id" = String, Path, description = "The shoot's")),
    responses((status = 200, body = ProposedFacts)))]
pub(in crate::http) async fn proposals(State(app): State<App>, Path(id): Path<String>) -> Result<Json<ProposedFacts>, Problem> {
    let proposed = app.proposer.proposed(&stand(&app, &id).await?).await?;
    let merges = proposed.merges.into_iter().map(MergeFacts::from).collect();
    Ok(Json(ProposedFacts { merges, founds: proposed.founds.into_iter().map(|faces| FoundFacts { faces }).collect() }))
}

/// The picture of a face.
#[utoipa::path(get, path = "/api/v1/shoots/{id}/faces/{face}/crop", tag = "shoots",
    params(("id" = String, Path, description = "The shoot's"), ("face" = u32, Path, description = "The face's number")),
    responses((status = 200, description = "A JPEG", content_type = "image/jpeg")))]
pub(in crate::http) async fn crop(State(app): State<App>, Path((id, face)): Path<(String, u32)>) -> Result<Response, Problem> {
    let crop = stand(&app, &id).await?.album.crop(face).await?;
    let crop = crop.ok_or_else(|| Fault::new(Code::NotFound, "look up face").with("face", face))?;
    Ok(([(CONTENT_TYPE, "image/jpeg"), (CACHE_CONTROL, "private, no-store")], crop).into_response())
}
