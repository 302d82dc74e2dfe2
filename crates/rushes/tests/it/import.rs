//! `rushes import`: a library of years, taken in by the real program; then its originals and this machine's copies are
//! deleted, and everything still works.

use crate::support::library::{Library, Sizes, a_film, picture, varied, write};
use crate::support::program::{Program, SMALL, end, file_of, signal};
use crate::support::survivor::hashes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// As today's users have it.
const WHOLE: Sizes = Sizes { characters: 121, dances: 62, remixes: 64 };
const SOME: Sizes = Sizes { characters: 16, dances: 8, remixes: 8 };

/// The delivered objects, records aside, with the hashes of their bytes.
fn objects(program: &Program) -> BTreeMap<String, String> {
    hashes(&program.path("home/remote")).into_iter().filter(|(key, _)| !key.starts_with("records/")).collect()
}

fn wanted(library: &Library) -> BTreeMap<String, String> {
    let hash = |path: &Path| rushes_core::digest::sha256(std::fs::File::open(path).unwrap()).unwrap().0;
    library.wanted.iter().map(|(key, path)| (key.clone(), hash(path))).collect()
}

fn record(program: &Program, id: &str) -> Value {
    serde_json::from_slice(&std::fs::read(program.path(&format!("home/remote/records/characters/{id}.json"))).unwrap()).unwrap()
}

fn sum(said: &Value, table: &str, column: &str) -> u64 {
    said[table].as_array().unwrap().iter().map(|line| line[column].as_u64().unwrap()).sum()
}

/// No slot of any set twice, and nothing made anew.
fn nothing_twice(program: &Program) {
    let assets = program.assets();
    let slots: BTreeSet<String> = assets.iter().map(|a| format!("{} {} {} {}", a["subject"], a["kind"], a["title"], a["path"])).collect();
    assert_eq!(slots.len(), assets.len());
    assert!(assets.iter().all(|asset| asset["version"] == 1), "nothing was taken over itself");
}

#[test]
fn import_takes_a_whole_library_in_and_the_cloud_alone_is_enough() {
    let program = Program::with(SMALL);
    let mut library = Library::make(&program.path(""), WHOLE);
    library.spoil();
    library.record();
    let root = library.root.to_str().unwrap();
    let before = library.state();

    let planned = program.run(&["import", root, "--dry-run", "--json"]).expect(0).json();
    assert!(!program.path("home/rushes.db").exists(), "a dry run changes nothing");
    let number = |said: &Value, list: &str| said[list].as_array().unwrap().len();
    let numbers = ["problems", "missing", "elsewhere", "conflicts", "duplicates", "unrecognised"].map(|list| number(&planned, list));
    assert_eq!(numbers, [3, 1, 1, 1, 1, 1], "{planned:#}");
    assert_eq!(planned["characters"], 121);
    let codes: BTreeSet<&str> = planned["problems"].as_array().unwrap().iter().map(|p| p["code"].as_str().unwrap()).collect();
    assert_eq!(codes, BTreeSet::from(["duplicate_id", "wrong_type"]));

    let said = program.run(&["import", root, "--json"]).expect(3).json();
    assert_eq!(said["refused"].as_array().unwrap().len(), 1, "half a picture: {:#}", said["refused"]);
    assert_eq!(said["refused"][0]["fault"]["code"], "file_truncated", "{:#}", said["refused"]);
    assert_eq!((sum(&said, "after", "proven"), &said["proven"]), (sum(&planned, "before", "new") - 1, &json!(true)));
    assert_eq!(sum(&said, "after", "local_only"), 0);
    assert_eq!(library.state(), before, "originals are as they were");
    assert_eq!(objects(&program), wanted(&library));
    program.run(&["audit", "--deep"]).expect(0);
    nothing_twice(&program);
    records_say_all_they_said(&program, &library);

    let again = program.run(&["import", root, "--json"]).expect(3).json();
    assert_eq!((sum(&again, "before", "new"), sum(&again, "before", "changed")), (1, 0), "only what was refused");
    nothing_twice(&program);
    assert_eq!(objects(&program), wanted(&library));

    // Everything this machine has goes, and the originals with it.
    let there = wanted(&library);
    std::fs::remove_dir_all(&library.root).unwrap();
    for folder in ["blobs", "library"] {
        std::fs::remove_dir_all(program.path("home").join(folder)).unwrap();
    }
    let proven = program.run(&["restore", "--prove", "--json"]).expect(0).json();
    assert_eq!(proven["whole"], true, "{proven:#}");
    program.run(&["verify", "--deep"]).expect(0);
    for id in &library.ids {
        for set in record(&program, id)["assets"].as_array().unwrap() {
            for file in set["files"].as_object().unwrap().values() {
                let read = rushes_core::digest::sha256(std::fs::File::open(file_of(file["uri"].as_str().unwrap())).unwrap()).unwrap();
                assert_eq!(json!(read.0), file["sha256"], "the address in a record leads to its file");
            }
        }
    }
    program.run(&["audit", "--fix"]).expect(0);
    assert_eq!(hashes(&program.path("home/library")), there, "every byte is back");
    // A workflow that works from what was imported, and is here again from the cloud only.
    let reference = program.path("home/library/references/ref1.mp4");
    let args = ["run", "production", "--no-variants", "--no-soundtracks", "--no-watermark", "--reference", reference.to_str().unwrap()];
    program.run(&args).expect(0);
    program.run(&["audit"]).expect(0);
}

fn records_say_all_they_said(program: &Program, library: &Library) {
    for index in [0, 1, 5, 6, 10] {
        let (entry, id) = (&library.entries[index], &library.ids[index]);
        let record = record(program, id);
        for field in ["id", "name", "anime", "metadata", "prompts", "last_updated"] {
            assert_eq!(record[field], entry[field], "{field} of {id}");
        }
        let sets = record["assets"].as_array().unwrap();
        let primary = sets.iter().find(|set| set["title"] == "primary").unwrap();
        assert!(primary["anime_image"].as_str().unwrap().starts_with("file://"), "an address, no path: {primary}");
        assert_eq!(primary["prompt"], format!("dance number {index}"));
        let text = record.to_string();
        assert!(!text.contains("C:\\\\oo"), "no path of another machine is left: {text}");
    }
    assert_eq!(record(program, &library.ids[7])["only_here"], true, "what only the second of two entries says is kept");
    assert_ne!(record(program, &library.ids[0])["slug"], record(program, &library.ids[1])["slug"], "two of one name");
}

#[test]
fn import_goes_on_after_a_kill_and_takes_nothing_twice() {
    let program = Program::with(SMALL);
    let library = Library::make(&program.path(""), SOME);
    let record = library.record();
    let args = ["import", record.to_str().unwrap(), "--json"];
    program.run(&["init"]).expect(0);
    for kill in 0..4 {
        let child = program.start(&args);
        let began = Instant::now();
        let blobs = program.path("home/blobs");
        let enough = 4 + kill * 12;
        while hashes_len(&blobs) < enough {
            assert!(began.elapsed() < Duration::from_secs(60), "it never came to {enough} blobs");
            std::thread::sleep(Duration::from_millis(5));
        }
        signal(&child, "KILL");
        end(child);
    }
    let said = program.run(&args).expect(0).json();
    assert_eq!(said["whole"], true);
    assert_eq!(objects(&program), wanted(&library));
    nothing_twice(&program);
    program.run(&["audit", "--deep"]).expect(0);
    let jobs = program.run(&["jobs", "ls", "--json"]).expect(0).json();
    let quiet = program.run(&args).expect(0).json();
    assert_eq!((sum(&quiet, "before", "new"), sum(&quiet, "before", "known")), (0, sum(&quiet, "before", "named")));
    assert_eq!(program.run(&["jobs", "ls", "--json"]).expect(0).json(), jobs, "the second time is no work at all");
}

fn hashes_len(folder: &Path) -> usize {
    let inner = std::fs::read_dir(folder).into_iter().flatten().flatten();
    inner.map(|entry| std::fs::read_dir(entry.path()).map_or(0, Iterator::count)).sum()
}

#[test]
fn import_uses_the_backup_of_a_broken_record_and_says_so() {
    let program = Program::with(SMALL);
    let library = Library::make(&program.path(""), Sizes { characters: 2, dances: 0, remixes: 0 });
    let record = library.record();
    let text = std::fs::read(&record).unwrap();
    write(&record, &text[..text.len() / 2]);
    let broken = program.run(&["import", record.to_str().unwrap()]).expect(1);
    assert!(broken.stderr.contains("character_db.json") && broken.stderr.contains("no .bak"), "{}", broken.stderr);
    write(&library.root.join("character_db.json.bak"), &text);
    let said = program.run(&["import", library.root.to_str().unwrap()]).expect(0);
    assert!(said.stdout.contains("character_db.json.bak beside it is used instead"), "{}", said.stdout);
    assert_eq!(objects(&program).len(), 7, "{:?}", objects(&program).keys());
}

#[test]
fn import_reads_a_bucket_by_its_listing_and_its_addresses() {
    let (folder, film) = (Program::with(""), tempfile::tempdir().unwrap());
    let film = a_film(film.path());
    let bucket = folder.path("bucket");
    let program =
        Program::with(&format!("{SMALL}[[destinations]]\nname = \"cloud\"\nuri = \"file://{}\"\nprefix = \"new\"\n", bucket.display()));
    let dance = "dance_mira_1770337530_cosplay_on_ref1";
    let kpop = format!("old/remixes/{dance}/[kpop]_REMIX_{dance}.mp4");
    for (key, bytes) in [
        ("old/characters/mira_1770337530.png".to_owned(), picture(1)),
        (format!("old/dances/{dance}.mp4"), varied(&film, 2)),
        (kpop.clone(), varied(&film, 3)),
        ("old/readme.txt".to_owned(), b"words".to_vec()),
    ] {
        write(&bucket.join(key), &bytes);
    }
    let unknown = program.run(&["import", "--from", "clouds"]).expect(2);
    assert!(unknown.stderr.contains("there are: cloud"), "{}", unknown.stderr);
    let said = program.run(&["import", "--from", "cloud/old", "--json"]).expect(0).json();
    assert_eq!((sum(&said, "before", "new"), sum(&said, "after", "proven"), &said["other_files"]), (3, 3, &json!(1)));
    let moved = bucket.join(format!("new/remixes/{dance}/result/[kpop_soundtrack]_REMIX_{dance}.mp4"));
    assert_eq!(std::fs::read(moved).unwrap(), std::fs::read(bucket.join(&kpop)).unwrap());
    program.run(&["audit"]).expect(0);
    let again = program.run(&["import", "--from", "cloud/old", "--json"]).expect(0).json();
    assert_eq!(sum(&again, "before", "known"), 3);
    let own = program.run(&["import", "--from", "cloud", "--json"]).expect(0).json();
    assert_eq!((sum(&own, "before", "known"), sum(&own, "before", "new")), (3, 0), "what we delivered ourselves is ours already");
}

#[test]
fn import_sees_a_changed_original_and_keeps_what_was_taken() {
    let program = Program::with(SMALL);
    let library = Library::make(&program.path(""), Sizes { characters: 1, dances: 0, remixes: 0 });
    let db = library.record();
    let args = ["import", db.to_str().unwrap(), "--json"];
    program.run(&args).expect(0);
    let original = library.root.join(format!("characters/{}.png", library.ids[0]));
    let first = std::fs::read(&original).unwrap();
    // In place, as an editor may: what was taken is a copy and does not change with it.
    std::io::Write::write_all(&mut std::fs::OpenOptions::new().write(true).truncate(true).open(&original).unwrap(), &picture(999)).unwrap();
    program.run(&["verify", "--deep"]).expect(0);
    program.run(&["audit", "--deep"]).expect(0);
    let said = program.run(&args).expect(0).json();
    assert_eq!((sum(&said, "before", "changed"), sum(&said, "before", "known")), (1, sum(&said, "before", "named") - 1));
    let asset = program.assets().into_iter().find(|asset| asset["kind"] == "anime_image").unwrap();
    assert_eq!(asset["version"], 2);
    assert_ne!(first, std::fs::read(&original).unwrap());
    // Touched only: nothing new.
    std::fs::File::options().append(true).open(&original).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let touched = program.run(&args).expect(0).json();
    assert_eq!(sum(&touched, "before", "known"), sum(&touched, "before", "named"));
    // Its record says something else now: that is told, and no file is taken.
    let mut entries = library.entries.clone();
    entries[0]["anime"] = json!("Another Show");
    write(&db, Value::Array(entries).to_string().as_bytes());
    program.run(&args).expect(0);
    assert_eq!(record(&program, &library.ids[0])["anime"], "Another Show");
    program.run(&["audit"]).expect(0);
}

#[test]
fn import_refuses_to_take_itself_in() {
    let program = Program::with(SMALL);
    program.run(&["init"]).expect(0);
    let inside = program.run(&["import", "home/library"]).expect(2);
    assert!(inside.stderr.contains("Rushes writes there itself"), "{}", inside.stderr);
    let around = program.run(&["import", ".", "--json"]).expect(0).json();
    assert_eq!(around["before"], json!([]));
}

#[test]
fn import_takes_nothing_from_outside_the_library_unless_told() {
    let program = Program::with(SMALL);
    write(&program.path("secret/portrait.png"), &picture(1));
    write(&program.path("lib/characters/rin_1.png"), &picture(2));
    std::os::unix::fs::symlink(program.path("secret"), program.path("lib/away")).unwrap();
    let secret = program.path("secret/portrait.png").display().to_string();
    for named in [
        secret.clone(),
        format!("file://{secret}"),
        "away/portrait.png".to_owned(),
        format!("{}/../secret/portrait.png", program.path("lib").display()),
    ] {
        let records = json!([{"id": "mira_1", "name": "Mira", "assets": [{"title": "primary", "anime_image": named}]}]);
        program.write("lib/character_db.json", records.to_string().as_bytes());
        let said = program.run(&["import", "lib", "--dry-run", "--json"]).expect(0).json();
        assert_eq!(said["missing"].as_array().unwrap().len(), 1, "{named}: {said:#}");
        let why = said["missing"][0]["why"].as_str().unwrap();
        assert!(why.contains("outside the library") && why.contains("--allow-outside"), "{named}: {why}");
        let told = program.run(&["import", "lib", "--dry-run", "--json", "--allow-outside"]).expect(0).json();
        assert_eq!((said["before"][0]["missing"].as_u64(), told["missing"].as_array().unwrap().len()), (Some(1), 0), "{named}: {told:#}");
    }
    let map = format!("/other={}", program.path("secret").display());
    let records = json!([{"id": "mira_1", "name": "Mira", "assets": [{"title": "primary", "anime_image": "/other/portrait.png"}]}]);
    program.write("lib/character_db.json", records.to_string().as_bytes());
    let mapped = program.run(&["import", "lib", "--dry-run", "--json", "--map", &map]).expect(0).json();
    assert_eq!(mapped["missing"].as_array().unwrap().len(), 0, "{mapped:#}");
}

#[test]
fn import_says_endless_names_in_short() {
    let program = Program::with(SMALL);
    let name = "x".repeat(300_000);
    let records = json!([{"id": "mira_1", "name": name, "assets": [{"title": name, "anime_image": format!("{name}.png")}]}]);
    program.write("lib/character_db.json", records.to_string().as_bytes());
    let said = program.run(&["import", "lib", "--dry-run"]).expect(0);
    assert!(said.stdout.len() < 20_000, "{} bytes", said.stdout.len());
    let said = program.run(&["import", "lib"]).expect(3);
    assert!(said.stdout.len() + said.stderr.len() < 40_000, "{} bytes", said.stdout.len() + said.stderr.len());
}
