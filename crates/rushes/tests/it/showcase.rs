//! The page that shows what was made, by the real program: every address on it opens from where it lies, whatever characters
//! are called; it is renewed when there is more to show, and only then; and a kill on the way costs nothing.

use crate::support::library::picture;
use crate::support::program::{Program, end, file_of};
use crate::support::survivor::{TINY, make_reference};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Letters that an address would take for something else, or a page for its own.
const ODD: &str = "Ké #1 [x] 100%25 'q' & <b>🎬";
const ODD_ID: &str = "ké #1 [x] 100%25 'q' & 🎬_1770337530";

fn page(program: &Program) -> (PathBuf, String) {
    let file = program.path("home/remote/showcase/index.html");
    let html = std::fs::read_to_string(&file).unwrap();
    (file, html)
}

/// What the page names beside itself, as files.
fn named(page: &Path, html: &str) -> Vec<PathBuf> {
    let rests = ["src=\"", "href=\""].into_iter().flat_map(|attribute| html.split(attribute).skip(1));
    let urls = rests.map(|rest| rest.split('"').next().unwrap()).filter(|url| !url.starts_with('#'));
    let folder = page.parent().unwrap().to_str().unwrap();
    urls.map(|url| file_of(&format!("file://{folder}/{url}"))).collect()
}

/// Imports a character with pictures from a library of other days.
fn import(program: &Program, id: &str, name: &str, number: u32) {
    for (end, number) in [("", number), ("_cosplay", number + 1)] {
        program.write(&format!("out/characters/{id}{end}.png"), &picture(number));
    }
    let sets = json!([{"title": "primary", "anime_image": format!("characters/{id}.png"), "cosplay_image": format!("characters/{id}_cosplay.png")}]);
    let entries = json!([{"id": id, "name": name, "tagline": name, "traits": [name], "assets": sets}]);
    program.write("out/character_db.json", entries.to_string().as_bytes());
    program.run(&["import", "out"]).expect(0);
    std::fs::remove_dir_all(program.path("out")).unwrap();
}

fn show(program: &Program, more: &[&str]) -> Value {
    let shown = program.run(&[&["run", "showcase", "--json"], more].concat()).expect(0);
    shown.json()
}

fn pages(program: &Program) -> Vec<Value> {
    program.assets().into_iter().filter(|asset| asset["kind"] == "showcase_page").collect()
}

#[test]
fn showcase_opens_every_film_and_is_renewed_only_when_there_is_more() {
    let program = Program::with(TINY);
    make_reference(&program);
    program.run(&["run", "production", "--seed", "7", "--reference", "step.mp4"]).expect(0);
    let plan = program.run(&["run", "showcase", "--plan"]).expect(0).stdout;
    assert!(plan.contains("1 character and 4 films are shown"), "{plan}");
    assert!(!program.path("home/remote/showcase").exists(), "a plan makes nothing");
    show(&program, &["--title", "A <b>\"studio\"</b>"]);
    let (file, html) = page(&program);
    assert!(html.contains("<title>A &#60;b&#62;&#34;studio&#34;&#60;/b&#62;</title>"), "{html}");
    let media = named(&file, &html);
    assert!(media.len() >= 8 && media.iter().all(|file| file.metadata().is_ok_and(|meta| meta.len() > 0)), "{media:#?}");
    let remote = program.path("home/remote").canonicalize().unwrap();
    assert!(media.iter().all(|file| file.canonicalize().unwrap().starts_with(&remote)), "{media:#?}");
    assert!(!html.contains(program.path("").to_str().unwrap()), "no path of this machine");

    show(&program, &["--title", "A <b>\"studio\"</b>"]);
    assert_eq!(pages(&program).iter().map(|page| page["version"].as_u64()).collect::<Vec<_>>(), [Some(1)], "nothing is new");
    import(&program, ODD_ID, ODD, 1);
    show(&program, &["--title", "A <b>\"studio\"</b>"]);
    assert_eq!(pages(&program).iter().map(|page| page["version"].as_u64()).collect::<Vec<_>>(), [Some(2)]);
    let (file, html) = page(&program);
    assert!(html.contains("Ké #1 [x] 100%25 &#39;q&#39; &#38; &#60;b&#62;🎬</a></h2>"), "{html}");
    let media = named(&file, &html);
    assert!(media.iter().any(|file| file.to_string_lossy().contains("[x] 100%25")), "{media:#?}");
    assert!(media.iter().all(|file| file.is_file()), "{media:#?}");
    program.run(&["audit", "--deep"]).expect(0);
    program.run(&["verify", "--deep"]).expect(0);
    // No record tells of the page: it is named as such, and everything else comes back.
    let proof = program.run(&["restore", "--prove", "--json"]).expect(0).json();
    assert_eq!(proof["restored"]["lost"], json!([]), "{proof}");
    assert!(proof["restored"]["unrecorded"].to_string().contains("showcase/index.html"), "{proof}");
}

#[test]
fn showcase_survives_kills_and_names_characters_it_does_not_know() {
    let program = Program::with(TINY);
    import(&program, "mira_1770337530", "Mira", 1);
    import(&program, "noa_1770337531", "Noa", 3);
    // Each another page: bytes that are there already are not placed again.
    for plan in ["body_done:1=kill", "checked:1=kill", "blob_placed:1=kill", "commit:3=kill", "object_written:1=kill"] {
        let killed = end(program.start_with(&["run", "showcase", "--title", plan], &[("RUSHES_FAULTS", plan)]));
        assert_ne!(killed.code, 0, "{plan}: {}", killed.stdout);
        show(&program, &["--title", plan]);
        let (file, html) = page(&program);
        let media = named(&file, &html);
        assert!(media.len() == 10 && media.iter().all(|file| file.is_file()), "{plan}: {media:#?}");
        program.run(&["audit", "--deep"]).expect(0);
    }
    show(&program, &["--character", "noa", "--character", "noa_1770337531"]);
    let (_, html) = page(&program);
    assert!(html.contains("Noa") && !html.contains("Mira"), "{html}");
    let unknown = program.run(&["run", "showcase", "--character", "noa", "--character", "nobody at all"]).expect(1);
    assert!(unknown.stderr.contains("nobody at all"), "{}", unknown.stderr);
    assert_eq!(page(&program).1, html, "what was shown stays");
    // By no other way does a page become a file of the library.
    program.write("own.html", b"<!doctype html><script>alert(1)</script></html>");
    for kind in [&["--kind", "showcase_page"][..], &[]] {
        program.run(&[&["put", "own.html"], kind].concat()).expect(1);
    }
}
