//! The account that publishes, as the real program sees it; and a film shown once by an engine, whatever answer is lost.

use crate::support::parts;
use crate::support::program::{Program, SMALL, end};
use rushes_adapters::HttpOptions;
use rushes_adapters::publishers::instagram::{Instagram as Account, InstagramSettings};
use rushes_core::clock::SystemClock;
use rushes_core::delivery::Routes;
use rushes_core::flow::{Flow, Lane, Step, StepContext, Workflows};
use rushes_core::ledger::{Attempt, AttemptState, Found, Standing, Terms, once};
use rushes_core::publisher::{Container, NewPost, Publisher};
use rushes_core::{Code, Done, Fault, JobState, Stop};
use rushes_engine::{Engine, Home, NewJobRequest};
use rushes_testkit::instagram::{Instagram, Planned, film_of_ms};
use rushes_testkit::webhooks::{Receiver, Reply};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What doctor says of the account: whether it is well, and how.
fn doctor(server: &Instagram, settings: &str, token: &str) -> (bool, String) {
    let account = format!("user_id = \"{}\"\ntoken = \"env:TEST_TOKEN\"\nendpoint = \"{}\"", Instagram::USER, server.url);
    let program = Program::with(&format!("{SMALL}\n[instagram]\n{account}\n{settings}\n"));
    let ended = end(program.start_with(&["doctor", "--json"], &[("TEST_TOKEN", token)]));
    assert!(!ended.stderr.contains(token) && !ended.stdout.contains(token), "the token is shown: {} {}", ended.stdout, ended.stderr);
    let checks = ended.json()["checks"].as_array().unwrap().clone();
    let check = checks.iter().find(|check| check["name"] == "instagram").expect("it is tried");
    (check["ok"] == true, check["detail"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_doctor_asks_the_account_how_much_it_may() {
    let server = Instagram::start().await;
    server.post_by_another("somebody else's");
    assert_eq!(doctor(&server, "daily_limit = 3", Instagram::TOKEN), (true, "1 of 3 posts published within 24 h".to_owned()));
    server.allow(2);
    assert_eq!(doctor(&server, "", Instagram::TOKEN), (true, "1 of 2 posts published within 24 h".to_owned()));
    let (is_well, detail) = doctor(&server, "", "IGAAsomebodyelse");
    assert!(!is_well && detail.contains("instagram.token"), "{detail}");
}

/// The least workflow that publishes: handing over, waiting and showing are steps of their own.
struct Show {
    account: Arc<dyn Publisher>,
    post: NewPost,
}

impl Workflows for Show {
    fn version(&self, _: &str) -> Option<u32> {
        Some(1)
    }

    fn collection(&self, _: &str) -> Option<&'static str> {
        None
    }

    async fn run<F: Flow>(&self, _: &str, flow: &F, _: Value) -> Result<Value, Stop> {
        let (account, post) = (self.account.clone(), self.post.clone());
        let hand_over = move |context: StepContext| async move {
            // What is handed over and not shown is seen by nobody.
            let find = |_| async { Ok(Found::Nowhere) };
            Ok(Done::value(once(&*context.ledger, &Terms::free(account.name()), find, || account.create(&post)).await?))
        };
        let container: String = flow.step(Step::new("hand_over").lane(Lane::Net), hand_over).await?;
        for look in 1..=500 {
            let (account, of) = (self.account.clone(), container.clone());
            let state = move |_: StepContext| async move {
                match account.container(&of).await? {
                    Container::InProgress => Ok(Done::value(false)),
                    Container::Finished => Ok(Done::value(true)),
                    other => Err(Stop::Failed(Fault::new(Code::ProviderRefused, "wait").because(format!("{other:?}")))),
                }
            };
            if flow.step(Step::new(format!("look {look}")).lane(Lane::Net), state).await? {
                break;
            }
            flow.sleep(&format!("before look {}", look + 1), Duration::from_millis(20)).await?;
        }
        let (account, caption) = (self.account.clone(), self.post.caption.clone());
        let show = move |context: StepContext| async move {
            let (account, container, caption) = (&account, &container, &caption);
            let find = |attempt: Attempt| async move {
                let found = account.find(container, caption, attempt.began_ms).await?;
                Ok(found.map_or(Found::Nowhere, Found::There))
            };
            Ok(Done::value(once(&*context.ledger, &Terms::free(account.name()), find, || account.publish(container)).await?))
        };
        let id: String = flow.step(Step::new("show").lane(Lane::Net), show).await?;
        Ok(json!(id))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_a_film_is_shown_once_whatever_answer_is_lost() {
    let nothing: Option<(&'static str, Planned)> = None;
    let cases = [
        nothing,
        Some(("media", Planned::AnswerLost)),
        Some(("media_publish", Planned::AnswerLost)),
        Some(("media_publish", Planned::DoneAndRefused)),
        Some(("media_publish", Planned::Page(502))),
    ];
    for planned in cases {
        let server = Instagram::start().await;
        let films = Receiver::start().await;
        films.always(Reply::Whole(200, Vec::new(), film_of_ms(9_000)));
        let (user_id, token, endpoint) = (Instagram::USER.to_owned(), Instagram::TOKEN.to_owned(), Some(server.url.clone()));
        let settings = InstagramSettings { user_id, token, endpoint, daily_limit: 25 };
        let account = Arc::new(Account::new(&settings, HttpOptions::default()).unwrap());
        let post = NewPost { video_url: films.url.clone(), caption: "Dance!".into(), cover_ms: None, share_to_feed: true };
        if let Some((call, planned)) = planned.clone() {
            server.plan(call, planned);
        }

        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        home.prepare().unwrap();
        let (parts, owner) = parts(home, Arc::new(SystemClock), Routes::default(), (Vec::new(), Vec::new()));
        let engine = Engine::start(parts, Show { account, post }, owner);
        let job = engine.submit(NewJobRequest { workflow: "show".into(), ..NewJobRequest::default() }).await.unwrap().id;
        let ended = tokio::time::timeout(Duration::from_secs(60), engine.ended(job)).await.expect("it ends").unwrap();
        let shown = server.posts();
        assert_eq!((ended.state, shown.len()), (JobState::Completed, 1), "{planned:?}: {:?}", ended.fault);
        assert_eq!(ended.value, Some(json!(shown[0].id)), "{planned:?}");
        let standing = Standing::of("show", &engine.parts().store.attempts(job).await.unwrap());
        assert_eq!((standing.state, standing.external_id.as_ref()), (Some(AttemptState::Done), Some(&shown[0].id)), "{planned:?}");
    }
}
