//! Kinds that are kept for days only, by the real program: what is over goes from records, destinations, the library and this
//! machine, in that order, also when it is killed on the way; and what expired can be made again.

use crate::support::program::{Program, end, signal};
use crate::support::survivor::{LONG, Survivor, TINY, make_reference};
use crate::support::{Places, TestEngine, recipes::Recipes};
use rushes_core::store::AssetFilter;
use rushes_core::{Kind, record};
use rushes_engine::KeepRules;
use rushes_engine::keep::sweep;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const DAY_MS: i64 = 24 * 3_600_000;

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The files of a folder that were of the kinds that go.
fn over(folder: &Path) -> Vec<PathBuf> {
    let mut found = files(folder);
    found.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.contains("_poster.") || name.starts_with("[kpop_soundtrack]") && !name.contains("_contact_sheet") && !name.contains("_preview")
    });
    found
}

/// Serves the home at a time so far ahead, under a plan of faults, until something holds or it is killed by the plan.
fn serve_ahead(program: &Program, ahead_s: i64, plan: &str, holds: impl Fn() -> bool) -> bool {
    let env = [("RUSHES_CLOCK_AHEAD_S", &*ahead_s.to_string()), ("RUSHES_FAULTS", plan), ("RUST_LOG", "error")];
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

fn owes_nothing(program: &Program) -> bool {
    let status = program.run(&["status", "--json"]).expect(0).json();
    status["destinations"].as_object().unwrap().values().all(|place| place["owed"] == 0 && place["refused"] == 0)
}

#[test]
fn keep_days_are_over_for_a_production_in_records_clouds_and_library_also_when_it_is_killed() {
    let program = Program::with(&format!("{TINY}[keep.days]\nposter = 1\nkpop_video = 1\n"));
    make_reference(&program);
    let run = ["run", "production", "--reference", "step.mp4", "--seed", "5", "--no-variants", "--json"];
    let said = program.run(&run).expect(0).json();
    let (job, character) = (said["job_id"].as_str().unwrap(), said["results"][0]["character_id"].as_str().unwrap());
    let before = program.assets();
    let goes = |asset: &Value| ["poster", "kpop_video"].contains(&asset["kind"].as_str().unwrap());
    let gone: Vec<&Value> = before.iter().filter(|asset| goes(asset)).collect();
    assert!(gone.len() >= 3 && gone.len() < before.len());
    let (remote, library) = (program.path("home/remote"), program.path("home/library"));
    assert_eq!((over(&remote).len(), over(&library).len()), (gone.len(), gone.len()));

    let record_of = |collection: &str, id: &str| -> Value {
        serde_json::from_slice(&std::fs::read(remote.join("records").join(collection).join(format!("{id}.json"))).unwrap()).unwrap()
    };
    let named = |id: &str| record_of("characters", id).to_string();
    // Whatever moment it is: an object that a record names is there.
    let none_named_that_is_gone = || {
        let texts = [named(character), record_of("pipeline_jobs", job).to_string()];
        for asset in &gone {
            let (path, url) = (asset["path"].as_str().unwrap(), asset["url"].as_str().unwrap());
            assert!(remote.join(path).exists() || texts.iter().all(|text| !text.contains(url)), "{path} is gone and still named");
        }
    };
    // Killed at each of these, the next start goes on.
    for plan in ["record_take:1=kill", "record_there:1=kill", "object_remove:1=kill", "object_removed:2=kill"] {
        let ended = serve_ahead(&program, 2 * 86_400, plan, || false);
        assert!(!ended, "{plan}");
        none_named_that_is_gone();
    }
    let is_done = || {
        none_named_that_is_gone();
        over(&remote).is_empty() && over(&library).is_empty() && owes_nothing(&program)
    };
    assert!(serve_ahead(&program, 2 * 86_400, "", is_done));

    let after = program.assets();
    assert_eq!(after.len(), before.len() - gone.len());
    assert!(after.iter().all(|asset| !goes(asset)));
    assert_eq!(files(&library).len(), after.len(), "the library shows each of the others, and nothing else");
    let audit = program.run(&["audit", "--json"]).expect(0).json();
    assert_eq!((audit["clean"].as_bool(), audit["kinds"].to_string().contains("poster")), (Some(true), false), "{audit}");
    let mirror = record_of("pipeline_jobs", job);
    let told: Vec<&Value> = mirror["results"][0]["assets"]["deliverables"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(told, ["watermarked", "orig_soundtrack"], "the job tells of it no more");
    // An hour later their bytes go from here, too, but for those that another file has.
    let blob_of = |asset: &Value| {
        let hash = asset["sha256"].as_str().unwrap();
        program.path("home/blobs").join(&hash[..2]).join(&hash[2..])
    };
    let own: Vec<&&Value> = gone.iter().filter(|asset| after.iter().all(|other| other["sha256"] != asset["sha256"])).collect();
    assert!(own.len() > 1 && own.iter().all(|asset| blob_of(asset).exists()), "jobs that named them a moment ago may go on");
    assert!(serve_ahead(&program, 2 * 86_400 + 2 * 3_600, "", || own.iter().all(|asset| !blob_of(asset).exists())));
    assert!(after.iter().all(|asset| blob_of(asset).exists()));
    assert_eq!(program.run(&["audit", "--json"]).expect(0).json()["clean"], true);
}

#[test]
fn keep_days_are_checked_at_start() {
    let unknown = Program::with("[keep.days]\nposters = 1\n");
    let end = unknown.run(&["status"]);
    assert!(end.code == 1 && end.stderr.contains("keep.days.posters") && end.stderr.contains("contact_sheet"), "{}", end.stderr);
    let long = Program::with("[keep.days]\nposter = 40000\n").run(&["status"]);
    assert!(long.code == 1 && long.stderr.contains("36500"), "{}", long.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_days_what_expired_can_be_made_again_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(crate::support::Ahead::default()));
    let keep = KeepRules { days: BTreeMap::from([(Kind::DanceVideo, 1)]), ..KeepRules::default() };
    let engine = TestEngine::start_with(folder.path(), &places, &Recipes::default(), clock.clone(), keep);
    engine.run("files", json!({"count": 2, "text": "first"})).await;
    engine.settle().await;
    let first = engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
    let shown = |path: &str| engine.parts().home.library().join(path).exists();
    assert!(first.iter().all(|(asset, _)| shown(&asset.path)));
    clock.0.store(2 * DAY_MS, Ordering::SeqCst);
    assert_eq!(sweep(engine.parts(), false).await.unwrap().expired, 2);
    assert!(first.iter().all(|(asset, _)| !shown(&asset.path)), "the library shows none");
    // Made again at once, while the first may still be about to be removed.
    engine.run("files", json!({"count": 1, "text": "second"})).await;
    engine.settle().await;
    let now = engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
    assert_eq!((now.len(), now[0].0.version), (1, 2));
    assert!(shown(&now[0].0.path));
    let (port, other) = (&places.destinations[0].1, format!("base/{}", first[1].0.path));
    assert!(port.stat(&other).await.unwrap().is_none(), "the one that was not made again is gone");
    let there = places.catalog.get("characters", "mira_1").await.unwrap().unwrap();
    let entries = record::entries(&there.fields);
    assert_eq!((entries.len(), entries[0]["version"].as_u64()), (1, Some(2)), "{}", there.fields);
    // Its days come, too.
    clock.0.store(4 * DAY_MS, Ordering::SeqCst);
    assert_eq!(sweep(engine.parts(), false).await.unwrap().expired, 1);
    engine.settle().await;
    engine.until("the object is gone", || async { port.stat(&format!("base/{}", now[0].0.path)).await.unwrap().is_none() }).await;
    engine.settle().await;
}
