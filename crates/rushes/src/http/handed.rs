//! The bytes of work: pictures that a worker works from, and the files it hands in.

use super::app::App;
use super::content;
use super::problem::Problem;
use super::read::{Path, Query};
use super::upload::{stream_to, without_path};
use super::workers::token_of;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use rushes_core::inspect::Looked;
use rushes_core::work::Handed;
use rushes_core::{Code, Fault};
use rushes_engine::blobs::hash_file_without_md5;
use rushes_engine::workers;
use serde::Deserialize;
use std::path::PathBuf;
use utoipa::IntoParams;

/// A picture that the work of a lease is made from.
#[utoipa::path(get, path = "/api/v1/workers/leases/{token}/pictures/{name}", tag = "workers",
    params(("token" = String, Path, description = "The lease's"), ("name" = String, Path, description = "As the order names it")),
    responses((status = 200, description = "Its bytes", content_type = "image/*")))]
pub(super) async fn picture(State(app): State<App>, Path((token, name)): Path<(String, String)>) -> Result<Response, Problem> {
    let work = app.parts().store.leased_work(token_of(&token)?).await?;
    let asset = work.order.pictures.get(&name);
    let asset = *asset.ok_or_else(|| Problem::new(Code::NotFound, "look up picture", "the order names no such picture"))?;
    content::of(&app, &app.parts().store.asset(asset).await?, &HeaderMap::new(), false).await
}

/// What is said of a file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HandedQuery {
    /// The SHA-256 of its bytes, hex: what came is refused where it has another.
    sha256: String,
    /// The graph that made it.
    #[serde(default)]
    model: String,
}

/// Hands in one file of the work of a lease: the bytes as they are. It is looked at, and its size measured, here. The same file
/// may be handed in again; once there is one, it stays.
#[utoipa::path(put, path = "/api/v1/workers/leases/{token}/files/{index}", tag = "workers",
    params(("token" = String, Path, description = "The lease's"), ("index" = u32, Path, description = "Which file, from 0"), HandedQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 204)))]
pub(super) async fn hand_in(
    State(app): State<App>,
    Path((token, index)): Path<(String, u32)>,
    Query(query): Query<HandedQuery>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let token = token_of(&token)?;
    // Who has no lease fills no disk.
    let work = app.parts().store.leased_work(token).await?;
    let scratch = Scratch::of(&app).await?;
    let file = scratch.0.join("handed-in");
    let max_bytes = u64::from(app.config.server.upload_max_mb) * 1_000_000;
    stream_to(body, &file, max_bytes).await?;
    let info = app.parts().inspect.inspect(&file).await.map_err(|fault| without_path(fault, &file))?;
    if info.mime != work.order.mime {
        let reason = format!("{} was asked for, and it is {}", work.order.mime, info.mime);
        return Err(Problem::new(Code::MediaTypeWrong, "take file", reason));
    }
    let (read, mime) = (file.clone(), info.mime.clone());
    let hashed = tokio::task::spawn_blocking(move || hash_file_without_md5(&read, &mime)).await;
    let blob = hashed.map_err(|e| Fault::new(Code::Panicked, "hash file").because(e))??;
    if blob.sha256 != query.sha256.to_ascii_lowercase() {
        return Err(Problem::new(Code::ProofFailed, "take file", "its bytes are not those that were sent; send it again"));
    }
    let model = query.model.chars().take(200).collect();
    workers::hand_in(app.parts(), token, &file, Handed { index, looked: Looked { info, blob }, model }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A folder that goes with the request.
struct Scratch(PathBuf);

impl Scratch {
    async fn of(app: &App) -> Result<Self, Fault> {
        let folder = app.parts().home.scratch(rushes_core::JobId(app.parts().clock.new_id()));
        tokio::fs::create_dir_all(&folder).await.map_err(|e| Fault::io("make scratch folder", &folder, &e))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is swept.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
