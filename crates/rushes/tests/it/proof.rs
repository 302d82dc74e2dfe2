//! The commands that prove and mend, on what the real program made: planted faults are found, every one, and mended; a
//! library comes back from its bucket alone; other processes' wishes reach the engine that works.

use crate::support::program::{Program, end, ffmpeg};
use crate::support::survivor::{LONG, Survivor, hashes};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn write(path: &Path, bytes: &[u8]) {
    let _ = std::fs::remove_file(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
}

fn findings(said: &Value) -> BTreeMap<String, Vec<String>> {
    let mut by_code: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in said["findings"].as_array().unwrap() {
        by_code.entry(finding["code"].as_str().unwrap().to_owned()).or_default().push(finding["key"].as_str().unwrap().to_owned());
    }
    by_code.values_mut().for_each(|keys| keys.sort());
    by_code
}

/// The first file below a folder whose path ends so.
fn ending(folder: &Path, end: &str) -> PathBuf {
    let found = hashes(folder).into_keys().find(|key| key.ends_with(end));
    folder.join(found.unwrap_or_else(|| panic!("nothing ends in {end}")))
}

/// The blob of the asset at a path.
fn blob(home: &Path, path: &str) -> PathBuf {
    let hash = &hashes(&home.join("library"))[path];
    home.join("blobs").join(&hash[..2]).join(&hash[2..])
}

#[test]
fn proof_audit_finds_every_planted_fault_and_fix_mends_what_can_be() {
    let mut survivor = Survivor::new(&["--no-variants"]);
    survivor.finish();
    let (program, home) = (&survivor.program, survivor.home());
    let remote = home.join("remote");
    let before = (hashes(&remote), hashes(&home.join("library")), hashes(&home.join("blobs")));
    let key = |path: &Path| path.strip_prefix(&remote).unwrap().to_str().unwrap().to_owned();

    let (missing, changed) = (ending(&remote, "_cosplay.png"), ending(&remote, "orig_music.m4a"));
    std::fs::remove_file(&missing).unwrap();
    write(&changed, b"someone wrote here");
    let orphan = remote.join("dances/nobody knows.mp4");
    write(&orphan, b"not ours");
    let (stale, absent) = (ending(&remote.join("records/characters"), ".json"), ending(&remote.join("records/pipeline_jobs"), ".json"));
    let mut fields: Value = serde_json::from_slice(&std::fs::read(&stale).unwrap()).unwrap();
    fields["assets"] = json!([]);
    fields["rev"] = json!(1_000);
    write(&stale, fields.to_string().as_bytes());
    std::fs::remove_file(&absent).unwrap();
    write(&remote.join("records/characters/nobody.json"), b"{\"rev\": 1}");
    let (gone_link, other_link) =
        (ending(&home.join("library"), "_waveform.png"), ending(&home.join("library"), "generated_kpop_music.flac"));
    std::fs::remove_file(&gone_link).unwrap();
    write(&other_link, b"something else");
    let lost = ending(&home.join("library"), "_scored.mp4");
    let lost = lost.strip_prefix(home.join("library")).unwrap().to_str().unwrap().to_owned();
    std::fs::remove_file(blob(&home, &lost)).unwrap();
    let damaged = ending(&home.join("library"), "_poster.jpg");
    let damaged = damaged.strip_prefix(home.join("library")).unwrap().to_str().unwrap().to_owned();
    let damaged_blob = blob(&home, &damaged);
    let size = std::fs::metadata(&damaged_blob).unwrap().len();
    write(&damaged_blob, &vec![7; usize::try_from(size).unwrap()]);
    // A place that everything is now owed to and nothing was ever sent to.
    let second = program.path("second");
    let config = std::fs::read_to_string(program.path("rushes.toml")).unwrap();
    let places = format!(
        "{config}\n[[destinations]]\nname = \"remote\"\nuri = \"file://{}\"\n[[destinations]]\nname = \"second\"\nuri = \"file://{}\"\n",
        remote.display(),
        second.display()
    );
    program.write("rushes.toml", places.as_bytes());

    let found = findings(&program.run(&["audit", "--deep", "--json"]).expect(4).json());
    let all: Vec<String> = hashes(&home.join("library")).into_keys().collect();
    let mut local_only = found["local_only"].clone();
    local_only.dedup();
    assert!(local_only.len() >= all.len(), "each asset is owed to the new place: {} of {}", local_only.len(), all.len());
    assert_eq!(found["missing"], [key(&missing)]);
    assert_eq!(found["changed"], [key(&changed)]);
    assert_eq!(found["orphaned"], ["dances/nobody knows.mp4"]);
    assert_eq!(found["record_stale"].len(), 1);
    assert_eq!(found["record_missing"].len(), 1);
    assert_eq!(found["record_orphaned"], ["characters/nobody"]);
    assert_eq!(found["blob_missing"], [lost]);
    assert_eq!(found["blob_changed"], [damaged]);
    assert_eq!(found["link_missing"].len(), 2, "{found:?}");
    assert_eq!(found.len(), 10, "and nothing else: {:?}", found.keys());

    let fixed = program.run(&["audit", "--deep", "--fix", "--json"]).expect(4).json();
    let left = findings(&fixed);
    assert_eq!(left.keys().collect::<Vec<_>>(), ["orphaned", "record_orphaned"], "what is not ours is left: {left:?}");
    std::fs::remove_file(&orphan).unwrap();
    std::fs::remove_file(remote.join("records/characters/nobody.json")).unwrap();
    program.run(&["audit", "--deep"]).expect(0);
    let objects = |hashes: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        hashes.iter().filter(|(key, _)| !key.starts_with("records/")).map(|(key, hash)| (key.clone(), hash.clone())).collect()
    };
    assert_eq!(objects(&hashes(&remote)), objects(&before.0));
    assert_eq!(objects(&hashes(&second)), objects(&before.0), "the new place has it all");
    assert_eq!((hashes(&home.join("library")), hashes(&home.join("blobs"))), (before.1, before.2));
}

#[test]
fn proof_restore_gives_every_byte_back_from_the_bucket_alone() {
    let mut survivor = Survivor::new(&["--no-variants"]);
    survivor.finish();
    let picture = survivor.program.path("own.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &picture);
    survivor.program.run(&["put", picture.to_str().unwrap()]).expect(0);
    let (home, fresh) = (survivor.home(), Program::with(""));
    let (library, blobs) = (hashes(&home.join("library")), hashes(&home.join("blobs")));
    for (key, _) in hashes(&home.join("remote")) {
        write(&fresh.path("home/remote").join(&key), &std::fs::read(home.join("remote").join(&key)).unwrap());
    }
    let proven = fresh.run(&["restore", "--prove", "--json"]).expect(0).json();
    assert_eq!(proven["restored"]["files"], library.len());
    assert_eq!(proven["restored"]["unrecorded"], json!([]), "every object is in a record");
    assert!(!fresh.path("home/rushes.db").exists(), "proving changes nothing");

    let restored = fresh.run(&["restore", "--json"]).expect(0).json();
    assert_eq!(restored["restored"]["adopted"], library.len());
    assert_eq!(hashes(&fresh.path("home/library")), library);
    let names: Vec<String> = hashes(&fresh.path("home/blobs")).into_keys().filter(|key| !key.starts_with('.')).collect();
    assert_eq!(names, blobs.into_keys().filter(|key| !key.starts_with('.')).collect::<Vec<_>>());
    fresh.run(&["audit", "--deep"]).expect(0);
    fresh.run(&["verify", "--deep"]).expect(0);
    let again = fresh.run(&["restore", "--json"]).expect(0).json();
    assert_eq!(again["restored"]["adopted"], 0, "what is known is not adopted twice");

    // One byte of the bucket is wrong: said, and the rest still comes.
    let object = ending(&fresh.path("home/remote"), "_cosplay.png");
    let mut bytes = std::fs::read(&object).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    write(&object, &bytes);
    let proven = fresh.run(&["restore", "--prove", "--json"]).expect(4).json();
    assert_eq!(proven["restored"]["lost"].as_array().unwrap().len(), 1);
    assert_eq!(proven["restored"]["files"], library.len() - 1);
    for args in [["verify", "--json"].as_slice(), &["verify", "--deep", "--json"]] {
        let verified = fresh.run(args).expect(4).json();
        assert!(verified["verified"]["differing"][0].as_str().unwrap().contains("_cosplay.png"), "{verified}");
    }
}

#[test]
fn proof_a_job_is_cancelled_from_another_process_within_a_second_or_two() {
    let survivor = Survivor::new(&[]);
    let mut running = survivor.start("");
    Survivor::until_logged(&survivor.log(), "/dance primary");
    let jobs = survivor.program.run(&["jobs", "ls", "--state", "running", "--json"]).expect(0).json();
    let id = jobs["jobs"][0]["id"].as_str().unwrap().to_owned();
    let asked = Instant::now();
    let said = survivor.program.run(&["jobs", "cancel", &id]).expect(0);
    assert!(said.stderr.contains("Handed to process"), "{}", said.stderr);
    assert!(said.stdout.contains("cancelled"), "{}", said.stdout);
    assert_eq!(Survivor::wait(&mut running, Duration::from_secs(10)), Some(130), "the command that ran it says so too");
    assert!(asked.elapsed() < Duration::from_secs(5), "took {:?}", asked.elapsed());
    let again = survivor.program.run(&["jobs", "cancel", &id]).expect(2);
    assert!(again.stderr.contains("already been cancelled"), "{}", again.stderr);
    let retried = survivor.program.run(&["jobs", "retry", &id]).expect(2);
    assert!(retried.stderr.contains("start it again"), "{}", retried.stderr);
    assert_eq!(std::fs::read_dir(survivor.home().join("scratch")).unwrap().count(), 0, "nothing lies about");
    survivor.program.run(&["audit"]).expect(0);
}

#[test]
fn proof_a_job_that_a_kill_left_is_cancelled_by_whoever_is_asked() {
    let survivor = Survivor::new(&[]);
    let mut killed = survivor.start("body_done:4=kill");
    assert_eq!(Survivor::wait(&mut killed, LONG), Some(-1));
    let jobs = survivor.program.run(&["jobs", "ls", "--state", "running", "--json"]).expect(0).json();
    let id = jobs["jobs"][0]["id"].as_str().unwrap().to_owned();
    let said = survivor.program.run(&["jobs", "cancel", &id, "--json"]).expect(0).json();
    assert_eq!(said["state"], "cancelled");
    let family = survivor.program.run(&["jobs", "show", &id, "--json"]).expect(0).json();
    assert!(family["children"].as_array().unwrap().iter().all(|child| child["state"] == "cancelled"), "{family}");
    assert_eq!(std::fs::read_dir(survivor.home().join("scratch")).unwrap().count(), 0, "nothing lies about");
    // Nobody who cancels waits for what is still owed.
    survivor.program.run(&["sync", "--records"]).expect(0);
    survivor.program.run(&["audit"]).expect(0);
}

#[test]
fn proof_a_failed_job_is_taken_up_again_where_it_failed() {
    let survivor = Survivor::new(&["--no-variants"]);
    // The first try of the step fails five times, which is all it has; what was done before stays done.
    let plan = (4..9).map(|n| format!("body_done:{n}=error")).collect::<Vec<_>>().join(",");
    let failed = end(survivor.start(&plan)).expect(1);
    let id = failed.json()["job_id"].as_str().unwrap().to_owned();
    let first = std::fs::read_to_string(survivor.log()).unwrap();
    let retried = end(survivor
        .program
        .start_with(&["jobs", "retry", &id, "--json"], &[("RUSHES_FAULTS_LOG", survivor.program.path("second.log").to_str().unwrap())]))
    .expect(0);
    assert_eq!(retried.json()["state"], "completed");
    let second = std::fs::read_to_string(survivor.program.path("second.log")).unwrap();
    let lines = |text: &str, word: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(word)).map(|key| key.trim().to_owned()).collect()
    };
    let (kept, begun) = (lines(&first, "kept "), lines(&second, "begun "));
    assert!(!kept.is_empty() && !begun.is_empty());
    assert!(begun.iter().all(|key| !kept.contains(key)), "what was finished did not run again");
    survivor.program.run(&["audit"]).expect(0);
    let none = survivor.program.run(&["jobs", "retry", &id]).expect(2);
    assert!(none.stderr.contains("nothing of it failed"), "{}", none.stderr);
}

#[test]
fn proof_put_is_handed_to_the_engine_that_works_and_a_second_run_is_not() {
    let survivor = Survivor::new(&[]);
    let picture = survivor.program.path("own.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &picture);
    let mut running = survivor.start("");
    Survivor::until_logged(&survivor.log(), "begun");
    let said = survivor.program.run(&["put", picture.to_str().unwrap(), "--json"]).expect(0);
    assert!(said.stderr.contains("Handed to process"), "{}", said.stderr);
    assert!(said.json()["url"].as_str().unwrap().starts_with("file://"));
    let busy = survivor.program.run(&["run", "production", "--seed", "99", "--reference", "step.mp4"]).expect(1);
    assert!(busy.stderr.contains(&running.id().to_string()), "it names the process: {}", busy.stderr);
    assert_eq!(Survivor::wait(&mut running, LONG), Some(0));
    survivor.program.run(&["audit"]).expect(0);
}

#[test]
fn proof_sync_sends_what_one_subject_still_owes() {
    let program = Program::with("");
    let picture = program.path("own.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &picture);
    // Someone else's file lies under the key.
    let taken = program.write("home/remote/characters/ana.png", b"theirs");
    let put = ["put", picture.to_str().unwrap(), "--kind", "anime_image", "--subject", "ana"];
    let refused = program.run(&put).expect(1);
    assert!(refused.stderr.contains("refused"), "{}", refused.stderr);
    let still = program.run(&["sync", "--subject", "ana", "--json"]).expect(3).json();
    assert_eq!((&still["undelivered"], std::fs::read(&taken).unwrap().as_slice()), (&json!(1), b"theirs".as_slice()));
    std::fs::remove_file(&taken).unwrap();
    let sent = program.run(&["sync", "--subject", "ana", "--json"]).expect(0).json();
    assert_eq!(sent["undelivered"], 0);
    assert_eq!(std::fs::read(&taken).unwrap(), std::fs::read(&picture).unwrap());
    let nobody = program.run(&["sync", "--subject", "nobody"]).expect(1);
    assert!(nobody.stderr.contains("nobody"), "{}", nobody.stderr);
    program.run(&["audit"]).expect(0);
}

#[test]
fn proof_lineage_goes_both_ways() {
    let mut survivor = Survivor::new(&["--no-variants"]);
    survivor.finish();
    let assets = survivor.program.assets();
    let of = |kind: &str| assets.iter().find(|asset| asset["kind"] == kind).unwrap()["id"].as_str().unwrap().to_owned();
    let said = survivor.program.run(&["assets", "lineage", &of("dance_video"), "--json"]).expect(0).json();
    let kin: Vec<(i64, &str)> = said["lineage"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["generation"].as_i64().unwrap(), one["kind"].as_str().unwrap()))
        .collect();
    for wanted in
        [(-2, "anime_image"), (-1, "cosplay_image"), (-1, "reference_video"), (0, "dance_video"), (1, "remix_video"), (1, "poster")]
    {
        assert!(kin.contains(&wanted), "{wanted:?} is not in {kin:?}");
    }
}

#[test]
fn proof_equal_inputs_are_made_once_and_a_redo_is_made_anew() {
    let survivor = Survivor::new(&[]);
    let args = ["run", "production", "--reference", "step.mp4", "--seed", "5", "--no-variants", "--no-skip-existing"];
    let first = survivor.program.run(&args).expect(0);
    assert!(!first.stderr.contains("reused"), "{}", first.stderr);
    let before = hashes(&survivor.home().join("library"));
    let again = survivor.program.run(&[&args[..], &["--new"]].concat()).expect(0);
    for step in ["anime_image", "cosplay_image", "dance primary", "ai_music", "icon_sticker"] {
        assert!(again.stderr.contains(&format!("reused   {step} (")), "{step}: {}", again.stderr);
    }
    assert_eq!(hashes(&survivor.home().join("library")), before, "what is reused is the same");
    let redone = survivor.program.run(&[&args[..], &["--redo", "1"]].concat()).expect(0);
    assert!(!redone.stderr.contains("reused"), "{}", redone.stderr);
    let dance = survivor.program.assets().into_iter().find(|asset| asset["kind"] == "dance_video").unwrap();
    let shown = survivor.program.run(&["assets", "show", dance["id"].as_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!(shown["meta"]["reused_from"], json!(null));
    survivor.program.run(&["audit"]).expect(0);
}
