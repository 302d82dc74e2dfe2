//! Choosing among takes: a job that waits for somebody, and every door by which they answer. The engine runs in this
//! process with a small workflow; the real program is asked on the same home.

use crate::service::browser::tools;
use crate::support::program::{Program, signal};
use crate::support::{Places, TestEngine, recipes::Recipes, soon};
use reqwest::{Client, Method, StatusCode};
use rushes_core::{Code, JobId, JobState, Wait};
use rushes_engine::{Ask, Lock, Role, choices};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

/// Waits until a job waits for a choice.
async fn asked(engine: &TestEngine, job: JobId) {
    let store = engine.parts().store.clone();
    let wait = Some(Wait::Signal("choose look".into()));
    engine.until("it waits for a choice", || async { store.job(job).await.unwrap().waiting_for == wait }).await;
}

async fn choose(engine: &TestEngine, job: JobId, take: u32) -> Result<Value, rushes_core::Fault> {
    engine.engine.answer(Ask::Choose { job, take }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_a_job_goes_on_with_the_take_that_is_chosen_and_says_why_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let job = engine.submit("choose", json!({"times": 2})).await;
    asked(&engine, job).await;
    let row = engine.parts().store.job(job).await.unwrap();
    assert_eq!(row.waiting_for.as_ref().unwrap().sentence(), "Waits for your choice (look)");
    let choice = choices::of_job(engine.parts(), &row).await.unwrap().unwrap();
    assert_eq!((choice.name.as_str(), choice.takes.len()), ("look", 3));
    assert_eq!(choices::open(engine.parts(), 10).await.unwrap().len(), 1);
    for take in [0, 4] {
        let fault = choose(&engine, job, take).await.unwrap_err();
        assert!(fault.code == Code::InputInvalid && fault.to_string().contains("there are 3"), "{fault}");
    }
    choose(&engine, job, 2).await.unwrap();
    // It asks again: what was sent before does not answer that.
    let store = engine.parts().store.clone();
    let has_heard = || async { store.steps(job).await.unwrap().iter().any(|step| step.name == "signal choose look 0 got") };
    engine.until("the first answer is heard", has_heard).await;
    asked(&engine, job).await;
    choose(&engine, job, 3).await.unwrap();
    let ended = engine.ended(job).await;
    assert_eq!((ended.state, ended.value), (JobState::Completed, Some(json!([{"take": 2}, {"take": 3}]))));
    let fault = choose(&engine, job, 1).await.unwrap_err();
    assert!(fault.to_string().contains("has ended: it is completed"), "{fault}");
    let waits = engine.submit("wait", json!({"limit_ms": 200_000})).await;
    let word = Some(Wait::Signal("word".into()));
    engine.until("it waits for a word", || async { store.job(waits).await.unwrap().waiting_for == word }).await;
    let fault = choose(&engine, waits, 1).await.unwrap_err();
    assert!(fault.to_string().contains("does not wait for a choice; it waits for signal word"), "{fault}");
    engine.engine.answer(Ask::Signal { job: waits, name: "word".into(), value: json!("a") }).await.unwrap();
    engine.engine.answer(Ask::Signal { job: waits, name: "word".into(), value: json!("b") }).await.unwrap();
    assert_eq!(engine.ended(waits).await.state, JobState::Completed);
    assert!(choices::open(engine.parts(), 10).await.unwrap().is_empty());
    engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_are_made_once_and_through_the_parent_of_the_one_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let child = json!({"workflow": "choose", "input": {"times": 1}});
    let parent = engine.submit("parent", json!({"children": [child]})).await;
    engine.until("its child waits", || async { choices::open(engine.parts(), 10).await.unwrap().len() == 1 }).await;
    let waiting = choices::open(engine.parts(), 10).await.unwrap().remove(0);
    assert_eq!((waiting.root, waiting.id != parent), (parent, true));
    // Ten people at once.
    let all = futures_util::future::join_all((0..10).map(|n| choose(&engine, parent, n % 3 + 1))).await;
    let taken: Vec<&Value> = all.iter().flatten().collect();
    assert_eq!((taken.len(), &taken[0]["job"]), (1, &json!(waiting.id)), "{all:?}");
    let ended = engine.ended(parent).await;
    assert_eq!((ended.state, ended.value.unwrap()[0].as_array().unwrap().len()), (JobState::Completed, 1));
    // Two that wait: it says which there are.
    let child = json!({"workflow": "choose", "input": {"takes": 2}});
    let parent = engine.submit("parent", json!({"children": [child.clone(), child]})).await;
    engine.until("both wait", || async { choices::open(engine.parts(), 10).await.unwrap().len() == 2 }).await;
    let fault = choose(&engine, parent, 1).await.unwrap_err();
    assert!(fault.to_string().contains("several of its jobs"), "{fault}");
    for job in choices::open(engine.parts(), 10).await.unwrap() {
        choose(&engine, job.id, 1).await.unwrap();
    }
    assert_eq!(engine.ended(parent).await.state, JobState::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_are_waited_for_over_a_restart_and_what_was_sent_meanwhile_counts() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let recipes = Recipes::default();
    let first = TestEngine::start(folder.path(), &places, &recipes);
    let job = first.submit("choose", json!({})).await;
    asked(&first, job).await;
    let parts = first.parts().clone();
    // Dropped where it stands, as by a kill.
    drop(first);
    parts.store.answer(job, "choose look", json!({"take": 1})).await.unwrap();
    let fault = parts.store.answer(job, "choose look", json!({"take": 2})).await.unwrap_err();
    assert!(fault.to_string().contains("a moment ago"), "{fault}");
    drop(parts);
    let next = TestEngine::start(folder.path(), &places, &recipes);
    assert_eq!(next.ended(job).await.value, Some(json!([{"take": 1}])));
    assert_eq!((recipes.runs("takes look"), recipes.runs("after choice")), (1, 1), "nothing was made twice");
    next.settle().await;
}

/// An engine in this process on the home of a program, which takes requests as any other does.
fn owner(program: &Program, places: &Places) -> (TestEngine, Lock) {
    let folder = program.path("home").parent().unwrap().to_owned();
    let home = rushes_engine::Home::at(&folder.join("home"));
    let mut lock = home.lock(Role::Service).unwrap();
    let mut engine = TestEngine::start(&folder, places, &Recipes::default());
    engine.engine.listen(&mut lock).unwrap();
    (engine, lock)
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_are_made_by_the_command_line_through_the_owner_of_the_home() {
    let program = Program::with("");
    let places = Places::memory(&program.path("elsewhere"));
    let (engine, _lock) = owner(&program, &places);
    let job = engine.submit("choose", json!({})).await;
    asked(&engine, job).await;
    let id = job.to_string();
    let run = |args: &[&str]| {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        program.run(&args)
    };
    let shown = tokio::task::block_in_place(|| run(&["jobs", "show", &id, "--json"]).expect(0).json());
    assert_eq!((&shown["choice"]["name"], shown["choice"]["takes"].as_array().unwrap().len()), (&json!("look"), 3), "{shown}");
    let text = tokio::task::block_in_place(|| run(&["jobs", "show", &id]).expect(0).stdout);
    assert!(text.contains(&format!("rushes jobs choose {id} TAKE")), "{text}");
    let none = tokio::task::block_in_place(|| run(&["jobs", "choose", &id, "9"]).expect(2));
    assert!(none.stderr.contains("there are 3"), "{}", none.stderr);
    let chosen = tokio::task::block_in_place(|| run(&["jobs", "choose", &id, "3", "--json"]).expect(0).json());
    assert_eq!(chosen, json!({"job": id, "take": 3}));
    assert_eq!(engine.ended(job).await.value, Some(json!([{"take": 3}])));
    let late = tokio::task::block_in_place(|| run(&["jobs", "choose", &id, "3"]).expect(2));
    assert!(late.stderr.contains("has ended"), "{}", late.stderr);
    // Any signal, by its name.
    let waits = engine.submit("wait", json!({"limit_ms": 200_000})).await.to_string();
    for word in ["\"one\"", "\"two\""] {
        tokio::task::block_in_place(|| run(&["jobs", "signal", &waits, "word", word]).expect(0));
    }
    assert_eq!(engine.ended(waits.parse().unwrap()).await.value.unwrap()[0], "one");
    let bad = tokio::task::block_in_place(|| run(&["jobs", "signal", &waits, "word", "one"]));
    assert!(bad.code == 2 && bad.stderr.contains("no JSON"), "{}", bad.stderr);
}

/// A server beside the engine of this process, on the same home.
fn serve_beside(program: &Program) -> (Child, String) {
    let env = [("RUSHES_FAULTS", "home_lock:*=pass"), ("RUST_LOG", "error")];
    let mut child = program.start_with(&["serve", "--listen", "127.0.0.1:0"], &env);
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    child.stdout = Some(out.into_inner());
    (child, line.trim().strip_prefix("Listening on ").unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_are_made_over_http_and_on_the_job_s_page_without_a_script() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let program = Program::with("");
    let places = Places::memory(&program.path("elsewhere"));
    let (engine, _lock) = owner(&program, &places);
    let jobs = [engine.submit("choose", json!({})).await, engine.submit("choose", json!({"takes": 2})).await];
    for job in jobs {
        asked(&engine, job).await;
    }
    engine.settle().await;
    let (child, url) = tokio::task::block_in_place(|| serve_beside(&program));
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let get = |path: String| {
        let request = client.get(format!("{url}{path}"));
        async move { request.send().await.unwrap() }
    };
    let whole: Value = get(format!("/api/v1/jobs/{}", jobs[0])).await.json().await.unwrap();
    let takes = whole["choice"]["takes"].as_array().unwrap();
    assert_eq!((&whole["choice"]["name"], takes.len(), &takes[1]["take"]), (&json!("look"), 3, &json!(2)), "{whole}");
    assert_eq!(get(takes[1]["url"].as_str().unwrap().to_owned()).await.status(), StatusCode::OK);
    for (job, body, wanted, says) in [
        (jobs[0].to_string(), json!({"take": 4}), StatusCode::BAD_REQUEST, "there are 3"),
        (jobs[0].to_string(), json!({"take": "2"}), StatusCode::BAD_REQUEST, ""),
        (jobs[0].to_string(), json!({"take": 2}), StatusCode::ACCEPTED, ""),
        ("00000000-0000-7000-8000-000000000001".into(), json!({"take": 2}), StatusCode::NOT_FOUND, ""),
    ] {
        let answer = client.request(Method::POST, format!("{url}/api/v1/jobs/{job}/choose")).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status == wanted && text.contains(says), "{body}: {status} {text}");
    }
    assert_eq!(engine.ended(jobs[0]).await.value, Some(json!([{"take": 2}])));

    let overview = get("/".into()).await.text().await.unwrap();
    assert!(overview.contains("1 job waits for your choice") && overview.contains(&format!("/jobs/{}", jobs[1])), "{overview}");
    let page = get(format!("/jobs/{}", jobs[1])).await.text().await.unwrap();
    assert_eq!(page.matches(&format!("action=\"/jobs/{}/choose\"", jobs[1])).count(), 2, "{page}");
    assert!(page.contains("Choose take 2") && page.contains("Waits for your choice (look)"), "{page}");
    let post = |take: &str| {
        let request = client.post(format!("{url}/jobs/{}/choose", jobs[1])).header("Content-Type", "application/x-www-form-urlencoded");
        let request = request.header("Origin", &url).body(format!("take={take}"));
        async move { request.send().await.unwrap() }
    };
    assert_eq!(post("7").await.status(), StatusCode::BAD_REQUEST);
    let chosen = post("1").await;
    assert_eq!((chosen.status(), chosen.headers()["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, &*format!("/jobs/{}", jobs[1])));
    assert_eq!(engine.ended(jobs[1]).await.value, Some(json!([{"take": 1}])));
    assert_eq!(post("1").await.status(), StatusCode::SEE_OTHER, "it has ended, which the page tells");
    let after = get(format!("/jobs/{}", jobs[1])).await.text().await.unwrap();
    assert!(!after.contains("/choose\""));
    tokio::task::block_in_place(|| end_child(child));
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_page_in_a_real_browser_is_accessible_and_needs_neither_mouse_nor_script() {
    let Some(tools) = tools() else { return };
    let program = Program::with("");
    let places = Places::memory(&program.path("elsewhere"));
    let (engine, _lock) = owner(&program, &places);
    let job = engine.submit("choose", json!({})).await;
    asked(&engine, job).await;
    engine.settle().await;
    let said = tokio::task::block_in_place(|| {
        let (child, url) = serve_beside(&program);
        let said = tools.run("choices.mjs", &[&url, &job.to_string()]);
        end_child(child);
        said
    });
    assert!(said.matches("ok: ").count() >= 18, "{said}");
    assert_eq!(engine.ended(job).await.value, Some(json!([{"take": 2}])));
}

fn end_child(mut child: Child) {
    signal(&child, "TERM");
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < soon(), "it ends when it is asked to");
        std::thread::sleep(Duration::from_millis(20));
    }
}
