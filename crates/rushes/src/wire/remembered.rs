//! A home is not worked on with fewer places than it had, unless that is said: started from another folder, or without its
//! configuration, it would deliver elsewhere and call that arrived.

use crate::config::Config;
use rushes_core::{Code, Fault};
use rushes_engine::Home;
use rushes_store::{Place, SqlStore};

/// Compares what is configured with what the home was configured with last, and remembers it. Errors: `config_invalid`,
/// naming the places that would be lost, and what to say if that is meant.
pub(super) fn check(store: &SqlStore, home: &Home, config: &Config) -> Result<(), Fault> {
    let place = |name: &str, uri: &str, prefix: &str| Place {
        name: name.to_owned(),
        uri: without_login(uri),
        prefix: prefix.trim_matches('/').to_owned(),
        folder: config.folder.display().to_string(),
    };
    let destinations = config.destinations.iter().map(|at| place(&at.name, &at.uri, &at.prefix));
    let mut configured: Vec<Place> = destinations.chain(config.catalogs.iter().map(|at| place(&at.name, &at.uri, ""))).collect();
    configured.sort_by(|a, b| a.name.cmp(&b.name));
    let changed = store.remember(&configured, &config.delivery.forget)?;
    for place in &changed.moved {
        tracing::warn!(
            name = place.name,
            was = place.uri,
            prefix = place.prefix,
            "a place is somewhere else now; `rushes audit` says what it lacks"
        );
    }
    let Some(first) = changed.lost.first() else { return Ok(()) };
    let names: Vec<&str> = changed.lost.iter().map(|place| place.name.as_str()).collect();
    let places: Vec<String> = changed.lost.iter().map(|place| format!("{} ({})", place.name, place.uri)).collect();
    let reason = format!(
        "this home also delivers to {}, as the configuration in {} said last, and the one in {} does not; start it there, or put them \
         back; to drop them for good say forget = {names:?} in [delivery] once, or RUSHES_DELIVERY__FORGET='{names:?}'",
        places.join(", "),
        first.folder,
        config.folder.display()
    );
    Err(Fault::new(Code::ConfigInvalid, "open home").with("home", home.root().display()).because(reason))
}

/// An address without who logs in there.
fn without_login(uri: &str) -> String {
    match uri.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) if !scheme.starts_with("file") => format!("{scheme}://{rest}"),
        _ => uri.to_owned(),
    }
}
