//! One photo in the folders of several people is sent once, and moves without being sent again; what cannot be copied is sent.

use crate::support::{Places, TestEngine, recipes::Recipes};
use rushes_adapters::HttpOptions;
use rushes_adapters::destinations::gs::{GsDestination, GsSettings};
use rushes_adapters::google::Credentials;
use rushes_core::JobState;
use rushes_testkit::chaos::{Chaos, Only, Weather};
use rushes_testkit::gcs::Gcs;
use serde_json::json;
use std::sync::Arc;

/// As large as a photo of a camera.
const PHOTO_BYTES: u64 = 3_000_000;
/// All that is said beside it: descriptions, conditions.
const WORDS_BYTES: u64 = 20_000;

struct Cloud {
    server: Gcs,
    chaos: Chaos,
    folder: tempfile::TempDir,
    places: Places,
}

async fn cloud() -> Cloud {
    let server = Gcs::start().await;
    let chaos = Chaos::before(server.address).await;
    server.make_bucket("photos", false);
    let (folder, credentials) = (tempfile::tempdir().unwrap(), Credentials::parse(&server.google.service_account()).unwrap());
    let bucket = GsDestination::new(GsSettings {
        bucket: "photos".into(),
        endpoint: Some(chaos.url()),
        credentials,
        project: None,
        public_base: None,
        part_bytes: 4 * 1024 * 1024,
        http: HttpOptions::default(),
    });
    let places = Places { destinations: vec![("remote".into(), Arc::new(bucket.unwrap()))], ..Places::memory(folder.path()) };
    Cloud { server, chaos, folder, places }
}

impl Cloud {
    /// What has gone to the server since this was asked before.
    fn sent_bytes(&self) -> u64 {
        let sent = self.chaos.log().iter().map(|passed| passed.body_bytes).sum();
        self.chaos.forget();
        sent
    }

    fn names(&self) -> Vec<String> {
        self.server.objects("photos").into_iter().map(|object| object.name).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_one_photo_for_five_people_is_sent_once_and_not_again_for_another_name() {
    let cloud = cloud().await;
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let people = ["ana", "ben", "cleo", "dan", "eve"];
    assert_eq!(engine.run("photo", json!({"people": people, "bytes": PHOTO_BYTES})).await.state, JobState::Completed);
    engine.settle().await;
    let sent = cloud.sent_bytes();
    assert!((PHOTO_BYTES..PHOTO_BYTES + WORDS_BYTES).contains(&sent), "five of {PHOTO_BYTES} bytes took {sent}");
    assert_eq!(cloud.names().len(), 5);
    let renamed = engine.run("photo", json!({"people": ["zoe"], "gone": ["ana"], "bytes": PHOTO_BYTES})).await;
    assert_eq!(renamed.state, JobState::Completed);
    engine.settle().await;
    let sent = cloud.sent_bytes();
    assert!(sent < WORDS_BYTES, "another name took {sent} bytes");
    // And the last of its kind too: the old one goes when the new one is there.
    for (gone, new) in [("zoe", "yan"), ("ben", "yan"), ("cleo", "yan"), ("dan", "yan"), ("eve", "yan"), ("yan", "xenia")] {
        engine.run("photo", json!({"people": [new], "gone": [gone], "bytes": PHOTO_BYTES})).await;
        engine.settle().await;
    }
    let sent = cloud.sent_bytes();
    assert!(sent < 2 * WORDS_BYTES, "the last one took {sent} bytes");
    assert_eq!(cloud.names(), ["base/dances/dance_xenia_cosplay_on_photo.bin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_cannot_be_made_are_sent() {
    let cloud = cloud().await;
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    cloud.chaos.set_for(Only::requests("POST", "rewriteTo"), Weather::json(403, &json!({"error": {"code": 403, "message": "no"}})));
    assert_eq!(engine.run("photo", json!({"people": ["ana", "ben"], "bytes": PHOTO_BYTES})).await.state, JobState::Completed);
    engine.settle().await;
    let sent = cloud.sent_bytes();
    assert!((2 * PHOTO_BYTES..2 * PHOTO_BYTES + WORDS_BYTES).contains(&sent), "each was sent: {sent}");
    assert_eq!(cloud.names().len(), 2);
}
