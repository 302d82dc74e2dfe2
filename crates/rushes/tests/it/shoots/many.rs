//! Many photos dropped at once, good and bad, whole and in halves, under names of every script, while the real program is killed
//! at random moments: every good one has its place once, every bad one its reason, and little memory is needed.
//! `RUSHES_PHOTOS` says how many, `RUSHES_KILLS` how many kills; `RUSHES_SEED` repeats a run.

mod oracle;
mod pile;

use crate::support::program::{Program, end};
use crate::support::survivor::{Dice, number, report};
use pile::Pile;
use rushes_testkit::servers::{S3Server, s3s_fs};
use rushes_testkit::shared::{models, shared};
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SHOOT: &str = "feast";
const BUCKET: &str = "bucket";
/// The program and what it starts hold less than a gigabyte at any moment.
const MEMORY_MAX_MB: u64 = 1_000;
/// Nothing more comes to pass when nothing has for so long: some files are in halves until a later kill.
const PATIENCE: Duration = Duration::from_secs(4);

#[test]
fn shoots_take_many_photos_through_kills_each_once() {
    torment("many photos", None);
}

#[test]
fn shoots_find_whose_many_photos_are_through_kills() {
    let (Some(_), Some(faces)) = (models(), shared("data/faces/dev")) else { return };
    torment("many photos, with faces", Some(&faces));
}

/// What is seen of the program from outside while it runs.
#[derive(Default)]
struct Watched {
    /// 0: nothing runs.
    pid: AtomicU32,
    peak_kb: AtomicU64,
    is_over: AtomicBool,
}

impl Watched {
    fn watch(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let pid = self.pid.load(Ordering::SeqCst);
            if pid != 0 {
                let all: u64 = std::iter::once(pid).chain(children_of(pid)).map(most_kb).sum();
                self.peak_kb.fetch_max(all, Ordering::SeqCst);
            }
            std::thread::sleep(Duration::from_millis(15));
        }
    }
}

/// The most a process ever held.
fn most_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn children_of(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// A folder and, where there is its server, a store that speaks S3.
fn config(program_folder: &Path, server: Option<&S3Server>) -> String {
    let folder = format!("[[destinations]]\nname = \"folder\"\nuri = \"file://{}\"\n", program_folder.join("bucket").display());
    let s3 = server.map_or_else(String::new, |server| {
        let keys = "access_key = \"env:STORE_ID\"\nsecret_key = \"env:STORE_SECRET\"\n";
        format!("[[destinations]]\nname = \"s3\"\nuri = \"s3://{BUCKET}\"\nendpoint = \"{}\"\n{keys}", server.endpoint)
    });
    format!("[delivery]\nfirst_backoff_s = 0.05\nscan_every_s = 0.2\n{folder}{s3}")
}

fn scene(server: Option<&S3Server>, has_faces: bool) -> Program {
    let program = Program::with("");
    program.write("rushes.toml", config(&program.path(""), server).as_bytes());
    if let Some(server) = server {
        server.make_bucket(BUCKET);
        program.write(".env", format!("STORE_ID={}\nSTORE_SECRET={}\n", server.access_key, server.secret_key).as_bytes());
    }
    let mut new = vec!["shoots", "new", SHOOT];
    if has_faces {
        assert!(program.install_models());
        new.push("--recognise");
    }
    program.run(&new).expect(0);
    program
}

fn torment(what: &str, faces: Option<&Path>) {
    let (mut dice, began) = (Dice::roll(what), Instant::now());
    let (photos, kills) = (number("RUSHES_PHOTOS", 80), number("RUSHES_KILLS", 3));
    let server = s3s_fs();
    let program = scene(server.as_ref(), faces.is_some());
    let pile = Pile::make(usize::try_from(photos).unwrap(), kills, faces, &mut dice);
    let incoming = program.path("home/shoots").join(SHOOT).join("Incoming");
    let (watched, mut ended) = (Watched::default(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| watched.watch());
        let dropping = scope.spawn(|| pile.drop_into(&incoming));
        for kill in 0..kills {
            // Some of what was begun is written to its end while nothing runs, the rest while it does.
            let goes_on = dice.below(2) == 0;
            if !goes_on {
                pile.go_on(&incoming, kill);
            }
            let go_on = || {
                if goes_on {
                    pile.go_on(&incoming, kill)
                }
            };
            ended += u64::from(run_and_kill((&program, &watched), (pile.good(), kills), go_on, &mut dice));
        }
        dropping.join().unwrap();
        pile.go_on(&incoming, kills);
        // Twice: the second finds nothing to do.
        let mut jobs = Vec::new();
        for _ in 0..2 {
            let child = program.start_told(&["shoots", "take", "--json"], "told.log");
            watched.pid.store(child.id(), Ordering::SeqCst);
            let code = end(child).code;
            watched.pid.store(0, Ordering::SeqCst);
            assert_eq!(code, 0, "{}", tail(&program));
            jobs.push(oracle::jobs(&program));
        }
        watched.is_over.store(true, Ordering::SeqCst);
        assert_eq!(jobs[0], jobs[1], "nothing is taken twice");
    });
    let took_s = began.elapsed().as_secs();
    let seen = oracle::check(&program, &pile, server.as_ref().and_then(|server| server.folder.as_deref()), faces.is_some());
    let peak_mb = watched.peak_kb.load(Ordering::SeqCst) * 1_024 / 1_000_000;
    let seen = format!("{seen}, {kills} kills, {ended} ended by themselves, at most {peak_mb} MB, seed {}, {took_s} s", dice.seed);
    report(what, &seen);
    assert!(peak_mb < MEMORY_MAX_MB, "{peak_mb} MB");
}

fn tail(program: &Program) -> String {
    let log = std::fs::read_to_string(program.path("told.log")).unwrap_or_default();
    log.lines().rev().take(40).collect::<Vec<_>>().join("\n")
}

/// Starts the program, waits for some photos to be taken or for any moment at all, and kills it. True where it had ended by itself.
fn run_and_kill((program, watched): (&Program, &Watched), (good, kills): (usize, u64), go_on: impl FnOnce(), dice: &mut Dice) -> bool {
    let args: &[&str] = if dice.below(3) == 0 { &["shoots", "take", "--json"] } else { &["serve", "--listen", "127.0.0.1:0"] };
    let before = blobs(program);
    let mut child = program.start_told(args, "told.log");
    watched.pid.store(child.id(), Ordering::SeqCst);
    let goal = (before + 1 + usize::try_from(dice.below(2 * good as u64 / (kills + 1))).unwrap()).min(good);
    let is_blind = dice.below(4) == 0;
    let moment = if is_blind { dice.moment() } else { Duration::from_millis(dice.below(300)) };
    let (mut seen, mut since) = (before, Instant::now());
    while !is_blind && seen < goal && since.elapsed() < PATIENCE && is_running(&mut child) {
        std::thread::sleep(Duration::from_millis(20));
        let now = blobs(program);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
    go_on();
    std::thread::sleep(moment);
    let has_ended = !is_running(&mut child);
    child.kill().unwrap();
    watched.pid.store(0, Ordering::SeqCst);
    let code = end(child).code;
    assert!(!has_ended || code == 0, "{args:?} ended with {code}: {}", tail(program));
    has_ended
}

fn is_running(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_none()
}

/// How many files the home keeps.
fn blobs(program: &Program) -> usize {
    let folders = std::fs::read_dir(program.path("home/blobs")).into_iter().flatten().flatten();
    folders.map(|folder| std::fs::read_dir(folder.path()).map_or(0, Iterator::count)).sum()
}
