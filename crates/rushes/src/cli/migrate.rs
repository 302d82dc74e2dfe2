//! `rushes migrate`: all rows of the store into another one, from the home to a server or back. Bytes stay where they are.

use super::hand::bar;
use super::{Context, exit, print};
use crate::wire;
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to: postgres://user@host:port/database, env:NAME or file:/path where that stands, or `home`.
    #[arg(long, value_name = "URI|home")]
    to: String,
    /// The schema on the server.
    #[arg(long, default_value = "rushes")]
    schema: String,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let (home, config, bar) = (context.home.clone(), context.loaded.config.clone(), bar("moving rows"));
    let (to, schema, shown) = (args.to.clone(), args.schema.clone(), bar.clone());
    let work = move || {
        wire::store::migrate(&home, &config, (&to, &schema), &mut |table, rows| shown.set_message(format!("moving rows: {table} {rows}")))
    };
    let moved = tokio::task::spawn_blocking(work).await?;
    bar.finish_and_clear();
    let moved = moved?;
    if context.json {
        let tables: Vec<_> = moved.iter().map(|one| json!({"table": one.table, "rows": one.rows, "sha256": one.sha256})).collect();
        print::json(&json!({"to": args.to, "tables": tables}))?;
        return Ok(exit::DONE);
    }
    let rows: u64 = moved.iter().map(|one| one.rows).sum();
    print::line(format!("{rows} rows of {} tables are there, each compared with its own.", moved.len()));
    print::line(if args.to == "home" {
        "Now take [store] out of rushes.toml; what is on the server stays there, as it was at this moment.".to_owned()
    } else {
        format!(
            "Now say under [store] in rushes.toml: uri = {:?}, schema = {:?}; rushes.db stays, as it was at this moment.",
            args.to, args.schema
        )
    });
    Ok(exit::DONE)
}
