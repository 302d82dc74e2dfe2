//! Copies within Drive. As with what is sent, the id is drawn before, so that a lost answer makes no second file.

use super::tags::Meta;
use super::{DriveDestination, FIELDS, File};
use crate::destinations::call::{About, Call, Said, mime};
use async_trait::async_trait;
use http::Method;
use rushes_core::destination::{Copies, Proof};
use rushes_core::{Blob, Code, Fault};

#[async_trait]
impl Copies for DriveDestination {
    async fn copy(&self, from: &str, proven: &Proof, to: &str, blob: &Blob) -> Result<Proof, Fault> {
        Ok(self.copy_object(from, proven, to, blob).await?)
    }
}

impl DriveDestination {
    async fn copy_object(&self, from: &str, proven: &Proof, to: &str, blob: &Blob) -> Result<Proof, Said> {
        let (path, about) = (self.path(to), self.about("copy object", to));
        let _alone = self.memory.lock(&path).await;
        let conflict = |reason: &str| Said::from(about.fault(Code::DestinationConflict).because(reason));
        // What an earlier try may have begun is for a put to go on with.
        if self.memory.meant(&path).is_some() || self.look(&path, about).await?.is_some() {
            return Err(conflict("something is there, or may be"));
        }
        let source = self.look(&self.path(from), about).await?.ok_or_else(|| about.fault(Code::NotFound))?;
        if !source.proof().is_some_and(|shown| shown.is_version(proven)) {
            return Err(conflict("what was to be copied has changed"));
        }
        let parent = self.folder_of(&path, about).await?;
        let id = self.draw_id().await?;
        let meta = Meta::new(self.root(), &path, &id, &parent, mime(blob), &blob.sha256)?;
        self.memory.mean(&path, &id);
        let made = self.send_copy(&source, &meta, about).await?;
        let Some(made) = self.settle(&path, &made, about).await? else { return Err(conflict("another one is there")) };
        self.memory.found(&path, &made.id);
        made.proof().ok_or_else(|| about.down("Drive shows nothing of what it copied"))
    }

    /// A copy as it is described, whole and not in the trash; another one is none.
    async fn send_copy(&self, source: &File, meta: &Meta, about: About<'_>) -> Result<File, Said> {
        let address = format!("drive/v3/files/{}/copy?supportsAllDrives=true&fields={FIELDS}", source.id);
        let made: File = self.ask(Call::new(Method::POST, address, about).json(&meta.new_json()), "id").await?;
        if meta.describes(&made) && !made.trashed {
            return Ok(made);
        }
        self.trash(&made.id, about).await?;
        Err(about.down("another file was made than was asked for"))
    }
}
