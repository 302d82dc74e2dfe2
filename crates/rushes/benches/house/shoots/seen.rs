//! Since when objects and folders are there, as the servers keep them.

use super::SHOOT;
use rushes_core::store::{AssetFilter, Assets, Pages, SubjectFilter};
use rushes_core::subject::SubjectType;
use rushes_core::{Asset, Kind};
use rushes_store::SqlStore;
use rushes_testkit::drive::Drive;
use rushes_testkit::servers::S3Server;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// More people than there are.
const PEOPLE_MAX: u32 = 1_000;

/// A destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    S3,
    Drive,
}

impl Place {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Drive => "drive",
        }
    }
}

/// What the servers hold.
pub(super) struct Places {
    bucket: PathBuf,
    drive: HashMap<String, i64>,
}

impl Places {
    pub(super) fn new(s3: &S3Server, drive: &Drive) -> Self {
        let held = drive.files().into_iter().chain(drive.folders());
        let drive = held.map(|file| (file.path, file.created_ms)).collect();
        Self { bucket: s3.folder.clone().unwrap().join("bucket"), drive }
    }

    /// Since when an object is there, milliseconds since 1970. The server for S3 writes a file aside and gives it its name at the
    /// end, which is what changes it last.
    pub(super) fn since_ms(&self, place: Place, path: &str) -> i64 {
        match place {
            Place::S3 => {
                let file = std::fs::metadata(self.bucket.join(path)).unwrap_or_else(|e| panic!("{path} is not at s3: {e}"));
                file.ctime() * 1_000 + file.ctime_nsec() / 1_000_000
            }
            Place::Drive => self.made_at_drive(path),
        }
    }

    fn made_at_drive(&self, path: &str) -> i64 {
        *self.drive.get(&format!("bucket/{path}")).unwrap_or_else(|| panic!("{path} is not at Drive"))
    }

    fn folder_since_ms(&self, place: Place, path: &str) -> i64 {
        match place {
            Place::S3 => {
                let made = std::fs::metadata(self.bucket.join(path)).and_then(|folder| folder.created());
                let made = made.unwrap_or_else(|e| panic!("since when {path} is at s3: {e}"));
                i64::try_from(made.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
            }
            Place::Drive => self.made_at_drive(path),
        }
    }

    /// For everybody who was met: from the closing of the first photo with them to both their folders.
    pub(super) async fn folders(&self, place: Place, store: &SqlStore, closed_ms: impl Fn(&Asset) -> i64) -> Vec<f64> {
        let filter = SubjectFilter { subject_type: Some(SubjectType::Person), limit: PEOPLE_MAX, ..SubjectFilter::default() };
        let mut took = Vec::new();
        for person in store.subject_page(&filter).await.unwrap() {
            let theirs = AssetFilter { kind: Some(Kind::Photo), subject: Some(person.made.id), ..AssetFilter::default() };
            let assets = store.assets(&theirs).await.unwrap();
            let Some(first_ms) = assets.iter().map(|(asset, _)| closed_ms(asset)).min() else { continue };
            let name = person.made.fields["folder"].as_str().unwrap();
            let made = ["Solo", "Group"].map(|group| self.folder_since_ms(place, &format!("{SHOOT}/People/{name}/{group}")));
            took.push((made.into_iter().max().unwrap() - first_ms) as f64);
        }
        took
    }
}
