//! A library that lies in a bucket already: taken in by its listing, and by the addresses its record names.

use super::stand::{BUCKET, STORES, Stand};
use crate::support::library::{a_film, picture, varied, write};
use crate::support::program::{Program, SMALL};
use rushes_core::destination::{Condition, Put};
use rushes_core::digest::digest;
use serde_json::json;
use std::collections::BTreeMap;

const DANCE: &str = "dance_mira_1770337530_cosplay_on_ref1";

#[test]
fn clouds_a_bucket_is_imported_by_listing_and_by_address() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let film = a_film(folder.path());
    let old = BTreeMap::from([
        ("old/characters/mira_1770337530.png".to_owned(), picture(1)),
        (format!("old/dances/{DANCE}.mp4"), varied(&film, 2)),
        (format!("old/remixes/{DANCE}/[kpop]_REMIX_{DANCE}.mp4"), varied(&film, 3)),
        ("old/pictures/by another name.png".to_owned(), picture(4)),
    ]);
    for name in STORES {
        let Some(stand) = runtime.block_on(Stand::named(name)) else { continue };
        let port = stand.port();
        for (key, bytes) in &old {
            let file = folder.path().join("object");
            write(&file, bytes);
            let blob = digest(&bytes[..], "").unwrap();
            runtime.block_on(port.put(Put::new(key, &file, &blob, Condition::CreateOnly))).unwrap();
        }
        let program = Program::with(&format!("{SMALL}{}prefix = \"new\"\n", stand.section("cloud")));
        let lines: String = stand.secrets().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        program.write(".env", lines.as_bytes());
        let cosplay = port.uri("old/pictures/by another name.png");
        assert!(cosplay.contains(BUCKET), "{cosplay}");
        let sets = json!([{"title": "primary", "cosplay_image": cosplay, "dance_video": port.uri("old/gone.mp4")}]);
        let db = json!([{"id": "mira_1770337530", "name": "Mira", "assets": sets}]);
        let db = program.write("character_db.json", db.to_string().as_bytes());
        let said = program.run(&["import", db.to_str().unwrap(), "--from", "cloud/old", "--json"]).expect(3).json();
        assert_eq!(said["proven"], true, "{name}: {said:#}");
        let missing = said["missing"].as_array().unwrap();
        assert!(missing.len() == 1 && said["conflicts"] == json!([]), "{name}: {said:#}");
        let objects = runtime.block_on(stand.objects());
        let hash = |bytes: &[u8]| digest(bytes, "").unwrap().sha256;
        let new = format!("new/remixes/{DANCE}/result/[kpop_soundtrack]_REMIX_{DANCE}.mp4");
        assert_eq!(objects[&new], hash(&varied(&film, 3)), "{name}");
        assert_eq!(objects["new/characters/mira_1770337530_cosplay.png"], hash(&picture(4)), "{name}: by its address");
        assert!(old.iter().all(|(key, bytes)| objects[key] == hash(bytes)), "{name}: what was there stays as it was");
        program.run(&["audit"]).expect(0);
        let again = program.run(&["import", db.to_str().unwrap(), "--from", "cloud/old", "--json"]).expect(3).json();
        let new: u64 =
            again["before"].as_array().unwrap().iter().map(|line| line["new"].as_u64().unwrap() + line["changed"].as_u64().unwrap()).sum();
        assert_eq!(new, 0, "{name}: {again:#}");
    }
}
