//! `rushes keys`: who may ask over HTTP. A key is shown once; what is kept of it tells nobody the key.

use super::{Context, exit, print};
use crate::http::new_secret;
use crate::wire;
use rushes_core::key::{Key, Scope};
use rushes_core::record::rfc3339;
use serde_json::json;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key and show it, once.
    New {
        /// What you call it.
        name: String,
        /// What it may do: look (`read`), start jobs too (`run`), everything (`admin`).
        #[arg(long, default_value = "run", value_parser = scope)]
        scope: Scope,
    },
    /// List the keys, revoked ones too.
    Ls,
    /// Have a key open nothing any more.
    Revoke {
        /// Its id or its name.
        key: String,
    },
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::named(text).ok_or_else(|| "a scope is work, read, run or admin".to_owned())
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::New { name, scope } => {
            let store = wire::beside(&context.home, &context.loaded.config)?;
            let key = Key::new(store.clock.new_id(), &name, scope, store.clock.now_ms())?;
            let (secret, hash) = new_secret();
            store.store.add_key(&key, &hash).await?;
            if context.json {
                print::json(&json!({"id": key.id, "name": key.name, "scope": key.scope, "key": secret}))?;
            } else {
                print::line(&secret);
                print::note("This is the only time it is shown. Send it as `Authorization: Bearer KEY`.");
            }
        }
        Command::Ls => {
            let keys = wire::look(&context.home, &context.loaded.config)?.store.keys().await?;
            if context.json {
                print::json(&json!({"keys": keys}))?;
            } else {
                let when = |at: Option<i64>| at.map_or_else(|| "–".to_owned(), rfc3339);
                print::table(
                    &["key", "name", "scope", "made", "last used", "revoked"],
                    &[],
                    keys.into_iter().map(|key| {
                        vec![
                            key.id,
                            key.name,
                            key.scope.name().to_owned(),
                            rfc3339(key.created_ms),
                            when(key.used_ms),
                            when(key.revoked_ms),
                        ]
                    }),
                );
            }
        }
        Command::Revoke { key } => {
            let revoked = wire::beside(&context.home, &context.loaded.config)?.store.revoke_key(&key).await?;
            if context.json {
                print::json(&revoked)?;
            } else {
                print::line(format!("{} ({}) opens nothing any more.", revoked.id, revoked.name));
            }
        }
    }
    Ok(exit::DONE)
}
