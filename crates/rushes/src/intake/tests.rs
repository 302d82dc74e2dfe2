//! Lists in every weather, with jobs that are only counted.

use super::*;
use rushes_adapters::HttpOptions;
use rushes_adapters::intake::upstash::{Seen, UpstashSettings};
use rushes_core::Code;
use rushes_testkit::upstash::{Planned, Upstash as Server};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Jobs by id: how often each was asked for. The same for all nodes, as a store is.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<BTreeMap<String, u32>>>, Arc<Mutex<Vec<Fault>>>);

impl Submit for Counted {
    async fn submit(&self, id: &str, fields: Map<String, Value>) -> Result<(JobId, bool), Fault> {
        if let Some(fault) = self.1.lock().unwrap().pop() {
            return Err(fault);
        }
        if fields.get("prompt").is_none() {
            return Err(Fault::new(Code::InputInvalid, "start workflow").because("prompt is missing"));
        }
        let mut jobs = self.0.lock().unwrap();
        let times = jobs.entry(id.to_owned()).or_default();
        *times += 1;
        Ok((JobId(SystemClock.new_id()), *times == 1))
    }
}

impl Counted {
    fn ids(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

fn item(id: &str) -> String {
    json!({"id": id, "prompt": "a cat"}).to_string()
}

fn node(server: &Server, jobs: &Counted, node: &str, store: &str) -> Intake<Counted> {
    let settings = UpstashSettings { url: server.url.clone(), token: Server::TOKEN.into() };
    let rules = Rules {
        node: node.into(),
        store: store.into(),
        queues: vec!["first".into(), "second".into()],
        oldest: End::Left,
        every: Duration::from_millis(10),
    };
    Intake { lists: Upstash::new(&settings, HttpOptions::default()).unwrap(), rules, submit: jobs.clone() }
}

/// Looks until there is nothing more to take; troubles are passed over.
async fn drain(intake: &Intake<Counted>, standing: &mut Standing) {
    for _ in 0..1_000 {
        match intake.round(standing).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(_) => standing.is_clear = false,
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn intake_takes_every_item_once_and_leaves_nothing() {
    let (server, jobs) = (Server::start().await, Counted::default());
    for number in 0..100 {
        server.run(&["RPUSH", if number % 2 == 0 { "first" } else { "second" }, &item(&format!("{number:03}"))]);
    }
    server.run(&["RPUSH", "first", &item("000")]);
    drain(&node(&server, &jobs, "a", "one"), &mut Standing::default()).await;
    let all = jobs.0.lock().unwrap().clone();
    assert_eq!((all.len(), all["000"], all["001"]), (100, 2, 1), "the same item again is the same job");
    assert_eq!(server.keys(), [NODES], "no list is left");
}

#[tokio::test]
async fn intake_sets_aside_what_it_cannot_take_with_the_reason_and_goes_on() {
    let (server, jobs) = (Server::start().await, Counted::default());
    for text in ["words", "{\"prompt\": \"a cat\"}", "{\"id\": \"bare\"}", &item("good")] {
        server.run(&["RPUSH", "first", text]);
    }
    drain(&node(&server, &jobs, "a", "one"), &mut Standing::default()).await;
    assert_eq!(jobs.ids(), ["good"]);
    let refused: Vec<Value> = server.list("first:refused").iter().map(|note| serde_json::from_str(note).unwrap()).collect();
    let told: Vec<(&str, &str)> = refused.iter().map(|note| (note["item"].as_str().unwrap(), note["reason"].as_str().unwrap())).collect();
    assert_eq!(told.len(), 3);
    for ((text, why), (wanted, says)) in
        told.into_iter().zip([("words", "no JSON"), ("{\"prompt\": \"a cat\"}", "no id"), ("{\"id\": \"bare\"}", "prompt is missing")])
    {
        assert!(text == wanted && why.contains(says), "{text}: {why}");
    }
    assert_eq!((&refused[0]["code"], &refused[0]["node"]), (&json!("input_invalid"), &json!("a")));
    assert_eq!(server.keys(), ["first:refused", NODES]);
}

#[tokio::test]
async fn intake_keeps_an_item_whose_job_cannot_be_made_now() {
    let (server, jobs) = (Server::start().await, Counted::default());
    server.run(&["RPUSH", "first", &item("a")]);
    jobs.1.lock().unwrap().push(Fault::new(Code::StoreFailed, "create job"));
    let (intake, mut standing) = (node(&server, &jobs, "a", "one"), Standing::default());
    assert_eq!(intake.round(&mut standing).await.unwrap_err().code, Code::StoreFailed);
    assert_eq!((jobs.ids().len(), server.list("first:rushes:a")), (0, vec![item("a")]), "it waits in the node's own list");
    drain(&intake, &mut Standing::default()).await;
    assert_eq!((jobs.ids(), server.keys()), (vec!["a".to_owned()], vec![NODES.to_owned()]));
}

#[tokio::test]
async fn intake_loses_nothing_and_doubles_nothing_whatever_becomes_of_each_request() {
    // Time, being seen, who else is seen, two own lists, one item moved, made and removed, one refused.
    for planned in [Planned::Dropped, Planned::AnswerLost, Planned::Refused(500, "ERR inside".into())] {
        for at in 0..12 {
            let (server, jobs) = (Server::start().await, Counted::default());
            server.run(&["RPUSH", "first", &item("a")]);
            server.run(&["RPUSH", "first", "words"]);
            let (intake, mut standing) = (node(&server, &jobs, "a", "one"), Standing::default());
            for number in 0..=at {
                server.plan(if number == at { planned.clone() } else { Planned::Slow(Duration::ZERO) });
            }
            drain(&intake, &mut standing).await;
            // Another start, which finds what the first left.
            drain(&intake, &mut Standing::default()).await;
            assert_eq!((jobs.ids(), server.list("first:refused").len()), (vec!["a".to_owned()], 1), "{planned:?} at {at}");
            assert_eq!(server.keys(), ["first:refused", NODES], "{planned:?} at {at}");
        }
    }
}

#[tokio::test]
async fn intake_of_two_nodes_takes_each_item_once_and_leaves_the_other_what_it_has_in_hand() {
    let (server, jobs) = (Server::start().await, Counted::default());
    let (a, b, c) = (node(&server, &jobs, "a", "one"), node(&server, &jobs, "b", "one"), node(&server, &jobs, "c", "one"));
    drain(&c, &mut Standing::default()).await;
    server.run(&["RPUSH", "first:rushes:c", &item("in hand")]);
    for number in 0..100 {
        server.run(&["RPUSH", "first", &item(&format!("{number}"))]);
    }
    let (mut of_a, mut of_b) = (Standing::default(), Standing::default());
    tokio::join!(drain(&a, &mut of_a), drain(&b, &mut of_b));
    let all = jobs.0.lock().unwrap().clone();
    assert!(all.len() == 100 && all.values().all(|times| *times == 1), "{all:?}");
    assert_eq!(server.list("first:rushes:c"), [item("in hand")], "that is for its own node to go on with");
    drain(&c, &mut Standing::default()).await;
    assert!(jobs.ids().contains(&"in hand".to_owned()));
}

#[tokio::test]
async fn intake_takes_over_what_a_node_has_left_that_is_gone_and_writes_into_the_same_store() {
    let (server, jobs) = (Server::start().await, Counted::default());
    let now_s = SystemClock.now_ms() / 1_000;
    let gone =
        [("gone", "one", 601), ("partly", "one", 601), ("other", "two", 1_000_000), ("there", "one", 300), ("idle", "two", 1_000_000)];
    for (name, store, ago_s) in gone {
        let queues = ["first", if name == "partly" { "third" } else { "second" }].map(str::to_owned).into();
        let seen = Seen { at_s: now_s - ago_s, store: store.into(), queues };
        server.run(&["HSET", NODES, name, &json!(seen).to_string()]);
        for queue in seen.queues.iter().filter(|_| name != "idle") {
            server.run(&["RPUSH", &own_list(queue, name), &item(&format!("{name} {queue}"))]);
        }
    }
    drain(&node(&server, &jobs, "a", "one"), &mut Standing::default()).await;
    assert_eq!(jobs.ids(), ["gone first", "gone second", "partly first"]);
    let left = ["first:rushes:other", "first:rushes:there", NODES, "second:rushes:other", "second:rushes:there", "third:rushes:partly"];
    assert_eq!(server.keys(), left);
    let told = server.run(&["HGETALL", NODES]);
    let names: Vec<&str> = told.as_array().unwrap().iter().step_by(2).filter_map(Value::as_str).collect();
    assert_eq!(names, ["a", "other", "partly", "there"], "who has lists that are not ours stays known");
}

#[tokio::test]
async fn intake_goes_on_when_lists_that_were_down_answer_again_and_stops_when_asked() {
    let (server, jobs) = (Server::start().await, Counted::default());
    server.set_down(true);
    let stop = Cancel::new();
    let running = tokio::spawn(node(&server, &jobs, "a", "one").run(stop.clone()));
    let until = async |holds: &dyn Fn() -> bool| {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    until(&|| server.asked() >= 2).await;
    server.run(&["RPUSH", "second", &item("late")]);
    server.set_down(false);
    until(&|| jobs.ids() == ["late"] && server.list("second:rushes:a").is_empty()).await;
    stop.cancel();
    running.await.unwrap();
}
