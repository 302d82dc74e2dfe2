//! `/audit`: do the cloud and the disk agree? The table by kind and destination, what was found, and what mends it.

use super::shelf::Looked;
use super::shell::{self, Answer, Shell, Visitor};
use super::words::{self, When};
use crate::http::App;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::key::Scope;
use rushes_core::{Fault, Kind};
use rushes_engine::Ask;
use rushes_engine::audit::{Audit, Cure, audit};
use std::sync::Arc;

/// Findings listed at most; the command line lists all.
const FINDINGS_MAX: usize = 200;

/// One kind at one destination.
struct Line {
    kind: String,
    destination: String,
    local: u64,
    proven: u64,
    missing: u64,
    changed: u64,
    orphaned: u64,
}

impl Line {
    fn is_well(&self) -> bool {
        self.missing + self.changed == 0 && (self.orphaned == 0 || self.kind == "unknown")
    }
}

/// One thing that is not as it should be.
struct Found {
    what: &'static str,
    place: String,
    key: String,
    detail: String,
    asset: Option<String>,
    cure: &'static str,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    is_running: bool,
    failed: Option<String>,
    at: Option<When>,
    is_clean: bool,
    files: u64,
    mended: Option<u64>,
    lines: Vec<Line>,
    found: Vec<Found>,
    more: usize,
    can_mend: bool,
    places: String,
}

pub(super) async fn show(State(app): State<App>, visitor: Visitor) -> Answer {
    let mut shell = Shell::of(&app, &visitor, "audit", "Audit").await?;
    let looked = app.shelf.looked();
    let is_running = matches!(looked, Looked::UnderWay);
    // Events tell of what changes, not of an audit's end.
    shell.live.every_s = if is_running { 1 } else { 0 };
    let names: Vec<String> = app.parts().destinations.iter().map(|site| site.name.clone()).collect();
    let mut view = AuditPage {
        is_running,
        failed: None,
        at: None,
        is_clean: false,
        files: 0,
        mended: None,
        lines: Vec::new(),
        found: Vec::new(),
        more: 0,
        can_mend: false,
        places: names.join(" and "),
        shell,
    };
    match looked {
        Looked::Failed(at_ms, why) => {
            view.at = Some(When { at_ms, now_ms: view.shell.now_ms });
            view.failed = Some(why);
        }
        Looked::Seen(at_ms, seen, mended) => {
            view.at = Some(When { at_ms, now_ms: view.shell.now_ms });
            view.mended = mended;
            tell(&mut view, &seen, &names);
        }
        Looked::Never | Looked::UnderWay => {}
    }
    Ok(shell::page(StatusCode::OK, &view))
}

fn tell(view: &mut AuditPage, seen: &Audit, names: &[String]) {
    view.is_clean = seen.clean;
    view.files = seen.kinds.iter().map(|line| line.local).sum();
    for kind in &seen.kinds {
        let named = Kind::named(&kind.kind).map_or_else(|| words::sentence(&kind.kind), |kind| words::kind(kind).to_owned());
        for name in names {
            let held = kind.destinations.get(name).cloned().unwrap_or_default();
            view.lines.push(Line {
                kind: named.clone(),
                destination: name.clone(),
                local: kind.local,
                proven: held.proven,
                missing: held.missing,
                changed: held.changed,
                orphaned: held.orphaned,
            });
        }
    }
    view.can_mend = seen.findings.iter().any(|finding| !matches!(finding.cure, Cure::Nothing | Cure::Wait));
    view.more = seen.findings.len().saturating_sub(FINDINGS_MAX);
    view.found = seen
        .findings
        .iter()
        .take(FINDINGS_MAX)
        .map(|finding| Found {
            what: found_name(finding.code),
            place: finding.destination.clone().unwrap_or_else(|| "this machine".to_owned()),
            key: finding.key.clone().unwrap_or_default(),
            detail: words::capital(&finding.detail),
            asset: finding.asset.clone().filter(|id| id.starts_with("asset_")),
            cure: match finding.cure {
                Cure::Nothing => "Left as it is: Rushes does not touch what is not its own.",
                Cure::Wait => "It is on its way; nothing to do.",
                Cure::Owe(_) => "Mending sends it again.",
                Cure::Fetch(_) => "Mending fetches the bytes back.",
                Cure::Link(_) => "Mending makes the link anew.",
            },
        })
        .collect();
}

fn found_name(code: &str) -> &'static str {
    match code {
        "missing" => "Missing",
        "changed" => "Changed",
        "orphaned" => "Not ours",
        "local_only" => "Never sent",
        "undelivered" => "Not delivered yet",
        "blob_missing" => "Bytes missing here",
        "blob_changed" => "Bytes changed here",
        "link_missing" => "Not in the library",
        "record_stale" => "Record out of date",
        "record_missing" => "Record missing",
        "record_orphaned" => "Record not ours",
        _ => "Found",
    }
}

/// Looks at everything; the page tells when that is done.
pub(super) async fn run(State(app): State<App>, visitor: Visitor) -> Answer {
    visitor.need(Scope::Run)?;
    begin(&app, false);
    Ok(shell::go_to("/audit"))
}

/// Mends what can be mended, then looks again.
pub(super) async fn mend(State(app): State<App>, visitor: Visitor) -> Answer {
    visitor.need(Scope::Admin)?;
    begin(&app, true);
    Ok(shell::go_to("/audit"))
}

fn begin(app: &App, is_mending: bool) {
    {
        let mut looked = app.shelf.audit.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if matches!(*looked, Looked::UnderWay) {
            return;
        }
        *looked = Looked::UnderWay;
    }
    let app = app.clone();
    tokio::spawn(async move {
        let stop = app.stop.clone();
        let seen = tokio::select! {
            seen = look(&app, is_mending) => seen,
            () = stop.cancelled() => return,
        };
        let at_ms = app.parts().clock.now_ms();
        app.shelf.set_looked(match seen {
            Ok((audit, mended)) => Looked::Seen(at_ms, Arc::new(audit), mended),
            Err(fault) => Looked::Failed(at_ms, fault.to_string()),
        });
    });
}

async fn look(app: &App, is_mending: bool) -> Result<(Audit, Option<u64>), Fault> {
    let mended = if is_mending {
        let done = app.desk.answer(Ask::Fix { deep: false }).await?;
        Some(done.as_object().into_iter().flatten().filter(|(name, _)| name.as_str() != "waiting").filter_map(|(_, n)| n.as_u64()).sum())
    } else {
        None
    };
    Ok((audit(app.parts(), false).await?, mended))
}
