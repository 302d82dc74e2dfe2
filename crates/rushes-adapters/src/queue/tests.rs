//! The adapter against a queue that behaves as documented.

use super::*;
use rushes_core::clock::{Clock, SystemClock};
use rushes_testkit::google::Google;
use rushes_testkit::queue::{Habits, Queue};
use rushes_testkit::webhooks::{Receiver, Reply};

const SECRET: &str = "a-key-that-nobody-sees";

fn settings(endpoint: &str) -> CloudTasksSettings {
    CloudTasksSettings {
        queue: Queue::NAME.into(),
        url: "https://rushes.example/".into(),
        answered_within: Duration::from_mins(26),
        service_account: Some("tasks@rushes-test.iam.gserviceaccount.com".into()),
        audience: None,
        key: Some(SECRET.into()),
        endpoint: Some(endpoint.into()),
        credentials: Credentials::None,
    }
}

fn queue(settings: CloudTasksSettings) -> Result<CloudTasks, Fault> {
    CloudTasks::new(settings, HttpOptions { stalled_after: Duration::from_secs(5) })
}

fn job() -> JobId {
    JobId(SystemClock.new_id())
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_takes_a_task_that_asks_for_the_job_with_both_keys() {
    let google = Google::start().await;
    let server = Queue::start(Habits::default(), Some(google.accounts.clone())).await;
    let credentials = Credentials::parse(&google.service_account()).unwrap();
    let queue = queue(CloudTasksSettings { credentials, ..settings(&server.url) }).unwrap();
    let (now, later) = (job(), job());
    queue.ask(now, None).await.unwrap();
    // A token that has ended is replaced, and nobody notices.
    google.accounts.expire();
    let at_ms = SystemClock.now_ms() + 3_600_000;
    queue.ask(later, Some(at_ms)).await.unwrap();
    let taken = server.taken();
    let said = |at: usize| (taken[at].url.clone(), taken[at].not_before_ms);
    assert_eq!(said(0), (format!("https://rushes.example/api/v1/jobs/{now}/drive"), None));
    assert_eq!(said(1), (format!("https://rushes.example/api/v1/jobs/{later}/drive"), Some(at_ms)));
    let headers = &taken[0].headers;
    assert_eq!(headers["x-rushes-key"], SECRET);
    assert_eq!(headers["authorization"], "Bearer oidc:tasks@rushes-test.iam.gserviceaccount.com:https://rushes.example");
    assert_eq!((taken.len(), taken[0].answered_within), (2, Duration::from_mins(26)));
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_troubles_pass_or_say_what_to_do_and_show_no_key() {
    let server = Receiver::start().await;
    let queue = queue(settings(&format!("http://{}", server.address))).unwrap();
    let echo = format!("PERMISSION_DENIED for {SECRET}");
    for (reply, code, part) in [
        (Reply::Status(503), Code::QueueDown, "503"),
        (Reply::Whole(429, vec!["Retry-After: 7".into()], Vec::new()), Code::QueueDown, "429"),
        (Reply::Lost, Code::QueueDown, ""),
        (Reply::Whole(403, Vec::new(), echo.into_bytes()), Code::QueueRefused, "roles/cloudtasks.enqueuer"),
        (Reply::Status(404), Code::QueueRefused, "make the queue"),
    ] {
        server.plan([reply.clone()]);
        let fault = queue.ask(job(), None).await.unwrap_err();
        assert_eq!(fault.code, code, "{reply:?}");
        assert!(fault.to_string().contains(part) && !fault.to_string().contains(SECRET), "{fault}");
    }
    let gone = Queue::start(Habits::default(), None).await.url.clone();
    let nobody = super::tests::queue(settings(&gone)).unwrap().ask(job(), None).await.unwrap_err();
    assert_eq!(nobody.code, Code::QueueDown, "{nobody}");
}

#[test]
fn queue_settings_that_cannot_be_are_refused_by_name() {
    let good = || settings("https://cloudtasks.googleapis.com");
    assert!(queue(good()).is_ok());
    for (wrong, setting) in [
        (CloudTasksSettings { queue: "drive".into(), ..good() }, "queue"),
        (CloudTasksSettings { queue: "projects/p/locations//queues/q".into(), ..good() }, "queue"),
        (CloudTasksSettings { url: "http://rushes.example".into(), ..good() }, "url"),
        (CloudTasksSettings { url: "https://rushes.example/api".into(), ..good() }, "url"),
        (CloudTasksSettings { endpoint: Some("http://10.0.0.1".into()), ..good() }, "endpoint"),
        (CloudTasksSettings { answered_within: Duration::from_mins(31), ..good() }, "drive_s"),
        (CloudTasksSettings { key: Some("two\nlines".into()), ..good() }, "key"),
    ] {
        let fault = queue(wrong).err().expect("it is refused");
        assert_eq!((fault.code, fault.get("setting")), (Code::ConfigInvalid, Some(format!("engine.tasks.{setting}").as_str())));
    }
}
