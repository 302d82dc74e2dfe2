//! The store of a home: a file in it, or a server that it may share with others.

use crate::config::{Config, StoreSection};
use rushes_adapters::catalogs::postgres::{PostgresSettings, address as reach};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::Routes;
use rushes_core::flow::hash;
use rushes_core::{Code, Fault};
use rushes_engine::{Home, Role};
use rushes_store::{Mode, Moved, PostgresAddress, SqlStore};
use rushes_workflows::Registry;
use std::sync::Arc;
use std::time::Duration;

/// Opens it. Errors: `config_invalid`, and those of [`SqlStore::open`] and [`SqlStore::open_postgres`].
pub(super) fn open(home: &Home, config: &Config, mode: &Mode, clock: Arc<dyn Clock>, routes: Routes) -> Result<SqlStore, Fault> {
    match address(config, node(home, config)?)? {
        None => SqlStore::open(&home.database(), mode, clock, routes),
        Some(address) => {
            let is_shared = address.node.is_some();
            let store = SqlStore::open_postgres(&address, mode, clock, routes)?;
            Ok(if is_shared { store.having(Registry::versions(), config.engine.version_patience()) } else { store })
        }
    }
}

/// Whether there is something to look at: a server that is named, or a file.
pub(crate) fn is_there(home: &Home, config: &Config) -> bool {
    config.store.uri.is_some() || home.database().exists()
}

/// Copies every row of a home's store to another place: `home`, or an address with a schema. Blocks; `told` hears of each table
/// how many rows are there. Errors: `home_busy` while an engine works on the home, `config_invalid`, those of
/// [`SqlStore::move_to`].
pub(crate) fn migrate(home: &Home, config: &Config, (to, schema): (&str, &str), told: Told<'_>) -> Result<Vec<Moved>, Fault> {
    let _lock = home.lock(Role::Command)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let from = open(home, config, &Mode::Read, clock.clone(), Routes::default())?;
    let mode = Mode::Join { owner: clock.new_id().to_string() };
    let section =
        StoreSection { uri: (to != "home").then(|| to.to_owned()), schema: schema.to_owned(), shared: false, ..config.store.clone() };
    let mut config = config.clone();
    config.store = section;
    from.move_to(&open(home, &config, &mode, clock, Routes::default())?, told)
}

/// Who hears how far it is.
type Told<'a> = &'a mut (dyn FnMut(&str, u64) + Send);

/// The name of this home among those that share a store: drawn once, and kept in it. Errors: `io`, `disk_full`.
pub(super) fn node(home: &Home, config: &Config) -> Result<Option<String>, Fault> {
    if config.is_shared() { home.node(&SystemClock).map(Some) } else { Ok(None) }
}

/// A word that is the same for all who write into the same store, and no other; of a home that is alone its own name.
/// Errors: those of the configuration, `io`.
pub(super) fn identity(home: &Home, config: &Config) -> Result<String, Fault> {
    match address(config, None)?.filter(|_| config.is_shared()) {
        Some(PostgresAddress { config, schema, .. }) => {
            let hosts = format!("{:?}", config.get_hosts());
            Ok(hash(&(hosts, config.get_ports(), config.get_dbname(), schema))[..16].to_owned())
        }
        None => home.node(&SystemClock),
    }
}

fn address(config: &Config, node: Option<String>) -> Result<Option<PostgresAddress>, Fault> {
    let store = &config.store;
    let Some(said) = &store.uri else { return Ok(None) };
    let invalid = |key: &str, reason: String| {
        Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("store.{key}")).because(reason)
    };
    let is_elsewhere = said.starts_with("env:") || said.starts_with("file:");
    let address = if is_elsewhere { config.secret("store.uri", said)? } else { said.clone() };
    let rest = match address.split_once("://") {
        Some(("postgres" | "postgresql", rest)) => rest,
        _ if is_elsewhere => return Err(invalid("uri", format!("what {said} holds is no address of: postgres://"))),
        _ => return Err(invalid("uri", format!("{said:?} is of no type this build has; there are: postgres://"))),
    };
    if !is_elsewhere && rest.rsplit_once('@').is_some_and(|(login, _)| login.contains(':')) {
        return Err(invalid("uri", "a password stands elsewhere: set password = \"env:NAME\", or uri = \"env:NAME\" for all of it".into()));
    }
    if store.shared && (config.destinations.is_empty() || !super::catalogs::is_any_whole(config)) {
        let reason = "nodes that share a store need [[destinations]] and [[catalogs]] that all of them reach, one of them for every \
                      collection (supabase:// is not); a home that is alone on it says shared = false";
        return Err(invalid("shared", reason.to_owned()));
    }
    let password = store.password.as_ref().map(|at| config.secret("store.password", at)).transpose()?;
    let read = |path: &String| std::fs::read(path).map_err(|e| invalid("authority", format!("{path}: {e}")));
    let settings = PostgresSettings {
        address,
        password: password.or_else(|| config.variable("PGPASSWORD")),
        authority: store.authority.as_ref().map(read).transpose()?,
        patience: Duration::from_secs_f64(config.delivery.stalled_after_s),
    };
    let (config, tls) = reach(&settings).map_err(|fault| fault.with("setting", "store.uri"))?;
    Ok(Some(PostgresAddress { config, tls, schema: store.schema.clone(), node }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addressed(section: &str) -> Result<Option<PostgresAddress>, Fault> {
        address(&toml::from_str(section).unwrap(), None)
    }

    #[test]
    fn config_finds_a_store_on_a_server_and_none_without_one() {
        assert!(addressed("").unwrap().is_none());
        let alone = "[store]\nuri = \"postgres://rushes@localhost/app\"\nshared = false\nschema = \"studio\"";
        let found = addressed(alone).unwrap().unwrap();
        assert_eq!((found.schema.as_str(), found.node, found.config.get_dbname()), ("studio", None, Some("app")));
    }

    #[test]
    fn config_refuses_stores_that_cannot_be_meant() {
        for (section, named) in [
            ("uri = \"mysql://x\"", "postgres://"),
            ("uri = \"postgres://rushes:s3cret@localhost/app\"", "a password stands elsewhere"),
            ("uri = \"postgres://rushes@localhost/app\"", "shared = false"),
            ("shared = false\nuri = \"postgres://localhost/app\"", "names no user"),
            ("uri = \"env:NOBODY_SET_THIS\"", "NOBODY_SET_THIS"),
        ] {
            let fault = addressed(&format!("[store]\n{section}")).err().expect("it is refused");
            assert_eq!(fault.code, Code::ConfigInvalid);
            assert!(fault.to_string().contains(named) && !fault.to_string().contains("s3cret"), "{section}: {fault}");
        }
    }
}
