//! Guests, from the link to being forgotten; and what opens nothing.

use super::{Venue, form};
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, ORIGIN, REFERRER_POLICY};
use reqwest::{Method, StatusCode};
use rushes_core::clock::{Clock, SystemClock};
use rushes_testkit::drawn::Figure::Clear;
use rushes_testkit::drawn::photo;
use serde_json::{Value, json};
use std::io::{Cursor, Read};

const SHOOT: &str = "/api/v1/shoots/ana-ben";

/// Status, headers and text of a page.
struct Page {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Page {
    fn leads_to(&self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.headers[LOCATION].to_str().unwrap().to_owned()
    }
}

async fn page(request: reqwest::RequestBuilder) -> Page {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    for (name, value) in [
        (CACHE_CONTROL.as_str(), "private, no-store"),
        (REFERRER_POLICY.as_str(), "no-referrer"),
        ("x-robots-tag", "noindex, nofollow, noimageindex"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let bytes = response.bytes().await.unwrap();
    Page { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

impl Venue {
    async fn link(&self, body: Value) -> String {
        let (status, made) = self.send(Method::POST, &format!("{SHOOT}/link"), &body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        made["path"].as_str().unwrap().to_owned()
    }

    async fn look(&self, path: &str) -> Page {
        page(self.ask(Method::GET, path)).await
    }

    async fn consent(&self, link: &str, fields: &'static str) -> Page {
        page(self.ask(Method::POST, link).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(fields)).await
    }

    async fn selfies(&self, at: &str, name: &str, selfies: &[Vec<u8>]) -> Page {
        let (mime, body) = form(&[("name", name)], selfies);
        page(self.ask(Method::POST, &format!("{at}/selfie")).header(CONTENT_TYPE, mime).body(body)).await
    }

    /// Joins as this figure; gives the address of their page.
    async fn guest(&self, link: &str, name: &str, figure: usize) -> String {
        let at = self.consent(link, "consent=yes").await.leads_to();
        let taken = self.selfies(&at, name, &[photo(&[Clear(figure)], 640, 480, 200)]).await;
        assert_eq!(taken.leads_to(), at);
        at
    }

    async fn numbers(&self, at: &str) -> Value {
        self.get(&format!("{at}/latest")).await.1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_join_see_their_own_photos_only_and_are_forgotten() {
    let venue = Venue::new().await;
    let link = venue.link(json!({})).await;
    venue.shoot("1.jpg", &[Clear(0)]).await;
    venue.settled(1).await;
    venue.shoot("2.jpg", &[Clear(1)]).await;
    venue.settled(2).await;
    let asked = venue.look(&link).await;
    assert!(asked.status == StatusCode::OK && asked.text.contains("I agree") && !asked.text.contains("<video"), "{}", asked.text);
    assert!(asked.text.len() < 8_000);
    assert_eq!(venue.consent(&link, "").await.status, StatusCode::BAD_REQUEST, "without consent nothing is done");
    let at = venue.consent(&link, "consent=yes").await.leads_to();
    let before_ms = SystemClock.now_ms();
    assert!(venue.look(&at).await.text.contains("Now a selfie"));
    for (name, selfies, says) in [
        ("", vec![photo(&[Clear(0)], 640, 480, 1)], "Write your name"),
        ("Ana", vec![], "Take a selfie first"),
        ("Ana", vec![photo(&[], 640, 480, 1)], "No face is seen"),
        ("Ana", vec![b"text".to_vec()], "no picture that can be read"),
        ("Ana", vec![photo(&[Clear(0), Clear(1)], 640, 480, 1)], "Several faces"),
    ] {
        let refused = venue.selfies(&at, name, &selfies).await;
        assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains(says), "{says}: {}", refused.text);
    }
    assert_eq!(venue.selfies(&at, "Ana", &[photo(&[Clear(0)], 640, 480, 1)]).await.leads_to(), at);
    let people = venue.get(&format!("{SHOOT}/people")).await.1;
    let consent = people["people"][0]["consent_at"].as_str().unwrap().to_owned();
    assert!(consent < rushes_core::record::rfc3339(before_ms + 1), "before the camera was opened");
    assert_eq!(venue.numbers(&at).await, json!({"count": 1, "photos": [1]}));
    let own = venue.look(&at).await.text;
    assert!(own.contains("1 photo, Ana") && own.contains("/photos/1/small") && !own.contains("/photos/2/"), "{own}");

    // Another guest, and what is not theirs.
    let other = venue.guest(&link, "Ben", 1).await;
    assert_eq!(venue.numbers(&other).await["photos"], json!([2]));
    for size in ["small", "large", "file"] {
        let mine = venue.look(&format!("{at}/photos/1/{size}")).await;
        assert_eq!((mine.status, mine.headers[CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, "image/jpeg"), "{size}");
        assert_eq!(venue.look(&format!("{other}/photos/1/{size}")).await.status, StatusCode::NOT_FOUND, "{size}");
        assert_eq!(venue.look(&format!("{at}/photos/2/{size}")).await.status, StatusCode::NOT_FOUND, "{size}");
    }
    venue.shoot("3.jpg", &[Clear(0), Clear(1)]).await;
    venue.settled(3).await;
    assert_eq!(venue.numbers(&at).await["photos"], json!([3, 1]), "newest first");
    let archive = venue.ask(Method::GET, &format!("{at}/all.zip")).send().await.unwrap().bytes().await.unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["000003.jpg", "000001.jpg"]);
    let mut first = Vec::new();
    archive.by_name("000001.jpg").unwrap().read_to_end(&mut first).unwrap();
    assert_eq!(first, photo(&[Clear(0)], 1_200, 800, "1.jpg".bytes().fold(0, u8::wrapping_add)), "as it was taken");

    assert!(venue.look(&format!("{at}/forget")).await.text.contains("cannot be undone"));
    assert_eq!(venue.look(&at).await.status, StatusCode::OK, "nothing is done by looking");
    assert!(venue.ask(Method::POST, &format!("{at}/forget")).send().await.unwrap().status().is_success());
    for path in [at.clone(), format!("{at}/latest"), format!("{at}/photos/1/small"), format!("{at}/all.zip")] {
        assert_eq!(venue.look(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(venue.numbers(&other).await["photos"], json!([3, 2]), "nobody else is");
    venue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_links_that_open_nothing_look_all_the_same() {
    let venue = Venue::new().await;
    let replaced = venue.link(json!({})).await;
    let link = venue.link(json!({"pin": "4711"})).await;
    assert_ne!(link, replaced);
    let gone = venue.look("/guest/ana-ben/nothing").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    for path in [replaced.as_str(), "/join/ana-ben/x", "/join/nothing/x", "/guest/nothing/x", "/guest/..%2Fx/x", "/join/ana-ben/%ff"] {
        let same = venue.look(path).await;
        assert_eq!((same.status, &same.text), (StatusCode::NOT_FOUND, &gone.text), "{path}");
    }
    assert_eq!(venue.consent(&replaced, "consent=yes&pin=4711").await.text, gone.text);
    assert!(venue.consent(&link, "consent=yes&pin=1234").await.text.contains("not the PIN"));
    let at = venue.consent(&link, "consent=yes&pin=4711").await.leads_to();
    // A page of another site has nothing sent in a guest's name.
    let foreign = page(venue.ask(Method::POST, &link).header(ORIGIN, "http://evil.example").body("consent=yes&pin=4711")).await;
    assert_eq!(foreign.text, gone.text);
    for path in ["latest", "all.zip", "forget", "photos/1/small"] {
        assert_eq!(venue.look(&format!("{at}/{path}")).await.status, StatusCode::NOT_FOUND, "{path}: they have shown no face yet");
    }
    for guess in 0..6 {
        let guessed = venue.ask(Method::POST, &link).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let status = page(guessed.body(format!("consent=yes&pin=000{guess}"))).await.status;
        let is_slowed = guess >= 4;
        assert_eq!(status == StatusCode::TOO_MANY_REQUESTS, is_slowed, "{guess}");
    }
    // It has expired.
    let stand =
        crate::shoots::Stand::of(venue.app.parts().store.as_ref(), &venue.app.desk.workflows().kit().shoots, "ana-ben").await.unwrap();
    let over = rushes_core::album::Rules { expires_ms: Some(1), ..stand.rules };
    crate::shoots::make::change(&venue.app.desk, &stand, over).await.unwrap();
    for path in [&link, &at] {
        assert_eq!(venue.look(path).await.text, gone.text, "{path}");
    }
    let kept = std::fs::read(venue.home.shoots().join("ana-ben/album.db")).unwrap();
    let wal = std::fs::read(venue.home.shoots().join("ana-ben/album.db-wal")).unwrap_or_default();
    for secret in [&link, &at].map(|path| path.rsplit('/').next().unwrap()) {
        assert!(
            ![&kept, &wal].iter().any(|bytes| bytes.windows(secret.len()).any(|part| part == secret.as_bytes())),
            "only its hash is kept"
        );
    }
    venue.end().await;
}
