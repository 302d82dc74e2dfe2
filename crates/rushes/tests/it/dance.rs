//! `dance` before a provider that works from the picture it is given: it gets one that fits its reference.

use crate::support::journals;
use crate::support::parts;
use crate::support::program::ffmpeg;
use rushes_core::clock::SystemClock;
use rushes_core::delivery::Routes;
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, MotionRequest, Provider, ProviderCard};
use rushes_core::{Fault, JobState};
use rushes_engine::{Engine, Home, NewJobRequest};
use rushes_workflows::{Kit, Registry};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Keeps the pictures it was given, and gives a film back that is there.
struct Animator {
    film: PathBuf,
    given: Mutex<Vec<(u32, u32, Vec<u8>)>>,
}

#[async_trait::async_trait]
impl Provider<MotionRequest> for Animator {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "animator", model: "test", version: 1, lane: Lane::Net }
    }

    fn works_from_picture(&self) -> bool {
        true
    }

    async fn make(&self, request: &MotionRequest, call: &Call) -> Result<PathBuf, Fault> {
        let (width, height) = image::image_dimensions(&request.image).unwrap();
        self.given.lock().unwrap().push((width, height, std::fs::read(&request.image).unwrap()));
        let out = call.scratch.join("film.mp4");
        std::fs::copy(&self.film, &out).unwrap();
        Ok(out)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dance_fits_the_picture_for_who_works_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(&folder.path().join("home"));
    home.prepare().unwrap();
    std::fs::create_dir_all(home.references()).unwrap();
    // A figure that stands lower and is smaller than the character's in its image.
    let figure = "color=c=0xd8d8d8:size=64x112:rate=8:duration=2,drawbox=x=24:y=60:w=16:h=44:color=0x303060:t=fill";
    ffmpeg(&["-f", "lavfi", "-i", figure, "-pix_fmt", "yuv420p"], &home.references().join("low.mp4"));
    let animator = Arc::new(Animator { film: home.references().join("low.mp4"), given: Mutex::default() });
    let mut kit: Kit = journals::registry().kit().clone();
    (kit.references, kit.providers.motion) = (home.references(), animator.clone());
    let (parts, owner) = parts(home, Arc::new(SystemClock), Routes::default(), (Vec::new(), Vec::new()));
    let engine = Engine::start(parts, Registry::new(kit), owner);
    let run = async |workflow: &str, input: Value| {
        let asked = NewJobRequest { workflow: workflow.into(), input, ..NewJobRequest::default() };
        let job = engine.submit(asked).await.unwrap().id;
        let ended = tokio::time::timeout(Duration::from_secs(60), engine.ended(job)).await.expect("it ends").unwrap();
        assert_eq!(ended.state, JobState::Completed, "{:?}", ended.fault);
    };
    run("character", json!({"seed": 5, "style_id": "lofi", "name": "Nova", "skip_existing": true, "redo": 0})).await;
    let dance = json!({"character": "nova", "reference": "low", "finish": false, "generate_variants": false,
                       "create_soundtracks": false, "apply_watermark": false, "redo": 0});
    run("dance", dance).await;
    let known = engine.parts().store.assets(&rushes_core::store::AssetFilter::default()).await.unwrap();
    let cosplay = known.iter().find(|(asset, _)| asset.kind == rushes_core::Kind::CosplayImage).unwrap();
    let still = std::fs::read(engine.parts().blobs().path(&cosplay.0.blob.sha256)).unwrap();
    let given = animator.given.lock().unwrap();
    assert_eq!((given.len(), given[0].0, given[0].1), (1, 64, 112));
    assert_ne!(given[0].2, still, "it is fitted");
    assert!(
        known.iter().all(|(asset, _)| asset.blob.sha256 != rushes_core::digest::digest(&given[0].2[..], "").unwrap().sha256),
        "an intermediate is no asset"
    );
}
