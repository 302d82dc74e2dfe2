//! Looks at a photo: decode, detect, align, embed.

use crate::decode::{self, Decoder, Picture};
use crate::models::{self, DETECTOR, EMBEDDER};
use crate::resample::Area;
use crate::run::{Engine, Run, Runtime, free};
use crate::{align, crop, detect, embed, quality};
use async_trait::async_trait;
use rushes_core::faces::{Face, FaceFinder, Region, Seen};
use rushes_core::{Cancel, Code, Fault};
use std::path::Path;
use std::sync::Arc;

/// Names what finds and tells faces, the same for every runtime: their templates are equal.
pub const MODEL: &str = "yunet-2023mar/dlib-resnet-v1";
/// Of one photo: a crowd beyond this is background.
const MAX_FACES: usize = 200;

/// Both models, loaded once and shared by all who look.
#[derive(Clone)]
pub struct Finder {
    parts: Arc<Parts>,
}

struct Parts {
    runtime: &'static str,
    detector: Box<dyn Run>,
    embedder: Box<dyn Run>,
    decoder: Option<Decoder>,
}

impl Finder {
    /// With the models of this folder; `decoder` opens what is neither JPEG, PNG, WebP nor a raw file. It reads some 22 MB.
    /// Errors: `faces_off` where a model is absent or another file, `config_invalid` where the library named is none.
    pub fn open(models: &Path, runtime: &Runtime, decoder: Option<Decoder>) -> Result<Self, Fault> {
        let (detector, embedder) = (models::read(models, DETECTOR)?, models::read(models, EMBEDDER)?);
        let engine = Engine::ready(runtime)?;
        let (detector, embedder) = (engine.open(free(&detector)?)?, engine.open(embedder)?);
        Ok(Self { parts: Arc::new(Parts { runtime: engine.name(), detector, embedder, decoder }) })
    }

    /// What computes: `rten` or `ort`.
    #[must_use]
    pub fn runtime(&self) -> &'static str {
        self.parts.runtime
    }
}

#[async_trait]
impl FaceFinder for Finder {
    fn model(&self) -> &str {
        MODEL
    }

    async fn look(&self, photo: &Path, cancel: &Cancel) -> Result<Seen, Fault> {
        let cancel = cancel.child_token();
        // Whoever stops waiting stops the work, too.
        let _guard = cancel.clone().drop_guard();
        let (parts, path) = (Arc::clone(&self.parts), photo.to_owned());
        let joined = tokio::task::spawn_blocking(move || parts.look(&path, &cancel)).await;
        joined.map_err(|error| Fault::new(Code::Panicked, "find faces").with("path", photo.display()).because(error))?
    }
}

impl Parts {
    fn look(&self, path: &Path, cancel: &Cancel) -> Result<Seen, Fault> {
        let go_on = || if cancel.is_cancelled() { Err(Fault::new(Code::Cancelled, "find faces")) } else { Ok(()) };
        go_on()?;
        let picture = decode::open(path, self.decoder.as_ref(), cancel)?;
        go_on()?;
        let found = detect::detect(&*self.detector, &picture)?;
        let mut faces = Vec::with_capacity(found.len().min(MAX_FACES));
        for one in found.iter().take(MAX_FACES) {
            go_on()?;
            faces.push(self.face(&picture, one)?);
        }
        Ok(Seen { width: picture.width, height: picture.height, faces })
    }

    fn face(&self, picture: &Picture, found: &detect::Found) -> Result<Face, Fault> {
        let (wide, high) = (picture.rgb.width() as f32, picture.rgb.height() as f32);
        let chip = align::chip(&picture.rgb, found);
        let Area { x, y, width, height } = found.area;
        Ok(Face {
            region: Region { x: x / wide, y: y / high, width: width / wide, height: height / high },
            quality: quality::quality(found, &chip, picture.width as f32 / wide),
            template: embed::embed(&*self.embedder, &chip)?,
            crop: crop::crop(&picture.rgb, found.area)?,
        })
    }
}
