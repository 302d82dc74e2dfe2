//! The table at the end of a run: what was made, where it is, and how long it took to arrive.

use super::print;
use crate::words;
use rushes_core::delivery::DeliveryState;
use rushes_core::store::Family;
use rushes_engine::Parts;

/// Prints the table, and where things are.
pub(super) fn print(parts: &Parts, family: &Family) {
    let mut arrived = Vec::new();
    let rows: Vec<Vec<String>> = family
        .listed
        .iter()
        .map(|(asset, deliveries)| {
            let delivery = parts.routes.primary(deliveries);
            let took_ms = delivery.and_then(|delivery| delivery.proven_ms).map(|proven_ms| (proven_ms - asset.created_ms).max(0));
            arrived.extend(took_ms);
            let at = match (took_ms, delivery) {
                (Some(ms), _) => words::took(ms),
                (None, Some(delivery)) => parts.routes.shown(delivery.state).name().to_owned(),
                (None, None) => "local only".to_owned(),
            };
            vec![asset.kind.name().to_owned(), asset.title.clone(), words::size(asset.blob.size_bytes), at, asset.path.clone()]
        })
        .collect();
    let made = rows.len();
    print::table(&["made", "set", "size", "arrived after", "path"], &[2, 3], rows);
    let proven = family.listed.iter().filter(|(_, all)| !all.is_empty() && all.iter().all(|d| d.state == DeliveryState::Proven)).count();
    arrived.sort_unstable();
    let typical = arrived.get(arrived.len() / 2).map_or_else(String::new, |ms| format!(", typically after {}", words::took(*ms)));
    let slowest = arrived.last().map_or_else(String::new, |ms| format!(", the slowest after {}", words::took(*ms)));
    print::line(format!("{made} files made, {proven} delivered and proven{typical}{slowest}."));
    for site in &parts.destinations {
        print::line(format!("At {}: {}", site.name, site.port.uri(&site.prefix)));
    }
    print::line(format!("In the library: {}", parts.home.library().display()));
}
