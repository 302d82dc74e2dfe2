//! Renders what the eye must judge: a contact sheet of people and a strip of dance frames.
//! `cargo run -p rushes-media --example look [folder] [people|dances|stickers|cuts|aligned|speed|clips|pictures]`; `make pictures`
//! writes those of the documents.

use rushes_core::Cancel;
use rushes_core::provider::{Call, Concept, MotionRequest, Outfit, Provider};
use rushes_media::align;
use rushes_media::builtin::BuiltinMotion;
use rushes_media::builtin::references::render_references;
use rushes_media::draw::choreography::{Choreography, Music};
use rushes_media::draw::film::{Dancer, Film};
use rushes_media::draw::{CharacterSpec, Look, lettering, sticker, still};
use rushes_media::run::Ffmpeg;
use rushes_media::stills;
use std::path::{Path, PathBuf};
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

fn people(folder: &Path) -> Result<(), Trouble> {
    for (name, look, outfit) in
        [("anime", Look::ANIME, "signature"), ("cosplay", Look::COSPLAY, "kpop"), ("surf", Look::COSPLAY, "swimsuit")]
    {
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

fn save_jpeg(picture: &Pixmap, path: &Path) -> Result<(), Trouble> {
    let (width, height) = (picture.width(), picture.height());
    let rgb: Vec<u8> = picture.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 84);
    Ok(image::ImageEncoder::write_image(encoder, &rgb, width, height, image::ExtendedColorType::Rgb8)?)
}

/// The pictures the documents show: who seeds 1 to 24 are, as drawn and as cosplay, and three dances.
fn pictures(folder: &Path) -> Result<(), Trouble> {
    for (name, look, outfit) in [("people.jpg", Look::ANIME, "signature"), ("cosplay.jpg", Look::COSPLAY, "kpop")] {
        let mut people = Vec::new();
        for seed in 1..=24 {
            let spec = CharacterSpec::from_concept(&concept(seed));
            people.push(still::portrait(&spec, &spec.cut(&Outfit(outfit.into()), &[])?, look, 720, 1280)?);
        }
        save_jpeg(&sheet(&people, 8, 0.25).ok_or("empty sheet")?, &folder.join(name))?;
    }
    let mut frames = Vec::new();
    for (seed, outfit) in [(9u64, "kpop"), (14, "signature"), (19, "kpop")] {
        let spec = CharacterSpec::from_concept(&concept(seed));
        let cut = spec.cut(&Outfit(outfit.into()), &[])?;
        let choreography = Choreography::new(Music::steady(124.0, 16.0), seed);
        let film = Film::new(Dancer::Character(Box::new(spec), Box::new(cut)), &choreography, seed, 480, 30, (720, 1280));
        let (mut half, mut frame) = film.scratch();
        for i in 0..12 {
            film.draw(20 + i * 16, &mut half, &mut frame);
            frames.push(frame.clone());
        }
    }
    save_jpeg(&sheet(&frames, 12, 0.2).ok_or("empty sheet")?, &folder.join("dances.jpg"))
}

/// A strip of dance frames, a quarter of a second apart, and what a frame costs.
fn dance(folder: &Path, name: &str, dancer: Dancer, seed: u64) -> Result<(), Trouble> {
    let choreography = Choreography::new(Music::steady(124.0, 16.0), seed);
    let film = Film::new(dancer, &choreography, seed, 480, 30, (720, 1280));
    let (mut half, mut frame) = film.scratch();
    let mut pictures = Vec::new();
    for i in 0..24 {
        film.draw(i * 9 + 30, &mut half, &mut frame);
        pictures.push(frame.clone());
    }
    pictures[7].save_png(folder.join(format!("{name}_frame.png")))?;
    sheet(&pictures, 12, 0.22).ok_or("empty sheet")?.save_png(folder.join(format!("{name}.png")))?;
    Ok(())
}

fn stickers(folder: &Path) -> Result<(), Trouble> {
    let (mut icons, mut names) = (Vec::new(), Vec::new());
    for (seed, name) in
        (1..=8).zip(["Mira Vale", "Kai Sterling", "Yuna Park", "Enzo Blume", "Odile Fenwick", "Rin Sato", "Anselm Eastlake", "Zia Moro"])
    {
        let concept = Concept { name: name.into(), ..concept(seed) };
        let spec = CharacterSpec::from_concept(&concept);
        let cut = spec.cut(&Outfit::signature(), &concept.traits)?;
        let on = |picture: Pixmap| -> Option<Pixmap> {
            let mut grey = Pixmap::new(picture.width(), picture.height())?;
            grey.fill(tiny_skia::Color::from_rgba8(120, 130, 140, 255));
            grey.draw_pixmap(0, 0, picture.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
            Some(grey)
        };
        icons.push(on(sticker::icon_sticker(&spec, &cut, 512, 512)?).ok_or("no size")?);
        names.push(on(lettering::name_sticker(&spec, 720, 260)?).ok_or("no size")?);
    }
    sheet(&icons, 4, 0.7).ok_or("empty sheet")?.save_png(folder.join("sheet_icons.png"))?;
    sheet(&names, 4, 0.5).ok_or("empty sheet")?.save_png(folder.join("sheet_names.png"))?;
    Ok(())
}

/// Stickers on green as JPEGs bring them, cut out, on a ground that shows every fringe.
fn cuts(folder: &Path) -> Result<(), Trouble> {
    let mut pictures = Vec::new();
    for seed in 1..=8 {
        let spec = CharacterSpec::from_concept(&concept(seed));
        let person = sticker::icon_sticker(&spec, &spec.cut(&Outfit::signature(), &[])?, 512, 512)?;
        let mut laid = Pixmap::new(512, 512).ok_or("no size")?;
        laid.fill(tiny_skia::Color::from_rgba8(0, 255, 0, 255));
        laid.draw_pixmap(0, 0, person.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
        let (green, cut) = (folder.join(format!("green_{seed}.jpg")), folder.join(format!("cut_{seed}.png")));
        save_jpeg(&laid, &green)?;
        stills::cut_out(&green, &cut, &Cancel::new())?;
        for ground in [tiny_skia::Color::from_rgba8(40, 20, 60, 255), tiny_skia::Color::from_rgba8(240, 120, 160, 255)] {
            let mut shown = Pixmap::new(512, 512).ok_or("no size")?;
            shown.fill(ground);
            let cut = Pixmap::load_png(&cut)?;
            shown.draw_pixmap(0, 0, cut.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
            pictures.push(shown);
        }
    }
    sheet(&pictures, 4, 0.7).ok_or("empty sheet")?.save_png(folder.join("sheet_cuts.png"))?;
    Ok(())
}

/// Stills beside the first frame of the reference they were fitted to, a line on each floor. Only when asked for by name.
fn aligned(folder: &Path) -> Result<(), Trouble> {
    let cancel = Cancel::new();
    let mut pictures = Vec::new();
    for (number, reference) in render_references(folder, &cancel, &mut |_, _| ())?.iter().enumerate() {
        let frame = folder.join(format!("first_{number}.png"));
        let first = Ffmpeg::new("take first frame").input(reference).args(["-frames:v", "1", "-c:v", "png", "-f", "image2pipe"]);
        first.to(&frame).run(&cancel, &mut |_| ())?;
        let mut row = vec![Pixmap::load_png(&frame)?];
        for (seed, look, outfit) in
            [(1, Look::ANIME, "signature"), (2, Look::ANIME, "kpop"), (6, Look::COSPLAY, "kpop"), (9, Look::COSPLAY, "signature")]
        {
            let spec = CharacterSpec::from_concept(&concept(seed));
            let still = still::portrait(&spec, &spec.cut(&Outfit(outfit.into()), &[])?, look, 832, 1216)?;
            let (before, after) = (folder.join("before.png"), folder.join(format!("aligned_{number}_{seed}.png")));
            still.save_png(&before)?;
            let told = align::align(&before, reference, 720, 1280, &after, &cancel)?;
            let mut made = Pixmap::load_png(&after)?;
            for (span, colour) in [(told.reference, (255, 0, 0)), (Some(told.placed), (0, 200, 0))] {
                if let Some(span) = span {
                    outline(&mut made, span, colour);
                }
            }
            if let (1, Some(span)) = (row.len(), told.reference) {
                outline(&mut row[0], span, (255, 0, 0));
            }
            row.push(made);
        }
        pictures.extend(row);
    }
    sheet(&pictures, 5, 0.4).ok_or("empty sheet")?.save_png(folder.join("sheet_aligned.png"))?;
    Ok(())
}

fn outline(picture: &mut Pixmap, span: align::Span, (red, green, blue): (u8, u8, u8)) {
    let (width, height) = (picture.width() as f64, picture.height() as f64);
    let mut paint = tiny_skia::Paint::default();
    paint.set_color_rgba8(red, green, blue, 255);
    let [left, top, right, bottom] = [span.left * width, span.top * height, span.right * width, span.bottom * height].map(|v| v as f32);
    for (x, y, w, h) in
        [(0.0, bottom, width as f32, 2.0), (left, top, right - left, 2.0), (left, top, 2.0, bottom - top), (right, top, 2.0, bottom - top)]
    {
        if let Some(line) = tiny_skia::Rect::from_xywh(x, y, w.max(1.0), h.max(1.0)) {
            picture.fill_rect(line, &paint, Transform::identity(), None);
        }
    }
}

fn dances(folder: &Path) -> Result<(), Trouble> {
    for (seed, outfit) in [(9u64, "kpop"), (13, "signature"), (6, "kpop"), (16, "signature"), (20, "swimsuit")] {
        let concept = concept(seed);
        let spec = CharacterSpec::from_concept(&concept);
        let cut = spec.cut(&Outfit(outfit.into()), &concept.traits)?;
        dance(folder, &format!("dance_{seed}"), Dancer::Character(Box::new(spec), Box::new(cut)), seed)?;
    }
    dance(folder, "dance_mannequin", Dancer::Mannequin(0), 3)
}

/// Draws a hundred frames for the clock; run it under `time`, since wall time says little on a busy machine.
fn speed(_: &Path) -> Result<(), Trouble> {
    let concept = concept(6);
    let spec = CharacterSpec::from_concept(&concept);
    let cut = spec.cut(&Outfit("kpop".into()), &concept.traits)?;
    let choreography = Choreography::new(Music::steady(124.0, 16.0), 6);
    let film = Film::new(Dancer::Character(Box::new(spec), Box::new(cut)), &choreography, 6, 400, 30, (720, 1280));
    let (mut half, mut frame) = film.scratch();
    for i in 0..100 {
        film.draw(i * 4, &mut half, &mut frame);
    }
    Ok(())
}

/// The three references and one dance to the first of them, as files. Only when asked for by name: it takes a minute.
fn clips(folder: &Path) -> Result<(), Trouble> {
    let cancel = Cancel::new();
    let references = render_references(folder, &cancel, &mut |_, _| ())?;
    let request = MotionRequest {
        concept: concept(16),
        outfit: Outfit::signature(),
        image: PathBuf::new(),
        reference: references[0].clone(),
        seed: 16,
        width: 720,
        height: 1280,
        fps: 30,
        max_ms: 60_000,
    };
    let call = Call::alone("look/dance", folder, cancel);
    tokio::runtime::Runtime::new()?.block_on(BuiltinMotion.make(&request, &call))?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example reports to whoever runs it")]
fn main() -> Result<(), Trouble> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/look"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let only = std::env::args().nth(2).unwrap_or_default();
    for (name, draw) in [
        ("people", people as fn(&Path) -> Result<(), Trouble>),
        ("dances", dances),
        ("stickers", stickers),
        ("cuts", cuts),
        ("speed", speed),
        ("aligned", aligned),
        ("clips", clips),
        ("pictures", pictures),
    ] {
        if (only.is_empty() && !matches!(name, "aligned" | "clips" | "pictures")) || only == name {
            draw(&folder)?;
            println!("{name} drawn");
        }
    }
    Ok(())
}
