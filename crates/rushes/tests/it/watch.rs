//! `rushes watch`: what arrives in a folder, however it arrives, becomes an asset once. By the real program.

use crate::support::library::{a_film, picture, varied, write};
use crate::support::program::{End, Program, SMALL, end, signal};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn once(program: &Program, code: i32) -> Value {
    program.run(&["watch", "in", "--once", "--settle", "0.1", "--json"]).expect(code).json()
}

#[expect(clippy::disallowed_methods, reason = "people move their files about")]
fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    std::fs::rename(from, to).unwrap();
}

/// Waits until there are so many assets, and no more than that a moment later.
fn until(program: &Program, count: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let assets = program.assets();
        assert!(assets.len() <= count, "{} instead of {count}: {assets:#?}", assets.len());
        if assets.len() == count {
            return assets;
        }
        assert!(began.elapsed() < LONG, "{} of {count} came: {assets:#?}", assets.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts watching, and gives it a moment to see what is there.
fn start(program: &Program, more: &[&str]) -> Child {
    std::fs::create_dir_all(program.path("in")).unwrap();
    program.run(&["init"]).expect(0);
    program.start(&[&["watch", "in", "--every", "0.5", "--settle", "0.3", "--json"], more].concat())
}

fn stop(child: Child) -> End {
    signal(&child, "INT");
    end(child).expect(0)
}

fn kinds(assets: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = assets.iter().map(|asset| asset["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds
}

#[test]
fn watch_once_takes_each_file_once_by_what_its_name_says() {
    let program = Program::with(SMALL);
    let film = tempfile::tempdir().unwrap();
    let film = a_film(film.path());
    let folder = program.path("in");
    let image = folder.join("characters/mira_1770337530.png");
    write(&image, &picture(1));
    write(&folder.join("dances/dance_mira_1770337530_cosplay_on_ref1.mp4"), &varied(&film, 2));
    write(&folder.join("holiday.png"), &picture(3));
    write(&folder.join("half.png"), &picture(4)[..60]);
    for ignored in [".hidden.png", "copy.png.part", "a.crdownload", "b.tmp", "~c.png", "Thumbs.db", ".git/d.png"] {
        write(&folder.join(ignored), &picture(5));
    }
    let said = once(&program, 3);
    assert_eq!((&said["taken"], said["refused"].as_array().unwrap().len()), (&3.into(), 1), "{said:#}");
    let assets = program.assets();
    assert_eq!(kinds(&assets), ["anime_image", "dance_video", "workspace_image"]);
    assert!(program.path("home/remote/records/characters/mira_1770337530.json").is_file(), "a character has come into being");

    let again = once(&program, 0);
    assert_eq!((&again["taken"], &again["known"]), (&0.into(), &4.into()), "what was refused is not refused for ever: {again:#}");
    // Renamed folders and files, and times that changed, are nothing new.
    rename(folder.join("dances"), folder.join("more"));
    rename(folder.join("holiday.png"), folder.join("beach.png"));
    std::fs::File::options().append(true).open(&image).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(once(&program, 0)["taken"], 0);
    assert_eq!(program.assets().len(), 3);
    // New content is a new version; and half a picture that is whole now is taken.
    write(&image, &picture(6));
    write(&folder.join("half.png"), &picture(4));
    assert_eq!(once(&program, 0)["taken"], 2);
    let assets = program.assets();
    assert_eq!(kinds(&assets), ["anime_image", "dance_video", "workspace_image", "workspace_image"]);
    assert_eq!(assets.iter().find(|asset| asset["kind"] == "anime_image").unwrap()["version"], 2);
    program.run(&["audit", "--deep"]).expect(0);
}

#[test]
fn watch_takes_flags_and_settings_for_what_names_do_not_say() {
    let program = Program::with(&format!(
        "{SMALL}[[watch]]\nfolder = \"in\"\nkind = \"anime_image\"\nsubject = \"mira_1\"\nignore = [\"*_draft.*\"]\nsettle_s = 0.1\n"
    ));
    write(&program.path("in/any name.png"), &picture(1));
    write(&program.path("in/any_draft.png"), &picture(2));
    assert_eq!(program.run(&["watch", "--once", "--json"]).expect(0).json()["taken"], 1);
    assert_eq!(program.assets()[0]["path"], "characters/mira_1.png");
    let film = tempfile::tempdir().unwrap();
    write(&program.path("films/my dance.mp4"), &a_film(film.path()));
    program.run(&["watch", "films", "--once", "--settle", "0.1", "--kind", "reference_video"]).expect(0);
    assert!(program.assets().iter().any(|asset| asset["path"] == "references/my dance.mp4"));
    let none = Program::with(SMALL);
    for (args, says) in
        [(vec!["watch", "--once"], "no [[watch]]"), (vec!["watch", "nowhere"], "nowhere"), (vec!["watch", "home"], "Rushes writes there")]
    {
        none.run(&["init"]).expect(0);
        let end = none.run(&args).expect(2);
        assert!(end.stderr.contains(says), "{args:?}: {}", end.stderr);
    }
}

#[test]
fn watch_sees_files_however_they_arrive() {
    let program = Program::with(SMALL);
    let folder = program.path("in");
    write(&folder.join("before.png"), &picture(1));
    let child = start(&program, &[]);
    until(&program, 1);
    // By a rename from elsewhere on the disk; in a folder that is new; as a whole folder.
    write(&program.path("aside.png"), &picture(2));
    rename(program.path("aside.png"), folder.join("renamed.png"));
    until(&program, 2);
    write(&folder.join("a/b/c/deep.png"), &picture(3));
    until(&program, 3);
    write(&program.path("whole/one.png"), &picture(4));
    write(&program.path("whole/two.png"), &picture(5));
    rename(program.path("whole"), folder.join("whole"));
    until(&program, 5);
    // Links: in circles, and out of the folder.
    write(&program.path("secret/s.png"), &picture(6));
    std::os::unix::fs::symlink(&folder, folder.join("circle")).unwrap();
    std::os::unix::fs::symlink(program.path("secret"), folder.join("out")).unwrap();
    std::os::unix::fs::symlink(program.path("secret/s.png"), folder.join("s.png")).unwrap();
    // Written slowly, with pauses longer than a file needs to settle.
    let whole = picture(7);
    let mut slow = std::fs::File::create(folder.join("slow.png")).unwrap();
    for piece in whole.chunks(whole.len() / 4 + 1) {
        slow.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(700));
    }
    assert_eq!(program.assets().len(), 5, "it is still open");
    drop(slow);
    let assets = until(&program, 6);
    assert!(assets.iter().all(|asset| asset["version"] == 1));
    // Here for a moment only.
    write(&folder.join("brief.png"), &picture(8));
    std::fs::remove_file(folder.join("brief.png")).unwrap();
    // The folder goes, and comes back with something new in it.
    rename(&folder, program.path("away"));
    std::thread::sleep(Duration::from_millis(1_200));
    write(&program.path("away/new.png"), &picture(9));
    rename(program.path("away"), &folder);
    until(&program, 7);
    write(&folder.join("newer.png"), &picture(10));
    until(&program, 8);
    let said = stop(child);
    assert!(said.stderr.contains("is waited for") && said.stderr.contains("is back"), "{}", said.stderr);
    let account = said.json();
    assert_eq!((&account["taken"], &account["refused"]), (&8.into(), &serde_json::json!([])), "{}", said.stderr);
    assert!(account["from_closed_to_asset_ms"]["p50"].as_i64().unwrap() < 5_000, "{account:#}");
    program.run(&["audit", "--fix"]).expect(0);
}

#[test]
fn watch_says_once_what_it_cannot_take() {
    let program = Program::with(SMALL);
    let folder = program.path("in");
    write(&folder.join("words.png"), b"these are words");
    write(&folder.join("closed/in.png"), &picture(1));
    let close = |mode| std::fs::set_permissions(folder.join("closed"), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    close(0);
    let is_root = std::fs::read_dir(folder.join("closed")).is_ok();
    let child = start(&program, &[]);
    write(&folder.join("good.png"), &picture(2));
    until(&program, if is_root { 2 } else { 1 });
    std::thread::sleep(Duration::from_millis(1_500));
    let said = stop(child);
    close(0o755);
    assert_eq!(said.stderr.matches("refused  words.png").count(), 1, "{}", said.stderr);
    assert_eq!(said.json()["refused"][0]["code"], "file_forbidden");
    if !is_root {
        assert_eq!(said.stderr.matches("in/closed: ").count(), 1, "{}", said.stderr);
    }
    let jobs = program.run(&["jobs", "ls", "--json"]).expect(0).json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), if is_root { 3 } else { 2 }, "no loop");
}

#[test]
fn watch_takes_many_at_once_through_kills_and_each_once() {
    const MANY: usize = 400;
    let program = Program::with(SMALL);
    let folder = program.path("in");
    for number in 0..MANY / 2 {
        write(&folder.join(format!("batch/{number}.png")), &picture(u32::try_from(number).unwrap()));
    }
    let mut child = start(&program, &[]);
    for kill in 1..4 {
        let began = Instant::now();
        while blobs(&program.path("home/blobs")) < kill * 40 {
            assert!(began.elapsed() < LONG, "it never came to {}", kill * 40);
            std::thread::sleep(Duration::from_millis(5));
        }
        signal(&child, "KILL");
        end(child);
        // What arrives meanwhile is seen by the next start.
        let more = MANY / 2 + (kill - 1) * MANY / 8..MANY / 2 + kill * MANY / 8;
        for number in more {
            write(&folder.join(format!("batch/{number}.png")), &picture(u32::try_from(number).unwrap()));
        }
        child = start(&program, &[]);
    }
    for number in MANY / 2 + 3 * MANY / 8..MANY {
        write(&folder.join(format!("batch/{number}.png")), &picture(u32::try_from(number).unwrap()));
    }
    let assets = until(&program, MANY);
    stop(child);
    let hashes: BTreeSet<&str> = assets.iter().map(|asset| asset["sha256"].as_str().unwrap()).collect();
    assert_eq!(hashes.len(), MANY);
    assert!(assets.iter().all(|asset| asset["version"] == 1));
    assert_eq!(once(&program, 0)["known"], MANY);
    program.run(&["audit"]).expect(0);
}

fn blobs(folder: &Path) -> usize {
    let inner = std::fs::read_dir(folder).into_iter().flatten().flatten();
    inner.map(|entry| std::fs::read_dir(entry.path()).map_or(0, Iterator::count)).sum()
}

#[test]
fn watch_looks_by_itself_where_nothing_is_reported() {
    let program = Program::with(SMALL);
    let child = start(&program, &["--poll"]);
    write(&program.path("in/a.png"), &picture(1));
    until(&program, 1);
    assert!(stop(child).stderr.contains("looking every 0.5 s"));
    // The system will not report anything to anybody here.
    let script = "echo 0 > /proc/sys/user/max_inotify_instances && (sleep 3; echo) | (\"$RUSHES\" --home home watch in --every 0.5 --settle 0.2 & \
                  pid=$!; sleep 1; cp in/a.png in/b.png; printf x >> in/b.png; sleep 4; kill -INT $pid; wait $pid)";
    match program.in_own_mounts(script) {
        Some(end) if end.stderr.contains("changes are not reported") => {
            assert!(end.stderr.contains("refused  b.png") || end.stderr.contains("took     b.png"), "{}", end.stderr);
        }
        _ => println!("skipped: inotify cannot be taken away here"),
    }
}

#[test]
fn watch_is_handed_to_whoever_works_on_the_home_and_the_other_way_round() {
    let program = Program::with(SMALL);
    let child = start(&program, &[]);
    write(&program.path("in/a.png"), &picture(1));
    until(&program, 1);
    write(&program.path("own.png"), &picture(2));
    let put = program.run(&["put", "own.png", "--json"]).expect(0);
    assert!(put.stderr.contains("Handed to process"), "{}", put.stderr);
    write(&program.path("second/b.png"), &picture(3));
    let second = program.run(&["watch", "second", "--once", "--settle", "0.1", "--json"]).expect(0);
    assert!(second.stderr.contains("works on this home"), "{}", second.stderr);
    until(&program, 3);
    stop(child);
}
