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
pub(crate) const CARD: Card = Card { name: "forget", version: 2, collection: None, is_short: true, about: "", outside: None };

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
    let photos = carry_out(flow, kit, &shoot, &[], "").await?;
    let (erase, albums, place) = (kit.erase.clone(), kit.shoots.albums.clone(), shoot.clone());
    // With whoever turned out to be them, and whoever else is being forgotten.
    let people: Vec<u32> = flow
        .step(Step::new("part"), move |_: StepContext| async move {
            let album = albums.album(&place).await?;
            if album.people().await?.iter().any(|known| known.number == person) {
                let reason = "its album still knows that person; forget them there first";
                return Err(Stop::Failed(Fault::new(Code::InputInvalid, "forget person").with("person", person).because(reason)));
            }
            let mut people = album.forgotten().await?;
            if !people.contains(&person) {
                people.push(person);
            }
            for person in &people {
                erase.part(&person_id(&place, *person)).await?;
            }
            Ok(Done::value(people))
        })
        .await?;
    let mut wait = FIRST_WAIT;
    for look in 0..LOOKS_MAX {
        let (erase, ids) = (kit.erase.clone(), people.iter().map(|person| person_id(&shoot, *person)).collect::<Vec<_>>());
        let is_gone = flow
            .step(Step::new(format!("erase {look}")), move |_: StepContext| async move {
                let mut is_gone = true;
                for id in ids {
                    is_gone &= erase.erase(&id).await?;
                }
                Ok(Done::value(is_gone))
            })
            .await?;
        if is_gone {
            let (erase, albums) = (kit.erase.clone(), kit.shoots.albums.clone());
            flow.step(Step::new("scrub").at_most(20), move |_: StepContext| async move {
                let album = albums.album(&shoot).await?;
                album.scrub().await?;
                erase.scrub().await?;
                album.forgot(&people).await?;
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
