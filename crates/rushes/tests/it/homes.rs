//! What must never cost a home its files: records that lie, places within the home or beside the configuration, a home
//! that is moved away under its engine, names no disk takes.

use crate::service::Served;
use crate::support::program::{End, Program, SMALL, ffmpeg};
use crate::support::survivor::hashes;
use crate::support::{Places, TestEngine, recipes::Recipes, soon};
use rushes_core::catalog::Record;
use rushes_core::destination::{Condition, Put};
use rushes_engine::restore::restore;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
}

fn picture(program: &Program) -> PathBuf {
    let picture = program.path("a.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &picture);
    picture
}

fn put(program: &Program) -> End {
    program.run(&["put", picture(program).to_str().unwrap(), "--json"])
}

#[tokio::test(flavor = "multi_thread")]
async fn home_is_restored_into_its_library_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let (victim, source) = (folder.path().join("victim.txt"), folder.path().join("source"));
    write(&victim, b"somebody's own");
    write(&source, b"bytes of whoever writes records");
    let blob = rushes_core::digest::digest(&b"bytes of whoever writes records"[..], "").unwrap();
    let port = &places.destinations[0].1;
    for (n, path, sha256) in [
        (1, victim.to_str().unwrap(), blob.sha256.as_str()),
        (2, "../../victim.txt", &blob.sha256),
        (3, "u/1/3.png", "é"),
        (4, "u/1/4.png", &blob.sha256),
    ] {
        let (id, key) = (uuid::Uuid::from_u128(n).to_string(), format!("base/{path}"));
        port.put(Put::new(&key, &source, &blob, Condition::CreateOnly)).await.unwrap();
        let fields = json!({"asset": id, "uri": port.uri(&key), "sha256": sha256, "size_bytes": blob.size_bytes, "kind": "workspace_image",
            "path": path, "mime": "application/octet-stream", "owner": "u"});
        places.catalog.put(&Record { collection: "workspace_assets".into(), id, rev: 1, fields }).await.unwrap();
    }
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let restored = restore(engine.parts(), &|_| ()).await.unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"somebody's own");
    assert_eq!((restored.files, restored.lost.len()), (1, 3), "{restored:#?}");
    assert!(engine.parts().home.library().join("u/1/4.png").exists());
}

#[test]
fn home_refuses_places_within_it_and_two_in_one() {
    let program = Program::with(SMALL);
    put(&program).expect(0);
    let (home, all) = (program.path("home"), hashes(&program.path("home/blobs")));
    std::os::unix::fs::symlink(home.join("library"), program.path("elsewhere")).unwrap();
    let bucket = program.path("bucket");
    let at = |path: &Path, more: &str| format!("[[destinations]]\nname = \"a\"\nuri = \"file://{}\"\n{more}\n", path.display());
    let second = |more: &str| at(&bucket, more).replace("\"a\"", "\"b\"");
    for places in [
        at(&home, ""),
        at(&home.join("library"), ""),
        at(&home.join("blobs"), "prefix = \"x\""),
        at(&program.path("elsewhere"), ""),
        at(&program.path("bucket/../home/library/new"), ""),
        at(&program.path(""), "prefix = \"home/library\""),
        at(&program.path(""), ""),
        at(&bucket, "") + &second(""),
        at(&bucket, "prefix = \"p\"") + &at(&program.path("bucket/p"), "").replace("\"a\"", "\"b\""),
        format!("{}[[catalogs]]\nname = \"c\"\nuri = \"file://{}\"\n", at(&bucket, ""), home.join("blobs").display()),
    ] {
        program.write("rushes.toml", format!("{SMALL}[keep]\nblobs_max_mb = 0.000001\n{places}").as_bytes());
        let end = put(&program).expect(1);
        assert!(end.stderr.contains("The configuration cannot be used"), "{places}: {}", end.stderr);
        assert_eq!(hashes(&home.join("blobs")), all, "{places}");
    }
    for places in [at(&home.join("remote"), ""), at(&bucket, "prefix = \"p\"") + &second("prefix = \"q\"")] {
        program.write("rushes.toml", format!("{SMALL}{places}").as_bytes());
        put(&program).expect(0);
    }
}

#[test]
fn home_remembers_its_places_and_starts_with_fewer_only_when_told() {
    let program = Program::with(SMALL);
    put(&program).expect(0);
    let (bucket, second) = (program.path("bucket"), program.path("second"));
    let place = |name: &str, path: &Path| format!("[[destinations]]\nname = \"{name}\"\nuri = \"file://{}\"\n", path.display());
    let both = format!("{SMALL}{}{}", place("cloud", &bucket), place("copy", &second));
    program.write("rushes.toml", both.as_bytes());
    put(&program).expect(0);
    // From another folder, where there is no configuration.
    std::fs::remove_file(program.path("rushes.toml")).unwrap();
    let end = put(&program).expect(1);
    let folder = std::fs::canonicalize(program.path("")).unwrap();
    for words in ["cloud", "copy", folder.to_str().unwrap(), "forget"] {
        assert!(end.stderr.contains(words), "{words}: {}", end.stderr);
    }
    program.run(&["assets", "ls"]).expect(0);
    program.run(&["status"]);
    // With one of two.
    program.write("rushes.toml", format!("{SMALL}{}", place("cloud", &bucket)).as_bytes());
    let end = put(&program).expect(1);
    assert!(end.stderr.contains("copy") && !end.stderr.contains("cloud,"), "{}", end.stderr);
    program.write("rushes.toml", format!("{SMALL}[delivery]\nforget = [\"copy\"]\n{}", place("cloud", &bucket)).as_bytes());
    put(&program).expect(0);
    // Told once, it is not asked again.
    program.write("rushes.toml", format!("{SMALL}{}", place("cloud", &bucket)).as_bytes());
    put(&program).expect(0);
    program.write("rushes.toml", both.as_bytes());
    put(&program).expect(0);
    // A link to nowhere is no missing file.
    std::fs::remove_file(program.path("rushes.toml")).unwrap();
    std::os::unix::fs::symlink(program.path("nowhere"), program.path("rushes.toml")).unwrap();
    let end = put(&program).expect(1);
    assert!(end.stderr.contains("The configuration cannot be used") && end.stderr.contains("rushes.toml"), "{}", end.stderr);
}

/// Waits until the served program has ended by itself; what it told.
fn ends(served: &mut Served) -> String {
    let until = Instant::now() + soon().min(Duration::from_secs(20));
    while served.is_up() {
        assert!(Instant::now() < until, "it goes on: {}", served.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    served.log()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "moves a home as people do")]
fn home_that_is_moved_away_stops_its_engine() {
    let mut served = Served::start(SMALL);
    let (home, moved) = (served.program.path("home"), served.program.path("moved"));
    std::fs::rename(&home, &moved).unwrap();
    let told = ends(&mut served);
    assert!(told.contains("no longer where this engine opened it"), "{told}");
    assert!(!home.exists(), "nothing is made where it was");
    std::fs::rename(&moved, &home).unwrap();
    put(&served.program).expect(0);
}

#[test]
fn home_whose_lock_is_removed_stops_its_engine() {
    let mut served = Served::start(SMALL);
    std::fs::remove_file(served.program.path("home/rushes.lock")).unwrap();
    let told = ends(&mut served);
    assert!(told.contains("no longer where this engine opened it"), "{told}");
    put(&served.program).expect(0);
}

#[test]
fn home_refuses_names_no_disk_takes() {
    let program = Program::with(SMALL);
    let (picture, long) = (picture(&program), "🌸".repeat(190));
    let end = program.run(&["put", picture.to_str().unwrap(), "--kind", "poster", "--subject", "x", "--name", &format!("beside={long}")]);
    assert!(end.code == 2 && end.stderr.contains("255 bytes"), "{} {}", end.code, end.stderr);
    assert!(program.assets().is_empty());
    program.run(&["audit"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn home_mends_what_can_be_shown_and_passes_over_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let engine = TestEngine::start(folder.path(), &Places::memory(folder.path()), &Recipes::default());
    engine.run("files", json!({"count": 3})).await;
    engine.settle().await;
    let parts = engine.parts();
    let shown = |n: u32| parts.home.library().join(format!("dances/dance_mira_1_cosplay_on_ref{n}.bin"));
    for n in 0..3 {
        std::fs::remove_file(shown(n)).unwrap();
    }
    // A folder with something in it is in the first one's way.
    write(&shown(0).join("somebody's own"), b"");
    parts.store.set_mark(rushes_engine::view::MENDED, 0).await.unwrap();
    let (library, blobs) = (parts.home.library(), parts.blobs());
    let mend = || rushes_engine::view::mend(&library, &blobs, parts.store.as_ref());
    assert_eq!(mend().await.unwrap(), 2);
    assert!(shown(1).exists() && shown(2).exists() && shown(0).join("somebody's own").exists());
    let left = std::fs::read_dir(shown(1).parent().unwrap()).unwrap().count();
    assert_eq!(left, 3, "no link is left half made");
    assert_eq!(mend().await.unwrap(), 0, "and it is not tried for ever");
}

#[test]
fn home_with_a_subject_called_records_is_whole() {
    let program = Program::with(SMALL);
    let picture = picture(&program);
    program.run(&["put", picture.to_str().unwrap(), "--subject", "records"]).expect(0);
    program.run(&["put", picture.to_str().unwrap()]).expect(0);
    program.run(&["audit"]).expect(0);
    assert_eq!(program.assets().len(), 2);
}
