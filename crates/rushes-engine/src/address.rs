//! Addresses of assets that others can open without an account, until they run out.

use crate::parts::Parts;
use rushes_core::delivery::DeliveryState;
use rushes_core::store::AssetFilter;
use rushes_core::{AssetId, Code, Fault};
use std::time::Duration;

/// The first destination (or the one named) that gives addresses and has the asset proven, and the address.
/// Errors: `not_found`; `input_invalid` when there is no such destination; those of `signed_url`.
pub async fn signed(parts: &Parts, id: AssetId, valid: Duration, at: Option<&str>) -> Result<(String, String), Fault> {
    let filter = AssetFilter { id: Some(id), all_versions: true, ..AssetFilter::default() };
    let found = parts.store.assets(&filter).await?.pop();
    let (_, deliveries) = found.ok_or_else(|| Fault::new(Code::NotFound, "make address").with("asset", id))?;
    let proven = |name: &str| deliveries.iter().find(|one| one.destination == name && one.state == DeliveryState::Proven);
    for site in parts.destinations.iter().filter(|site| at.is_none_or(|at| at == site.name)) {
        let (Some(delivery), Some(links)) = (proven(&site.name), site.port.abilities().links) else { continue };
        return Ok((site.name.clone(), links.signed_url(&delivery.key, valid).await?));
    }
    let reason = "it is proven at no destination that gives addresses; `rushes assets show` says where it is";
    Err(Fault::new(Code::InputInvalid, "make address").with("asset", id).because(reason))
}
