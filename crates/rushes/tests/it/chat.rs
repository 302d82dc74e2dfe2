//! Prompts made richer, conversations and ideas, by the real program and a language model: in the shape that was asked for, and
//! paid for once, whatever goes wrong.

use crate::service::Served;
use crate::support::journals;
use crate::support::program::{End, Program, end};
use crate::support::survivor::{LONG, TINY};
use reqwest::StatusCode;
use rushes_testkit::answers::{Answers, Planned};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What one answer costs here.
const PRICE_USD: f64 = 0.25;
const ENHANCE: [&str; 5] = ["run", "chat", "--text", "a dancer in the rain", "--json"];

/// A home whose questions this server answers.
pub(crate) struct Stand {
    program: Program,
    answers: Answers,
    provider: &'static str,
}

impl Stand {
    async fn new(provider: &'static str) -> Self {
        let answers = Answers::start().await;
        let program = Program::with(&format!("{}{TINY}", settings(provider, &answers.url)));
        program.write(".env", format!("KEY={}\n", Answers::KEYS[0]).as_bytes());
        Self { program, answers, provider }
    }

    /// The server answers on other threads meanwhile.
    fn run(&self, args: &[&str]) -> End {
        tokio::task::block_in_place(|| self.program.run(args))
    }

    /// An answer with these words, as this model sends it.
    fn says(&self, words: &str) -> Planned {
        Planned::Says(if self.provider == "gemini" { Answers::gemini_says(words, "STOP") } else { Answers::chat_says(words, "stop") })
    }

    /// How the newest job's step stands with what it sent.
    fn sent(&self) -> Value {
        let jobs = self.run(&["jobs", "ls", "--json"]).expect(0).json();
        let shown = self.run(&["jobs", "show", jobs["jobs"][0]["id"].as_str().unwrap(), "--json"]).expect(0).json();
        shown["steps"][0]["sent"].clone()
    }

    fn spent_usd(&self) -> Option<f64> {
        self.run(&["costs", "--json"]).expect(0).json()["days"][0]["usd"].as_f64()
    }
}

/// Who answers, and at what price.
fn settings(provider: &str, url: &str) -> String {
    let options = if provider == "gemini" { "text_model = \"test-model\"" } else { "model = \"test-model\"" };
    format!(
        "[make]\nchat = \"{provider}\"\n[providers.{provider}]\nkey = \"env:KEY\"\nendpoint = \"{url}\"\nprice_usd = {PRICE_USD}\noptions = {{ {options} }}\n"
    )
}

/// Writes the journal that replays are checked by.
pub(crate) async fn record() {
    let stand = Stand::new("openai_chat").await;
    stand.run(&["run", "chat", "--mode", "conversation", "--message", "user:Which light for dusk?"]).expect(0);
    journals::record_of(&stand.program, "chat").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_gives_a_richer_prompt_a_reply_and_ideas() {
    for provider in ["openai_chat", "gemini"] {
        let stand = Stand::new(provider).await;
        let value = |args: &[&str]| {
            let made = stand.run(&[&["run", "chat", "--json", "--seed", "3"], args].concat()).expect(0).json();
            assert_eq!((&made["status"], &made["results"]), (&json!("completed"), &json!([])), "{made}");
            made["value"].clone()
        };
        let richer = json!({
            "mode": "enhance", "text": "a prompt of the test model", "negative_prompt": "a negative prompt of the test model", "model": "test-model",
        });
        assert_eq!(value(&["--text", "a dancer in the rain", "--negative-prompt", "mud"]), richer, "{provider}");
        let talk = ["--mode", "conversation", "--message", "Hello", "--message", "assistant:Yes?", "--message", "Which light?"];
        assert_eq!(
            value(&talk),
            json!({"mode": "conversation", "reply": "a reply of the test model", "model": "test-model"}),
            "{provider}"
        );
        let ideas = value(&["--mode", "brainstorm", "--text", "rain", "--ideas", "3"]);
        assert_eq!((&ideas["mode"], &ideas["model"]), (&json!("brainstorm"), &json!("test-model")), "{provider}");
        assert_eq!(ideas["ideas"], json!(vec![json!({"title": "a title of the test model", "prompt": "a prompt of the test model"}); 3]));
        let told = stand.answers.carried();
        assert_eq!((told.len(), stand.spent_usd()), (3, Some(3.0 * PRICE_USD)), "{provider}");
        // What somebody says is data beside the instruction.
        let (system, said) = match provider {
            "gemini" => (&told[0].told["systemInstruction"]["parts"][0]["text"], &told[0].told["contents"][0]["parts"][0]["text"]),
            _ => (&told[0].told["messages"][0]["content"], &told[0].told["messages"][1]["content"]),
        };
        let said: Value = serde_json::from_str(said.as_str().unwrap()).unwrap();
        assert_eq!(said, json!({"prompt": "a dancer in the rain", "negative_prompt": "mud"}), "{provider}");
        let system = system.as_str().unwrap();
        assert!(system.contains("original adults, fully clothed") && !system.contains("mud"), "{provider}: {system}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_asks_twice_more_for_an_answer_in_shape_then_gives_up_and_counts_all() {
    for provider in ["openai_chat", "gemini"] {
        let stand = Stand::new(provider).await;
        stand.answers.plan(stand.says("{\"prompt\": 5}"));
        stand.answers.plan(stand.says("Certainly! Here it is:"));
        let made = stand.run(&ENHANCE).expect(0).json();
        assert_eq!(made["value"]["text"], "a prompt of the test model", "{provider}: the third keeps to the schema");
        assert_eq!((stand.answers.carried().len(), stand.spent_usd()), (3, Some(3.0 * PRICE_USD)), "{provider}");
        let last = stand.answers.carried()[2].told.to_string();
        assert!(last.contains("Certainly! Here it is:") && last.contains("it is no JSON"), "{provider}: {last}");
        (0..3).for_each(|_| {
            stand
                .answers
                .plan(stand.says(&format!("{{\"prompt\": \"{}\", \"negative_prompt\": \"\", \"cannot\": \"\"}}", "x".repeat(1_201))))
        });
        let failed = stand.run(&[&ENHANCE[..], &["--new"]].concat()).expect(1);
        assert!(failed.stderr.contains("3 answers were of no use") && failed.stderr.contains("1201 characters"), "{}", failed.stderr);
        assert_eq!((stand.answers.asked(), stand.spent_usd()), (6, Some(6.0 * PRICE_USD)), "{provider}: what was paid stays counted");
        assert_eq!(stand.sent(), json!("failed"), "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_tells_a_refusal_in_the_models_words_and_asks_no_further() {
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "not allowed here"}});
    let mut declined = Answers::chat_says("", "stop");
    declined["choices"][0]["message"]["refusal"] = json!("I can't help with that.");
    for (provider, planned, words) in
        [("gemini", blocked, "PROHIBITED_CONTENT not allowed here"), ("openai_chat", declined, "I can't help with that.")]
    {
        let stand = Stand::new(provider).await;
        stand.answers.plan(Planned::Says(planned));
        let failed = stand.run(&ENHANCE).expect(1);
        assert!(failed.stderr.contains(words) && failed.stderr.contains("declined the request"), "{}", failed.stderr);
        assert_eq!((stand.answers.asked(), stand.spent_usd()), (1, Some(PRICE_USD)), "{provider}: it may have been charged");
        stand.answers.plan(stand.says("{\"prompt\": \"-\", \"negative_prompt\": \"\", \"cannot\": \"That is a real person.\"}"));
        let failed = stand.run(&[&ENHANCE[..], &["--new"]].concat()).expect(1);
        assert!(failed.stderr.contains("That is a real person."), "{}", failed.stderr);
        assert_eq!(stand.answers.asked(), 2, "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_waits_where_a_limit_is_reached() {
    for provider in ["openai_chat", "gemini"] {
        let stand = Stand::new(provider).await;
        stand.answers.plan(Planned::Refused(429, json!({"error": {"message": "slow down"}}), Some(1)));
        stand.run(&ENHANCE).expect(0);
        assert_eq!((stand.answers.asked(), stand.answers.carried().len(), stand.spent_usd()), (2, 1, Some(PRICE_USD)), "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_leaves_a_lost_answer_that_is_paid_for_to_a_person() {
    let stand = Stand::new("gemini").await;
    stand.answers.plan(Planned::AnswerLost);
    let failed = stand.run(&ENHANCE).expect(1);
    assert!(
        failed.stderr.contains("cannot be asked what became of it") && failed.stderr.contains("rushes jobs settle"),
        "{}",
        failed.stderr
    );
    assert_eq!((stand.answers.asked(), stand.sent()), (1, json!("needs_reconcile")));
    let jobs = stand.run(&["jobs", "ls", "--json"]).expect(0).json();
    let job = jobs["jobs"][0]["id"].as_str().unwrap();
    stand.run(&["jobs", "settle", job, "answer", "--not-arrived"]).expect(0);
    stand.run(&["jobs", "retry", job]).expect(0);
    assert_eq!((stand.answers.asked(), stand.sent()), (2, json!("done")));
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_goes_on_after_a_kill_and_asks_once() {
    for provider in ["openai_chat", "gemini"] {
        let stand = Stand::new(provider).await;
        for place in ["attempt_answered:1=kill", "step_kept:1=kill"] {
            let killed = end(stand.program.start_with(&ENHANCE, &[("RUSHES_FAULTS", place)]));
            assert_eq!(killed.code, -1, "{provider} at {place}: {}", killed.stderr);
        }
        let made = stand.run(&ENHANCE).expect(0).json();
        assert_eq!((&made["value"]["mode"], stand.answers.carried().len()), (&json!("enhance"), 1), "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_says_what_to_set_where_nobody_answers_and_what_is_wrong_with_a_question() {
    let program = Program::with(TINY);
    for args in [&ENHANCE[..], &["run", "chat", "--text", "x", "--plan"]] {
        let failed = program.run(args).expect(1);
        assert!(failed.stderr.contains("make.chat") && failed.stderr.contains("[make] chat = \"openai_chat\""), "{}", failed.stderr);
    }
    for (args, says) in [
        (&["--mode", "sing", "--text", "x"][..], "enhance"),
        (&["--mode", "conversation"], "at least one message"),
        (&["--mode", "conversation", "--message", "assistant:Hello"], "its role is user"),
        (&["--mode", "brainstorm", "--text", "x", "--ideas", "11"], "1..=10"),
        (&[], "text is missing"),
    ] {
        let refused = program.run(&[&["run", "chat"], args].concat()).expect(2);
        assert!(refused.stderr.contains(says), "{args:?}: {}", refused.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_starts_over_http_as_on_the_command_line() {
    let Stand { program, answers, .. } = Stand::new("openai_chat").await;
    let served = Served::open(program);
    let (_, listed) = served.get("/api/v1/workflows").await;
    let card = listed["workflows"].as_array().unwrap().iter().find(|one| one["name"] == "chat").unwrap().clone();
    let roles = &card["parameters"]["properties"]["messages"]["items"]["properties"]["role"]["enum"];
    assert_eq!((&card["startable"], roles), (&json!(true), &json!(["user", "assistant"])));
    let talk = json!({"parameters": {"mode": "conversation", "messages": [{"role": "user", "content": "Which light?"}], "seed": 4}});
    let (status, plan) = served.post("/api/v1/workflows/chat/plan", &talk).await;
    assert_eq!((status, &plan["steps"][0]["name"], answers.asked()), (StatusCode::OK, &json!("answer"), 0), "{plan}");
    for (parameters, says) in [
        (json!({"mode": "conversation", "messages": [{"role": "system", "content": "x"}]}), "role (user or assistant)"),
        (json!({"text": "x", "nonsense": 1}), "unknown field \"nonsense\""),
    ] {
        let (status, refused) = served.post("/api/v1/workflows/chat/jobs", &json!({ "parameters": parameters })).await;
        assert!(status == StatusCode::BAD_REQUEST && refused["detail"].as_str().unwrap().contains(says), "{refused}");
    }
    let (status, job) = served.post("/api/v1/workflows/chat/jobs", &talk).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    let (path, began) = (format!("/api/v1/jobs/{}", job["id"].as_str().unwrap()), Instant::now());
    let whole = loop {
        let (_, job) = served.get(&path).await;
        if job["state"] == "completed" {
            break job;
        }
        assert!(began.elapsed() < LONG && job["state"] != "failed", "{job}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(whole["value"], json!({"mode": "conversation", "reply": "a reply of the test model", "model": "test-model"}));
    assert_eq!(answers.carried().len(), 1);
}
