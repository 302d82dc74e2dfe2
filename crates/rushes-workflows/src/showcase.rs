//! `showcase`: a page that shows what was made, from the records and the addresses of what is proven at its destination.
//! It lies beside the media it shows, so a bucket, a folder and a web server can all hand it out as it is.
//!
//! `gather` reads what is shown, `address` says where it is, `page` draws it. No clock and no chance is in the page: of an
//! unchanged library it comes out byte by byte the same, and makes no new version.

mod address;
mod gather;
mod page;
#[cfg(test)]
mod tests;

use crate::kit::Kit;
use crate::outside::{Field, Look, Outside, Parameters, Plan};
use crate::registry::Card;
use gather::{Gallery, gather};
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::{Done, Fault, Kind, Stop, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "showcase",
    version: 1,
    collection: None,
    is_short: false,
    about: "a page for the web with every character's films and portraits",
    outside: Some(Outside::of::<Input>()),
};

/// Characters that may be named.
const CHARACTERS_MAX: usize = 1_000;
/// Whom the page belongs to: no character, and no user.
const SUBJECT: &str = "showcase";
/// Its name in its folder.
const NAME: &str = "index";

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) title: String,
    pub(crate) characters: Vec<String>,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::usually("title", "title", "Showcase", "What stands above the page."),
            Field::texts(
                "characters",
                "character",
                CHARACTERS_MAX,
                "The id or unique name of a character to show; none = every one that has something to show.",
            ),
        ]
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let gallery = gather(look.library, &look.kit.routes, &self.characters).await?;
        Ok(Plan::of(CARD.name, 1, [Kind::ShowcasePage.name()]).found(gallery.to_string()))
    }
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let routes = kit.routes.clone();
    let step = Step::new(Kind::ShowcasePage.name()).inputs(&input);
    flow.step(step, move |context: StepContext| async move {
        let library = context.library.as_ref();
        let gallery = gather(library, &routes, &input.characters).await?;
        let html = page::draw(&input.title, &gallery)?;
        let (sha256, _) = digest::sha256(html.as_bytes()).map_err(|error| failed(&error))?;
        let file = context.scratch()?.join("page.html");
        let asset = context.new_asset(Kind::ShowcasePage, SUBJECT, &file).name("name", NAME);
        let path = format!("{}.html", asset.reference()?.stem);
        let is_new = library.sha256_at(&path).await?.as_ref() != Some(&sha256);
        let told = told(&gallery, &path, is_new);
        if !is_new {
            return Ok(Done::value(told));
        }
        File::create(&file).and_then(|mut open| open.write_all(html.as_bytes())).map_err(|e| Fault::io("write page", &file, &e))?;
        Ok(Done::value(told).with(asset))
    })
    .await
}

/// What the job's value says.
fn told(gallery: &Gallery, path: &str, is_new: bool) -> Value {
    json!({
        "page": path, "is_new": is_new, "characters": gallery.people.len(), "films": gallery.films(),
        "opens_until": gallery.until(),
    })
}

fn failed(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(rushes_core::Code::Unexpected, "draw page").because(error)
}
