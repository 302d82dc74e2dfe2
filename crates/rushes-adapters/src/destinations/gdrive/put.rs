//! Writing. The id is drawn and kept before anything is sent, so that whoever tries again asks for the same file: Drive
//! makes it once. What is at the key is looked at before, and once more afterwards, for another process may be there too.

use super::answers::File;
use super::resumable::Kept;
use super::tags::{Meta, noted};
use super::{DriveDestination, files};
use crate::destinations::call::{About, Call, Resumable, Said, mime};
use crate::destinations::proving::{self, There, contended, prove};
use crate::http::{Body, bytes_of, damaged, file_of};
use http::Method;
use rushes_core::destination::{Compared, Proof, Put};
use rushes_core::{Code, Fault};
use serde_json::Value;

const ROUNDS: usize = 4;
const BOUNDARY: &str = "rushes_part_4f1d0e6c9b7a48d2";

/// What a put meets at its key.
enum Target {
    /// These very bytes.
    Done(File, Proof),
    /// Nothing.
    New,
    /// What may be written over. `is_mine`: we made it just now.
    Over(File, bool),
}

/// One put under way.
struct Going<'a> {
    put: Put<'a>,
    path: String,
    about: About<'a>,
    /// The id our file has, or will have.
    id: Option<String>,
    /// What was just made.
    made: Option<File>,
}

impl DriveDestination {
    pub(super) async fn put_object(&self, put: Put<'_>) -> Result<Proof, Said> {
        let (path, about) = (self.path(put.key), self.about("put object", put.key));
        let _alone = self.memory.lock(&path).await;
        let kept = self.kept(put, &path).await;
        let id = kept.filter(|kept| !kept.is_over).map(|kept| kept.id).or_else(|| self.memory.meant(&path));
        let mut going = Going { put, path, about, id, made: None };
        for _ in 0..ROUNDS {
            match self.target(&mut going).await? {
                Target::Done(file, proof) => {
                    self.memory.found(&going.path, &file.id);
                    return Ok(proof);
                }
                Target::New => self.create(&mut going).await?,
                Target::Over(file, is_mine) => {
                    let over = self.write_over(&going, &file).await?;
                    going.made = Some(over).filter(|_| is_mine);
                }
            }
        }
        Err(contended(&put, self.place()).into())
    }

    /// What the session says an earlier try has begun for these bytes.
    async fn kept(&self, put: Put<'_>, path: &str) -> Option<Kept> {
        let kept = put.session.kept().as_deref().and_then(Kept::read)?;
        if kept.is_for(put, path) {
            return Some(kept);
        }
        self.clear_upload(&kept).await;
        None
    }

    fn meta(&self, going: &Going<'_>, id: &str, parent: &str) -> Result<Meta, Fault> {
        Meta::new(self.root(), &going.path, id, parent, mime(going.put.blob), &going.put.blob.sha256)
    }

    /// Our own file where we have made one and nobody was first; else whatever is there.
    async fn target(&self, going: &mut Going<'_>) -> Result<Target, Said> {
        let (put, about) = (going.put, going.about);
        let mine = match (going.made.take(), &going.id) {
            (None, Some(id)) => self.by_id(id, about).await?,
            (made, _) => made,
        };
        if let Some(mine) = mine {
            if let Some(file) = self.settle(&going.path, &mine, about).await? {
                let meta = self.meta(going, &file.id, "")?;
                return Ok(match self.proof(&file, put).await? {
                    Some(proof) if meta.describes(&file) => Target::Done(file, proof),
                    _ => Target::Over(file, true),
                });
            }
            going.id = None;
        }
        let Some(file) = self.look(&going.path, about).await? else { return Ok(Target::New) };
        let proof = self.shown(&file, put.key).await?;
        let there = There { proof, noted: noted(&file).map(str::to_owned) };
        let read_back = async { self.read(&file, put.key).await.map(Some) };
        Ok(match proving::target(Some(there), &put, self.place(), 0, read_back).await? {
            proving::Target::Done(proof) => Target::Done(file, proof),
            _ => Target::Over(file, false),
        })
    }

    /// The proof that a file holds these very bytes; None where it does not.
    async fn proof(&self, file: &File, put: Put<'_>) -> Result<Option<Proof>, Said> {
        let read_back = async { self.read(file, put.key).await.map(Some) };
        match prove(self.shown(file, put.key).await?, &put, 0, read_back).await? {
            Compared::Same(proof) => Ok(Some(proof)),
            _ => Ok(None),
        }
    }

    async fn create(&self, going: &mut Going<'_>) -> Result<(), Said> {
        let (put, about) = (going.put, going.about);
        let parent = self.folder_of(&going.path, about).await?;
        let id = match &going.id {
            Some(id) => id.clone(),
            None => self.draw_id().await?,
        };
        let meta = self.meta(going, &id, &parent)?;
        self.memory.mean(&going.path, &id);
        going.id = Some(id.clone());
        match self.send(put, &meta, false, about).await {
            Ok(file) if file.trashed => {
                // So is the folder; there is another one, or will be, unless it is the topmost.
                self.look_at_root().await?;
                self.memory.forget_folders(&going.path);
                self.memory.forget(&going.path);
                going.id = None;
            }
            Ok(file) => going.made = Some(self.arrived(file, &meta, put, about).await?),
            // An earlier try made it, and its answer was lost; or it is in the trash meanwhile.
            Err(said) if said.is_taken() => {
                going.made = self.by_id(&id, about).await?;
                if going.made.is_none() {
                    self.memory.forget(&going.path);
                    going.id = None;
                }
            }
            Err(said) if said.is_absent() => {
                self.memory.forget_folders(&going.path);
                // It may be the topmost one, which nobody makes again.
                self.look_at_root().await?;
                return Err(about.down("the folder it was to lie in is gone; it is made again"));
            }
            Err(said) => return Err(said),
        }
        Ok(())
    }

    async fn write_over(&self, going: &Going<'_>, file: &File) -> Result<File, Said> {
        let (put, about) = (going.put, going.about);
        let meta = self.meta(going, &file.id, "")?;
        match self.send(put, &meta, true, about).await {
            Ok(over) if !over.trashed => self.arrived(over, &meta, put, about).await,
            Err(said) if !said.is_absent() => Err(said),
            _ => {
                self.memory.forget(&going.path);
                Err(about.down("somebody removed it while it was written over"))
            }
        }
    }

    /// What was written is what was sent, or another try writes over it.
    async fn arrived(&self, file: File, meta: &Meta, put: Put<'_>, about: About<'_>) -> Result<File, Said> {
        if meta.describes(&file) && self.proof(&file, put).await?.is_some() {
            return Ok(file);
        }
        let reason = "other bytes arrived than were sent; they are written over";
        Err(about.fault(Code::ProofFailed).because(reason).into())
    }

    async fn send(&self, put: Put<'_>, meta: &Meta, is_over: bool, about: About<'_>) -> Result<File, Said> {
        if put.blob.size_bytes > self.settings.whole_max_bytes {
            return self.put_parts(put, meta, is_over, about).await;
        }
        let kept = put.session.kept().as_deref().and_then(Kept::read);
        let path = self.path(put.key);
        if !is_over && kept.is_none_or(|kept| kept.id != meta.id || !kept.is_for(put, &path)) {
            put.session.keep(&Kept::new(put, &path, &meta.id, false).write()?).await?;
        }
        let bytes = bytes_of(file_of(put.file, put.blob.size_bytes)?, 0..put.blob.size_bytes).await?;
        if crc32c::crc32c(&bytes) != put.blob.crc32c {
            return Err(damaged().with("path", put.file.display()).because("the local file changed: it is not what was registered").into());
        }
        let description = if is_over { meta.over_json() } else { meta.new_json() };
        let mut call = Call::new(method(is_over), upload_path(meta, is_over, "multipart"), about)
            .with("content-type", &format!("multipart/related; boundary={BOUNDARY}"));
        call.body = Body::Bytes(related(&description, mime(put.blob), &bytes).into());
        self.ask(call, "id").await
    }
}

pub(super) fn method(is_over: bool) -> Method {
    if is_over { Method::PATCH } else { Method::POST }
}

/// Where bytes are sent: `upload/` and the address of the file.
pub(super) fn upload_path(meta: &Meta, is_over: bool, kind: &str) -> String {
    format!("upload/{}&uploadType={kind}", files(if is_over { &meta.id } else { "" }))
}

/// A description and the bytes it is of, in one body.
fn related(description: &Value, mime: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{description}\r\n--{BOUNDARY}\r\nContent-Type: {mime}\r\n\r\n"
    );
    [head.as_bytes(), bytes, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
}
