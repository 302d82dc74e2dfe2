//! Webhooks as an engine sends them: signed, tried again, never held up, and genuine for verifiers of others.

use crate::support::{Places, TestEngine, recipes::Recipes, soon};
use rushes_core::job::Asked;
use rushes_core::webhook::{Message, MessageFilter, MessageState};
use rushes_core::{Code, JobId};
use rushes_engine::webhooks::{self, Change};
use rushes_engine::{NewJobRequest, Parts};
use rushes_testkit::servers::{node_verifier, python_verifier};
use rushes_testkit::webhooks::{Receiver, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn start() -> (tempfile::TempDir, TestEngine) {
    let folder = tempfile::tempdir().unwrap();
    let engine = TestEngine::start(folder.path(), &Places::memory(folder.path()), &Recipes::default());
    (folder, engine)
}

async fn submit(engine: &TestEngine, workflow: &str, input: Value, url: &str) -> JobId {
    let asked = Asked { webhook_url: Some(url.to_owned()), ..Asked::default() };
    engine.engine.submit(NewJobRequest { workflow: workflow.into(), input, asked, ..NewJobRequest::default() }).await.unwrap().id
}

async fn log(parts: &Parts) -> Vec<Message> {
    parts.store.messages(&MessageFilter { limit: 1_000, ..MessageFilter::default() }).await.unwrap()
}

async fn until(engine: &TestEngine, state: MessageState) -> Message {
    let is_there = || async { log(engine.parts()).await.iter().any(|message| message.state == state) };
    engine.until(state.name(), is_there).await;
    log(engine.parts()).await.into_iter().find(|message| message.state == state).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_tell_the_end_of_a_job_after_its_delivery() {
    let (_folder, engine) = start();
    let receiver = Receiver::start().await;
    let job = submit(&engine, "files", json!({"count": 2}), &receiver.url).await;
    let received = receiver.wait_for(1, soon()).await.remove(0);
    engine.settle().await;
    let body = received.json();
    assert_eq!((&body["type"], &body["data"]["job_id"]), (&json!("pipeline.completed"), &json!(job)));
    assert_eq!((&body["data"]["status"], &body["data"]["errors"]), (&json!("completed"), &json!([])));
    let secret = webhooks::secrets(engine.parts(), "").await.unwrap().current;
    assert!(received.is_signed_by(&secret));
    let message = until(&engine, MessageState::Done).await;
    assert_eq!((message.id.to_string().as_str(), message.attempts, message.job), (received.id(), 1, Some(job)));
    assert_eq!(message.tries[0].status, Some(200));
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_genuine_for_the_verifiers_of_others() {
    let (_folder, engine) = start();
    let receiver = Receiver::start().await;
    submit(&engine, "steps", json!({"count": 1}), &receiver.url).await;
    let first = receiver.wait_for(1, soon()).await.remove(0);
    let old = webhooks::secrets(engine.parts(), "").await.unwrap().current;
    let new = webhooks::rotate(engine.parts(), "").await.unwrap().current;
    submit(&engine, "faulty", json!({"how": "refused"}), &receiver.url).await;
    let second = receiver.wait_for(2, soon()).await.remove(1);
    assert_eq!(second.json()["type"], "job.failed");
    for verifier in [python_verifier(), node_verifier()].into_iter().flatten() {
        verifier.verify(&old, &first).unwrap();
        verifier.verify(&new, &first).unwrap_err();
        // While it is rotated either secret will do.
        verifier.verify(&new, &second).unwrap();
        verifier.verify(&old, &second).unwrap();
        let mut changed = second.clone();
        changed.body.push(b' ');
        verifier.verify(&new, &changed).unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_tried_again_with_the_same_id_and_bytes() {
    let (_folder, engine) = start();
    let receiver = Receiver::start().await;
    receiver.plan([Reply::Status(500), Reply::Lost, Reply::Status(429), Reply::Status(201)]);
    submit(&engine, "steps", json!({"count": 1}), &receiver.url).await;
    let message = until(&engine, MessageState::Done).await;
    let received = receiver.received();
    assert_eq!((received.len(), message.attempts, message.tries.len()), (4, 4, 4));
    assert!(received.iter().all(|one| one.id() == message.id.to_string() && one.body == received[0].body));
    assert!(received.windows(2).all(|pair| pair[1].at - pair[0].at >= Duration::from_millis(20)), "with waits between");
    let statuses: Vec<_> = message.tries.iter().map(|tried| tried.status).collect();
    assert_eq!(statuses, [Some(201), Some(429), None, Some(500)]);

    let before = webhooks::change(engine.parts(), Change::Redeliver { message: message.id }).await.unwrap();
    assert_eq!(before["message"], json!(message.id));
    let again = receiver.wait_for(5, soon()).await.remove(4);
    assert_eq!((again.id(), &again.body), (received[0].id(), &received[0].body));
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_given_up_when_the_schedule_is_over_and_wait_as_asked() {
    let (_folder, engine) = start();
    let receiver = Receiver::start().await;
    receiver.always(Reply::Status(404));
    submit(&engine, "steps", json!({"count": 1}), &receiver.url).await;
    let message = until(&engine, MessageState::Refused).await;
    assert_eq!((message.attempts, receiver.received().len()), (4, 4), "once, and after each of three waits");

    receiver.plan([Reply::Whole(503, vec!["Retry-After: 1".into()], Vec::new()), Reply::Status(200)]);
    submit(&engine, "steps", json!({"count": 1}), &receiver.url).await;
    let received = receiver.wait_for(6, soon()).await;
    assert!(received[5].at - received[4].at >= Duration::from_millis(950), "{:?}", received[5].at - received[4].at);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_to_one_who_is_gone_or_slow_hold_nobody_up() {
    let (_folder, engine) = start();
    let (gone, slow, quick) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    gone.always(Reply::Status(410));
    slow.always(Reply::Late(Duration::from_secs(14)));
    let added = webhooks::change(engine.parts(), Change::Add { url: gone.url.clone(), types: vec!["job.completed".into()] }).await.unwrap();
    for _ in 0..6 {
        submit(&engine, "steps", json!({"count": 1}), &slow.url).await;
    }
    slow.wait_for(4, soon()).await;
    let began = Instant::now();
    submit(&engine, "steps", json!({"count": 1}), &quick.url).await;
    quick.wait_for(1, soon()).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(slow.received().len(), 4, "so many are under way at one host");
    let is_closed = || async { engine.parts().store.endpoints().await.unwrap()[0].disabled_why.is_some() };
    engine.until("it is sent there no more", is_closed).await;
    let count = gone.received().len();
    submit(&engine, "steps", json!({"count": 1}), &quick.url).await;
    quick.wait_for(2, soon()).await;
    assert_eq!(gone.received().len(), count);
    let webhook = serde_json::from_value(added["webhook"]["id"].clone()).unwrap();
    let refused = webhooks::change(engine.parts(), Change::Test { webhook }).await.unwrap_err();
    assert_eq!(refused.code, Code::InputInvalid, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_not_lost_by_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let receiver = Receiver::start().await;
    receiver.plan([Reply::Late(Duration::from_secs(14))]);
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    submit(&engine, "steps", json!({"count": 1}), &receiver.url).await;
    receiver.wait_for(1, soon()).await;
    let began = Instant::now();
    engine.engine.stop().await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let received = receiver.wait_for(2, soon()).await;
    assert_eq!((received[0].id(), &received[0].body), (received[1].id(), &received[1].body));
    until(&engine, MessageState::Done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_to_an_address_that_is_none_are_refused_with_the_job() {
    let (_folder, engine) = start();
    for url in ["ftp://a.example/", "https://a.example/\r\nX-Evil: 1", "nowhere"] {
        let asked = Asked { webhook_url: Some(url.to_owned()), ..Asked::default() };
        let refused = engine
            .engine
            .submit(NewJobRequest { workflow: "steps".into(), input: json!({}), asked, ..NewJobRequest::default() })
            .await
            .unwrap_err();
        assert_eq!(refused.code, Code::InputInvalid, "{refused}");
        let refused = webhooks::change(engine.parts(), Change::Add { url: url.into(), types: Vec::new() }).await.unwrap_err();
        assert_eq!(refused.code, Code::InputInvalid, "{refused}");
    }
    let unknown = Change::Add { url: "https://a.example/".into(), types: vec!["job.done".into()] };
    assert!(webhooks::change(engine.parts(), unknown).await.unwrap_err().to_string().contains("job.completed"));
    assert!(engine.parts().store.endpoints().await.unwrap().is_empty());
    assert_eq!(engine.parts().store.count().await.unwrap().len(), 0, "no job was made");
}
