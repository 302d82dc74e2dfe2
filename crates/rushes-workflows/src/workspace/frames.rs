//! Pictures that a film begins or ends with: assets of the same user, by their id, or by their path or address in the
//! workspace. Nothing is fetched from anywhere: an address says only which path is meant.

use super::asset_id;
use crate::outside::refuse;
use rushes_core::flow::Library;
use rushes_core::former::Former;
use rushes_core::store::AssetFilter;
use rushes_core::{AssetId, Fault, Kind};

/// The bucket, as addresses and paths of it name it.
const BUCKET: &str = "workspace-temp/";
/// Of a user's pictures, the newest of so many are looked through.
const LOOK_AT: u32 = 5_000;

/// The asset that is meant. Errors: `input_invalid` where this user has none such; whether another has is not said.
pub(super) async fn asset_of(library: &dyn Library, user: &str, name: &str, said: &str) -> Result<AssetId, Fault> {
    let of_user = AssetFilter { subject: Some(user.to_owned()), ..AssetFilter::default() };
    let found = match asset_id(said) {
        Some(id) => library.assets(&AssetFilter { id: Some(id), ..of_user }).await?,
        None => {
            let paths = paths_of(said);
            let mut found = Vec::new();
            for kind in [Kind::WorkspaceImage, Kind::FormerImage] {
                let filter = AssetFilter { kind: Some(kind), newest_first: true, limit: Some(LOOK_AT), ..of_user.clone() };
                found.extend(library.assets(&filter).await?.into_iter().filter(|(asset, _)| paths.contains(&asset.path)));
            }
            found
        }
    };
    let picture = found.into_iter().map(|(asset, _)| asset).find(|asset| asset.subject == user && asset.blob.mime.starts_with("image/"));
    picture.map(|asset| asset.id).ok_or_else(|| {
        refuse(format!(
            "config.{name}: this user has no picture {said:?}; hand it in with POST /api/v1/assets (subject = the user's id), and give its id"
        ))
    })
}

/// The paths that a path or an address may mean: that within the bucket; of one in a former bucket, where it was and where it
/// is since it was carried over.
fn paths_of(said: &str) -> Vec<String> {
    let said = said.trim();
    let path = said.rsplit_once(BUCKET).map_or(said, |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    Former::of(&path).map_or_else(|| vec![path], |former| vec![former.key(), former.path()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_frames_are_meant_by_path_or_address() {
        for said in [
            "u/j/0.png",
            "workspace-temp/u/j/0.png",
            "https://p.supabase.co/storage/v1/object/sign/workspace-temp/u/j/0.png?token=x",
            " https://p.supabase.co/storage/v1/object/public/workspace-temp/u%2Fj/0.png#x",
        ] {
            assert_eq!(paths_of(said), ["u/j/0.png"], "{said}");
        }
        for said in ["image_fast/u/j/0.png", "https://p.supabase.co/storage/v1/object/sign/image_fast/u/j/0.png?token=x"] {
            assert_eq!(paths_of(said), ["image_fast/u/j/0.png", "u/j/0.png"], "{said}");
        }
    }
}
