//! `finish-all` on a library of years: it ends as predicted, twice, touches nothing that was done, and goes on after kills.
//! `RUSHES_CHARACTERS` says how many characters (200 at length); `RUSHES_SEED` repeats a run.

use crate::support::messy::{Messy, Predicted};
use crate::support::program::{Program, end};
use crate::support::survivor::{Dice, LONG, Survivor, TINY, agree, number, report};
use rushes_core::faults::Place;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// An asset: its path, its hash, its version.
type Facts = (String, String, u64);

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}

/// Every asset by its id.
fn facts(program: &Program) -> BTreeMap<String, Facts> {
    let fact = |asset: &Value| (text(asset, "path"), text(asset, "sha256"), asset["version"].as_u64().unwrap());
    program.assets().iter().map(|asset| (text(asset, "id"), fact(asset))).collect()
}

fn stem(path: &str) -> String {
    path.rsplit_once('.').unwrap().0.to_owned()
}

/// What a run said it refused, by the files' names.
fn refused(said: &Value) -> BTreeSet<String> {
    let list = said["value"]["refused"].as_array().unwrap_or_else(|| panic!("{said:#}"));
    list.iter()
        .map(|one| {
            assert!(!text(one, "why").is_empty(), "{one}");
            text(one, "what").rsplit('/').next().unwrap().to_owned()
        })
        .collect()
}

/// Whether everything is as predicted.
fn check(program: &Program, predicted: &Predicted, before: &BTreeMap<String, Facts>) {
    let (assets, now) = (program.assets(), facts(program));
    for (id, fact) in before {
        assert_eq!(now.get(id), Some(fact), "{id} was there and is touched");
    }
    let dances = assets.iter().filter(|asset| asset["kind"] == "dance_video");
    let dances: BTreeMap<String, (String, String)> =
        dances.map(|asset| (stem(&text(asset, "path")), (text(asset, "subject"), text(asset, "title")))).collect();
    assert_eq!(dances, predicted.dances);
    let shown = assets.iter().filter(|asset| asset["kind"] == "watermarked_video").map(|asset| text(asset, "subject"));
    assert_eq!(shown.collect::<BTreeSet<_>>(), predicted.shown);
    let mut new: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for asset in assets.iter().filter(|asset| !before.contains_key(&text(asset, "id"))) {
        assert_eq!(asset["version"], 1, "{asset}");
        new.entry(text(asset, "subject")).or_default().insert(text(asset, "kind"));
    }
    let touched: BTreeSet<String> = predicted.registered.iter().map(|stem| predicted.dances[stem].0.clone()).collect();
    for (subject, kinds) in &new {
        assert!(touched.contains(subject) || predicted.finished.contains_key(subject), "{subject} was done: {kinds:?}");
    }
    let whole = ["variant_image", "variant_video", "remix_video", "scored_video", "orig_music"];
    let lacked = ["watermarked_video", "kpop_video", "orig_video", "ai_music", "icon_sticker", "name_sticker"];
    for (id, project) in &predicted.finished {
        let kinds = &new[id];
        let wanted = if project.is_remixed { lacked.to_vec() } else { [&lacked[..], &whole].concat() };
        assert!(wanted.iter().all(|kind| kinds.contains(*kind)), "{id}: {kinds:?}");
        let folder = format!("remixes/{}/", project.name);
        let made = assets.iter().filter(|asset| text(asset, "subject") == *id && text(asset, "path").starts_with("remixes/"));
        made.for_each(|asset| assert!(text(asset, "path").starts_with(&folder), "{asset} is no part of {folder}"));
        let reference = assets.iter().any(|asset| asset["kind"] == "reference_video" && text(asset, "subject") == *id);
        assert_eq!(reference, project.has_reference, "{id}");
    }
    agree(program, None);
}

/// Makes a library, takes in what its records name, and lays down what they do not.
fn begin(characters: usize, dice: &mut Dice) -> (Program, Messy, BTreeMap<String, Facts>) {
    let program = Program::with(TINY);
    let mut messy = Messy::make(&program, characters, dice);
    let said = program.run(&["import", "output", "--json"]).expect(3).json();
    assert_eq!(said["missing"].as_array().unwrap().len(), messy.predicted.missing, "{:#}", said["missing"]);
    for list in ["refused", "problems", "conflicts", "failed"] {
        assert_eq!(said[list].as_array().unwrap().len(), 0, "{list}: {:#}", said[list]);
    }
    messy.leave();
    let before = facts(&program);
    (program, messy, before)
}

#[test]
fn finish_all_ends_as_predicted_twice_and_touches_nothing_that_was_done() {
    let mut dice = Dice::roll("finish-all");
    let characters = usize::try_from(number("RUSHES_CHARACTERS", 60)).unwrap();
    let began = Instant::now();
    let (program, messy, before) = begin(characters, &mut dice);
    let (predicted, imported) = (&messy.predicted, began.elapsed());
    let state = messy.library.state();

    let plan = program.run(&["run", "finish-all", "--from", "output", "--plan", "--json"]).expect(0).json();
    let found: Vec<String> = plan["found"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect();
    for stem in &predicted.registered {
        let (id, title) = &predicted.dances[stem];
        assert!(found.iter().any(|line| line.contains(&format!("{stem}.mp4: becomes {title} of {id}"))), "{stem}: {found:#?}");
    }
    for (id, project) in &predicted.finished {
        // Of one whose first dance turns out to be broken nobody can tell before.
        let is_told = found.iter().any(|line| line.starts_with(&format!("{}: is to be finished", project.name)));
        let is_second = predicted.dances.get(&format!("dances/{}", project.name)).is_some_and(|(_, title)| title == "alternate_1");
        assert!(is_told || is_second, "{id}: {found:#?}");
    }
    assert_eq!(facts(&program), before, "a plan changes nothing");

    let args = ["run", "finish-all", "--from", "output", "--json"];
    let first = program.run(&args).expect(3);
    let said = first.json();
    assert_eq!(said["value"]["finished"], predicted.finished.len(), "{:#}", said["value"]);
    assert_eq!((&said["value"]["failed"], refused(&said)), (&Value::from(0), predicted.refused.clone()));
    assert!(predicted.refused.iter().all(|name| first.stderr.contains(name)), "{}", first.stderr);
    let finished = began.elapsed();
    check(&program, predicted, &before);

    let after = facts(&program);
    let again = program.run(&args).expect(3).json();
    assert_eq!((&again["value"]["registered"], &again["value"]["finished"]), (&Value::from(0), &Value::from(0)));
    assert_eq!(refused(&again), predicted.refused, "the same failures");
    assert_eq!(facts(&program), after, "nothing new");
    agree(&program, None);
    assert_eq!(messy.library.state(), state, "the folder is as it was");
    let seen = format!(
        "{characters} characters, {} files, {} finished, seed {}; imported after {} s, finished after {} s, all after {} s",
        after.len(),
        predicted.finished.len(),
        dice.seed,
        imported.as_secs(),
        finished.as_secs(),
        began.elapsed().as_secs()
    );
    report("finish-all on a messy library", &seen);
}

#[test]
fn finish_all_goes_on_after_kills_and_does_nothing_twice() {
    use Place::{BlobPlaced, BodyDone, Checked, Commit, Committed, Linked, ObjectPut, ObjectThere, RecordWritten, StepKept};
    let places = [BlobPlaced, BodyDone, Checked, Commit, Committed, Linked, ObjectPut, ObjectThere, RecordWritten, StepKept];
    let mut dice = Dice::roll("finish-all, killed");
    let (program, messy, before) = begin(0, &mut dice);
    let mut survivor = Survivor::doing(program, &["run", "finish-all", "--from", "output", "--json"]);
    let mut killed = Vec::new();
    while killed.len() < 3 {
        let place = places[usize::try_from(dice.below(places.len() as u64)).unwrap()];
        let plan = format!("{}:{}=kill", place.name(), 1 + dice.below(25));
        let mut child = survivor.start(&plan);
        assert_eq!(Survivor::wait(&mut child, LONG), Some(-1), "not killed by {plan}: {}", end(child).stderr);
        survivor.look();
        killed.push(plan);
    }
    let ended = end(survivor.start("")).expect(3);
    survivor.look();
    let said = ended.json();
    assert_eq!(refused(&said), messy.predicted.refused);
    assert_eq!(said["value"]["finished"], messy.predicted.finished.len(), "{:#}", said["value"]);
    check(&survivor.program, &messy.predicted, &before);
    report("finish-all, killed", &format!("{}, seed {}", killed.join(", "), dice.seed));
}

#[test]
fn finish_all_refuses_what_is_no_folder_before_a_job_is_made() {
    let program = Program::with(TINY);
    program.run(&["init"]).expect(0);
    program.write("film.mp4", b"no folder");
    for (from, why) in [("nowhere", "no such folder"), ("./nowhere/at/all", "no such folder"), ("film.mp4", "it is a file")] {
        let said = program.run(&["run", "finish-all", "--from", from]).expect(2);
        assert!(said.stderr.contains(from) && said.stderr.contains(why), "{from}: {}", said.stderr);
    }
    let jobs = program.run(&["jobs", "ls", "--json"]).expect(0).json();
    assert!(jobs["jobs"].as_array().is_some_and(Vec::is_empty), "{jobs:#}");
    let quiet = program.run(&["run", "finish-all", "--from", ".", "--json"]).expect(0).json();
    assert_eq!(quiet["value"]["refused"], serde_json::json!([]));
}
