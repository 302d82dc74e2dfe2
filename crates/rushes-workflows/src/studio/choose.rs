//! Takes of a character's look, of which somebody chooses one. Those that are not chosen are never shown.

use super::pictures::Image;
use super::{Studio, seed_of_take};
use rushes_core::choice;
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::kinds::Names;
use rushes_core::provider::{Outfit, Picture};
use rushes_core::recognise::PRIMARY;
use rushes_core::{AssetRef, Code, Done, Fault, Kind, Stop};
use serde_json::{Value, json};
use std::time::Duration;

/// The choice's name within its job.
const NAME: &str = "anime_image";
/// Nobody is waited for longer.
const WAIT: Duration = Duration::from_hours(7 * 24);

impl<F: Flow> Studio<'_, F> {
    /// Makes so many anime images of the character, each with a look of its own, and waits for somebody to choose one: that
    /// is the character's from then on. Errors: `input_invalid` when nobody chose within a week.
    pub(crate) async fn chosen_anime(&mut self, takes: u32) -> Result<AssetRef, Stop> {
        let seed = self.person.concept.seed;
        let mut images = Vec::new();
        for take in 0..takes {
            let mut studio = Studio { person: self.person.clone(), is_aside: true, ..*self };
            studio.person.concept.seed = seed_of_take(seed, take);
            images.push(studio.image(Image {
                step: format!("{NAME} take {}", take + 1),
                kind: Kind::AnimeImage,
                picture: Picture::Anime,
                outfit: Outfit::signature(),
                like: None,
                title: PRIMARY.to_owned(),
                names: Names::new(),
            }));
        }
        let made = self.flow.all(images).await.into_iter().collect::<Result<Vec<AssetRef>, Stop>>()?;
        let offered = made.clone();
        let offer = Step::new(choice::step_of(NAME));
        self.flow.step(offer, move |_: StepContext| async move { Ok(Done::value(json!({"takes": offered}))) }).await?;
        let answer: Option<Value> = self.flow.signal(&choice::signal_of(NAME), "once", WAIT).await?;
        let nobody = || {
            Fault::new(Code::InputInvalid, "wait for choice")
                .with("choice", NAME)
                .because("nobody chose a take within a week; start it again")
        };
        let take = answer
            .and_then(|answer| answer["take"].as_u64())
            .and_then(|take| u32::try_from(take).ok())
            .and_then(|take| take.checked_sub(1));
        let (take, chosen) = take.and_then(|take| Some((take, made.get(take as usize)?.clone()))).ok_or_else(|| Stop::Failed(nobody()))?;
        self.person.concept.seed = seed_of_take(seed, take);
        self.take_up(&chosen).await?;
        Ok(chosen)
    }

    /// Shows the chosen take; the character keeps its seed.
    async fn take_up(&self, chosen: &AssetRef) -> Result<(), Stop> {
        let (person, chosen) = (self.person.clone(), chosen.clone());
        let step = Step::new("chosen").inputs(&json!([chosen.id]));
        self.flow
            .step(step, move |context: StepContext| async move {
                let lost = || Fault::new(Code::NotFound, "show take").with("character", &person.id);
                let mut made = context.library.subject(&person.id).await?.ok_or_else(lost)?.made;
                made.fields["seed"] = json!(person.concept.seed);
                Ok(Done { shown: vec![chosen.id], renewed: vec![made], ..Done::value(()) })
            })
            .await
    }
}
