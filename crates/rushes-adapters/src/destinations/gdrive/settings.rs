//! What must be known of a folder of Drive.

use crate::google::Credentials;
use crate::http::HttpOptions;

/// What a resumable upload goes in multiples of.
pub(super) const GRAIN_BYTES: u64 = 256 * 1024;

/// One folder and how to reach it.
#[derive(Debug, Clone)]
pub struct DriveSettings {
    /// `root` (the account's own drive), or the id of a folder or of a shared drive.
    pub folder: String,
    /// Folders below it that go before every key: `Rushes/films`; or nothing.
    pub base: String,
    /// Who asks.
    pub credentials: Credentials,
    /// What the tokens are for, parted by spaces; those of a person have the scopes that were agreed to.
    pub scopes: String,
    /// Where Drive answers.
    pub endpoint: String,
    /// Larger files go in parts of so many bytes, a multiple of 256 KiB.
    pub part_bytes: u64,
    /// Larger files go in parts: at most 5 MB.
    pub whole_max_bytes: u64,
    /// Patience.
    pub http: HttpOptions,
}

impl DriveSettings {
    /// With Google's own address and sizes and the usual patience.
    #[must_use]
    pub fn new(folder: &str, base: &str, credentials: Credentials) -> Self {
        Self {
            folder: folder.to_owned(),
            base: base.to_owned(),
            credentials,
            scopes: "https://www.googleapis.com/auth/drive".to_owned(),
            endpoint: "https://www.googleapis.com".to_owned(),
            part_bytes: 8 * 1024 * 1024,
            whole_max_bytes: 5_000_000,
            http: HttpOptions::default(),
        }
    }
}
