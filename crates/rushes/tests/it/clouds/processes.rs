//! The real program before real stores: killed, stopped, asked to end, with a clock that is wrong, with the network cut
//! for the whole length of its work, and before a store that refuses. The oracle asks the servers.

use super::stand::{Stand, stores};
use crate::support::program::{Program, end, ffmpeg, signal};
use crate::support::survivor::{Dice, LONG, Survivor, TINY, make_reference, number, report};
use crate::survives::stopped_past_its_lease;
use rushes_testkit::chaos::Weather;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A store, and the runtime its proxy lives on.
struct Cloud {
    runtime: Arc<Runtime>,
    stand: Arc<Stand>,
}

impl Cloud {
    fn named(name: &'static str) -> Option<Self> {
        let runtime = Arc::new(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
        let stand = Arc::new(runtime.block_on(Stand::named(name))?);
        Some(Self { runtime, stand })
    }

    fn objects(&self) -> BTreeMap<String, String> {
        self.runtime.block_on(self.stand.objects())
    }

    fn survivor(&self) -> Survivor {
        let (runtime, stand) = (self.runtime.clone(), self.stand.clone());
        let objects = Box::new(move || runtime.block_on(stand.objects()));
        Survivor::delivering(&["--no-variants"], &self.stand.section("cloud"), &self.stand.secrets(), objects)
    }
}

/// The places a delivery passes whatever the destination; those of folders are not passed here.
const PLACES: [&str; 6] = ["leased", "object_put", "object_there", "commit", "committed", "record_there"];

#[test]
fn clouds_survive_kills() {
    let mut dice = Dice::roll("kills before stores");
    for name in stores(&mut dice) {
        let Some(cloud) = Cloud::named(name) else { continue };
        let mut survivor = cloud.survivor();
        let (kills, mut killed) = (number("RUSHES_CLOUD_KILLS", 4), 0);
        // A slow network, so that the kill often comes while something is on its way; not so slow that a whole object in
        // the system's buffers looks stalled.
        cloud.stand.chaos.set(Weather::Slow { bytes_per_s: 800_000 });
        while killed < kills {
            let at_place = dice.below(2) == 0;
            let place = PLACES[usize::try_from(dice.below(PLACES.len() as u64)).unwrap()];
            let plan = if at_place { format!("{place}:{}=kill", 1 + dice.below(12)) } else { String::new() };
            let mut child = survivor.start(&plan);
            match Survivor::wait(&mut child, if at_place { LONG } else { dice.moment() }) {
                None => {
                    signal(&child, "KILL");
                    child.wait().unwrap();
                    killed += 1;
                }
                Some(0) => {}
                Some(code) => {
                    assert_eq!(code, -1, "before {name}, plan {plan:?}: {}", end(child).stderr);
                    killed += 1;
                }
            }
            survivor.look();
        }
        cloud.stand.chaos.set(Weather::Clear);
        survivor.finish();
        survivor.oracle();
        report(&format!("kill -9 before {name}"), &format!("{killed} kills, {} productions, seed {}", survivor.productions, dice.seed));
    }
}

/// Asked to end while the store wants it slower: it ends soon, and the next one goes on.
#[test]
fn clouds_survive_being_asked_to_end_while_throttled() {
    for name in stores(&mut Dice::roll("asked to end")) {
        let Some(cloud) = Cloud::named(name) else { continue };
        let mut survivor = cloud.survivor();
        cloud.stand.chaos.set(Weather::too_many(Some(30)));
        let log = survivor.log();
        let mut child = survivor.start("");
        Survivor::until_logged(&log, "object_put");
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, "TERM");
        let began = Instant::now();
        assert!(Survivor::wait(&mut child, Duration::from_secs(10)).is_some(), "it does not end when asked to, before {name}");
        let took = began.elapsed();
        survivor.look();
        cloud.stand.chaos.set(Weather::Clear);
        survivor.finish();
        survivor.oracle();
        report(&format!("SIGTERM while throttled by {name}"), &format!("ended after {:.1} s, then completed", took.as_secs_f32()));
    }
}

/// Stopped with an object that has arrived and is not written down, until another has taken over.
#[test]
fn clouds_survive_a_sleeper() {
    for name in stores(&mut Dice::roll("sleeper")) {
        let Some(cloud) = Cloud::named(name) else { continue };
        stopped_past_its_lease(cloud.survivor(), "object_there:2=pause:30000,record_written:2=pause:30000");
        report(&format!("stopped past its lease before {name}"), "a second engine completed the job; nothing the sleeper wrote counted");
    }
}

/// A machine whose clock is two hours ahead or a day behind: signatures are made by the store's clock.
#[test]
fn clouds_survive_wrong_clocks() {
    for name in stores(&mut Dice::roll("wrong clocks")) {
        let Some(cloud) = Cloud::named(name) else { continue };
        let mut survivor = cloud.survivor();
        for ahead_s in ["7200", "-86400", "0"] {
            let args = survivor.args();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let ended = end(survivor.program.start_with(&args, &[("RUSHES_CLOCK_AHEAD_S", ahead_s)])).expect(0);
            assert_eq!(ended.json()["status"], "completed");
            survivor.look();
        }
        survivor.oracle();
        report(&format!("clock +2 h and -1 day before {name}"), &format!("{} productions completed", survivor.productions));
    }
}

/// A large file whose sender is killed as each part arrives: no part is sent again but the one that was under way.
#[test]
fn clouds_go_on_with_large_files_after_kills() {
    for name in stores(&mut Dice::roll("large files")) {
        let Some(cloud) = Cloud::named(name) else { continue };
        let program = Program::with(&format!("{TINY}{}", cloud.stand.section("cloud")));
        let lines: String = cloud.stand.secrets().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        program.write(".env", lines.as_bytes());
        let film = program.path("large.mp4");
        // Noise without loss: nothing makes it small.
        let noise = "nullsrc=size=640x360:rate=25:duration=4,geq=lum='random(1)*255':cb=128:cr=128";
        ffmpeg(&["-f", "lavfi", "-i", noise, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-pix_fmt", "yuv420p"], &film);
        let size = film.metadata().unwrap().len();
        assert!(size > 21 * 1024 * 1024, "{size} bytes go in parts");
        let put = ["put", "large.mp4", "--kind", "dance_video", "--subject", "local", "--name", "ref=a", "--name", "dance=large", "--json"];
        let mut killed = 0;
        let began = Instant::now();
        for occurrence in [1, 2, 2, 2, 2] {
            let mut child = program.start_with(&put, &[("RUSHES_FAULTS", &format!("part_sent:{occurrence}=kill"))]);
            if Survivor::wait(&mut child, LONG) == Some(-1) {
                killed += 1;
            }
        }
        let ended = program.run(&put).expect(0);
        assert_eq!(ended.json()["status"], "completed");
        let sent: u64 = cloud.stand.chaos.log().iter().map(|request| request.body_bytes).sum();
        let part = 6 * 1024 * 1024;
        assert!(killed >= 3, "{killed} kills");
        assert!(sent < size + killed * part + 100_000, "{name}: {sent} bytes were sent of {size}, with {killed} kills");
        let asset = ended.json()["sha256"].as_str().unwrap().to_owned();
        assert_eq!(cloud.objects().into_values().collect::<Vec<_>>(), [asset], "one object, with its bytes");
        program.run(&["verify", "--deep"]).expect(0);
        let again =
            format!("{killed} kills, {:.1} MB sent of {:.1} MB, {} s", sent as f64 / 1e6, size as f64 / 1e6, began.elapsed().as_secs());
        report(&format!("kill -9 as parts of a large file arrive at {name}"), &again);
    }
}

/// Two stores, and the network cut for the whole length of a production: it is made all the same, and then everything
/// arrives, each object by one put.
#[test]
fn clouds_cut_off_for_a_whole_production_slow_nothing_down() {
    let (Some(first), Some(second)) = (Cloud::named("s3s-fs"), Cloud::named("supabase")) else { return };
    let config = format!("{TINY}stalled_after_s = 0.7\n{}{}", first.stand.section("first"), second.stand.section("second"));
    // Both call their secret alike; each its own here.
    let config = config.replacen("env:STAND_SECRET", "env:FIRST_SECRET", 1);
    let program = Program::with(&config);
    let secret = |cloud: &Cloud| cloud.stand.secrets().last().unwrap().1.clone();
    program.write(".env", format!("STAND_ID=test\nFIRST_SECRET={}\nSTAND_SECRET={}\n", secret(&first), secret(&second)).as_bytes());
    make_reference(&program);
    let alone = Program::with(TINY);
    make_reference(&alone);
    let run = ["run", "production", "--reference", "step.mp4", "--no-variants", "--seed", "5", "--json"];
    let timed = |program: &Program, options: &[&str], code: i32| {
        let began = Instant::now();
        let ended = program.run(&[&run[..], options].concat()).expect(code);
        (began.elapsed().as_secs_f32(), ended)
    };
    let (local_s, _) = timed(&alone, &[], 0);
    for cloud in [&first, &second] {
        cloud.stand.chaos.set(Weather::Down);
    }
    let (cut_s, ended) = timed(&program, &["--no-wait"], 3);
    // While it delivers, the published status is `running`.
    assert_eq!(ended.json()["status"], "running");
    assert_eq!(program.run(&["status", "--json"]).expect(0).json()["jobs"]["delivering"], 1);
    assert!(first.objects().is_empty() && second.objects().is_empty());
    let made = program.assets();
    assert!(made.len() > 10 && made.iter().all(|asset| asset["state"] == "owed"), "all is made, and owed");
    for cloud in [&first, &second] {
        cloud.stand.chaos.forget();
        cloud.stand.chaos.set(Weather::Clear);
    }
    let (after_s, ended) = timed(&program, &[], 0);
    assert_eq!(ended.json()["status"], "completed");
    let wanted: BTreeMap<String, String> = program
        .assets()
        .iter()
        .map(|asset| (asset["path"].as_str().unwrap().to_owned(), asset["sha256"].as_str().unwrap().to_owned()))
        .collect();
    for (cloud, method) in [(&first, "PUT"), (&second, "POST")] {
        assert_eq!(cloud.objects(), wanted, "every object is at {}", cloud.stand.name);
        let puts = cloud
            .stand
            .chaos
            .log()
            .iter()
            .filter(|request| request.method == method && request.body_bytes > 0 && request.status == Some(200))
            .count();
        assert_eq!(puts, wanted.len(), "each by one put to {}", cloud.stand.name);
    }
    program.run(&["audit", "--deep"]).expect(0);
    report(
        "network to both stores cut for a whole production",
        &format!(
            "made in {cut_s:.1} s (folders alone: {local_s:.1} s); {} files at both {after_s:.1} s after the network came back, one put each",
            wanted.len()
        ),
    );
}

/// One of two stores refuses: the other is complete, the job says which permission is missing, and a retry after the cure
/// only delivers.
#[test]
fn clouds_one_refusing_leaves_the_other_complete() {
    let (Some(first), Some(second)) = (Cloud::named("s3s-fs"), Cloud::named("moto")) else { return };
    let config = format!("{TINY}stalled_after_s = 0.7\n{}{}", first.stand.section("first"), second.stand.section("second"));
    let program = Program::with(&config);
    program.write(".env", b"STAND_ID=test\nSTAND_SECRET=testtest\n");
    make_reference(&program);
    second.stand.chaos.set_for(rushes_testkit::chaos::Only::requests("PUT", ""), second.stand.forbids());
    let log = program.path("places.log");
    let run = |args: &[&str]| end(program.start_with(args, &[("RUSHES_FAULTS_LOG", log.to_str().unwrap())]));
    let ended = run(&["run", "production", "--reference", "step.mp4", "--no-variants", "--json"]).expect(1);
    let job = ended.json()["job_id"].as_str().unwrap().to_owned();
    let shown = run(&["jobs", "show", &job]).stdout;
    assert!(shown.contains("s3:PutObject") && shown.contains("second"), "the job says what is missing and where: {shown}");
    let made = program.assets().len();
    assert_eq!(first.objects().len(), made, "the other is complete");
    assert!(second.objects().is_empty());
    second.stand.chaos.set(Weather::Clear);
    let begun = || std::fs::read_to_string(&log).unwrap().lines().filter(|line| line.starts_with("begun ")).count();
    let before = begun();
    run(&["jobs", "retry", &job]).expect(0);
    assert_eq!(begun(), before, "no step runs again");
    assert_eq!(second.objects(), first.objects());
    program.run(&["audit", "--deep"]).expect(0);
    report(
        "one store of two refuses (403)",
        &format!("{made} files complete at the other; after the cure `jobs retry` delivered them, no step again"),
    );
}
