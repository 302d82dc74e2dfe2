//! The command line itself: help, exit codes, flags anywhere, and what it says to those who are new.

use crate::support::program::{Program, SMALL, ffmpeg};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

#[test]
fn cli_flags_stand_before_or_after_the_command() {
    let program = Program::with(SMALL);
    program.run(&["init"]).expect(0);
    let before = program.run(&["--json", "status"]).expect(0).json();
    let after = program.run(&["status", "--json"]).expect(0).json();
    assert_eq!(before, after);
    assert_eq!(before["destinations"]["remote"]["owed"], 0);
}

#[test]
fn cli_usage_errors_give_two_and_say_what_there_is() {
    let program = Program::with(SMALL);
    for (args, says) in [
        (vec!["run", "production", "--count", "0"], "1..=10"),
        (vec!["run", "nonsense"], "unrecognized subcommand 'nonsense'"),
        (vec!["jobs", "show", "x"], "no job id"),
        (vec!["assets", "ls", "--kind", "x"], "anime_image"),
        (vec!["jobs", "ls", "--state", "x"], "delivering"),
    ] {
        let end = program.run(&args);
        assert_eq!(end.code, 2, "{args:?}: {}", end.stderr);
        assert!(end.stderr.contains(says), "{args:?}: {}", end.stderr);
    }
}

#[test]
fn cli_a_home_that_is_not_there_is_named_with_the_cure() {
    let program = Program::with(SMALL);
    let end = program.run(&["status"]);
    assert_eq!(end.code, 1);
    assert!(end.stderr.contains("rushes init"), "{}", end.stderr);
}

#[test]
fn cli_config_show_tells_where_each_value_came_from() {
    let program = Program::with(SMALL);
    let settings = program.run(&["config", "show", "--json"]).expect(0).json()["settings"].clone();
    let find = |key: &str| settings.as_array().unwrap().iter().find(|s| s["setting"] == key).unwrap().clone();
    assert_eq!((&find("media.width")["value"], &find("media.width")["from"]), (&serde_json::json!(180), &serde_json::json!("rushes.toml")));
    assert_eq!(find("delivery.in_flight")["from"], "default");
}

#[test]
fn cli_a_broken_setting_is_named() {
    let program = Program::with("[media]\nfps = \"many\"\n");
    let end = program.run(&["doctor"]);
    assert_eq!(end.code, 1);
    assert!(end.stderr.contains("media.fps") && end.stderr.contains("rushes.toml"), "{}", end.stderr);
}

#[test]
fn cli_doctor_tries_everything_for_real() {
    let program = Program::with(SMALL);
    program.run(&["init"]).expect(0);
    let said = program.run(&["doctor", "--json"]).expect(0).json();
    let names: Vec<&str> = said["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["home", "disk", "ffmpeg", "fonts", "styles", "database", "destination remote", "catalog records"]);
    program.run(&["audit"]).expect(0);
    std::fs::remove_dir_all(program.path("home/library")).unwrap();
    program.run(&["doctor", "--fix"]).expect(0);
    assert!(program.path("home/library").is_dir(), "what is missing in the home is made");
    let broken = Program::with("[[destinations]]\nname = \"bucket\"\nuri = \"file:///proc/nowhere\"\n");
    broken.run(&["init"]).expect(0);
    let end = broken.run(&["doctor"]).expect(1);
    assert!(end.stdout.contains("✗ destination bucket"), "{}", end.stdout);
}

#[test]
fn cli_styles_of_ones_own_are_named_and_broken_ones_refused() {
    let style = include_str!("../../../rushes-media/assets/styles/lofi.toml");
    let program = Program::with(SMALL);
    program.run(&["init"]).expect(0);
    assert!(!program.path("home/styles").exists(), "who has none gets no folder");
    assert!(program.run(&["doctor"]).expect(0).stdout.contains("4, kpop_dance where none is asked for; all built in"));
    program.write("home/styles/rainy_day.toml", style.as_bytes());
    let end = program.run(&["doctor"]).expect(0);
    assert!(end.stdout.contains("5, kpop_dance where none is asked for; of these your own: rainy_day"), "{}", end.stdout);
    program.write("home/styles/rainy_day.toml", style.replace("bpm = 86.0", "bpm = 860").as_bytes());
    for command in ["doctor", "init"] {
        let end = program.run(&[command]).expect(1);
        let said = end.stdout + &end.stderr;
        for part in ["rainy_day.toml", "line 3", "field bpm", "860, and may be 40 to 240"] {
            assert!(said.contains(part), "{command}: {part} is missing: {said}");
        }
    }
}

#[test]
fn cli_completions_name_the_commands() {
    let program = Program::with(SMALL);
    let end = program.run(&["completions", "bash"]).expect(0);
    assert!(end.stdout.contains("production") && end.stdout.contains("doctor"));
}

#[test]
fn cli_answers_that_cannot_be_written_are_no_panic() {
    let program = Program::with(SMALL);
    program.run(&["init"]).expect(0);
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let closed = || std::io::pipe().unwrap().1;
    for args in [&["status"][..], &["status", "--json"], &["config", "show"], &["completions", "bash"]] {
        let gone = program.run_into(args, closed()).expect(0);
        assert_eq!(gone.stderr, "", "whoever read it has read enough: {args:?}");
        let unwritten = program.run_into(args, full()).expect(1);
        assert!(unwritten.stderr.contains("No space left"), "{args:?}: {}", unwritten.stderr);
        assert!(!unwritten.stderr.contains("panicked"), "{args:?}: {}", unwritten.stderr);
    }
    let failed = program.run_into(&["jobs", "show", "019a0000-0000-7000-8000-000000000000", "--json"], closed()).expect(1);
    assert!(failed.stderr.contains("rushes: "), "{}", failed.stderr);
}

#[test]
fn cli_says_nothing_that_moves_a_terminal() {
    let program = Program::with(SMALL);
    let picture = program.path("a.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &picture);
    let title = "red \u{1b}[31m\u{202e}\u{9b}2J\nnext";
    program.run(&["put", "a.png", "--kind", "anime_image", "--subject", "mira_1", "--title", title]).expect(0);
    let missing = program.run(&["put", "none\u{1b}]0;x\u{7}.png"]).expect(1);
    for said in [program.run(&["assets", "ls"]).expect(0).stdout, missing.stderr] {
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{7}']), "{said:?}");
        assert!(said.contains("\\u{1b}"), "it is shown all the same: {said}");
    }
    let titles: Vec<_> = program.assets().iter().map(|asset| asset["title"].clone()).collect();
    assert_eq!(titles, [title], "and --json has it as it is");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "ffmpeg writes no such name")]
fn cli_names_that_are_no_text_are_refused_with_the_cure() {
    let program = Program::with(SMALL);
    let here = program.path("");
    let odd = here.join(OsStr::from_bytes(b"\xff.png"));
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1", "-update", "1"], &program.path("a.png"));
    std::fs::rename(program.path("a.png"), &odd).unwrap();
    let put = program.run_bytes(&here, &["put"], b"\xff.png").expect(2);
    assert!(put.stderr.contains("not UTF-8") && put.stderr.contains("another name"), "{}", put.stderr);
    let below = here.join(OsStr::from_bytes(b"home \xfe"));
    std::fs::create_dir(&below).unwrap();
    let home = program.run_bytes(&below, &["jobs"], b"ls").expect(2);
    assert!(home.stderr.contains("not UTF-8") && home.stderr.contains("--home"), "{}", home.stderr);
}

#[test]
fn cli_a_configuration_that_is_no_file_is_not_waited_for() {
    let program = Program::with("");
    program.pipe("rushes.toml");
    let end = program.run(&["config", "show"]).expect(1);
    assert!(end.stderr.contains("rushes.toml") && end.stderr.contains("no regular file"), "{}", end.stderr);
    std::fs::remove_file(program.path("rushes.toml")).unwrap();
    program.pipe(".env");
    let end = program.run(&["config", "show"]).expect(1);
    assert!(end.stderr.contains(".env") && end.stderr.contains("no regular file"), "{}", end.stderr);
}

#[test]
fn cli_more_steps_at_once_than_can_be_are_refused() {
    let program = Program::with("[engine]\ncpu_lane = 9223372036854775807\n");
    let end = program.run(&["init"]).expect(1);
    assert!(end.stderr.contains("engine.cpu_lane") && !end.stderr.contains("panicked"), "{}", end.stderr);
}

#[test]
fn cli_keys_have_names_people_can_read() {
    let program = Program::with(SMALL);
    for name in ["", "  ", "a\nb\u{1b}[31m", &"x".repeat(65)] {
        let end = program.run(&["keys", "new", name]).expect(2);
        assert!(end.stderr.contains("1 to 64 printable characters"), "{}", end.stderr);
    }
    program.run(&["keys", "new", " the phone "]).expect(0);
    let keys = program.run(&["keys", "ls", "--json"]).expect(0).json()["keys"].clone();
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]["name"]), (1, &serde_json::json!("the phone")));
}
