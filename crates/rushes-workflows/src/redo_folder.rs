//! `redo-folder`: the project of every film in a folder, made anew. One that fails stops none of the others.

use crate::kit::{Kit, blocking, each};
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan, refuse};
use crate::redo;
use crate::registry::Card;
use crate::studio::known;
use crate::studio::survey::{Refused, unless_all_failed};
use rushes_core::flow::{Child, Flow, Library, Step, StepContext};
use rushes_core::recognise::{Sort, finished};
use rushes_core::{Done, Fault, Stop, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "redo-folder",
    version: 1,
    collection: None,
    is_short: false,
    about: "every project that a film in a folder names, made anew",
    outside: Some(Outside::of::<Input>()),
};

/// Films of one folder at most.
const FILMS_MAX: u64 = 500;

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// An absolute path, or the name of a folder within the home's `redo`; None: that folder itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<String>,
    pub(crate) limit: u64,
    pub(crate) anime: bool,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::bare(
                "folder",
                "A folder of films named as projects are, dance_{id}_cosplay_on_{ref}; none = the folder redo of the home.",
            )
            .or_none()
            .file(),
            Field::whole("limit", "limit", 1..=FILMS_MAX, Some(FILMS_MAX), "So many of them, in the order of their names."),
            Field::switch("anime", "anime", "Begin each with another take of the anime and the cosplay image."),
        ]
    }

    fn check(&self, _door: &Door<'_>) -> Result<(), Fault> {
        match self.folder.as_deref() {
            Some("." | "..") => Err(refuse("name a folder within the home's redo, or give an absolute path")),
            _ => Ok(()),
        }
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let films = films(&self.folder_of(look.kit))?;
        let found = named(look.library, films, self.limit).await?;
        let mut plan = Plan::of(CARD.name, 1, ["folder"]);
        for project in &found.projects {
            plan = plan.found(format!("{project}: is made anew"));
        }
        for refused in &found.refused {
            plan = plan.found(format!("{}: {}", refused.what, refused.why));
        }
        let times = u32::try_from(found.projects.len()).unwrap_or(u32::MAX);
        Ok(plan.and(Plan::of(redo::CARD.name, times, ["project", "reference primary", "dance primary", "switch"])))
    }
}

impl Input {
    fn folder_of(&self, kit: &Kit) -> PathBuf {
        // An absolute path takes the whole place.
        self.folder.as_ref().map_or_else(|| kit.redo.clone(), |folder| kit.redo.join(folder))
    }
}

/// What a folder's films name.
#[derive(Debug, Serialize, Deserialize)]
struct Named {
    projects: Vec<String>,
    refused: Vec<Refused>,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let (folder, limit) = (input.folder_of(kit), input.limit);
    let found = flow
        .step(Step::new("folder").inputs(&folder), move |context: StepContext| async move {
            let films = blocking(move || films(&folder)).await?;
            Ok(Done::value(named(context.library.as_ref(), films, limit).await?))
        })
        .await?;
    let children = found.projects.iter().map(|project| Child {
        name: format!("redo {project}"),
        workflow: redo::CARD.name.to_owned(),
        input: json!(redo::Input { project: project.clone(), anime: input.anime, swap_ref: None, same_ref: true, finish: false }),
    });
    let (made, failed) = each(flow.children(children.collect()).await)?;
    unless_all_failed(made.len(), failed + found.refused.len(), &found.refused, "redo folder")?;
    Ok(json!({"made": made.len(), "failed": failed, "refused": found.refused}))
}

/// The films of a folder, by name. Errors: `io`.
fn films(folder: &Path) -> Result<Vec<String>, Fault> {
    let failed = |error: &std::io::Error| Fault::io("read folder", folder, error).verdict(Verdict::Permanent);
    let entries = std::fs::read_dir(folder).map_err(|error| failed(&error))?;
    let names = entries.filter_map(|entry| entry.ok().filter(|entry| entry.path().is_file())?.file_name().into_string().ok());
    let mut films: Vec<String> = names.filter(|name| Sort::of(name) == Some(Sort::Film) && !name.starts_with('.')).collect();
    films.sort();
    Ok(films)
}

/// The projects these films name, each once.
async fn named(library: &dyn Library, films: Vec<String>, limit: u64) -> Result<Named, Fault> {
    let mut found = Named { projects: Vec::new(), refused: Vec::new() };
    for film in films.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        let stem = film.rsplit_once('.').map_or(film.as_str(), |(stem, _)| stem);
        // A finished film names its dance, too.
        let name = if stem.starts_with("dance_") { stem } else { finished(stem).map_or(stem, |(_, dance)| dance) };
        match known::project(library, name, 0).await {
            Ok((known, dance)) => {
                let project = dance.project(&known.person.id);
                if !found.projects.contains(&project) {
                    found.projects.push(project);
                }
            }
            Err(fault) if fault.is_transient() => return Err(fault),
            Err(_) => found.refused.push(Refused {
                what: film,
                why: "its name names no project: dance_{id}_cosplay_on_{ref}, or a character's id".to_owned(),
            }),
        }
    }
    Ok(found)
}
