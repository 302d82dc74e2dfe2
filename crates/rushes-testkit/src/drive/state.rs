//! What the server holds.

use super::errors::{Outcome, Refusal};
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Its name.
    pub email: String,
    /// A service account: it has no room of its own.
    pub is_service: bool,
    /// It agreed to `drive.file` only: it sees what this application made.
    pub sees_only_own: bool,
    /// It did not agree to writing.
    pub is_read_only: bool,
}

/// A file as the server holds it.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// Its id.
    pub id: String,
    /// Its name, which others may have too.
    pub name: String,
    /// Names from the topmost folder down, with its own: `Rushes/films/a.mp4`.
    pub path: String,
    /// Its bytes.
    pub bytes: Arc<Vec<u8>>,
    /// What the application noted.
    pub properties: BTreeMap<String, String>,
    /// Since when it is there, milliseconds since 1970.
    pub created_ms: i64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) mime: String,
    /// Empty for what lies at the top.
    pub(super) parent: String,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) md5: String,
    pub(super) sha256: String,
    pub(super) revision: u64,
    pub(super) created_ms: i64,
    /// Listings show it a while after.
    pub(super) made: Option<Instant>,
    pub(super) trashed: Option<Instant>,
    pub(super) owner: String,
    pub(super) drive: Option<String>,
    /// What others than the owner may do there: `writer`, `reader`; empty: as the folder above it says.
    pub(super) role: &'static str,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Entry {
    pub(super) fn fill(&mut self, bytes: Vec<u8>, revision: u64) {
        (self.md5, self.sha256) = (hex(&Md5::digest(&bytes)), hex(&Sha256::digest(&bytes)));
        (self.bytes, self.revision) = (Arc::new(bytes), revision);
    }
}

/// A resumable upload.
pub(super) struct Upload {
    pub(super) account: Account,
    /// The file it writes over; else it makes one.
    pub(super) over: Option<String>,
    pub(super) description: Value,
    pub(super) size: u64,
    pub(super) bytes: Vec<u8>,
}

type Whose = Arc<dyn Fn(&str) -> Option<Account> + Send + Sync>;

/// Everything.
pub(super) struct State {
    pub(super) files: HashMap<String, Entry>,
    pub(super) uploads: HashMap<String, Upload>,
    /// Ids that were given out and not used.
    pub(super) drawn: HashSet<String>,
    pub(super) whose: Whose,
    pub(super) lag: Duration,
    pub(super) delay: Duration,
    pub(super) quota: u64,
    pub(super) revisions: u64,
    last_ms: i64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            files: HashMap::new(),
            uploads: HashMap::new(),
            drawn: HashSet::new(),
            whose: Arc::new(|_| None),
            lag: Duration::ZERO,
            delay: Duration::ZERO,
            quota: u64::MAX,
            revisions: 0,
            last_ms: 0,
        }
    }
}

impl State {
    pub(super) fn now_ms(&mut self) -> i64 {
        use rushes_core::clock::{Clock, SystemClock};
        self.last_ms = SystemClock.now_ms().max(self.last_ms);
        self.last_ms
    }

    pub(super) fn draw_id(&mut self) -> String {
        let id = format!("1{}", uuid::Uuid::now_v7().simple());
        self.drawn.insert(id.clone());
        id
    }

    pub(super) fn add_foreign(&mut self, name: &str, drive: Option<&str>, role: &'static str) -> String {
        let (id, created_ms) = (self.draw_id(), self.now_ms());
        let entry = Entry {
            id: id.clone(),
            name: name.into(),
            mime: FOLDER.into(),
            created_ms,
            made: Some(Instant::now()),
            owner: "somebody@example.com".into(),
            drive: drive.map(str::to_owned),
            role,
            ..Entry::default()
        };
        self.files.insert(id.clone(), entry);
        id
    }

    pub(super) fn add_drive(&mut self, id: &str, name: &str, role: &'static str) {
        let made = self.add_foreign(name, Some(id), role);
        let entry = self.files.remove(&made).expect("just made");
        self.files.insert(id.to_owned(), Entry { id: id.to_owned(), ..entry });
    }

    /// The id a client means: `root` is the account's own.
    fn meant(&mut self, account: &Account, id: &str) -> String {
        if id != "root" {
            return id.to_owned();
        }
        let own = format!("root-of-{}", account.email);
        if !self.files.contains_key(&own) {
            let created_ms = self.now_ms();
            let entry = Entry { id: own.clone(), name: "My Drive".into(), mime: FOLDER.into(), created_ms, ..Entry::default() };
            self.files.insert(own.clone(), Entry { owner: account.email.clone(), ..entry });
        }
        own
    }

    /// What an account may do with a file: the nearest role on the way up.
    fn role(&self, account: &Account, id: &str) -> &'static str {
        let mut at = self.files.get(id);
        while let Some(entry) = at {
            if entry.owner == account.email && entry.drive.is_none() {
                return "writer";
            }
            if !entry.role.is_empty() {
                return entry.role;
            }
            at = self.files.get(&entry.parent);
        }
        ""
    }

    pub(super) fn sees(&self, account: &Account, entry: &Entry) -> bool {
        let is_made_by_us = entry.properties.contains_key("rushes_id");
        (!account.sees_only_own || is_made_by_us) && !self.role(account, &entry.id).is_empty()
    }

    /// A file this account may read.
    pub(super) fn readable(&mut self, account: &Account, id: &str) -> Outcome<&Entry> {
        let id = self.meant(account, id);
        let is_seen = self.files.get(&id).is_some_and(|entry| self.sees(account, entry));
        self.files.get(&id).filter(|_| is_seen).ok_or_else(|| Refusal::not_found(&id))
    }

    /// A file this account may change, or a folder it may put something in.
    pub(super) fn writable(&mut self, account: &Account, id: &str) -> Outcome<String> {
        if account.is_read_only {
            return Err(Refusal::scope());
        }
        let id = self.readable(account, id)?.id.clone();
        if self.role(account, &id) == "writer" { Ok(id) } else { Err(Refusal::forbidden("insufficientFilePermissions")) }
    }

    pub(super) fn is_trashed(&self, id: &str) -> bool {
        let mut at = self.files.get(id);
        while let Some(entry) = at {
            if entry.trashed.is_some() {
                return true;
            }
            at = self.files.get(&entry.parent);
        }
        false
    }

    /// Whether listings show it as being in the trash; they lag behind.
    pub(super) fn is_listed_as_trashed(&self, entry: &Entry) -> bool {
        match entry.trashed {
            Some(at) => at.elapsed() >= self.lag,
            None => self.files.get(&entry.parent).is_some_and(|parent| self.is_listed_as_trashed(parent)),
        }
    }

    /// Room for so many more bytes in the drive of who will own them.
    fn room(&self, account: &Account, drive: Option<&String>, more: u64) -> Outcome<()> {
        if drive.is_some() {
            return Ok(());
        }
        let limit = if account.is_service { 0 } else { self.quota };
        let used: u64 = self.files.values().filter(|file| file.owner == account.email).map(|file| file.bytes.len() as u64).sum();
        if more > 0 && used + more > limit { Err(Refusal::quota()) } else { Ok(()) }
    }

    /// Makes a file as described. `bytes`: None for what has no content.
    pub(super) fn make(&mut self, account: &Account, description: &Value, bytes: Option<Vec<u8>>) -> Outcome<String> {
        if account.is_read_only {
            return Err(Refusal::scope());
        }
        let parents = description["parents"].as_array().cloned().unwrap_or_else(|| vec![json!("root")]);
        let [parent] = &parents[..] else { return Err(Refusal::bad("A file cannot have more than one parent")) };
        let parent = parent.as_str().ok_or_else(|| Refusal::bad("Invalid value for parents"))?;
        // Who sees only what they made may still put something at the top.
        let parent = if parent == "root" { self.meant(account, parent) } else { self.writable(account, parent)? };
        if self.files[&parent].mime != FOLDER {
            return Err(Refusal::forbidden("parentNotAFolder"));
        }
        let id = match description["id"].as_str() {
            Some(id) if self.files.contains_key(id) => return Err(Refusal::id_in_use()),
            Some(id) if !self.drawn.contains(id) => return Err(Refusal::bad("The provided file ID is not usable.")),
            Some(id) => id.to_owned(),
            None => self.draw_id(),
        };
        let drive = self.files[&parent].drive.clone();
        self.room(account, drive.as_ref(), bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))?;
        let created_ms = self.now_ms();
        let (made, owner) = (Some(Instant::now()), account.email.clone());
        let mut entry = Entry { id: id.clone(), parent, created_ms, made, owner, drive, ..Entry::default() };
        describe(&mut entry, description)?;
        if let Some(bytes) = bytes {
            self.revisions += 1;
            entry.fill(bytes, self.revisions);
        }
        self.drawn.remove(&id);
        self.files.insert(id.clone(), entry);
        Ok(id)
    }

    /// Changes a file as described.
    pub(super) fn change(&mut self, account: &Account, id: &str, description: &Value, bytes: Option<Vec<u8>>) -> Outcome<String> {
        let id = self.writable(account, id)?;
        let mut entry = self.files[&id].clone();
        describe(&mut entry, description)?;
        if let Some(bytes) = bytes {
            let more = (bytes.len() as u64).saturating_sub(entry.bytes.len() as u64);
            self.room(account, entry.drive.as_ref(), more)?;
            self.revisions += 1;
            entry.fill(bytes, self.revisions);
        }
        self.files.insert(id.clone(), entry);
        Ok(id)
    }

    pub(super) fn stored(&self, entry: &Entry) -> StoredFile {
        let (mut names, mut at) = (vec![entry.name.clone()], self.files.get(&entry.parent));
        while let Some(folder) = at.filter(|folder| !folder.parent.is_empty()) {
            names.push(folder.name.clone());
            at = self.files.get(&folder.parent);
        }
        names.reverse();
        let (id, name, properties) = (entry.id.clone(), entry.name.clone(), entry.properties.clone());
        StoredFile { id, name, path: names.join("/"), bytes: Arc::clone(&entry.bytes), properties, created_ms: entry.created_ms }
    }

    /// As the interface shows it, with all fields.
    pub(super) fn shown(&self, entry: &Entry) -> Value {
        let mut shown = json!({
            "kind": "drive#file", "id": entry.id, "name": entry.name, "mimeType": entry.mime, "trashed": self.is_trashed(&entry.id),
            "parents": [entry.parent], "createdTime": time(entry.created_ms),
        });
        if !entry.properties.is_empty() {
            shown["appProperties"] = json!(entry.properties);
        }
        if let Some(drive) = &entry.drive {
            shown["driveId"] = json!(drive);
        }
        if entry.mime != FOLDER {
            shown["size"] = json!(entry.bytes.len().to_string());
            shown["md5Checksum"] = json!(entry.md5);
            shown["sha256Checksum"] = json!(entry.sha256);
            shown["headRevisionId"] = json!(format!("0B{}", entry.revision));
        }
        shown
    }
}

/// Takes over what a description says.
fn describe(entry: &mut Entry, description: &Value) -> Outcome<()> {
    const KNOWN: [&str; 6] = ["id", "name", "mimeType", "parents", "appProperties", "trashed"];
    let fields = description.as_object().ok_or_else(|| Refusal::bad("Invalid JSON payload received"))?;
    if let Some(name) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(Refusal::bad(&format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.")));
    }
    if let Some(name) = description["name"].as_str() {
        entry.name = name.to_owned();
    }
    if let Some(mime) = description["mimeType"].as_str() {
        entry.mime = mime.to_owned();
    }
    if let Some(is_trashed) = description["trashed"].as_bool() {
        entry.trashed = is_trashed.then(|| entry.trashed.unwrap_or_else(Instant::now));
    }
    for (name, value) in description["appProperties"].as_object().unwrap_or(&Map::new()) {
        match value.as_str() {
            Some(text) if name.len() + text.len() > 124 => return Err(Refusal::bad("The property is too long")),
            Some(text) => drop(entry.properties.insert(name.clone(), text.to_owned())),
            None => drop(entry.properties.remove(name)),
        }
    }
    if entry.properties.len() > 30 { Err(Refusal::bad("There are too many properties")) } else { Ok(()) }
}

/// Milliseconds since 1970 as Drive writes them.
pub(super) fn time(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (mut year, mut left) = (1970, days);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while left >= 365 + i64::from(is_leap(year)) {
        left -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    let (seconds, ms) = (of_day / 1_000, of_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", month + 1, left + 1)
}
