//! Every workflow that may be started from outside: for real, killed in the middle and gone on with, and with bad input.

use crate::service::Served;
use crate::support::program::{End, Program, end};
use crate::support::survivor::{LONG, TINY, agree, make_reference};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A home with one finished production, and whom it made.
struct Studio {
    program: Program,
    who: String,
}

impl Studio {
    fn new() -> Self {
        let program = Program::with(TINY);
        make_reference(&program);
        std::fs::create_dir_all(program.path("home/references")).unwrap();
        std::fs::copy(program.path("step.mp4"), program.path("home/references/step.mp4")).unwrap();
        std::fs::copy(program.path("step.mp4"), program.path("home/references/other.mp4")).unwrap();
        let made = program.run(&["run", "production", "--reference", "step", "--no-variants", "--json"]).expect(0).json();
        let who = made["results"][0]["character_id"].as_str().unwrap().to_owned();
        let studio = Self { program, who };
        // For redo-folder: a film that names the project; for finish-all: a dance that nobody registered.
        let films = studio.program.path("home/redo");
        std::fs::create_dir_all(&films).unwrap();
        std::fs::copy(studio.program.path("step.mp4"), films.join(format!("dance_{}_cosplay_on_step.mp4", studio.who))).unwrap();
        let left = studio.program.path("left/dances");
        std::fs::create_dir_all(&left).unwrap();
        std::fs::copy(studio.program.path("step.mp4"), left.join("dance_left_over_1700000000_cosplay_on_step.mp4")).unwrap();
        studio
    }

    /// The command of a row.
    fn args(&self, row: &Row) -> Vec<String> {
        let words = row.args.split(' ').map(|word| word.replace("WHO", &self.who));
        ["run".to_owned()].into_iter().chain(words).collect()
    }

    fn run(&self, row: &Row) -> End {
        let args = self.args(row);
        self.program.run(&args.iter().map(String::as_str).chain(["--json"]).collect::<Vec<_>>())
    }

    /// How many current assets there are of each kind, with the sum of their versions.
    fn kinds(&self) -> BTreeMap<String, (u64, u64)> {
        let mut kinds = BTreeMap::new();
        for asset in self.program.assets() {
            let of_kind: &mut (u64, u64) = kinds.entry(asset["kind"].as_str().unwrap().to_owned()).or_default();
            *of_kind = (of_kind.0 + 1, of_kind.1 + asset["version"].as_u64().unwrap());
        }
        kinds
    }

    /// The promise, on what is there now.
    fn is_whole(&self) {
        self.program.run(&["audit", "--deep"]).expect(0);
        agree(&self.program, None);
    }
}

/// One workflow: how it is started, and kinds of which there is more afterwards.
struct Row {
    args: &'static str,
    makes: &'static [&'static str],
}

/// In an order in which each finds what it needs.
const ROWS: &[Row] = &[
    Row { args: "character --name Nova --concept silver-hair --seed 5", makes: &["anime_image", "cosplay_image"] },
    Row { args: "dance WHO --reference other", makes: &["dance_video", "poster"] },
    Row { args: "dance nova --reference step --finish", makes: &["dance_video", "variant_video", "watermarked_video", "orig_video"] },
    Row { args: "redo WHO", makes: &["dance_video", "watermarked_video"] },
    Row { args: "redo dance_WHO_cosplay_on_other --anime", makes: &["anime_image", "cosplay_image", "dance_video"] },
    Row { args: "align WHO --reference other", makes: &[] },
    Row { args: "score WHO --style lofi", makes: &["ai_music", "scored_video"] },
    Row { args: "watermark WHO", makes: &["watermarked_video"] },
    Row { args: "soundtracks WHO", makes: &["kpop_video"] },
    Row { args: "soundtracks", makes: &[] },
    Row { args: "finish-all --from left", makes: &["dance_video", "remix_video", "watermarked_video"] },
    Row { args: "posters left_over_1700000000", makes: &["poster", "contact_sheet", "preview"] },
    Row { args: "redo-folder", makes: &["dance_video"] },
    Row { args: "production --reference step --seed 9", makes: &["anime_image", "dance_video", "kpop_video"] },
];

#[test]
fn workflows_each_make_what_they_say_and_leave_everything_in_order() {
    let studio = Studio::new();
    for row in ROWS {
        let before = studio.kinds();
        let planned = studio.program.run(&studio.args(row).iter().map(String::as_str).chain(["--plan", "--json"]).collect::<Vec<_>>());
        assert!(!planned.expect(0).json()["steps"].as_array().unwrap().is_empty(), "{}", row.args);
        assert_eq!(studio.kinds(), before, "{}: a plan changes nothing", row.args);
        let made = studio.run(row).expect(0).json();
        assert_eq!((&made["status"], &made["errors"]), (&json!("completed"), &json!([])), "{}: {made}", row.args);
        let after = studio.kinds();
        for kind in row.makes {
            assert!(after.get(*kind) > before.get(*kind), "{}: no new {kind}: {before:?} {after:?}", row.args);
        }
        studio.is_whole();
    }
    let records = studio.program.path("home/remote/records/characters");
    let nova =
        std::fs::read_dir(&records).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.to_str().unwrap().contains("/nova_"));
    let nova: Value = serde_json::from_slice(&std::fs::read(nova.unwrap()).unwrap()).unwrap();
    assert_eq!((&nova["name"], &nova["concept"]), (&json!("Nova"), &json!("silver-hair")));
    assert!(nova["prompt"].as_str().unwrap().contains("silver-hair"), "{nova}");
}

#[test]
fn workflows_each_go_on_after_a_kill_and_repeat_nothing() {
    let studio = Studio::new();
    for row in ROWS {
        let args = studio.args(row);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let log = studio.program.path("places.log");
        let _ = std::fs::remove_file(&log);
        let (mut kills, mut has_ended) = (0, false);
        // Before a transaction, after a step's, and while a file is on its way.
        for plan in ["commit:4=kill", "step_kept:2=kill", "object_put:2=kill"] {
            let env = [("RUSHES_FAULTS", plan), ("RUSHES_FAULTS_LOG", log.to_str().unwrap())];
            let ended = end(studio.program.start_with(&args, &env));
            // On a busy machine what a plan waits for may have happened before the last kill.
            has_ended = ended.code == 0;
            if has_ended {
                break;
            }
            assert_eq!(ended.code, -1, "{} under {plan}: {}", row.args, ended.stderr);
            kills += 1;
        }
        assert!(kills > 0, "{}: it was never killed", row.args);
        let env = [("RUSHES_FAULTS_LOG", log.to_str().unwrap())];
        if !has_ended {
            end(studio.program.start_with(&args, &env)).expect(0);
        }
        let log = std::fs::read_to_string(&log).unwrap();
        let mut kept: Vec<&str> = Vec::new();
        for line in log.lines() {
            match line.split_once(' ') {
                Some(("kept", step)) => kept.push(step),
                Some(("begun", step)) => assert!(!kept.contains(&step), "{}: {step} was finished and ran again", row.args),
                _ => {}
            }
        }
        studio.is_whole();
    }
}

#[test]
fn workflows_each_refuse_bad_input_and_say_what_to_do() {
    let studio = Studio::new();
    let before = studio.kinds();
    for (args, code, says) in [
        ("character --style polka", 2, "there are: kpop_dance"),
        ("character --name=", 2, "name is empty"),
        ("dance nobody --reference step", 1, "rushes assets ls"),
        ("dance WHO", 2, "say a reference to dance on"),
        ("dance WHO --reference nowhere", 1, "there are: other, step"),
        ("dance WHO --reference ./missing.mp4", 1, "missing.mp4"),
        ("redo WH", 1, "rushes assets ls"),
        ("redo dance_WHO_cosplay_on_ste", 1, "there are: dance_WHO_cosplay_on_step"),
        ("redo WHO --swap-ref other --same-ref", 2, "not both"),
        ("redo WHO --swap-ref nowhere", 2, "there are: other, step"),
        ("redo WHO --swap-ref step", 1, "dances on step already"),
        ("redo-folder missing", 1, "redo/missing"),
        ("redo-folder --limit 0", 2, "1..=500"),
        ("align WHO", 2, "--reference"),
        ("align WHO --reference nowhere", 2, "there are: other, step"),
        ("align nobody --reference step", 1, "rushes assets ls"),
        ("score nobody", 1, "rushes assets ls"),
        ("score WHO --style polka", 2, "there are: kpop_dance"),
        ("score ./rushes.toml", 1, "rushes.toml"),
        ("watermark nobody", 1, "rushes assets ls"),
        ("posters nobody", 1, "rushes assets ls"),
        ("soundtracks nobody", 1, "rushes assets ls"),
        ("production --count 11", 2, "1..=10"),
        ("carry --to here", 2, "today or legacy"),
        ("carry --to today --user ../other", 2, "part of a path"),
        ("carry --to today", 1, "former in [workspace]"),
        ("nothing", 2, "unrecognized subcommand"),
    ] {
        let words: Vec<String> = args.split(' ').map(|word| word.replace("WHO", &studio.who)).collect();
        let ended = studio.program.run(&["run"].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>());
        let says = says.replace("WHO", &studio.who);
        assert_eq!(ended.code, code, "{args}: {}", ended.stderr);
        assert!(ended.stderr.contains(&says), "{args} says: {}", ended.stderr);
    }
    assert_eq!(studio.kinds(), before, "nothing was lost, nothing was made");
    studio.is_whole();
}

/// What is asked over HTTP and by schedules, in an order in which each finds what it needs. The film of `redo-folder` names
/// the production's character.
fn asked() -> Vec<(&'static str, Value)> {
    vec![
        ("character", json!({"name": "Nova", "seed": 5})),
        ("dance", json!({"character": "nova", "reference": "step", "finish": true, "generate_variants": false})),
        ("redo", json!({"project": "nova"})),
        ("align", json!({"character": "nova", "reference": "other"})),
        ("score", json!({"film": "nova", "style_id": "phonk"})),
        ("watermark", json!({"project": "nova"})),
        ("soundtracks", json!({"project": "nova"})),
        ("finish-all", json!({})),
        ("posters", json!({"project": "nova"})),
        ("showcase", json!({"title": "Ours"})),
        ("redo-folder", json!({"limit": 1})),
        ("production", json!({"count": 1, "reference_videos": ["other"], "generate_variants": false})),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_each_start_over_http_as_on_the_command_line() {
    let Studio { program, .. } = Studio::new();
    let served = Served::open(program);
    for (name, parameters) in asked() {
        let path = format!("/api/v1/workflows/{name}/jobs");
        let (status, refused) = served.post(&path, &json!({"parameters": {"nonsense": 1}})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}: {refused}");
        assert!(refused["detail"].as_str().unwrap().contains("unknown field \"nonsense\"; there are"), "{name}: {refused}");
        let body = json!({"parameters": parameters});
        let (status, plan) = served.post(&format!("/api/v1/workflows/{name}/plan"), &body).await;
        assert!(status == StatusCode::OK && !plan["steps"].as_array().unwrap().is_empty(), "{name}: {plan}");
        let (status, job) = served.post(&path, &body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{name}: {job}");
        ends_well(&served, job["id"].as_str().unwrap(), name).await;
    }
    is_whole_in_the_end(&served).await;
}

/// What mirrors the last job's end may still be on its way.
async fn is_whole_in_the_end(served: &Served) {
    let began = Instant::now();
    while served.program.run(&["audit", "--deep"]).code != 0 {
        assert!(began.elapsed() < LONG, "{}", served.program.run(&["audit"]).stdout);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::task::block_in_place(|| agree(&served.program, None));
}

/// Waits until a job is completed.
async fn ends_well(served: &Served, id: &str, what: &str) {
    let began = Instant::now();
    loop {
        let (_, job) = served.get(&format!("/api/v1/jobs/{id}")).await;
        match job["state"].as_str().unwrap_or_default() {
            "completed" => return,
            "failed" | "cancelled" => panic!("{what}: {job}"),
            _ => assert!(began.elapsed() < LONG, "{what} never ends: {job}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_each_start_by_schedule() {
    let Studio { program, .. } = Studio::new();
    let mut config = std::fs::read_to_string(program.path("rushes.toml")).unwrap();
    for (name, parameters) in asked() {
        config += &format!("[[schedules]]\nname = \"{name}\"\ncron = \"0 3 1 1 *\"\nworkflow = \"{name}\"\n[schedules.parameters]\n");
        for (field, value) in parameters.as_object().unwrap() {
            // Texts, numbers, switches and lists of texts are written alike in JSON and TOML.
            config += &format!("{field} = {value}\n");
        }
    }
    program.write("rushes.toml", config.as_bytes());
    let served = Served::open(program);
    for (name, _) in asked() {
        let started = served.program.run(&["schedules", "run", name, "--json"]).expect(0).json();
        let id = started["job"].as_str().or_else(|| started["id"].as_str()).unwrap_or_else(|| panic!("{name}: {started}"));
        ends_well(&served, id, name).await;
    }
    is_whole_in_the_end(&served).await;
}

#[test]
fn workflows_a_character_waits_for_the_take_that_somebody_chooses() {
    let program = Program::with(TINY);
    let args = ["run", "character", "--name", "Nova", "--takes", "3", "--json"];
    let waiting = |program: &Program| {
        let began = Instant::now();
        loop {
            let jobs = program.run(&["jobs", "ls", "--json"]);
            let job = if jobs.code == 0 { jobs.json()["jobs"][0].clone() } else { Value::Null };
            if job["waiting_for"] == "signal choose anime_image" {
                return job["id"].as_str().unwrap().to_owned();
            }
            assert!(began.elapsed() < LONG, "it never waits: {job}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let first = program.start(&args);
    let id = waiting(&program);
    assert!(program.assets().is_empty(), "nothing is shown before somebody chose");
    crate::support::program::signal(&first, "KILL");
    assert_eq!(end(first).code, -1);
    let second = program.start(&args);
    assert_eq!(waiting(&program), id, "the same job waits on");
    let none = program.run(&["jobs", "choose", &id, "4"]).expect(2);
    assert!(none.stderr.contains("there are 3"), "{}", none.stderr);
    program.run(&["jobs", "choose", &id, "2"]).expect(0);
    assert_eq!(end(second).expect(0).json()["status"], "completed");
    let kinds: Vec<Value> = program.assets().iter().map(|asset| asset["kind"].clone()).collect();
    assert_eq!(kinds, [json!("anime_image"), json!("cosplay_image")]);
    program.run(&["audit", "--deep"]).expect(0);
    agree(&program, None);
}
