//! `rushes restore`: a library from its catalogs and destinations alone; `--prove` only shows that it can be done.

use super::hand::{advance, bar, drain};
use super::{Context, exit, print};
use crate::wire;
use crate::words;
use rushes_core::{Code, Fault};
use rushes_engine::Ask;
use rushes_engine::restore::{Restored, prove, restore};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fetch everything into an empty folder, compare every byte, and change nothing.
    #[arg(long)]
    prove: bool,
}

pub(super) async fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let bar = bar(if args.prove { "proving" } else { "restoring" });
    let each = |share| advance(&bar, share);
    let restored = if args.prove {
        let parts = wire::look_without_database(&context.home, &context.loaded.config)?;
        let folder = std::env::temp_dir().join(format!("rushes-prove-{}", parts.clock.new_id()));
        std::fs::create_dir(&folder).map_err(|e| Fault::io("make folder", &folder, &e))?;
        let proven = prove(&parts, &folder, &each).await;
        let _ = std::fs::remove_dir_all(&folder);
        proven?
    } else {
        let running = wire::start(&context.home, &context.loaded.config)?;
        let restored = restore(running.engine.parts(), &each).await?;
        // A bucket that has moved has other addresses now, and other destinations may lack what came back.
        running.engine.answer(Ask::Fix { deep: false }).await?;
        drain(running.engine.parts()).await?;
        running.engine.stop().await;
        restored
    };
    bar.finish_and_clear();
    tell(context, args.prove, &restored)
}

fn tell(context: &Context, is_proof: bool, restored: &Restored) -> anyhow::Result<u8> {
    if context.json {
        print::json(&serde_json::json!({"whole": restored.lost.is_empty(), "restored": restored}))?;
    } else {
        for words in &restored.lost {
            print::line(format!("lost: {words}"));
        }
        for uri in &restored.unrecorded {
            print::line(format!("without a record, left where it is: {uri}"));
        }
        let what =
            if is_proof { "came back equal, byte for byte".to_owned() } else { format!("are here, {} of them new", restored.adopted) };
        print::line(format!(
            "{} files ({}) {what}; {} could not be had.",
            restored.files,
            words::size(restored.bytes),
            restored.lost.len()
        ));
    }
    if restored.files == 0 && restored.lost.is_empty() {
        let fault = Fault::new(Code::NotFound, "restore").because("the configured catalogs name no files");
        return Err(fault.into());
    }
    Ok(if restored.lost.is_empty() { exit::DONE } else { exit::NOT_CLEAN })
}
