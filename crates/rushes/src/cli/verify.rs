//! `rushes verify`: proves anew that every delivered object is what was made.

use super::hand::{advance, bar};
use super::{Context, exit, print};
use crate::wire;
use crate::words;
use rushes_engine::verify::verify;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fetch and hash the bytes themselves, and hash those on this machine.
    #[arg(long)]
    deep: bool,
}

pub(super) async fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let bar = bar("verifying");
    let verified = verify(&parts, args.deep, &|share| advance(&bar, share)).await?;
    bar.finish_and_clear();
    let is_clean = verified.differing.is_empty();
    if context.json {
        print::json(&serde_json::json!({"clean": is_clean, "verified": verified}))?;
    } else {
        for words in &verified.differing {
            print::line(words);
        }
        let how = if args.deep { "by their bytes" } else { "by what their destinations say" };
        print::line(format!(
            "{} objects ({}) are what was made, {how}; {} are not.",
            verified.equal,
            words::size(verified.bytes),
            verified.differing.len()
        ));
    }
    Ok(if is_clean { exit::DONE } else { exit::NOT_CLEAN })
}
