//! Shoots whose unknown people are on this machine alone: nothing of them is anywhere else until somebody enrols them; then all is.

use super::set;
use super::stand::{ANA, BEN, CLEO, RULES, SHOOT, Stand, face};
use crate::support::Places;
use rushes_core::album::{Correction, Rules, Unknown};
use rushes_core::store::{AssetFilter, SubjectFilter};
use serde_json::json;

const LOCAL: Rules = Rules { unknown: Unknown::Local, ..RULES };

async fn shoot(folder: &std::path::Path) -> Stand {
    let stand = Stand::new(folder, &Places::memory(folder)).await;
    stand.set(LOCAL).await;
    stand
}

/// Everything at the destinations and in the catalog that has one of these words in it: keys, folders and records.
async fn told(stand: &Stand, words: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for (_, port) in &stand.places.destinations {
        all.extend(port.list("", None).await.unwrap().keys);
    }
    for collection in ["photos", "people", "shoots", "assets"] {
        for id in stand.places.catalog.list(collection, None).await.unwrap() {
            let record = stand.places.catalog.get(collection, &id).await.unwrap().unwrap();
            all.push(format!("{collection}/{id}: {}", record.fields));
        }
    }
    all.into_iter().filter(|text| words.iter().any(|word| text.contains(word))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_keep_unknown_people_here_until_they_are_enrolled() {
    let folder = tempfile::tempdir().unwrap();
    let stand = shoot(folder.path()).await;
    stand.take("1.png", 1, &[ANA]).await;
    stand.take("2.png", 2, &[ANA + 0.2, BEN]).await;
    let placed = stand.agrees().await;
    assert_eq!(placed, set(&["Person_001/Solo/000001.png", "Person_001/Group/000002.png", "Person_002/Group/000002.png"]));
    assert_eq!(told(&stand, &["Person_0", "ana-ben-p"]).await, Vec::<String>::new());
    let processed = told(&stand, &["ana-ben/Processed/"]).await;
    assert!(processed.iter().any(|text| text.contains("000002")), "the photo itself goes where photos go: {processed:?}");
    let folders = stand.parts().store.folders_after("", 100).await.unwrap();
    assert_eq!(folders.len(), 4, "Solo and Group of both, here");
    assert!(
        stand.parts().store.subject_page(&SubjectFilter { limit: 10, ..Default::default() }).await.unwrap().len() == 1,
        "the shoot alone"
    );
    // A destination that is audited and mended asks for nothing of them.
    let audit = rushes_engine::audit::audit(stand.parts(), true).await.unwrap();
    assert!(audit.clean, "{:#?}", audit.findings);

    let ana = stand.enrol("Ana María", ANA + 0.1).await;
    stand.agrees().await;
    let hers = told(&stand, &["Ana_María/"]).await;
    assert!(hers.iter().any(|text| text.contains("Solo/000001")) && hers.iter().any(|text| text.contains("Group/000002")), "{hers:?}");
    assert_eq!(told(&stand, &["Person_002", "ana-ben-p0002", "Person_001"]).await, Vec::<String>::new(), "who is with her stays here");
    stand.take("3.png", 3, &[ANA, CLEO]).await;
    stand.agrees().await;
    stand.say(Correction::Merge { into: ana, from: 2 }).await;
    stand.agrees().await;
    stand.say(Correction::Undo).await;
    stand.agrees().await;
    stand.say(Correction::Undo).await;
    let placed = stand.agrees().await;
    assert!(placed.contains("Person_001/Solo/000001.png"), "{placed:?}");
    assert_eq!(told(&stand, &["Person_0", "Ana_Mar", "Ana Mar"]).await, Vec::<String>::new(), "it is taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_send_and_take_back_whose_name_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let stand = shoot(folder.path()).await;
    // More than go in one transaction.
    for number in 1..=21 {
        stand.take(&format!("{number}.png"), number, &[ANA + 0.001 * number as f32]).await;
    }
    stand.say(Correction::Rename { person: 1, name: "Ana".into() }).await;
    stand.agrees().await;
    assert_eq!(told(&stand, &["/Ana/"]).await, Vec::<String>::new());
    let enrol =
        || Correction::Enrol { name: "Ana".into(), selfies: vec![face(ANA, 0)], model: "told".into(), consent_ms: 7, contact: None };
    for _ in 0..2 {
        stand.say(enrol()).await;
        stand.agrees().await;
        assert_eq!(
            told(&stand, &["People/Ana/Solo/0000"]).await.iter().filter(|text| !text.contains(": ")).count(),
            21 * stand.places.destinations.len()
        );
        stand.say(Correction::Undo).await;
        assert_eq!(stand.agrees().await.len(), 21);
        assert_eq!(told(&stand, &["/Ana", "\"Ana\""]).await, Vec::<String>::new(), "no object, no folder, no record");
    }
    stand.say(Correction::Forget { person: 1 }).await;
    stand.run("forget", json!({"shoot": SHOOT, "person": 1})).await;
    assert_eq!(stand.agrees().await, set(&[]));
    let hers = AssetFilter { subject: Some("ana-ben-p0001".into()), all_versions: true, ..Default::default() };
    assert!(stand.parts().store.assets(&hers).await.unwrap().is_empty());
}

/// What is set later holds for people founded from then on.
#[tokio::test(flavor = "multi_thread")]
async fn shoots_leave_people_where_they_were_founded_whatever_is_set_later() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    stand.take("1.png", 1, &[ANA]).await;
    stand.set(LOCAL).await;
    stand.take("2.png", 2, &[BEN, ANA]).await;
    stand.set(Rules { unknown: Unknown::Cloud, ..RULES }).await;
    stand.take("3.png", 3, &[CLEO, BEN + 0.1]).await;
    stand.agrees().await;
    let here: Vec<u32> = stand.album().await.people().await.unwrap().iter().filter(|p| p.is_here).map(|p| p.number).collect();
    assert_eq!(here, [2]);
    // Edited, a photo takes its place here, too.
    stand.take("2.png", 9, &[BEN, ANA]).await;
    stand.agrees().await;
    assert_eq!(told(&stand, &["Person_002"]).await, Vec::<String>::new());
}
