//! `forget`: what an album has forgotten of a person goes everywhere: photos leave their folders, here and at every destination,
//! records are removed, then the rows that told of them, and at last what the disk kept of those. Only a number is ever written down.

use crate::kit::Kit;
use crate::registry::Card;
use crate::route::{carry_out, person_id};
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::{Code, Done, Fault, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// What the registry says of it.
pub(crate) const CARD: Card = Card { name: "forget", version: 1, collection: None, is_short: true, about: "", outside: None };

/// Between two looks whether everything is removed elsewhere; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A destination that is away for a week is waited for.
const LOOKS_MAX: u32 = 25_000;

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The shoot's id.
    pub shoot: String,
    /// The person's number, of which the album knows nobody any more.
    pub person: u32,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let Input { shoot, person } = input;
    let subject = person_id(&shoot, person);
    let photos = carry_out(flow, kit, &shoot, &[], "").await?;
    let (erase, id, albums, place) = (kit.erase.clone(), subject.clone(), kit.shoots.albums.clone(), shoot.clone());
    flow.step(Step::new("part"), move |_: StepContext| async move {
        if albums.album(&place).await?.people().await?.iter().any(|known| known.number == person) {
            let reason = "its album still knows that person; forget them there first";
            return Err(Stop::Failed(Fault::new(Code::InputInvalid, "forget person").with("person", person).because(reason)));
        }
        erase.part(&id).await?;
        Ok(Done::value(()))
    })
    .await?;
    let mut wait = FIRST_WAIT;
    for look in 0..LOOKS_MAX {
        let (erase, id) = (kit.erase.clone(), subject.clone());
        let is_gone = flow
            .step(Step::new(format!("erase {look}")), move |_: StepContext| async move { Ok(Done::value(erase.erase(&id).await?)) })
            .await?;
        if is_gone {
            let (erase, albums) = (kit.erase.clone(), kit.shoots.albums.clone());
            flow.step(Step::new("scrub").at_most(20), move |_: StepContext| async move {
                albums.album(&shoot).await?.scrub().await?;
                erase.scrub().await?;
                Ok(Done::value(()))
            })
            .await?;
            return Ok(json!({"person": person, "photos": photos}));
        }
        flow.sleep(&format!("wait {look}"), wait).await?;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    let reason = "something of it could not be removed elsewhere; `rushes status` says what, then `rushes jobs retry`";
    Err(Stop::Failed(Fault::new(Code::DestinationDown, "forget person").with("person", person).because(reason)))
}
