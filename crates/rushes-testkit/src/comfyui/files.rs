//! Files in and out: `/upload/image` and `/view`.

use super::routes::{Shown, nothing, sent};
use axum::body::Body;
use axum::extract::{Multipart, Query, State};
use axum::http::{Response, header};
use axum::response::IntoResponse;
use serde_json::json;
use std::collections::HashMap;
use std::path::Component;

/// Whether a path stays below its folder.
fn is_inside(path: &str) -> bool {
    std::path::Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

pub(super) async fn upload(State(shared): Shown, mut parts: Multipart) -> Response<Body> {
    let (mut image, mut fields) = (None, HashMap::new());
    while let Ok(Some(part)) = parts.next_field().await {
        let (name, file) = (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
        let bytes = part.bytes().await.unwrap_or_default();
        match file {
            Some(file) if name == "image" => image = Some((file, bytes)),
            _ => drop(fields.insert(name, String::from_utf8_lossy(&bytes).into_owned())),
        }
    }
    let Some((file, bytes)) = image.filter(|(file, _)| !file.is_empty()) else { return nothing(400) };
    let subfolder = fields.get("subfolder").cloned().unwrap_or_default();
    if !is_inside(&subfolder) || !is_inside(&file) {
        return nothing(400);
    }
    let folder = shared.home.join("input").join(&subfolder);
    let is_over = fields.get("overwrite").is_some_and(|value| value == "true" || value == "1");
    let (stem, end) = file.rsplit_once('.').unwrap_or((&file, ""));
    let mut name = file.clone();
    let mut tries = 0;
    // Another file of that name stays; an equal one is taken for this one.
    while !is_over && std::fs::read(folder.join(&name)).is_ok_and(|there| there != bytes) {
        tries += 1;
        name = format!("{stem} ({tries}).{end}");
    }
    let written = std::fs::create_dir_all(&folder).and_then(|()| {
        use std::io::Write;
        std::fs::File::create(folder.join(&name))?.write_all(&bytes)
    });
    match written {
        Ok(()) => sent(200, &json!({"name": name, "subfolder": subfolder, "type": "input"})),
        Err(_) => nothing(500),
    }
}

pub(super) async fn view(State(shared): Shown, Query(query): Query<HashMap<String, String>>) -> Response<Body> {
    let value = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (file, subfolder) = (value("filename"), value("subfolder"));
    let kind = query.get("type").map_or("output", String::as_str);
    if file.is_empty() || !is_inside(&file) || !is_inside(&subfolder) || !["output", "input", "temp"].contains(&kind) {
        return nothing(400);
    }
    let Ok(bytes) = std::fs::read(shared.home.join(kind).join(&subfolder).join(&file)) else { return nothing(404) };
    let mime = match file.rsplit('.').next() {
        Some("png") => "image/png",
        Some("mp4") => "video/mp4",
        Some("webm") => "video/webm",
        Some("jpg") => "image/jpeg",
        _ => "application/octet-stream",
    };
    let shown = format!("filename=\"{file}\"");
    ([(header::CONTENT_TYPE, mime), (header::CONTENT_DISPOSITION, shown.as_str())], bytes).into_response()
}
