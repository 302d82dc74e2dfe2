//! Shoots that are pointed at folders, such as a camera's own, through the real program: what lies in them is taken as from `Incoming/`
//! and stays as it is; a folder that goes away comes back; and what cannot be right is refused.

use crate::support::library::picture;
use crate::support::program::{End, Program, end, signal};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer than anything here should take on a busy machine.
const LONG: Duration = Duration::from_secs(90);

fn scene(shoots: &[&str]) -> Program {
    let program = Program::with("");
    for shoot in shoots {
        program.run(&["shoots", "new", shoot]).expect(0);
    }
    program
}

/// Points a shoot at these folders, below the program's.
fn point(program: &Program, shoot: &str, folders: &[&str]) -> End {
    let folders: Vec<String> = folders.iter().map(|folder| program.path(folder).display().to_string()).collect();
    let said = ["shoots", "set", shoot, "--incoming"].into_iter().chain(folders.iter().map(String::as_str));
    program.run(&said.collect::<Vec<_>>())
}

fn status(program: &Program, shoot: &str) -> Value {
    program.run(&["shoots", "status", shoot, "--json"]).expect(0).json()
}

/// Takes what lies there; gives how many photos there are.
fn take(program: &Program, shoot: &str) -> u64 {
    program.run(&["shoots", "take"]).expect(0);
    status(program, shoot)["counts"]["photos"].as_u64().unwrap()
}

fn errors(program: &Program, shoot: &str) -> Vec<String> {
    let found = std::fs::read_dir(program.path("home/shoots").join(shoot).join("Admin/Errors")).unwrap();
    found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(|name| name.ends_with(".txt")).collect()
}

/// Every file below a folder, with its bytes; links are not followed.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_symlink() {
            found.insert(path.clone(), std::fs::read_link(&path).unwrap().as_os_str().as_encoded_bytes().to_vec());
        } else if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "a card is pulled out, and put in again")]
fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap();
}

#[test]
fn shoots_take_photos_from_the_folders_they_are_pointed_at() {
    let program = scene(&["feast"]);
    let incoming = program.path("home/shoots/feast/Incoming");
    for (name, number) in [("a/1.png", 1), ("a/DCIM/100/2.png", 2), ("b/1.png", 3), ("b/other name.png", 2), ("out/9.png", 9)] {
        program.write(name, &picture(number));
    }
    for passed in ["a/.hidden/3.png", "a/.4.png", "a/5.png.part", "b/~6.png"] {
        program.write(passed, &picture(50));
    }
    std::os::unix::fs::symlink(program.path("out/9.png"), program.path("a/leads out.png")).unwrap();
    std::os::unix::fs::symlink(program.path("out"), program.path("a/away")).unwrap();
    for bad in ["a/bad.jpg", "b/bad.jpg", "home/shoots/feast/Incoming/bad.jpg"] {
        program.write(bad, b"no photo");
    }
    program.write("home/shoots/feast/Incoming/1.png", &picture(4));
    let before = ["a", "b", "out"].map(|folder| files(&program.path(folder)));
    point(&program, "feast", &["a", "b/"]).expect(0);
    assert_eq!(take(&program, "feast"), 4, "1.png three times, of other bytes each, and what two folders have once");
    let refused = errors(&program, "feast");
    assert_eq!(refused.len(), 3, "each has a name of its own: {refused:?}");
    for folder in [program.path("a"), program.path("b"), incoming.clone()] {
        let reasons =
            refused.iter().map(|name| std::fs::read_to_string(program.path("home/shoots/feast/Admin/Errors").join(name)).unwrap());
        let named = folder.join("bad.jpg").display().to_string();
        assert_eq!(reasons.filter(|reason| reason.starts_with(&format!("{named}\n"))).count(), 1, "{named}");
    }
    assert_eq!(["a", "b", "out"].map(|folder| files(&program.path(folder))), before, "what lies there stays as it is");
    // An edited photo takes the place of the first, in its own folder's name alone.
    program.write("a/1.png", &picture(7));
    assert_eq!(take(&program, "feast"), 4);
    let shown = files(&program.path("home/library/feast/Processed"));
    let has = |number: u32| shown.values().filter(|bytes| **bytes == picture(number)).count();
    assert_eq!([1, 2, 3, 4, 7].map(has), [0, 1, 1, 1, 1], "of the first folder's 1.png alone");
    assert_eq!(status(&program, "feast")["incoming"].as_array().unwrap().len(), 2);
    program.run(&["shoots", "set", "feast", "--no-incoming"]).expect(0);
    assert_eq!(status(&program, "feast")["incoming"], serde_json::json!([]));
    program.write("a/late.png", &picture(8));
    assert_eq!(take(&program, "feast"), 4, "nothing is taken from what it is not pointed at");
}

#[test]
fn shoots_refuse_folders_that_cannot_be_right_and_stay_as_they_were() {
    let program = scene(&["feast", "dance"]);
    for folder in ["card/DCIM", "other", "home/shoots/feast/Incoming/camera"] {
        std::fs::create_dir_all(program.path(folder)).unwrap();
    }
    program.write("file", b"x");
    std::os::unix::fs::symlink(program.path("card"), program.path("link")).unwrap();
    point(&program, "feast", &["card"]).expect(0);
    for (folders, why) in [
        (&["gone"][..], "not there"),
        (&["file"], "no folder"),
        (&["home"], "Rushes itself"),
        (&["home/library"], "Rushes itself"),
        (&["home/shoots/dance/Incoming"], "Rushes itself"),
        (&[""], "Rushes itself"),
        (&["card/.."], "with no .. in it"),
        (&["card", "card/DCIM"], "one within the other"),
        (&["link", "card"], "one within the other"),
    ] {
        let refused = point(&program, "feast", folders).expect(2);
        assert!(refused.stderr.contains(why), "{folders:?}: {}", refused.stderr);
    }
    let refused = program.run(&["shoots", "set", "feast", "--incoming", "card"]).expect(2);
    assert!(refused.stderr.contains("whole path"), "{}", refused.stderr);
    for folder in ["card", "card/DCIM", "link"] {
        let refused = point(&program, "dance", &["other", folder]).expect(2);
        assert!(refused.stderr.contains("the shoot feast takes photos from"), "{}", refused.stderr);
    }
    let of = |shoot: &str| status(&program, shoot)["incoming"].as_array().unwrap().len();
    assert_eq!((of("feast"), of("dance")), (1, 0), "what is refused changes nothing");
    point(&program, "feast", &["home/shoots/feast/Incoming/camera", "card"]).expect(0);
    program.write("home/shoots/feast/Incoming/camera/1.png", &picture(1));
    assert_eq!(take(&program, "feast"), 1, "below its own it is taken once");
    program.run(&["shoots", "close", "feast"]).expect(0);
    point(&program, "dance", &["card"]).expect(0);
    program.write("card/2.png", &picture(2));
    assert_eq!((take(&program, "dance"), take(&program, "feast")), (1, 1));
}

/// Two shoots were pointed at two folders, which a link has made one since: the first goes on alone.
#[test]
fn shoots_never_take_each_others_photos() {
    let program = scene(&["feast", "dance"]);
    for folder in ["one", "two"] {
        std::fs::create_dir(program.path(folder)).unwrap();
    }
    std::os::unix::fs::symlink(program.path("two"), program.path("link")).unwrap();
    point(&program, "dance", &["one"]).expect(0);
    point(&program, "feast", &["link"]).expect(0);
    std::fs::remove_file(program.path("link")).unwrap();
    std::os::unix::fs::symlink(program.path("one"), program.path("link")).unwrap();
    program.write("one/1.png", &picture(1));
    let taken = program.run(&["shoots", "take"]).expect(0);
    assert!(taken.stderr.contains("one lies within the other"), "{}", taken.stderr);
    let of = |shoot: &str| status(&program, shoot)["counts"]["photos"].as_u64().unwrap();
    assert_eq!((of("dance"), of("feast")), (1, 0));
}

/// Waits until so many photos are there.
fn wait_for(program: &Program, photos: u64) {
    let began = Instant::now();
    while status(program, "feast")["counts"]["photos"] != photos {
        assert!(began.elapsed() < LONG, "there are not {photos}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn wait_for_line(program: &Program, line: &str) {
    let began = Instant::now();
    while !std::fs::read_to_string(program.path("serve.log")).unwrap().contains(line) {
        assert!(began.elapsed() < LONG, "it does not say: {line}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn shoots_go_on_with_a_folder_that_was_away() {
    let program = scene(&["feast"]);
    let (card, pulled) = (program.path("card"), program.path("pulled"));
    program.write("card/1.png", &picture(1));
    point(&program, "feast", &["card"]).expect(0);
    let server = program.start_told(&["serve", "--listen", "127.0.0.1:0"], "serve.log");
    wait_for(&program, 1);
    program.write("card/2.png", &picture(2));
    wait_for(&program, 2);
    // Pulled out while a photo is being written to it, and another waits to settle.
    program.write("card/3.png", &picture(3)[..60]);
    rename(&card, &pulled);
    wait_for_line(&program, "a folder is away");
    let away = status(&program, "feast");
    assert_eq!(away["incoming"][0]["away"], "it is not there", "{away}");
    program.write("home/shoots/feast/Incoming/4.png", &picture(4));
    wait_for(&program, 3);
    program.write("pulled/3.png", &picture(3));
    program.write("pulled/5.png", &picture(5));
    rename(&pulled, &card);
    wait_for(&program, 5);
    wait_for_line(&program, "a folder is there again");
    assert_eq!(status(&program, "feast")["incoming"][0]["away"], Value::Null);
    program.write("card/6.png", &picture(6));
    wait_for(&program, 6);
    assert_eq!(errors(&program, "feast"), Vec::<String>::new(), "nothing is refused");
    signal(&server, "TERM");
    assert_eq!(end(server).code, 0);
    let log = std::fs::read_to_string(program.path("serve.log")).unwrap();
    assert_eq!(log.matches("a folder is away").count(), 1, "it is said once: {log}");
    // While nothing runs it goes away once more, and waits for nobody.
    rename(&card, &pulled);
    assert_eq!(take(&program, "feast"), 6);
    rename(&pulled, &card);
    program.write("card/7.png", &picture(7));
    assert_eq!(take(&program, "feast"), 7);
}
