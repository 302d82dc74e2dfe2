//! Files that could not be taken, and then can: one that was gone and is there again, one whose name says nothing.

use super::{LONG, Venue};
use rushes_core::{JobId, JobState};
use rushes_engine::Ask;
use rushes_testkit::drawn::{Figure, photo};
use rushes_workflows::import::Mark;
use rushes_workflows::photos;
use serde_json::json;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Moved away and back it is the same file in the same state: having been missed once is no reason to pass it over for ever.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "people move their files about")]
async fn intake_takes_a_photo_that_was_away_and_came_back() {
    let venue = Venue::new().await;
    let incoming = venue.home.shoots().join("ana-ben/Incoming");
    let (away, path) = (venue.home.root().join("away.jpg"), incoming.join("back.jpg"));
    std::fs::File::create(&away).unwrap().write_all(&photo(&[Figure::Clear(1)], 640, 480, 1)).unwrap();
    let mark = Mark::of(&std::fs::metadata(&away).unwrap());
    let input = json!({"shoot": "ana-ben", "files": [{"path": path, "mark": mark, "name": "back.jpg"}]});
    let desk = venue.running.as_ref().unwrap().engine.desk();
    let answer = desk.answer(Ask::Submit { workflow: "photos".into(), input, new: false, since_ms: None }).await.unwrap();
    let id: JobId = serde_json::from_value(answer["job"].clone()).unwrap();
    let began = Instant::now();
    let missed = loop {
        let job = desk.parts().store.job(id).await.unwrap();
        if job.state == JobState::Completed {
            break job;
        }
        assert!(began.elapsed() < LONG, "{job:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(missed.value.as_ref().is_some_and(photos::has_passed_over), "{:?}", missed.value);
    std::fs::rename(&away, &path).unwrap();
    venue.settled(1).await;
    venue.end().await;
}

/// A card written elsewhere holds names that are no text here: that is said, until somebody gives another.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "people give their files other names")]
async fn intake_says_which_names_are_no_text_until_they_are() {
    let venue = Venue::new().await;
    let own = venue.home.shoots().join("ana-ben");
    let (incoming, errors) = (own.join("Incoming"), own.join("Admin/Errors"));
    let path = incoming.join(OsStr::from_bytes(b"caf\xe9.jpg"));
    std::fs::File::create(&path).unwrap().write_all(&photo(&[Figure::Clear(1)], 640, 480, 1)).unwrap();
    until(&errors, 2).await;
    std::fs::rename(&path, incoming.join("caf\u{e9}.jpg")).unwrap();
    venue.settled(1).await;
    until(&errors, 0).await;
    venue.end().await;
}

/// Waits until there are so many files in a folder.
async fn until(folder: &Path, count: usize) {
    let began = Instant::now();
    while std::fs::read_dir(folder).unwrap().count() != count {
        assert!(began.elapsed() < LONG, "not {count} in {}", folder.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
