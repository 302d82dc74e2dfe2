//! Audits over HTTP, and the state of what is owed.

use super::app::App;
use super::caller::Admin;
use super::problem::Problem;
use super::read::{Body, Query};
use axum::Json;
use axum::extract::State;
use rushes_core::{Code, Fault};
use rushes_engine::Ask;
use rushes_engine::audit::{Audit, audit};
use rushes_engine::mend::Mended;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use utoipa::{IntoParams, ToSchema};

/// One at a time: each looks at everything there is.
static ALONE: Semaphore = Semaphore::const_new(1);

fn alone() -> Result<SemaphorePermit<'static>, Problem> {
    let busy = Fault::new(Code::RequestUnderway, "audit").because("another audit is under way; it looks at everything there is");
    ALONE.try_acquire().map_err(|_| busy.retry_after(Duration::from_secs(5)).into())
}

/// How deep to look.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Read the bytes on this machine too, not only their sizes.
    #[serde(default)]
    deep: bool,
}

/// How deep to look, and mend.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct FixRequest {
    /// Read the bytes on this machine too, not only their sizes.
    deep: bool,
}

/// What destinations and catalogs really hold.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Report {
    /// Nothing was found.
    clean: bool,
    kinds: Vec<KindLine>,
    findings: Vec<FindingFacts>,
}

#[derive(Debug, Serialize, ToSchema)]
struct KindLine {
    /// The kind, or `unknown`.
    kind: String,
    /// Current assets.
    local: u64,
    destinations: BTreeMap<String, HeldFacts>,
}

/// What one destination holds of one kind.
#[derive(Debug, Serialize, ToSchema)]
struct HeldFacts {
    objects: u64,
    proven: u64,
    missing: u64,
    changed: u64,
    orphaned: u64,
}

/// One thing that is not as it should be.
#[derive(Debug, Serialize, ToSchema)]
struct FindingFacts {
    /// `missing`, `changed`, `orphaned`, `local_only`, `undelivered`, `blob_missing`, `record_stale`, …
    code: &'static str,
    /// The asset or subject.
    asset: Option<String>,
    destination: Option<String>,
    key: Option<String>,
    /// In words.
    detail: String,
}

impl From<Audit> for Report {
    fn from(audit: Audit) -> Self {
        let held = |held: rushes_engine::audit::Held| HeldFacts {
            objects: held.objects,
            proven: held.proven,
            missing: held.missing,
            changed: held.changed,
            orphaned: held.orphaned,
        };
        let kinds = audit.kinds.into_iter().map(|line| KindLine {
            kind: line.kind,
            local: line.local,
            destinations: line.destinations.into_iter().map(|(name, it)| (name, held(it))).collect(),
        });
        let findings = audit.findings.into_iter().map(|finding| FindingFacts {
            code: finding.code,
            asset: finding.asset,
            destination: finding.destination,
            key: finding.key,
            detail: finding.detail,
        });
        Self { clean: audit.clean, kinds: kinds.collect(), findings: findings.collect() }
    }
}

/// Compares what is here with what destinations and catalogs hold. Changes nothing. 409 while another is under way.
#[utoipa::path(get, path = "/api/v1/audit", tag = "deliveries", params(AuditQuery), responses((status = 200, body = Report)))]
pub(super) async fn report(State(app): State<App>, Query(query): Query<AuditQuery>) -> Result<Json<Report>, Problem> {
    let _alone = alone()?;
    Ok(Json(audit(app.parts(), query.deep).await?.into()))
}

/// What was done about what was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MendedFacts {
    /// Objects and records made due; they arrive as all others do.
    owed: u64,
    /// Bytes fetched back to this machine.
    fetched: u64,
    /// Links made in the library.
    linked: u64,
    /// Findings that are on their way already.
    waiting: u64,
    /// What Rushes may or can do nothing about, in words.
    left: Vec<String>,
}

/// Mends what an audit finds: sends what is missing, fetches bytes back, makes links. Removes nothing. Needs `admin`.
#[utoipa::path(post, path = "/api/v1/audit", tag = "deliveries", request_body = FixRequest, responses((status = 200, body = MendedFacts)))]
pub(super) async fn fix(_: Admin, State(app): State<App>, Body(request): Body<FixRequest>) -> Result<Json<MendedFacts>, Problem> {
    let _alone = alone()?;
    let answer = app.desk.answer(Ask::Fix { deep: request.deep }).await?;
    let Mended { owed, fetched, linked, waiting, left } =
        serde_json::from_value(answer).map_err(|e| Fault::new(Code::Unexpected, "read what was mended").because(e))?;
    Ok(Json(MendedFacts { owed, fetched, linked, waiting, left }))
}

/// What is still owed, and how fast deliveries have been.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// How many topmost jobs there are in each state.
    jobs: BTreeMap<&'static str, u64>,
    /// By destination and catalog.
    destinations: BTreeMap<String, PlaceFacts>,
    /// Nothing is sent until `delivery.hold` is lifted.
    held: bool,
}

/// One destination or catalog.
#[derive(Debug, Serialize, ToSchema)]
struct PlaceFacts {
    /// Not yet proven.
    owed: u64,
    /// Given up.
    refused: u64,
    /// Of those owed: tried so often that somebody should look.
    alarms: u64,
    /// Age of the oldest that is owed, seconds.
    oldest_s: f64,
    /// From commit to proof, milliseconds, over the last 1,000.
    p50_ms: u64,
    /// As above.
    p95_ms: u64,
    /// As above.
    p99_ms: u64,
    /// Proven among what ended last and what is refused, 0–1.
    success_rate: f64,
}

/// What is still owed, and how fast deliveries have been.
#[utoipa::path(get, path = "/api/v1/status", tag = "deliveries", responses((status = 200, body = Status)))]
pub(super) async fn status(State(app): State<App>) -> Result<Json<Status>, Problem> {
    let store = &app.parts().store;
    let jobs = store.count().await?.into_iter().map(|(state, n)| (state.name(), n)).collect();
    let places = store.backlog().await?.into_iter().map(|(name, backlog)| {
        let place = PlaceFacts {
            owed: backlog.owed,
            refused: backlog.refused,
            alarms: backlog.alarms,
            oldest_s: backlog.oldest_s,
            p50_ms: backlog.p50_ms,
            p95_ms: backlog.p95_ms,
            p99_ms: backlog.p99_ms,
            success_rate: backlog.success_rate,
        };
        (name, place)
    });
    Ok(Json(Status { jobs, destinations: places.collect(), held: app.parts().routes.hold }))
}
