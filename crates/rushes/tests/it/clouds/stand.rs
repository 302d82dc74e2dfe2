//! One real place to deliver to, with a proxy before it that makes the weather, and a way to look at what it holds that
//! does not pass through the code under test.

use crate::support::survivor::{Dice, hashes, number};
use rushes_adapters::HttpOptions;
use rushes_adapters::destinations::gdrive::{DriveDestination, DriveSettings};
use rushes_adapters::destinations::gs::{GsDestination, GsSettings};
use rushes_adapters::destinations::s3::{AccessKey, Addressing, S3Destination, S3Settings};
use rushes_adapters::destinations::supabase::{SupabaseDestination, SupabaseSettings};
use rushes_adapters::google::Credentials;
use rushes_core::destination::{Destination, Links};
use rushes_core::digest::digest;
use rushes_testkit::chaos::{Chaos, Weather};
use rushes_testkit::drive::Drive;
use rushes_testkit::gcs::Gcs;
use rushes_testkit::google::Google;
use rushes_testkit::open;
use rushes_testkit::servers::{S3Server, moto, s3s_fs};
use rushes_testkit::supabase::Supabase;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const BUCKET: &str = "bucket";
/// Every store there is a server for.
pub(crate) const STORES: [&str; 5] = ["s3s-fs", "moto", "supabase", "gcs", "gdrive"];

/// One of them, or all with `RUSHES_EVERYTHING=1`, as `make reliability` has it.
pub(crate) fn stores(dice: &mut Dice) -> Vec<&'static str> {
    if number("RUSHES_EVERYTHING", 0) == 1 { STORES.to_vec() } else { sample(STORES.to_vec(), 1, dice) }
}

/// So many of these, in their order, or all with `RUSHES_EVERYTHING=1`.
pub(crate) fn sample<T>(mut of: Vec<T>, count: usize, dice: &mut Dice) -> Vec<T> {
    while number("RUSHES_EVERYTHING", 0) == 0 && of.len() > count {
        of.remove(usize::try_from(dice.below(of.len() as u64)).unwrap());
    }
    of
}

const STALLED_AFTER: Duration = Duration::from_millis(700);
const MIB: u64 = 1024 * 1024;

/// What stands behind the proxy.
enum Server {
    S3(S3Server),
    Supabase(Supabase),
    /// And the key of its account, in a file.
    Gcs(Gcs, tempfile::NamedTempFile),
    Drive(Box<OwnDrive>),
}

/// A person's drive, and the login to it in a file.
struct OwnDrive {
    drive: Drive,
    google: Google,
    folder: tempfile::TempDir,
}

impl OwnDrive {
    async fn start() -> Self {
        let (drive, google, folder) = (Drive::start().await, Google::start().await, tempfile::tempdir().unwrap());
        drive.know_those_of(&google);
        let made = std::fs::File::create(folder.path().join("google.json"));
        made.and_then(|mut file| file.write_all(google.authorized_user().as_bytes())).unwrap();
        Self { drive, google, folder }
    }
}

pub(crate) struct Stand {
    pub(crate) name: &'static str,
    server: Server,
    pub(crate) chaos: Chaos,
}

impl Stand {
    /// The one of that name; None where its server is not on this machine.
    pub(crate) async fn named(name: &'static str) -> Option<Self> {
        let (server, address) = match name {
            "supabase" => {
                let server = Supabase::start().await?;
                server.make_bucket(BUCKET, false).await;
                let address = server.address;
                (Server::Supabase(server), address)
            }
            "gcs" => {
                let server = Gcs::start().await;
                server.make_bucket(BUCKET, false);
                let (key, address) = (tempfile::NamedTempFile::new().unwrap(), server.address);
                key.as_file().write_all(server.google.service_account().as_bytes()).unwrap();
                (Server::Gcs(server, key), address)
            }
            "gdrive" => {
                let own = Box::new(OwnDrive::start().await);
                let address = own.drive.address;
                (Server::Drive(own), address)
            }
            _ => {
                let server = if name == "moto" { moto()? } else { s3s_fs()? };
                server.make_bucket(BUCKET);
                let address = server.address;
                (Server::S3(server), address)
            }
        };
        Some(Self { name, server, chaos: Chaos::before(address).await })
    }

    /// The adapter, as it speaks through the proxy; impatient.
    pub(crate) fn port(&self) -> Arc<dyn Destination> {
        match &self.server {
            Server::S3(server) => Arc::new(self.s3(server, &self.chaos.url())),
            Server::Supabase(server) => {
                let mut settings = SupabaseSettings::new(&self.chaos.url(), BUCKET, &server.service_key);
                settings.http = HttpOptions { stalled_after: STALLED_AFTER };
                Arc::new(SupabaseDestination::new(settings).unwrap())
            }
            Server::Gcs(server, _) => Arc::new(
                GsDestination::new(GsSettings {
                    bucket: BUCKET.into(),
                    endpoint: Some(self.chaos.url()),
                    credentials: Credentials::parse(&server.google.service_account()).unwrap(),
                    project: None,
                    public_base: None,
                    part_bytes: 5 * MIB,
                    http: HttpOptions { stalled_after: STALLED_AFTER },
                })
                .unwrap(),
            ),
            Server::Drive(own) => {
                let mut settings = DriveSettings::new("root", BUCKET, Credentials::parse(&own.google.authorized_user()).unwrap());
                settings.endpoint = self.chaos.url();
                settings.part_bytes = 5 * MIB;
                settings.http = HttpOptions { stalled_after: STALLED_AFTER };
                Arc::new(DriveDestination::new(settings).unwrap())
            }
        }
    }

    fn s3(&self, server: &S3Server, endpoint: &str) -> S3Destination {
        S3Destination::new(S3Settings {
            bucket: BUCKET.into(),
            endpoint: Some(endpoint.into()),
            region: server.region.clone(),
            addressing: Addressing::Path,
            key: Some(AccessKey { id: server.access_key.clone(), secret: server.secret_key.clone(), token: None }),
            public_base: None,
            part_bytes: 5 * MIB,
            http: HttpOptions { stalled_after: STALLED_AFTER },
        })
        .unwrap()
    }

    /// The section of `rushes.toml` that leads here through the proxy; its secrets are in [`Stand::secrets`].
    pub(crate) fn section(&self, name: &str) -> String {
        let endpoint = self.chaos.url();
        let options = match &self.server {
            Server::S3(_) => {
                "uri = \"s3://bucket\"\naccess_key = \"env:STAND_ID\"\nsecret_key = \"env:STAND_SECRET\"\npart_mb = 5\n".to_owned()
            }
            Server::Supabase(_) => "uri = \"supabase://bucket\"\nsecret_key = \"env:STAND_SECRET\"\n".to_owned(),
            Server::Gcs(_, key) => format!("uri = \"gs://bucket\"\ncredentials = \"file:{}\"\npart_mb = 5\n", key.path().display()),
            Server::Drive(own) => {
                let login = own.folder.path().join("google.json");
                format!("uri = \"gdrive://root/bucket\"\ncredentials = \"file:{}\"\npart_mb = 5\n", login.display())
            }
        };
        format!("[[destinations]]\nname = \"{name}\"\nendpoint = \"{endpoint}\"\n{options}")
    }

    pub(crate) fn secrets(&self) -> Vec<(&str, String)> {
        match &self.server {
            Server::S3(server) => vec![("STAND_ID", server.access_key.clone()), ("STAND_SECRET", server.secret_key.clone())],
            Server::Supabase(server) => vec![("STAND_SECRET", server.service_key.clone())],
            Server::Gcs(..) => Vec::new(),
            Server::Drive(_) => Vec::new(),
        }
    }

    /// What the server says when keys may not write there.
    pub(crate) fn forbids(&self) -> Weather {
        match &self.server {
            Server::S3(_) => Weather::s3_error(403, "AccessDenied"),
            Server::Supabase(_) => Weather::json(
                400,
                &serde_json::json!({"statusCode": "403", "error": "Unauthorized", "message": "new row violates row-level security policy"}),
            ),
            Server::Gcs(..) => {
                gcs_error(403, "forbidden", "mover does not have storage.objects.create access to the Google Cloud Storage object.")
            }
            Server::Drive(_) => drive_error(403, "insufficientFilePermissions"),
        }
    }

    /// The rights to name when requests with this method are forbidden.
    pub(crate) fn rights(&self) -> &'static [(&'static str, &'static [&'static str])] {
        match &self.server {
            Server::S3(_) => &[("PUT", &["s3:PutObject"]), ("GET", &["s3:GetObject", "s3:ListBucket"]), ("DELETE", &["s3:DeleteObject"])],
            Server::Supabase(_) => &[("POST", &["INSERT", "SELECT"]), ("GET", &["SELECT"]), ("DELETE", &["DELETE"])],
            // Its words name the right; the weather knows one only.
            Server::Gcs(..) => &[("POST", &["storage.objects.create"])],
            // As with those of Cloud Storage; a role is all or nothing.
            Server::Drive(_) => &[("POST", &["Editor"])],
        }
    }

    /// Every object, with the SHA-256 of its bytes, as the server itself keeps them.
    pub(crate) async fn objects(&self) -> BTreeMap<String, String> {
        match &self.server {
            Server::S3(server) => match &server.folder {
                Some(folder) => hashes(&folder.join(BUCKET)),
                None => of_moto(&self.s3(server, &server.endpoint)).await,
            },
            Server::Supabase(server) => {
                let objects = server.objects().await;
                objects.into_iter().map(|object| (unescaped(&object.key), sha256(&object.bytes))).collect()
            }
            Server::Gcs(server, _) => {
                let objects = server.objects(BUCKET);
                objects.into_iter().map(|object| (object.name.clone(), sha256(&server.bytes(&object)))).collect()
            }
            Server::Drive(own) => {
                let files = own.drive.files();
                let below = |path: &str| path.strip_prefix("bucket/").unwrap_or_else(|| panic!("{path} lies elsewhere")).to_owned();
                let found: BTreeMap<String, String> = files.iter().map(|file| (below(&file.path), sha256(&file.bytes))).collect();
                assert_eq!(found.len(), files.len(), "no name twice: {:?}", files.iter().map(|file| &file.path).collect::<Vec<_>>());
                found
            }
        }
    }

    /// Every folder there is, where a store has such.
    pub(crate) fn folders(&self) -> BTreeSet<String> {
        match &self.server {
            Server::S3(S3Server { folder: Some(folder), .. }) => folders_below(&folder.join(BUCKET)),
            Server::Drive(own) => {
                let paths = own.drive.folders().into_iter().map(|folder| folder.path);
                paths.filter_map(|path| path.strip_prefix("bucket/").map(str::to_owned)).collect()
            }
            _ => BTreeSet::new(),
        }
    }
}

fn folders_below(root: &Path) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        let inner = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        for path in inner {
            found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            open.push(path);
        }
    }
    found
}

/// A refusal as Cloud Storage words it.
pub(crate) fn gcs_error(status: u16, reason: &str, message: &str) -> Weather {
    let error = serde_json::json!({"domain": "global", "reason": reason, "message": message});
    Weather::json(status, &serde_json::json!({"error": {"code": status, "message": message, "errors": [error]}}))
}

/// A refusal as Drive words it.
pub(crate) fn drive_error(status: u16, reason: &str) -> Weather {
    let one = serde_json::json!({"domain": "global", "reason": reason, "message": reason});
    Weather::json(status, &serde_json::json!({"error": {"code": status, "message": reason, "errors": [one]}}))
}

fn sha256(bytes: &[u8]) -> String {
    digest(bytes, "").unwrap().sha256
}

/// Keys at Supabase carry bytes it would refuse as `=XX`.
fn unescaped(key: &str) -> String {
    let mut parts = key.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

/// moto keeps its objects in memory: asked past the proxy, and read by a stranger's request.
async fn of_moto(port: &S3Destination) -> BTreeMap<String, String> {
    let (mut objects, mut cursor) = (BTreeMap::new(), None);
    loop {
        let page = port.list("", cursor.as_deref()).await.unwrap();
        for key in page.keys {
            let (status, bytes) = open(&port.signed_url(&key, Duration::from_mins(1)).await.unwrap());
            assert_eq!(status, 200, "{key}");
            objects.insert(key, sha256(&bytes));
        }
        cursor = page.next;
        if cursor.is_none() {
            return objects;
        }
    }
}
