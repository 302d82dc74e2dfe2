//! The queue against a receiver that answers as planned.

use super::*;
use crate::webhooks::{Receiver, Reply};

const SOON: Duration = Duration::from_secs(20);

async fn ask(queue: &Queue, task: Value) -> u16 {
    let body = json!({ "task": task }).to_string();
    let address: SocketAddr = queue.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST /v2/{}/tasks HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\n\r\n", Queue::NAME, body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn to(url: &str) -> Value {
    json!({"httpRequest": {"url": url, "httpMethod": "POST", "headers": {"X-Key": "k"}}, "dispatchDeadline": "15s"})
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_posts_a_task_until_it_is_answered_well_and_then_no_more() {
    let (queue, receiver) = (Queue::start(Habits::default(), None).await, Receiver::start().await);
    receiver.plan([Reply::Status(500), Reply::Lost, Reply::Status(409), Reply::Status(202)]);
    let mut task = to(&receiver.url);
    task["httpRequest"]["oidcToken"] = json!({"serviceAccountEmail": "a@b.example", "audience": "here"});
    assert_eq!(ask(&queue, task).await, 200);
    assert!(queue.is_empty_within(SOON).await);
    let statuses: Vec<Option<u16>> = queue.sent().iter().map(|sent| sent.status).collect();
    assert_eq!(statuses, [Some(500), None, Some(409), Some(202)]);
    let received = receiver.received();
    assert_eq!(
        (received.len(), received[3].header("x-key"), received[3].header("authorization")),
        (4, "k", "Bearer oidc:a@b.example:here")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_sends_twice_and_to_any_instance_where_that_is_its_habit() {
    let habits = Habits { twice: 100, seed: 3, is_unordered: true, late: Duration::from_millis(40), ..Habits::default() };
    let (queue, one, two) = (Queue::start(habits, None).await, Receiver::start().await, Receiver::start().await);
    queue.lead(vec![one.address, two.address]);
    for n in 0..20 {
        assert_eq!(ask(&queue, to(&format!("https://service.example/{n}"))).await, 200);
    }
    assert!(queue.is_empty_within(SOON).await);
    let (one, two) = (one.received().len(), two.received().len());
    assert!(one + two == 40 && one > 0 && two > 0, "{one} and {two}");
    let paths: Vec<String> = queue.sent().into_iter().map(|sent| sent.path).collect();
    assert!(!paths.is_sorted(), "out of order");
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_refuses_what_the_reference_refuses() {
    let queue = Queue::start(Habits::default(), None).await;
    let with = |name: &str, value: Value| {
        let mut task = to("https://service.example/");
        task[name] = value;
        task
    };
    for (task, why) in [
        (with("dispatchDeadline", json!("2000s")), "beyond half an hour"),
        (with("dispatchDeadline", json!(60)), "no duration"),
        (with("scheduleTime", json!("2100-01-01T00:00:00Z")), "beyond a month"),
        (with("name", json!("a/b")), "these tests use no names"),
        (with("httpRequest", json!({"url": "service.example", "httpMethod": "POST"})), "no address"),
    ] {
        assert_eq!(ask(&queue, task).await, 400, "{why}");
    }
    assert_eq!((ask(&queue, with("scheduleTime", json!("2020-01-01T00:00:00.5Z"))).await, queue.taken().len()), (200, 1));
}
