//! `rushes sync`: sends what one subject still owes, or writes every record anew.

use super::hand::{self, Hand};
use super::{Context, exit, print};
use crate::wire;
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::store::AssetFilter;
use rushes_core::{Code, Fault};
use rushes_engine::{Ask, Parts};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Send what this one still owes: the id or unique slug of a subject, or a user's name.
    #[arg(long, required_unless_present = "records", conflicts_with = "records")]
    subject: Option<String>,
    /// Write every record anew, from what is known here.
    #[arg(long)]
    records: bool,
    /// Only to the catalog of this name.
    #[arg(long, requires = "records", value_name = "NAME")]
    catalog: Option<String>,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    match args.subject {
        Some(subject) => of_subject(context, &parts, subject).await,
        None => of_records(context, &parts, args.catalog).await,
    }
}

async fn of_subject(context: &Context, parts: &Parts, subject: String) -> anyhow::Result<u8> {
    let known = parts.store.subject(&subject).await?.map(|subject| subject.made.id);
    let subject = match known {
        Some(id) => id,
        None if parts.store.assets(&of(&subject)).await?.is_empty() => {
            return Err(Fault::new(Code::NotFound, "sync").with("subject", &subject).because("nothing here belongs to it").into());
        }
        None => subject,
    };
    let (owed, is_done) = ask(context, parts, Ask::Sync { subject: subject.clone() }).await?;
    let open = parts.store.assets(&of(&subject)).await?;
    let is_proven = |d: &Delivery| d.state == DeliveryState::Proven;
    let left = open.iter().filter(|(_, deliveries)| deliveries.is_empty() || !deliveries.iter().all(is_proven)).count();
    if context.json {
        print::json(&json!({"subject": subject, "owed": owed, "assets": open.len(), "undelivered": left}))?;
    } else {
        print::line(format!("{subject}: {owed} deliveries made due, {} of {} assets proven everywhere.", open.len() - left, open.len()));
    }
    Ok(if left == 0 && is_done { exit::DONE } else { exit::PARTLY })
}

async fn of_records(context: &Context, parts: &Parts, catalog: Option<String>) -> anyhow::Result<u8> {
    let (owed, is_done) = ask(context, parts, Ask::Records { catalog: catalog.clone() }).await?;
    let backlog = parts.store.backlog().await?;
    let is_catalog = |name: &str| parts.routes.catalogs.iter().any(|catalog| catalog.name == name);
    let is_meant = |name: &str| is_catalog(name) && catalog.as_ref().is_none_or(|only| only == name);
    let refused: u64 = backlog.iter().filter(|(name, _)| is_meant(name)).map(|(_, backlog)| backlog.refused).sum();
    if context.json {
        print::json(&json!({"owed": owed, "refused": refused}))?;
    } else {
        print::line(format!("{owed} records written anew, {refused} refused."));
    }
    Ok(if refused == 0 && is_done { exit::DONE } else { exit::PARTLY })
}

/// Has it done, and waits for it; gives how much was made due, and whether all of it arrived.
async fn ask(context: &Context, parts: &Parts, what: Ask) -> anyhow::Result<(u64, bool)> {
    let mut hand = Hand::open(context).await?;
    let answer = hand.ask(what).await?;
    let is_done = hand::drain(parts).await?;
    hand.close().await;
    Ok((answer["owed"].as_u64().unwrap_or(0), is_done))
}

fn of(subject: &str) -> AssetFilter {
    AssetFilter { subject: Some(subject.to_owned()), ..AssetFilter::default() }
}
