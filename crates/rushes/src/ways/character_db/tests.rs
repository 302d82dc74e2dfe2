//! Every form the file has had, and everything that may be wrong with it.

use super::*;
use serde_json::json;
use std::io::Write;

fn write(path: &Path, text: &str) {
    std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn db(value: &Value) -> CharacterDb {
    understand(Path::new("db"), value, Vec::new())
}

fn codes(db: &CharacterDb) -> Vec<&str> {
    db.problems.iter().map(|problem| problem.code).collect()
}

#[test]
fn character_db_keeps_all_a_character_says() {
    let read = db(&json!([{
        "id": "mira_1", "name": "Mira", "anime": "X", "metadata": {"a": [1]}, "prompts": {"p": "q"}, "last_updated": "t", "type": "waifu",
        "assets": [{"title": "primary", "anime_image": "C:\\o\\a.png", "cosplay_image": "", "dance_video": null, "prompt": "dance!", "score": 3,
                    "remix_folder": "C:\\o\\remixes\\d"}]
    }]));
    assert_eq!(read.problems, []);
    let [character] = &read.characters[..] else { panic!() };
    let kept = json!({"anime": "X", "metadata": {"a": [1]}, "prompts": {"p": "q"}, "last_updated": "t", "imported": {"type": "waifu"},
        "sets": {"primary": {"prompt": "dance!", "score": 3}}});
    assert_eq!(Value::Object(character.fields.clone()), kept);
    let [named] = &character.named[..] else { panic!("{:?}", character.named) };
    assert_eq!((named.field.as_str(), named.value.as_str(), named.prompt.as_deref()), ("anime_image", "C:\\o\\a.png", Some("dance!")));
    assert_eq!(character.folders, [("primary".to_owned(), "C:\\o\\remixes\\d".to_owned())]);
}

#[test]
fn character_db_reads_sets_in_every_form() {
    let list = db(&json!([{"id": "m", "name": "M", "assets": [{"title": "primary", "anime_image": "a.png"}]}]));
    let by_title = db(&json!([{"id": "m", "name": "M", "assets": {"primary": {"anime_image": "a.png"}}}]));
    let flat = db(&json!({"characters": {"m": {"name": "M", "assets": {"anime_image": "a.png"}}}}));
    for read in [&list, &by_title, &flat] {
        assert_eq!(codes(read), [""; 0]);
        let [character] = &read.characters[..] else { panic!() };
        let named = &character.named[0];
        assert_eq!((character.id.as_str(), named.title.as_str(), named.value.as_str()), ("m", "primary", "a.png"));
    }
}

#[test]
fn character_db_names_what_is_wrong_and_goes_on() {
    let read = db(&json!([
        7, {"name": "nobody"}, {"id": "../up", "name": "Up"}, {"id": 5, "name": "Five"}, {"id": "ai_hoshino_1770337530", "assets": 3},
        {"id": "x", "name": "X", "assets": [{"anime_image": ["a.png"]}, "words", {"title": "alternate_1", "clip": "o/b.mp4"}]},
    ]));
    assert_eq!(
        codes(&read),
        ["wrong_type", "no_id", "bad_id", "no_name", "wrong_type", "no_title", "wrong_type", "wrong_type", "field_unknown"]
    );
    assert_eq!(
        (read.problems[6].at.as_str(), read.problems[7].at.as_str()),
        ("characters[5].assets[1]", "characters[5].assets[0].anime_image")
    );
    let names: Vec<(&str, &str)> = read.characters.iter().map(|c| (c.id.as_str(), c.name.as_str())).collect();
    assert_eq!(names, [("5", "Five"), ("ai_hoshino_1770337530", "Ai Hoshino"), ("x", "X")]);
    assert_eq!(read.characters[2].fields["sets"]["alternate_1"]["clip"], "o/b.mp4", "nothing is lost");
}

#[test]
fn character_db_merges_two_of_one_id() {
    let read = db(&json!([
        {"id": "m", "name": "New", "last_updated": "2026-02-02", "a": 1, "assets": [{"title": "primary", "anime_image": "a.png"}]},
        {"id": "m", "name": "Old", "last_updated": "2026-01-01", "a": 2, "b": 3, "assets": [{"title": "primary", "dance_video": "d.mp4"}]},
    ]));
    assert_eq!(codes(&read), ["duplicate_id"]);
    let [character] = &read.characters[..] else { panic!() };
    assert_eq!((character.name.as_str(), &character.fields["a"], &character.fields["b"]), ("New", &json!(1), &json!(3)));
    assert_eq!(character.named.len(), 2);
}

#[test]
fn character_db_takes_the_backup_only_where_it_must_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join(NAME), folder.path().join(format!("{NAME}.bak")));
    let fault = read(&path).unwrap_err();
    assert!(fault.code == Code::FileMissing && fault.to_string().contains(".bak"), "{fault}");
    write(&backup, "\u{feff}[{\"id\": \"old\", \"name\": \"Old\"}]");
    assert_eq!(codes(&read(&path).unwrap()), ["backup_used"]);
    write(&path, "[{\"id\": \"ne");
    let read_broken = read(&path).unwrap();
    assert!(read_broken.problems[0].detail.contains("no JSON"), "{:?}", read_broken.problems);
    assert_eq!(read_broken.path, backup);
    write(&path, "[{\"id\": \"new\", \"name\": \"New\"}]");
    let whole = read(&path).unwrap();
    assert_eq!((whole.characters[0].id.as_str(), codes(&whole)), ("new", vec![]));
    write(&path, "{\"id\": ");
    write(&backup, "nothing");
    let fault = read(&path).unwrap_err();
    assert!(fault.code == Code::FileCorrupt && fault.to_string().contains("line 1"), "{fault}");
}
