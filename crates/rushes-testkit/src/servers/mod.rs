//! Real servers for tests, and real verifiers of webhooks: S3 (s3s-fs, moto), emulators of Google Cloud Storage and of Firestore, Postgres and Restate, each on a free port of 127.0.0.1 and with a folder of its own.
//!
//! A server is found by its override in the environment, on PATH, or where `scripts/setup.sh develop` put it. Where it is
//! missing, the test says `skipped: NAME` and returns early; with `RUSHES_REQUIRE_SERVERS=1` it fails instead. Each start
//! returns when the server answers. A server ends when its value is dropped, or with the test process.

mod child;
mod curl;
mod firestore;
mod gcs;
mod port;
mod postgres;
mod restate;
mod s3;
mod schemathesis;
mod verifiers;

pub use self::curl::curl;
pub use self::firestore::{FirestoreEmulator, firestore_emulator};
pub use self::gcs::{GcsEmulator, gcs_emulator};
pub use self::port::claim_ports;
pub use self::postgres::{Postgres, postgres, postgres_synced};
pub use self::restate::{Restate, restate, restate_cluster};
pub use self::s3::{S3Server, moto, s3s_fs, s3s_fs_in};
pub use self::schemathesis::schemathesis;
pub use self::verifiers::{Verifier, callback_verifier, node_verifier, python_verifier};

use std::path::{Path, PathBuf};

/// Where `scripts/setup.sh develop` installs servers.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/servers");

/// `None`, after saying so. Panics where servers are required.
fn skip<T>(name: &str, override_name: &str) -> Option<T> {
    let how = format!("get it with scripts/setup.sh develop, or name it in {override_name}");
    let is_required = std::env::var_os("RUSHES_REQUIRE_SERVERS").is_some_and(|value| value == "1");
    assert!(!is_required, "{name} is missing and RUSHES_REQUIRE_SERVERS is set: {how}");
    eprintln!("skipped: {name} ({how})");
    None
}

/// The first that is a file: what `override_name` holds, `program` on PATH, `program` in `folders`.
fn find(override_name: &str, program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(override_name).filter(|named| !named.is_empty()) {
        return Some(PathBuf::from(named));
    }
    on_path(program).or_else(|| folders.iter().map(|folder| folder.join(program)).find(|file| file.is_file()))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn installed(folder: &str) -> PathBuf {
    Path::new(INSTALLED).join(folder)
}
