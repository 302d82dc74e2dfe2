//! A production that is killed, starved and restarted from outside, and the oracle that says whether it survived.
//!
//! The oracle looks at files and records itself; of the program it believes nothing but the list of what it acknowledged.

use super::program::{End, Program, end, ffmpeg};
use super::stores;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::digest::digest;
use rushes_core::job::Outcome;
use rushes_core::store::{AssetFilter, Assets, Jobs, Journal};
use rushes_core::{JobState, record};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// As small and short as a production can be, and impatient.
pub(crate) const TINY: &str =
    "[media]\nwidth = 64\nheight = 112\nfps = 4\ndance_max_s = 1\n[delivery]\nfirst_backoff_s = 0.05\nscan_every_s = 0.2\n";
/// Longer than any production here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(240);

/// A number from the environment.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Numbers that follow from a seed.
pub(crate) struct Dice {
    state: u64,
    /// What it began with.
    pub(crate) seed: u64,
}

impl Dice {
    /// From `RUSHES_SEED`, else another one each time; printed, so that a failure can be had again.
    #[expect(clippy::print_stdout, reason = "a failure is had again with the seed printed")]
    pub(crate) fn roll(what: &str) -> Self {
        let chosen = std::env::var("RUSHES_SEED").ok().and_then(|text| text.parse().ok());
        let seed = chosen.unwrap_or_else(|| u64::from(SystemClock.new_id().as_fields().1) << 16 | u64::from(std::process::id()));
        println!("{what}: RUSHES_SEED={seed}");
        Self { state: seed, seed }
    }

    /// Others that follow from the same seed, for what is done at the same time.
    pub(crate) fn another(&mut self) -> Self {
        Self { state: self.below(u64::MAX), seed: self.seed }
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64: one addition and three mixes a number.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }

    /// A moment early or late in a run: 5 ms to about 4 s, as often below 150 ms as above.
    pub(crate) fn moment(&mut self) -> Duration {
        let scale = 5u64 << self.below(10);
        Duration::from_millis(scale + self.below(scale))
    }
}

/// Says what a test went through: on stdout, and for `make reliability` as a row of its table.
#[expect(clippy::print_stdout, reason = "what was gone through is part of the result")]
pub(crate) fn report(what: &str, seen: &str) {
    println!("{what}: {seen}");
    if let Some(path) = std::env::var_os("RUSHES_REPORT") {
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, format!("| {what} | {seen} |\n").as_bytes()).unwrap();
    }
}

/// Makes `step.mp4`, a second of film with sound to dance on.
pub(crate) fn make_reference(program: &Program) {
    make_film(1, &program.path("step.mp4"));
}

/// Makes a film of so many seconds with sound.
pub(crate) fn make_film(seconds: u32, out: &Path) {
    let (picture, sound) = (format!("testsrc2=size=64x112:rate=8:duration={seconds}"), format!("sine=frequency=440:duration={seconds}"));
    let (picture, sound) = (["-f", "lavfi", "-i", &picture], ["-f", "lavfi", "-i", &sound, "-pix_fmt", "yuv420p", "-shortest"]);
    ffmpeg(&[&picture[..], &sound[..]].concat(), out);
}

/// What was seen of a home at one moment.
#[derive(Default, Clone, PartialEq, Debug)]
pub(crate) struct Seen {
    /// `{job}/{step}` of each step that has a value, with how often it was begun.
    pub(crate) done: BTreeMap<String, u32>,
    /// Each asset: path and hash.
    pub(crate) assets: BTreeMap<String, (String, String)>,
}

/// One home and all that is done to it.
pub(crate) struct Survivor {
    pub(crate) program: Program,
    args: Vec<String>,
    seed: u64,
    /// In the environment of every process of this home, so that those left behind are found.
    mark: String,
    seen: Seen,
    log_read: usize,
    pub(crate) productions: u32,
    /// In place of a production.
    command: Option<Vec<String>>,
    /// What the destination holds, by its own account; none = the folder `remote` of the home.
    objects: Option<Objects>,
}

/// Every object of a destination, by path, with the SHA-256 of its bytes.
pub(crate) type Objects = Box<dyn Fn() -> BTreeMap<String, String>>;

impl Survivor {
    pub(crate) fn new(options: &[&str]) -> Self {
        Self::of(Program::with(TINY), options, None)
    }

    /// One that delivers to where this configuration leads, with these secrets in its `.env`.
    pub(crate) fn delivering(options: &[&str], destinations: &str, secrets: &[(&str, String)], objects: Objects) -> Self {
        let program = Program::with(&format!("{TINY}stalled_after_s = 0.7\n{destinations}"));
        let lines: String = secrets.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        program.write(".env", lines.as_bytes());
        Self::of(program, options, Some(objects))
    }

    /// One on this home, which nothing was done to.
    pub(crate) fn of(program: Program, options: &[&str], objects: Option<Objects>) -> Self {
        make_reference(&program);
        Self {
            program,
            args: options.iter().map(|text| (*text).to_owned()).collect(),
            seed: 1,
            mark: SystemClock.new_id().to_string(),
            seen: Seen::default(),
            log_read: 0,
            productions: 0,
            command: None,
            objects,
        }
    }

    /// One that is given this command, on a home where something is already.
    pub(crate) fn doing(program: Program, command: &[&str]) -> Self {
        let mut survivor = Self::of(program, &[], None);
        survivor.command = Some(command.iter().map(|text| (*text).to_owned()).collect());
        survivor.productions = survivor.completed();
        survivor.seen = survivor.books();
        survivor
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.program.path("home")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.program.path("places.log")
    }

    /// The places passed so far, a line each: `commit 3`.
    pub(crate) fn passed(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// The command of the production under way.
    pub(crate) fn args(&self) -> Vec<String> {
        if let Some(command) = &self.command {
            return command.clone();
        }
        let own = ["run", "production", "--reference", "step.mp4", "--json", "--seed"].map(str::to_owned);
        own.into_iter().chain([self.seed.to_string()]).chain(self.args.iter().cloned()).collect()
    }

    /// Starts the production, or goes on with it, under a plan of faults.
    pub(crate) fn start(&self, plan: &str) -> Child {
        self.start_logging(plan, &self.log())
    }

    pub(crate) fn start_logging(&self, plan: &str, log: &Path) -> Child {
        let args = self.args();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let log = log.to_str().unwrap();
        // Nobody reads while it runs: what it says must fit into a pipe, and backtraces of planned panics do not.
        let env = [("RUSHES_FAULTS", plan), ("RUSHES_FAULTS_LOG", log), ("RUSHES_TEST_MARK", &self.mark), ("RUST_BACKTRACE", "0")];
        self.program.start_with(&args, &env)
    }

    /// Waits until the program has passed a place or begun a step, as this log tells.
    pub(crate) fn until_logged(log: &Path, what: &str) {
        let began = Instant::now();
        while !std::fs::read_to_string(log).unwrap_or_default().contains(what) {
            assert!(began.elapsed() < LONG, "it never came to {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for a child for so long; None when it still runs.
    pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(status.code().unwrap_or(-1));
            }
            if began.elapsed() >= limit {
                return None;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// After a process is gone: nothing it started lives on, no finished step ran again, and nothing that was there is
    /// gone from the books. Remembers what is there now.
    pub(crate) fn look(&mut self) {
        self.no_process_left();
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let mut kept: BTreeSet<&str> = BTreeSet::new();
        for line in text[self.log_read..].lines() {
            match line.split_once(' ') {
                Some(("kept", key)) => drop(kept.insert(key)),
                Some(("begun", key)) => {
                    assert!(!self.seen.done.contains_key(key) && !kept.contains(key), "{key} was finished and ran again");
                }
                _ => {}
            }
        }
        self.log_read = text.len();
        let now = self.books();
        for (key, attempts) in &self.seen.done {
            assert_eq!(now.done.get(key), Some(attempts), "{key} was finished before");
        }
        for (id, asset) in &self.seen.assets {
            assert_eq!(now.assets.get(id), Some(asset), "{id} was acknowledged before");
        }
        self.seen = now;
        // Completed, even if it was killed before it could say so: the same command would begin another.
        if self.completed() > self.productions {
            self.productions += 1;
            self.seed += 1;
        }
    }

    fn completed(&self) -> u32 {
        let Some(store) = stores::look(&self.home()) else { return 0 };
        let jobs = runtime().block_on(store.jobs(&all_jobs())).unwrap();
        u32::try_from(jobs.iter().filter(|job| job.state == JobState::Completed).count()).unwrap()
    }

    fn no_process_left(&self) {
        let began = Instant::now();
        loop {
            let left = marked(&self.mark);
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "still alive after its engine was killed: {left:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What the database says, read directly.
    pub(crate) fn books(&self) -> Seen {
        let Some(store) = stores::look(&self.home()) else { return Seen::default() };
        runtime().block_on(async {
            let mut seen = Seen::default();
            let every = AssetFilter { all_versions: true, ..AssetFilter::default() };
            for (asset, _) in store.assets(&every).await.unwrap() {
                seen.assets.insert(asset.id.to_string(), (asset.path, asset.blob.sha256));
            }
            for top in store.jobs(&all_jobs()).await.unwrap() {
                for job in store.family(top.id).await.unwrap().jobs {
                    for step in store.steps(job.id).await.unwrap() {
                        if matches!(step.outcome, Some(Outcome::Value(_))) {
                            seen.done.insert(format!("{}/{}", job.id, step.name), step.attempts);
                        }
                    }
                }
            }
            seen
        })
    }

    /// Lets the production under way end without faults.
    pub(crate) fn finish(&mut self) -> End {
        let ended = end(self.start("")).expect(0);
        assert_eq!(ended.json()["status"], "completed", "{}", ended.stdout);
        self.look();
        ended
    }

    /// The whole promise, on what lies in the home now that nothing runs.
    pub(crate) fn oracle(&self) {
        let home = self.home();
        let store = stores::look(&home).unwrap();
        let (current, jobs) =
            runtime().block_on(async { (store.assets(&AssetFilter::default()).await.unwrap(), store.jobs(&all_jobs()).await.unwrap()) });
        assert!(!current.is_empty(), "a run in which nothing was made proves nothing");
        assert_eq!(jobs.len(), usize::try_from(self.productions).unwrap(), "one job a production");
        assert!(jobs.iter().all(|job| job.state == JobState::Completed), "{jobs:?}");

        let records = agree(&self.program, self.objects.as_ref());
        assert_eq!(records.iter().filter(|key| key.starts_with("records/pipeline_jobs/")).count(), jobs.len());
        let scratch: Vec<PathBuf> = std::fs::read_dir(home.join("scratch")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(scratch.is_empty(), "left in scratch: {scratch:?}");
        let blobs: BTreeSet<String> = hashes(&home.join("blobs")).into_values().collect();
        assert!(current.iter().all(|(asset, _)| blobs.contains(&asset.blob.sha256)), "no local byte went before its time");
    }
}

/// Destination, library folder, records and database say the same, of every asset and of nothing else; what `rushes audit`
/// says, too. Gives the records' keys.
pub(crate) fn agree(program: &Program, objects: Option<&Objects>) -> Vec<String> {
    let home = program.path("home");
    let store = stores::look(&home).unwrap();
    let (current, subjects) = runtime().block_on(async {
        let current = store.assets(&AssetFilter::default()).await.unwrap();
        (current, store.subjects().await.unwrap())
    });
    let wanted: BTreeMap<String, String> = current.iter().map(|(asset, _)| (asset.path.clone(), asset.blob.sha256.clone())).collect();
    let mut local = hashes(&home.join("remote"));
    let records: Vec<String> = local.keys().filter(|key| key.starts_with("records/")).cloned().collect();
    local.retain(|key, _| !key.starts_with("records/"));
    let objects = objects.map_or(local, |objects| objects());

    equal("remote: one object each, with equal bytes, and nothing else", &objects, &wanted);
    equal("the library shows each, and nothing else", &hashes(&home.join("library")), &wanted);

    let mut named: BTreeMap<String, u32> = BTreeMap::new();
    for key in &records {
        let fields: serde_json::Value = serde_json::from_slice(&std::fs::read(home.join("remote").join(key)).unwrap_or_default())
            .unwrap_or_else(|_| if key.ends_with(".rushes-catalog") { serde_json::json!({}) } else { panic!("{key} is no JSON") });
        for entry in record::entries(&fields) {
            assert_eq!(objects.get(entry["path"].as_str().unwrap()).map(String::as_str), entry["sha256"].as_str(), "{key}");
            *named.entry(entry["path"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    // Pages are found by their keys alone.
    let lost: Vec<&String> = wanted.keys().filter(|path| !named.contains_key(*path) && !path.starts_with("showcase/")).collect();
    assert!(lost.is_empty(), "each in a record: {lost:?}");
    let of_subjects = |key: &&String| ["characters", "people", "shoots"].iter().any(|at| key.starts_with(&format!("records/{at}/")));
    assert_eq!(records.iter().filter(of_subjects).count(), subjects.len(), "one record each");

    program.run(&["audit", "--deep"]).expect(0);
    records
}

/// Fails with the differences alone.
fn equal(what: &str, found: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) {
    let more: Vec<&String> = found.keys().filter(|key| !wanted.contains_key(*key)).collect();
    let less: Vec<&String> = wanted.keys().filter(|key| !found.contains_key(*key)).collect();
    let other: Vec<&String> =
        found.iter().filter(|(key, hash)| wanted.get(*key).is_some_and(|own| own != *hash)).map(|(key, _)| key).collect();
    assert!(more.is_empty() && less.is_empty() && other.is_empty(), "{what}: too many {more:?}, missing {less:?}, other bytes {other:?}");
}

fn all_jobs() -> rushes_core::store::JobFilter {
    rushes_core::store::JobFilter { limit: u32::MAX, ..rushes_core::store::JobFilter::default() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Every file below a folder, hidden ones too, with the SHA-256 of its bytes.
pub(crate) fn hashes(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let hash = digest(std::fs::File::open(&path).unwrap(), "").unwrap().sha256;
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), hash);
            }
        }
    }
    found
}

/// Living processes whose environment carries the mark.
fn marked(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        let is_marked = environment.windows(mark.len()).any(|part| part == mark.as_bytes());
        let pid = entry.file_name().to_string_lossy().into_owned();
        if is_marked && pid.parse().is_ok_and(super::program::is_alive) {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            found.push(format!("{pid} {}", name.trim()));
        }
    }
    found
}
