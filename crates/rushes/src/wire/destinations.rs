//! Destinations as configured: each type is an arm here, with the settings it has a use for.

use crate::config::{AccessSetting, AddressingSetting, Config, DestinationSection};
use rushes_adapters::HttpOptions;
use rushes_adapters::destinations::file::FileDestination;
use rushes_adapters::destinations::gdrive::{DriveDestination, DriveSettings};
use rushes_adapters::destinations::gs::{GsDestination, GsSettings};
use rushes_adapters::destinations::memory::MemoryDestination;
use rushes_adapters::destinations::s3::{AccessKey, Addressing, S3Destination, S3Settings};
use rushes_adapters::destinations::supabase::{PART_BYTES, SupabaseDestination, SupabaseProject, SupabaseSettings};
use rushes_adapters::google::Credentials;
use rushes_core::asset::flaw_of_path;
use rushes_core::delivery::{Pictures, Route};
use rushes_core::destination::Destination;
use rushes_core::former;
use rushes_core::kinds::KINDS;
use rushes_core::subject::SubjectType;
use rushes_core::{Code, Fault, Kind};
use rushes_engine::{Access, Home, Site};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a part unless told otherwise: what a restart may have to send again.
const PART_MB: u32 = 16;
const SIGNED_HOURS: f64 = 7.0 * 24.0;
const PICTURES_QUALITY: u8 = 85;

/// The configured destinations, the primary one first, and what goes to each.
pub(super) struct Destinations {
    pub(super) sites: Vec<Site<dyn Destination>>,
    pub(super) routes: Vec<Route>,
}

/// Opens them all; speaks to none yet. Errors: `config_invalid`, naming the setting.
pub(super) fn all(home: &Home, config: &Config) -> Result<Destinations, Fault> {
    if config.destinations.is_empty() {
        super::workspace::former(config, &mut [])?;
        let place = DestinationSection { name: "remote".into(), ..DestinationSection::default() };
        let port: Arc<dyn Destination> = Arc::new(FileDestination::new(home.remote()));
        return Ok(Destinations { sites: vec![site(config, &place, port)?], routes: vec![route(&place)?] });
    }
    let mut sites = Vec::new();
    let mut routes = Vec::new();
    for place in &config.destinations {
        sites.push(site(config, place, Kept { home, config, place }.port()?)?);
        routes.push(route(place)?);
    }
    super::workspace::former(config, &mut routes)?;
    // A file that goes nowhere is what this product is there to make impossible.
    for row in KINDS.iter().filter(|row| !row.kind.stays_here()) {
        if !routes.iter().any(|route| route.subjects.is_none() && route.takes(row.kind, None)) {
            let reason = format!("no destination takes every {}; let one take all kinds (and subjects)", row.name);
            return Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "destinations").because(reason));
        }
    }
    originals(&routes)?;
    Ok(Destinations { sites, routes })
}

/// Records tell of what the primary destination holds, and what comes back comes from there: that is to be the original.
fn originals(routes: &[Route]) -> Result<(), Fault> {
    let types = [SubjectType::Character, SubjectType::Person, SubjectType::User, SubjectType::Shoot];
    let owners = || std::iter::once(None).chain(types.map(Some));
    for (row, owner) in KINDS.iter().flat_map(|row| owners().map(move |owner| (row, owner))) {
        let primary = routes.iter().find(|route| route.takes(row.kind, owner));
        if let Some(route) = primary.filter(|route| route.renders(row.kind, "image/png")) {
            let of = owner.map_or_else(String::new, |owner| format!(" of a {}", owner.name()));
            let reason = format!(
                "{:?} would be the first to take every {}{of}, which comes back from there only if it holds originals; put a destination without it above",
                route.name, row.name
            );
            let setting = format!("destinations.{}.pictures_max_px", route.name);
            return Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", setting).because(reason));
        }
    }
    Ok(())
}

fn invalid(place: &DestinationSection, key: &str, reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("destinations.{}.{key}", place.name)).because(reason)
}

fn prefix(place: &DestinationSection) -> Result<String, Fault> {
    let prefix = place.prefix.trim_matches('/');
    match flaw_of_path(prefix).filter(|_| !prefix.is_empty()) {
        Some(_) => Err(invalid(place, "prefix", "it is names with one / between them, none of them . or .., of 255 bytes at most")),
        None if prefix.is_empty() => Ok(String::new()),
        None => Ok(format!("{prefix}/")),
    }
}

fn site(config: &Config, place: &DestinationSection, port: Arc<dyn Destination>) -> Result<Site<dyn Destination>, Fault> {
    let access = match place.access {
        AccessSetting::Private => Access::Private,
        AccessSetting::Public => Access::Public,
        AccessSetting::Signed => {
            let hours = place.signed_hours.unwrap_or(SIGNED_HOURS);
            if !(0.05..=SIGNED_HOURS).contains(&hours) {
                return Err(invalid(place, "signed_hours", "an address opens for 0.05 to 168 hours"));
            }
            Access::Signed(Duration::from_secs_f64(hours * 3600.0))
        }
    };
    if access != Access::Private && port.abilities().links.is_none() {
        return Err(invalid(place, "access", "this type gives no addresses for others; only \"private\" is possible"));
    }
    Ok(Site {
        name: place.name.clone(),
        prefix: prefix(place)?,
        port,
        in_flight: place.in_flight.unwrap_or(config.delivery.in_flight),
        first_backoff: Duration::from_secs_f64(config.delivery.first_backoff_s),
        access,
    })
}

fn route(place: &DestinationSection) -> Result<Route, Fault> {
    let kind = |name: &String| Kind::named(name).ok_or_else(|| invalid(place, "kinds", format!("there is no kind {name:?}")));
    let subject =
        |name: &String| SubjectType::named(name).ok_or_else(|| invalid(place, "subjects", format!("there is no subject {name:?}")));
    let kinds = place.kinds.iter().map(kind).collect::<Result<Vec<_>, _>>()?;
    if let Some(here) = kinds.iter().find(|kind| kind.stays_here()) {
        return Err(invalid(place, "kinds", format!("{} never leaves this machine", here.name())));
    }
    let subjects = place.subjects.iter().map(subject).collect::<Result<Vec<_>, _>>()?;
    Ok(Route {
        name: place.name.clone(),
        prefix: prefix(place)?,
        kinds: (!kinds.is_empty()).then_some(kinds),
        subjects: (!subjects.is_empty()).then_some(subjects),
        pictures: pictures(place)?,
    })
}

fn pictures(place: &DestinationSection) -> Result<Option<Pictures>, Fault> {
    let Some(max_px) = place.pictures_max_px else {
        return match place.pictures_quality {
            Some(_) => Err(invalid(place, "pictures_quality", "it is of no use without pictures_max_px")),
            None => Ok(None),
        };
    };
    // Scaling the largest picture to more than that takes more memory than there is reason to.
    if !(64..=4096).contains(&max_px) {
        return Err(invalid(place, "pictures_max_px", "the longest side is 64 to 4096 pixels"));
    }
    let quality = place.pictures_quality.unwrap_or(PICTURES_QUALITY);
    if !(1..=100).contains(&quality) {
        return Err(invalid(place, "pictures_quality", "it is 1 to 100"));
    }
    Ok(Some(Pictures { max_px, quality }))
}

/// One section, and the whole of which it is part.
struct Kept<'a> {
    home: &'a Home,
    config: &'a Config,
    place: &'a DestinationSection,
}

impl Kept<'_> {
    fn port(&self) -> Result<Arc<dyn Destination>, Fault> {
        match self.place.uri.split_once("://") {
            Some(("file", path)) => {
                self.only(&[])?;
                Ok(Arc::new(FileDestination::new(super::folder("destinations", &self.place.name, path)?)))
            }
            Some(("memory", _)) => {
                self.only(&[])?;
                Ok(Arc::new(MemoryDestination::default()))
            }
            Some(("gs", bucket)) => Ok(Arc::new(GsDestination::new(self.gs(bucket)?)?)),
            Some(("s3", bucket)) => Ok(Arc::new(S3Destination::new(self.s3(bucket)?)?)),
            // The former buckets of a project, each a first folder.
            Some(("supabase", "*")) => Ok(Arc::new(SupabaseProject::new(&self.supabase("")?, former::buckets())?)),
            Some(("supabase", bucket)) => Ok(Arc::new(SupabaseDestination::new(self.supabase(bucket)?)?)),
            Some(("gdrive", folder)) => Ok(Arc::new(DriveDestination::new(self.gdrive(folder)?)?)),
            _ => {
                let there = "file://, memory://, gdrive://, gs://, s3://, supabase://";
                Err(super::unknown("destinations", &self.place.name, &self.place.uri, there))
            }
        }
    }

    /// Refuses settings that this type has no use for: whoever wrote them believes something that is not so.
    fn only(&self, used: &[&str]) -> Result<(), Fault> {
        let place = self.place;
        let given = [
            ("endpoint", place.endpoint.is_some()),
            ("region", place.region.is_some()),
            ("addressing", place.addressing.is_some()),
            ("access_key", place.access_key.is_some()),
            ("secret_key", place.secret_key.is_some()),
            ("session_token", place.session_token.is_some()),
            ("credentials", place.credentials.is_some()),
            ("database", place.database.is_some()),
            ("public_base", place.public_base.is_some()),
            ("part_mb", place.part_mb.is_some()),
        ];
        match given.iter().find(|(name, is_given)| *is_given && !used.contains(name)) {
            Some((name, _)) => Err(invalid(place, name, format!("{} has no use for it", place.uri))),
            None => Ok(()),
        }
    }

    fn secret(&self, key: &str, at: Option<&String>) -> Result<Option<String>, Fault> {
        at.map(|at| self.config.secret(&format!("destinations.{}.{key}", self.place.name), at)).transpose()
    }

    fn http(&self) -> HttpOptions {
        HttpOptions { stalled_after: Duration::from_secs_f64(self.config.delivery.stalled_after_s) }
    }

    fn supabase(&self, bucket: &str) -> Result<SupabaseSettings, Fault> {
        let place = self.place;
        self.only(&["endpoint", "secret_key", "database"])?;
        let needed =
            |key: &str, found: Option<String>, name: &str| found.ok_or_else(|| invalid(place, key, format!("say it here or as {name}")));
        let endpoint = place.endpoint.clone().or_else(|| self.config.variable("SUPABASE_URL"));
        let key = self.secret("secret_key", place.secret_key.as_ref())?.or_else(|| super::service_key(self.config));
        Ok(SupabaseSettings {
            endpoint: needed("endpoint", endpoint, "SUPABASE_URL")?,
            bucket: bucket.trim_matches('/').to_owned(),
            key: needed("secret_key", key, "SUPABASE_SERVICE_ROLE_KEY")?,
            part_bytes: PART_BYTES,
            whole_max_bytes: PART_BYTES,
            database: place.database.as_ref().map(|name| super::catalogs::database(self.config, name)).transpose()?,
            http: self.http(),
        })
    }

    fn gs(&self, bucket: &str) -> Result<GsSettings, Fault> {
        let place = self.place;
        self.only(&["endpoint", "credentials", "public_base", "part_mb"])?;
        let emulator = || {
            let host = self.config.variable("STORAGE_EMULATOR_HOST")?;
            Some(if host.contains("://") { host } else { format!("http://{host}") })
        };
        let endpoint = place.endpoint.clone().or_else(emulator);
        // Only emulators speak without TLS, and they want no token.
        let is_emulator = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        Ok(GsSettings {
            bucket: bucket.trim_matches('/').to_owned(),
            project: self.config.variable("GOOGLE_CLOUD_PROJECT"),
            credentials: if is_emulator && place.credentials.is_none() {
                Credentials::None
            } else {
                super::google::credentials(self.config, &format!("destinations.{}.credentials", place.name), place.credentials.as_ref())?
            },
            endpoint,
            public_base: place.public_base.clone(),
            part_bytes: u64::from(place.part_mb.unwrap_or(PART_MB)) * 1024 * 1024,
            http: self.http(),
        })
    }

    fn gdrive(&self, uri: &str) -> Result<DriveSettings, Fault> {
        let place = self.place;
        self.only(&["endpoint", "credentials", "part_mb"])?;
        let (folder, base) = uri.split_once('/').unwrap_or((uri, ""));
        let login = super::google_login(self.home);
        let text = match self.secret("credentials", place.credentials.as_ref())? {
            Some(text) => text,
            None if login.exists() => std::fs::read_to_string(&login).map_err(|e| Fault::io("read login", &login, &e))?,
            None => match self.config.variable("GOOGLE_APPLICATION_CREDENTIALS") {
                Some(path) => self.config.secret("GOOGLE_APPLICATION_CREDENTIALS", &format!("file:{path}"))?,
                None => {
                    return Err(invalid(
                        place,
                        "credentials",
                        "run `rushes auth google`, or say here where the JSON of a service account lies",
                    ));
                }
            },
        };
        let mut settings = DriveSettings::new(folder, base, Credentials::parse(&text)?);
        settings.http = self.http();
        if let Some(endpoint) = &place.endpoint {
            settings.endpoint.clone_from(endpoint);
        }
        if let Some(part_mb) = place.part_mb {
            settings.part_bytes = u64::from(part_mb) * 1024 * 1024;
        }
        Ok(settings)
    }

    fn s3(&self, bucket: &str) -> Result<S3Settings, Fault> {
        let place = self.place;
        self.only(&["endpoint", "region", "addressing", "access_key", "secret_key", "session_token", "public_base", "part_mb"])?;
        let id = self.secret("access_key", place.access_key.as_ref())?.or_else(|| self.config.variable("AWS_ACCESS_KEY_ID"));
        let secret = self.secret("secret_key", place.secret_key.as_ref())?.or_else(|| self.config.variable("AWS_SECRET_ACCESS_KEY"));
        let token = self.secret("session_token", place.session_token.as_ref())?.or_else(|| self.config.variable("AWS_SESSION_TOKEN"));
        // A token belongs to the keys it came with.
        let token = token.filter(|_| place.session_token.is_some() || place.access_key.is_none());
        let region = place.region.clone().or_else(|| self.config.variable("AWS_REGION"));
        let key = match (id, secret) {
            (Some(id), Some(secret)) => Some(AccessKey { id, secret, token }),
            (None, None) => None,
            _ => return Err(invalid(place, "access_key, secret_key", "one is there without the other")),
        };
        Ok(S3Settings {
            bucket: bucket.trim_matches('/').to_owned(),
            addressing: match (place.addressing, &place.endpoint) {
                (Some(AddressingSetting::Path), _) | (None, Some(_)) => Addressing::Path,
                // A bucket with dots has no certificate as a host.
                (None, None) if bucket.contains('.') => Addressing::Path,
                _ => Addressing::Host,
            },
            endpoint: place.endpoint.clone(),
            region: region.unwrap_or_else(|| "us-east-1".to_owned()),
            key,
            public_base: place.public_base.clone(),
            part_bytes: u64::from(place.part_mb.unwrap_or(PART_MB)) * 1024 * 1024,
            http: self.http(),
        })
    }
}

#[cfg(test)]
mod tests;
