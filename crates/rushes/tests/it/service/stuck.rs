//! What has not arrived, as pages and programs see it: refused, waiting, held.

use super::api::{picture, until, upload};
use super::ui::{Browser, page};
use super::{Served, new_key};
use crate::support::program::Program;
use crate::support::survivor::TINY;
use serde_json::{Value, json};

const NOWHERE: &str = "[[destinations]]\nname = \"my place\"\nuri = \"file:///dev/null/nowhere\"\n";
/// Nobody listens there.
const FAR: &str = "[[destinations]]\nname = \"far\"\nuri = \"s3://bucket\"\nendpoint = \"http://127.0.0.1:9\"\naccess_key = \"env:A\"\nsecret_key = \"env:A\"\n";

fn served(config: &str) -> Served {
    let program = Program::with(config);
    program.write(".env", b"A=test\n");
    let key = new_key(&program, "admin");
    let mut served = Served::open(program);
    served.key = Some(key);
    served
}

/// The rows of one list of the page.
fn rows(text: &str, list: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once(&format!("id=\"{list}\"")) else { return Vec::new() };
    let rest = rest.split("<h2").next().unwrap();
    rest.split("<li data-key=").skip(1).map(|row| row.split("</li>").next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_deliveries_show_what_was_refused_and_what_waits_in_rows_of_one_kind() {
    let served = served(&format!("{}{NOWHERE}{FAR}", TINY.replace("first_backoff_s = 0.05", "first_backoff_s = 60")));
    let bytes = picture(&served.program, 1);
    let (_, made) = upload(&served, &bytes, &[("subject", "ann")]).await;
    let asset = made["asset"]["id"].as_str().unwrap();
    for place in ["my%20place", "far"] {
        let has_failed = |page: &Value| page["deliveries"][0]["reason"]["message"].is_string();
        until(&served, &format!("/api/v1/deliveries?destination={place}"), has_failed).await;
    }
    let browser = Browser::new(&served, served.key.clone());
    let text = page("/deliveries", &browser.get("/deliveries").await);
    assert!(text.contains("1 delivery was refused.") && text.contains("my place refused this file."), "{text}");
    for (list, place, word, again) in [("refused", "my place", "refused", "Retry</button>"), ("waiting", "far", "waiting", "Now</button>")]
    {
        let rows = rows(&text, list);
        let [row] = &rows[..] else { panic!("{list}: {rows:?} in {text}") };
        assert!(row.starts_with(&format!("\"{asset} {place}\"")), "{row}");
        for part in [&format!("{} B", bytes.len()), "<strong>ann</strong>", "/0.png</bdi>", "1 try", &format!(">{word}<"), again] {
            assert!(row.contains(part), "{list} lacks {part}: {row}");
        }
    }
    let waiting = &rows(&text, "waiting")[0];
    assert!(waiting.contains("again in ") && waiting.contains("could not be reached"), "when, and why: {waiting}");
    let there = page("/deliveries", &browser.get("/deliveries?destination=far").await);
    assert_eq!((rows(&there, "refused").len(), rows(&there, "waiting").len()), (0, 1), "{there}");
    let overview = page("/", &browser.get("/").await);
    assert!(overview.contains("My place refused 1 delivery."), "{overview}");
    let reader = Browser::new(&served, Some(new_key(&served.program, "read")));
    let text = page("/deliveries", &reader.get("/deliveries").await);
    assert_eq!((rows(&text, "refused").len(), rows(&text, "waiting").len()), (1, 1));
    assert!(!text.contains("Retry</button>") && !text.contains("Now</button>"), "who only reads has nothing sent: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_says_held_wherever_the_command_line_says_it() {
    let served = Served::start(&format!("{TINY}hold = true\n"));
    for number in 0..3 {
        upload(&served, &picture(&served.program, number), &[]).await;
    }
    let told = served.program.run(&["assets", "ls", "--json"]).expect(0).json();
    assert_eq!(told["assets"][0]["deliveries"][0]["state"], "held", "{told}");
    let (_, state) = served.get("/api/v1/status").await;
    assert_eq!((&state["held"], &state["destinations"]["remote"]["alarms"]), (&json!(true), &json!(0)), "{state}");
    for (list, id) in [("deliveries", "id"), ("assets", "id")] {
        let (_, all) = served.get(&format!("/api/v1/{list}")).await;
        let all = all[list].as_array().unwrap().clone();
        assert!(all.len() == 3 && all.iter().all(|one| one["state"] == "held"), "{list}: {all:?}");
        assert!(all.iter().all(|one| one["next_attempt_at"].is_null()), "nothing is tried: {all:?}");
        let (_, page) = served.get(&format!("/api/v1/{list}?state=held&limit=2")).await;
        assert_eq!(page[list].as_array().unwrap()[..], all[..2], "{list}");
        let next = page["next"].as_str().unwrap_or_else(|| panic!("{page}"));
        let (_, rest) = served.get(&format!("/api/v1/{list}?state=held&limit=2&cursor={next}")).await;
        assert_eq!((&rest[list][0][id], &rest["next"]), (&all[2][id], &Value::Null), "{list}: {rest}");
        let (_, owed) = served.get(&format!("/api/v1/{list}?state=owed")).await;
        assert_eq!(owed[list], json!([]), "{list}: what is held is not on its way");
    }
    let asset = &told["assets"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(served.get(&format!("/api/v1/assets/{asset}")).await.1["deliveries"][0]["state"], "held");
    let browser = Browser::new(&served, served.key.clone());
    let text = page("/deliveries", &browser.get("/deliveries").await);
    assert!(text.contains(" deliveries are held.") && text.contains("delivery.hold"), "{text}");
    assert!(rows(&text, "waiting").len() == 3 && rows(&text, "waiting").iter().all(|row| row.contains(">held<")), "{text}");
    for path in ["/".to_owned(), format!("/assets/{asset}")] {
        let text = page(&path, &browser.get(&path).await);
        assert!(text.contains("held") && !text.contains("on the way."), "{path}: {text}");
    }
}
