//! `redo`: the old set stays until the new one is whole; then there is one set everywhere, whatever happens in between.

use crate::support::program::{Program, end};
use crate::support::survivor::{Dice, TINY, agree, make_reference, number, report};
use crate::survives::of_a_production;
use rushes_core::faults::Place;
use serde_json::Value;

/// A home with one finished production.
fn studio() -> (Program, String) {
    let program = Program::with(TINY);
    make_reference(&program);
    std::fs::create_dir_all(program.path("home/references")).unwrap();
    for name in ["step", "first"] {
        std::fs::copy(program.path("step.mp4"), program.path(&format!("home/references/{name}.mp4"))).unwrap();
    }
    let made = program.run(&["run", "production", "--reference", "step", "--json"]).expect(0).json();
    let who = made["results"][0]["character_id"].as_str().unwrap().to_owned();
    (program, who)
}

fn record(program: &Program, who: &str) -> Value {
    let path = program.path(&format!("home/remote/records/characters/{who}.json"));
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

/// The set of this title in the character's record.
fn set(record: &Value, title: &str) -> Value {
    record["assets"].as_array().unwrap().iter().find(|set| set["title"] == title).cloned().unwrap_or_default()
}

/// One set, never both, never none: the record names each part of it, all of one dance, and what is there.
fn one_set(program: &Program, who: &str, when: &str) -> String {
    let record = record(program, who);
    let primary = set(&record, "primary");
    let dance = primary["dance_video"].as_str().unwrap_or_else(|| panic!("{when}: no dance in {primary}"));
    let name = dance.rsplit('/').next().unwrap().trim_end_matches(".mp4").to_owned();
    for (title, field) in [
        ("primary", "DELIVERABLE"),
        ("remix_main", "deliverable"),
        ("remix_main", "scored"),
        ("soundtracks", "kpop_video"),
        ("kpop", "dance_video"),
    ] {
        let uri = set(&record, title)[field].as_str().unwrap_or_else(|| panic!("{when}: {title}.{field} is not named")).to_owned();
        assert!(uri.contains(&name), "{when}: {title}.{field} is of another dance: {uri}, {name}");
        assert!(crate::support::program::file_of(&uri).is_file(), "{when}: {uri} is named and not there");
    }
    name
}

#[test]
fn redo_three_times_leaves_one_current_set_everywhere() {
    let (program, who) = studio();
    let mut before: Vec<Value> = Vec::new();
    for round in 1..=3 {
        program.run(&["run", "redo", &who]).expect(0);
        let name = one_set(&program, &who, &format!("round {round}"));
        assert_eq!(name, format!("dance_{who}_cosplay_on_step"));
        agree(&program, None);
        program.run(&["audit", "--deep"]).expect(0);
        let now: Vec<Value> = program.assets();
        for kind in ["dance_video", "remix_video", "watermarked_video", "kpop_video"] {
            let of = |assets: &[Value]| assets.iter().find(|asset| asset["kind"] == kind).cloned().unwrap_or_default();
            assert_eq!(of(&now)["version"], 1 + round, "{kind}: a new version each time");
            assert_ne!(of(&now)["sha256"], of(&before)["sha256"], "{kind}: another take");
        }
        before = now;
    }
    // On another reference: the set of the first goes everywhere, its reference too.
    for reference in ["first", "step"] {
        program.run(&["run", "redo", &who, "--swap-ref", reference]).expect(0);
        assert_eq!(one_set(&program, &who, reference), format!("dance_{who}_cosplay_on_{reference}"));
        agree(&program, None);
        program.run(&["audit", "--deep"]).expect(0);
    }
    program.run(&["verify", "--deep"]).expect(0);
}

#[test]
fn redo_that_fails_leaves_the_old_set_as_it_was() {
    let (program, who) = studio();
    let before = (program.assets(), record(&program, &who));
    let mut bytes = std::fs::read(program.path("home/references/first.mp4")).unwrap();
    bytes.truncate(bytes.len() / 2);
    program.write("home/references/first.mp4", &bytes);
    let failed = program.run(&["run", "redo", &who, "--swap-ref", "first"]).expect(1);
    assert!(failed.stderr.contains("first"), "{}", failed.stderr);
    assert_eq!(program.assets(), before.0);
    let (now, then) = (record(&program, &who), before.1);
    assert_eq!(now["assets"], then["assets"]);
    agree(&program, None);
}

#[test]
fn redo_with_a_crash_at_each_commit_point_ends_with_one_set() {
    let (program, who) = studio();
    let mut dice = Dice::roll("redo");
    let mut places = [&of_a_production()[..], &[Place::ObjectRemove, Place::ObjectRemoved]].concat();
    places.sort_by_cached_key(|_| dice.below(1 << 20));
    if number("RUSHES_ALL_POINTS", 0) == 0 {
        places.truncate(5);
    }
    let (mut killed, mut swaps) = (0, ["first", "step"].into_iter().cycle());
    let mut at = "step";
    let mut pending: Vec<(Place, u64)> = places.into_iter().map(|place| (place, 1 + dice.below(12))).collect();
    let mut passes = 0;
    while let Some((place, occurrence)) = pending.pop() {
        passes += 1;
        assert!(passes < 200, "never reached: {place:?} {pending:?}");
        let to = swaps.next().unwrap();
        let args = ["run", "redo", &who, "--swap-ref", to];
        let plan = format!("{}:{occurrence}=kill", place.name());
        let ended = end(program.start_with(&args, &[("RUSHES_FAULTS", &plan)]));
        if ended.code == 0 {
            // It was over before: once more, sooner.
            pending.push((place, occurrence.div_ceil(2)));
        } else {
            assert_eq!(ended.code, -1, "{plan}: {}", ended.stderr);
            killed += 1;
            let name = one_set(&program, &who, &format!("killed at {plan}"));
            assert!([at, to].iter().any(|reference| name.ends_with(&format!("_on_{reference}"))), "{plan}: {name}");
            // The same command goes on where it can; where the job had come to its end before it was killed, what is owed follows.
            let goes_on = program.run(&args);
            let is_over = goes_on.code == 1 && goes_on.stderr.contains("dances on");
            assert!(goes_on.code == 0 || is_over, "{plan}: {}", goes_on.stderr);
        }
        at = to;
        program.run(&["audit", "--fix"]).expect(0);
        assert_eq!(one_set(&program, &who, &plan), format!("dance_{who}_cosplay_on_{at}"), "{plan}");
        agree(&program, None);
    }
    program.run(&["audit", "--deep"]).expect(0);
    report("redo, killed at a commit point", &format!("{killed} kills, one set each time, seed {}", dice.seed));
}
