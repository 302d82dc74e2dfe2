//! `s3://` beside `rclone copy`, on the very same `s3s-fs`, in turns within one run, both with their checks on.

mod broken;
mod child;
mod many;
mod rest;
mod runs;
mod stream;

use runs::Place;
use rushes_testkit::servers::{S3Server, s3s_fs_in};
use std::cell::Cell;
use std::path::{Path, PathBuf};

/// Whether this process is one that is measured; then it has done its work.
pub(crate) fn was_child() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_child = arguments.first().is_some_and(|name| name == child::NAME);
    if is_child {
        child::run(&arguments[1..]);
    }
    is_child
}

/// A disk in memory, where the system has one. A server that writes many small objects to a disk takes twice as long where others
/// were removed a moment ago, whoever sends them.
const MEMORY: &str = "/dev/shm";

/// The server, a folder for all that is made, and names that nobody has used.
struct Ground {
    server: S3Server,
    folder: tempfile::TempDir,
    used: Cell<u32>,
}

impl Ground {
    /// One whose server keeps its objects in this folder.
    fn with_objects_in(folder: &Path) -> Option<Self> {
        Some(Self { server: s3s_fs_in(folder)?, folder: tempfile::tempdir().unwrap(), used: Cell::new(0) })
    }

    fn number(&self) -> u32 {
        self.used.set(self.used.get() + 1);
        self.used.get()
    }

    /// A new bucket.
    fn place(&self) -> Place {
        let bucket = format!("bucket{}", self.number());
        self.server.make_bucket(&bucket);
        // What was written before is not to be paid by who comes next.
        rustix::fs::sync();
        Place { endpoint: self.server.endpoint.clone(), bucket }
    }

    /// A new folder's path, for a home or for files.
    fn fresh(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}{}", self.number()))
    }

    /// What a bucket holds in memory goes.
    fn leave(&self, place: &Place) {
        let objects = self.objects(place);
        if objects.starts_with(MEMORY) {
            std::fs::remove_dir_all(objects).unwrap();
        }
    }

    /// Where the server keeps the objects of a bucket.
    fn objects(&self, place: &Place) -> PathBuf {
        self.server.folder.clone().unwrap().join(&place.bucket)
    }
}

pub(crate) async fn measure() {
    let Some(version) = runs::rclone_version() else {
        println!("clouds      left out: rclone is missing (scripts/setup.sh develop installs it)");
        return;
    };
    let Some(ground) = Ground::with_objects_in(&std::env::temp_dir()) else {
        println!("clouds      left out: s3s-fs is missing (scripts/setup.sh develop installs it)");
        return;
    };
    println!("clouds      beside {version}, both to one s3s-fs, in turns");
    let only = std::env::var("RUSHES_BENCH_CLOUDS").unwrap_or_default();
    let is_wanted = |part: &str| only.is_empty() || only.split(',').any(|word| word == part);
    if is_wanted("small") {
        let in_memory = Some(Path::new(MEMORY)).filter(|memory| memory.is_dir()).and_then(Ground::with_objects_in);
        many::measure(in_memory.as_ref().unwrap_or(&ground), &many::SMALL);
    }
    if is_wanted("large") {
        many::measure(&ground, &many::LARGE);
    }
    if is_wanted("stream") {
        stream::measure(&ground);
    }
    if is_wanted("broken") {
        broken::measure(&ground).await;
    }
    if is_wanted("rest") {
        rest::measure(&ground).await;
    }
    if std::env::var_os("RUSHES_BENCH_5GB").is_some_and(|value| value == "1") {
        many::huge(&ground);
    }
}
