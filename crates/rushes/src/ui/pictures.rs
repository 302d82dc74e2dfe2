//! Small pictures for strips and walls, silent previews of references, samples of styles: made when they are first asked
//! for, kept on the [`shelf`](super::shelf).

use super::card::{Card, Table};
use super::files::FOR_GOOD;
use super::read::Path;
use super::shelf::{Colours, Kept};
use super::shell::{Trouble, Visitor};
use crate::http::App;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RANGE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rushes_core::delivery::Pictures;
use rushes_core::provider::{Call, MusicRequest, Provider};
use rushes_core::store::AssetFilter;
use rushes_core::{Cancel, Code, Fault, JobId, Kind};
use rushes_engine::fetch::fetch;
use rushes_media::builtin::music::BuiltinMusic;
use rushes_media::stills;
use rushes_workflows::references;
use std::collections::BTreeSet;
use std::path::{Path as FsPath, PathBuf};

/// The longest side of a small picture: sharp on a phone's wall of two columns.
const SMALL: Pictures = Pictures { max_px: 640, quality: 78 };
/// How long a sample of a style is, milliseconds, and the moment it turns up.
const SAMPLE_MS: u64 = 12_000;
const SAMPLE_DROP_MS: u64 = 4_000;
/// Of things that belong to somebody: kept by their browser, not by what stands between.
const PRIVATE: &str = "private, max-age=31536000, immutable";

/// A folder for one making, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    async fn new(app: &App) -> Result<Self, Fault> {
        let parts = app.parts();
        let folder = parts.home.scratch(JobId(parts.clock.new_id()));
        tokio::fs::create_dir_all(&folder).await.map_err(|e| Fault::io("make scratch folder", &folder, &e))?;
        Ok(Self(folder))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is swept with the scratch of ended jobs.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn read(path: &FsPath) -> Result<Bytes, Fault> {
    tokio::fs::read(path).await.map(Bytes::from).map_err(|e| Fault::io("read file", path, &e))
}

/// The newest things to look at, with whose they are.
pub(super) async fn newest(app: &App, filter: &AssetFilter, at_most: usize) -> Result<Vec<Card>, Fault> {
    let store = &app.parts().store;
    let listed = store.assets(filter).await?;
    let table = Table::of(&listed, app);
    let mut cards = Vec::new();
    for (asset, deliveries) in
        listed.iter().filter(|(asset, _)| !super::card::is_companion(asset.kind) && asset.kind != Kind::ReferenceVideo)
    {
        if cards.len() == at_most {
            break;
        }
        let mut card = table.card(asset, deliveries);
        // What has nothing to show yet comes a moment later; cuts of one film look alike.
        if card.thumb.is_none() || cards.iter().any(|other: &Card| other.thumb == card.thumb) {
            continue;
        }
        card.owner = Some(asset.subject.clone());
        cards.push(card);
    }
    let ids: BTreeSet<String> = cards.iter().filter_map(|card| card.owner.clone()).collect();
    let known = store.subjects_of(ids.into_iter().collect()).await?;
    for card in &mut cards {
        card.owner = known.iter().find(|subject| card.owner.as_ref() == Some(&subject.made.id)).map(|subject| subject.made.name.clone());
    }
    Ok(cards)
}

/// `/ui/thumbs/{asset}`: a small JPEG of a picture; stickers as they are, for their transparency.
pub(super) async fn thumb(State(app): State<App>, _: Visitor, Path(id): Path<String>) -> Result<Response, Trouble> {
    let asset = app.parts().store.asset(id.parse().map_err(|_| Trouble::unknown("asset", &id))?).await?;
    if !asset.blob.mime.starts_with("image/") {
        return Err(Trouble::unknown("picture", &id));
    }
    let sha256 = &asset.blob.sha256;
    if let Some(kept) = app.shelf.get(sha256) {
        return Ok(image(&kept));
    }
    // What was evicted comes back from where it was delivered.
    let (path, _pin) = fetch(app.parts(), &asset.blob).await?;
    let is_sticker = matches!(asset.kind, Kind::IconSticker | Kind::NameSticker);
    let kept = if is_sticker {
        Kept { mime: "image/png", bytes: read(&path).await?, colours: None }
    } else {
        let bytes = small(&app, &path).await?;
        let colours = colours(&bytes);
        Kept { mime: "image/jpeg", bytes, colours }
    };
    app.shelf.put(sha256, kept.clone());
    Ok(image(&kept))
}

async fn small(app: &App, from: &FsPath) -> Result<Bytes, Fault> {
    let scratch = Scratch::new(app).await?;
    let into = scratch.at("small.jpg");
    app.parts().compress.picture(from, &into, SMALL).await?;
    read(&into).await
}

fn image(kept: &Kept) -> Response {
    ([(CONTENT_TYPE, kept.mime), (CACHE_CONTROL, PRIVATE), (X_CONTENT_TYPE_OPTIONS, "nosniff")], kept.bytes.clone()).into_response()
}

/// Two by three colours of a small picture.
fn colours(jpeg: &[u8]) -> Option<Colours> {
    let picture = image::load_from_memory(jpeg).ok()?;
    let tiny = picture.resize_exact(2, 3, image::imageops::FilterType::Triangle).into_rgb8();
    let all: Vec<String> = tiny.pixels().map(|pixel| format!("#{:02x}{:02x}{:02x}", pixel[0], pixel[1], pixel[2])).collect();
    all.try_into().ok()
}

/// `/ui/references/{name}`: the preview of a reference, or with `.jpg` behind its name a still of it. The name must be one
/// that the library lists, so it leads nowhere else.
pub(super) async fn reference(
    State(app): State<App>,
    _: Visitor,
    Path(asked): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let (name, is_still) = asked.strip_suffix(".jpg").map_or((asked.as_str(), false), |name| (name, true));
    let library = references::library(&app.parts().home.references())?;
    let file = library.into_iter().find(|known| known.name == name).ok_or_else(|| Trouble::unknown("reference", name))?.file;
    let about = tokio::fs::metadata(&file).await.map_err(|e| Fault::io("look at reference", &file, &e))?;
    let changed = about.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |at| at.as_millis());
    let [film, still] = ["preview", "still"].map(|what| format!("{what} {name} {} {changed}", about.len()));
    let wanted = if is_still { &still } else { &film };
    if app.shelf.get(wanted).is_none() {
        let _one = app.shelf.making.lock().await;
        if app.shelf.get(wanted).is_none() {
            let scratch = Scratch::new(&app).await?;
            let (poster, preview, cancel) = (scratch.at("still.jpg"), scratch.at("preview.mp4"), Cancel::new());
            let _guard = cancel.clone().drop_guard();
            let (from, into, is_one) = (file.clone(), if is_still { poster.clone() } else { preview.clone() }, is_still);
            let work =
                move || if is_one { stills::write_poster(&from, &into, &cancel) } else { stills::write_preview(&from, &into, &cancel) };
            tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::Panicked, "make preview").because(e))??;
            let kept = if is_still {
                let bytes = small(&app, &poster).await?;
                Kept { mime: "image/jpeg", colours: colours(&bytes), bytes }
            } else {
                Kept { mime: "video/mp4", bytes: read(&preview).await?, colours: None }
            };
            app.shelf.put(wanted, kept);
        }
    }
    let kept = app.shelf.get(wanted).ok_or_else(|| Trouble::unknown("reference", name))?;
    Ok(ranged(&kept, &headers, "private, max-age=60"))
}

/// `/ui/styles/{name}`: how a style sounds, composed by the built-in music.
pub(super) async fn style(State(app): State<App>, _: Visitor, Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Trouble> {
    if !app.styles.has(&name) {
        return Err(Trouble::unknown("style", &name));
    }
    let wanted = format!("style {name}");
    if app.shelf.get(&wanted).is_none() {
        let _one = app.shelf.making.lock().await;
        if app.shelf.get(&wanted).is_none() {
            let scratch = Scratch::new(&app).await?;
            let call = Call::alone(&wanted, &scratch.0, Cancel::new());
            let _guard = call.cancel.clone().drop_guard();
            let request = MusicRequest {
                style: name.clone(),
                seed: 7,
                duration_ms: SAMPLE_MS,
                bpm: None,
                first_beat_ms: 0,
                drop_ms: Some(SAMPLE_DROP_MS),
            };
            let music = BuiltinMusic::new(app.styles.clone()).make(&request, &call).await?;
            app.shelf.put(&wanted, Kept { mime: "audio/flac", bytes: read(&music.file).await?, colours: None });
        }
    }
    let kept = app.shelf.get(&wanted).ok_or_else(|| Trouble::unknown("style", &name))?;
    // A person's own may sound otherwise after the next start.
    let keep = if app.styles.own().any(|own| own == name) { "private, max-age=60" } else { FOR_GOOD };
    Ok(ranged(&kept, &headers, keep))
}

/// With the part asked for; players ask for parts.
fn ranged(kept: &Kept, headers: &HeaderMap, keep: &'static str) -> Response {
    let total = kept.bytes.len();
    let always = [(CONTENT_TYPE, kept.mime), (CACHE_CONTROL, keep), (ACCEPT_RANGES, "bytes"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    match headers.get(RANGE).and_then(|value| part(value.to_str().ok()?, total)) {
        Some((first, last)) => {
            let part = kept.bytes.slice(first..=last);
            (StatusCode::PARTIAL_CONTENT, always, [(CONTENT_RANGE, format!("bytes {first}-{last}/{total}"))], Body::from(part))
                .into_response()
        }
        None => (always, kept.bytes.clone()).into_response(),
    }
}

/// The first and last byte of a single range. None: the whole is answered, as is allowed.
fn part(range: &str, total: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = total.checked_sub(1)?;
    let (first, last) = match (first.parse::<usize>().ok(), last.parse::<usize>().ok()) {
        (Some(first), Some(last)) => (first, last.min(end)),
        (Some(first), None) if last.is_empty() => (first, end),
        (None, Some(n)) if first.is_empty() && n > 0 => (total.saturating_sub(n), end),
        _ => return None,
    };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_answer_parts_of_files() {
        let asked =
            ["bytes=0-", "bytes=0-1", "bytes=5-200", "bytes=-3", "bytes=10-", "bytes=7-5", "bytes=0-1,4-5", "lines=1-2", "bytes=-0"];
        let found = asked.map(|range| part(range, 10));
        assert_eq!(found, [Some((0, 9)), Some((0, 1)), Some((5, 9)), Some((7, 9)), None, None, None, None, None]);
        assert_eq!(part("bytes=0-", 0), None);
    }

    #[test]
    fn pictures_have_six_colours() {
        let mut jpeg = Vec::new();
        let red = image::RgbImage::from_pixel(18, 32, image::Rgb([200, 10, 10]));
        image::DynamicImage::ImageRgb8(red).write_to(&mut std::io::Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
        let found = colours(&jpeg).unwrap();
        assert!(found.iter().all(|colour| colour.starts_with("#c") && colour.len() == 7), "{found:?}");
        assert_eq!(colours(b"no picture"), None);
    }
}
