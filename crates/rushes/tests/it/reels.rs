//! The workflow `publish` by the real program: before a store whose addresses open for a while, and an account that fetches.

use crate::support::program::{End, Program, end, ffmpeg};
use crate::support::survivor::TINY;
use rushes_testkit::gcs::Gcs;
use rushes_testkit::instagram::{Instagram, Planned};
use serde_json::{Value, json};

/// A home with one finished film, at a store that signs addresses, and an account.
pub(crate) struct Stand {
    pub(crate) program: Program,
    account: Instagram,
    _store: Gcs,
    who: String,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        let (store, account) = (Gcs::start().await, Instagram::start().await);
        store.make_bucket("bucket", false);
        // Reels last three seconds at least.
        let longer = TINY.replace("dance_max_s = 1", "dance_max_s = 4");
        let places = format!(
            "[[destinations]]\nname = \"cloud\"\nuri = \"gs://bucket\"\nendpoint = \"{}\"\ncredentials = \"file:key.json\"\naccess = \"signed\"\n",
            store.url
        );
        let reels = format!("[instagram]\nuser_id = \"{}\"\ntoken = \"env:TOKEN\"\nendpoint = \"{}\"\n", Instagram::USER, account.url);
        let program = Program::with(&format!("{longer}{places}{reels}"));
        program.write("key.json", store.google.service_account().as_bytes());
        program.write(".env", format!("TOKEN={}\n", Instagram::TOKEN).as_bytes());
        let picture = ["-f", "lavfi", "-i", "testsrc2=size=64x112:rate=8:duration=4"];
        let sound = ["-f", "lavfi", "-i", "sine=frequency=440:duration=4", "-pix_fmt", "yuv420p", "-shortest"];
        ffmpeg(&[&picture[..], &sound[..]].concat(), &program.path("step.mp4"));
        let made = run(&program, &["run", "production", "--reference", "./step.mp4", "--no-variants", "--json"]).expect(0).json();
        let who = made["results"][0]["character_id"].as_str().unwrap().to_owned();
        Self { program, account, _store: store, who }
    }

    pub(crate) fn publish(&self, more: &[&str]) -> End {
        run(&self.program, &[&["run", "publish", "--json"], more].concat())
    }
}

/// The servers answer on other threads meanwhile.
fn run(program: &Program, args: &[&str]) -> End {
    tokio::task::block_in_place(|| program.run(args))
}

fn killed(stand: &Stand, plan: &str, args: &[&str]) -> End {
    tokio::task::block_in_place(|| end(stand.program.start_with(args, &[("RUSHES_FAULTS", plan)])))
}

#[tokio::test(flavor = "multi_thread")]
async fn reels_are_published_once_kept_in_the_record_and_counted() {
    let stand = Stand::new().await;
    let said = stand.publish(&[&stand.who, "--caption", "Dance with us"]).expect(0).json();
    let posts = stand.account.posts();
    assert_eq!((posts.len(), posts[0].caption.as_str()), (1, "Dance with us"));
    assert_eq!((&said["status"], &said["value"]["post"]), (&json!("completed"), &json!(posts[0].id)));
    let project = format!("dance_{}_cosplay_on_step", stand.who);
    let path = stand.program.path(&format!("home/remote/records/characters/{}.json", stand.who));
    let record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(record["published"][&project]["post"], json!(posts[0].id), "{record}");

    let again = stand.publish(&[&stand.who]).expect(1);
    assert!(again.stdout.contains("published before") || again.stderr.contains("published before"), "{}", again.stderr);
    let none_left = stand.publish(&[]).expect(1);
    assert!(none_left.stderr.contains("every finished film was published"), "{}", none_left.stderr);
    stand.account.allow(1);
    let counted = stand.publish(&[&stand.who, "--again"]).expect(1);
    assert!(counted.stderr.contains("1 of 1 were published within 24 h"), "{}", counted.stderr);
    assert_eq!(stand.account.posts().len(), 1);
    run(&stand.program, &["audit", "--deep"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reels_that_are_killed_or_lose_an_answer_are_shown_once() {
    let stand = Stand::new().await;
    let args = ["run", "publish", "--json"];
    // Between two steps; written down and not sent; sent, answered, and not kept.
    for plan in ["step_kept:3=kill", "attempt_begun:1=kill", "attempt_answered:1=kill"] {
        let ended = killed(&stand, plan, &args);
        assert_eq!(ended.code, -1, "{plan}: {}", ended.stderr);
    }
    stand.account.plan("media_publish", Planned::AnswerLost);
    let said = stand.publish(&[]).expect(0).json();
    assert_eq!(stand.account.posts().len(), 1, "whatever happened, once");
    assert_eq!(said["value"]["post"], json!(stand.account.posts()[0].id));
    stand.account.plan("media_publish", Planned::AnswerLost);
    // Of two alike a person would have to say which it is.
    stand.publish(&["--again", &stand.who, "--caption", "Once more"]).expect(0);
    assert_eq!(stand.account.posts().len(), 2);
    run(&stand.program, &["audit", "--deep"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reels_need_an_account_and_an_address_that_opens() {
    let program = Program::with(TINY);
    crate::support::survivor::make_reference(&program);
    let made = run(&program, &["run", "production", "--reference", "./step.mp4", "--no-variants", "--json"]).expect(0).json();
    let who = made["results"][0]["character_id"].as_str().unwrap().to_owned();
    let refused = run(&program, &["run", "publish", &who]).expect(1);
    assert!(refused.stderr.contains("no account is configured"), "{}", refused.stderr);
    let account = Instagram::start().await;
    let config = std::fs::read_to_string(program.path("rushes.toml")).unwrap();
    let reels = format!("[instagram]\nuser_id = \"{}\"\ntoken = \"env:TOKEN\"\nendpoint = \"{}\"\n", Instagram::USER, account.url);
    program.write("rushes.toml", format!("{config}{reels}").as_bytes());
    program.write(".env", format!("TOKEN={}\n", Instagram::TOKEN).as_bytes());
    let refused = run(&program, &["run", "publish", &who]).expect(1);
    assert!(refused.stderr.contains("3 s to"), "too short for a reel: {}", refused.stderr);
    assert_eq!(account.posts().len(), 0);
    let unknown = run(&program, &["run", "publish", "nobody"]).expect(1);
    assert!(unknown.stderr.contains("rushes assets ls"), "{}", unknown.stderr);
}
