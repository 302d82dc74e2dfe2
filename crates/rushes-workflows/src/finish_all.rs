//! `finish-all`: the whole library. Dances found on this machine or in a bucket that nobody registered become assets of
//! their characters; what has a dance and no finished film gets one. What is done is passed over.

use crate::dance;
use crate::import::{self, Character, Place, Taken};
use crate::kit::{Kit, each};
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan, refuse};
use crate::registry::Card;
use crate::studio::find::{self, Found};
use crate::studio::known::Danced;
use crate::studio::survey::{self, REFUSED_MAX, Refused};
use rushes_core::flow::{Child, Flow, Step, StepContext};
use rushes_core::kinds::Names;
use rushes_core::recognise::PRIMARY;
use rushes_core::subject::name_of;
use rushes_core::{Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "finish-all",
    version: 1,
    collection: None,
    is_short: false,
    about: "the whole library: registers dances that were left out, finishes what is not finished",
    outside: Some(Outside::of::<Input>()),
};

/// Folders looked through in one job at most.
const FOLDERS_MAX: usize = 20;
/// Looking through all folders and buckets.
const FIND_LIMIT: Duration = Duration::from_hours(2);

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) folders: Vec<String>,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        let about = "A folder of this machine to look through as well; the library and every destination always are.";
        vec![Field::texts("folders", "from", FOLDERS_MAX, about).folder()]
    }

    fn check(&self, _door: &Door<'_>) -> Result<(), Fault> {
        match self.folders.iter().find(|folder| !Path::new(folder).is_absolute()) {
            Some(folder) => Err(refuse(format!("{folder:?} is not the whole path of a folder"))),
            None => Ok(()),
        }
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let found = find::dances(look.kit, look.library, &self.folders).await?;
        let unfinished = survey::all(look.library, is_unfinished).await?;
        let mut plan = Plan::of(CARD.name, 1, ["find", "look 1"]);
        for dance in &found.dances {
            plan = plan.found(format!("{}: becomes {} of {}", dance.from.shown(), dance.title, dance.character));
        }
        for refused in &found.refused {
            plan = plan.found(format!("{}: {}", refused.what, refused.why));
        }
        for project in &unfinished {
            plan = plan.found(format!("{}: is to be finished", project.name()));
        }
        let new = found.dances.iter().filter(|dance| dance.title == PRIMARY);
        let new: Vec<String> = new.map(|dance| format!("{}: is to be finished, once it is registered", dance.project())).collect();
        let times = u32::try_from(unfinished.len() + new.len()).unwrap_or(u32::MAX);
        plan = new.into_iter().fold(plan, Plan::found);
        if times == 0 && found.dances.is_empty() && found.refused.is_empty() {
            plan = plan.found("Everything is finished.");
        }
        Ok(plan.and(Plan::of(dance::CARD.name, times, ["character", "reference primary", "cut", "ai_music", "deliverables"])))
    }
}

fn is_unfinished(dance: &Danced) -> bool {
    !dance.is_finished()
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let (registered, unregistered, refused) = register(flow, kit, input.folders).await?;
    let unfinished = survey::in_steps(flow, is_unfinished).await?;
    let children = unfinished.iter().map(|project| {
        let input = json!(dance::Input::finishing(&project.character, Some(&project.on)));
        Child { name: format!("finish {}", project.name()), workflow: dance::CARD.name.to_owned(), input }
    });
    let (made, failed) = each(flow.children(children.collect()).await)?;
    let failed = failed + unregistered;
    survey::unless_all_failed(made.len() + registered, failed, &refused, "finish library")?;
    Ok(json!({"registered": registered, "finished": made.len(), "failed": failed, "refused": refused}))
}

/// Registers the dances that were found; gives how many files, for how many characters that failed, and which files were
/// not taken.
async fn register<F: Flow>(flow: &F, kit: &Kit, folders: Vec<String>) -> Result<(usize, usize, Vec<Refused>), Stop> {
    let kit = kit.clone();
    let step = Step::new("find").inputs(&folders).within(FIND_LIMIT);
    let found = flow.step(step, move |context: StepContext| async move {
        Ok(Done::value(find::dances(&kit, context.library.as_ref(), &folders).await?))
    });
    let found: find::Library = found.await?;
    let mut of_characters: BTreeMap<String, Vec<Taken>> = BTreeMap::new();
    for dance in &found.dances {
        of_characters.entry(dance.character.clone()).or_default().extend(files(dance));
    }
    let children = of_characters.into_iter().map(|(id, files)| {
        let character = Character { name: name_of(&id), id: id.clone(), fields: None };
        let input = json!(import::Input { character: Some(character), files });
        Child { name: format!("register {id}"), workflow: import::CARD.name.to_owned(), input }
    });
    let (taken, failed) = each(flow.children(children.collect()).await)?;
    let mut refused = found.refused;
    for value in &taken {
        let of_character: Vec<import::Refused> = serde_json::from_value(value["refused"].clone()).unwrap_or_default();
        refused.extend(of_character.into_iter().map(|file| Refused { what: file.from.shown(), why: file.fault.to_string() }));
    }
    refused.truncate(REFUSED_MAX);
    let count: u64 = taken.iter().filter_map(|value| value["taken"].as_u64()).sum();
    Ok((usize::try_from(count).unwrap_or(usize::MAX), failed, refused))
}

/// The files of a dance: itself, and the reference beside it.
fn files(dance: &Found) -> Vec<Taken> {
    let names = Names::from([("ref".to_owned(), dance.on.clone())]);
    let taken = |from: &Place, kind: Kind| Taken {
        from: from.clone(),
        kind: Some(kind),
        subject: dance.character.clone(),
        title: Some(dance.title.clone()),
        names: names.clone(),
        meta: Value::Null,
    };
    let reference = dance.reference.as_ref().map(|from| taken(from, Kind::ReferenceVideo));
    reference.into_iter().chain([taken(&dance.from, Kind::DanceVideo)]).collect()
}
