//! A home with a shoot in it, a folder and a bucket, which the real program works on; kept aside, so that it can be put back as it
//! was. Nobody finds faces there: the album was told of them before the photos came.

#![expect(clippy::disallowed_methods, reason = "processes are started and homes are put back, which is not the product's doing")]

use super::stand::{ANA, BEN, CLEO, RULES, SHOOT, face, tell};
use crate::support::program::{End, Program, end};
use crate::support::stores;
use rushes_core::Kind;
use rushes_core::album::{Album, Albums, Correction, Rules, Unknown};
use rushes_core::clock::SystemClock;
use rushes_core::faults::PLACES;
use rushes_core::store::{AssetFilter, Assets};
use rushes_store::AlbumFiles;
use rushes_testkit::servers::{S3Server, s3s_fs};
use rushes_workflows::route::person_id;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Names the folder of the shoots to whoever enrols in a process of their own.
pub(super) const ALL: &str = "RUSHES_TEST_SHOOTS";
/// A face of the third person, who is known by another one.
pub(super) const CLEO_AGAIN: u32 = 6;
/// A face of nobody: it is not seen well enough to found somebody by itself.
pub(super) const NOBODY: u32 = 8;
const NOBODY_AT: f32 = 6.0;
/// Impatient, and with nothing to wait for.
const CONFIG: &str = "[delivery]\nfirst_backoff_s = 0.05\nscan_every_s = 0.2\n";

/// What the album has decided: people, and the photos below `People/` as `folder/group/photo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// By number: name, folder, whether enrolled, and whether on this machine alone.
    people: BTreeMap<u32, (String, String, bool, bool)>,
    photos: BTreeSet<String>,
    /// Who was told apart.
    apart: BTreeSet<(u32, u32)>,
}

impl State {
    /// What of it is elsewhere, too.
    fn elsewhere(&self) -> Self {
        let is_here = |folder: &str| self.people.values().any(|(_, own, _, is_here)| own == folder && *is_here);
        let photos = self.photos.iter().filter(|path| !is_here(path.split('/').next().unwrap())).cloned().collect();
        let people = self.people.clone().into_iter().filter(|(_, (.., is_here))| !is_here).collect();
        Self { people, photos, apart: self.apart.clone() }
    }

    /// Folders and photos below `People/`.
    fn shown(&self) -> BTreeSet<String> {
        let of = |folder: &String| [format!("{folder}/"), format!("{folder}/Solo/"), format!("{folder}/Group/")];
        self.photos.iter().cloned().chain(self.people.values().flat_map(|(_, folder, ..)| of(folder))).collect()
    }
}

/// One process on a word's way.
pub(super) enum Run {
    Program(Vec<String>),
    /// See [`enrol`].
    Enrol,
}

/// Something somebody says.
pub(super) struct Word {
    pub(super) name: &'static str,
    /// How the home stands before: its name.
    pub(super) state: &'static str,
    pub(super) runs: Vec<Run>,
    /// Saying it twice is saying it once.
    pub(super) may_be_repeated: bool,
    /// What must be nowhere afterwards.
    pub(super) traces: Vec<Vec<u8>>,
}

impl Word {
    pub(super) fn said(name: &'static str, says: &[&str]) -> Self {
        let args = ["people", "--shoot", SHOOT].iter().chain(says).map(|word| (*word).to_owned()).collect();
        Self { name, state: "known", runs: vec![Run::Program(args)], may_be_repeated: true, traces: Vec::new() }
    }

    /// After the photos came.
    pub(super) fn enrol() -> Self {
        Self { runs: vec![Run::Enrol, Run::Program(take())], ..Self::said("enrol", &[]) }
    }

    pub(super) fn undo() -> Self {
        Self { may_be_repeated: false, ..Self::said("undo", &["undo"]) }
    }

    pub(super) fn forget() -> Self {
        let template = |at: f32| face(at, 0).template.to_bytes()[..8].to_vec();
        let words =
            ["crop of 0.123", "crop of 0.25", "crop of 4.3", "Quirinal", "Falkenrath", "+49 1234567", "ana-ben-p0001", "ana-ben-p0003"];
        let traces = words.iter().map(|word| word.as_bytes().to_vec()).chain([0.123, 0.25, 4.3].map(template)).collect();
        Self { state: "enrolled", traces, ..Self::said("forget", &["forget", "1"]) }
    }
}

fn take() -> Vec<String> {
    ["shoots", "take"].map(str::to_owned).into()
}

/// Tells the album below this folder who Ana is.
pub(super) async fn enrol(shoots: &Path) {
    let (selfies, contact) = (vec![face(ANA + 0.123, 0)], Some("+49 1234567".to_owned()));
    let enrol = Correction::Enrol { name: "Ana Quirinal".into(), selfies, model: "told".into(), consent_ms: 7, contact };
    album(shoots).await.correct(enrol, RULES).await.unwrap();
}

async fn album(shoots: &Path) -> Arc<dyn Album> {
    AlbumFiles::below(shoots.to_owned(), Arc::new(SystemClock)).album(SHOOT).await.unwrap()
}

pub(super) struct Venue {
    program: Program,
    server: Option<S3Server>,
    rules: Rules,
    befores: BTreeMap<&'static str, State>,
}

fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

impl Venue {
    /// Where unknown people are dealt with so.
    pub(super) fn of(unknown: Unknown) -> Self {
        let server = s3s_fs();
        let program = Program::with(CONFIG);
        let place = |name: &str| format!("uri = \"file://{}\"\n", program.path(name).display());
        let mut config = format!(
            "{CONFIG}[[destinations]]\nname = \"folder\"\n{}[[catalogs]]\nname = \"records\"\n{}",
            place("bucket"),
            place("records")
        );
        if let Some(server) = &server {
            server.make_bucket("bucket");
            config += &format!(
                "[[destinations]]\nname = \"s3\"\nuri = \"s3://bucket\"\nendpoint = \"{}\"\naccess_key = \"env:VENUE_ID\"\nsecret_key = \"env:VENUE_SECRET\"\n",
                server.endpoint
            );
            program.write(".env", format!("VENUE_ID={}\nVENUE_SECRET={}\n", server.access_key, server.secret_key).as_bytes());
        }
        program.write("rushes.toml", config.as_bytes());
        let mut venue = Self { program, server, rules: Rules { unknown, ..RULES }, befores: BTreeMap::new() };
        let said = if unknown == Unknown::Local { "local" } else { "cloud" };
        venue.program.run(&["shoots", "new", "Ana & Ben", "--recognise", "--unknown", said]).expect(0);
        on_runtime(venue.enter());
        venue.start();
        // Taken is taken; a copy of the file would be looked at once more.
        for entry in std::fs::read_dir(venue.shoots().join(SHOOT).join("Incoming")).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        venue.program.run(&["people", "--shoot", SHOOT, "rename", "3", "Cleo Falkenrath"]).expect(0);
        venue.keep("known");
        on_runtime(enrol(&venue.shoots()));
        venue.program.run(&["people", "--shoot", SHOOT, "merge", "3", "1"]).expect(0);
        venue.keep("enrolled");
        venue
    }

    /// Five photos of three people and one of nobody, told to the album before they come.
    async fn enter(&self) {
        let album = album(&self.shoots()).await;
        let photos =
            [(1, &[ANA][..]), (2, &[ANA + 0.25, BEN]), (3, &[BEN + 0.1]), (4, &[CLEO]), (5, &[CLEO + 0.3, ANA + 0.1]), (6, &[NOBODY_AT])];
        for (number, faces) in photos {
            let mut faces: Vec<_> = faces.iter().zip(0..).map(|(at, nth)| face(*at, nth)).collect();
            for face in faces.iter_mut().filter(|_| number == 6) {
                face.quality.sharpness = 0.0;
            }
            tell(&*album, &self.shoots(), number, faces, self.rules).await;
        }
    }

    fn shoots(&self) -> PathBuf {
        self.program.path("home/shoots")
    }

    /// Everything that is put back: the home, and what its places hold.
    fn places(&self) -> Vec<(PathBuf, &'static str)> {
        let mut places: Vec<_> = ["home", "bucket", "records"].iter().map(|name| (self.program.path(name), *name)).collect();
        places.extend(self.server.iter().filter_map(|server| Some((server.folder.clone()?, "s3"))));
        places
    }

    fn keep(&mut self, state: &'static str) {
        self.start();
        let before = self.agrees(state);
        self.befores.insert(state, before);
        for (place, name) in self.places() {
            copy(&place, &self.program.path(&format!("kept/{state}/{name}")));
        }
    }

    pub(super) fn restore(&self, state: &str) {
        for (place, name) in self.places() {
            std::fs::remove_dir_all(&place).unwrap();
            copy(&self.program.path(&format!("kept/{state}/{name}")), &place);
        }
    }

    pub(super) fn before(&self, state: &str) -> State {
        self.befores[state].clone()
    }

    pub(super) fn run(&self, run: &Run, plan: &str) -> End {
        let log = self.program.path("places.log");
        let _ = std::fs::remove_file(&log);
        let env = [("RUSHES_FAULTS", plan), ("RUSHES_FAULTS_LOG", log.to_str().unwrap()), ("RUST_BACKTRACE", "0")];
        match run {
            Run::Program(args) => {
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                end(self.program.start_with(&args, &env))
            }
            Run::Enrol => {
                let mut child = Command::new(std::env::current_exe().unwrap());
                child
                    .args(["shoots::crashes::shoots_enrol_in_a_process_of_its_own", "--exact", "--ignored"])
                    .envs(env)
                    .env(ALL, self.shoots());
                End::of(child.output().unwrap())
            }
        }
    }

    /// The places the last run passed, each with how often.
    pub(super) fn passed(&self) -> Vec<(String, u64)> {
        let text = std::fs::read_to_string(self.program.path("places.log")).unwrap();
        let known = |line: &str| {
            line.split_once(' ')
                .filter(|(name, _)| PLACES.iter().any(|(_, own)| own == name))
                .map(|(name, nth)| (name.to_owned(), nth.parse().unwrap()))
        };
        text.lines().filter_map(known).collect()
    }

    /// Starts the program, which brings to its end what was cut off.
    pub(super) fn start(&self) {
        assert_eq!(self.run(&Run::Program(take()), "").code, 0);
    }

    pub(super) fn state(&self) -> State {
        on_runtime(async {
            let album = album(&self.shoots()).await;
            let (mut people, mut photos) = (BTreeMap::new(), BTreeSet::new());
            for person in album.people().await.unwrap() {
                for photo in album.photos(Some(person.number), 0, 1_000).await.unwrap() {
                    photos.insert(format!("{}/{}/{:06}.{}", person.folder, photo.group.name(), photo.number, photo.extension));
                }
                people.insert(person.number, (person.name, person.folder, person.is_enrolled, person.is_here));
            }
            let apart = album.likenesses(None, 1_000).await.unwrap().unwrap().apart;
            State { people, photos, apart }
        })
    }

    /// Library, folder, bucket, records, rows, what the program says and what the album has decided are the same. Gives that.
    pub(super) fn agrees(&self, at: &str) -> State {
        let state = self.state();
        let (people, elsewhere) = (format!("{SHOOT}/People"), state.elsewhere());
        for (place, shown) in [("home/library", state.shown()), ("bucket", elsewhere.shown())] {
            assert_eq!(below(&self.program.path(place).join(&people)), shown, "{at}: {place}");
        }
        if let Some(folder) = self.server.as_ref().and_then(|server| server.folder.as_ref()) {
            let objects: BTreeSet<String> =
                below(&folder.join("bucket").join(&people)).into_iter().filter(|key| !key.ends_with('/')).collect();
            assert_eq!(objects, elsewhere.photos, "{at}: bucket of the server");
        }
        let said = self.program.run(&["people", "--shoot", SHOOT, "ls", "--json"]).expect(0).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let row = |person: &Value| {
            let number = u32::try_from(person["number"].as_u64().unwrap()).unwrap();
            (number, (text(&person["name"]), text(&person["folder"]), person["is_enrolled"] == true, person["is_here"] == true))
        };
        let listed: BTreeMap<u32, _> = said["people"].as_array().unwrap().iter().map(row).collect();
        assert_eq!(listed, state.people, "{at}: as the program lists them");
        self.records_agree(&state, at);
        self.program.run(&["audit", "--deep"]).expect(0);
        on_runtime(async {
            let album = album(&self.shoots()).await;
            assert_eq!(album.counts().await.unwrap().unsettled, 0, "{at}");
            assert_eq!(album.forgotten().await.unwrap(), Vec::<u32>::new(), "{at}");
        });
        state
    }

    fn records_agree(&self, state: &State, at: &str) {
        let store = stores::look(&self.program.path("home")).unwrap();
        let assets = on_runtime(async { store.assets(&AssetFilter::default()).await.unwrap() });
        let own = format!("{SHOOT}/People/");
        let standing: BTreeSet<String> = assets.iter().filter_map(|(asset, _)| asset.path.strip_prefix(&own).map(str::to_owned)).collect();
        assert_eq!(standing, state.photos, "{at}: rows");
        let photos = records(&self.program.path("records/photos"));
        for (asset, _) in assets.iter().filter(|(asset, _)| asset.kind == Kind::Photo) {
            let record = photos.get(&asset.id.to_string()).unwrap_or_else(|| panic!("{at}: no record of {}", asset.path));
            assert_eq!(record["owner"], Value::from(asset.subject.clone()), "{at}: {record}");
        }
        let told = assets.iter().filter(|(asset, _)| !asset.kind.stays_here());
        let known: BTreeSet<String> = told.map(|(asset, _)| asset.id.to_string()).collect();
        let more: Vec<_> = photos.keys().filter(|id| !known.contains(*id)).collect();
        assert!(more.is_empty(), "{at}: records of nothing: {more:?}");
        let people = records(&self.program.path("records/people"));
        let named: BTreeMap<String, String> = people
            .into_iter()
            .filter(|(_, record)| record["is_gone"] != true)
            .map(|(id, record)| (id, record["name"].as_str().unwrap().to_owned()))
            .collect();
        let wanted = state.elsewhere().people.iter().map(|(number, (name, ..))| (person_id(SHOOT, *number), name.clone())).collect();
        assert_eq!(named, wanted, "{at}: records of people");
    }

    /// Nothing of whom a word forgets is in any byte or name of the home and its places.
    pub(super) fn traceless(&self, word: &Word) {
        let has = |bytes: &[u8], trace: &[u8]| bytes.windows(trace.len()).any(|part| part == trace);
        let mut told = Vec::new();
        for (place, name) in self.places() {
            let keeps_folders = name != "s3";
            for path in below(&place).into_iter().filter(|path| keeps_folders || !path.ends_with('/')) {
                let bytes = std::fs::read(place.join(&path)).unwrap_or_default();
                let link = std::fs::read_link(place.join(&path)).map(|to| to.display().to_string()).unwrap_or_default();
                for trace in &word.traces {
                    if has(&bytes, trace) || has(path.as_bytes(), trace) || has(link.as_bytes(), trace) {
                        told.push(format!("{name}/{path}: {}", String::from_utf8_lossy(trace)));
                    }
                }
            }
        }
        assert_eq!(told, Vec::<String>::new(), "{}", word.name);
    }
}

/// Every file below a folder, and every folder with `/` behind it; links are not followed.
fn below(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !path.is_symlink() {
                found.insert(format!("{name}/"));
                folders.push(path);
            } else {
                found.insert(name);
            }
        }
    }
    found
}

/// The records of a collection, by id.
fn records(folder: &Path) -> BTreeMap<String, Value> {
    let read = |name: String| {
        Some((name.strip_suffix(".json")?.to_owned(), serde_json::from_slice(&std::fs::read(folder.join(&name)).unwrap()).unwrap()))
    };
    below(folder).into_iter().filter_map(read).collect()
}

/// With links among its files as links.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}
