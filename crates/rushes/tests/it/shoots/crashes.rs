//! Somebody says something of a shoot, and the program is killed while it becomes so: at each point it passes on its way, as a first
//! run through wrote them down. Then it is started again, or told the same once more: what was said is so everywhere or nowhere.
//! `RUSHES_ALL_POINTS` goes through every point, otherwise `RUSHES_KILLS` of them are drawn; `RUSHES_SEED` repeats a run.

use super::venue::{ALL, CLEO_AGAIN, NOBODY, State, Venue, Word};
use crate::support::survivor::{Dice, number, report};
use rushes_core::album::Unknown;
use std::time::Instant;

/// Drawn in each of the two tests where not all are gone through.
const KILLS: u64 = 10;

/// A point of a word's way: the run it lies in, the place and how often that was passed before.
type Point = (usize, String, u64);

/// Goes through a word whole; gives how everything stands then, and the points passed.
fn through(venue: &Venue, word: &Word) -> (State, Vec<Point>) {
    venue.restore(word.state);
    let mut points = Vec::new();
    for (index, run) in word.runs.iter().enumerate() {
        assert_eq!(venue.run(run, "").code, 0, "{}", word.name);
        points.extend(venue.passed().into_iter().map(|(place, nth)| (index, place, nth)));
    }
    let after = venue.agrees(word.name);
    assert_ne!(after, venue.before(word.state), "{}: something is said", word.name);
    venue.traceless(word);
    (after, points)
}

/// Kills it there, and has it come to its end. False where that point was not passed this time.
fn survive(venue: &Venue, word: &Word, after: &State, (run, place, nth): &Point, is_started_first: bool) -> bool {
    let at = format!("{} killed in run {run} at {place}:{nth}, started first: {is_started_first}", word.name);
    let before = venue.before(word.state);
    venue.restore(word.state);
    for run in &word.runs[..*run] {
        assert_eq!(venue.run(run, "").code, 0, "{at}");
    }
    let ended = venue.run(&word.runs[*run], &format!("{place}:{nth}=kill"));
    let is_killed = ended.code == -1;
    assert!(is_killed || ended.code == 0, "{at}: {}", ended.stderr);
    let stands = venue.state();
    assert!(stands == *after || stands == before, "{at}: half of it: {stands:#?}");
    if is_started_first {
        venue.start();
        assert_eq!(venue.agrees(&at), stands, "{at}: starting changes nothing of what was decided");
        if stands == *after {
            venue.traceless(word);
        }
    }
    // What takes back what was said last takes back something else the second time.
    if stands == before || word.may_be_repeated {
        for run in &word.runs {
            let again = venue.run(run, "");
            assert!(again.code == 0 || stands == *after && !again.stderr.is_empty(), "{at}: said again: {}", again.stderr);
        }
    }
    venue.start();
    assert_eq!(venue.agrees(&at), *after, "{at}");
    venue.traceless(word);
    is_killed
}

/// Goes through words, and kills each at all its points, or all of them together at so many. Gives points and kills.
fn go_through(unknown: Unknown, words: &[Word], dice: &mut Dice, kills: Option<u64>) -> (usize, usize) {
    let venue = Venue::of(unknown);
    let mut all = Vec::new();
    let mut afters = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let (after, points) = through(&venue, word);
        afters.push(after);
        all.extend(points.into_iter().map(|point| (index, point)));
    }
    let points = all.len();
    if let Some(kills) = kills {
        all.sort_by_cached_key(|_| dice.below(u64::MAX));
        all.truncate(usize::try_from(kills).unwrap());
    }
    let mut killed = 0;
    for (index, point) in &all {
        killed += usize::from(survive(&venue, &words[*index], &afters[*index], point, dice.below(2) == 0));
    }
    assert!(killed * 2 > all.len(), "of {} points only {killed} were passed again", all.len());
    (points, killed)
}

fn survive_all(what: &str, unknown: Unknown, words: &[Word]) {
    if crate::support::stores::server().is_some() {
        return report(what, "skipped: rows on a server cannot be put back as they were");
    }
    let (mut dice, began) = (Dice::roll(what), Instant::now());
    let done: Vec<(usize, usize)> = if number("RUSHES_ALL_POINTS", 0) == 0 {
        vec![go_through(unknown, words, &mut dice, Some(number("RUSHES_KILLS", KILLS)))]
    } else {
        // Each word in a home of its own, at the same time.
        std::thread::scope(|scope| {
            let each = words.chunks(1).map(|word| (word, dice.another()));
            let started: Vec<_> = each.map(|(word, mut dice)| scope.spawn(move || go_through(unknown, word, &mut dice, None))).collect();
            started.into_iter().map(|word| word.join().unwrap()).collect()
        })
    };
    let (points, kills) = done.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let seen = format!("{kills} kills at {points} points of {} words, seed {}, {} s", words.len(), dice.seed, began.elapsed().as_secs());
    report(what, &seen);
}

#[test]
fn shoots_agree_after_a_kill_at_every_point() {
    let command = |name: &'static str, says: &[&str]| Word::said(name, says);
    let face = CLEO_AGAIN.to_string();
    survive_all(
        "kill -9 while a correction is carried out",
        Unknown::Cloud,
        &[
            Word::enrol(),
            command("rename", &["rename", "2", "Ben Ziegler"]),
            command("merge", &["merge", "3", "2"]),
            command("different", &["different", "3", "2"]),
            command("found", &["found", &NOBODY.to_string()]),
            command("split", &["split", &face]),
            command("not this person", &["not", &face, "3"]),
            command("not a face", &["not-a-face", &face]),
            Word::undo(),
        ],
    );
}

/// Nobody but who was enrolled is elsewhere, at whatever point it is killed: what is said makes some go there, and some come back.
#[test]
fn shoots_keep_local_people_here_after_a_kill_at_every_point() {
    let enrolled = |name: &'static str, says: &[&str]| Word { state: "enrolled", ..Word::said(name, says) };
    survive_all(
        "kill -9 while people of this machine alone are spoken of",
        Unknown::Local,
        &[
            Word::enrol(),
            Word::said("rename one who is here alone", &["rename", "2", "Ben Ziegler"]),
            Word::said("found one who is here alone", &["found", &NOBODY.to_string()]),
            enrolled("merge into one who is enrolled", &["merge", "2", "1"]),
            Word { may_be_repeated: false, ..enrolled("undo a merge into one who is enrolled", &["undo"]) },
            Word::forget(),
        ],
    );
}

#[test]
fn shoots_forget_without_a_trace_after_a_kill_at_every_point() {
    survive_all("kill -9 while somebody is forgotten", Unknown::Cloud, &[Word::forget()]);
}

/// The album is told of somebody who is enrolled, in a process of its own: only one that finds faces does so.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other tests start it as a process of their own"]
async fn shoots_enrol_in_a_process_of_its_own() {
    if let Some(home) = std::env::var_os(ALL) {
        super::venue::enrol(std::path::Path::new(&home)).await;
    }
}
