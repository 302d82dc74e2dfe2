//! Whether the process lives, and whether it can work. Needs no key, and tells nothing that one would be needed for.

use super::app::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// How long one check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(3);

/// The process lives.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
    /// Of the program.
    version: &'static str,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/health", tag = "health", security(()), responses((status = 200, body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Whether it can work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// Whether work can be taken.
    ready: bool,
    /// What was looked at.
    checks: Vec<Check>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Check {
    /// `engine`, `database`, `disk`, or the number of a destination.
    name: String,
    /// Whether it is well.
    ok: bool,
}

/// Whether it can work: engine, database, disk. A destination that is down is shown, and stops no work: what is owed waits.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses((status = 200, body = Ready), (status = 503, body = Ready)))]
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<Ready>) {
    let parts = app.parts();
    let scratch = parts.home.root().join("scratch");
    let database = tokio::time::timeout(CHECK_LIMIT, parts.store.last_seq()).await.is_ok_and(|seq| seq.is_ok());
    let disk = tokio::task::spawn_blocking(move || has_room(&scratch)).await.unwrap_or(false);
    // Asked only where it can answer.
    let backlog = tokio::time::timeout(CHECK_LIMIT, parts.store.backlog()).await.ok().and_then(Result::ok).unwrap_or_default();
    let mut checks = vec![
        Check { name: "engine".into(), ok: !app.stop.is_cancelled() },
        Check { name: "database".into(), ok: database },
        Check { name: "disk".into(), ok: disk },
    ];
    let is_ready = checks.iter().all(|check| check.ok);
    checks.extend(parts.destinations.iter().enumerate().map(|(index, site)| {
        let refuses = backlog.get(&site.name).is_some_and(|backlog| backlog.refused > 0 || backlog.oldest_s > 60.0);
        Check { name: format!("destination {}", index + 1), ok: !refuses }
    }));
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready: is_ready, checks }))
}

/// Whether a folder can be written to, and has room for some films.
fn has_room(folder: &std::path::Path) -> bool {
    // Below this, work is likely to fail; the doctor tells of little room earlier (`LEAST_BYTES` in `cli/doctor.rs`).
    const ROOM_BYTES: u64 = 256 * 1024 * 1024;
    rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail * disk.f_frsize >= ROOM_BYTES)
}
