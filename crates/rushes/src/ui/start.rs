//! `/start`: what a production will make and how long that takes, before anything runs. Errors stand beside their fields.

use super::form::Form;
use super::shell::{self, Answer, Shell, Visitor};
use super::words;
use crate::http::{self, App, Options, RunRequest};
use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use rushes_core::key::Scope;
use rushes_core::store::JobFilter;
use rushes_core::{Code, Fault, Job, JobState};
use rushes_workflows::production::{self, COUNT_MAX};
use rushes_workflows::references;

/// Productions the time is taken from.
const MEASURED: u32 = 10;
/// References used where none are chosen.
const LIBRARY_USED: usize = 3;

/// What is asked for, as the form has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    count: String,
    style: String,
    references: Vec<String>,
    skip_existing: bool,
    variants: bool,
    soundtracks: bool,
    watermark: bool,
}

impl Default for Wish {
    fn default() -> Self {
        let usual = production::Input::default();
        Self {
            count: usual.count.to_string(),
            style: usual.style_id,
            references: usual.reference_videos,
            skip_existing: usual.skip_existing,
            variants: usual.generate_variants,
            soundtracks: usual.create_soundtracks,
            watermark: usual.apply_watermark,
        }
    }
}

impl Wish {
    /// From a form; what is ticked is named, what is not is missing. None where it says nothing.
    fn read(form: &Form) -> Option<Self> {
        (!form.is_empty()).then(|| Self {
            count: form.text("count"),
            style: form.text("style"),
            references: form.all("reference"),
            skip_existing: form.has("skip_existing"),
            variants: form.has("variants"),
            soundtracks: form.has("soundtracks"),
            watermark: form.has("watermark"),
        })
    }

    /// The number, where it is one that may be.
    fn count(&self) -> Option<u32> {
        self.count.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count))
    }
}

struct Style {
    id: String,
    name: String,
    is_chosen: bool,
}

struct Reference {
    name: String,
    is_chosen: bool,
}

/// What will be made, and how long that takes.
struct Plan {
    files: Vec<(String, usize)>,
    /// For the whole; None where nothing was measured here yet.
    takes: Option<String>,
    measured: usize,
}

#[derive(Template)]
#[template(path = "start.html")]
struct Start {
    shell: Shell,
    wish: Wish,
    styles: Vec<Style>,
    references: Vec<Reference>,
    plan: Option<Plan>,
    count_wrong: Option<String>,
    style_wrong: Option<String>,
    reference_wrong: Option<String>,
    wrong: Option<String>,
}

/// The form; with a query it is filled in with what that says, and tells its plan.
pub(super) async fn show(State(app): State<App>, visitor: Visitor, RawQuery(query): RawQuery) -> Answer {
    let wish = query.and_then(|query| Wish::read(&Form::read(query.as_bytes()))).unwrap_or_default();
    let view = form(&app, &visitor, wish, None).await?;
    Ok(shell::page(StatusCode::OK, &view))
}

async fn form(app: &App, visitor: &Visitor, wish: Wish, refused: Option<Fault>) -> Result<Start, Fault> {
    let shell = Shell::of(app, visitor, "start", "New production").await?;
    let library = references::library(&app.parts().home.references())?;
    let count_wrong = wish.count().is_none().then(|| format!("A number from 1 to {COUNT_MAX}, please."));
    let (mut style_wrong, mut reference_wrong, mut wrong) = (None, None, None);
    if let Some(fault) = refused {
        let why = fault.reason.clone().unwrap_or_else(|| fault.code.row().title.to_owned());
        let place = match fault.code {
            Code::ReferenceUnknown => &mut reference_wrong,
            Code::InputInvalid if why.contains("no style") => &mut style_wrong,
            _ => &mut wrong,
        };
        let why = if fault.code == Code::ReferenceUnknown {
            format!("{} {}", fault.code.row().title, words::capital(&why))
        } else {
            words::capital(&why)
        };
        *place = Some(why).filter(|_| count_wrong.is_none());
    }
    Ok(Start {
        plan: plan(app, &wish, library.len()).await?,
        styles: app.styles.names().map(|id| Style { id: id.to_owned(), name: words::style(id), is_chosen: wish.style == id }).collect(),
        references: library
            .into_iter()
            .map(|film| Reference { is_chosen: wish.references.contains(&film.name), name: film.name })
            .collect(),
        shell,
        wish,
        count_wrong,
        style_wrong,
        reference_wrong,
        wrong,
    })
}

/// None while the form says nothing that can be made.
async fn plan(app: &App, wish: &Wish, in_library: usize) -> Result<Option<Plan>, Fault> {
    let Some(count) = wish.count() else { return Ok(None) };
    let dances = match wish.references.len() {
        // An empty library is filled with three of our own.
        0 => {
            if in_library == 0 {
                LIBRARY_USED
            } else {
                in_library.min(LIBRARY_USED)
            }
        }
        chosen => chosen,
    };
    let outfits = if wish.variants { 2 } else { 0 };
    let films = 2 + usize::from(wish.watermark) + if wish.soundtracks { 2 } else { 0 };
    let n = count as usize;
    let mut files = vec![("Characters".to_owned(), n), ("Portraits".to_owned(), 2 * n), ("Dances".to_owned(), dances * n)];
    if wish.variants {
        files.push(("Outfits, as picture and dance".to_owned(), outfits * n));
    }
    files.push(("Finished films".to_owned(), films * n));
    let (per_character_ms, measured) = measured(app, dances + outfits).await?;
    let takes = per_character_ms.map(|ms| words::about(ms * i64::from(count)));
    Ok(Some(Plan { files, takes, measured }))
}

/// What a character took in the newest productions here, by the films it had.
async fn measured(app: &App, films: usize) -> Result<(Option<i64>, usize), Fault> {
    let filter =
        JobFilter { state: Some(JobState::Completed), workflow: Some("production".into()), limit: MEASURED, ..JobFilter::default() };
    let jobs = app.parts().store.jobs(&filter).await?;
    let mut spans: Vec<i64> = jobs.iter().filter_map(|job| Some(span(job)? / i64::try_from(films_of(job)).ok()?.max(1))).collect();
    spans.sort_unstable();
    let films = i64::try_from(films).unwrap_or(1);
    Ok((spans.get(spans.len() / 2).map(|ms| ms * films), spans.len()))
}

fn span(job: &Job) -> Option<i64> {
    let count = job.input["count"].as_i64().filter(|count| *count > 0)?;
    Some((job.ended_ms? - job.created_ms) / count)
}

/// Films to be danced by one character of that job; they take most of the time.
fn films_of(job: &Job) -> usize {
    let dances = job.input["reference_videos"].as_array().map_or(0, Vec::len);
    let outfits = if job.input["generate_variants"].as_bool().unwrap_or(true) { 2 } else { 0 };
    (if dances == 0 { LIBRARY_USED } else { dances }) + outfits
}

/// Starts it, or shows the form with what is wrong beside each field.
pub(super) async fn start(State(app): State<App>, visitor: Visitor, form_sent: Form) -> Answer {
    visitor.need(Scope::Run)?;
    let wish = Wish::read(&form_sent).unwrap_or_default();
    let Some(count) = wish.count() else {
        let view = form(&app, &visitor, wish, None).await?;
        return Ok(shell::page(StatusCode::BAD_REQUEST, &view));
    };
    let request = RunRequest {
        count,
        style_id: wish.style.clone(),
        reference_videos: wish.references.clone(),
        webhook_url: None,
        options: Options {
            skip_existing: wish.skip_existing,
            generate_variants: wish.variants,
            create_soundtracks: wish.soundtracks,
            apply_watermark: wish.watermark,
        },
    };
    match http::start(&app, &visitor.caller, None, request).await {
        Ok(job) => Ok(shell::go_to(&format!("/jobs/{}", job.id))),
        Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
            let view = form(&app, &visitor, wish, Some(problem.fault().clone())).await?;
            Ok(shell::page(StatusCode::BAD_REQUEST, &view))
        }
        Err(problem) => Err(problem.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_reads_what_is_wished_for() {
        let read = |text: &str| Wish::read(&Form::read(text.as_bytes()));
        let wish = read("count=3&style=city_pop&reference=ref1&watermark=on").unwrap();
        assert_eq!((wish.count(), wish.style.as_str(), wish.references.len()), (Some(3), "city_pop", 1));
        assert!(wish.watermark && !wish.variants && !wish.skip_existing, "what is not ticked is not named");
        assert_eq!(read(""), None);
        assert_eq!(["count=11", "count=0", "count=x", "count="].map(|text| read(text).unwrap().count()), [None; 4]);
    }
}
