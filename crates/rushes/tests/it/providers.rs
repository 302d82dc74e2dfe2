//! Dances made by a service in its own time, by the real program: ordered once, whatever is killed; within the budget; stopped
//! when nobody wants them any more.

mod called;
mod killed;
mod rows;

use crate::support::program::{End, Program, end, ffmpeg, signal};
use crate::support::survivor::TINY;
use rushes_testkit::answers::{Answers, Planned as Answered};
use rushes_testkit::gcs::Gcs;
use rushes_testkit::kling::Kling;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(120);

/// A home that delivers to a store whose addresses open, and dances at a service.
struct Stand {
    program: Program,
    kling: Kling,
    store: Gcs,
}

impl Stand {
    async fn new(terms: &str) -> Self {
        let (store, kling) = (Gcs::start().await, Kling::start().await);
        store.make_bucket("bucket", false);
        let config = format!(
            "{TINY}[[destinations]]\nname = \"cloud\"\nuri = \"gs://bucket\"\nendpoint = \"{}\"\ncredentials = \"file:key.json\"\naccess = \"signed\"\n\
             [make]\nmotion = \"kling\"\n{terms}\n[providers.kling]\nkey = \"env:KLING\"\nendpoint = \"{}\"\nprice_usd = 0.5\narrives_within_s = 2\n",
            store.url, kling.url
        );
        let program = Program::with(&config);
        program.write("key.json", store.google.service_account().as_bytes());
        program.write(".env", format!("KLING={}\n", Kling::KEY).as_bytes());
        let stand = Self { program, kling, store };
        for name in ["step", "turn", "leap"] {
            stand.reference(name);
        }
        stand
    }

    fn reference(&self, name: &str) {
        let picture = format!("testsrc2=size=64x112:rate=8:duration=3,hue=h={}", name.bytes().map(u32::from).sum::<u32>() % 360);
        let sound = ["-f", "lavfi", "-i", "sine=frequency=440:duration=3", "-pix_fmt", "yuv420p", "-shortest"];
        ffmpeg(&[&["-f", "lavfi", "-i", &picture][..], &sound[..]].concat(), &self.program.path(&format!("{name}.mp4")));
    }

    /// The servers answer on other threads meanwhile.
    fn run(&self, args: &[&str]) -> End {
        tokio::task::block_in_place(|| self.program.run(args))
    }

    fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).expect(0).json()
    }

    fn lent(&self) -> usize {
        self.store.objects("bucket").iter().filter(|object| object.name.contains(".rushes/lent/")).count()
    }

    /// The steps of this job and its children that were sent outside.
    fn sent(&self, job: &str) -> Vec<Value> {
        let shown = self.json(&["jobs", "show", job]);
        let children = shown["children"].as_array().unwrap().iter().flat_map(|child| child["steps"].as_array().unwrap().clone());
        let mut steps: Vec<Value> = shown["steps"].as_array().unwrap().iter().cloned().chain(children).collect();
        steps.retain(|step| !step["sent"].is_null());
        steps
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < LONG, "{what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The newest topmost job.
    fn newest(&self) -> Value {
        self.json(&["jobs", "ls", "--limit", "20"])["jobs"].as_array().unwrap().iter().find(|job| job["parent"].is_null()).unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_make_the_dances_of_a_production_and_keep_count_of_the_money() {
    let stand = Stand::new("[budgets]\nday_usd = 10.0").await;
    let args = ["run", "production", "--reference", "./step.mp4", "--reference", "./turn.mp4", "--no-variants"];
    let made = stand.json(&args);
    assert_eq!(made["status"], "completed", "{made}");
    let sent = stand.sent(made["job_id"].as_str().unwrap());
    let told: Vec<_> = sent.iter().map(|step| (&step["provider"], &step["sent"], &step["cost"])).collect();
    assert_eq!(told, vec![(&json!("kling"), &json!("done"), &json!(0.5)); 2]);
    assert_eq!((stand.kling.tasks().len(), stand.lent()), (2, 0));
    let costs = stand.json(&["costs"]);
    assert_eq!((&costs["days"][0]["sent"], &costs["days"][0]["usd"], &costs["jobs"][0]["usd"]), (&json!(2), &json!(1.0), &json!(1.0)));
    assert_eq!(costs["budgets"], json!([{"setting": "budgets.day_usd", "cap_usd": 10.0, "spent_usd": 1.0}]));
    stand.run(&["audit", "--deep"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_stop_before_the_first_cent_above_the_budget_and_go_on_when_it_is_raised() {
    let stand = Stand::new("[budgets]\nday_usd = 1.4").await;
    let args =
        ["run", "production", "--reference", "./step.mp4", "--reference", "./turn.mp4", "--reference", "./leap.mp4", "--no-variants"];
    let running = stand.program.start(&args);
    stand.until("what may be spent is", || stand.kling.tasks().len() == 2).await;
    // The child tells what it waits for.
    let waits = || {
        let shown = stand.json(&["jobs", "show", stand.newest()["id"].as_str().unwrap()]);
        shown["children"].as_array().unwrap().iter().any(|child| child["waiting_for"] == "budget kling")
    };
    stand.until("it says that the budget is spent", waits).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(stand.kling.tasks().len(), 2, "looked again, and still not sent");
    let costs = stand.json(&["costs"]);
    assert_eq!(costs["budgets"][0]["spent_usd"], 1.0);
    signal(&running, "TERM");
    tokio::task::block_in_place(|| end(running));
    let config = std::fs::read_to_string(stand.program.path("rushes.toml")).unwrap();
    stand.program.write("rushes.toml", config.replace("day_usd = 1.4", "day_usd = 1.5").as_bytes());
    let made = stand.json(&args);
    assert_eq!((made["status"].as_str(), stand.kling.tasks().len()), (Some("completed"), 3), "{made}");
    stand.run(&["audit", "--deep"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_that_cannot_stop_are_paid_for_what_a_cancelled_job_ordered() {
    let stand = Stand::new("").await;
    stand.kling.takes(u32::MAX);
    let running = stand.program.start(&["run", "production", "--reference", "./step.mp4", "--no-variants"]);
    stand.until("it is ordered", || stand.kling.tasks().len() == 1).await;
    let job = stand.newest()["id"].as_str().unwrap().to_owned();
    stand.until("and written down", || stand.sent(&job).iter().any(|step| step["sent"] == "submitted")).await;
    stand.json(&["jobs", "cancel", &job]);
    tokio::task::block_in_place(|| end(running));
    let sent = stand.sent(&job);
    assert_eq!((sent.len(), &sent[0]["sent"], &sent[0]["cost"], stand.lent()), (1, &json!("done"), &json!(0.5), 0), "{sent:?}");
}

#[test]
fn providers_say_what_is_wrong_with_their_settings() {
    let cloud = "[[destinations]]\nname = \"cloud\"\nuri = \"s3://bucket\"\nregion = \"here\"\naccess_key = \"env:KLING\"\nsecret_key = \"env:KLING\"\n";
    let kling = |lines: &str| format!("[make]\nmotion = \"kling\"\n[providers.kling]\n{lines}\n{cloud}");
    for (config, says) in [
        ("[make]\nmotion = \"klang\"\n".to_owned(), ["make.motion", "builtin, comfyui, fal, kling"]),
        ("[make]\ntext = \"kling\"\n".to_owned(), ["make.text", "makes no such thing"]),
        ("[providers.klang]\nkey = \"env:KLING\"\n".to_owned(), ["providers.klang", "there is no such provider"]),
        (kling(""), ["providers.kling.key", "env:NAME"]),
        (kling("key = \"a secret written here\""), ["providers.kling.key", "secrets stand elsewhere"]),
        (kling("key = \"env:KLING\"\nday_usd = 5.0"), ["providers.kling.price_usd", "say what one costs"]),
        (kling("key = \"env:KLING\"\nday_usd = -1.0"), ["providers.kling.day_usd", "zero or above"]),
        (kling("key = \"env:KLING\"\nat_once = 0"), ["providers.kling.at_once", "at least 1"]),
        (kling("key = \"env:KLING\"\noptions = { resolution = \"4k\" }"), ["providers.kling.options.resolution", "720p, 1080p"]),
        (kling("key = \"env:KLING\"\noptions = { size = 1 }"), ["providers.kling.options.size", "it knows: resolution"]),
        (kling("key = \"env:KLING\"\nlend = \"nowhere\""), ["providers.kling.lend", "it fetches pictures and references by itself"]),
        (kling("key = \"env:KLING\"").replace(cloud, ""), ["providers.kling.lend", "supabase://"]),
        (kling("key = \"env:KLING\"\nendpoint = \"http://kling.example\""), ["kling.endpoint", "https://"]),
    ] {
        let program = Program::with(&format!("{config}{TINY}"));
        program.write(".env", b"KLING=a-key-nobody-sees\n");
        let refused = program.run(&["run", "character", "--seed", "1"]).expect(1);
        assert!(says.iter().all(|words| refused.stderr.contains(words)), "{config}\n{}", refused.stderr);
        assert!(!refused.stderr.contains("a-key-nobody-sees") && !refused.stderr.contains("a secret written here"), "{}", refused.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_that_cannot_be_asked_leave_it_to_a_person_to_say_what_became_of_it() {
    let answers = Answers::start().await;
    let settings =
        format!("[make]\ntext = \"gemini\"\n[providers.gemini]\nkey = \"env:GEMINI\"\nendpoint = \"{}\"\nprice_usd = 0.25\n", answers.url);
    let program = Program::with(&format!("{settings}{TINY}"));
    program.write(".env", format!("GEMINI={}\n", Answers::KEYS[0]).as_bytes());
    let run = |args: &[&str]| tokio::task::block_in_place(|| program.run(args));
    answers.plan(Answered::AnswerLost);
    let failed = run(&["run", "character", "--seed", "3"]).expect(1);
    assert!(
        failed.stderr.contains("cannot be asked what became of it") && failed.stderr.contains("rushes jobs settle"),
        "{}",
        failed.stderr
    );
    let jobs = run(&["jobs", "ls", "--json"]).expect(0).json();
    let job = jobs["jobs"][0]["id"].as_str().unwrap().to_owned();
    let step = |job: &str| run(&["jobs", "show", job, "--json"]).expect(0).json()["steps"][0].clone();
    assert_eq!((&step(&job)["name"], &step(&job)["sent"]), (&json!("concept"), &json!("needs_reconcile")));
    // Trying again settles nothing, and sends nothing.
    run(&["jobs", "retry", &job]).expect(1);
    assert_eq!((answers.carried().len(), &step(&job)["sent"]), (1, &json!("needs_reconcile")));
    let unknown = run(&["jobs", "settle", &job, "anime_image", "--not-arrived"]).expect(1);
    assert!(unknown.stderr.contains("nothing of this step needs anybody"), "{}", unknown.stderr);
    run(&["jobs", "settle", &job, "concept"]).expect(2);
    let open = run(&["costs", "--json"]).expect(0).json()["days"][0].clone();
    assert_eq!((&open["open"], &open["usd"]), (&json!(1), &json!(0.25)), "nobody knows: it counts");
    run(&["jobs", "settle", &job, "concept", "--not-arrived"]).expect(0);
    run(&["jobs", "retry", &job]).expect(0);
    assert_eq!((answers.carried().len(), &step(&job)["sent"]), (2, &json!("done")));
    let over = run(&["costs", "--json"]).expect(0).json()["days"][0].clone();
    assert_eq!((&over["open"], &over["usd"]), (&json!(0), &json!(0.25)), "what never arrived costs nothing");
    let again = run(&["jobs", "settle", &job, "anime_image", "--arrived", "x"]).expect(1);
    assert!(again.stderr.contains("nothing of this step needs anybody"), "{}", again.stderr);
    run(&["audit", "--deep"]).expect(0);
}
