//! Against a server that behaves so.

use super::*;
use rushes_testkit::upstash::{Planned, Upstash as Server};

fn client(server: &Server) -> Upstash {
    let settings = UpstashSettings { url: format!("{}/", server.url), token: Server::TOKEN.into() };
    Upstash::new(&settings, HttpOptions::default()).unwrap()
}

#[tokio::test]
async fn upstash_moves_the_oldest_item_from_either_end() {
    let server = Server::start().await;
    let lists = client(&server);
    for (push, oldest) in [("RPUSH", End::Left), ("LPUSH", End::Right)] {
        for item in ["1", "2", "\u{e4} \"3\""] {
            server.run(&[push, "queue", item]);
        }
        let mut taken = Vec::new();
        while let Some(item) = lists.take("queue", oldest, "mine").await.unwrap() {
            taken.push(item);
        }
        assert_eq!(taken, ["1", "2", "\u{e4} \"3\""], "{push}");
        assert_eq!(lists.items("mine", 2).await.unwrap(), ["1", "2"]);
        assert!(lists.remove("mine", "\u{e4} \"3\"").await.unwrap());
        assert!(!lists.remove("mine", "\u{e4} \"3\"").await.unwrap(), "once");
        assert_eq!((lists.length("mine").await.unwrap(), lists.length("queue").await.unwrap()), (2, 0));
        for item in ["1", "2"] {
            lists.set_aside("mine", item, "refused", &json!({ "item": item })).await.unwrap();
        }
    }
    assert_eq!(server.list("refused"), ["{\"item\":\"1\"}", "{\"item\":\"2\"}", "{\"item\":\"1\"}", "{\"item\":\"2\"}"]);
    assert!(server.list("mine").is_empty());
}

#[tokio::test]
async fn upstash_keeps_the_newest_thousand_of_what_was_refused() {
    let server = Server::start().await;
    let lists = client(&server);
    for number in 0..1_005 {
        server.run(&["RPUSH", "refused", &number.to_string()]);
    }
    lists.set_aside("mine", "gone", "refused", &json!("last")).await.unwrap();
    let kept = server.list("refused");
    assert_eq!((kept.len(), kept[0].as_str(), kept[999].as_str()), (1_000, "6", "\"last\""));
}

#[tokio::test]
async fn upstash_knows_who_else_is_there() {
    let server = Server::start().await;
    let lists = client(&server);
    let seen = Seen { at_s: lists.now_s().await.unwrap(), store: "one".into(), queues: vec!["queue".into()] };
    lists.be_seen("nodes", "a", &seen).await.unwrap();
    lists.be_seen("nodes", "b", &seen).await.unwrap();
    server.run(&["HSET", "nodes", "c", "words"]);
    assert_eq!(lists.seen("nodes").await.unwrap(), [("a".to_owned(), seen.clone()), ("b".to_owned(), seen.clone())]);
    lists.forget("nodes", "a").await.unwrap();
    assert_eq!(lists.seen("nodes").await.unwrap(), [("b".to_owned(), seen)]);
}

#[tokio::test]
async fn upstash_troubles_pass_and_refusals_are_told_without_the_token() {
    let server = Server::start().await;
    let lists = client(&server);
    server.run(&["RPUSH", "queue", "1"]);
    for planned in [Planned::Refused(500, "ERR inside".into()), Planned::Refused(429, "ERR slower".into()), Planned::Dropped] {
        server.plan(planned.clone());
        let fault = lists.take("queue", End::Left, "mine").await.unwrap_err();
        assert!(fault.code == Code::QueueDown && fault.is_transient(), "{planned:?}: {fault}");
        assert_eq!(server.list("queue"), ["1"], "{planned:?}");
    }
    server.plan(Planned::AnswerLost);
    assert_eq!(lists.take("queue", End::Left, "mine").await.unwrap_err().code, Code::QueueDown);
    assert_eq!((server.list("queue").len(), server.list("mine")), (0, vec!["1".to_owned()]), "it was moved all the same");

    server.plan(Planned::Refused(400, format!("ERR max daily request limit exceeded for {}", Server::TOKEN)));
    let fault = lists.length("queue").await.unwrap_err();
    assert!(fault.code == Code::QueueRefused && fault.to_string().contains("daily request limit"), "{fault}");
    assert!(!fault.to_string().contains(Server::TOKEN), "{fault}");
    server.run(&["HSET", "queue", "field", "value"]);
    let wrong = lists.take("queue", End::Left, "mine").await.unwrap_err();
    assert!(wrong.code == Code::QueueRefused && wrong.to_string().contains("WRONGTYPE"), "{wrong}");
    let other = UpstashSettings { url: server.url.clone(), token: "another".into() };
    let fault = Upstash::new(&other, HttpOptions::default()).unwrap().length("queue").await.unwrap_err();
    assert!(fault.code == Code::QueueRefused && fault.to_string().contains("token is not taken"), "{fault}");
}

#[test]
fn upstash_sends_its_token_over_https_or_to_this_machine_only() {
    for (url, is_taken) in [
        ("https://us1.upstash.io", true),
        ("http://127.0.0.1:8079", true),
        ("http://10.0.0.1", false),
        ("redis://localhost:6379", false),
        ("somewhere", false),
    ] {
        let made = Upstash::new(&UpstashSettings { url: url.into(), token: "t".into() }, HttpOptions::default());
        assert_eq!(made.as_ref().err().and_then(|fault| fault.get("setting")), (!is_taken).then_some("intake.redis.url"), "{url}");
    }
}
