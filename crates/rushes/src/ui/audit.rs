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
use rushes_engine::audit::{self, Cure, Finding, KindLine};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Findings listed at most, the worst ones; the command line lists all.
const FINDINGS_MAX: usize = 200;

/// What each sort of finding is called, the worst first.
const SORTS: [(&str, &str); 11] = [
    ("blob_missing", "Bytes missing here"),
    ("blob_changed", "Bytes changed here"),
    ("missing", "Missing"),
    ("changed", "Changed"),
    ("local_only", "Never sent"),
    ("undelivered", "Not delivered yet"),
    ("record_missing", "Record missing"),
    ("record_stale", "Record out of date"),
    ("link_missing", "Not in the library"),
    ("orphaned", "Not ours"),
    ("record_orphaned", "Record not ours"),
];

/// One kind at one destination.
#[derive(Clone)]
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
#[derive(Clone)]
struct Found {
    what: &'static str,
    place: String,
    key: String,
    detail: String,
    asset: Option<String>,
    cure: &'static str,
}

/// What is kept of an audit until the next.
#[derive(Default)]
pub(super) struct Kept {
    files: u64,
    lines: Vec<Line>,
    /// By how bad they are, then as they were found.
    found: BTreeMap<(usize, usize), Found>,
    /// How many were found, kept or not.
    all: usize,
    can_mend: bool,
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
        places: names(&app).join(" and "),
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
            view.is_clean = seen.found.is_empty();
            (view.files, view.more, view.can_mend) = (seen.files, seen.all - seen.found.len(), seen.can_mend);
            (view.lines, view.found) = (seen.lines.clone(), seen.found.values().cloned().collect());
        }
        Looked::Never | Looked::UnderWay => {}
    }
    Ok(shell::page(StatusCode::OK, &view))
}

fn names(app: &App) -> Vec<String> {
    app.parts().destinations.iter().map(|site| site.name.clone()).collect()
}

impl Kept {
    fn find(&mut self, finding: Finding) {
        self.can_mend |= !matches!(finding.cure, Cure::Nothing | Cure::Wait);
        let rank = SORTS.iter().position(|(code, _)| *code == finding.code).unwrap_or(SORTS.len());
        let at = (rank, self.all);
        self.all += 1;
        if self.found.len() == FINDINGS_MAX && self.found.last_key_value().is_some_and(|(last, _)| at > *last) {
            return;
        }
        let found = Found {
            what: SORTS.get(rank).map_or("Found", |(_, name)| name),
            place: finding.destination.unwrap_or_else(|| "this machine".to_owned()),
            key: finding.key.unwrap_or_default(),
            detail: words::capital(&finding.detail),
            asset: finding.asset.filter(|id| id.starts_with("asset_")),
            cure: match finding.cure {
                Cure::Nothing => "Left as it is: Rushes does not touch what is not its own.",
                Cure::Wait => "It is on its way; nothing to do.",
                Cure::Owe(_) => "Mending sends it again.",
                Cure::Fetch(_) => "Mending fetches the bytes back.",
                Cure::Link(_) => "Mending makes the link anew.",
            },
        };
        self.found.insert(at, found);
        if self.found.len() > FINDINGS_MAX {
            self.found.pop_last();
        }
    }

    fn count(&mut self, kinds: &[KindLine], destinations: &[String]) {
        self.files = kinds.iter().map(|line| line.local).sum();
        for kind in kinds {
            let named = Kind::named(&kind.kind).map_or_else(|| words::sentence(&kind.kind), |kind| words::kind(kind).to_owned());
            for name in destinations {
                let held = kind.destinations.get(name).cloned().unwrap_or_default();
                self.lines.push(Line {
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
            Ok((kept, mended)) => Looked::Seen(at_ms, Arc::new(kept), mended),
            Err(fault) => Looked::Failed(at_ms, fault.to_string()),
        });
    });
}

async fn look(app: &App, is_mending: bool) -> Result<(Kept, Option<u64>), Fault> {
    let mended = if is_mending {
        let done = app.desk.answer(Ask::Fix { deep: false }).await?;
        Some(done.as_object().into_iter().flatten().filter(|(name, _)| name.as_str() != "waiting").filter_map(|(_, n)| n.as_u64()).sum())
    } else {
        None
    };
    let mut kept = Kept::default();
    let kinds = audit::look(app.parts(), false, &mut |finding| kept.find(finding)).await?;
    kept.count(&kinds, &names(app));
    Ok((kept, mended))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_page_keeps_the_worst_findings_and_counts_all() {
        let mut kept = Kept::default();
        let codes = ["orphaned", "undelivered", "blob_missing", "changed"];
        for (code, key) in codes.iter().flat_map(|code| (0..150).map(move |i| (*code, i))) {
            let cure = if code == "undelivered" { Cure::Wait } else { Cure::Nothing };
            kept.find(Finding { code, asset: None, destination: None, key: Some(key.to_string()), detail: String::new(), cure });
        }
        let keys = |what: &str| -> Vec<&str> { kept.found.values().filter(|f| f.what == what).map(|f| f.key.as_str()).collect() };
        assert_eq!((kept.all, kept.found.len(), kept.can_mend), (600, FINDINGS_MAX, false));
        assert_eq!((keys("Bytes missing here").len(), keys("Changed").len()), (150, 50), "the rest is less bad");
        assert_eq!(keys("Changed")[..2], ["0", "1"], "as they were found");
        assert_eq!(kept.found.values().next().unwrap().what, "Bytes missing here");
    }
}
