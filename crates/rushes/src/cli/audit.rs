//! `rushes audit`: do the machine and the destinations agree? With `--fix`, what can be mended is.

use super::hand::{self, Hand};
use super::{Context, exit, print};
use crate::wire;
use rushes_engine::Ask;
use rushes_engine::audit::{Audit, Held, audit};
use rushes_engine::mend::Mended;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Mend what can be mended: send what is missing, fetch bytes back, make links. Removes nothing.
    #[arg(long)]
    fix: bool,
    /// Read the bytes on this machine too, not only their sizes.
    #[arg(long)]
    deep: bool,
}

pub(super) async fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let mut mended = None;
    if args.fix {
        let mut hand = Hand::open(context).await?;
        mended = Some(serde_json::from_value::<Mended>(hand.ask(Ask::Fix { deep: args.deep }).await?)?);
        hand::drain(&parts).await?;
        hand.close().await;
    }
    let audit = audit(&parts, args.deep).await?;
    let code = if audit.clean { exit::DONE } else { exit::NOT_CLEAN };
    if context.json {
        print::json(&serde_json::json!({"clean": audit.clean, "kinds": audit.kinds, "findings": audit.findings, "mended": mended}))?;
        return Ok(code);
    }
    let names: Vec<String> = parts.destinations.iter().map(|site| site.name.clone()).collect();
    table(&audit, &names);
    if let Some(mended) = mended {
        print::line(format!(
            "Mended: {} sent or recorded anew, {} fetched back, {} links made; {} were on their way.",
            mended.owed, mended.fetched, mended.linked, mended.waiting
        ));
    }
    print::line(if audit.clean {
        "Clean: every file is where it should be, and recorded.".to_owned()
    } else if args.fix {
        format!("{} findings are left, which Rushes may not or cannot mend.", audit.findings.len())
    } else {
        format!("{} findings; `rushes audit --fix` mends what can be mended.", audit.findings.len())
    });
    Ok(code)
}

fn table(audit: &Audit, names: &[String]) {
    let rows = audit.kinds.iter().flat_map(|line| {
        let none = Held::default();
        let rows: Vec<Vec<String>> = names
            .iter()
            .map(|name| {
                let held = line.destinations.get(name).unwrap_or(&none);
                let numbers = [line.local, held.objects, held.proven, held.missing, held.changed, held.orphaned];
                [line.kind.clone(), name.clone()].into_iter().chain(numbers.iter().map(u64::to_string)).collect()
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
}
