//! The command line itself: help, exit codes, flags anywhere, and what it says to those who are new.

use crate::support::program::{Program, SMALL};

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
    assert_eq!(names, ["home", "disk", "ffmpeg", "fonts", "database", "destination remote", "catalog records"]);
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
fn cli_completions_name_the_commands() {
    let program = Program::with(SMALL);
    let end = program.run(&["completions", "bash"]).expect(0);
    assert!(end.stdout.contains("production") && end.stdout.contains("doctor"));
}
