//! What runs out, or was left unfinished, at destinations: links are renewed in time, uploads nobody finishes are removed,
//! and what a destination was never asked to take is owed.

use crate::parts::{Access, Parts, Site};
use rushes_core::delivery::Link;
use rushes_core::destination::Destination;
use rushes_core::{Cancel, Code, Fault};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Looked at in one go.
const PAGE: u32 = 200;
/// A link is renewed when less than its time divided by this is left: a third.
const RENEW_AT: u32 = 3;
/// Between two looks for links that end soon, at least.
const RENEW_EVERY_MIN: Duration = Duration::from_secs(1);
/// A destination that fails so often on end, each time as what passes, is left alone until next time.
const DOWN_AFTER: u32 = 5;
/// What was refused may be sent again, and goes on where it stopped, for this long.
const REFUSED_KEPT: Duration = Duration::from_hours(24);
/// Under this name stands for which routes everything was made owed.
const ROUTED: &str = "routed";

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The address others can open, as `access` allows. Errors: `config_invalid` where the destination gives none.
pub(crate) async fn link(port: &dyn Destination, key: &str, access: Access, now_ms: i64) -> Result<Option<Link>, Fault> {
    if access == Access::Private {
        return Ok(None);
    }
    let links = port.abilities().links.ok_or_else(|| {
        let reason = "this destination gives no addresses for others; set its access to \"private\"";
        Fault::new(Code::ConfigInvalid, "make address").because(reason)
    })?;
    Ok(Some(match access {
        Access::Signed(valid) => Link { url: links.signed_url(key, valid).await?, until_ms: Some(now_ms + ms(valid)) },
        _ => Link { url: links.public_url(key), until_ms: None },
    }))
}

/// Renews the links that end soon, as each destination's own time has it; gives how many. What one destination does not
/// sign keeps nothing else from renewal, and is tried next time.
pub(crate) async fn renew_links(parts: &Parts) -> Result<u64, Fault> {
    let mut renewed = 0;
    for site in &parts.destinations {
        if let Access::Signed(valid) = site.access {
            renewed += renew_links_at(parts, site, valid).await?;
        }
    }
    Ok(renewed)
}

async fn renew_links_at(parts: &Parts, site: &Site<dyn Destination>, valid: Duration) -> Result<u64, Fault> {
    let before_ms = parts.clock.now_ms() + ms(valid / RENEW_AT);
    let (mut renewed, mut failures, mut last) = (0, 0, None);
    loop {
        let ending = parts.store.links_ending(&site.name, before_ms, last.as_ref(), PAGE).await?;
        for delivery in &ending {
            match link(site.port.as_ref(), &delivery.key, site.access, parts.clock.now_ms()).await {
                Ok(None) => {}
                Ok(Some(fresh)) => {
                    parts.store.relink(delivery, &fresh).await?;
                    (renewed, failures) = (renewed + 1, 0);
                }
                Err(fault) => {
                    tracing::warn!(%fault, destination = site.name, key = delivery.key, "an address could not be renewed");
                    failures = if fault.is_transient() { failures + 1 } else { 0 };
                    if failures == DOWN_AFTER {
                        return Ok(renewed);
                    }
                }
            }
        }
        if ending.len() < PAGE as usize {
            return Ok(renewed);
        }
        last = ending.into_iter().next_back();
    }
}

/// Renews links until `stop`, where some end too soon for the sweeps.
pub(crate) async fn renew_often(parts: &Parts, sweep_every: Duration, stop: &Cancel) {
    let Some(every) = renew_every(parts.destinations.iter().map(|site| site.access), sweep_every) else { return };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        match renew_links(parts).await {
            Ok(0) => {}
            Ok(renewed) => tracing::info!(renewed, "addresses renewed"),
            Err(fault) => tracing::error!(%fault, "addresses could not be renewed"),
        }
    }
}

/// Between two looks for links that end soon: half of what is left of the shortest-lived when it is renewed. None where the
/// sweeps come as often, or nothing is signed.
fn renew_every(all: impl IntoIterator<Item = Access>, sweep_every: Duration) -> Option<Duration> {
    let signed = all.into_iter().filter_map(|access| if let Access::Signed(valid) = access { Some(valid) } else { None });
    let every = (signed.min()? / RENEW_AT / 2).max(RENEW_EVERY_MIN);
    (every < sweep_every).then_some(every)
}

/// Removes uploads in parts that nobody will finish; gives how many. One that cannot be removed now is tried next time.
pub(crate) async fn remove_uploads(parts: &Parts) -> Result<u64, Fault> {
    let mut removed = 0;
    for left in parts.store.left_uploads(parts.clock.now_ms() - ms(REFUSED_KEPT), PAGE).await? {
        let Some(site) = parts.destinations.iter().find(|site| site.name == left.destination) else { continue };
        let Some(uploads) = site.port.abilities().uploads else { continue };
        match uploads.abandon(&left.key, &left.session).await {
            Ok(()) => {
                parts.store.upload_gone(left.row).await?;
                removed += 1;
            }
            Err(fault) => tracing::warn!(%fault, destination = site.name, "an unfinished upload could not be removed"),
        }
    }
    Ok(removed)
}

/// Owes each destination the folders and assets it should have and was never asked to take, once after the routes have changed.
/// Gives how many.
pub(crate) async fn backfill(parts: &Parts) -> Result<u64, Fault> {
    let mut hasher = DefaultHasher::new();
    for route in &parts.routes.destinations {
        (&route.name, &route.prefix, route.kinds.as_ref().map(|all| all.iter().map(|kind| kind.name()).collect::<Vec<_>>()))
            .hash(&mut hasher);
        route.subjects.as_ref().map(|all| all.iter().map(|of| of.name()).collect::<Vec<_>>()).hash(&mut hasher);
    }
    #[expect(clippy::cast_possible_wrap, reason = "a mark, not a number")]
    let routed = (hasher.finish() | 1) as i64;
    if parts.store.mark(ROUTED).await? == routed {
        return Ok(0);
    }
    let mut owed = 0;
    for route in &parts.routes.destinations {
        owed += parts.store.owe_folders(&route.name).await?;
        let mut next = Some(0);
        while let Some(row) = next {
            let (made, after) = parts.store.owe_missing(&route.name, row, PAGE).await?;
            owed += made;
            next = after;
        }
    }
    parts.store.set_mark(ROUTED, routed).await?;
    Ok(owed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_links_are_looked_for_as_often_as_the_shortest_needs() {
        let (hour, secs) = (Duration::from_hours(1), Duration::from_secs);
        assert_eq!(renew_every([], hour), None);
        assert_eq!(renew_every([Access::Private, Access::Public], hour), None);
        assert_eq!(renew_every([Access::Signed(168 * hour), Access::Signed(24 * hour)], hour), None, "the sweeps do");
        assert_eq!(renew_every([Access::Signed(168 * hour), Access::Signed(hour)], hour), Some(secs(600)));
        assert_eq!(renew_every([Access::Signed(secs(180)), Access::Private], hour), Some(secs(30)));
        assert_eq!(renew_every([Access::Signed(Duration::ZERO)], hour), Some(secs(1)));
        for hours in 1..24 {
            let every = renew_every([Access::Signed(hours * hour)], hour).unwrap_or(hour);
            assert!(2 * every <= hours * hour / RENEW_AT, "missed once, it is there in time: {hours} h, each {every:?}");
        }
    }
}
