//! `rushes put`: one file, registered and delivered, by the real program.

use crate::support::program::{Program, SMALL, ffmpeg, file_of};

#[test]
fn put_delivers_a_file_and_records_nothing_twice() {
    let program = Program::with(SMALL);
    let picture = program.path("odd name [1] #%+ é.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &picture);
    let said = program.run(&["put", picture.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!(said["kind"], "workspace_image");
    let delivered = file_of(said["url"].as_str().unwrap());
    assert_eq!(std::fs::read(delivered).unwrap(), std::fs::read(&picture).unwrap());
    program.run(&["audit"]).expect(0);
    let assets = program.assets();
    assert_eq!((assets.len(), &assets[0]["state"]), (1, &serde_json::json!("proven")));
    assert_eq!(assets[0]["sha256"], said["sha256"]);
}

#[test]
fn put_takes_a_kind_and_the_names_of_its_path() {
    let program = Program::with(SMALL);
    let film = program.path("film.mp4");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1"], &film);
    let args = ["put", film.to_str().unwrap(), "--kind", "dance_video", "--subject", "mira_1", "--name", "ref=ref1", "--json"];
    let said = program.run(&args).expect(0).json();
    assert!(said["url"].as_str().unwrap().ends_with("/remote/dances/dance_mira_1_cosplay_on_ref1.mp4"), "{said}");
    let lacking = program.run(&["put", film.to_str().unwrap(), "--kind", "dance_video", "--subject", "mira_1"]);
    assert_eq!(lacking.code, 1);
    assert!(lacking.stderr.contains("{ref}"), "{}", lacking.stderr);
}

#[test]
fn put_never_leaves_the_library() {
    let program = Program::with(SMALL);
    let picture = program.path("a.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &picture);
    let picture = picture.to_str().unwrap();
    program.run(&["put", picture, "--kind", "anime_image", "--subject", "../../../outside"]).expect(0);
    program.run(&["put", picture, "--subject", "/etc", "--name", "job=../.."]).expect(0);
    let beside = program.run(&["put", picture, "--kind", "poster", "--subject", "x", "--name", "beside=/../../outside"]).expect(2);
    for asset in program.assets() {
        let file = program.path("home/library").join(asset["path"].as_str().unwrap());
        assert!(std::fs::canonicalize(file).unwrap().starts_with(std::fs::canonicalize(program.path("home/library")).unwrap()), "{asset}");
    }
    assert!(beside.stderr.contains("leave the library"), "{}", beside.stderr);
    assert!(!program.path("outside_poster.png").exists());
    program.run(&["audit"]).expect(0);
}

#[test]
fn put_says_what_is_wrong_with_a_file_and_registers_nothing() {
    let program = Program::with(SMALL);
    let text = program.write("notes.png", b"these are words");
    let empty = program.write("empty.png", b"");
    for (file, says) in [(&text, "notes.png"), (&empty, "empty"), (&program.path("none.png"), "not there")] {
        let end = program.run(&["put", file.to_str().unwrap()]);
        assert_eq!(end.code, 1, "{}", end.stderr);
        assert!(end.stderr.contains(says), "{}", end.stderr);
    }
    assert!(program.assets().is_empty());
    program.run(&["audit"]).expect(0);
}

#[test]
fn put_works_however_the_home_is_spelled() {
    let program = Program::with(SMALL);
    let picture = program.path("a.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &picture);
    std::fs::create_dir_all(program.path("elsewhere/deep")).unwrap();
    std::os::unix::fs::symlink("elsewhere/deep", program.path("link")).unwrap();
    let beside = format!("../{}/h1", program.path("").file_name().unwrap().to_str().unwrap());
    let whole = program.path("elsewhere/../h2");
    for (home, real) in [
        (beside.as_str(), "h1"),
        (whole.to_str().unwrap(), "h2"),
        ("./elsewhere/./deep/../h3", "elsewhere/h3"),
        ("link", "elsewhere/deep"),
        // As the system reads it: beside what the link leads to.
        ("link/../h4", "elsewhere/h4"),
        ("new/../h5", "h5"),
    ] {
        program.run_at(home, &["put", picture.to_str().unwrap()]).expect(0);
        // A second time the folder is there.
        program.run_at(home, &["put", picture.to_str().unwrap(), "--subject", "ana"]).expect(0);
        assert!(program.path(real).join("rushes.db").exists(), "{home}");
        program.run_at(home, &["audit"]).expect(0);
    }
}

#[test]
fn put_decodes_a_film_once() {
    let program = Program::with(SMALL);
    let film = program.path("film.mp4");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", "-pix_fmt", "yuv420p"], &film);
    program.watch_tools();
    program.run(&["put", film.to_str().unwrap()]).expect(0);
    assert_eq!(program.tools_started(), (1, 1), "of ffmpeg and ffprobe");
    program.run(&["put", film.to_str().unwrap(), "--kind", "dance_video", "--subject", "mira_1", "--name", "ref=ref1"]).expect(0);
    assert_eq!(program.tools_started(), (2, 2), "of ffmpeg and ffprobe");
}
