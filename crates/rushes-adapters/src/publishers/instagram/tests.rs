//! The adapter against a server that behaves as documented, each trouble once.

use super::*;
use rushes_core::FaultKind;
use rushes_core::clock::{Clock, SystemClock};
use rushes_testkit::instagram::{Instagram as Server, Planned, film_of_ms};
use rushes_testkit::webhooks::{Receiver, Reply};

struct Stand {
    server: Server,
    films: Receiver,
    publisher: Instagram,
}

fn settings(endpoint: &str) -> InstagramSettings {
    InstagramSettings { user_id: Server::USER.into(), token: Server::TOKEN.into(), endpoint: Some(endpoint.into()), daily_limit: 25 }
}

impl Stand {
    async fn with(film: Vec<u8>) -> Self {
        let server = Server::start().await;
        let films = Receiver::start().await;
        films.always(Reply::Whole(200, vec!["Content-Type: video/mp4".into()], film));
        let http = HttpOptions { stalled_after: Duration::from_secs(5) };
        let publisher = Instagram::new(&settings(&server.url), http).unwrap();
        Self { server, films, publisher }
    }

    async fn up() -> Self {
        Self::with(film_of_ms(12_000)).await
    }

    fn film(&self, caption: &str) -> NewPost {
        let video_url = format!("{}?X-Signature=secret", self.films.url);
        NewPost { video_url, caption: caption.into(), cover_ms: Some(1_500), share_to_feed: true }
    }

    /// Hands a film over and waits until it is no longer in progress.
    async fn ready(&self, caption: &str) -> (String, Container) {
        let id = self.publisher.create(&self.film(caption)).await.unwrap();
        let state = self.settled(&id).await;
        (id, state)
    }

    async fn settled(&self, id: &str) -> Container {
        for _ in 0..10_000 {
            match self.publisher.container(id).await.unwrap() {
                Container::InProgress => tokio::task::yield_now().await,
                state => return state,
            }
        }
        panic!("it is never ready");
    }
}

fn refused(status: u16, code: i64, subcode: i64) -> Planned {
    Planned::Refused(status, code, subcode, "As Instagram says.".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_a_film_is_handed_over_made_ready_and_shown() {
    let stand = Stand::up().await;
    stand.server.works(false);
    let id = stand.publisher.create(&stand.film("Dance! #kpop")).await.unwrap();
    assert_eq!(stand.publisher.container(&id).await, Ok(Container::InProgress));
    stand.server.works(true);
    assert_eq!(stand.settled(&id).await, Container::Finished);
    let post = stand.publisher.publish(&id).await.unwrap();
    assert_eq!(stand.publisher.container(&id).await, Ok(Container::Published));
    let shown = stand.server.posts();
    assert_eq!((shown.len(), &shown[0].id, shown[0].caption.as_str()), (1, &post, "Dance! #kpop"));
    let told = &shown[0].told;
    assert_eq!((&told["share_to_feed"], &told["thumb_offset"], &told["media_type"]), (&json!(true), &json!(1_500), &json!("REELS")));
    let permalink = stand.publisher.post(&post).await.unwrap().permalink.unwrap();
    assert!(permalink.starts_with("https://www.instagram.com/reel/"), "{permalink}");
    let quota = stand.publisher.quota().await.unwrap();
    assert_eq!((quota.used, quota.limit, quota.left(), quota.window), (1, 25, 24, Duration::from_hours(24)));
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_never_publishes_more_than_the_account_may() {
    let stand = Stand::up().await;
    stand.server.allow(2);
    stand.server.post_by_another("another");
    let quota = stand.publisher.quota().await.unwrap();
    assert_eq!((quota.limit, quota.left()), (2, 1), "the account's own limit is lower, and others publish too");
    stand.server.post_by_another("another");
    let (id, _) = stand.ready("mine").await;
    let fault = stand.publisher.publish(&id).await.unwrap_err();
    assert_eq!((fault.code, fault.retry_after_ms), (Code::ProviderBusy, Some(3_600_000)), "{fault}");
    stand.server.pass(Duration::from_hours(24));
    assert_eq!(stand.publisher.quota().await.unwrap().left(), 2);
    let fault = stand.publisher.publish(&id).await.unwrap_err();
    assert_eq!(fault.code, Code::ProviderRefused);
    assert_eq!(stand.publisher.container(&id).await, Ok(Container::Expired));
    assert!(fault.to_string().contains("a day"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_an_answer_lost_on_publish_leads_to_the_same_single_post() {
    for planned in [Planned::AnswerLost, Planned::DoneAndRefused] {
        let stand = Stand::up().await;
        let since_ms = stand.server.now_ms();
        stand.server.post_by_another("Dance! ");
        stand.server.pass(Duration::from_mins(20));
        let (id, _) = stand.ready("Dance!").await;
        stand.server.plan("media_publish", planned.clone());
        let fault = stand.publisher.publish(&id).await.unwrap_err();
        assert_eq!((fault.code, fault.is_transient()), (Code::AnswerLost, true), "{fault}");
        let since_ms = since_ms + 20 * 60_000;
        let found = stand.publisher.find(&id, "Dance!", since_ms).await.unwrap();
        assert_eq!(found.as_ref(), Some(&stand.server.posts()[1].id), "{planned:?}");
        let again = stand.publisher.publish(&id).await.unwrap_err();
        assert_eq!(again.code, Code::AnswerLost, "whoever publishes again all the same is told to look: {again}");
        assert_eq!(stand.server.posts().len(), 2, "one of another, one of ours");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_what_did_not_arrive_is_nowhere_and_what_could_be_two_is_a_persons() {
    let stand = Stand::up().await;
    let since_ms = stand.server.now_ms();
    let (id, _) = stand.ready("Dance!").await;
    stand.server.plan("media_publish", Planned::Page(502));
    assert_eq!(stand.publisher.publish(&id).await.unwrap_err().code, Code::AnswerLost);
    assert_eq!(stand.publisher.find(&id, "Dance!", since_ms).await, Ok(None));
    stand.publisher.publish(&id).await.unwrap();
    stand.server.post_by_another("Dance!");
    let fault = stand.publisher.find(&id, "Dance!", since_ms).await.unwrap_err();
    assert_eq!((fault.code, fault.is_transient()), (Code::ProviderRefused, false), "{fault}");
    let fault = stand.publisher.find(&id, "other words", since_ms).await.unwrap_err();
    assert_eq!(fault.code, Code::AnswerLost, "it is listed a little later: {fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_films_it_cannot_fetch_or_take_say_why() {
    let short = Stand::with(film_of_ms(1_000)).await;
    let (_, Container::Failed(fault)) = short.ready("x").await else { panic!("a second is too short") };
    assert!(!fault.is_transient() && fault.to_string().contains("3 s to 15 min"), "{fault}");
    let gone = Stand::up().await;
    gone.films.always(Reply::Status(403));
    let (_, Container::Failed(fault)) = gone.ready("x").await else { panic!("it cannot be fetched") };
    assert!(fault.is_transient() && fault.to_string().contains("open for everybody"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_each_refusal_has_its_verdict_and_its_words() {
    let stand = Stand::up().await;
    let down = FaultKind::Unavailable;
    let table = [
        (refused(400, -1, 2_207_001), down, true, "As Instagram says"),
        (refused(500, 1, 0), down, true, "As Instagram says"),
        (refused(503, 2, 0), down, true, "As Instagram says"),
        (Planned::Page(502), down, true, "Sorry"),
        (Planned::AnswerLost, down, true, "never came"),
        (refused(400, 4, 0), FaultKind::RateLimited, true, "slower"),
        (refused(400, 17, 0), FaultKind::RateLimited, true, "slower"),
        (refused(400, 613, 0), FaultKind::RateLimited, true, "slower"),
        (refused(400, 9, 2_207_042), FaultKind::RateLimited, true, "within a day"),
        (refused(401, 190, 463), FaultKind::Refused, false, "instagram.token"),
        (refused(403, 10, 0), FaultKind::Refused, false, "instagram_business_content_publish"),
        (refused(403, 200, 0), FaultKind::Refused, false, "instagram_business_content_publish"),
        (refused(400, 100, 33), FaultKind::Refused, false, "instagram.user_id"),
        (refused(400, 4, 2_207_051), FaultKind::Refused, false, "spam"),
        (refused(400, 25, 2_207_050), FaultKind::Refused, false, "restricted"),
        (refused(400, 368, 0), FaultKind::Refused, false, "blocks"),
        (refused(400, 9_004, 2_207_052), FaultKind::Refused, true, "fetch"),
        (refused(400, -2, 2_207_003), FaultKind::Refused, true, "fetch"),
        (refused(400, -1, 2_207_053), FaultKind::Refused, true, "handed over again"),
        (refused(400, 352, 2_207_026), FaultKind::Refused, false, "H.264"),
        (refused(400, 1, 2_207_057), FaultKind::Refused, false, "cover"),
        (refused(400, 100, 0), FaultKind::Refused, false, "As Instagram says"),
    ];
    for (planned, kind, is_transient, said) in table {
        stand.server.plan("media", planned.clone());
        let fault = stand.publisher.create(&stand.film("x")).await.unwrap_err();
        assert_eq!((fault.kind(), fault.is_transient()), (kind, is_transient), "{planned:?}: {fault}");
        assert!(fault.to_string().contains(said), "{planned:?}: {fault}");
        if let Planned::Refused(_, code, ..) = planned {
            assert!(fault.to_string().contains(&format!("({code}/")), "{fault}");
        }
    }
    stand.server.plan("media", Planned::Busy(12));
    let fault = stand.publisher.create(&stand.film("x")).await.unwrap_err();
    assert_eq!((fault.code, fault.retry_after_ms), (Code::ProviderBusy, Some(12 * 60_000)), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_a_token_that_has_run_out_is_named_and_never_shown() {
    let stand = Stand::up().await;
    stand.server.expire_token();
    let fault = stand.publisher.quota().await.unwrap_err();
    assert!(!fault.is_transient() && fault.to_string().contains("instagram.token"), "{fault}");
    let signed = format!("Malformed access token {}, the media at {}", Server::TOKEN, stand.film("x").video_url);
    stand.server.plan("media", Planned::Refused(400, 190, 0, signed));
    let fault = stand.publisher.create(&stand.film("x")).await.unwrap_err();
    let told = format!("{fault} {fault:?}");
    assert!(!told.contains(Server::TOKEN) && !told.contains("X-Signature"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_nobody_at_the_other_end_leaves_only_publishing_in_doubt() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let publisher = Instagram::new(&settings(&url), HttpOptions::default()).unwrap();
    assert_eq!(publisher.quota().await.unwrap_err().code, Code::ProviderDown);
    assert_eq!(publisher.container("1").await.unwrap_err().code, Code::ProviderDown);
    assert_eq!(publisher.find("1", "x", SystemClock.now_ms()).await.unwrap_err().code, Code::ProviderDown);
    assert_eq!(publisher.publish("1").await.unwrap_err().code, Code::AnswerLost);
}

#[tokio::test]
async fn instagram_addresses_of_this_machine_are_refused_before_anything_is_sent() {
    let publisher = Instagram::new(&InstagramSettings { endpoint: None, ..settings("") }, HttpOptions::default()).unwrap();
    let create = async |video_url: &str, caption: &str| {
        let post = NewPost { video_url: video_url.into(), caption: caption.into(), cover_ms: None, share_to_feed: false };
        publisher.create(&post).await.unwrap_err()
    };
    for url in [
        "file:///srv/film.mp4",
        "http://127.0.0.1:9000/bucket/film.mp4?X-Amz-Signature=secret",
        "http://[::1]/film.mp4",
        "http://localhost:9000/film.mp4",
        "https://192.168.1.4/film.mp4",
        "https://minio/film.mp4",
        "https://nas.local/film.mp4",
        "s3://bucket/film.mp4",
        "film.mp4",
    ] {
        let fault = create(url, "x").await;
        assert_eq!(fault.code, Code::InputInvalid, "{url}: {fault}");
        assert!(fault.to_string().contains("access = \"signed\"") && !fault.to_string().contains("secret"), "{url}: {fault}");
    }
    for open in ["https://bucket.s3.amazonaws.com/film.mp4?X-Amz-Signature=s", "https://8.8.8.8/film.mp4"] {
        assert_eq!(reach::check(open), Ok(()), "{open}");
    }
    // Checked after the address, and before anything is sent too.
    let long = create("https://8.8.8.8/film.mp4", &"x".repeat(2_201)).await;
    let tagged = create("https://8.8.8.8/film.mp4", &"#tag ".repeat(31)).await;
    assert!(long.to_string().contains("2201") && tagged.to_string().contains("31 hashtags"), "{long} {tagged}");
}

#[test]
fn instagram_settings_that_cannot_be_are_named() {
    let good = || settings("https://graph.facebook.com");
    for (setting, settings) in [
        ("instagram.user_id", InstagramSettings { user_id: "@rushes".into(), ..good() }),
        ("instagram.endpoint", settings("http://graph.example.com")),
        ("instagram.endpoint", settings("graph")),
        ("instagram.token", InstagramSettings { token: "two\nlines".into(), ..good() }),
    ] {
        let fault = Instagram::new(&settings, HttpOptions::default()).err().expect("it is refused");
        assert_eq!((fault.code, fault.get("setting")), (Code::ConfigInvalid, Some(setting)), "{fault}");
        assert!(!fault.to_string().contains("two\nlines"));
    }
}
