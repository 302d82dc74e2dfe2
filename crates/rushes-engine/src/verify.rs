//! Proves anew that every delivered object is what was made: by what the destination says of it, or by its very bytes.

use crate::again::{FIRST_WAIT, patiently};
use crate::blobs::sha256_of;
use crate::pages::Pages;
use crate::parts::{Parts, Site};
use futures_util::{StreamExt, TryStreamExt, stream};
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::destination::{Compared, Destination, compare};
use rushes_core::record::Listed;
use rushes_core::{Asset, Blob, Code, Fault};
use serde::Serialize;

/// Objects looked at at once.
const AT_ONCE: usize = 8;

/// What was looked at, and what was not as it should be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verified {
    /// Objects that hold the bytes of their asset, or the rendition of them that was proven there.
    pub equal: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// What does not, in words.
    pub differing: Vec<String>,
}

/// Looks at each delivered object of every current asset. `deep`: fetches and hashes the bytes, and hashes those on this
/// machine too. `each` is told the share done, 0.0–1.0. Errors: those of the destinations that do
/// not pass.
pub async fn verify(parts: &Parts, deep: bool, each: &(dyn Fn(f32) + Sync)) -> Result<Verified, Fault> {
    // Counted first, so that a share can be told.
    let (mut total, mut pages) = (0, Pages::of(parts));
    while let Some(page) = pages.next().await? {
        total += page.len();
    }
    let (mut verified, mut done, mut pages) = (Verified::default(), 0, Pages::of(parts));
    while let Some(page) = pages.next().await? {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = |of_page: f32| each(((done as f32 + of_page * page.len() as f32) / total.max(1) as f32).min(1.0));
        of_page(parts, &page, deep, &share, &mut verified).await?;
        share(1.0);
        done += page.len();
    }
    Ok(verified)
}

async fn of_page(parts: &Parts, page: &[Listed], deep: bool, each: &(dyn Fn(f32) + Sync), verified: &mut Verified) -> Result<(), Fault> {
    let mut looks = Vec::new();
    for (asset, deliveries) in page {
        for delivery in deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Proven) {
            if let Some(site) = parts.destinations.iter().find(|site| site.name == delivery.destination) {
                looks.push((site, delivery.held(asset), delivery));
            }
        }
    }
    let (total, mut done) = (looks.len(), 0);
    let mut running = stream::iter(looks)
        .map(|(site, held, delivery)| async move {
            Ok::<_, Fault>((held, patiently(FIRST_WAIT, || look(parts, site, held, delivery, deep)).await?))
        })
        .buffer_unordered(AT_ONCE);
    while let Some((held, wrong)) = running.try_next().await? {
        done += 1;
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        each(done as f32 / total as f32);
        match wrong {
            None => {
                verified.equal += 1;
                verified.bytes += held.size_bytes;
            }
            Some(words) => verified.differing.push(words),
        }
    }
    if deep {
        for (asset, _) in page {
            verified.differing.extend(here(parts, asset).await?);
        }
    }
    Ok(())
}

async fn look(parts: &Parts, site: &Site<dyn Destination>, held: &Blob, delivery: &Delivery, deep: bool) -> Result<Option<String>, Fault> {
    let at = format!("{} at {}", delivery.key, site.name);
    if !deep {
        return Ok(match compare(site.port.as_ref(), &delivery.key, held, delivery.proof.as_ref()).await? {
            Compared::Same(_) => None,
            Compared::Other(proof) => Some(format!("{at}: it holds other bytes: {} instead of {}", proof.size_bytes, held.size_bytes)),
            Compared::Absent => Some(format!("{at}: it is gone")),
        });
    }
    // Where what a kill leaves is swept.
    let fetching = parts.home.fetching();
    tokio::fs::create_dir_all(&fetching).await.map_err(|e| Fault::io("make folder", &fetching, &e))?;
    let file = fetching.join(format!("verify-{}", parts.clock.new_id()));
    let got = site.port.get(&delivery.key, None, &file).await;
    let path = file.clone();
    let hashed = match got {
        Ok(()) => blocking(move || sha256_of(&path)).await.map(Some),
        Err(fault) if fault.code == Code::NotFound => Ok(None),
        Err(fault) => Err(fault),
    };
    let _ = tokio::fs::remove_file(&file).await;
    Ok(match hashed? {
        Some((sha256, _)) if sha256 == held.sha256 => None,
        Some((_, size_bytes)) => Some(format!("{at}: {size_bytes} bytes came back with another hash")),
        None => Some(format!("{at}: it is gone")),
    })
}

/// The bytes on this machine, where there are any.
async fn here(parts: &Parts, asset: &Asset) -> Result<Option<String>, Fault> {
    let path = parts.blobs().path(&asset.blob.sha256);
    let is_equal = match blocking(move || sha256_of(&path)).await {
        Ok((sha256, _)) => sha256 == asset.blob.sha256,
        // Its bytes may go at any moment.
        Err(fault) if fault.code == Code::FileMissing => return Ok(None),
        Err(fault) => return Err(fault),
    };
    Ok((!is_equal).then(|| {
        format!("{} on this machine: its bytes are not those it was made of; `rushes audit --deep --fix` fetches them back", asset.path)
    }))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::Panicked, "verify").because(e))?
}
