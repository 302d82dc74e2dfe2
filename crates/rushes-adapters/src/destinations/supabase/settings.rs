//! What must be known of a bucket.

use crate::catalogs::postgres::PostgresSettings;
use crate::http::HttpOptions;
use std::fmt;

/// Bytes of one part of a resumable upload, as Supabase wants them.
pub const PART_BYTES: u64 = 6 * 1024 * 1024;

/// One bucket and how to reach it.
#[derive(Clone)]
pub struct SupabaseSettings {
    /// `https://PROJECT.supabase.co`, or where a project of one's own answers; without `/storage/v1`.
    pub endpoint: String,
    /// Its name.
    pub bucket: String,
    /// The project's secret (service) key, or one that its policies let read and write. Shown nowhere.
    pub key: String,
    /// Bytes of one part of a resumable upload: [`PART_BYTES`], Supabase takes no other.
    pub part_bytes: u64,
    /// Larger files go by resumable uploads.
    pub whole_max_bytes: u64,
    /// The project's own database, where the policy of the bucket is made when it is asked for.
    pub database: Option<PostgresSettings>,
    /// Patience.
    pub http: HttpOptions,
}

impl SupabaseSettings {
    /// With Supabase's own sizes and the usual patience.
    #[must_use]
    pub fn new(endpoint: &str, bucket: &str, key: &str) -> Self {
        let http = HttpOptions::default();
        let (endpoint, bucket, key) = (endpoint.to_owned(), bucket.to_owned(), key.to_owned());
        Self { endpoint, bucket, key, part_bytes: PART_BYTES, whole_max_bytes: PART_BYTES, database: None, http }
    }
}

impl fmt::Debug for SupabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, bucket, part_bytes, whole_max_bytes, http, .. } = self;
        f.debug_struct("SupabaseSettings")
            .field("endpoint", endpoint)
            .field("bucket", bucket)
            .field("part_bytes", part_bytes)
            .field("whole_max_bytes", whole_max_bytes)
            .field("http", http)
            .finish_non_exhaustive()
    }
}
