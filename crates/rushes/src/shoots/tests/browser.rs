//! Guests with a real browser and its fake camera: `tests/browser/guests.mjs` scans, consents, takes a selfie and watches; then it looks
//! at every page of guests and shoots.

#[path = "../../../tests/it/support/browser.rs"]
mod driven;

use super::Venue;
use rushes_testkit::drawn::Figure::{Clear, Dim};
use rushes_testkit::drawn::photo;
use serde_json::json;
use std::fs::File;
use std::io::Write;

#[tokio::test(flavor = "multi_thread")]
async fn guests_in_a_real_browser_see_their_own_photos_as_they_are_taken() {
    let Some(tools) = driven::tools() else { return };
    let venue = Venue::new().await;
    let folder = venue.home.root().join("drawn figures");
    let drawn = [
        // One picture is a film that stands still.
        ("camera.mjpeg", photo(&[Clear(0)], 640, 480, 9)),
        ("ana.jpg", photo(&[Clear(0)], 1_500, 1_000, 1)),
        ("ben.jpg", photo(&[Clear(2)], 1_500, 1_000, 2)),
        ("both.jpg", photo(&[Clear(0), Clear(2)], 1_500, 1_000, 3)),
        ("dim.jpg", photo(&[Dim(0)], 1_000, 1_500, 4)),
        ("others.jpg", photo(&[Clear(3), Clear(4), Clear(5)], 1_500, 1_000, 5)),
        ("again.jpg", photo(&[Dim(3)], 1_000, 1_500, 7)),
        ("nobody.jpg", photo(&[], 1_200, 800, 6)),
    ];
    for (name, bytes) in drawn {
        File::create(folder.join(name)).unwrap().write_all(&bytes).unwrap();
    }
    let (_, made) = venue.send(reqwest::Method::POST, "/api/v1/shoots/ana-ben/link", &json!({})).await;
    let (url, link, folder) = (venue.url.clone(), made["path"].as_str().unwrap().to_owned(), folder.display().to_string());
    let said = tokio::task::spawn_blocking(move || tools.run("guests.mjs", &[&url, &link, &folder])).await.unwrap();
    assert!(said.matches("ok: ").count() >= 23, "{said}");
    venue.end().await;
}
