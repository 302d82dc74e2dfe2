//! What somebody says on the pages of a shoot. What is said becomes so by the workflow `route`.

use super::{at, stand};
use crate::http::App;
use crate::shoots::{Wish, make, unknown};
use crate::ui::form::Form;
use crate::ui::read::Path;
use crate::ui::shell::{self, Answer, Trouble, Visitor, is_ours};
use axum::extract::State;
use rushes_core::album::Correction;
use rushes_core::key::Scope;
use rushes_core::{Code, Fault};

fn refuse(reason: &str) -> Fault {
    Fault::new(Code::InputInvalid, "correct shoot").because(reason)
}

/// The number in a field. Errors: `input_invalid`.
fn number(form: &Form, name: &str) -> Result<u32, Fault> {
    form.get(name).and_then(|text| text.parse().ok()).ok_or_else(|| refuse(&format!("{name} is a number")))
}

/// The faces that are named. Errors: `input_invalid` where none is.
fn faces(form: &Form, none: &str) -> Result<Vec<u32>, Fault> {
    let faces: Option<Vec<u32>> = form.all("face").iter().map(|face| face.parse().ok()).collect();
    faces.filter(|faces| !faces.is_empty()).ok_or_else(|| refuse(none))
}

fn correction(form: &Form) -> Result<Correction, Fault> {
    Ok(match form.text("say").as_str() {
        "rename" => Correction::Rename { person: number(form, "person")?, name: form.text("name") },
        "merge" => Correction::Merge { into: number(form, "into")?, from: number(form, "person")? },
        "different" => Correction::Different { person: number(form, "person")?, other: number(form, "into")? },
        "found" => Correction::Found { faces: faces(form, "no face is named")? },
        "split" => Correction::Split { faces: faces(form, "choose at least one photo")? },
        "confirm" => Correction::Confirm { face: number(form, "face")?, person: number(form, "person")? },
        "not" => Correction::NotThisPerson { face: number(form, "face")?, person: number(form, "person")? },
        "not_a_face" => Correction::NotAFace { face: number(form, "face")? },
        "pin" => Correction::Pin { person: number(form, "person")?, is_pinned: form.has("is_pinned") },
        "undo" => Correction::Undo,
        _ => return Err(refuse("nothing is said")),
    })
}

pub(in crate::ui) async fn say(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, form: Form) -> Answer {
    visitor.need(Scope::Run)?;
    let stand = stand(&app, &id).await?;
    let correction = correction(&form)?;
    if matches!(correction, Correction::Undo) {
        let last = stand.album.last_said().await?.map(|(number, ..)| number.to_string());
        // A guest may have been enrolled since the page was drawn.
        if last.as_deref() != form.get("last") {
            return Err(refuse("something else was said meanwhile; look at the shoot again").into());
        }
    }
    let said = make::said(&app.desk, &stand, correction).await?;
    let home = at(stand.id());
    if let Some(undone) = said.undone {
        let undone = percent_encoding::utf8_percent_encode(&undone, percent_encoding::NON_ALPHANUMERIC);
        return Ok(shell::go_to(&format!("{home}?undone={undone}")));
    }
    let next = form.get("next").filter(|next| is_ours(next)).unwrap_or(&home);
    Ok(shell::go_to(next))
}

/// Changes what the shoot does.
pub(in crate::ui) async fn change(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, form: Form) -> Answer {
    visitor.need(Scope::Run)?;
    let stand = stand(&app, &id).await?;
    let yes = |name: &str| form.get(name).map(|text| text == "yes");
    let wish = Wish {
        recognise: yes("recognise"),
        open: yes("open"),
        unknown: form.get("unknown").and_then(unknown),
        days: form.get("days").map(|_| number(&form, "days")).transpose()?,
        ..Wish::default()
    };
    make::change(&app.desk, &stand, wish.onto(stand.rules, app.parts().clock.now_ms())).await?;
    Ok(shell::go_to(&at(stand.id())))
}

/// Erases everything known of somebody.
pub(in crate::ui) async fn forget(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, person)): Path<(String, u32)>,
) -> Result<axum::response::Response, Trouble> {
    visitor.need(Scope::Admin)?;
    let stand = stand(&app, &id).await?;
    make::said(&app.desk, &stand, Correction::Forget { person }).await?;
    Ok(shell::go_to(&at(stand.id())))
}
