//! `rushes init`: a home with its folders and database.

use super::{Context, exit, print};
use crate::wire;

pub(super) fn run(context: &Context) -> anyhow::Result<u8> {
    let running = wire::start(&context.home, &context.loaded.config)?;
    let root = running.engine.parts().home.root().display().to_string();
    if context.json {
        print::json(&serde_json::json!({"home": root}))?;
    } else {
        print::line(format!("The home is ready: {root}"));
    }
    Ok(exit::DONE)
}
