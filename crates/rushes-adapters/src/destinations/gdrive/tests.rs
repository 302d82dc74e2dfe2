//! The promises of a destination, kept before a server shaped like Drive; and what is Drive's alone: names that are not
//! unique, listings that lag behind, two processes at once.

use super::*;
use crate::google::Credentials;
use rushes_core::destination::Condition;
use rushes_core::digest::digest;
use rushes_testkit::chaos::{Chaos, Only, Weather};
use rushes_testkit::drive::{Account, Drive};
use rushes_testkit::google::Google;
use rushes_testkit::{copies_suite, destination_suite_up_to, uploads_suite};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LARGE_BYTES: usize = 3_300_000;

struct Scene {
    google: Google,
    drive: Drive,
}

impl Scene {
    async fn new() -> Self {
        let (google, drive) = (Google::start().await, Drive::start().await);
        drive.know_those_of(&google);
        Self { google, drive }
    }

    fn settings(&self, url: &str, folder: &str) -> DriveSettings {
        let credentials = if folder == "root" { self.google.authorized_user() } else { self.google.service_account() };
        let settings = DriveSettings::new(folder, "Rushes/tests", Credentials::parse(&credentials).unwrap());
        let part_bytes = 4 * settings::GRAIN_BYTES;
        DriveSettings { endpoint: url.to_owned(), part_bytes, whole_max_bytes: 3_100_000, ..settings }
    }

    fn at(&self, folder: &str) -> DriveDestination {
        DriveDestination::new(self.settings(&self.drive.url, folder)).unwrap()
    }

    fn through(&self, chaos: &Chaos) -> DriveDestination {
        DriveDestination::new(self.settings(&chaos.url(), "root")).unwrap()
    }

    fn folder_paths(&self) -> Vec<String> {
        self.drive.folders().into_iter().map(|folder| folder.path).collect()
    }
}

struct Source {
    _folder: tempfile::TempDir,
    file: std::path::PathBuf,
    blob: rushes_core::Blob,
}

fn source(bytes: &[u8]) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("source");
    std::fs::File::create(&file).and_then(|mut file| file.write_all(bytes)).unwrap();
    Source { _folder: folder, file, blob: digest(bytes, "text/plain").unwrap() }
}

async fn put(drive: &DriveDestination, key: &str, source: &Source) -> Result<Proof, Fault> {
    drive.put(Put::new(key, &source.file, &source.blob, Condition::CreateOnly)).await
}

#[tokio::test]
async fn gdrive_keeps_the_destination_contract_in_ones_own_drive() {
    let scene = Scene::new().await;
    let drive = scene.at("root");
    destination_suite_up_to(&drive, 255).await;
    copies_suite(&drive).await;
    assert!(scene.drive.files().is_empty(), "the suite leaves nothing");
    let mut folders = scene.folder_paths();
    folders.sort();
    let expected = ["Rushes", "Rushes/tests", "Rushes/tests/list", "Rushes/tests/list/a", "Rushes/tests/list/b", "Rushes/tests/suite"];
    assert_eq!(folders[..6], expected);
}

#[tokio::test]
async fn gdrive_keeps_the_destination_contract_in_a_shared_drive_that_lags_behind() {
    let scene = Scene::new().await;
    scene.drive.set_lag(Duration::from_millis(400));
    let drive = scene.at(&scene.drive.shared_drive("team", "writer"));
    destination_suite_up_to(&drive, 255).await;
    copies_suite(&drive).await;
}

#[tokio::test]
async fn gdrive_removes_folders_that_are_empty_and_no_others() {
    let scene = Scene::new().await;
    let drive = scene.at("root");
    drive.ensure_folders(&["People/John/Solo", "People/John/Group"]).await.unwrap();
    let photo = source(b"photo");
    put(&drive, "People/John/Solo/1.jpg", &photo).await.unwrap();
    for key in ["People/John/Solo", "People/John/Group", "People/John", "People/none"] {
        drive.remove_folder(key).await.unwrap();
    }
    let left = || scene.folder_paths().iter().filter(|path| path.contains("John")).count();
    assert_eq!(left(), 2, "the folder of the photo, and the one that lies in: {:?}", scene.folder_paths());
    drive.delete("People/John/Solo/1.jpg").await.unwrap();
    // By another process, which has only what Drive tells.
    let other = scene.at("root");
    for key in ["People/John/Solo", "People/John"] {
        other.remove_folder(key).await.unwrap();
    }
    assert_eq!(left(), 0, "{:?}", scene.folder_paths());
    other.ensure_folder("People/John/Solo").await.unwrap();
    // Who remembers the folder that went is told, and looks anew.
    if let Err(fault) = put(&drive, "People/John/Group/1.jpg", &photo).await {
        assert!(fault.is_transient(), "{fault}");
        put(&drive, "People/John/Group/1.jpg", &photo).await.unwrap();
    }
    let mut paths = scene.folder_paths();
    paths.sort();
    assert_eq!(paths.iter().filter(|path| path.contains("John")).count(), 3, "{paths:?}");
}

/// The scope of `rushes auth google`: not even the topmost folder can be looked at.
#[tokio::test]
async fn gdrive_keeps_the_destination_contract_where_only_ones_own_files_are_seen() {
    let scene = Scene::new().await;
    scene.drive.know(|_| Some(Account { email: "mira@example.com".into(), sees_only_own: true, ..Account::default() }));
    destination_suite_up_to(&scene.at("root"), 255).await;
}

#[tokio::test]
async fn gdrive_goes_on_with_uploads() {
    let scene = Scene::new().await;
    let folder = scene.drive.shared_drive("team", "writer");
    uploads_suite(&scene.at(&folder), LARGE_BYTES).await;
    assert_eq!(scene.drive.open_uploads(), 0, "no upload is left");
}

#[tokio::test]
async fn gdrive_begins_expired_uploads_anew() {
    let scene = Scene::new().await;
    let drive = scene.at("root");
    let large = source(&vec![5; LARGE_BYTES]);
    let kept = std::sync::Mutex::new(None::<String>);
    struct Keeps<'a>(&'a std::sync::Mutex<Option<String>>, usize);
    #[async_trait]
    impl rushes_core::destination::Session for Keeps<'_> {
        fn kept(&self) -> Option<String> {
            self.0.lock().unwrap().clone()
        }
        async fn keep(&self, text: &str) -> Result<(), Fault> {
            let is_first = self.0.lock().unwrap().replace(text.to_owned()).is_none();
            if is_first || self.1 == 0 { Ok(()) } else { Err(Fault::new(Code::LeaseLost, "keep session")) }
        }
    }
    let going = |limit| Keeps(&kept, limit);
    let session = going(1);
    let cut = drive.put(Put { session: &session, ..Put::new("large", &large.file, &large.blob, Condition::CreateOnly) }).await;
    assert_eq!(cut.unwrap_err().code, Code::LeaseLost);
    scene.drive.expire_uploads();
    let session = going(0);
    let proof = drive.put(Put { session: &session, ..Put::new("large", &large.file, &large.blob, Condition::CreateOnly) }).await.unwrap();
    assert!(proof.proves(&large.blob) && scene.drive.files().len() == 1);
}

/// 1,000 orders for 50 folders by 20 tasks of two processes, a third of the answers lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gdrive_makes_each_folder_once_whatever_answers_are_lost() {
    let scene = Scene::new().await;
    let chaos = Chaos::before(scene.drive.address).await;
    let seed = 11;
    chaos.set(Weather::Storm { seed, percent: 33, of: vec![Weather::LostAnswer] });
    let processes = [Arc::new(scene.through(&chaos)), Arc::new(scene.through(&chaos))];
    let mut tasks = Vec::new();
    for task in 0..20_usize {
        let drive = processes[task % 2].clone();
        tasks.push(tokio::spawn(async move {
            for order in 0..50 {
                let key = format!("shoot/person {:02}", (order * 7 + task * 3) % 50);
                let mut tries = 0;
                while let Err(fault) = drive.ensure_folder(&key).await {
                    tries += 1;
                    assert!(fault.is_transient() && tries < 100, "{key}: {fault}");
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let mut paths = scene.folder_paths();
    paths.sort();
    let wanted = ["Rushes".into(), "Rushes/tests".into(), "Rushes/tests/shoot".into()].into_iter();
    let wanted: Vec<String> = wanted.chain((0..50).map(|n| format!("Rushes/tests/shoot/person {n:02}"))).collect();
    assert_eq!(paths, wanted, "seed {seed}");
    assert!(chaos.spoilt() > 50, "answers were lost: {}", chaos.spoilt());
}

/// How many requests and how long 50 folders take, one by one and in batches; each request takes 20 ms there and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gdrive_batches_save_ways_there_and_back() {
    let scene = Scene::new().await;
    let chaos = Chaos::before(scene.drive.address).await;
    let keys: Vec<String> = (0..50).map(|n| format!("one/{n}")).chain((0..50).map(|n| format!("many/{n}"))).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let drive = scene.through(&chaos);
    drive.ensure_folders(&["one", "many"]).await.unwrap();
    let mut counts = Vec::new();
    for is_many in [false, true] {
        chaos.forget();
        let began = Instant::now();
        if is_many {
            drive.ensure_folders(&keys[50..]).await.unwrap();
        } else {
            for key in &keys[..50] {
                drive.ensure_folder(key).await.unwrap();
            }
        }
        counts.push((chaos.count("", "drive/v3"), began.elapsed()));
    }
    println!("50 folders one by one: {:?}; at once: {:?}", counts[0], counts[1]);
    assert!(counts[0].0 >= 150 && counts[1].0 <= 8, "{counts:?}");
    assert_eq!(scene.folder_paths().len(), 104);
}

/// Two processes put the same object at once, and lose answers: one file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gdrive_two_processes_make_one_object() {
    let scene = Scene::new().await;
    let chaos = Chaos::before(scene.drive.address).await;
    chaos.set(Weather::Storm { seed: 5, percent: 25, of: vec![Weather::LostAnswer] });
    let processes = [Arc::new(scene.through(&chaos)), Arc::new(scene.through(&chaos))];
    let small = Arc::new(source(b"the same"));
    let mut tasks = Vec::new();
    for n in 0..40 {
        let (drive, small) = (processes[n % 2].clone(), small.clone());
        tasks.push(tokio::spawn(async move {
            let key = format!("photos/{}.jpg", n / 4);
            let mut tries = 0;
            loop {
                match put(&drive, &key, &small).await {
                    Ok(proof) => break assert!(proof.proves(&small.blob)),
                    Err(fault) => assert!(fault.is_transient() && tries < 100, "{key}: {fault}"),
                }
                tries += 1;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let mut paths: Vec<String> = scene.drive.files().into_iter().map(|file| file.path).collect();
    paths.sort();
    assert_eq!(paths, (0..10).map(|n| format!("Rushes/tests/photos/{n}.jpg")).collect::<Vec<_>>());
    assert!(chaos.spoilt() > 10);
}

/// Where listings lag, two processes may not see each other: later looks agree on the oldest, and an empty second folder
/// goes when nobody uses it any more.
#[tokio::test]
async fn gdrive_what_two_processes_did_not_see_is_one_again() {
    let scene = Scene::new().await;
    let (one, other) = (scene.at("root"), scene.at("root"));
    scene.drive.set_lag(Duration::from_mins(1));
    for drive in [&one, &other] {
        drive.ensure_folder("shoot").await.unwrap();
    }
    assert_eq!(scene.folder_paths().len(), 6, "neither saw the other's");
    scene.drive.set_lag(Duration::ZERO);
    scene.drive.age(Duration::from_mins(20));
    let small = source(b"x");
    put(&one, "shoot/a.jpg", &small).await.unwrap();
    let later = scene.at("root");
    later.ensure_folder("shoot").await.unwrap();
    let mut paths = scene.folder_paths();
    paths.sort();
    assert_eq!(paths, ["Rushes", "Rushes/tests", "Rushes/tests/shoot"], "the empty ones are in the trash");
    assert_eq!(later.stat("shoot/a.jpg").await.unwrap().map(|proof| proof.size_bytes), Some(1));
    assert_eq!(scene.drive.files()[0].path, "Rushes/tests/shoot/a.jpg");
}

/// The answer to the create is lost and the listing does not show it yet: the id that was kept finds it.
#[tokio::test]
async fn gdrive_a_lost_answer_makes_no_second_file() {
    let scene = Scene::new().await;
    let chaos = Chaos::before(scene.drive.address).await;
    scene.drive.set_lag(Duration::from_mins(1));
    let small = source(b"once");
    #[derive(Default)]
    struct Row(std::sync::Mutex<Option<String>>);
    #[async_trait]
    impl rushes_core::destination::Session for Row {
        fn kept(&self) -> Option<String> {
            self.0.lock().unwrap().clone()
        }
        async fn keep(&self, text: &str) -> Result<(), Fault> {
            *self.0.lock().unwrap() = Some(text.to_owned());
            Ok(())
        }
    }
    let row = Row::default();
    let once = Put { session: &row, ..Put::new("once.txt", &small.file, &small.blob, Condition::CreateOnly) };
    chaos.set_for(Only::requests("POST", "uploadType=multipart").first(1), Weather::LostAnswer);
    assert!(scene.through(&chaos).put(once).await.unwrap_err().is_transient());
    assert_eq!(scene.drive.files().len(), 1);
    // The process died; the next one has the row.
    assert!(scene.through(&chaos).put(once).await.unwrap().proves(&small.blob));
    assert_eq!(scene.drive.files().len(), 1);
}

/// A replace keeps the file's id, so that what people have of it stays good; one that is gone meanwhile is put anew.
#[tokio::test]
async fn gdrive_a_new_version_is_the_same_file() {
    let scene = Scene::new().await;
    let drive = scene.at("root");
    for (large, first_bytes) in [(false, 1), (true, LARGE_BYTES)] {
        let key = format!("versions/{large}");
        let (first, second) = (source(&vec![1; first_bytes]), source(&vec![2; first_bytes]));
        let old = put(&drive, &key, &first).await.unwrap();
        let id = |name: &str| scene.drive.files().into_iter().find(|file| file.name == name).unwrap().id;
        let before = id(&large.to_string());
        let new = drive.put(Put::new(&key, &second.file, &second.blob, Condition::Replace(&old))).await.unwrap();
        assert!(new.proves(&second.blob) && new.etag != old.etag && id(&large.to_string()) == before);
        let noted = &scene.drive.files().into_iter().find(|file| file.id == before).unwrap().properties["rushes_sha256"];
        assert_eq!(*noted, second.blob.sha256);
        scene.drive.trash(&before);
        assert!(drive.put(Put::new(&key, &first.file, &first.blob, Condition::Replace(&new))).await.unwrap().proves(&first.blob));
        assert_ne!(id(&large.to_string()), before);
    }
}

/// What people do by hand: copies are not ours, what is renamed or moved still is, what went to the trash is gone.
#[tokio::test]
async fn gdrive_people_move_copy_and_remove() {
    let scene = Scene::new().await;
    let drive = scene.at("root");
    let (small, other) = (source(b"ours"), source(b"other"));
    put(&drive, "a.txt", &small).await.unwrap();
    let ours = scene.drive.files()[0].id.clone();
    let copy = scene.drive.copy(&ours);
    let second = scene.at("root");
    assert_eq!(second.list("", None).await.unwrap().keys, ["a.txt"]);
    assert!(put(&second, "a.txt", &small).await.is_ok());
    drive.delete("a.txt").await.unwrap();
    assert_eq!(scene.drive.files().iter().map(|file| file.id.as_str()).collect::<Vec<_>>(), [copy.as_str()], "the copy is theirs");
    assert_eq!(second.stat("a.txt").await.unwrap(), None);

    put(&drive, "b.txt", &small).await.unwrap();
    let b = scene.drive.files().into_iter().find(|file| file.name == "b.txt").unwrap().id;
    scene.drive.overwrite(&b, b"theirs");
    assert_eq!(put(&drive, "b.txt", &other).await.unwrap_err().code, Code::DestinationConflict);
    scene.drive.trash(&b);
    assert_eq!(drive.stat("b.txt").await.unwrap(), None);
    assert!(drive.list("", None).await.unwrap().keys.is_empty());
    assert!(put(&drive, "b.txt", &other).await.unwrap().proves(&other.blob));

    // A folder in the trash takes what is in it along; what is put there anew lies in a new one.
    put(&drive, "c/d/e.txt", &small).await.unwrap();
    let folder = scene.drive.folders().into_iter().find(|folder| folder.name == "d").unwrap().id;
    scene.drive.trash(&folder);
    put(&drive, "c/d/f.txt", &small).await.unwrap();
    assert_eq!(drive.list("c/", None).await.unwrap().keys, ["c/d/f.txt"]);
}

#[tokio::test]
async fn gdrive_refusals_say_what_to_do() {
    let scene = Scene::new().await;
    let small = source(b"x");
    let refused = async |drive: DriveDestination, words: &str| {
        let fault = put(&drive, "a.txt", &small).await.unwrap_err();
        assert!(fault.code == Code::DestinationRefused && !fault.is_transient() && fault.to_string().contains(words), "{words}: {fault}");
    };
    refused(scene.at("1nothing"), &format!("share the folder with this e-mail: {}", Google::EMAIL)).await;
    refused(scene.at(&scene.drive.shared_folder("theirs", "reader")), "as Editor").await;
    refused(scene.at(&scene.drive.shared_folder("theirs", "writer")), "folder of a shared drive").await;
    scene.drive.know(|_| Some(Account { email: "mira@example.com".into(), is_read_only: true, ..Account::default() }));
    refused(scene.at("root"), "run `rushes auth google` again").await;
    scene.drive.know_those_of(&scene.google);
    scene.drive.set_quota(0);
    refused(scene.at("root"), "there is no room left").await;
    scene.drive.set_quota(100);
    let team = scene.drive.shared_drive("team", "writer");
    let drive = scene.at(&team);
    put(&drive, "b.txt", &small).await.unwrap();
    scene.drive.trash(&team);
    refused(drive, "the folder is in the trash").await;
    let drive = scene.at("root");
    put(&drive, "a.txt", &small).await.unwrap();
    scene.google.accounts.expire();
    let fault = drive.stat("a.txt").await.unwrap_err();
    assert!(fault.is_transient() && fault.code == Code::DestinationRefused, "{fault}");
    assert!(drive.stat("a.txt").await.unwrap().is_some(), "the next token is good");
    for (folder, words) in [("a b", "gdrive://root"), ("", "gdrive://root")] {
        let fault = DriveDestination::new(scene.settings(&scene.drive.url, folder)).unwrap_err();
        assert!(fault.code == Code::ConfigInvalid && fault.to_string().contains(words), "{fault}");
    }
}
