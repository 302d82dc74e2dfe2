//! What must never cost a home its files: records that lie, places within the home or beside the configuration, a home
//! that is moved away under its engine, names no disk takes.

use crate::support::{Places, TestEngine, recipes::Recipes};
use rushes_core::catalog::Record;
use rushes_core::destination::{Condition, Put};
use rushes_engine::restore::restore;
use serde_json::json;
use std::path::Path;

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn home_is_restored_into_its_library_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let (victim, source) = (folder.path().join("victim.txt"), folder.path().join("source"));
    write(&victim, b"somebody's own");
    write(&source, b"bytes of whoever writes records");
    let blob = rushes_core::digest::digest(&b"bytes of whoever writes records"[..], "").unwrap();
    let port = &places.destinations[0].1;
    for (n, path, sha256) in [
        (1, victim.to_str().unwrap(), blob.sha256.as_str()),
        (2, "../../victim.txt", &blob.sha256),
        (3, "u/1/3.png", "é"),
        (4, "u/1/4.png", &blob.sha256),
    ] {
        let (id, key) = (uuid::Uuid::from_u128(n).to_string(), format!("base/{path}"));
        port.put(Put::new(&key, &source, &blob, Condition::CreateOnly)).await.unwrap();
        let fields = json!({"asset": id, "uri": port.uri(&key), "sha256": sha256, "size_bytes": blob.size_bytes, "kind": "workspace_image",
            "path": path, "mime": "application/octet-stream", "owner": "u"});
        places.catalog.put(&Record { collection: "workspace_assets".into(), id, rev: 1, fields }).await.unwrap();
    }
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let restored = restore(engine.parts(), &|_| ()).await.unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"somebody's own");
    assert_eq!((restored.files, restored.lost.len()), (1, 3), "{restored:#?}");
    assert!(engine.parts().home.library().join("u/1/4.png").exists());
}
