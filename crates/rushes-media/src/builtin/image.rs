//! The built-in illustrator behind the image port: stills and stickers as PNG.
//!
//! What does not live here: the drawing itself (`crate::draw`).

use crate::draw::{CharacterSpec, Look, lettering, sticker, still};
use crate::run::behind;
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, ImageRequest, Picture, Provider, ProviderCard};
use rushes_core::{Code, Fault};
use std::path::{Path, PathBuf};
use tiny_skia::Pixmap;

/// Draws characters on this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltinImage;

#[async_trait::async_trait]
impl Provider<ImageRequest> for BuiltinImage {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "builtin", model: "rushes-draw", version: 2, lane: Lane::Cpu }
    }

    async fn make(&self, request: &ImageRequest, call: &Call) -> Result<PathBuf, Fault> {
        let (request, call) = (request.clone(), call.clone());
        behind("draw picture", move || make(&request, &call)).await
    }
}

/// The work itself, on a thread that may block.
fn make(request: &ImageRequest, call: &Call) -> Result<PathBuf, Fault> {
    if call.cancel.is_cancelled() {
        return Err(Fault::new(Code::Cancelled, "draw picture"));
    }
    let spec = CharacterSpec::from_concept(&request.concept);
    let cut = spec.cut(&request.outfit, &request.concept.traits)?;
    let (width, height) = (request.width, request.height);
    let (name, picture) = match request.picture {
        Picture::Anime => ("anime.png", still::portrait(&spec, &cut, Look::ANIME, width, height)?),
        Picture::Cosplay => ("cosplay.png", still::portrait(&spec, &cut, Look::COSPLAY, width, height)?),
        Picture::IconSticker => ("icon.png", sticker::icon_sticker(&spec, &cut, width, height)?),
        Picture::NameSticker => ("name.png", lettering::name_sticker(&spec, width, height)?),
    };
    let path = call.scratch.join(name);
    save(picture, &path)?;
    (call.progress)(1.0, "drawn");
    Ok(path)
}

/// Writes a picture as PNG with straight alpha. Errors: `disk_full`, `io`, `file_missing` (no such folder).
fn save(picture: Pixmap, path: &Path) -> Result<(), Fault> {
    let (width, height) = (picture.width(), picture.height());
    let straight = picture.take_demultiplied();
    image::save_buffer_with_format(path, &straight, width, height, image::ColorType::Rgba8, image::ImageFormat::Png).map_err(|error| {
        match error {
            image::ImageError::IoError(io) => Fault::io("write picture", path, &io),
            other => Fault::new(Code::Unexpected, "write picture").with("path", path.display()).because(other),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rushes_core::Cancel;
    use rushes_core::provider::{Concept, Outfit};

    fn request(picture: Picture, outfit: &str, seed: u64) -> ImageRequest {
        let concept = Concept {
            name: "Mira Vale".into(),
            tagline: String::new(),
            traits: vec![],
            prompt: String::new(),
            seed,
            style: "kpop_dance".into(),
        };
        ImageRequest { concept, picture, outfit: Outfit(outfit.into()), width: 360, height: 640, like: None }
    }

    #[tokio::test]
    async fn builtin_image_draws_every_picture_and_outfit_alike_twice() {
        for (picture, outfit) in [
            (Picture::Anime, "signature"),
            (Picture::Cosplay, "kpop"),
            (Picture::Cosplay, "swimsuit"),
            (Picture::IconSticker, "signature"),
            (Picture::NameSticker, "signature"),
        ] {
            let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let mut bytes = Vec::new();
            for folder in &folders {
                let call = Call::alone("job/image", folder.path(), Cancel::new());
                let path = BuiltinImage.make(&request(picture, outfit, 3), &call).await.unwrap();
                assert_eq!(image::image_dimensions(&path).unwrap(), (360, 640));
                bytes.push(std::fs::read(path).unwrap());
            }
            assert!(bytes[0] == bytes[1], "{picture:?} in {outfit} is not the same twice");
        }
    }

    #[tokio::test]
    async fn builtin_image_lists_the_outfits_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let call = Call::alone("job/image", folder.path(), Cancel::new());
        let fault = BuiltinImage.make(&request(Picture::Anime, "pyjamas", 3), &call).await.unwrap_err();
        assert_eq!(fault.code, Code::InputInvalid);
        assert!(fault.to_string().contains("signature, kpop, swimsuit"), "{fault}");
    }
}
