//! `gdrive://`: a folder of Google Drive over version 3 of its interface. Drive has ids, and names that need not be unique;
//! here each key is one file, known by properties we give it, and its folders are there for people.
//!
//! Small objects are put in one request, large ones by resumable uploads that a restart goes on with. A proof is the hash
//! Drive shows of what it holds.

mod answers;
mod batch;
mod copy;
mod find;
mod folders;
mod list;
mod memory;
mod put;
mod resumable;
mod settings;
mod tags;
#[cfg(test)]
mod tests;

use super::call::{About, Call, Place, Said, into_file, range_of};
use super::listings::Listings;
use super::proving::read_back;
use crate::google::Tokens;
use crate::http::{Answer, Client, Request, empty_file, encode_path, encode_query};
use answers::{FIELDS, File, document, refusal};
use async_trait::async_trait;
use http::{Method, StatusCode};
use memory::Memory;
use rushes_core::destination::{Abilities, Destination, Listing, Proof, Put, Uploads};
use rushes_core::{Code, Fault};
use serde::Deserialize;
use serde_json::{Value, json};
pub use settings::DriveSettings;
use std::ops::Range;
use std::path::Path;
use tokio::sync::OnceCell;

/// The account's own drive, in an address.
const OWN: &str = "root";
/// Ids asked for at once.
const IDS: usize = 100;

/// A folder of Drive as a destination.
#[derive(Debug)]
pub struct DriveDestination {
    settings: DriveSettings,
    client: Client,
    tokens: Tokens,
    endpoint: String,
    /// Goes before every key: empty, or ends with `/`.
    base: String,
    /// The shared drive the folder lies in, once it was looked at.
    drive: OnceCell<Option<String>>,
    memory: Memory,
    listings: Listings,
}

/// The address of files (empty) or one of them.
fn files(id: &str) -> String {
    let all = "supportsAllDrives=true";
    if id.is_empty() { format!("drive/v3/files?{all}&fields={FIELDS}") } else { format!("drive/v3/files/{id}?{all}&fields={FIELDS}") }
}

impl DriveDestination {
    /// Speaks to nobody yet. Errors: `config_invalid`.
    pub fn new(settings: DriveSettings) -> Result<Self, Fault> {
        let invalid = |reason: &str| Fault::new(Code::ConfigInvalid, "read configuration").with("folder", &settings.folder).because(reason);
        let endpoint = settings.endpoint.trim_end_matches('/').to_owned();
        if endpoint.strip_prefix("https://").or(endpoint.strip_prefix("http://")).is_none_or(str::is_empty) {
            return Err(invalid("an endpoint is written https://host"));
        }
        let is_id = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !is_id(&settings.folder) {
            return Err(invalid("a folder is written gdrive://root/NAME or gdrive://ID, with the ID from its address in the browser"));
        }
        if settings.part_bytes == 0 || !settings.part_bytes.is_multiple_of(settings::GRAIN_BYTES) {
            return Err(invalid("a part has a multiple of 256 KiB"));
        }
        let base = settings.base.trim_matches('/');
        let base = if base.is_empty() { String::new() } else { format!("{base}/") };
        let client = Client::new(settings.http)?;
        let tokens = Tokens::new(settings.credentials.clone(), &settings.scopes, &client);
        let (drive, memory, listings) = (OnceCell::new(), Memory::default(), Listings::default());
        Ok(Self { settings, client, tokens, endpoint, base, drive, memory, listings })
    }

    fn root(&self) -> &str {
        &self.settings.folder
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.base)
    }

    fn about<'a>(&'a self, operation: &'static str, key: &'a str) -> About<'a> {
        About { operation, needs: "", place: self.place(), key }
    }

    fn place(&self) -> Place<'_> {
        ("folder", self.root())
    }

    /// Sends a request. 308 is an answer: it tells how far an upload has come.
    async fn call(&self, call: Call<'_>) -> Result<Answer, Said> {
        let Call { method, path, mut headers, body, about, .. } = call;
        let bearer = self.tokens.authorize(&mut headers).await.map_err(|fault| about.of(fault))?;
        let (url, operation) = (format!("{}/{path}", self.endpoint), about.operation);
        let answer = self.client.send(Request { method, url, headers, body, operation, answers_within: None }).await;
        let answer = answer.map_err(|fault| about.of(fault))?;
        if answer.status.is_success() || answer.status == StatusCode::PERMANENT_REDIRECT {
            return Ok(answer);
        }
        let mut said = refusal(answer, about).await;
        if let Some(bearer) = bearer {
            if said.status == 401 {
                self.tokens.forget(&bearer).await;
            }
            said.fault.reason = said.fault.reason.map(|reason| reason.replace(&bearer, "…"));
        }
        Err(said)
    }

    /// Sends a request whose answer is a document, known by one of its fields.
    async fn ask<T: for<'de> Deserialize<'de>>(&self, call: Call<'_>, field: &str) -> Result<T, Said> {
        let about = call.about;
        document(self.call(call).await?, field, about).await
    }

    /// An id that nobody has used.
    async fn draw_id(&self) -> Result<String, Said> {
        #[derive(Deserialize)]
        struct Drawn {
            ids: Vec<String>,
        }
        let mut pool = self.memory.pool.lock().await;
        if pool.is_empty() {
            let path = format!("drive/v3/files/generateIds?count={IDS}&space=drive&type=files");
            let drawn: Drawn = self.ask(Call::new(Method::GET, path, self.about("draw ids", "")), "ids").await?;
            *pool = drawn.ids;
        }
        pool.pop().ok_or_else(|| self.about("draw ids", "").down("Drive gave no ids"))
    }

    /// The shared drive our folder lies in. Errors: `destination_refused` where there is no such folder for us.
    async fn drive(&self) -> Result<Option<&str>, Said> {
        let drive = self.drive.get_or_try_init(|| self.look_at_root()).await?;
        Ok(drive.as_deref())
    }

    async fn look_at_root(&self) -> Result<Option<String>, Said> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Root {
            #[serde(default)]
            mime_type: String,
            #[serde(default)]
            trashed: bool,
            drive_id: Option<String>,
        }
        // An application that sees only what it made may still make things there.
        if self.root() == OWN {
            return Ok(None);
        }
        let about = self.about("look at folder", "");
        let path = format!("drive/v3/files/{}?supportsAllDrives=true&fields=id,mimeType,trashed,driveId", self.root());
        let root = match self.ask::<Root>(Call::new(Method::GET, path, about), "id").await {
            Err(said) if said.is_absent() => {
                let who = self.account().await.map_or_else(|| "the account".to_owned(), |email| format!("this e-mail: {email}"));
                let advice = format!("there is no such folder for this account; share the folder with {who}, as Editor, or correct its id");
                return Err(about.fault(Code::DestinationRefused).because(advice).into());
            }
            root => root?,
        };
        if root.mime_type != tags::FOLDER || root.trashed {
            let what = if root.trashed { "the folder is in the trash" } else { "what has this id is no folder" };
            let advice = format!("{what}; take the id from the address of a folder in the browser");
            return Err(about.fault(Code::DestinationRefused).because(advice).into());
        }
        Ok(root.drive_id)
    }

    /// Who we are, as far as Drive tells.
    async fn account(&self) -> Option<String> {
        let call = Call::new(Method::GET, "drive/v3/about?fields=user(emailAddress)".to_owned(), self.about("look at account", ""));
        let about: Value = self.ask(call, "user").await.ok()?;
        about["user"]["emailAddress"].as_str().map(str::to_owned)
    }

    /// What a file shows of its content.
    async fn shown(&self, file: &File, key: &str) -> Result<Proof, Said> {
        match file.proof() {
            Some(proof) => Ok(proof),
            None => self.read(file, key).await,
        }
    }

    async fn read(&self, file: &File, key: &str) -> Result<Proof, Said> {
        let answer = self.call(self.open(&file.id, self.about("read object back", key))).await?;
        Ok(read_back(answer, file.head_revision_id.clone()).await?)
    }

    fn open<'a>(&'a self, id: &str, about: About<'a>) -> Call<'a> {
        Call::new(Method::GET, format!("drive/v3/files/{id}?supportsAllDrives=true&alt=media"), about)
    }

    async fn fetch(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Said> {
        let about = self.about("get object", key);
        let file = self.look(&self.path(key), about).await?.ok_or_else(|| about.fault(Code::NotFound))?;
        let mut call = self.open(&file.id, about);
        if let Some(bytes) = &bytes {
            let Some(range) = range_of(bytes) else { return Ok(empty_file(into).await?) };
            call = call.with("range", &range);
        }
        into_file(self.call(call).await, bytes.as_ref(), into, about).await
    }

    /// Moves a file or folder to the trash. People can take it back for 30 days, and in a shared drive those who may write
    /// may not do more than that.
    async fn trash(&self, id: &str, about: About<'_>) -> Result<(), Said> {
        let call = Call::new(Method::PATCH, files(id), about).json(&json!({"trashed": true}));
        match self.ask::<File>(call, "id").await {
            Ok(file) if !file.trashed => Err(about.down("it was to go to the trash and did not")),
            Err(said) if !said.is_absent() => Err(said),
            _ => {
                self.memory.went(id);
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Destination for DriveDestination {
    fn abilities(&self) -> Abilities<'_> {
        // An address at Drive opens for whom the folder is shared with, so there is none to give to others.
        let clock_ahead_ms = self.client.clock_ahead_ms();
        Abilities { uploads: Some(self), copies: Some(self), folders: true, clock_ahead_ms, ..Abilities::default() }
    }

    fn uri(&self, key: &str) -> String {
        format!("gdrive://{}/{}", self.root(), encode_path(&self.path(key)))
    }

    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        Ok(self.put_object(put).await?)
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        match self.look(&self.path(key), self.about("look at object", key)).await? {
            Some(file) => Ok(Some(self.shown(&file, key).await?)),
            None => Ok(None),
        }
    }

    async fn read_back(&self, key: &str) -> Result<Option<Proof>, Fault> {
        match self.look(&self.path(key), self.about("look at object", key)).await? {
            Some(file) => Ok(Some(self.read(&file, key).await?)),
            None => Ok(None),
        }
    }

    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        Ok(self.fetch(key, bytes, into).await?)
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        Ok(self.list_page(prefix, cursor).await?)
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        Ok(self.remove(&self.path(key), self.about("delete object", key)).await?)
    }

    async fn ensure_folder(&self, key: &str) -> Result<(), Fault> {
        self.folders(&[key]).await
    }

    async fn ensure_folders(&self, keys: &[&str]) -> Result<(), Fault> {
        self.folders(keys).await
    }

    async fn remove_folder(&self, key: &str) -> Result<(), Fault> {
        Ok(self.trash_folder(key).await?)
    }
}

#[async_trait]
impl Uploads for DriveDestination {
    async fn abandon(&self, key: &str, session: &str) -> Result<(), Fault> {
        self.abandon_upload(key, session).await
    }
}
