//! What is asked of Gemini to have a picture.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rushes_core::provider::{ImageRequest, Outfit, Picture};
use rushes_core::{Code, Fault};
use serde_json::{Value, json};

/// What a request may hold inline, less what base64 and the words take.
const LIKE_MAX_BYTES: usize = 14 * 1024 * 1024;
/// The shapes it makes.
const SHAPES: [(u32, u32); 10] = [(1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9)];

/// The request. Errors: `file_too_large`, `io`.
pub(super) async fn order(request: &ImageRequest) -> Result<Value, Fault> {
    let mut parts = vec![json!({"text": words(request)})];
    if let Some(like) = &request.like {
        let bytes = tokio::fs::read(like).await.map_err(|e| Fault::io("read picture", like, &e))?;
        if bytes.len() > LIKE_MAX_BYTES {
            let reason = format!("Gemini takes pictures of up to 14 MiB, and this one has {} bytes; make it smaller", bytes.len());
            return Err(Fault::new(Code::FileTooLarge, "make picture").with("path", like.display()).because(reason));
        }
        parts.push(json!({"inlineData": {"mimeType": mime_of(&bytes), "data": STANDARD.encode(&bytes)}}));
    }
    let (wide, high) = shape(request.width, request.height);
    Ok(json!({
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": format!("{wide}:{high}")}},
    }))
}

fn mime_of(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xd8, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', ..] => "image/webp",
        _ => "image/png",
    }
}

/// The nearest of its shapes, by how much longer one side is.
fn shape(width: u32, height: u32) -> (u32, u32) {
    let wanted = f64::from(width.max(1)) / f64::from(height.max(1));
    let distance = |(wide, high): &(u32, u32)| (f64::from(*wide) / f64::from(*high) / wanted).ln().abs();
    SHAPES.into_iter().min_by(|one, other| distance(one).total_cmp(&distance(other))).unwrap_or((1, 1))
}

fn words(request: &ImageRequest) -> String {
    let concept = &request.concept;
    let wearing = if request.outfit == Outfit::signature() {
        String::new()
    } else {
        format!(" Instead of the clothing above: a modest {} outfit that covers well.", request.outfit.0.replace('_', " "))
    };
    let ground =
        "on a plain, even, pure green ground (#00ff00) that fills the whole picture to its edges, without shadow, border or text besides";
    let picture = match request.picture {
        Picture::Anime => "A cel-shaded anime illustration of the full figure from head to feet, upright, facing the viewer, on a plain light backdrop.".to_owned(),
        Picture::Cosplay => {
            "A softer, more real rendering of the full figure from head to feet, upright, facing the viewer, in studio light on a plain backdrop.".to_owned()
        }
        Picture::IconSticker => format!("A round sticker of head and shoulders, cel-shaded, with a white outline, {ground}."),
        Picture::NameSticker => {
            let name = serde_json::Value::from(concept.name.as_str());
            return format!("A sticker that shows nothing but the name {name} in bold, rounded, friendly letters with a white outline, on one line, {ground}.");
        }
    };
    let like = if request.like.is_some() { " The picture given shows the same person: keep face, hair and colours." } else { "" };
    format!("{picture}{like} One adult, fully clothed, nobody else, no text, no logo. {}.{wearing}", concept.prompt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gemini_pictures_are_asked_for_in_the_nearest_shape() {
        assert_eq!(shape(720, 1280), (9, 16));
        assert_eq!(shape(512, 512), (1, 1));
        assert_eq!(shape(720, 260), (21, 9));
        assert_eq!(shape(1080, 1350), (4, 5));
    }
}
