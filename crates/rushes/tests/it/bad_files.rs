//! Bad files handed to the real program: refused with a file, a reason and a cure, registered nowhere, in little memory,
//! and nothing of any other file in what is left behind. Unusual ones that are whole become a production.

use crate::support::program::{End, Program, SMALL, children_of, end, ffprobe, file_of};
use rushes_testkit::bad_files::{BadFile, BadFiles, Expected, make_bad_files};
use std::path::Path;
use std::time::{Duration, Instant};

/// One refusal is there by then, on a busy machine too.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Of the program and all processes below it, together.
const MEMORY_LIMIT_KB: u64 = 500_000;

/// One or two of each sort.
const REFUSED: &[&str] = &[
    "empty.mp4",
    "words.txt",
    "program.elf",
    "film.gif",
    "still.heic",
    "hls_file.mp4",
    "hls_web.m3u8",
    "hls_key.mp4",
    "concat.mp4",
    "dash.mp4",
    "drawing.png",
    "tag_hls.mp3",
    "points_by_address.mp4",
    "points_by_alias.mov",
    "points_as_movie.mov",
    "number001.png",
    "cut_04.mp4",
    "cut_hidden.mp4",
    "cut_60.mkv",
    "cut_90.webm",
    "cut.wav",
    "cut_end.jpg",
    "flipped.mp4",
    "holed.webm",
    "torn_index.mp4",
    "deep.mp4",
    "many_samples.mp4",
    "many_channels.wav",
    "long.mp4",
    "flood.jpg",
    "flood_by_passes.jpg",
    "flood.png",
    "flood_moving.webp",
    "growing.webm",
    "kept.mp4",
    "flood_of_frames.mp4",
    "many.mkv",
    "ffv1.mkv",
    "only_data.mp4",
    "folder.mp4",
    "pipe.mp4",
    "socket.mp4",
    "zero.mp4",
    "dangling.mp4",
    "round.mp4",
];

/// Those whose way through a production differs from their way through `put`, and those that would be worst there.
const REFUSED_AS_REFERENCE: &[&str] = &[
    "hls_file.mp4",
    "points_by_address.mp4",
    "cut_04.mp4",
    "flipped.mp4",
    "long.mp4",
    "pipe.mp4",
    "folder.mp4",
    "dangling.mp4",
    "kept.mp4",
];

/// Taken by `put` as they are.
const TAKEN: &[&str] =
    &["number%03d.png", "concat:a|b.mp4", "-i.mp4", "link.png", "turned.jpg", "bomb.png", "large.png", "linked.mkv", "attached.mkv"];

/// Danced on, all in one production.
const DANCED: &[&str] = &["bare_pq.mp4", "uneven.mp4", "odd.mp4", "turned_90.mp4", "before.mkv", "live.webm"];

/// Kilobytes held now by a process and everything below it.
fn held_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    own.unwrap_or(0) + children_of(pid).into_iter().map(held_kb).sum::<u64>()
}

/// Runs the program to its end, and says how much memory it and its children held at most.
fn run_watched(program: &Program, args: &[&str]) -> (End, u64) {
    let mut child = program.start(args);
    let (begun, mut peak_kb) = (Instant::now(), 0);
    while child.try_wait().unwrap().is_none() {
        peak_kb = peak_kb.max(held_kb(child.id()));
        if begun.elapsed() > TIME_LIMIT {
            child.kill().unwrap();
            panic!("{args:?} goes on after {TIME_LIMIT:?}: {}", end(child).stderr);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    (end(child), peak_kb)
}

/// That it was refused, and that people can see what, why and what to do.
fn check_refusal(file: &BadFile, refusal: &End) {
    let Expected::Refused(code) = &file.expected else { panic!("{} is a good file", file.name) };
    let said = &refusal.stderr;
    assert_eq!(refusal.code, 1, "{}: {said}", file.name);
    assert!(said.contains(&file.name), "{}: which file? {said}", file.name);
    assert!(said.contains(code.row().title.trim_end_matches('.')), "{}: what happened? {said}", file.name);
    let reason = said.rsplit_once("): ").map(|(_, rest)| rest.trim_end().trim_end_matches(code.row().cure).trim());
    assert!(reason.is_some_and(|reason| reason.len() > 5), "{}: why? {said}", file.name);
    assert!(said.contains(code.row().cure), "{}: what to do? {said}", file.name);
}

/// The files below a folder in which the canary is found.
fn leaks(folder: &Path, canary: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(leaks(&path, canary));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(canary.len()).any(|window| window == canary.as_bytes())) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Nothing of the canary in the home or in what was said.
fn check_secret(program: &Program, table: &BadFiles, ends: &[End]) {
    let leaked = leaks(&program.path("home"), &table.canary);
    assert!(leaked.is_empty(), "the canary is in {leaked:?}");
    assert!(ends.iter().all(|end| !end.stdout.contains(&table.canary) && !end.stderr.contains(&table.canary)), "the canary was said");
}

fn start() -> (Program, BadFiles) {
    let program = Program::with(SMALL);
    let folder = program.path("bad");
    std::fs::create_dir(&folder).unwrap();
    let table = make_bad_files(&folder);
    (program, table)
}

#[test]
fn bad_files_are_refused_by_put_and_as_references_and_leave_nothing() {
    let (program, table) = start();
    let (mut ends, mut peak, begun) = (Vec::new(), (0, ""), Instant::now());
    let mut hand_in = |name: &'static str, args: &[&str]| {
        let file = table.get(name);
        let args: Vec<&str> = args.iter().copied().chain([file.path.to_str().unwrap()]).collect();
        let (refusal, kb) = run_watched(&program, &args);
        check_refusal(file, &refusal);
        peak = peak.max((kb, name));
        ends.push(refusal);
    };
    REFUSED.iter().for_each(|name| hand_in(name, &["put"]));
    REFUSED_AS_REFERENCE.iter().for_each(|name| hand_in(name, &["run", "production", "--reference"]));
    println!("{} refusals in {:.1?}; at most {} KB, for {}", ends.len(), begun.elapsed(), peak.0, peak.1);
    assert!(program.assets().is_empty());
    program.run(&["audit"]).expect(0);
    check_secret(&program, &table, &ends);
    assert!(peak.0 < MEMORY_LIMIT_KB, "{peak:?}");
}

#[test]
fn bad_files_only_look_bad_where_they_are_whole() {
    let (program, table) = start();
    let (mut ends, mut peak) = (Vec::new(), (0, ""));
    for name in TAKEN {
        let (taken, kb) = run_watched(&program, &["put", table.get(name).path.to_str().unwrap()]);
        assert_eq!(taken.code, 0, "{name}: {}", taken.stderr);
        peak = peak.max((kb, name));
        ends.push(taken);
    }
    println!("at most {} KB, for {}", peak.0, peak.1);
    // A sound has no kind of its own, and is no film to dance on.
    let sound = table.get("cover.m4a").path.to_str().unwrap();
    let unclear = program.run(&["put", sound]).expect(2);
    assert!(unclear.stderr.contains("--kind") && unclear.stderr.contains("cover.m4a"), "{}", unclear.stderr);
    let no_film = program.run(&["run", "production", "--reference", sound]).expect(1);
    assert!(no_film.stderr.contains("no moving picture") && no_film.stderr.contains("cover.m4a"), "{}", no_film.stderr);
    assert_eq!(program.assets().len(), TAKEN.len());
    program.run(&["audit"]).expect(0);
    check_secret(&program, &table, &ends);
    assert!(peak.0 < MEMORY_LIMIT_KB, "{peak:?}");
}

#[test]
fn bad_files_that_are_only_unusual_are_danced_on() {
    let (program, table) = start();
    let mut args = vec!["run", "production", "--no-variants", "--no-soundtracks", "--no-watermark", "--json"];
    for name in DANCED {
        assert!(table.get(name).is_film());
        args.extend(["--reference", table.get(name).path.to_str().unwrap()]);
    }
    let made = program.run(&args).expect(0).json();
    assert_eq!(made["errors"].as_array().map(Vec::len), Some(0), "{made}");
    let assets = program.assets();
    let dances: Vec<_> = assets.iter().filter(|asset| asset["kind"] == "dance_video").collect();
    assert_eq!(dances.len(), DANCED.len());
    for dance in dances {
        let probe = ffprobe(&file_of(dance["url"].as_str().unwrap()));
        let length_s: f64 = probe["format"]["duration"].as_str().unwrap().parse().unwrap();
        assert!((1.4..=2.1).contains(&length_s), "as long as its reference: {dance}");
    }
    program.run(&["audit"]).expect(0);
}
