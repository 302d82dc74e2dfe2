//! Work that applications leave on lists, taken by the real program: each item one job, whoever is killed and whatever becomes of
//! each request.

use crate::service::Served;
use crate::support::program::{Program, end};
use crate::support::stores;
use crate::support::survivor::{Dice, LONG, TINY, number};
use rushes_core::store::{JobFilter, Jobs};
use rushes_core::{Job, JobState};
use rushes_testkit::answers::Answers;
use rushes_testkit::upstash::{Planned, Upstash};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Items that flow in the test of kills.
const FLOW: usize = 200;

/// A home that takes work from a server's lists, for a workflow that asks a model of this machine.
struct Stand {
    lists: Upstash,
    answers: Answers,
    program: Program,
}

impl Stand {
    async fn new() -> Self {
        let (lists, answers) = (Upstash::start().await, Answers::start().await);
        let settings = format!(
            "[make]\nchat = \"openai_chat\"\n[providers.openai_chat]\nendpoint = \"{}\"\noptions = {{ model = \"test-model\" }}\n\
             [intake.redis]\nurl = \"{}\"\ntoken = \"env:LISTS\"\nevery_s = 0.05\nworkflow = \"chat\"\nqueues = [\"chat_queue\", \"sdxl_queue\"]\n",
            answers.url, lists.url
        );
        let program = Program::with(&format!("{settings}{TINY}"));
        program.write(".env", format!("LISTS={}\n", Upstash::TOKEN).as_bytes());
        Self { lists, answers, program }
    }

    fn push(&self, queue: &str, item: &Value) {
        self.lists.run(&["RPUSH", queue, &item.to_string()]);
    }

    /// Whether nothing is left to take, and nothing in hand.
    fn is_taken(&self) -> bool {
        self.lists.keys().iter().all(|key| key == "rushes:nodes" || key.ends_with(":refused"))
    }

    /// Every job, as the database has it.
    async fn jobs(&self) -> Vec<Job> {
        let Some(store) = stores::look(&self.program.path("home")) else { return Vec::new() };
        store.jobs(&JobFilter { limit: 1_000, ..JobFilter::default() }).await.unwrap()
    }

    /// Waits until all is taken and all that was made of it has ended well; gives how often there is a job for each text.
    async fn settled(&self) -> BTreeMap<String, usize> {
        let began = Instant::now();
        loop {
            let jobs = self.jobs().await;
            let failed = jobs.iter().find(|job| matches!(job.state, JobState::Failed | JobState::Cancelled));
            assert!(failed.is_none(), "{failed:?}");
            if self.is_taken() && jobs.iter().all(|job| job.state == JobState::Completed) {
                let mut counted = BTreeMap::new();
                for job in jobs {
                    *counted.entry(job.input["text"].as_str().unwrap().to_owned()).or_default() += 1;
                }
                return counted;
            }
            assert!(began.elapsed() < LONG, "lists {:?}, jobs {}", self.lists.keys(), jobs.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn refused(&self, queue: &str) -> Vec<Value> {
        self.lists.list(&format!("{queue}:refused")).iter().map(|note| serde_json::from_str(note).unwrap()).collect()
    }
}

fn item(id: &str) -> Value {
    json!({"id": id, "text": id, "mode": "enhance"})
}

#[tokio::test(flavor = "multi_thread")]
async fn intake_makes_one_job_of_each_item_and_sets_aside_what_is_none() {
    let stand = Stand::new().await;
    stand.push("chat_queue", &item("one"));
    stand.push("sdxl_queue", &item("two"));
    stand.push("chat_queue", &json!([item("three").to_string()]));
    stand.push("chat_queue", &item("one"));
    stand.lists.run(&["RPUSH", "chat_queue", "words"]);
    stand.push("chat_queue", &json!({"id": "four", "mode": "enhance"}));
    stand.push("chat_queue", &json!({"id": "five", "text": "x", "nonsense": 1}));
    stand.push("chat_queue", &item("six"));
    let child = stand.program.start_told(&["serve", "--listen", "127.0.0.1:0"], "serve.log");
    let jobs = stand.settled().await;
    assert_eq!(jobs, ["one", "two", "three", "six"].map(|id| (id.to_owned(), 1)).into());
    let told: Vec<String> = stand.refused("chat_queue").iter().map(|note| note["reason"].as_str().unwrap().to_owned()).collect();
    let says = ["it is no JSON", "text is missing", "unknown field \"nonsense\""];
    assert!(told.len() == 3 && told.iter().zip(says).all(|(told, says)| told.contains(says)), "{told:?}");
    // The next that come are taken while it serves, also after trouble.
    stand.lists.plan(Planned::AnswerLost);
    stand.lists.plan(Planned::Refused(500, "ERR inside".into()));
    stand.push("sdxl_queue", &item("seven"));
    assert_eq!(stand.settled().await.len(), 5);
    let doctor = tokio::task::block_in_place(|| stand.program.run(&["doctor", "--json"])).json();
    let check = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "intake.redis").unwrap().clone();
    assert!(check["ok"] == true && check["detail"].as_str().unwrap().contains("chat_queue: 0 waiting, 3 refused"), "{check}");
    crate::support::program::signal(&child, "TERM");
    let log = tokio::task::block_in_place(|| {
        end(child).expect(0);
        std::fs::read_to_string(stand.program.path("serve.log")).unwrap()
    });
    assert!(log.contains("an item of a list was refused; it lies in chat_queue:refused") && !log.contains(Upstash::TOKEN), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn intake_goes_on_after_a_kill_at_each_of_its_places() {
    for place in ["intake_moved:2=kill", "intake_made:2=kill"] {
        let mut stand = Stand::new().await;
        for id in ["one", "two", "three"] {
            stand.push("chat_queue", &item(id));
        }
        stand.program.variables.push(("RUSHES_FAULTS", place.to_owned()));
        let killed = stand.program.start_told(&["serve", "--listen", "127.0.0.1:0"], "serve.log");
        assert_eq!(tokio::task::block_in_place(|| end(killed)).code, -1, "{place}");
        let held: Vec<String> = stand.lists.keys().into_iter().filter(|key| key.starts_with("chat_queue:rushes:")).collect();
        assert_eq!((held.len(), stand.lists.list(&held[0])), (1, vec![item("two").to_string()]), "{place}: it is in hand");
        stand.program.variables.pop();
        let mut served = Served::open(stand.program);
        stand.program = Program::with("");
        let began = Instant::now();
        while !stand.is_taken() {
            assert!(began.elapsed() < LONG, "{place}: {:?}", stand.lists.keys());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (_, listed) = served.get("/api/v1/jobs").await;
        let mut texts: Vec<String> = Vec::new();
        for job in listed["jobs"].as_array().unwrap() {
            let (_, job) = served.get(&format!("/api/v1/jobs/{}", job["id"].as_str().unwrap())).await;
            texts.push(job["input"]["text"].as_str().unwrap().to_owned());
        }
        texts.sort_unstable();
        assert_eq!(texts, ["one", "three", "two"], "{place}");
        served.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn intake_makes_one_job_of_each_of_many_items_however_often_it_is_killed() {
    let kills = number("RUSHES_KILLS", 8);
    let mut dice = Dice::roll("intake");
    let stand = Stand::new().await;
    stand.lists.torment(dice.seed.max(1), 40);
    let (mut pushed, mut bad) = (0, 0);
    for round in 0..kills {
        let mut child = stand.program.start_told(&["serve", "--listen", "127.0.0.1:0"], "serve.log");
        // It flows while they come and go.
        let until = (FLOW * (usize::try_from(round).unwrap() + 1)).div_ceil(usize::try_from(kills).unwrap());
        while pushed < until {
            let queue = if dice.below(2) == 0 { "chat_queue" } else { "sdxl_queue" };
            stand.push(queue, &item(&format!("{pushed}")));
            if dice.below(10) == 0 {
                stand.push(queue, &item(&format!("{pushed}")));
            }
            if dice.below(20) == 0 {
                stand.lists.run(&["RPUSH", queue, &format!("no JSON {pushed}")]);
                bad += 1;
            }
            pushed += 1;
            tokio::time::sleep(Duration::from_millis(dice.below(20))).await;
        }
        tokio::time::sleep(Duration::from_millis(dice.below(1_500))).await;
        child.kill().unwrap();
        tokio::task::block_in_place(|| end(child));
    }
    let before = stand.jobs().await.len();
    stand.lists.torment(0, 0);
    let mut child = stand.program.start_told(&["serve", "--listen", "127.0.0.1:0"], "serve.log");
    let jobs = stand.settled().await;
    child.kill().unwrap();
    tokio::task::block_in_place(|| end(child));
    assert!(before > 0, "nothing was taken while they were killed, seed {}", dice.seed);
    let wanted: BTreeMap<String, usize> = (0..FLOW).map(|id| (id.to_string(), 1)).collect();
    assert_eq!(jobs, wanted, "seed {}", dice.seed);
    let refused = [stand.refused("chat_queue"), stand.refused("sdxl_queue")].concat();
    let mut texts: Vec<&str> = refused.iter().map(|note| note["item"].as_str().unwrap()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!((refused.len(), texts.len()), (bad, bad), "each is set aside once, seed {}", dice.seed);
    assert!(stand.answers.carried().len() >= FLOW);
}

#[test]
fn intake_says_what_is_wrong_with_its_settings() {
    let url = "url = \"https://lists.example.com\"\n";
    for (settings, says) in [
        (url.to_owned(), ["intake.redis.token", "UPSTASH_REDIS_REST_TOKEN"]),
        (format!("{url}token = \"written here\"\n"), ["intake.redis.token", "secrets stand elsewhere"]),
        (format!("{url}token = \"env:LISTS\"\nworkflow = \"nothing\"\n"), ["intake.redis.workflow", "there are: "]),
        ("url = \"redis://127.0.0.1:6379\"\ntoken = \"env:LISTS\"\nworkflow = \"chat\"\n".into(), ["intake.redis.url", "https://"]),
        ("queues = []\n".into(), ["intake.redis.queues", "1 to 16"]),
        ("queues = [\"a\", \"a\"]\n".into(), ["intake.redis.queues", "each named once"]),
        ("every_s = 0.0\n".into(), ["intake.redis.every_s", "twentieth"]),
    ] {
        let program = Program::with(&format!("[intake.redis]\n{settings}{TINY}"));
        program.write(".env", b"LISTS=a-token-nobody-sees\n");
        let refused = program.run(&["serve", "--listen", "127.0.0.1:0"]).expect(1);
        assert!(says.iter().all(|words| refused.stderr.contains(words)), "{settings}\n{}", refused.stderr);
        assert!(!refused.stderr.contains("nobody-sees") && !refused.stderr.contains("written here"), "{}", refused.stderr);
    }
}
