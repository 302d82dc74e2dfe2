//! Mends what an audit found: owes what is missing, fetches bytes back, makes links. Never removes local bytes that
//! could be the only ones, and never touches what is not ours.

use crate::audit::{Audit, Cure, Finding};
use crate::blobs;
use crate::fetch;
use crate::parts::Parts;
use crate::view;
use rushes_core::{Asset, Fault};
use serde::{Deserialize, Serialize};

/// What was done about the findings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mended {
    /// Objects and records made due; they arrive as all others do.
    pub owed: u64,
    /// Bytes fetched back to this machine.
    pub fetched: u64,
    /// Links made in the library.
    pub linked: u64,
    /// Findings that are on their way already.
    pub waiting: u64,
    /// Findings that Rushes may or can do nothing about, in words.
    pub left: Vec<String>,
}

/// Does what each finding's cure says; what fails is left, in words, and does not stop the others.
/// Errors: those of the store that hit all alike (`store_failed`, `disk_full`, `home_busy`).
pub async fn mend(parts: &Parts, audit: &Audit) -> Result<Mended, Fault> {
    let mut mended = Mended::default();
    for finding in &audit.findings {
        let done = match &finding.cure {
            Cure::Nothing => Err(Fault::new(rushes_core::Code::Unexpected, "mend").because(&finding.detail)),
            Cure::Wait => {
                mended.waiting += 1;
                Ok(())
            }
            Cure::Owe(what) => {
                mended.owed += parts.store.owe(what).await?;
                Ok(())
            }
            Cure::Fetch(asset) => refetch(parts, asset).await.map(|()| mended.fetched += 1),
            Cure::Link(asset) => {
                let blob = parts.blobs().path(&asset.blob.sha256);
                view::link(&parts.home.library(), &asset.path, &blob).map(|()| mended.linked += 1)
            }
        };
        if let Err(fault) = done {
            mended.left.push(words(finding, &fault));
        }
    }
    Ok(mended)
}

fn words(finding: &Finding, fault: &Fault) -> String {
    let what = finding.key.as_deref().unwrap_or("?");
    let place = finding.destination.as_deref().map_or_else(String::new, |name| format!(" at {name}"));
    let why = if matches!(finding.cure, Cure::Nothing) { finding.detail.clone() } else { fault.to_string() };
    format!("{}: {what}{place}: {why}", finding.code)
}

/// Damaged bytes are put aside, not removed, until the good ones are here: they might be all there is.
async fn refetch(parts: &Parts, asset: &Asset) -> Result<(), Fault> {
    let path = parts.blobs().path(&asset.blob.sha256);
    let aside = blobs::put_aside(&path)?;
    let fetched = fetch::fetch(parts, &asset.blob).await;
    if let Some(aside) = aside {
        match &fetched {
            Ok(_) => {
                let _ = std::fs::remove_file(&aside);
            }
            Err(_) => blobs::put_back(&aside, &path)?,
        }
    }
    fetched.map(|_| ())
}
