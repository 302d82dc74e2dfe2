//! What runs out, or was left unfinished, at destinations: links are renewed in time, uploads nobody finishes are removed,
//! and what a destination was never asked to take is owed.

use crate::parts::{Access, Parts};
use rushes_core::delivery::Link;
use rushes_core::destination::Destination;
use rushes_core::{Code, Fault};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Looked at in one go.
const PAGE: u32 = 200;
/// A link is renewed when less than this share of its time is left.
const RENEW_AT: u32 = 3;
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

/// Renews the links that end soon; gives how many.
pub(crate) async fn renew_links(parts: &Parts) -> Result<u64, Fault> {
    let longest = parts.destinations.iter().filter_map(|site| match site.access {
        Access::Signed(valid) => Some(valid),
        _ => None,
    });
    let Some(longest) = longest.max() else { return Ok(0) };
    let now_ms = parts.clock.now_ms();
    let mut renewed = 0;
    loop {
        let ending = parts.store.links_ending(now_ms + ms(longest / RENEW_AT), PAGE).await?;
        let before = renewed;
        for delivery in &ending {
            let Some(site) = parts.destinations.iter().find(|site| site.name == delivery.destination) else { continue };
            let fresh = link(site.port.as_ref(), &delivery.key, site.access, now_ms).await?;
            // One that would end as soon as the old one is no use; its destination's time is shorter than another's.
            if let Some(fresh) = fresh.filter(|fresh| fresh.until_ms > delivery.link.as_ref().and_then(|old| old.until_ms)) {
                parts.store.relink(delivery, &fresh).await?;
                renewed += 1;
            }
        }
        if ending.len() < PAGE as usize || renewed == before {
            return Ok(renewed);
        }
    }
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

/// Owes each destination the assets it should have and was never asked to take, once after the routes have changed.
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
