//! Nothing breaks it: the real program killed at random moments and at every fault point, starved of room, and stopped
//! while another takes over. `RUSHES_KILLS` says how many random kills; `RUSHES_SEED` repeats a run.

use crate::support::program::{end, signal};
use crate::support::survivor::{Dice, LONG, Survivor, hashes, number, report};
use rushes_core::faults::{PLACES, Place};
use std::time::{Duration, Instant};

/// Places that a production passes each time; the others need a migration, an eviction, days that are over (`keep_days.rs`),
/// schedules (`schedules.rs`), a queue that calls (`queue.rs`), a second engine, somebody who is told (`service/webhooks.rs`), or something that is sent
/// outside (`ledger.rs`).
pub(crate) fn of_a_production() -> Vec<Place> {
    use Place::{
        AttemptAnswered, AttemptBegun, Call, Called, IntakeMade, IntakeMoved, ObjectRemove, ObjectRemoved, ScheduleDue, ScheduleKept,
    };
    use Place::{Backup, Evict, Fetched, HomeLock, MessageAnswered, MessageLeased, Migrate, PartSent, PutOff};
    let others = [Backup, Evict, Fetched, HomeLock, MessageAnswered, MessageLeased, Migrate, PartSent, PutOff];
    // Of shoots (`shoots/crashes.rs`).
    let shoots = {
        use Place::{AlbumCommit, AlbumCommitted, RecordRemove, RecordRemoved, Scrubbed, Truncate, Unlink, Vacuum};
        [AlbumCommit, AlbumCommitted, RecordRemove, RecordRemoved, Scrubbed, Truncate, Unlink, Vacuum]
    };
    let others = [
        &others[..],
        &shoots[..],
        &[AttemptAnswered, AttemptBegun, Call, Called, IntakeMade, IntakeMoved, ObjectRemove, ObjectRemoved, ScheduleDue, ScheduleKept],
    ]
    .concat();
    PLACES.iter().map(|(place, _)| *place).filter(|place| !others.contains(place)).collect()
}

#[test]
fn survives_kills_at_random_moments() {
    let (mut dice, kills) = (Dice::roll("random kills"), number("RUSHES_KILLS", 12));
    let mut survivor = Survivor::new(&["--no-variants"]);
    let (mut killed, mut ended, began) = (0, 0, Instant::now());
    while killed < kills {
        let mut child = survivor.start("");
        match Survivor::wait(&mut child, dice.moment()) {
            None => {
                signal(&child, "KILL");
                child.wait().unwrap();
                killed += 1;
                survivor.look();
            }
            Some(code) => {
                assert_eq!(code, 0, "{}", end(child).stderr);
                survivor.look();
                ended += 1;
                if ended % 5 == 0 {
                    survivor.oracle();
                }
            }
        }
    }
    survivor.finish();
    survivor.oracle();
    let seen =
        format!("{killed} kills, {} productions completed, seed {}, {} s", survivor.productions, dice.seed, began.elapsed().as_secs());
    report("kill -9 at a random moment", &seen);
}

#[test]
fn survives_a_kill_at_every_fault_point() {
    let (mut dice, began) = (Dice::roll("kills at fault points"), Instant::now());
    // The first time a place is passed and one later time; in the order they lie in, so that one production meets many.
    let mut plans: Vec<(Place, u64)> = of_a_production().into_iter().flat_map(|place| [(place, 1), (place, 2 + dice.below(9))]).collect();
    if number("RUSHES_ALL_POINTS", 0) == 0 {
        plans = of_a_production().into_iter().map(|place| (place, 1 + dice.below(6))).collect();
    }
    let mut survivor = Survivor::new(&["--no-variants"]);
    let mut killed = 0;
    let mut pending = plans;
    let mut passes = 0;
    while !pending.is_empty() {
        passes += 1;
        assert!(passes < 400, "never reached: {pending:?}");
        let (place, occurrence) = pending.remove(0);
        let mut child = survivor.start(&format!("{}:{occurrence}=kill", place.name()));
        let code = Survivor::wait(&mut child, LONG);
        assert!(code.is_some(), "it hangs at {}:{occurrence}", place.name());
        survivor.look();
        if code == Some(0) {
            // It was over before the place was passed so often: once more, in the next production, sooner.
            pending.push((place, occurrence.div_ceil(2)));
        } else {
            assert_eq!(code, Some(-1), "killed at {}:{occurrence}: {}", place.name(), end(child).stderr);
            killed += 1;
        }
    }
    // Passed only after a failure.
    let mut child = survivor.start("object_put:1=error,put_off:1=kill");
    assert_eq!(Survivor::wait(&mut child, LONG), Some(-1), "killed as a failed delivery was put off: {}", end(child).stderr);
    survivor.look();
    survivor.finish();
    survivor.oracle();
    let places = of_a_production().len() + 1;
    let seen = format!(
        "{} kills at {places} places, {} productions completed, seed {}, {} s",
        killed + 1,
        survivor.productions,
        dice.seed,
        began.elapsed().as_secs()
    );
    report("kill -9 at a fault point", &seen);
}

#[test]
fn survives_errors_and_panics_at_every_fault_point() {
    let mut dice = Dice::roll("errors at fault points");
    let mut survivor = Survivor::new(&["--no-variants"]);
    let mut places = of_a_production();
    places.sort_by_cached_key(|_| dice.below(1 << 20));
    // A third of the places in each production: every place meets one of the actions, at length each of them.
    let rounds = if number("RUSHES_ALL_POINTS", 0) == 0 { 1 } else { 3 };
    let (mut planned, mut happened) = (0, 0);
    for round in 0..rounds {
        for (group, action) in ["error", "panic", "pause:1500"].iter().enumerate() {
            let at: Vec<(Place, u64)> =
                places.iter().skip((group + round) % 3).step_by(3).map(|place| (*place, 2 + dice.below(5))).collect();
            let plan = at.iter().map(|(place, n)| format!("{}:{n}={action}", place.name())).collect::<Vec<_>>().join(",");
            let from = survivor.passed().len();
            end_well_under(&mut survivor, &plan);
            let passed = survivor.passed().split_off(from);
            let met = at.iter().filter(|(place, n)| passed.lines().any(|line| line == format!("{} {n}", place.name()))).count();
            assert!(met * 2 > at.len(), "of {plan} only {met} happened");
            (planned, happened) = (planned + at.len(), happened + met);
        }
    }
    // What could not be linked a moment ago is linked by the next start at the latest.
    survivor.finish();
    survivor.oracle();
    let seen = format!("{happened} of {planned} planned ones happened, {} productions completed, seed {}", survivor.productions, dice.seed);
    report("error, panic, pause at fault points", &seen);
}

/// Gives the same command again and again until it ends well.
fn end_well_under(survivor: &mut Survivor, plan: &str) {
    let began = Instant::now();
    loop {
        let mut child = survivor.start(plan);
        assert!(Survivor::wait(&mut child, Duration::from_secs(60)).is_some(), "it hangs under {plan}");
        let ended = end(child);
        survivor.look();
        if ended.code == 0 {
            return;
        }
        // A command that met the fault itself says so and is simply given again; the job goes on.
        assert!(ended.stderr.contains("planned") || ended.stderr.contains("panicked"), "{plan}: {}", ended.stderr);
        assert!(began.elapsed() < LONG, "{plan} never ends well: {}", ended.stderr);
    }
}

#[test]
fn survives_a_full_disk_at_every_write() {
    let mut survivor = Survivor::new(&["--no-variants"]);
    let writes =
        ["scratch", "checked", "blob_sync", "blob_move", "link", "object_write", "object_written", "record_write", "record_written"];
    let mut plan: Vec<String> = writes.iter().flat_map(|place| [1, 2].map(|n| format!("{place}:{n}=disk_full"))).collect();
    plan.extend([6, 7, 20, 40].map(|n| format!("commit:{n}=disk_full")));
    let began = Instant::now();
    let said = loop {
        let ended = end(survivor.start(&plan.join(",")));
        survivor.look();
        if ended.code == 0 {
            break ended;
        }
        assert!(ended.stderr.contains("The disk is full"), "{}", ended.stderr);
        assert!(began.elapsed() < LONG);
    };
    assert!(said.stderr.contains("room on the disk"), "the wait for room is said: {}", said.stderr);
    survivor.oracle();
    report("disk full at each write, planned", &format!("{} planned failures", plan.len()));
}

#[test]
fn survives_a_disk_that_is_really_full() {
    let survivor = Survivor::new(&["--no-variants"]);
    // 64 MB of which all but 3 are taken; room is made once the program has said that it waits for it.
    let script = format!(
        "set -e; mkdir home; mount -t tmpfs -o size=64m none home
         $RUSHES --home home init >/dev/null; head -c $((61 * 1048576)) /dev/zero > home/ballast
         set +e; $RUSHES --home home {} > out 2> err & pid=$!
         for n in $(seq 1200); do grep -qE 'room on the disk|disk is full' err && break; kill -0 $pid 2>/dev/null || break; sleep 0.05; done
         sleep 2; df home | tail -1; rm home/ballast; wait $pid; code=$?
         cat err; $RUSHES --home home audit --deep || exit 91
         find home/scratch home/library home/remote -name '.rushes-*' ! -name .rushes-catalog | grep . && exit 92
         exit $code",
        survivor.args().join(" ")
    );
    let Some(ended) = survivor.program.in_own_mounts(&script) else {
        report("disk full, a real one of 64 MB", "skipped: not allowed to mount one here");
        return;
    };
    let ended = ended.expect(0);
    assert!(ended.stdout.contains("room on the disk") || ended.stdout.contains("disk is full"), "it never filled up: {}", ended.stdout);
    report("disk full, a real one of 64 MB", "waited for room, then completed and audited clean");
}

#[test]
fn survives_a_kill_while_bytes_are_evicted_and_fetched_back() {
    let mut survivor = Survivor::new(&["--no-variants"]);
    survivor.finish();
    let config = std::fs::read_to_string(survivor.program.path("rushes.toml")).unwrap();
    // So little that hardly anything may stay.
    survivor.program.write("rushes.toml", format!("{config}\n[keep]\nblobs_max_mb = 0.01\n").as_bytes());
    let run = |args: &[&str], plan: &str| end(survivor.program.start_with(args, &[("RUSHES_FAULTS", plan)])).code;
    let held = || hashes(&survivor.home().join("blobs")).len();
    let (before, remote) = (held(), hashes(&survivor.home().join("remote")));
    for occurrence in [1, 2, 5] {
        assert_eq!(run(&["doctor", "--fix"], &format!("evict:{occurrence}=kill")), -1, "killed while evicting");
        survivor.program.run(&["audit"]).expect(0);
    }
    assert!(held() < before, "something went");
    assert_eq!(hashes(&survivor.home().join("remote")), remote, "nothing went from where it is proven");
    // The same character again: what it is made from is not here any more.
    let again = ["run", "production", "--reference", "step.mp4", "--seed", "1", "--no-variants", "--no-skip-existing"];
    for occurrence in [1, 3] {
        assert_eq!(run(&again, &format!("fetched:{occurrence}=kill")), -1, "killed while fetching back");
    }
    assert_eq!(run(&again, ""), 0);
    survivor.program.run(&["audit"]).expect(0);
    survivor.program.run(&["verify", "--deep"]).expect(0);
    report("kill -9 while evicting and fetching back", "5 kills, then audited and verified to the byte");
}

/// Whether someone is in the middle of a write: holds byte 120 of the database's shared memory, as SQLite's log has it.
fn is_written_to(home: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = std::fs::metadata(home.join("rushes.db-shm")).map_or(0, |found| found.ino()).to_string();
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    // number: POSIX ADVISORY WRITE pid major:minor:inode first last
    locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|line| {
        let is_database = line.get(5).is_some_and(|file| file.rsplit(':').next() == Some(inode.as_str()));
        is_database && line.get(3) == Some(&"WRITE") && line.get(6) == Some(&"120")
    })
}

#[test]
fn survives_being_stopped_past_its_lease_while_another_takes_over() {
    // It holds an object and a record that it has not put in place yet, which no lock of its may keep from the other.
    stopped_past_its_lease(Survivor::new(&["--no-variants"]), "object_written:2=pause:30000,record_written:2=pause:30000");
    report("stopped past its lease", "a second engine completed the job; nothing the sleeper wrote counted");
}

/// Stops a production under this plan until its leases have run out and a second one has ended it, then wakes it.
pub(crate) fn stopped_past_its_lease(mut survivor: Survivor, plan: &str) {
    let log = survivor.program.path("sleeper.log");
    let sleeper = survivor.start_logging(plan, &log);
    Survivor::until_logged(&log, "/dance primary");
    // Not in the middle of a write: SQLite's lock would stop the other one too, which no lease can help.
    let began = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(30));
        signal(&sleeper, "STOP");
        if !is_written_to(&survivor.home()) {
            break;
        }
        signal(&sleeper, "CONT");
        assert!(began.elapsed() < LONG, "it writes without end");
    }
    let mut second = survivor.start("home_lock:1=pass");
    assert!(Survivor::wait(&mut second, LONG).is_some(), "the second engine never ends");
    let taken_over = end(second).expect(0);
    assert_eq!(taken_over.json()["status"], "completed");
    let books = survivor.books();
    signal(&sleeper, "CONT");
    let mut sleeper = sleeper;
    assert!(Survivor::wait(&mut sleeper, LONG).is_some(), "the woken sleeper never ends");
    let woken = end(sleeper);
    // It learns of it at its next write, or sees first, as anyone who follows the job, that the other one has ended it.
    let is_told = woken.stderr.contains("lease_lost") || woken.stderr.contains("Another engine");
    assert!(is_told || woken.code == 0 && woken.json()["status"] == "completed", "it is told: {}", woken.stderr);
    assert_eq!(survivor.books(), books, "nothing the sleeper did after its lease counts");
    survivor.look();
    // What the sleeper left in scratch goes with the next start.
    survivor.finish();
    survivor.oracle();
}
