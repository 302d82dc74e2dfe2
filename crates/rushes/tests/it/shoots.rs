//! Shoots through the real engine: photos come in, people are known, somebody says something; and local folders, destinations,
//! records and the album agree after each.

mod crashes;
mod cut;
mod formats;
mod local;
mod many;
mod models;
mod pointed;
mod propose;
mod stand;
mod venue;

use crate::support::{Places, journals, program::Program};
use rushes_adapters::destinations::file::FileDestination;
use rushes_core::album::{Correction, Group, NewPhoto, Rules};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::digest::digest;
use rushes_core::{AssetId, Code};
use serde_json::json;
use stand::{ANA, BEN, CLEO, SHOOT, Stand};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

/// Records the journals of what a shoot is made of.
pub(crate) async fn record() {
    let program = Program::with("");
    let folder = program.path("").to_path_buf();
    let stand = Stand::new(&folder, &Places::memory(&folder)).await;
    stand.take("a.png", 1, &[ANA]).await;
    stand.run("route", json!({"shoot": SHOOT})).await;
    let ana = stand.album().await.people().await.unwrap()[0].number;
    stand.say(Correction::Forget { person: ana }).await;
    stand.run("forget", json!({"shoot": SHOOT, "person": ana})).await;
    stand.engine.stop().await;
    for workflow in ["shoot", "photos", "route", "forget"] {
        journals::record_of(&program, workflow).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_put_photos_into_the_folders_of_those_who_are_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    stand.take("a.png", 1, &[ANA]).await;
    stand.take("b.png", 2, &[ANA + 0.2, BEN]).await;
    let known = stand.take("again.png", 1, &[ANA]).await;
    assert_eq!(known["known"], 1);
    let faceless = stand.take("wall.png", 3, &[]).await;
    assert_eq!(faceless["photos"], json!([3]));
    let placed = stand.agrees().await;
    assert_eq!(placed, set(&["Person_001/Solo/000001.png", "Person_001/Group/000002.png", "Person_002/Group/000002.png"]));
    let own = folder.path().join("home/shoots").join(SHOOT);
    assert!(own.join("People/Person_001/Solo/000001.png").exists(), "as people know it");
    assert!(own.join("Admin/NoFaces/000003.png").exists());
    // What is edited and exported again takes the place of what it was, everywhere.
    let path = stand.drop("b.png", &crate::support::library::picture(9), &[BEN, CLEO]);
    drop(path);
    stand.take("b.png", 9, &[BEN + 0.1, CLEO]).await;
    let placed = stand.agrees().await;
    assert_eq!(placed, set(&["Person_001/Solo/000001.png", "Person_002/Group/000002.png", "Person_003/Group/000002.png"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_set_aside_what_is_no_photo_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    let bad = [
        ("text.jpg", &b"hello"[..], "content is none of"),
        ("leer é.png", b"", "0 bytes"),
        ("cut.png", &crate::support::library::picture(4)[..40], ""),
    ];
    for (name, bytes, why) in bad {
        let path = stand.drop(name, bytes, &[]);
        let mark = rushes_workflows::import::Mark::of(&std::fs::metadata(&path).unwrap());
        let value =
            stand.run("photos", json!({"shoot": SHOOT, "files": [{"path": path, "mark": mark, "name": name}]})).await.value.unwrap();
        assert_eq!(value["refused"].as_array().unwrap().len(), 1, "{name}: {value}");
        let said = std::fs::read_to_string(folder.path().join("home/shoots").join(SHOOT).join("Admin/Errors").join(format!("{name}.txt")))
            .unwrap();
        assert!(said.contains(why) && said.contains(name), "{said}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "and it stays as it is");
    }
    assert_eq!(stand.agrees().await, set(&[]));
    assert_eq!(stand.album().await.counts().await.unwrap().photos, 0);
}

/// Somebody's photos move in several transactions; the folder they had goes with the last of them, here and where folders are real.
#[tokio::test(flavor = "multi_thread")]
async fn shoots_leave_no_folder_behind_of_somebody_in_many_photos() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = folder.path().join("cloud");
    let mut places = Places::memory(folder.path());
    places.destinations.push(("folder".into(), Arc::new(FileDestination::new(cloud.clone()))));
    let stand = Stand::new(folder.path(), &places).await;
    for number in 1..=41 {
        stand.take(&format!("{number}.png"), number, &[ANA]).await;
    }
    stand.agrees().await;
    stand.say(Correction::Rename { person: 1, name: "Ana".into() }).await;
    let shown = |root: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(root.join(SHOOT).join("People")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(shown(&folder.path().join("home/library")), ["Ana"], "at once");
    assert_eq!(stand.agrees().await.len(), 41);
    assert_eq!(shown(&cloud), ["Ana"]);
}

/// What is wrong with the machine is mended one day; what is wrong with a file is not.
#[tokio::test(flavor = "multi_thread")]
async fn shoots_refuse_no_photo_for_good_for_a_reason_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    let input = stand.dropped("a.png", 1, &[ANA]);
    let reason = folder.path().join("home/shoots").join(SHOOT).join("Admin/Errors/a.png.txt");
    stand.told.1.store(true, Ordering::SeqCst);
    let failed = stand.ended("photos", input.clone()).await;
    assert_eq!(failed.fault.unwrap().code, Code::FacesOff, "the job failed, so that it is tried again");
    assert!(std::fs::read_to_string(&reason).unwrap().contains("another file"));
    stand.told.1.store(false, Ordering::SeqCst);
    assert_eq!(stand.run("photos", input).await.value.unwrap()["photos"], json!([1]));
    assert_eq!(stand.agrees().await, set(&["Person_001/Solo/000001.png"]));
    assert!(!reason.exists() && !reason.with_extension("").is_symlink(), "and nothing is said of it any more");
}

/// A process that ended between album and transaction entered a photo in which nobody is: the next one shows it, too.
#[tokio::test(flavor = "multi_thread")]
async fn shoots_show_photos_of_nobody_that_an_earlier_process_entered() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    let input = stand.dropped("wall.png", 1, &[]);
    let sha256 = digest(&crate::support::library::picture(1)[..], "").unwrap().sha256;
    let (name, extension, model) = ("wall.png".to_owned(), "png".to_owned(), "told".to_owned());
    let original = AssetId(SystemClock.new_id());
    let photo = NewPhoto { name, taken_at: None, sha256, extension, original, model, faces: Vec::new(), group: Group::Solo };
    stand.album().await.enter(photo, Rules::default()).await.unwrap();
    assert_eq!(stand.run("photos", input).await.value.unwrap()["photos"], json!([1]));
    assert!(folder.path().join("home/shoots").join(SHOOT).join("Admin/NoFaces/000001.png").exists());
    stand.agrees().await;
}

/// What is decided is carried out while another photo is just being taken, or was when a process ended: nothing fails for that.
#[tokio::test(flavor = "multi_thread")]
async fn shoots_route_what_is_there_while_another_photo_is_being_taken() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    stand.take("1.png", 1, &[ANA]).await;
    let input = stand.dropped("2.png", 2, &[ANA + 0.1]);
    let sha256 = digest(&crate::support::library::picture(2)[..], "").unwrap().sha256;
    let (name, extension, model) = ("2.png".to_owned(), "png".to_owned(), "told".to_owned());
    let (original, faces) = (AssetId(SystemClock.new_id()), vec![stand::face(ANA + 0.1, 0)]);
    let photo = NewPhoto { name, taken_at: None, sha256, extension, original, model, faces, group: Group::Solo };
    let rules = Rules { is_recognising: true, ..Rules::default() };
    stand.album().await.enter(photo, rules).await.unwrap();
    stand.album().await.correct(Correction::Rename { person: 1, name: "Ana".into() }, rules).await.unwrap();
    stand.run("route", json!({"shoot": SHOOT})).await;
    let shown = folder.path().join("home/library").join(SHOOT).join("People/Ana/Solo");
    assert!(shown.join("000001.png").exists() && !shown.join("000002.png").exists());
    assert_eq!(stand.album().await.counts().await.unwrap().unsettled, 1);
    stand.run("photos", input).await;
    assert_eq!(stand.agrees().await, set(&["Ana/Solo/000001.png", "Ana/Solo/000002.png"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_agree_everywhere_after_each_correction() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    for (number, faces) in [(1, &[ANA][..]), (2, &[ANA + 0.2, BEN]), (3, &[BEN + 0.1]), (4, &[CLEO]), (5, &[CLEO + 0.3, ANA])] {
        stand.take(&format!("{number}.png"), number, faces).await;
    }
    let at_first = stand.agrees().await;
    let ana = stand.enrol("Ana María", ANA + 0.1).await;
    let enrolled = stand.agrees().await;
    assert_eq!(enrolled.iter().filter(|path| path.starts_with("Ana_María/")).count(), 3, "{enrolled:?}");
    stand.say(Correction::Undo).await;
    assert_eq!(stand.agrees().await, at_first);
    stand.say(Correction::Merge { into: ana, from: 3 }).await;
    let merged = stand.agrees().await;
    assert!(!merged.iter().any(|path| path.starts_with("Person_003/")) && merged.contains("Person_001/Solo/000004.png"), "{merged:?}");
    stand.say(Correction::Undo).await;
    assert_eq!(stand.agrees().await, at_first);
    let face = stand.album().await.faces(Some(3), 1).await.unwrap()[0].face;
    stand.say(Correction::Split { faces: vec![face] }).await;
    assert!(!stand.agrees().await.contains("Person_002/Solo/000003.png"));
    stand.say(Correction::Undo).await;
    stand.say(Correction::NotAFace { face }).await;
    assert!(!stand.agrees().await.iter().any(|path| path.ends_with("000003.png")));
    stand.say(Correction::Undo).await;
    assert_eq!(stand.agrees().await, at_first);
    stand.say(Correction::Rename { person: 2, name: "Ben".into() }).await;
    stand.run("route", json!({"shoot": SHOOT})).await;
    assert!(stand.agrees().await.contains("Ben/Solo/000003.png"));
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_forget_so_that_no_byte_tells_of_the_person() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    stand.take("1.png", 1, &[ANA]).await;
    stand.take("2.png", 2, &[ANA + 0.25, BEN]).await;
    let ana = stand.enrol("Ana Quirinal", ANA + 0.123).await;
    stand.agrees().await;
    let template = stand::face(ANA + 0.123, 0).template.to_bytes();
    let traces: [&[u8]; 6] = [&template[..8], b"crop of 0.123", b"crop of 0.25", b"Quirinal", b"+49 1234567", b"ana-ben-p0001"];
    let found = async |stand: &Stand, traces: &[&[u8]]| -> Vec<String> {
        let raw = stand.raw().await;
        let has = |bytes: &[u8], trace: &[u8]| bytes.windows(trace.len()).any(|part| part == trace);
        let told = |trace: &&[u8]| {
            raw.iter()
                .filter(|(_, bytes)| has(bytes, trace))
                .map(|(name, _)| format!("{name}: {}", String::from_utf8_lossy(trace)))
                .collect::<Vec<_>>()
        };
        traces.iter().flat_map(told).collect()
    };
    assert!(traces.iter().all(|trace| !trace.is_empty()) && found(&stand, &traces).await.len() >= 6, "they are there to be found");
    stand.album().await.correct(Correction::Forget { person: ana }, Default::default()).await.unwrap();
    stand.run("forget", json!({"shoot": SHOOT, "person": ana})).await;
    assert_eq!(stand.agrees().await, set(&["Person_002/Group/000002.png"]));
    assert_eq!(found(&stand, &traces).await, Vec::<String>::new());
    assert!(stand.parts().store.subject("ana-ben-p0001").await.unwrap().is_none());
}

/// However far an engine came with what was decided, the next one brings it to its end, once.
#[tokio::test(flavor = "multi_thread")]
async fn shoots_left_in_the_middle_are_brought_to_their_end_by_the_next_engine() {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    for number in 1..=6 {
        stand.take(&format!("{number}.png"), number, &[ANA + 0.01 * number as f32, BEN]).await;
    }
    let album = stand.album().await;
    let rename = |name: &str| Correction::Rename { person: 1, name: name.into() };
    for round in 0..4_u64 {
        // Decided, and the process ends before, while or after it is carried out.
        album.correct(rename(&format!("Ana {round}")), Default::default()).await.unwrap();
        let route = rushes_engine::NewJobRequest { workflow: "route".into(), input: json!({"shoot": SHOOT}), ..Default::default() };
        if round > 0 {
            stand.engine.submit(route.clone()).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(round * 7)).await;
        }
        stand = stand.again().await;
        stand.run("route", json!({"shoot": SHOOT})).await;
        let placed = stand.agrees().await;
        let expected: BTreeSet<String> =
            (1..=6).flat_map(|n| [format!("Ana_{round}/Group/{n:06}.png"), format!("Person_002/Group/{n:06}.png")]).collect();
        assert_eq!(placed, expected, "round {round}");
    }
}

/// A process that ended between its transaction and the library left what was taken away; and nobody waits an hour for that.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a link as the library has it")]
async fn shoots_show_nothing_that_is_gone_however_the_engine_ended() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    stand.take("1.png", 1, &[ANA]).await;
    let own = folder.path().join("home/library").join(SHOOT).join("People");
    let (left, stands) = (own.join("Person_001/Solo/000001.png"), own.join("Ana/Solo/000001.png"));
    stand.say(Correction::Rename { person: 1, name: "Ana".into() }).await;
    stand.agrees().await;
    assert!(!left.exists() && stands.exists());
    std::fs::create_dir_all(left.parent().unwrap()).unwrap();
    std::fs::hard_link(&stands, &left).unwrap();
    let parts = stand.parts();
    let (library, blobs) = (parts.home.library(), parts.blobs());
    // Whoever works from the bytes holds them: that is no reason to leave them where they are not.
    let _held = parts.pins.pin(&parts.store.blob_at(&format!("{SHOOT}/People/Ana/Solo/000001.png")).await.unwrap().unwrap().sha256).await;
    assert_eq!(rushes_engine::view::mend(&library, &blobs, parts.store.as_ref()).await.unwrap(), 1);
    stand.agrees().await;
    assert!(!own.join("Person_001").exists());
}

/// Rows that tell of a path go last: without them nobody would know what is still shown there.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a link as the library has it")]
async fn shoots_forget_what_an_engine_that_ended_left_in_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), &Places::memory(folder.path())).await;
    stand.take("1.png", 1, &[ANA]).await;
    stand.say(Correction::Rename { person: 1, name: "Ana Quirinal".into() }).await;
    stand.agrees().await;
    let shown = folder.path().join("home/library").join(SHOOT).join("People/Ana_Quirinal");
    let photo = shown.join("Solo/000001.png");
    let aside = folder.path().join("aside.png");
    std::fs::hard_link(&photo, &aside).unwrap();
    stand.say(Correction::Forget { person: 1 }).await;
    assert!(!shown.exists());
    std::fs::create_dir_all(photo.parent().unwrap()).unwrap();
    std::fs::hard_link(&aside, &photo).unwrap();
    stand.run("forget", json!({"shoot": SHOOT, "person": 1})).await;
    assert!(!shown.exists());
}
