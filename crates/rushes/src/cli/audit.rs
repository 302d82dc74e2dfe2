//! `rushes audit`: do the machine and the destinations agree?

use super::{Context, exit, print};
use crate::wire;
use rushes_engine::audit::{Held, audit};

pub(super) async fn run(context: &Context) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let audit = audit(&parts).await?;
    let code = if audit.clean { exit::DONE } else { exit::NOT_CLEAN };
    if context.json {
        print::json(&serde_json::json!({"clean": audit.clean, "kinds": audit.kinds, "findings": audit.findings}))?;
        return Ok(code);
    }
    let rows = audit.kinds.iter().flat_map(|line| {
        let none = Held::default();
        let names = parts.destinations.iter().map(|site| site.name.clone());
        let rows: Vec<Vec<String>> = names
            .map(|name| {
                let held = line.destinations.get(&name).unwrap_or(&none);
                let numbers = [line.local, held.objects, held.proven, held.missing, held.changed, held.orphaned];
                [line.kind.clone(), name].into_iter().chain(numbers.iter().map(u64::to_string)).collect()
            })
            .collect();
        rows
    });
    print::table(&["kind", "destination", "local", "objects", "proven", "missing", "changed", "orphaned"], &[2, 3, 4, 5, 6, 7], rows);
    for finding in &audit.findings {
        let what = finding.key.as_deref().or(finding.asset.as_deref()).unwrap_or("?");
        let place = finding.destination.as_deref().map_or_else(String::new, |name| format!(" at {name}"));
        print::line(format!("{}: {what}{place}: {}", finding.code, finding.detail));
    }
    print::line(if audit.clean {
        "Clean: every file is where it should be, and recorded.".to_owned()
    } else {
        format!("{} findings.", audit.findings.len())
    });
    Ok(code)
}
