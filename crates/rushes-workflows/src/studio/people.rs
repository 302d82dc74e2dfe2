//! New characters: a concept whose name is free.

use super::Person;
use crate::kit::Kit;
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::provider::ConceptRequest;
use rushes_core::subject::{NewSubject, SubjectType, slug};
use rushes_core::{Code, Done, Fault, Stop};
use serde_json::json;

/// Concepts drawn at most before giving up on finding a free name.
const DRAWS_MAX: u32 = 200;

/// Who is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) seed: u64,
    pub(crate) style: String,
    /// Called so; None: as the writer likes.
    pub(crate) name: Option<String>,
    /// In somebody's own words.
    pub(crate) wish: Option<String>,
    /// Pass over names that exist; false: take up the character that has it.
    pub(crate) skip_existing: bool,
    pub(crate) redo: u32,
}

/// Draws a concept whose name is free (or, when existing ones are not passed over, takes up the one that has it).
pub(crate) async fn draw<F: Flow>(flow: &F, kit: &Kit, wanted: Wanted) -> Result<Person, Stop> {
    let provider = kit.providers.text.clone();
    let Wanted { seed, style, name, wish, skip_existing, redo } = wanted;
    // A name taken between look and commit is drawn anew, so the attempts are as many as characters beside it may be.
    let step = Step::new("concept").by(&provider.card()).at_most(20).inputs(&json!([seed, style, name, wish, provider.card()]));
    flow.step(step, move |context: StepContext| async move {
        // A name that was asked for is not drawn again.
        let draws = if name.is_some() { 1 } else { DRAWS_MAX };
        for draw in 0..draws {
            let request = ConceptRequest { seed, draw, style: style.clone(), name: name.clone(), wish: wish.clone() };
            let concept = provider.make(&request, &context.call("concept")?).await?;
            let slug = slug(&concept.name);
            match context.library.subject(&slug).await? {
                Some(_) if skip_existing => {}
                Some(there) => return Ok(Done::value(Person { id: there.made.id, concept, redo })),
                None => {
                    let id = format!("{slug}_{}", context.library.now_ms() / 1_000);
                    let mut fields = json!({"tagline": concept.tagline, "traits": concept.traits, "prompt": concept.prompt, "style": concept.style, "seed": concept.seed});
                    if let Some(wish) = &wish {
                        fields["concept"] = json!(wish);
                    }
                    let subject = NewSubject { id: id.clone(), subject_type: SubjectType::Character, slug, name: concept.name.clone(), fields };
                    return Ok(Done { subjects: vec![subject], ..Done::value(Person { id, concept, redo }) });
                }
            }
        }
        let reason = match name {
            Some(name) => format!("there is a character named {name} already; choose another name, or --no-skip-existing for new versions of that one"),
            None => format!("all of {DRAWS_MAX} names drawn from this seed exist; take another seed, or --no-skip-existing for new versions"),
        };
        Err(Stop::Failed(Fault::new(Code::InputInvalid, "draw concept").because(reason)))
    })
    .await
}
