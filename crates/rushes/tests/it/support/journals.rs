//! Journals on disk: taken from a home that has worked, made neutral, and read again.

use super::program::{Program, end, ffmpeg, signal};
use super::stores;
use super::survivor::{TINY, make_reference};
use rushes_adapters::HttpOptions;
use rushes_adapters::publishers::instagram::{Instagram, InstagramSettings};
use rushes_core::clock::SystemClock;
use rushes_core::delivery::Routes;
use rushes_core::flow::{Lane, Workflows};
use rushes_core::former::Layout;
use rushes_core::job::Outcome;
use rushes_core::provider::{Call, ChatRequest, Provider, ProviderCard, Providers};
use rushes_core::store::{Erase, JobFilter, Jobs, Store};
use rushes_core::{Code, Fault, Job, JobState};
use rushes_media::builtin::{image::BuiltinImage, motion::BuiltinMotion, music::BuiltinMusic, text::BuiltinText};
use rushes_media::inspect::MediaInspector;
use rushes_media::music::Styles;
use rushes_store::{AlbumFiles, SqlStore};
use rushes_testkit::replay::{Difference, Recorded, RecordedChild, RecordedStep, replay};
use rushes_workflows::{Kit, Registry, Shoots};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What stands for the folder of the machine on which a journal was recorded.
const LIBRARY: &str = "/library";
/// The second at which recorded characters were made.
const SECOND: &str = "1700000000";

/// The workflows as the tiny home runs them; no body of theirs is run in a replay.
pub(crate) fn registry() -> Registry {
    Registry::new(kit())
}

/// What they work with.
pub(crate) fn kit() -> Kit {
    Kit {
        providers: Providers {
            text: Arc::new(BuiltinText),
            image: Arc::new(BuiltinImage),
            motion: Arc::new(BuiltinMotion),
            music: Arc::new(BuiltinMusic::new(Styles::builtin())),
            chat: Some(Arc::new(Model)),
        },
        styles: Styles::builtin(),
        inspect: Arc::new(MediaInspector),
        sources: BTreeMap::new(),
        routes: Routes::default(),
        references: PathBuf::from(LIBRARY),
        library: PathBuf::from(LIBRARY),
        redo: PathBuf::from(LIBRARY),
        width: 64,
        height: 112,
        fps: 4,
        dance_max_ms: 1_000,
        is_final_quality: false,
        publisher: Some(Arc::new(account())),
        layout: Layout::default(),
        shoots: Shoots {
            root: PathBuf::from(LIBRARY),
            finder: None,
            albums: Arc::new(AlbumFiles::below(PathBuf::from(LIBRARY), Arc::new(SystemClock))),
            turns: Arc::default(),
        },
        erase: Arc::new(Nobody),
    }
}

/// Forgets nobody: it is never asked.
struct Nobody;

#[async_trait::async_trait]
impl Erase for Nobody {
    async fn part(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
    async fn erase(&self, _: &str) -> Result<bool, Fault> {
        Ok(true)
    }
    async fn scrub(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// One that is never asked.
fn account() -> Instagram {
    let (user_id, token) = ("1".to_owned(), "none".to_owned());
    Instagram::new(&InstagramSettings { user_id, token, endpoint: None, daily_limit: 25 }, HttpOptions::default()).unwrap()
}

/// One that is never asked, either. It sends nothing, as those who recorded the other journals had nobody who does.
struct Model;

#[async_trait::async_trait]
impl Provider<ChatRequest> for Model {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "openai_chat", model: "test-model", version: 1, lane: Lane::Net }
    }

    async fn make(&self, _: &ChatRequest, _: &Call) -> Result<Value, Fault> {
        Err(Fault::new(Code::ProviderDown, "ask model"))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/journals")
}

/// Every recorded journal, by its file's name.
pub(crate) fn recorded() -> BTreeMap<String, Recorded> {
    let read = |path: PathBuf| {
        let journal = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path.file_name().unwrap().to_string_lossy().into_owned(), journal)
    };
    std::fs::read_dir(folder()).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

fn end_of(job: &Job) -> Outcome {
    match (&job.value, job.state) {
        (Some(value), _) => Outcome::Value(value.clone()),
        (None, JobState::Cancelled) => Outcome::Cancelled,
        (None, _) => Outcome::Failed(job.fault.clone().unwrap_or_else(|| Fault::new(Code::Unexpected, "record journal"))),
    }
}

/// Takes the journal of one job that has ended.
pub(crate) async fn take(store: &(impl Store + ?Sized), job: &Job) -> Recorded {
    let steps = store.steps(job.id).await.unwrap().into_iter();
    let family = store.family(job.root).await.unwrap().jobs;
    let children = family.iter().filter(|child| child.parent == Some(job.id)).map(|child| RecordedChild {
        name: child.child_name.clone().unwrap(),
        workflow: child.workflow.clone(),
        input: child.input.clone(),
        outcome: end_of(child),
    });
    Recorded {
        job: job.id,
        workflow: job.workflow.clone(),
        version: job.version,
        input: job.input.clone(),
        end: end_of(job),
        steps: steps
            .filter_map(|step| Some(RecordedStep { name: step.name, input_hash: step.input_hash, outcome: step.outcome? }))
            .collect(),
        children: children.collect(),
    }
}

fn open(program: &Program) -> Option<SqlStore> {
    stores::look(&program.path("home"))
}

/// The newest family with this topmost workflow and state, and the jobs in it.
async fn family(program: &Program, workflow: &str, state: JobState) -> Vec<Job> {
    let store = open(program).unwrap();
    let jobs = store.jobs(&JobFilter { limit: 100, ..JobFilter::default() }).await.unwrap();
    let top = jobs.iter().find(|job| job.workflow == workflow && job.state == state).unwrap_or_else(|| panic!("no {workflow}: {jobs:?}"));
    store.family(top.id).await.unwrap().jobs
}

/// Runs the real program on tiny homes and writes the journals of its jobs.
pub(crate) async fn record() {
    std::fs::create_dir_all(folder()).unwrap();
    let program = tiny();
    let production = ["run", "production", "--seed", "7", "--reference"];
    program.run(&[&production[..], &["step.mp4"]].concat()).expect(0);
    program.write("words.mp4", b"these are words, not a film");
    program.run(&[&production[..], &["words.mp4"]].concat()).expect(1);
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &program.path("picture.png"));
    program.run(&["put", "picture.png"]).expect(0);
    std::fs::create_dir_all(program.path("out/characters")).unwrap();
    std::fs::copy(program.path("picture.png"), program.path("out/characters/mira_1770337530.png")).unwrap();
    program.write("out/characters/mira_1770337530_cosplay.png", b"these are words, not a picture");
    program.run(&["import", "out"]).expect(3);
    write(&program, "import", &family(&program, "import", JobState::Completed).await[0]).await;
    let made = family(&program, "production", JobState::Completed).await;
    write(&program, "production", &made[0]).await;
    write(&program, "character", &made[1]).await;
    let who = made[1].value.as_ref().unwrap()["character_id"].as_str().unwrap().to_owned();
    std::fs::copy(program.path("step.mp4"), program.path("other.mp4")).unwrap();
    program.run(&["run", "dance", &who, "--reference", "./other.mp4", "--finish", "--no-variants"]).expect(0);
    write(&program, "dance", &family(&program, "dance", JobState::Completed).await[0]).await;
    for workflow in ["redo", "score", "watermark", "soundtracks", "posters"] {
        program.run(&["run", workflow, &who]).expect(0);
        write(&program, workflow, &family(&program, workflow, JobState::Completed).await[0]).await;
    }
    program.run(&["run", "align", &who, "--reference", "./other.mp4"]).expect(0);
    write(&program, "align", &family(&program, "align", JobState::Completed).await[0]).await;
    let left = program.path(&format!("left/dances/dance_{who}_cosplay_on_left.mp4"));
    std::fs::create_dir_all(left.parent().unwrap()).unwrap();
    std::fs::copy(program.path("step.mp4"), &left).unwrap();
    program.run(&["run", "redo-folder", "left/dances"]).expect(1);
    write(&program, "redo-folder_failed", &family(&program, "redo-folder", JobState::Failed).await[0]).await;
    program.run(&["run", "finish-all", "--from", "left"]).expect(0);
    write(&program, "finish-all", &family(&program, "finish-all", JobState::Completed).await[0]).await;
    program.run(&["run", "redo-folder", "left/dances"]).expect(0);
    write(&program, "redo-folder", &family(&program, "redo-folder", JobState::Completed).await[0]).await;
    program.run(&["run", "showcase"]).expect(0);
    write(&program, "showcase", &family(&program, "showcase", JobState::Completed).await[0]).await;
    write(&program, "put", &family(&program, "put", JobState::Completed).await[0]).await;
    write(&program, "production_failed", &family(&program, "production", JobState::Failed).await[0]).await;

    let program = tiny();
    // A body that takes its time gives the interrupt a moment to fall into.
    let args = [&production[..], &["step.mp4"]].concat();
    let child = program.start_with(&args, &[("RUSHES_FAULTS", "body_done:7=pause:4000")]);
    let began = Instant::now();
    while !has_made_portraits(&program).await {
        assert!(began.elapsed() < Duration::from_secs(60), "not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    signal(&child, "INT");
    end(child).expect(130);
    let stopped = family(&program, "production", JobState::Cancelled).await;
    write(&program, "production_cancelled", &stopped[0]).await;
    write(&program, "character_cancelled", &stopped[1]).await;
}

/// Writes the journal of the newest job of this workflow that was completed.
pub(crate) async fn record_of(program: &Program, workflow: &str) {
    write(program, workflow, &family(program, workflow, JobState::Completed).await[0]).await;
}

fn tiny() -> Program {
    let program = Program::with(TINY);
    make_reference(&program);
    program
}

async fn has_made_portraits(program: &Program) -> bool {
    let Some(store) = open(program) else { return false };
    let Some(top) = store.jobs(&JobFilter { limit: 1, ..JobFilter::default() }).await.unwrap().pop() else { return false };
    let jobs = store.family(top.id).await.unwrap().jobs;
    let Some(character) = jobs.get(1) else { return false };
    rushes_core::store::Journal::steps(&store, character.id).await.unwrap().iter().any(|step| step.name == "reference primary")
}

/// Checks a journal as it is, makes it neutral, and writes it.
async fn write(program: &Program, name: &str, job: &Job) {
    let journal = take(&open(program).unwrap(), job).await;
    let raw = replay(&registry(), &journal).await.unwrap();
    assert_eq!(raw.differences, [], "{name}: the workflow that made it asks for just this");
    let mut neutral: Recorded = serde_json::from_str(&neutral(program, &journal)).unwrap();
    // The hashes of what steps work from cover paths and ids, so they follow from the neutral ones.
    let replayed = replay(&registry(), &neutral).await.unwrap();
    let is_hash = |difference: &Difference| matches!(difference, Difference::OtherInputs { .. });
    assert!(replayed.differences.iter().all(is_hash), "{name}: {:?}", replayed.differences);
    let hashes: BTreeMap<String, String> = replayed.asked.into_iter().collect();
    for step in &mut neutral.steps {
        step.input_hash.clone_from(&hashes[&step.name]);
    }
    let text = serde_json::to_string_pretty(&neutral).unwrap() + "\n";
    std::fs::File::create(folder().join(format!("{name}.json"))).unwrap().write_all(text.as_bytes()).unwrap();
    assert_eq!(registry().version(&neutral.workflow), Some(neutral.version));
}

/// A journal's text without this machine, this moment and these ids.
fn neutral(program: &Program, journal: &Recorded) -> String {
    let home = program.path("");
    let home = home.to_str().unwrap().trim_end_matches('/');
    let mut text = serde_json::to_string(journal).unwrap().replace(home, LIBRARY);
    // Characters' ids end in the second they were made.
    let mut at = 0;
    while let Some(next) = text[at..].find('_').map(|n| at + n + 1) {
        let digits = text[next..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == SECOND.len() {
            text.replace_range(next..next + digits, SECOND);
        }
        at = next;
    }
    let mut found: Vec<String> = Vec::new();
    for id in text.split(|c: char| !c.is_ascii_hexdigit() && c != '-').filter(|word| is_id(word)) {
        if !found.iter().any(|known| known == id) {
            found.push(id.to_owned());
        }
    }
    for (number, id) in found.iter().enumerate() {
        text = text.replace(id, &format!("00000000-0000-7000-8000-{number:012}"));
    }
    assert!(!text.contains(home), "{text}");
    text
}

fn is_id(word: &str) -> bool {
    word.len() == 36 && word.parse::<rushes_core::JobId>().is_ok()
}
