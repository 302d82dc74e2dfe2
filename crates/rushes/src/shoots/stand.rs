//! What doors ask of shoots: the same for the command line, HTTP and pages.

use rushes_core::album::{Album, Person, Rules};
use rushes_core::faces::{Face, FaceFinder};
use rushes_core::store::Store;
use rushes_core::subject::{Subject, SubjectType};
use rushes_core::{Cancel, Code, Fault};
use rushes_workflows::Shoots;
use std::path::Path;
use std::sync::Arc;

/// A shoot, with its album open.
pub(crate) struct Stand {
    pub(crate) subject: Subject,
    pub(crate) rules: Rules,
    pub(crate) album: Arc<dyn Album>,
}

impl Stand {
    /// Errors: `not_found`; those of opening its album.
    pub(crate) async fn of(store: &dyn Store, shoots: &Shoots, id: &str) -> Result<Self, Fault> {
        let missing = || Fault::new(Code::NotFound, "find shoot").with("shoot", id).because("`rushes shoots ls` lists them");
        let subject = store.subject(id).await?.filter(|subject| subject.made.subject_type == SubjectType::Shoot).ok_or_else(missing)?;
        let rules = serde_json::from_value(subject.made.fields["rules"].clone())
            .map_err(|e| Fault::new(Code::InputInvalid, "read rules of shoot").with("shoot", id).because(e))?;
        let album = shoots.albums.album(&subject.made.id).await?;
        Ok(Self { subject, rules, album })
    }

    pub(crate) fn id(&self) -> &str {
        &self.subject.made.id
    }

    /// Errors: `faces_off` where nothing can be recognised.
    pub(crate) fn must_recognise(&self) -> Result<(), Fault> {
        let reason = format!("this shoot recognises nobody; `rushes shoots set {} --recognise` turns that on", self.id());
        if self.rules.is_recognising { Ok(()) } else { Err(Fault::new(Code::FacesOff, "recognise").because(reason)) }
    }
}

/// The person of this number, folder or name. Errors: `not_found`; `input_invalid` where several are called so.
pub(crate) fn person_named<'a>(people: &'a [Person], who: &str) -> Result<&'a Person, Fault> {
    let by_number = who.trim_start_matches('#').parse::<u32>().ok();
    let is_meant = |person: &&Person| Some(person.number) == by_number || person.folder == who;
    if let Some(person) = people.iter().find(is_meant) {
        return Ok(person);
    }
    let wanted = who.to_lowercase();
    let mut called = people.iter().filter(|person| person.name.to_lowercase() == wanted);
    match (called.next(), called.next()) {
        (Some(person), None) => Ok(person),
        (Some(_), Some(_)) => {
            let reason = format!("several are called {who}; name one by the number or folder that `rushes people ls` shows");
            Err(Fault::new(Code::InputInvalid, "find person").because(reason))
        }
        _ => Err(Fault::new(Code::NotFound, "find person").with("person", who).because("`rushes people ls` lists them")),
    }
}

/// Who finds faces. Errors: `faces_off` where there is no model.
pub(crate) fn finder(shoots: &Shoots) -> Result<Arc<dyn FaceFinder>, Fault> {
    shoots.finder.clone().ok_or_else(|| Fault::new(Code::FacesOff, "enrol person").because("there is no model"))
}

/// The face of each selfie, and what found them. Errors: `faces_off`; those of [`selfie`].
pub(crate) async fn faces_of(shoots: &Shoots, selfies: &[impl AsRef<Path>]) -> Result<(Vec<Face>, String), Fault> {
    let finder = finder(shoots)?;
    let mut faces = Vec::new();
    for photo in selfies {
        faces.push(selfie(finder.as_ref(), photo.as_ref()).await?);
    }
    Ok((faces, finder.model().to_owned()))
}

/// The one face of a selfie. Errors: `input_invalid` where there is none, or several; those of looking.
pub(crate) async fn selfie(finder: &dyn FaceFinder, photo: &Path) -> Result<Face, Fault> {
    let seen = finder.look(photo, &Cancel::new()).await?;
    let refuse = |reason: &str| Err(Fault::new(Code::InputInvalid, "look at selfie").because(reason));
    // Who stands far behind is nobody's selfie.
    let largest = seen.faces.first().map_or(0.0, |face| face.region.height);
    let mut near = seen.faces.into_iter().filter(|face| face.region.height >= largest * 0.35);
    match (near.next(), near.next()) {
        (None, _) => refuse("no face is seen in it: take it in better light, looking into the camera"),
        (Some(_), Some(_)) => refuse("several faces are seen in it: take it alone"),
        (Some(face), None) if face.quality.size_px < 60 => refuse("the face in it is too small: come nearer"),
        (Some(face), None) => Ok(face),
    }
}
