//! Catalogs as configured: each type is an arm here, with the settings it has a use for.

use crate::config::{AssetsShape, CatalogSection, Config};
use rushes_adapters::HttpOptions;
use rushes_adapters::catalogs::json::JsonCatalog;
use rushes_adapters::catalogs::postgres::{PostgresCatalog, PostgresSettings};
use rushes_adapters::catalogs::supabase::{SupabaseCatalog, WorkspaceSettings};
use rushes_adapters::catalogs::titles::ByTitle;
use rushes_core::catalog::Catalog;
use rushes_core::{Code, Fault};
use rushes_engine::{Access, Home, Site};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "firestore")]
const TYPES: &str = "file://, firestore://, postgres://, supabase://";
#[cfg(not(feature = "firestore"))]
const TYPES: &str = "file://, postgres://, supabase:// (and firestore:// where it is built in: cargo's feature firestore)";

/// The catalog of a home that is told of no other.
const OWN: &str = "records";

/// The configured catalogs; speaks to none yet. Where none of them takes every collection, the home's own does.
/// Errors: `config_invalid`, naming the setting.
pub(super) fn all(home: &Home, config: &Config) -> Result<Vec<Site<dyn Catalog>>, Fault> {
    let open = |place| {
        let port = Kept { config, place }.port()?;
        let port: Arc<dyn Catalog> = if place.assets_shape == AssetsShape::Map { Arc::new(ByTitle(port)) } else { port };
        Ok(site(config, &place.name, port))
    };
    let mut sites = config.catalogs.iter().map(open).collect::<Result<Vec<_>, Fault>>()?;
    if sites.iter().all(|site| site.port.collections().is_some()) {
        let is_taken = config
            .destinations
            .iter()
            .map(|place| &place.name)
            .chain(config.catalogs.iter().map(|place| &place.name))
            .any(|name| name == OWN);
        if is_taken {
            let reason = "the home's own catalog, which holds what no other does, is called so; give this place another name";
            return Err(Fault::new(Code::ConfigInvalid, "read configuration")
                .with("setting", "destinations, catalogs")
                .with("name", OWN)
                .because(reason));
        }
        sites.push(site(config, OWN, Arc::new(JsonCatalog::new(home.remote().join(OWN)))));
    }
    Ok(sites)
}

/// Whether some catalog takes every collection, as far as its address says.
pub(super) fn is_any_whole(config: &Config) -> bool {
    config.catalogs.iter().any(|place| !place.uri.starts_with("supabase://"))
}

fn site(config: &Config, name: &str, port: Arc<dyn Catalog>) -> Site<dyn Catalog> {
    Site {
        name: name.to_owned(),
        prefix: String::new(),
        port,
        in_flight: config.delivery.in_flight,
        first_backoff: Duration::from_secs_f64(config.delivery.first_backoff_s),
        access: Access::Private,
    }
}

/// The database of the catalog of that name. Errors: `config_invalid` where there is none such.
pub(super) fn database(config: &Config, name: &str) -> Result<PostgresSettings, Fault> {
    let place = config.catalogs.iter().find(|place| place.name == name);
    let kept = place.map(|place| Kept { config, place });
    let settings = kept.map(|kept| kept.uri().and_then(|uri| if is_postgres(&uri) { kept.postgres(uri).map(Some) } else { Ok(None) }));
    settings.transpose()?.flatten().ok_or_else(|| {
        let reason = format!("there is no catalog {name:?} in a Postgres; database names one of [[catalogs]]");
        Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "destinations.database").because(reason)
    })
}

fn is_postgres(uri: &str) -> bool {
    matches!(uri.split_once("://"), Some(("postgres" | "postgresql", _)))
}

/// One section, and the whole of which it is part.
struct Kept<'a> {
    config: &'a Config,
    place: &'a CatalogSection,
}

impl Kept<'_> {
    fn port(&self) -> Result<Arc<dyn Catalog>, Fault> {
        let (uri, is_elsewhere) = (self.uri()?, self.is_elsewhere());
        match uri.split_once("://") {
            Some(("file", path)) => {
                self.only(&[])?;
                Ok(Arc::new(JsonCatalog::new(super::folder("catalogs", &self.place.name, path)?)))
            }
            Some(("postgres" | "postgresql", rest)) => {
                self.only(&["password", "authority"])?;
                let login = rest.split('@').next().filter(|_| rest.contains('@'));
                if !is_elsewhere && login.is_some_and(|login| login.contains(':')) {
                    return Err(self
                        .invalid("uri", "a password stands elsewhere: set password = \"env:NAME\", or uri = \"env:NAME\" for all of it"));
                }
                Ok(Arc::new(PostgresCatalog::new(&self.postgres(uri.clone())?)?))
            }
            Some(("supabase", rest)) => self.supabase(rest),
            #[cfg(feature = "firestore")]
            Some(("firestore", rest)) => self.firestore(rest),
            _ if is_elsewhere => Err(self.invalid("uri", format!("what {} holds is no address of: {TYPES}", self.place.uri))),
            _ => Err(super::unknown("catalogs", &self.place.name, &self.place.uri, TYPES)),
        }
    }

    fn is_elsewhere(&self) -> bool {
        let uri = &self.place.uri;
        uri.starts_with("env:") || uri.starts_with("file:") && !uri.starts_with("file://")
    }

    /// The address, which stands elsewhere, like all secrets, where it holds a password.
    fn uri(&self) -> Result<String, Fault> {
        if self.is_elsewhere() { self.secret("uri", &self.place.uri) } else { Ok(self.place.uri.clone()) }
    }

    fn invalid(&self, key: &str, reason: impl std::fmt::Display) -> Fault {
        Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("catalogs.{}.{key}", self.place.name)).because(reason)
    }

    fn secret(&self, key: &str, at: &str) -> Result<String, Fault> {
        self.config.secret(&format!("catalogs.{}.{key}", self.place.name), at)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.config.delivery.stalled_after_s)
    }

    /// Refuses settings that this type has no use for: whoever wrote them believes something that is not so.
    fn only(&self, used: &[&str]) -> Result<(), Fault> {
        let place = self.place;
        let given = [
            ("password", place.password.is_some()),
            ("authority", place.authority.is_some()),
            ("credentials", place.credentials.is_some()),
            ("endpoint", place.endpoint.is_some()),
            ("secret_key", place.secret_key.is_some()),
        ];
        match given.iter().find(|(name, is_given)| *is_given && !used.contains(name)) {
            Some((name, _)) => Err(self.invalid(name, format!("{} has no use for it", place.uri))),
            None => Ok(()),
        }
    }

    fn postgres(&self, address: String) -> Result<PostgresSettings, Fault> {
        let password = self.place.password.as_ref().map(|at| self.secret("password", at)).transpose()?;
        let read = |path: &String| std::fs::read(path).map_err(|e| self.invalid("authority", format!("{path}: {e}")));
        Ok(PostgresSettings {
            address,
            password: password.or_else(|| self.config.variable("PGPASSWORD")),
            authority: self.place.authority.as_ref().map(read).transpose()?,
            patience: self.patience(),
        })
    }

    fn supabase(&self, rest: &str) -> Result<Arc<dyn Catalog>, Fault> {
        self.only(&["endpoint", "secret_key"])?;
        if !matches!(rest, "" | "workspace_assets") {
            return Err(self.invalid("uri", "it is written supabase://workspace_assets, the one table it writes"));
        }
        let needed =
            |key: &str, found: Option<String>, name: &str| found.ok_or_else(|| self.invalid(key, format!("say it here or as {name}")));
        let key = self.place.secret_key.as_ref().map(|at| self.secret("secret_key", at)).transpose()?;
        Ok(Arc::new(SupabaseCatalog::new(WorkspaceSettings {
            endpoint: needed("endpoint", self.place.endpoint.clone().or_else(|| self.config.variable("SUPABASE_URL")), "SUPABASE_URL")?,
            key: needed("secret_key", key.or_else(|| super::service_key(self.config)), "SUPABASE_SERVICE_ROLE_KEY")?,
            days: self.config.keep.kept_days(),
            http: HttpOptions { stalled_after: self.patience() },
        })?))
    }

    #[cfg(feature = "firestore")]
    fn firestore(&self, rest: &str) -> Result<Arc<dyn Catalog>, Fault> {
        use rushes_adapters::catalogs::firestore::{FirestoreCatalog, FirestoreSettings};
        use rushes_adapters::google::Credentials;
        self.only(&["credentials"])?;
        let (project, database) = rest.split_once('/').unwrap_or((rest, ""));
        if project.is_empty() || database.contains('/') {
            return Err(self.invalid("uri", "it is written firestore://project/database, most often firestore://project/(default)"));
        }
        let emulator = self.config.variable("FIRESTORE_EMULATOR_HOST");
        let credentials = match &emulator {
            Some(_) => Credentials::None,
            None => super::google::credentials(
                self.config,
                &format!("catalogs.{}.credentials", self.place.name),
                self.place.credentials.as_ref(),
            )?,
        };
        Ok(Arc::new(FirestoreCatalog::new(FirestoreSettings {
            project: project.to_owned(),
            database: if database.is_empty() { "(default)".to_owned() } else { database.to_owned() },
            endpoint: emulator.map(|host| if host.contains("://") { host } else { format!("http://{host}") }),
            credentials,
            patience: self.patience(),
        })?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(section: &str) -> Result<Vec<Site<dyn Catalog>>, Fault> {
        let folder = tempfile::tempdir().unwrap();
        all(&Home::at(folder.path()), &toml::from_str(&format!("[[catalogs]]\nname = \"c\"\n{section}\n")).unwrap())
    }

    #[test]
    fn config_opens_each_type_of_catalog() {
        for section in [
            "uri = \"file:///srv/records\"\nassets_shape = \"map\"",
            "uri = \"postgres://rushes@localhost/app?sslmode=disable\"",
            "uri = \"postgresql://rushes@db.example.com:6543/app?sslmode=verify-full\"",
        ] {
            assert_eq!(opened(section).map(|sites| sites.len()).map_err(|fault| fault.to_string()), Ok(1), "{section}");
        }
    }

    #[test]
    fn config_keeps_the_homes_catalog_beside_one_of_the_workspace_alone() {
        let workspace = "uri = \"supabase://workspace_assets\"\nendpoint = \"https://p.supabase.co\"\nsecret_key = \"env:PATH\"";
        let routes = |section: &str| opened(section).unwrap().iter().map(Site::route).collect::<Vec<_>>();
        let alone = routes(workspace);
        assert_eq!(alone.iter().map(|route| route.name.as_str()).collect::<Vec<_>>(), ["c", "records"]);
        assert!(alone[0].takes("workspace_assets") && !alone[0].takes("characters") && alone[1].takes("characters"));
        let beside = routes(&format!("{workspace}\n[[catalogs]]\nname = \"all\"\nuri = \"file:///srv/records\""));
        assert_eq!(beside.iter().map(|route| route.name.as_str()).collect::<Vec<_>>(), ["c", "all"]);
        let taken = opened(&format!("{workspace}\n[[destinations]]\nname = \"records\"\nuri = \"memory://\"")).err().unwrap();
        assert!(taken.to_string().contains("another name"), "{taken}");
    }

    #[test]
    fn config_refuses_catalogs_that_cannot_be_meant() {
        for (section, named) in [
            ("uri = \"mysql://x\"", "postgres://"),
            ("uri = \"postgres://rushes:s3cret@localhost/app\"", "a password stands elsewhere"),
            ("uri = \"postgres://localhost/app\"", "names no user"),
            ("uri = \"file:///srv/records\"\npassword = \"env:X\"", "catalogs.c.password"),
            ("uri = \"env:NOBODY_SET_THIS\"", "NOBODY_SET_THIS"),
            ("uri = \"supabase://characters\"", "supabase://workspace_assets"),
            ("uri = \"supabase://\"", "SUPABASE_URL"),
            ("uri = \"supabase://\"\nendpoint = \"https://p.supabase.co\"", "SUPABASE_SERVICE_ROLE_KEY"),
            ("uri = \"supabase://\"\ncredentials = \"env:X\"", "catalogs.c.credentials"),
            ("uri = \"file:///srv/records\"\nsecret_key = \"env:X\"", "catalogs.c.secret_key"),
            ("uri = \"postgres://rushes@localhost/app\"\nauthority = \"/nowhere.pem\"", "catalogs.c.authority"),
            ("uri = \"postgres://rushes@localhost/app\"\ncredentials = \"env:X\"", "catalogs.c.credentials"),
        ] {
            let fault = opened(section).err().expect("it is refused");
            assert_eq!(fault.code, Code::ConfigInvalid);
            assert!(fault.to_string().contains(named) && !fault.to_string().contains("s3cret"), "{section}: {fault}");
        }
    }

    #[cfg(feature = "firestore")]
    #[test]
    fn config_refuses_a_firestore_without_a_project_or_key() {
        for (section, named) in [
            ("uri = \"firestore://\"", "firestore://project/(default)"),
            ("uri = \"firestore://p\"\ncredentials = \"file:/nowhere/at/all\"", "catalogs.c.credentials"),
            ("uri = \"firestore://p/(default)\"\npassword = \"env:X\"", "catalogs.c.password"),
        ] {
            let fault = opened(section).err().expect("it is refused");
            assert!(fault.code == Code::ConfigInvalid && fault.to_string().contains(named), "{section}: {fault}");
        }
    }
}
