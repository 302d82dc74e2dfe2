//! Jobs that start by the clock: each occurrence once, also for two engines and after a crash; what was missed once or not
//! at all; and the doors through which one looks.

use crate::service::Served;
use crate::support::program::{Program, end, signal};
use crate::support::stores;
use crate::support::survivor::{LONG, Survivor};
use crate::support::{Places, TestEngine, recipes::Recipes};
use reqwest::StatusCode;
use rushes_core::clock::Clock;
use rushes_core::record::rfc3339;
use rushes_core::store::{JobFilter, Schedules};
use rushes_core::{Code, Fault, JobState};
use rushes_engine::schedules::{Schedule, Timetable, standing};
use rushes_engine::{Ask, Parts};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 22 November 2026, noon.
const NOON_MS: i64 = 1_795_348_800_000;

/// A clock that only the test moves.
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn new_id(&self) -> uuid::Uuid {
        uuid::Uuid::now_v7()
    }
}

impl Hand {
    fn set(&self, at_ms: i64) {
        self.0.store(at_ms, Ordering::SeqCst);
    }
}

fn schedule(cron: &str, workflow: &str, catch_up: bool) -> Schedule {
    let input = if workflow == "wait" { json!({"limit_ms": 200_000}) } else { json!({"count": 1}) };
    Schedule {
        name: "nightly".into(),
        cron: cron.into(),
        time_zone: "UTC".into(),
        timetable: Timetable::read(cron, "UTC").unwrap(),
        workflow: workflow.into(),
        input: Arc::new(move || Ok(input.clone())),
        catch_up,
    }
}

/// An engine over a home, with one schedule; its clock is the test's.
fn engine(folder: &Path, places: &Places, clock: &Arc<Hand>, schedule: Schedule) -> TestEngine {
    TestEngine::start_as(folder, places, &Recipes::default(), clock.clone(), |parts| Parts { schedules: [schedule].into(), ..parts })
}

async fn jobs(engine: &TestEngine) -> usize {
    engine.parts().store.jobs(&JobFilter { limit: 100, ..JobFilter::default() }).await.unwrap().len()
}

/// Looks, and waits until what was started has ended.
async fn look(engine: &TestEngine) -> i64 {
    let next_ms = engine.engine.look_at_schedules().await;
    for job in engine.parts().store.jobs(&JobFilter { limit: 100, ..JobFilter::default() }).await.unwrap() {
        engine.ended(job.id).await;
    }
    next_ms
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_begin_from_now_and_run_each_occurrence_once() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Hand(AtomicI64::new(NOON_MS))));
    let engine = engine(folder.path(), &places, &clock, schedule("0 3 * * *", "steps", true));
    assert_eq!(rfc3339(look(&engine).await), "2026-11-23T03:00:00.000Z");
    assert_eq!(jobs(&engine).await, 0, "seen for the first time, it begins from now");
    clock.set(NOON_MS + 15 * HOUR_MS - 1);
    look(&engine).await;
    assert_eq!(jobs(&engine).await, 0, "not before its time");
    clock.set(NOON_MS + 15 * HOUR_MS);
    for _ in 0..3 {
        look(&engine).await;
    }
    assert_eq!(jobs(&engine).await, 1, "once");
    // A clock that is set back does not bring it again, nor does one that jumps a month run thirty.
    clock.set(NOON_MS + 14 * HOUR_MS);
    look(&engine).await;
    clock.set(NOON_MS + 15 * HOUR_MS);
    look(&engine).await;
    assert_eq!(jobs(&engine).await, 1);
    clock.set(NOON_MS + 30 * DAY_MS);
    assert_eq!(rfc3339(look(&engine).await), "2026-12-23T03:00:00.000Z");
    assert_eq!(jobs(&engine).await, 2, "the newest of those that were missed");
    // A clock that was years ahead for a while does not silence it for years.
    clock.set(NOON_MS + 4_000 * DAY_MS);
    look(&engine).await;
    clock.set(NOON_MS + 31 * DAY_MS);
    assert_eq!(rfc3339(look(&engine).await), "2026-12-24T03:00:00.000Z");
    clock.set(NOON_MS + 32 * DAY_MS);
    look(&engine).await;
    assert_eq!(jobs(&engine).await, 4);
    engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_pass_over_what_was_missed_where_that_is_wished() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Hand(AtomicI64::new(NOON_MS))));
    let engine = engine(folder.path(), &places, &clock, schedule("0 3 * * *", "steps", false));
    look(&engine).await;
    clock.set(NOON_MS + 3 * DAY_MS);
    look(&engine).await;
    assert_eq!(jobs(&engine).await, 0);
    let (at_ms, why) = standing(engine.parts()).await.unwrap().remove(0).passed.unwrap();
    assert_eq!((rfc3339(at_ms).as_str(), why.as_str()), ("2026-11-25T03:00:00.000Z", "nobody served at that time"));
    clock.set(NOON_MS + 3 * DAY_MS + 15 * HOUR_MS + 20_000);
    look(&engine).await;
    assert_eq!(jobs(&engine).await, 1, "a look that is a little late has missed nothing");
    assert!(standing(engine.parts()).await.unwrap().remove(0).passed.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_passed_over_while_their_last_job_is_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Hand(AtomicI64::new(NOON_MS))));
    let engine = engine(folder.path(), &places, &clock, schedule("0 * * * *", "wait", true));
    engine.engine.look_at_schedules().await;
    for hour in 1..=3 {
        clock.set(NOON_MS + hour * HOUR_MS);
        engine.engine.look_at_schedules().await;
    }
    let standing = standing(engine.parts()).await.unwrap().remove(0);
    let last = standing.last.unwrap();
    assert_eq!((jobs(&engine).await, last.state.has_ended()), (1, false));
    assert!(standing.passed.unwrap().1.contains(&last.id.to_string()), "it says why");
    let fault = engine.engine.answer(Ask::Schedule { name: "nightly".into() }).await.unwrap_err();
    assert_eq!(fault.code, Code::InputInvalid, "{fault}");
    engine.engine.cancel(last.id).await.unwrap();
    assert_eq!(engine.ended(last.id).await.state, JobState::Cancelled);
    clock.set(NOON_MS + 4 * HOUR_MS);
    engine.engine.look_at_schedules().await;
    assert_eq!(jobs(&engine).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_of_two_engines_on_one_home_start_one_job() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Hand(AtomicI64::new(NOON_MS))));
    let first = engine(folder.path(), &places, &clock, schedule("0 * * * *", "steps", true));
    let second = engine(folder.path(), &places, &clock, schedule("0 * * * *", "steps", true));
    look(&first).await;
    for hour in 1..=10 {
        clock.set(NOON_MS + hour * HOUR_MS);
        tokio::join!(first.engine.look_at_schedules(), second.engine.look_at_schedules());
        look(&first).await;
        assert_eq!(i64::try_from(jobs(&first).await).unwrap(), hour);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_whose_parameters_are_refused_at_the_time_are_passed_over_and_a_new_timetable_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Hand(AtomicI64::new(NOON_MS))));
    let refused: Schedule = Schedule {
        input: Arc::new(|| Err(Fault::new(Code::ReferenceUnknown, "find reference").because("it was removed"))),
        ..schedule("0 * * * *", "steps", true)
    };
    let before = engine(folder.path(), &places, &clock, refused);
    look(&before).await;
    clock.set(NOON_MS + HOUR_MS);
    look(&before).await;
    assert!(standing(before.parts()).await.unwrap().remove(0).passed.unwrap().1.contains("it was removed"));
    before.engine.stop().await;
    clock.set(NOON_MS + 6 * HOUR_MS);
    let after = engine(folder.path(), &places, &clock, schedule("*/10 * * * *", "steps", true));
    look(&after).await;
    assert_eq!(jobs(&after).await, 0, "what another timetable would have missed was not missed");
}

/// Whether the schedule of a home has begun.
fn has_begun(program: &Program) -> bool {
    let Some(store) = stores::look(&program.path("home")) else { return false };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.schedules()).unwrap().len() == 1
}

const CONFIG: &str = "[media]\nwidth = 64\nheight = 112\nfps = 4\ndance_max_s = 1\n[[schedules]]\nname = \"nightly\"\ncron = \"0 0 * * *\"\nworkflow = \"production\"\nparameters = { count = 1, generate_variants = false }\n";

fn listed(program: &Program) -> Value {
    program.run(&["schedules", "ls", "--json"]).expect(0).json()["schedules"][0].clone()
}

fn jobs_of(program: &Program) -> Vec<Value> {
    program.run(&["jobs", "ls", "--json"]).expect(0).json()["jobs"].as_array().unwrap().clone()
}

/// Serves so many days ago, under a plan of faults, until something holds; false when it was killed before.
fn serve(program: &Program, days_ago: i64, plan: &str, holds: impl Fn() -> bool) -> bool {
    let ahead_s = (-days_ago * 86_400).to_string();
    let env = [("RUSHES_FAULTS", plan), ("RUSHES_CLOCK_AHEAD_S", &ahead_s), ("RUST_LOG", "error")];
    let mut child = program.start_with(&["serve", "--listen", "127.0.0.1:0"], &env);
    let began = Instant::now();
    loop {
        if Survivor::wait(&mut child, Duration::from_millis(50)).is_some() {
            end(child);
            return false;
        }
        if holds() {
            signal(&child, "TERM");
            end(child).expect(0);
            return true;
        }
        assert!(began.elapsed() < LONG, "it never comes to pass");
    }
}

#[test]
fn schedules_missed_while_nobody_served_are_caught_up_once_also_when_killed_at_that_moment() {
    let program = Program::with(CONFIG);
    assert!(serve(&program, 3, "", || has_begun(&program)));
    assert!(jobs_of(&program).is_empty(), "seen for the first time, it begins from then");
    for plan in ["schedule_due:1=kill", "schedule_kept:1=kill"] {
        assert!(!serve(&program, 0, plan, || false), "{plan}");
    }
    assert!(serve(&program, 0, "", || listed(&program)["last"]["state"] == "completed"));
    let all = jobs_of(&program);
    assert_eq!((all.len(), all[0]["workflow"].as_str()), (1, Some("production")), "{all:?}");
    assert_eq!(listed(&program)["last"]["job"], all[0]["id"]);
    // Out of its turn, by a command; its next turn stays as it is.
    let next = listed(&program)["next_at"].clone();
    let begun = program.run(&["schedules", "run", "nightly", "--json"]).expect(0).json();
    assert_eq!((jobs_of(&program).len(), &listed(&program)["last"]["job"], &listed(&program)["next_at"]), (2, &begun["job"], &next));
    let unknown = program.run(&["schedules", "run", "daily"]).expect(1);
    assert!(unknown.stderr.contains("nightly"), "{}", unknown.stderr);
    let text = program.run(&["schedules", "ls"]).expect(0).stdout;
    assert!(text.contains("nightly") && text.contains("0 0 * * * UTC") && text.contains("production"), "{text}");
}

#[test]
fn schedules_that_could_not_be_started_stop_the_server_before_it_begins() {
    for (bad, says) in [
        ("cron = \"0 0 * *\"\nworkflow = \"production\"\n", ["schedules.nightly.cron", "five fields"]),
        ("cron = \"@daily\"\nworkflow = \"productions\"\n", ["schedules.nightly.parameters", "there are: align, carry, character"]),
        ("cron = \"@daily\"\nworkflow = \"import\"\n", ["schedules.nightly.parameters", "not started from outside"]),
        ("cron = \"@daily\"\nworkflow = \"production\"\nparameters = { count = 11 }\n", ["schedules.nightly.parameters", "1 to 10"]),
        ("cron = \"@daily\"\nworkflow = \"production\"\ntime_zone = \"Mars/Olympus\"\n", ["schedules.nightly.cron", "no such zone"]),
    ] {
        let program = Program::with(&format!("[[schedules]]\nname = \"nightly\"\n{bad}"));
        let ended = program.run(&["serve", "--listen", "127.0.0.1:0"]).expect(1);
        assert!(says.iter().all(|part| ended.stderr.contains(part)), "{bad}: {}", ended.stderr);
        assert!(program.run(&["config", "show"]).code == 0, "it can be looked at");
    }
    let twice = Program::with("[[schedules]]\nname = \"a\"\n[[schedules]]\nname = \"a\"\n").run(&["config", "show"]);
    assert!(twice.code == 1 && twice.stderr.contains("same name"), "{}", twice.stderr);
}

#[tokio::test]
async fn schedules_are_listed_over_http_and_on_the_overview() {
    let served = Served::start(CONFIG);
    let (status, said) = served.get("/api/v1/schedules").await;
    assert_eq!((status, said["schedules"][0]["name"].as_str()), (StatusCode::OK, Some("nightly")), "{said}");
    assert!(said["schedules"][0]["next_at"].as_str().unwrap().ends_with("T00:00:00.000Z") && said["schedules"][0]["last"].is_null());
    let page = served.ask(reqwest::Method::GET, "/").header("Accept", "text/html").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Started by the clock next") && page.contains("<strong>nightly</strong>"), "{page}");
}
