//! `rushes sync --subject ID`: sends what one subject still owes.

use super::hand::{self, By};
use super::{Context, exit, print};
use crate::wire;
use rushes_core::{Code, Fault};
use rushes_engine::Ask;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose: the id or unique slug of a subject, or a user's name.
    #[arg(long)]
    subject: String,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let known = parts.store.subject(&args.subject).await?.map(|subject| subject.made.id);
    let subject = match known {
        Some(id) => id,
        None if parts.store.assets(&of(&args.subject)).await?.is_empty() => {
            return Err(Fault::new(Code::NotFound, "sync").with("subject", &args.subject).because("nothing here belongs to it").into());
        }
        None => args.subject,
    };
    let (answer, by) = hand::ask(context, Ask::Sync { subject: subject.clone() }).await?;
    let is_done = hand::drain(&parts).await?;
    if let By::Us(running) = by {
        running.engine.stop().await;
    }
    let open = parts.store.assets(&of(&subject)).await?;
    let is_proven = |d: &rushes_core::delivery::Delivery| d.state == rushes_core::delivery::DeliveryState::Proven;
    let left = open.iter().filter(|(_, deliveries)| deliveries.is_empty() || !deliveries.iter().all(is_proven)).count();
    if context.json {
        print::json(&serde_json::json!({"subject": subject, "owed": answer["owed"], "assets": open.len(), "undelivered": left}))?;
    } else {
        print::line(format!(
            "{subject}: {} deliveries made due, {} of {} assets proven everywhere.",
            answer["owed"],
            open.len() - left,
            open.len()
        ));
    }
    Ok(if left == 0 && is_done { exit::DONE } else { exit::PARTLY })
}

fn of(subject: &str) -> rushes_core::store::AssetFilter {
    rushes_core::store::AssetFilter { subject: Some(subject.to_owned()), ..rushes_core::store::AssetFilter::default() }
}
