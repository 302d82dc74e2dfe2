//! Files of this machine that a service fetches by itself: put at a destination for the time of one piece of work, under
//! signed addresses that end by themselves.

use rushes_core::delivery::LENT;
use rushes_core::destination::{Condition, Destination, Put};
use rushes_core::digest::digest;
use rushes_core::{Code, Fault};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// As long as a service may take until it has fetched what it was lent.
const OPENS: Duration = Duration::from_hours(6);

/// Where files are lent from: a destination whose objects can be given addresses.
#[derive(Clone)]
pub struct Lender {
    destination: Arc<dyn Destination>,
    prefix: String,
}

impl Lender {
    /// None where the destination gives no addresses that open from outside. `prefix` goes before each key; empty or ending in `/`.
    #[must_use]
    pub fn new(destination: Arc<dyn Destination>, prefix: &str) -> Option<Self> {
        destination.abilities().links?;
        Some(Self { destination, prefix: prefix.to_owned() })
    }

    pub(super) fn key(&self, call: &str, name: &str) -> String {
        format!("{}{LENT}{}/{name}", self.prefix, rushes_core::flow::hash(&call))
    }

    /// Puts a file there for the piece of work of this key, under a name that is its own there; gives its address. May be
    /// called again. Errors: those of the destination; `io`.
    pub(crate) async fn lend(&self, call: &str, name: &str, mime: &str, file: &Path) -> Result<String, Fault> {
        let (read, mime) = (file.to_owned(), mime.to_owned());
        let hashed = tokio::task::spawn_blocking(move || {
            File::open(&read).and_then(|opened| digest(opened, &mime)).map_err(|e| Fault::io("read file", &read, &e))
        });
        let blob = hashed.await.map_err(|e| Fault::new(Code::Panicked, "lend file").because(e))??;
        let key = self.key(call, name);
        // What an earlier attempt has put there may have been made anew since.
        self.destination.delete(&key).await?;
        self.destination.put(Put::new(&key, file, &blob, Condition::CreateOnly)).await?;
        self.address(&key).await
    }

    async fn address(&self, key: &str) -> Result<String, Fault> {
        let none = || Fault::new(Code::ConfigInvalid, "lend file").because("the destination gives no addresses that open from outside");
        self.destination.abilities().links.ok_or_else(none)?.signed_url(key, OPENS).await
    }

    /// Takes back what was lent to the piece of work of this key under these names; what is not there is passed over.
    pub(crate) async fn take_back(&self, call: &str, names: &[&str]) -> Result<(), Fault> {
        for name in names {
            self.destination.delete(&self.key(call, name)).await?;
        }
        Ok(())
    }
}
