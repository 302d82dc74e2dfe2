//! What happens behind our back: objects deleted, changed and added at the store, and local bytes that went bad before
//! they were sent.

use super::stand::STORES;
use super::weather::Scene;
use rushes_core::delivery::DeliveryState;
use rushes_core::destination::{Condition, Put};
use rushes_core::digest::digest;
use rushes_core::store::AssetFilter;
use rushes_core::{Code, JobState};
use rushes_engine::audit::audit;
use rushes_engine::mend::mend;
use rushes_testkit::chaos::Weather;
use std::io::Write;

/// An audit finds each, mends what was ours, and leaves what never was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_objects_touched_behind_our_back_are_found_and_mended() {
    for name in STORES {
        let Some(scene) = Scene::before(name).await else { continue };
        let job = scene.job("mira", 4, 50_000).await;
        assert_eq!(scene.engine.ended(job).await.state, JobState::Completed);
        scene.engine.settle().await;
        let port = scene.stand.port();
        let key = |n: u32| format!("base/dances/dance_mira_1_cosplay_on_ref{n}.bin");
        let other = scene.folder.path().join("other");
        std::fs::File::create(&other).and_then(|mut file| file.write_all(b"other")).unwrap();
        let blob = digest(&b"other"[..], "text/plain").unwrap();
        port.delete(&key(0)).await.unwrap();
        let old = port.stat(&key(1)).await.unwrap().unwrap();
        port.put(Put::new(&key(1), &other, &blob, Condition::Replace(&old))).await.unwrap();
        port.put(Put::new("base/nobody.bin", &other, &blob, Condition::CreateOnly)).await.unwrap();
        let found = audit(scene.engine.parts(), false).await.unwrap();
        let mut codes: Vec<&str> = found.findings.iter().map(|finding| finding.code).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["changed", "missing", "orphaned"], "{name}");
        mend(scene.engine.parts(), &found).await.unwrap();
        let store = scene.engine.parts().store.clone();
        scene.engine.until("nothing is owed", || async { store.backlog().await.unwrap().values().all(|backlog| backlog.owed == 0) }).await;
        let left = audit(scene.engine.parts(), false).await.unwrap();
        assert_eq!(left.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["orphaned"], "{name}: what was never ours stays");
        assert!(port.stat("base/nobody.bin").await.unwrap().unwrap().proves(&blob));
    }
}

/// Bytes that changed, or became fewer, after they were registered and before they were sent: never delivered, and said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_damaged_local_bytes_are_never_delivered() {
    for name in STORES {
        let Some(scene) = Scene::before(name).await else { continue };
        scene.stand.chaos.set(Weather::Down);
        let (small, large) = (scene.job("mira", 2, 50_000).await, scene.job("ren", 1, 3_000_000).await);
        let store = scene.engine.parts().store.clone();
        for job in [small, large] {
            scene.engine.until("the files are made", || async { store.job(job).await.unwrap().state == JobState::Delivering }).await;
        }
        let listed = store.assets(&AssetFilter::default()).await.unwrap();
        for (index, (asset, _)) in listed.iter().enumerate() {
            let path = scene.engine.parts().blobs().path(&asset.blob.sha256);
            let mut bytes = std::fs::read(&path).unwrap();
            if index == 0 {
                bytes.truncate(100);
            } else {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }
            std::fs::remove_file(&path).unwrap();
            std::fs::File::create(&path).and_then(|mut file| file.write_all(&bytes)).unwrap();
        }
        scene.stand.chaos.set(Weather::Clear);
        for job in [small, large] {
            scene.engine.ended(job).await;
        }
        let (port, mut sent) = (scene.stand.port(), 0);
        for (asset, deliveries) in store.assets(&AssetFilter::default()).await.unwrap() {
            // One that was being sent just then had been read before: what arrived is what was registered.
            if deliveries[0].state == DeliveryState::Proven {
                let file = scene.folder.path().join(format!("sent{sent}"));
                port.get(&deliveries[0].key, None, &file).await.unwrap();
                assert_eq!(digest(std::fs::File::open(&file).unwrap(), "").unwrap().sha256, asset.blob.sha256, "{name}");
                sent += 1;
                continue;
            }
            let fault = deliveries[0].last_fault.as_ref().unwrap_or_else(|| panic!("{name}: {} says why", asset.path));
            assert_eq!((deliveries[0].state, fault.code), (DeliveryState::Refused, Code::BlobMissing), "{name}: {fault}");
        }
        assert!(sent < listed.len(), "{name}: all were sent before they were damaged");
        assert_eq!(scene.stand.objects().await.len(), sent, "{name}: nothing wrong is there");
    }
}
