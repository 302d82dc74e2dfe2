//! Files of shoots: what is handed in comes into `Incoming/` as a whole, and photos are made small once.

use bytes::Bytes;
use rushes_core::album::Photo;
use rushes_core::asset::Blob;
use rushes_core::delivery::Pictures;
use rushes_core::{Asset, Code, Fault};
use rushes_engine::Parts;
use rushes_engine::fetch::fetch;
use rushes_workflows::shoot::INCOMING;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A photo stands in the album a moment before its asset is registered: how long that is waited for, and how often looked.
const ENTERED_WAIT: Duration = Duration::from_secs(3);
const ENTERED_LOOK: Duration = Duration::from_millis(50);
/// The longest name of a photo.
const NAME_MAX: usize = 200;

/// A size photos are looked at in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// On a wall.
    Small,
    /// Alone, on a telephone or a screen.
    Large,
}

impl Size {
    fn how(self) -> Pictures {
        match self {
            Self::Small => Pictures { max_px: 480, quality: 76 },
            Self::Large => Pictures { max_px: 1_600, quality: 82 },
        }
    }
}

/// The asset of a photo's bytes. One that was entered a moment ago is there a moment later. Errors: `not_found`.
pub(crate) async fn original(parts: &Parts, photo: &Photo) -> Result<Asset, Fault> {
    let until = Instant::now() + ENTERED_WAIT;
    loop {
        match parts.store.asset(photo.original).await {
            Err(fault) if fault.code == Code::NotFound && Instant::now() < until => tokio::time::sleep(ENTERED_LOOK).await,
            found => return found,
        }
    }
}

/// A photo, small: made when it is first asked for, kept beside the shoot.
pub(crate) async fn preview(parts: &Parts, shoot: &str, blob: &Blob, size: Size) -> Result<Bytes, Fault> {
    let folder = parts.home.shoots().join(shoot).join("Previews");
    let how = size.how();
    let file = folder.join(format!("{}-{}.jpg", blob.sha256, how.max_px));
    let read = async || tokio::fs::read(&file).await.map(Bytes::from);
    if let Ok(kept) = read().await {
        return Ok(kept);
    }
    tokio::fs::create_dir_all(&folder).await.map_err(|e| Fault::io("make folder of previews", &folder, &e))?;
    // What was evicted comes back from where it was delivered.
    let (path, _pin) = fetch(parts, blob).await?;
    let made = folder.join(format!(".{}", parts.clock.new_id()));
    let drawn = parts.compress.picture(&path, &made, how).await;
    if let Err(fault) = drawn.and_then(|()| put_in_place(&made, &file)) {
        // What is left of it is no picture.
        let _ = tokio::fs::remove_file(&made).await;
        return Err(fault);
    }
    read().await.map_err(|e| Fault::io("read preview", &file, &e))
}

/// A photo on its way into `Incoming/`: the intake does not see it until it is there as a whole.
pub(crate) struct Coming {
    hidden: PathBuf,
    place: PathBuf,
    is_there: bool,
}

impl Coming {
    /// Under the last part of this name. Errors: `input_invalid`; `not_found` where the shoot has no folder.
    pub(crate) fn of(parts: &Parts, shoot: &str, name: &str) -> Result<Self, Fault> {
        let name = name_of(name)?;
        let folder = parts.home.shoots().join(shoot).join(INCOMING);
        if !folder.is_dir() {
            return Err(Fault::new(Code::NotFound, "take photo").with("shoot", shoot).because("it has no folder to drop photos into"));
        }
        Ok(Self { hidden: folder.join(format!(".{}", parts.clock.new_id())), place: folder.join(name), is_there: false })
    }

    /// Where its bytes are written.
    pub(crate) fn hidden(&self) -> &Path {
        &self.hidden
    }

    /// It is whole; gives its name. Errors: `file_empty`.
    pub(crate) fn arrive(mut self) -> Result<String, Fault> {
        let size_bytes = std::fs::metadata(&self.hidden).map_err(|e| Fault::io("take photo", &self.hidden, &e))?.len();
        if size_bytes == 0 {
            return Err(Fault::new(Code::FileEmpty, "take photo"));
        }
        put_in_place(&self.hidden, &self.place)?;
        self.is_there = true;
        Ok(self.place.file_name().unwrap_or_default().to_string_lossy().into_owned())
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        if !self.is_there {
            let _ = std::fs::remove_file(&self.hidden);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever looks sees the whole file or none")]
fn put_in_place(from: &Path, to: &Path) -> Result<(), Fault> {
    std::fs::rename(from, to).map_err(|e| Fault::io("put file in place", to, &e))
}

/// The last part of what a browser or a camera calls it. Errors: `input_invalid` for what the intake would pass over.
fn name_of(name: &str) -> Result<String, Fault> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let is_bad = last.is_empty() || last.len() > NAME_MAX || last.starts_with(['.', '~']) || last.chars().any(char::is_control);
    if is_bad {
        let reason = format!("a photo has a file name of 1 to {NAME_MAX} bytes that begins with neither . nor ~");
        return Err(Fault::new(Code::InputInvalid, "take photo").because(reason));
    }
    Ok(last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_last_part_and_stay_in_the_folder() {
        assert_eq!(name_of("C:\\DCIM\\IMG_1.JPG").unwrap(), "IMG_1.JPG");
        assert_eq!(name_of("../../etc/passwd").unwrap(), "passwd");
        for wrong in ["", "..", "a/", ".hidden", "~x", "a\nb", &"x".repeat(201)] {
            assert_eq!(name_of(wrong).unwrap_err().code, Code::InputInvalid, "{wrong:?}");
        }
    }
}
