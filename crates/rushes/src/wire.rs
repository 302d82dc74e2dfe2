//! Puts the product together: the only place that names concrete adapters and providers.

mod apart;
mod catalogs;
mod destinations;
mod google;
mod intake;
pub(crate) mod models;
mod outside;
mod providers;
mod publishers;
mod queue;
mod remembered;
mod schedules;
pub(crate) mod shoots;
pub(crate) mod store;
mod workspace;

use crate::config::{Config, Quality};
pub(crate) use intake::{intake, lists};
use outside::Outside;
pub(crate) use publishers::publisher;
use rushes_adapters::google::login::Login;
pub(crate) use rushes_adapters::google::login::check as check_login;
use rushes_adapters::providers::callbacks::Bells;
use rushes_adapters::webhook::Poster;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::Routes;
use rushes_core::{Code, Fault};
use rushes_engine::erase::Eraser;
use rushes_engine::{Driver, Engine, Home, JobRules, KeepRules, Lanes, Lock, Parts, Role, Site, Webhooks};
use rushes_media::compress::MediaCompressor;
use rushes_media::inspect::MediaInspector;
use rushes_media::music::Styles;
use rushes_store::{Mode, SqlStore};
use rushes_workflows::{Kit, Registry, Source};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Steps at once that wait for outside services: they cost no processor, and each provider has bounds of its own.
const NET_LANE: usize = 256;
/// Steps at once on this machine's graphics card.
const GPU_LANE: usize = 1;

/// The engine of this home, running, with the lock that makes it the only one.
pub(crate) struct Running {
    pub(crate) engine: Engine<Registry>,
    /// The styles it composes in.
    pub(crate) styles: Styles,
    /// What callbacks of providers ring.
    pub(crate) bells: Arc<Bells>,
    _lock: Lock,
}

/// Opens a home for one command: takes its lock, migrates, starts the engine. Errors: `home_busy`, `config_invalid`, ….
pub(crate) fn start(home: &Home, config: &Config) -> Result<Running, Fault> {
    start_as(home, config, Role::Command, |parts| parts)
}

/// Opens a home for as long as this process runs, and takes the jobs of others, as bounded by `[server]`. Errors: those
/// of [`start`].
pub(crate) fn serve(home: &Home, config: &Config) -> Result<Running, Fault> {
    let server = &config.server;
    let longest = (server.job_limit_s > 0).then(|| Duration::from_secs(server.job_limit_s.into()));
    let tasks = queue::queue(config)?;
    let driver = if tasks.is_some() { Driver::Asked } else { Driver::Own };
    let jobs = JobRules { driver, at_once: Some(server.jobs_at_once), longest, first_guess: Some(first_guess(config)) };
    schedules::check(&schedules::all(home, config)?)?;
    let mut running = start_as(home, config, Role::Service, |parts| Parts { jobs, tasks, ..parts })?;
    running.engine.follow_schedules();
    Ok(running)
}

/// What one character takes before one was made here: a minute at the sizes of the defaults on two cores.
fn first_guess(config: &Config) -> Duration {
    let media = &config.media;
    let pixels = f64::from(media.width) * f64::from(media.height) * f64::from(media.fps) / (720.0 * 1280.0 * 30.0);
    // The built-in references are of about so many seconds.
    let dance = f64::from(media.dance_max_s.min(12)) / 12.0;
    let quality = if media.quality == Quality::Final { 3.0 } else { 1.0 };
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    #[expect(clippy::cast_precision_loss, reason = "a guess")]
    let guess_s = 60.0 * pixels * dance * quality * 2.0 / cores as f64;
    Duration::from_secs_f64(guess_s.clamp(5.0, 86_400.0))
}

fn start_as(home: &Home, config: &Config, role: Role, bounded: impl FnOnce(Parts) -> Parts) -> Result<Running, Fault> {
    let mut lock = home.lock(role)?;
    home.prepare()?;
    let owner = SystemClock.new_id().to_string();
    let mode = if lock.is_alone() { Mode::Own { owner: owner.clone() } } else { Mode::Join { owner: owner.clone() } };
    let outside = Outside::bind(config, role)?;
    let (parts, store) = opened(home, config, &mode)?;
    let parts = bounded(parts);
    remembered::check(&store, home, config)?;
    let styles = Styles::with(&home.styles())?;
    let bells = providers::bells(config)?;
    let registry = Registry::new(kit_with(home, config, &parts, &styles, &bells)?);
    let parts = outside.fit(config, parts, &registry)?;
    let mut engine = Engine::start(parts, registry, owner);
    outside.answer(&mut engine)?;
    engine.listen(&mut lock)?;
    Ok(Running { engine, styles, bells, _lock: lock })
}

/// Opens a home for small changes beside whatever works on it.
pub(crate) fn beside(home: &Home, config: &Config) -> Result<Parts, Fault> {
    home.prepare()?;
    parts(home, config, &Mode::Join { owner: SystemClock.new_id().to_string() })
}

/// Opens a home for looking only, beside whatever works on it.
pub(crate) fn look(home: &Home, config: &Config) -> Result<Parts, Fault> {
    parts(home, config, &Mode::Read)
}

/// Opens destinations and catalogs alone, for a home that may have no database any more.
pub(crate) fn look_without_database(home: &Home, config: &Config) -> Result<Parts, Fault> {
    parts(home, config, &Mode::Nothing)
}

fn parts(home: &Home, config: &Config, mode: &Mode) -> Result<Parts, Fault> {
    opened(home, config, mode).map(|(parts, _)| parts)
}

fn opened(home: &Home, config: &Config, mode: &Mode) -> Result<(Parts, Arc<SqlStore>), Fault> {
    apart::check(home, config)?;
    let destinations::Destinations { sites, routes } = destinations::all(home, config)?;
    let catalogs = catalogs::all(home, config)?;
    let (callback_url, callback_keys) = workspace::callback(config)?.map(|callback| (callback.url, callback.keys)).unzip();
    let routes = Routes {
        destinations: routes,
        catalogs: catalogs.iter().map(Site::route).collect(),
        hold: config.delivery.hold,
        alarm_after: config.delivery.alarm_after,
        callback_url,
        former: config.workspace.former.clone(),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(store::open(home, config, mode, clock.clone(), routes.clone())?);
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let cpu = if config.engine.cpu_lane == 0 { cores } else { config.engine.cpu_lane };
    let parts = Parts {
        home: home.clone(),
        watch: store.watch(),
        node: store::node(home, config)?,
        strays: Arc::default(),
        lent: Arc::default(),
        store: store.clone(),
        clock,
        inspect: Arc::new(MediaInspector),
        compress: Arc::new(MediaCompressor::new(cores)),
        routes,
        destinations: sites,
        catalogs,
        lanes: Lanes::new(cpu, NET_LANE, GPU_LANE),
        scan_every: Duration::from_secs_f64(config.delivery.scan_every_s),
        webhooks: Webhooks {
            post: Arc::new(Poster::new(config.webhooks.allow_private).with_callback(callback_keys)),
            retries: config.webhooks.retries_s.iter().map(|seconds| Duration::from_secs_f64(*seconds)).collect(),
        },
        keep: KeepRules {
            blobs_max_bytes: bytes_of(config.keep.blobs_max_mb),
            failed_scratch: Duration::from_hours(u64::from(config.keep.failed_scratch_days) * 24),
            days: config.keep.kept_days(),
        },
        budgets: providers::budgets(config),
        jobs: JobRules::default(),
        tasks: None,
        schedules: schedules::all(home, config)?,
        known: Arc::default(),
        pins: Arc::default(),
        sweeping: Arc::default(),
    };
    Ok((parts, store))
}

/// Millions of bytes as bytes; None for no bound.
fn bytes_of(mb: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be above zero and far below the end")]
    (mb > 0.0).then_some((mb * 1e6) as u64)
}

/// What workflows work with.
pub(crate) fn kit(home: &Home, config: &Config, parts: &Parts, styles: &Styles) -> Result<Kit, Fault> {
    kit_with(home, config, parts, styles, &providers::bells(config)?)
}

fn kit_with(home: &Home, config: &Config, parts: &Parts, styles: &Styles, bells: &Arc<Bells>) -> Result<Kit, Fault> {
    let is_final_quality = config.media.quality == Quality::Final;
    Ok(Kit {
        providers: providers::providers(config, &parts.destinations, styles, bells)?,
        styles: styles.clone(),
        inspect: parts.inspect.clone(),
        sources: parts
            .destinations
            .iter()
            .map(|site| (site.name.clone(), Source { port: site.port.clone(), prefix: site.prefix.clone() }))
            .collect(),
        routes: parts.routes.clone(),
        references: home.references(),
        library: home.library(),
        redo: home.root().join("redo"),
        width: config.media.width,
        height: config.media.height,
        fps: config.media.fps,
        dance_max_ms: u64::from(config.media.dance_max_s) * 1_000,
        is_final_quality,
        publisher: publisher(config)?,
        shoots: shoots::shoots(home, config),
        erase: Arc::new(Eraser::of(parts)),
        layout: config.workspace.layout,
    })
}

/// Where the login of `rushes auth google` is kept.
pub(crate) fn google_login(home: &Home) -> PathBuf {
    home.credentials().join("google.json")
}

/// Who people log in to at Google. Errors: `config_invalid`.
pub(crate) fn login(config: &Config) -> Result<Login, Fault> {
    let missing = |setting: &str, name: &str| {
        let reason = format!("make an OAuth client of type \"Desktop app\" in Google's console, and say it here or as {name}");
        Fault::new(Code::ConfigInvalid, "read configuration").with("setting", setting).because(reason)
    };
    let google = &config.google;
    let id = google.client_id.clone().or_else(|| config.variable("GOOGLE_CLIENT_ID"));
    let secret = google.client_secret.as_ref().map(|at| config.secret("google.client_secret", at)).transpose()?;
    let secret = secret.or_else(|| config.variable("GOOGLE_CLIENT_SECRET"));
    let id = id.ok_or_else(|| missing("google.client_id", "GOOGLE_CLIENT_ID"))?;
    let secret = secret.ok_or_else(|| missing("google.client_secret", "GOOGLE_CLIENT_SECRET"))?;
    Login::new(&id, &secret, google.endpoint.as_deref())
}

/// The key of a Supabase project for which no policy applies, under the names it goes by.
fn service_key(config: &Config) -> Option<String> {
    config.variable("SUPABASE_SERVICE_ROLE_KEY").or_else(|| config.variable("SUPABASE_SERVICE_KEY"))
}

fn folder(section: &str, name: &str, path: &str) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(path);
    if path.is_absolute() {
        return Ok(path);
    }
    Err(Fault::new(Code::ConfigInvalid, "read configuration")
        .with("setting", format!("{section}.{name}.uri"))
        .because("a folder is written file:///absolute/path"))
}

fn unknown(section: &str, name: &str, uri: &str, there: &str) -> Fault {
    let reason = format!("{uri:?} is of no type this build has; there are: {there}");
    Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("{section}.{name}.uri")).because(reason)
}
