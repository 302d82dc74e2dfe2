//! The sections of `rushes.toml`: what can be set, with defaults. Each stands in `rushes.example.toml` too.

use super::refuse;
use rushes_core::Fault;
use rushes_core::Kind;
use rushes_core::former::Layout;
use rushes_core::kinds::kept_days;
use rushes_engine::KeepRules;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One watched folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WatchSection {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// Of what kind its files are; none = what their names say, else a workspace image or video by content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// Whose files they are whose names do not say; none = `local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// Which of the subject's sets, where `kind` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// What fills their paths, where `kind` is given; what is missing is the file's own name.
    pub(crate) names: BTreeMap<String, String>,
    /// Patterns of names to pass over, beside those that always are.
    pub(crate) ignore: Vec<String>,
    /// Seconds between two looks at everything.
    pub(crate) every_s: f64,
    /// A file that nobody was seen closing has settled when it stays the same for so many seconds.
    pub(crate) settle_s: f64,
}

impl Default for WatchSection {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            kind: None,
            subject: None,
            title: None,
            names: BTreeMap::new(),
            ignore: Vec::new(),
            every_s: 5.0,
            settle_s: 2.0,
        }
    }
}

/// One workflow that is started by the clock.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScheduleSection {
    /// As it appears in tables.
    pub(crate) name: String,
    /// Minute, hour, day, month, weekday; or `@daily` and such.
    pub(crate) cron: String,
    /// The zone those are meant in, by its IANA name.
    pub(crate) time_zone: String,
    /// Which workflow.
    pub(crate) workflow: String,
    /// What it is started with, as by POST /api/v1/workflows/{name}/jobs.
    pub(crate) parameters: serde_json::Map<String, serde_json::Value>,
    /// Whether the newest occurrence that was missed while nobody served is run once.
    pub(crate) catch_up: bool,
}

impl Default for ScheduleSection {
    fn default() -> Self {
        Self {
            name: String::new(),
            cron: String::new(),
            time_zone: "UTC".to_owned(),
            workflow: String::new(),
            parameters: serde_json::Map::new(),
            catch_up: true,
        }
    }
}

/// The shape of pictures and films.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MediaSection {
    /// Pixels, even.
    pub(crate) width: u32,
    /// Pixels, even.
    pub(crate) height: u32,
    /// Frames a second.
    pub(crate) fps: u32,
    /// Longer references are followed from their start for this long, seconds.
    pub(crate) dance_max_s: u32,
    /// `draft` (fast) or `final` (smaller files, three times the work).
    pub(crate) quality: Quality,
}

impl Default for MediaSection {
    fn default() -> Self {
        Self { width: 720, height: 1280, fps: 30, dance_max_s: 30, quality: Quality::Draft }
    }
}

/// How films are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Quality {
    Draft,
    Final,
}

/// Where the rows are kept: jobs, assets, what is owed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreSection {
    /// `postgres://user@host:port/database`, or where that stands: `env:NAME`, `file:/path`; none = SQLite, in the home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uri: Option<String>,
    /// Where the password stands, `env:NAME` or `file:/path`, unless the address holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    /// A file of certificates (PEM) of those who may vouch for the server; none = those the machine trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authority: Option<String>,
    /// The schema that holds the tables.
    pub(crate) schema: String,
    /// Whether other nodes, each with a home of its own, work on it too.
    pub(crate) shared: bool,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { uri: None, password: None, authority: None, schema: "rushes".to_owned(), shared: true }
    }
}

/// How deliveries are made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DeliverySection {
    /// Uploads in flight to each destination, writes to each catalog; 1 = one object at a time, else three of up to 1 MiB
    /// count as one.
    pub(crate) in_flight: usize,
    /// The wait after a first failure, seconds; it doubles, up to half a minute.
    pub(crate) first_backoff_s: f64,
    /// Seconds between the safety scans of the outbox.
    pub(crate) scan_every_s: f64,
    /// A transfer in which nothing moves for so many seconds counts as broken.
    pub(crate) stalled_after_s: f64,
    /// Nothing is sent: what is owed is kept, and shown as held.
    pub(crate) hold: bool,
    /// What failed so often counts as an alarm, though it is tried further; 0 = never.
    pub(crate) alarm_after: u32,
    /// Places that this home may lose: no longer configured, though something is owed to them or proven there. Said once,
    /// it is done.
    pub(crate) forget: Vec<String>,
}

impl Default for DeliverySection {
    fn default() -> Self {
        Self {
            in_flight: 8,
            first_backoff_s: 1.0,
            scan_every_s: 3.0,
            stalled_after_s: 30.0,
            hold: false,
            alarm_after: 10,
            forget: Vec::new(),
        }
    }
}

/// How much is kept on this machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KeepSection {
    /// Local bytes beyond this go, the longest unused first, once they are proven at every destination; what needs them
    /// fetches them back. Millions of bytes; 0 = all stay.
    pub(crate) blobs_max_mb: f64,
    /// How long the scratch of a failed job stays.
    pub(crate) failed_scratch_days: u32,
    /// Kinds by name, each with how many days its assets are kept; 0 = for good. What is not named keeps the days of the
    /// table of kinds.
    pub(crate) days: BTreeMap<String, u32>,
}

impl Default for KeepSection {
    fn default() -> Self {
        Self { blobs_max_mb: 0.0, failed_scratch_days: KeepRules::FAILED_SCRATCH_DAYS, days: BTreeMap::new() }
    }
}

impl KeepSection {
    /// The kinds that are kept for days only, each with how many.
    pub(crate) fn kept_days(&self) -> BTreeMap<Kind, u32> {
        let mut all = kept_days();
        all.extend(self.days.iter().filter_map(|(name, days)| Some((Kind::named(name)?, *days))));
        all.retain(|_, days| *days > 0);
        all
    }
}

/// How ends of jobs are told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebhooksSection {
    /// Whether private, loopback and link-local addresses are sent to.
    pub(crate) allow_private: bool,
    /// The waits after each failure, seconds; after the last of them a message is given up.
    pub(crate) retries_s: Vec<f64>,
}

impl Default for WebhooksSection {
    fn default() -> Self {
        let hours = [2.0, 5.0, 10.0, 14.0, 20.0, 24.0].map(|hours| hours * 3_600.0);
        Self { allow_private: false, retries_s: [5.0, 300.0, 1_800.0].into_iter().chain(hours).collect() }
    }
}

/// The app whose users have a workspace: how it is told of the ends of its jobs (docs/webhooks.md), and where results of
/// earlier days are (docs/workers.md).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WorkspaceSection {
    /// Where to; none = `SUPABASE_URL/functions/v1/job-callback`, where there is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) callback_url: Option<String>,
    /// What signs, shared with the app: `env:NAME` or `file:/path`; none = `JOB_CALLBACK_SECRET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) callback_secret: Option<String>,
    /// What is sent as a bearer: `env:NAME` or `file:/path`; none = the project's service key, to the project alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) callback_key: Option<String>,
    /// The destination that holds the former buckets, of which what is not ours is only read; none = there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) former: Option<String>,
    /// Under which paths new results lie.
    pub(crate) layout: Layout,
}

/// What `rushes serve` listens on, and what it takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerSection {
    /// Address and port. Without any key it must be a loopback address.
    pub(crate) listen: String,
    /// The port alone, where it is given by itself; none = that of `listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    /// Jobs at once that were asked for from outside; their children come on top, the lanes bound their steps.
    pub(crate) jobs_at_once: usize,
    /// The longest a job may run, seconds; 0 = without bound.
    pub(crate) job_limit_s: u32,
    /// Requests that one key may make in a minute.
    pub(crate) requests_per_minute: u32,
    /// The largest file that may be handed in, millions of bytes.
    pub(crate) upload_max_mb: u32,
    /// Where this server is reached from outside, for providers to call; none = they are not asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) callback_base: Option<String>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8787".to_owned(),
            port: None,
            jobs_at_once: 4,
            job_limit_s: 0,
            requests_per_minute: 1_200,
            upload_max_mb: 2_048,
            callback_base: None,
        }
    }
}

impl ServerSection {
    /// Where to listen: a port given alone stands in place of that of `listen`.
    pub(crate) fn address(&self) -> String {
        match (self.port, self.listen.rsplit_once(':')) {
            (Some(port), Some((host, _))) => format!("{host}:{port}"),
            _ => self.listen.clone(),
        }
    }
}

/// How the log is written, on stderr.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// `text` for people, or `json`: one object a line, with the names Google's Cloud Logging knows.
    pub(crate) format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Who publishes at Instagram, and how much; without an account nobody does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct InstagramSection {
    /// The account's id at Instagram, digits.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "digits")]
    pub(crate) user_id: Option<String>,
    /// The account's access token: `env:NAME` or `file:/path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// None = `https://graph.instagram.com`; for tokens of Facebook's login `https://graph.facebook.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// Posts within 24 hours at most; the account's own limit holds as well.
    pub(crate) daily_limit: u32,
}

impl Default for InstagramSection {
    fn default() -> Self {
        Self { user_id: None, token: None, endpoint: None, daily_limit: 25 }
    }
}

impl InstagramSection {
    /// Errors: `config_invalid`.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if !(1..=100).contains(&self.daily_limit) {
            return refuse("instagram.daily_limit", "1 to 100 posts a day; Instagram allows an account no more");
        }
        if self.user_id.is_some() != self.token.is_some() {
            return refuse("instagram.user_id, instagram.token", "an account has both, or neither is set and nothing is published");
        }
        Ok(())
    }
}

/// An id that the environment gives as a number.
fn digits<'de, D: serde::Deserializer<'de>>(given: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(u64),
    }
    let id: Option<Id> = Option::deserialize(given)?;
    Ok(id.map(|id| match id {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    }))
}

/// Where spans of requests, jobs, steps and uploads are sent, if anywhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OtlpSection {
    /// A collector that speaks OTLP over HTTP, such as `http://127.0.0.1:4318`; none = nothing is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
}

/// How people log in at Google: `rushes auth google`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GoogleSection {
    /// Of an OAuth client for desktop applications; none = `GOOGLE_CLIENT_ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    /// `env:NAME` or `file:/path`; none = `GOOGLE_CLIENT_SECRET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<String>,
    /// Where `/auth`, `/token` and `/revoke` are, if not at Google.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
}

/// One destination. What a type has no use for is refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DestinationSection {
    /// As it appears in tables and records.
    pub(crate) name: String,
    /// Its type and address: `file:///srv/bucket`, `gdrive://root/NAME`, `gs://bucket`, `s3://bucket`, `supabase://bucket`.
    pub(crate) uri: String,
    /// Goes before each path, such as `anime_dance`.
    pub(crate) prefix: String,
    /// Only these kinds go there; none = all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) kinds: Vec<String>,
    /// Only what belongs to subjects of these types goes there; none = everything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) subjects: Vec<String>,
    /// Uploads in flight there; none = `delivery.in_flight`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_flight: Option<usize>,
    /// Who may open what is there.
    pub(crate) access: AccessSetting,
    /// How long an address with `access = "signed"` opens, hours; it is renewed in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signed_hours: Option<f64>,
    /// Goes before the key in public addresses, where that is not the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_base: Option<String>,
    /// `https://host`; for `s3://` none = Amazon's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// As the store calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// Where the bucket's name stands in an address: `path` or `host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) addressing: Option<AddressingSetting>,
    /// `env:NAME` or `file:/path`; for `s3://` none = what the machine offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_key: Option<String>,
    /// `env:NAME` or `file:/path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_key: Option<String>,
    /// `env:NAME` or `file:/path`, where the keys are lent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_token: Option<String>,
    /// Google's JSON by `env:NAME` or `file:/path`; none = what the machine offers, for `gdrive://` first the login of
    /// `rushes auth google`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credentials: Option<String>,
    /// For `supabase://`: the name of the catalog in the project's own Postgres, where `rushes doctor --fix` makes the
    /// bucket's policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<String>,
    /// Large files go in parts of so many MiB; a restart sends at most one again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) part_mb: Option<u32>,
    /// Pictures go there as JPEG, their longest side at most so many pixels; none = as they are.
    pub(crate) pictures_max_px: Option<u32>,
    /// The quality of those, 1 to 100.
    pub(crate) pictures_quality: Option<u8>,
}

/// Who may open what is at a destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccessSetting {
    #[default]
    Private,
    Public,
    Signed,
}

/// Where a bucket's name stands in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AddressingSetting {
    Path,
    Host,
}

/// One catalog. What a type has no use for is refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CatalogSection {
    /// As it appears in tables and records.
    pub(crate) name: String,
    /// Its type and address: `file:///srv/records`, `postgres://user@host/database`, `firestore://project/(default)`,
    /// `supabase://workspace_assets`; or `env:NAME`, `file:/path` where an address holds a password.
    pub(crate) uri: String,
    /// How `assets` stands in a record.
    pub(crate) assets_shape: AssetsShape,
    /// `postgres://`: `env:NAME` or `file:/path`; none = PGPASSWORD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    /// `postgres://`: a file of certificates (PEM) that vouch for the server; none = those the machine trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authority: Option<String>,
    /// `firestore://`: the account's key (JSON), `env:NAME` or `file:/path`; none = what the machine offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credentials: Option<String>,
    /// `supabase://`: `https://PROJECT.supabase.co`; none = `SUPABASE_URL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// `supabase://`: the service key, `env:NAME` or `file:/path`; none = `SUPABASE_SERVICE_ROLE_KEY`, `SUPABASE_SERVICE_KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_key: Option<String>,
}

/// How the sets of a subject's assets stand in its record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AssetsShape {
    /// One after the other, each with its title.
    #[default]
    Array,
    /// By title.
    Map,
}
