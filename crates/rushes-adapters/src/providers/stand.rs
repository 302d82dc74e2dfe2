//! What the tests of providers have in common: a place to lend from, a picture, a reference, and orders of ours.

#![expect(clippy::disallowed_methods, reason = "these tests lay out what is handed in")]

use super::lend::Lender;
use crate::destinations::s3::{AccessKey, Addressing, S3Destination, S3Settings};
use crate::http::HttpOptions;
use rushes_core::provider::{Concept, ImageRequest, MotionRequest, Outfit, Picture};
use rushes_testkit::etags::{EtagServer, Etags};
use rushes_testkit::instagram::film_of_ms;
use std::path::PathBuf;
use std::sync::Arc;

/// A bucket that is lent from, and a folder with what is handed in.
pub(super) struct House {
    bucket: EtagServer,
    pub(super) folder: tempfile::TempDir,
}

impl House {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("image.png"), b"a picture").unwrap();
        std::fs::write(folder.path().join("step.mp4"), film_of_ms(4_000)).unwrap();
        Self { bucket: EtagServer::start(Etags::Md5).await, folder }
    }

    pub(super) fn lender(&self) -> Lender {
        let destination = S3Destination::new(S3Settings {
            bucket: "bucket".into(),
            endpoint: Some(self.bucket.url.clone()),
            region: "auto".into(),
            addressing: Addressing::Path,
            key: Some(AccessKey { id: "id".into(), secret: "secret".into(), token: None }),
            public_base: None,
            part_bytes: 8 * 1024 * 1024,
            http: HttpOptions::default(),
        });
        Lender::new(Arc::new(destination.unwrap()), "p/").unwrap()
    }

    /// Whether anything lent under these names for the call of this key is still there.
    pub(super) fn lends(&self, key: &str, names: &[&str]) -> bool {
        let lender = self.lender();
        names.iter().any(|name| self.bucket.bytes(&lender.key(key, name)).is_some())
    }

    fn concept() -> Concept {
        Concept {
            name: "Mika Sol".into(),
            tagline: String::new(),
            traits: Vec::new(),
            prompt: "an adult dancer with teal hair".into(),
            seed: 1,
            style: "kpop_dance".into(),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn motion(&self) -> MotionRequest {
        MotionRequest {
            concept: Self::concept(),
            outfit: Outfit::signature(),
            image: self.file("image.png"),
            reference: self.file("step.mp4"),
            seed: 1,
            width: 720,
            height: 1280,
            fps: 30,
            max_ms: 10_000,
        }
    }

    pub(super) fn image(&self) -> ImageRequest {
        ImageRequest {
            concept: Self::concept(),
            picture: Picture::Cosplay,
            outfit: Outfit("swim_wear".into()),
            width: 768,
            height: 1344,
            like: Some(self.file("image.png")),
        }
    }
}
