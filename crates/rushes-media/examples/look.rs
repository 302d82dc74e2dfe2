//! Renders what the eye must judge: a contact sheet of people and a strip of dance frames.
//! `cargo run -p rushes-media --example look [folder]`

use rushes_core::provider::{Concept, Outfit};
use rushes_media::draw::{CharacterSpec, Look, still};
use std::path::PathBuf;
use tiny_skia::{FilterQuality, Pixmap, PixmapPaint, Transform};

type Trouble = Box<dyn std::error::Error>;

fn concept(seed: u64) -> Concept {
    Concept { name: "Mira Vale".into(), tagline: String::new(), traits: vec![], prompt: String::new(), seed, style: "kpop_dance".into() }
}

/// Pastes pictures into a grid, each scaled.
fn sheet(pictures: &[Pixmap], columns: usize, scale: f32) -> Option<Pixmap> {
    let first = pictures.first()?;
    let (w, h) = ((first.width() as f32 * scale) as u32, (first.height() as f32 * scale) as u32);
    let mut made = Pixmap::new(w * columns as u32, h * pictures.len().div_ceil(columns) as u32)?;
    for (i, picture) in pictures.iter().enumerate() {
        let (x, y) = ((i % columns) as f32 * w as f32, (i / columns) as f32 * h as f32);
        let paint = PixmapPaint { quality: FilterQuality::Bicubic, ..PixmapPaint::default() };
        made.draw_pixmap(0, 0, picture.as_ref(), &paint, Transform::from_scale(scale, scale).post_translate(x, y), None);
    }
    Some(made)
}

fn people(folder: &std::path::Path) -> Result<(), Trouble> {
    for (name, look, outfit) in [("anime", Look::ANIME, "signature"), ("cosplay", Look::COSPLAY, "kpop"), ("surf", Look::COSPLAY, "swimsuit")] {
        let count = if name == "surf" { 6 } else { 24 };
        let mut pictures = Vec::new();
        for seed in 1..=count {
            let concept = concept(seed);
            let spec = CharacterSpec::from_concept(&concept);
            let cut = spec.cut(&Outfit(outfit.into()), &concept.traits)?;
            let picture = still::portrait(&spec, &cut, look, 720, 1280)?;
            if [1, 2, 6, 9].contains(&seed) {
                picture.save_png(folder.join(format!("{name}_{seed}.png")))?;
            }
            pictures.push(picture);
        }
        sheet(&pictures, 8.min(count as usize), 0.3).ok_or("empty sheet")?.save_png(folder.join(format!("sheet_{name}.png")))?;
    }
    Ok(())
}

fn main() -> Result<(), Trouble> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/look"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    people(&folder)
}
