//! Configuration: `rushes.toml` < `.env` < environment < flags, each value with the place it came from.
//! No file at all works. What the values mean to adapters is `wire`'s business.

mod engine;
mod faces;
mod intake;
mod older;
mod providers;
mod sections;
mod worker;

pub(crate) use engine::*;
pub(crate) use faces::*;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::{Figment, Profile};
pub(crate) use intake::*;
pub(crate) use providers::*;
use rushes_core::{Code, Fault};
pub(crate) use sections::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
pub(crate) use worker::*;

/// More at once than any destination is the faster for.
const IN_FLIGHT_MAX: usize = 256;

/// Everything that can be set, with defaults.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) engine: EngineSection,
    pub(crate) store: StoreSection,
    pub(crate) media: MediaSection,
    pub(crate) make: MakeSection,
    pub(crate) budgets: BudgetsSection,
    /// By name; those that nothing names in `[make]` are not spoken to.
    pub(crate) providers: BTreeMap<String, ProviderSection>,
    pub(crate) delivery: DeliverySection,
    pub(crate) keep: KeepSection,
    pub(crate) google: GoogleSection,
    pub(crate) instagram: InstagramSection,
    pub(crate) intake: IntakeSection,
    pub(crate) server: ServerSection,
    pub(crate) log: LogSection,
    pub(crate) otlp: OtlpSection,
    pub(crate) webhooks: WebhooksSection,
    pub(crate) worker: WorkerSection,
    pub(crate) workspace: WorkspaceSection,
    pub(crate) faces: FacesSection,
    /// Where it was read.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    /// What `.env` holds; never shown.
    #[serde(skip)]
    dotenv: Dotenv,
    /// Where objects go, the primary one first; none = the folder `remote` of the home.
    pub(crate) destinations: Vec<DestinationSection>,
    /// Where records go; none = the folder `remote/records` of the home.
    pub(crate) catalogs: Vec<CatalogSection>,
    /// Folders that `rushes watch` watches when it is given none.
    pub(crate) watch: Vec<WatchSection>,
    /// Workflows that `rushes serve` starts by the clock.
    pub(crate) schedules: Vec<ScheduleSection>,
}

/// A minute less than the queue waits for an answer.
const DRIVE_MAX_S: u32 = 1_740;
/// Steps at once at most, whatever is configured.
const STEPS_MAX: usize = 4_096;

/// The configuration and where it came from.
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) origin: Figment,
}

/// The lines of `.env`, which nobody gets to see.
#[derive(Clone, Default)]
struct Dotenv(BTreeMap<String, String>);

impl std::fmt::Debug for Dotenv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lines", self.0.len())
    }
}

impl Config {
    /// Whether other nodes work on the same rows.
    pub(crate) fn is_shared(&self) -> bool {
        self.store.uri.is_some() && self.store.shared
    }

    /// Whether any destination or catalog is configured.
    pub(crate) fn has_places(&self) -> bool {
        !self.destinations.is_empty() || !self.catalogs.is_empty()
    }

    /// A variable of the environment, or of `.env`.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().or_else(|| self.dotenv.0.get(name).cloned()).filter(|text| !text.is_empty())
    }

    /// A secret by where it lies: `env:NAME`, also of `.env`, or `file:/path`. Errors: `config_invalid`, which never shows it.
    pub(crate) fn secret(&self, setting: &str, place: &str) -> Result<String, Fault> {
        let refuse = |reason: String| Fault::new(Code::ConfigInvalid, "read configuration").with("setting", setting).because(reason);
        let found = match place.split_once(':') {
            Some(("env", name)) => self.variable(name).ok_or_else(|| refuse(format!("the environment has no {name}")))?,
            Some(("file", path)) => std::fs::read_to_string(path).map_err(|e| refuse(format!("{path}: {e}")))?,
            _ => return Err(refuse("secrets stand elsewhere: write env:NAME or file:/path".to_owned())),
        };
        let found = found.trim().to_owned();
        if found.is_empty() { Err(refuse(format!("{place} is empty"))) } else { Ok(found) }
    }
}

/// Reads all layers. The file and `.env` are looked for in the working directory.
/// Errors: `config_invalid`, naming the setting and where it stands.
pub(crate) fn load(folder: &Path) -> Result<Loaded, Fault> {
    let invalid = |error: figment::Error| {
        let mut fault = Fault::new(Code::ConfigInvalid, "read configuration");
        if !error.path.is_empty() {
            fault = fault.with("setting", error.path.join("."));
        }
        if let Some(metadata) = &error.metadata {
            fault = fault.with("from", place(metadata));
        }
        fault.because(error.kind)
    };
    let dotenv = older::read_dotenv(&folder.join(".env"))?;
    let file = folder.join("rushes.toml");
    let mut origin = Figment::from(Serialized::defaults(Config::default()));
    if is_file(&file)? {
        origin = origin.merge(Toml::file_exact(file));
    }
    let origin = origin
        .merge(Serialized::from(&dotenv.named, Profile::Default))
        .merge(older::names(&dotenv.all)?)
        .merge(older::names(&std::env::vars().collect())?)
        .merge(Env::prefixed("RUSHES_").filter(|key| key.as_str().contains("__")).split("__"));
    let mut config: Config = origin.extract().map_err(invalid)?;
    config.dotenv = Dotenv(dotenv.all);
    folder.clone_into(&mut config.folder);
    check(&config)?;
    for (name, scheme, what) in
        [("SUPABASE_URL", "supabase://", "a Supabase project"), ("GCS_BUCKET_NAME", "gs://", "a bucket of Cloud Storage")]
    {
        if config.variable(name).is_some() && !config.destinations.iter().any(|place| place.uri.starts_with(scheme)) {
            let reason = format!("it names {what}, and no destination goes there; add one with uri = \"{scheme}BUCKET\", or unset it");
            return Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", name).because(reason));
        }
    }
    let database = config.variable("FIRESTORE_DATABASE").filter(|_| config.variable("USE_FIRESTORE").as_deref() != Some("false"));
    if let Some(database) = database.filter(|_| !config.catalogs.iter().any(|place| place.uri.starts_with("firestore://"))) {
        let project = config.variable("GCP_PROJECT_ID").unwrap_or_else(|| "PROJECT".to_owned());
        let reason = format!(
            "it names a Firestore database, and no catalog goes there; add one with uri = \"firestore://{project}/{database}\", or unset it"
        );
        return Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "FIRESTORE_DATABASE").because(reason));
    }
    Ok(Loaded { config, origin })
}

/// Whether a file of the configuration is there. Errors: `config_invalid` where something else is: a pipe would be waited
/// for, a folder or a link to nowhere is no "none".
fn is_file(path: &Path) -> Result<bool, Fault> {
    let refuse = |reason: String| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Err(Fault::new(Code::ConfigInvalid, "read configuration").with("from", name).because(reason))
    };
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(true),
        Ok(_) => refuse("it is no regular file".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => Ok(false),
        Err(error) => refuse(error.to_string()),
    }
}

/// Ten years: what failed longer ago nobody asks about.
const FAILED_SCRATCH_MAX_DAYS: u32 = 3_650;
const SCHEDULES_MAX: usize = 100;
const SCHEDULE_NAME_MAX: usize = 64;
/// A hundred years; who means longer says for good.
const KEEP_MAX_DAYS: u32 = 36_500;

fn check(config: &Config) -> Result<(), Fault> {
    check_days(config)?;
    check_schedules(config)?;
    check_engine(config)?;
    check_tasks(config)?;
    intake::check(&config.intake)?;
    providers::check(&config.budgets, &config.providers)?;
    config.worker.check()?;
    let media = &config.media;
    if !(64..=4096).contains(&media.width) || !(64..=4096).contains(&media.height) || media.width % 2 == 1 || media.height % 2 == 1 {
        return refuse("media.width, media.height", "sizes are even numbers from 64 to 4096");
    }
    if !(1..=120).contains(&media.fps) {
        return refuse("media.fps", "frames a second are 1 to 120");
    }
    if !(1..=600).contains(&media.dance_max_s) {
        return refuse("media.dance_max_s", "a dance lasts 1 to 600 seconds");
    }
    let delivery = &config.delivery;
    if !(0.01..=3600.0).contains(&delivery.first_backoff_s) || !(0.1..=3600.0).contains(&delivery.scan_every_s) {
        return refuse("delivery.first_backoff_s, delivery.scan_every_s", "waits are above zero and at most an hour");
    }
    let of_places =
        config.destinations.iter().filter_map(|place| Some((format!("destinations.{}.in_flight", place.name), place.in_flight?)));
    for (setting, in_flight) in of_places.chain([("delivery.in_flight".to_owned(), delivery.in_flight)]) {
        if !(1..=IN_FLIGHT_MAX).contains(&in_flight) {
            return refuse(&setting, "1 to 256 go at once; `hold` in [delivery] stops them all");
        }
    }
    if !(0.0..=1e12).contains(&config.keep.blobs_max_mb) {
        return refuse("keep.blobs_max_mb", "it is a number of millions of bytes, 0 for no bound");
    }
    if config.keep.failed_scratch_days > FAILED_SCRATCH_MAX_DAYS {
        return refuse("keep.failed_scratch_days", "scratch is kept for at most ten years, 3650 days");
    }
    if !(0.1..=3600.0).contains(&delivery.stalled_after_s) {
        return refuse("delivery.stalled_after_s", "a wait is above zero and at most an hour");
    }
    if config.server.callback_base.as_deref().is_some_and(|base| !is_base(base)) {
        return refuse("server.callback_base", "this is an https:// address without ? and #, as it is reached from outside");
    }
    if config.server.jobs_at_once == 0 {
        return refuse("server.jobs_at_once", "at least one job runs at once");
    }
    config.instagram.check()?;
    let retries = &config.webhooks.retries_s;
    if retries.len() > 20 || !retries.iter().all(|seconds| (0.0..=604_800.0).contains(seconds)) {
        return refuse("webhooks.retries_s", "at most 20 waits, each at most a week");
    }
    for place in &config.watch {
        if place.folder.as_os_str().is_empty() {
            return refuse("watch.folder", "each [[watch]] names a folder");
        }
        if place.kind.as_deref().is_some_and(|kind| rushes_core::Kind::named(kind).is_none()) {
            return refuse("watch.kind", "there is no such kind; docs/kinds.md lists them");
        }
        if !(0.1..=3600.0).contains(&place.every_s) || !(0.1..=3600.0).contains(&place.settle_s) {
            return refuse("watch.every_s, watch.settle_s", "waits are at least a tenth of a second and at most an hour");
        }
    }
    let destinations = config.destinations.iter().map(|place| place.name.as_str());
    let mut names: Vec<&str> = destinations.chain(config.catalogs.iter().map(|place| place.name.as_str())).collect();
    names.sort_unstable();
    if names.iter().any(|name| name.is_empty()) || names.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse("destinations, catalogs", "each has a name, and no two the same");
    }
    Ok(())
}

/// Whether paths may be put behind it. Without a certificate nobody outside is told of this machine.
fn is_base(base: &str) -> bool {
    let is_whole = !base.contains(['?', '#', '"', '\\']) && !base.contains(char::is_whitespace);
    let rest = base.strip_prefix("https://").or(base.strip_prefix("http://127.0.0.1"));
    is_whole && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

fn check_engine(config: &Config) -> Result<(), Fault> {
    if config.engine.cpu_lane > STEPS_MAX {
        return refuse("engine.cpu_lane", "steps at once are at most 4096; 0 means as many as there are cores");
    }
    if config.engine.tasks.queue.is_some() && config.engine.kind == EngineKind::Restate {
        return refuse("engine.kind, engine.tasks.queue", "jobs are handed out by a Restate server or asked for by a queue, not both");
    }
    Ok(())
}

fn check_tasks(config: &Config) -> Result<(), Fault> {
    let tasks = &config.engine.tasks;
    if !(1..=DRIVE_MAX_S).contains(&tasks.drive_s) {
        return refuse("engine.tasks.drive_s", "a request drives its job for 1 to 1740 s: the queue waits for half an hour at most");
    }
    if tasks.queue.is_some() != tasks.url.is_some() {
        return refuse(
            "engine.tasks.queue, engine.tasks.url",
            "a queue needs both, or neither is set and the engine looks for work by itself",
        );
    }
    Ok(())
}

fn refuse(setting: &str, reason: &str) -> Result<(), Fault> {
    Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", setting).because(reason))
}

fn check_days(config: &Config) -> Result<(), Fault> {
    for (name, days) in &config.keep.days {
        let setting = format!("keep.days.{name}");
        if rushes_core::Kind::named(name).is_none() {
            let kinds: Vec<&str> = rushes_core::kinds::KINDS.iter().map(|row| row.name).collect();
            return refuse(&setting, &format!("there is no such kind; there are: {}", kinds.join(", ")));
        }
        if *days > KEEP_MAX_DAYS {
            return refuse(&setting, "an asset is kept for 1 to 36500 days, or for good: 0");
        }
    }
    Ok(())
}

fn check_schedules(config: &Config) -> Result<(), Fault> {
    let is_name = |name: &str| (1..=SCHEDULE_NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if config.schedules.len() > SCHEDULES_MAX || !config.schedules.iter().all(|schedule| is_name(&schedule.name)) {
        return refuse("schedules", "each of at most 100 has a name of 1 to 64 printable characters");
    }
    let mut names: Vec<&str> = config.schedules.iter().map(|schedule| schedule.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse("schedules", "no two have the same name");
    }
    Ok(())
}

/// Where a value came from, in words.
pub(crate) fn place(metadata: &figment::Metadata) -> String {
    match &metadata.source {
        Some(figment::Source::File(path)) => {
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
        }
        _ if metadata.name.contains("environment") => "environment".to_owned(),
        _ if metadata.name.contains("Config") => "default".to_owned(),
        _ => metadata.name.to_string(),
    }
}

#[cfg(test)]
mod tests;
