//! What is no longer here, and addresses that name nothing.

use super::Served;
use super::api::{picture, until, upload};
use super::ui::Browser;
use crate::support::survivor::TINY;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn service_fetches_back_what_was_evicted_and_says_when_nobody_has_it() {
    let served = Served::start(TINY);
    let (_, made) = upload(&served, &picture(&served.program, 1), &[]).await;
    let id = made["asset"]["id"].as_str().unwrap();
    let shown = until(&served, &format!("/api/v1/assets/{id}"), |asset| asset["state"] == "proven").await;
    let (first, rest) = shown["sha256"].as_str().unwrap().split_at(2);
    let blob = served.program.path("home/blobs").join(first).join(rest);
    std::fs::remove_file(&blob).unwrap();
    let browser = Browser::new(&served, served.key.clone());
    let small = browser.get(&format!("/ui/thumbs/{id}")).await;
    assert_eq!((small.status, small.header(CONTENT_TYPE)), (StatusCode::OK, "image/jpeg"), "{}", small.text);
    std::fs::remove_file(&blob).unwrap();
    std::fs::remove_file(served.program.path("home/remote").join(shown["path"].as_str().unwrap())).unwrap();
    let (status, said) = served.get(&format!("/api/v1/assets/{id}/content")).await;
    assert_eq!((status, &said["code"]), (StatusCode::NOT_FOUND, &json!("blob_missing")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_answers_with_a_page_whatever_the_address_says() {
    let served = Served::start(TINY);
    let browser = Browser::new(&served, served.key.clone());
    for (path, wanted) in [
        ("/jobs?state=failed&state=queued", StatusCode::BAD_REQUEST),
        ("/deliveries?sent=x", StatusCode::BAD_REQUEST),
        ("/login?next=a&next=b", StatusCode::BAD_REQUEST),
        ("/jobs/%ff", StatusCode::NOT_FOUND),
        ("/characters/%ff", StatusCode::NOT_FOUND),
        ("/assets/%ff", StatusCode::NOT_FOUND),
    ] {
        let seen = browser.get(path).await;
        assert!(seen.header(CONTENT_TYPE).starts_with("text/html") && seen.text.contains("<h1"), "{path}: {} {}", seen.status, seen.text);
        assert_eq!(seen.status, wanted, "{path}");
    }
}
