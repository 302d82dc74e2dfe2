//! A shoot of the tests' own: the real engine and workflows, and somebody who finds the faces the test says are there. Faces lie on a
//! line; those of different people are far apart.

use crate::support::library::{picture, write};
use crate::support::{Places, soon};
use async_trait::async_trait;
use rushes_core::album::{Album, Correction, Group, NewPhoto, Rules, Unknown};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Delivery, Route, Routes};
use rushes_core::digest::digest;
use rushes_core::faces::{Face, FaceFinder, Quality, Region, Seen, TEMPLATE_LEN, Template};
use rushes_core::store::AssetFilter;
use rushes_core::{Asset, AssetId, Cancel, Code, Fault, Job, Kind};
use rushes_engine::{Access, Engine, Home, NewJobRequest, Parts, Site};
use rushes_media::inspect::MediaInspector;
use rushes_store::AlbumFiles;
use rushes_workflows::import::Mark;
use rushes_workflows::{Kit, Registry, Shoots};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) const SHOOT: &str = "ana-ben";
pub(super) const ANA: f32 = 0.0;
pub(super) const BEN: f32 = 2.0;
pub(super) const CLEO: f32 = 4.0;

/// What a shoot starts with, and faces looked for.
pub(super) const RULES: Rules = Rules {
    is_recognising: true,
    unknown: Unknown::Cloud,
    route_below: 0.5,
    review_below: 0.6,
    margin: 0.05,
    is_open: true,
    expires_ms: None,
};

/// Finds what it is told, by the bytes of the photo; unless it is told that it cannot.
#[derive(Default)]
pub(super) struct Told(Mutex<HashMap<Vec<u8>, Vec<f32>>>, pub(super) AtomicBool);

#[async_trait]
impl FaceFinder for Told {
    fn model(&self) -> &str {
        "told"
    }

    async fn look(&self, photo: &Path, _: &Cancel) -> Result<Seen, Fault> {
        if self.1.load(Ordering::SeqCst) {
            return Err(Fault::new(Code::FacesOff, "find faces").because("the model is another file"));
        }
        let bytes = std::fs::read(photo).unwrap();
        let faces = self.0.lock().unwrap().get(&bytes).cloned().unwrap_or_default();
        Ok(Seen { width: 16, height: 24, faces: faces.iter().zip(0..).map(|(at, nth)| face(*at, nth)).collect() })
    }
}

pub(super) fn face(at: f32, nth: u8) -> Face {
    let mut numbers = [0.0; TEMPLATE_LEN];
    numbers[0] = at;
    Face {
        region: Region { x: f32::from(nth) * 0.2, y: 0.2, width: 0.15, height: 0.15 },
        quality: Quality { score: 0.9, size_px: 120, sharpness: 0.8, turn: 0.1 },
        template: Template::new(&numbers).unwrap(),
        crop: format!("crop of {at}").into_bytes(),
    }
}

/// Tells an album in a folder of shoots what faces a photo shows, and drops the photo.
pub(super) async fn tell(album: &dyn Album, shoots: &Path, number: u32, faces: Vec<Face>, rules: Rules) {
    let (name, bytes) = (format!("{number}.png"), picture(number));
    let group = if faces.len() > 1 { Group::Group } else { Group::Solo };
    let (original, sha256) = (AssetId(SystemClock.new_id()), digest(&bytes[..], "").unwrap().sha256);
    let (taken_at, extension, model) = (None, "png".into(), "told".into());
    let photo = NewPhoto { name: name.clone(), taken_at, sha256, extension, original, model, faces, group };
    album.enter(photo, rules).await.unwrap();
    write(&shoots.join(SHOOT).join("Incoming").join(name), &bytes);
}

pub(super) struct Stand {
    pub(super) folder: PathBuf,
    pub(super) places: Places,
    pub(super) told: Arc<Told>,
    pub(super) engine: Engine<Registry>,
}

impl Stand {
    /// A shoot that recognises, in a home below this folder.
    pub(super) async fn new(folder: &Path, places: &Places) -> Self {
        let stand = Self::open(folder, places, Arc::default());
        stand.set(Rules { is_recognising: true, ..Rules::default() }).await;
        stand
    }

    /// An engine on the home, new or as it was left.
    pub(super) fn open(folder: &Path, places: &Places, told: Arc<Told>) -> Self {
        let home = Home::at(&folder.join("home"));
        home.prepare().unwrap();
        let (in_flight, first_backoff) = (8, Duration::from_millis(20));
        let destinations: Vec<_> = places
            .destinations
            .iter()
            .map(|(name, port)| Site {
                name: name.clone(),
                prefix: String::new(),
                port: port.clone(),
                in_flight,
                first_backoff,
                access: Access::Private,
            })
            .collect();
        let catalogs = vec![Site {
            name: "records".into(),
            prefix: String::new(),
            port: places.catalog.clone(),
            in_flight,
            first_backoff,
            access: Access::Private,
        }];
        let route = |name: &String| Route { name: name.clone(), prefix: String::new(), kinds: None, subjects: None, pictures: None };
        let routes = Routes {
            destinations: places.destinations.iter().map(|(name, _)| route(name)).collect(),
            catalogs: vec!["records".into()],
            ..Routes::default()
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (parts, owner) = crate::support::parts(home.clone(), clock.clone(), routes, (destinations, catalogs));
        let parts = Parts { inspect: Arc::new(MediaInspector), ..parts };
        let shoots = Shoots {
            root: home.shoots(),
            finder: Some(told.clone()),
            albums: Arc::new(AlbumFiles::below(home.shoots(), clock)),
            turns: Arc::default(),
        };
        let kit = Kit {
            inspect: Arc::new(MediaInspector),
            library: home.library(),
            shoots,
            erase: Arc::new(rushes_engine::erase::Eraser::of(&parts)),
            ..crate::support::journals::kit()
        };
        Self { folder: folder.to_owned(), places: places.clone(), told, engine: Engine::start(parts, Registry::new(kit), owner) }
    }

    /// Stops, and opens what is left.
    pub(super) async fn again(self) -> Self {
        let Self { folder, places, told, engine } = self;
        engine.stop().await;
        Self::open(&folder, &places, told)
    }

    pub(super) fn parts(&self) -> &Parts {
        self.engine.parts()
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    pub(super) async fn run(&self, workflow: &str, input: Value) -> Job {
        let job = self.ended(workflow, input).await;
        assert_eq!(job.fault, None, "{workflow}");
        job
    }

    /// As [`Stand::run`], well or not.
    pub(super) async fn ended(&self, workflow: &str, input: Value) -> Job {
        let job = self.engine.submit(NewJobRequest { workflow: workflow.into(), input, ..Default::default() }).await.unwrap();
        tokio::time::timeout(soon(), self.engine.ended(job.id)).await.expect("the job ends soon").unwrap()
    }

    pub(super) async fn set(&self, rules: Rules) {
        self.run("shoot", json!({"id": SHOOT, "name": "Ana & Ben", "rules": rules})).await;
    }

    /// Drops a photo of its own with these faces, and has it taken; gives what became of it.
    pub(super) async fn take(&self, name: &str, number: u32, faces: &[f32]) -> Value {
        let input = self.dropped(name, number, faces);
        self.run("photos", input).await.value.unwrap()
    }

    /// The parameters of the job that takes a photo of its own.
    pub(super) fn dropped(&self, name: &str, number: u32, faces: &[f32]) -> Value {
        let path = self.drop(name, &crate::support::library::picture(number), faces);
        let mark = Mark::of(&std::fs::metadata(&path).unwrap());
        json!({"shoot": SHOOT, "files": [{"path": path, "mark": mark, "name": name}]})
    }

    /// Drops one and has it taken as far as that goes without any destination; gives its number.
    pub(super) async fn take_here(&self, name: &str, number: u32, faces: &[f32]) -> u32 {
        let input = self.dropped(name, number, faces);
        let job = self.engine.submit(NewJobRequest { workflow: "photos".into(), input, ..Default::default() }).await.unwrap();
        let (mut bell, end) = (self.parts().watch.job(job.id), tokio::time::Instant::now() + soon());
        loop {
            bell.mark_unchanged();
            let job = self.parts().store.job(job.id).await.unwrap();
            assert_eq!(job.fault, None);
            if let Some(value) = job.value {
                return u32::try_from(value["photos"][0].as_u64().unwrap()).unwrap();
            }
            tokio::time::timeout_at(end, bell.changed()).await.expect("it is taken soon");
        }
    }

    /// Where a photo stands for who looks at this machine.
    pub(super) async fn stands_here(&self, photo: u32) -> BTreeSet<String> {
        let own = self.home().join("shoots").join(SHOOT).join("People");
        let stands = self.decided().await.into_iter().filter(|path| path.contains(&format!("/{photo:06}.")));
        stands.filter(|path| own.join(path).exists()).collect()
    }

    /// Puts a file where photos are dropped.
    pub(super) fn drop(&self, name: &str, bytes: &[u8], faces: &[f32]) -> PathBuf {
        self.told.0.lock().unwrap().insert(bytes.to_vec(), faces.to_vec());
        let path = self.home().join("shoots").join(SHOOT).join("Incoming").join(name);
        crate::support::library::write(&path, bytes);
        path
    }

    pub(super) async fn album(&self) -> Arc<dyn Album> {
        self.engine.desk().workflows().kit().shoots.albums.album(SHOOT).await.unwrap()
    }

    /// Somebody says something, and it becomes so.
    pub(super) async fn say(&self, correction: Correction) -> Option<u32> {
        let rules = Rules { is_recognising: true, ..Rules::default() };
        let corrected = self.album().await.correct(correction, rules).await.unwrap();
        self.run("route", json!({"shoot": SHOOT})).await;
        corrected.person
    }

    pub(super) async fn enrol(&self, name: &str, at: f32) -> u32 {
        let selfies = vec![face(at, 0)];
        let enrol =
            Correction::Enrol { name: name.into(), selfies, model: "told".into(), consent_ms: 7, contact: Some("+49 1234567".into()) };
        self.say(enrol).await.unwrap()
    }

    /// Waits until nothing is owed; then what people see here, what lies at every destination, what the records say and what the album
    /// has decided are the same. Gives the photos below `People/`, each as `folder/group/photo`.
    pub(super) async fn agrees(&self) -> BTreeSet<String> {
        let store = &self.parts().store;
        let end = tokio::time::Instant::now() + soon();
        while store.backlog().await.unwrap().values().any(|backlog| backlog.owed > 0) {
            assert!(tokio::time::Instant::now() < end, "{:?}", store.backlog().await.unwrap());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let decided = self.decided().await;
        let strip = |paths: Vec<String>| -> BTreeSet<String> {
            let below = format!("{SHOOT}/People/");
            paths.into_iter().filter_map(|path| path.strip_prefix(&below).map(str::to_owned)).filter(|path| !path.ends_with('/')).collect()
        };
        let people = self.album().await.people().await.unwrap();
        let folders: BTreeSet<String> = people.iter().map(|person| person.folder.clone()).collect();
        let own = self.home().join("library").join(SHOOT).join("People");
        let shown = || -> BTreeSet<String> {
            std::fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        // What an engine that ended left there goes when the next one has looked.
        while (strip(files(&self.home().join("library"))), shown()) != (decided.clone(), folders.clone()) {
            assert!(tokio::time::Instant::now() < end, "{:?} {:?}\nnot {decided:?}", strip(files(&self.home().join("library"))), shown());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Who is on this machine alone is nowhere else.
        let here: BTreeSet<&str> = people.iter().filter(|person| person.is_here).map(|person| person.folder.as_str()).collect();
        let (own, elsewhere): (BTreeSet<_>, BTreeSet<_>) =
            decided.iter().cloned().partition(|path| here.contains(path.split('/').next().unwrap()));
        for (name, port) in &self.places.destinations {
            let there = port.list("", None).await.unwrap().keys;
            assert_eq!(strip(there), elsewhere, "{name}");
        }
        let of_kind = async |kind: Kind| store.assets(&AssetFilter { kind: Some(kind), ..AssetFilter::default() }).await.unwrap();
        let paths = |assets: &[(Asset, Vec<Delivery>)]| strip(assets.iter().map(|(asset, _)| asset.path.clone()).collect());
        let (assets, alone) = (of_kind(Kind::Photo).await, of_kind(Kind::PhotoHere).await);
        assert_eq!((paths(&assets), paths(&alone)), (elsewhere, own), "assets");
        assert!(alone.iter().all(|(_, deliveries)| deliveries.is_empty()));
        for (asset, _) in &assets {
            let record = self.places.catalog.get("photos", &asset.id.to_string()).await.unwrap().expect("its record");
            assert_eq!(record.fields["owner"], json!(asset.subject), "{}", record.fields);
        }
        let mut named = BTreeMap::new();
        for id in self.places.catalog.list("people", None).await.unwrap() {
            let record = self.places.catalog.get("people", &id).await.unwrap().unwrap();
            if record.fields["is_gone"] != true {
                named.insert(id, record.fields["name"].as_str().unwrap().to_owned());
            }
        }
        let known = people
            .iter()
            .filter(|person| !person.is_here)
            .map(|person| (rushes_workflows::route::person_id(SHOOT, person.number), person.name.clone()))
            .collect();
        assert_eq!(named, known, "records of people");
        let audit = rushes_engine::audit::audit(self.parts(), true).await.unwrap();
        assert!(audit.clean, "{:#?}", audit.findings);
        assert_eq!(self.album().await.counts().await.unwrap().unsettled, 0);
        decided
    }

    /// What the album has decided.
    async fn decided(&self) -> BTreeSet<String> {
        let album = self.album().await;
        let mut decided = BTreeSet::new();
        for person in album.people().await.unwrap() {
            for photo in album.photos(Some(person.number), 0, 10_000).await.unwrap() {
                decided.insert(format!("{}/{}/{:06}.{}", person.folder, photo.group.name(), photo.number, photo.extension));
            }
        }
        decided
    }

    /// Every byte this machine and its destinations keep.
    pub(super) async fn raw(&self) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<(String, Vec<u8>)> = files(&self.folder)
            .into_iter()
            .map(|path| (path.clone(), std::fs::read(self.folder.join(&path)).unwrap_or_default()))
            .collect();
        for (_, port) in &self.places.destinations {
            for key in port.list("", None).await.unwrap().keys {
                all.push((key.clone(), key.into_bytes()));
            }
        }
        all
    }
}

/// Paths of files below a folder, without following links.
fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}
