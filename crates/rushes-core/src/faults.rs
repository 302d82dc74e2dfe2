//! Places where a test makes things go wrong: by error, panic, kill or pause. Without the feature `faults` each call is
//! an empty inlined function, so the product as built for people has none of them.
//!
//! The plan is read once, from `RUSHES_FAULTS`: `blob_placed:3=kill,object_put:1=disk_full` means "the third time a blob
//! was placed, die; the first object put fails for want of room". `RUSHES_FAULTS_LOG` names a file that gets a line for
//! each place passed. `RUSHES_FAULTS_VERSIONS` makes the program one whose workflows have changed: with `character=9` it has
//! version 9 of that workflow, whatever its steps are.

#[cfg(not(feature = "faults"))]
use crate::fault::Fault;

macro_rules! places {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal;)*) => {
        /// Every place that can be planned, in the order a file passes them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Place { $($(#[doc = $doc])* $variant,)* }

        /// The table: each place and its name in a plan.
        pub const PLACES: &[(Place, &str)] = &[$((Place::$variant, $name),)*];
    };
}

places! {
    /// Taking the home's lock; `pass` lets a second engine in, which then waits for leases to run out.
    HomeLock "home_lock";
    /// Before the copy of a database that is about to be migrated.
    Backup "backup";
    /// Before a migration's transaction is committed.
    Migrate "migrate";
    /// Before the writer commits a transaction.
    Commit "commit";
    /// After the writer committed, before anybody is told.
    Committed "committed";
    /// Jobs were claimed and are about to be driven.
    Claimed "claimed";
    /// A step's scratch folder is about to be made.
    Scratch "scratch";
    /// Something is about to be sent outside, which is written down.
    AttemptBegun "attempt_begun";
    /// What was sent outside was answered and that is not written down.
    AttemptAnswered "attempt_answered";
    /// A step's body has ended; nothing of it is registered.
    BodyDone "body_done";
    /// A file passed its check and is about to be hashed.
    Checked "checked";
    /// A scratch file is about to be synced.
    BlobSync "blob_sync";
    /// A scratch file is about to be moved into the blob store.
    BlobMove "blob_move";
    /// A blob has its name; its folder is not synced.
    BlobPlaced "blob_placed";
    /// A step's assets are committed; the library does not show them.
    StepKept "step_kept";
    /// A library link is about to be made.
    Link "link";
    /// A library link was made.
    Linked "linked";
    /// A link or a folder is about to be taken out of the library.
    Unlink "unlink";
    /// A job's end is about to be written down.
    Finish "finish";
    /// A job's end is written down; its scratch is still there.
    Finished "finished";
    /// Rows were leased and nothing was sent.
    Leased "leased";
    /// An object is about to be put.
    ObjectPut "object_put";
    /// A folder destination is about to write an object's bytes.
    ObjectWrite "object_write";
    /// A folder destination has written an object that has no name yet.
    ObjectWritten "object_written";
    /// How far an upload in parts has come is about to be written down.
    PartSent "part_sent";
    /// An object is at its destination and its proof is not written down.
    ObjectThere "object_there";
    /// A record is about to be taken from local truth.
    RecordTake "record_take";
    /// A catalog is about to write a record.
    RecordWrite "record_write";
    /// A catalog has written a record that has no name yet.
    RecordWritten "record_written";
    /// A record is in its catalog and the payment is not written down.
    RecordThere "record_there";
    /// A failed delivery is about to be written down.
    PutOff "put_off";
    /// A message was leased and not sent.
    MessageLeased "message_leased";
    /// A message was answered and that is not written down.
    MessageAnswered "message_answered";
    /// An occurrence of a schedule is about to be dealt with.
    ScheduleDue "schedule_due";
    /// An occurrence of a schedule is dealt with, and nobody was told.
    ScheduleKept "schedule_kept";
    /// A queue is about to be asked for a task.
    Call "call";
    /// A queue has been asked for a task, and that is not written down.
    Called "called";
    /// An item of a list was moved to this node's own, and nothing is made of it.
    IntakeMoved "intake_moved";
    /// An item's job is made, and the item is still there.
    IntakeMade "intake_made";
    /// A blob fetched back is about to be placed.
    Fetched "fetched";
    /// Local bytes are about to be removed.
    Evict "evict";
    /// An object whose days are over is about to be removed.
    ObjectRemove "object_remove";
    /// An object is gone and that is not written down.
    ObjectRemoved "object_removed";
    /// A record is about to be removed.
    RecordRemove "record_remove";
    /// A record is gone and that is not written down.
    RecordRemoved "record_removed";
    /// Before an album's transaction is committed.
    AlbumCommit "album_commit";
    /// After an album's transaction was committed, before anybody is told.
    AlbumCommitted "album_committed";
    /// A database or an album is about to be written anew, without what was deleted.
    Vacuum "vacuum";
    /// It is written anew, and its log still tells of what was deleted.
    Truncate "truncate";
    /// Its log is empty.
    Scrubbed "scrubbed";
}

impl Place {
    /// As written in a plan.
    #[must_use]
    pub fn name(self) -> &'static str {
        PLACES[self as usize].1
    }
}

/// Passes a place: does what is planned for it, which may be never to return.
/// Errors: `io` or `disk_full`, when the plan says so.
#[cfg(not(feature = "faults"))]
#[inline(always)]
#[expect(clippy::inline_always, clippy::unnecessary_wraps, reason = "nothing of it stays in the product")]
pub fn pass(_: Place) -> Result<(), Fault> {
    Ok(())
}

/// Passes a place where nothing can be told to a caller: kill, panic and pause work, errors do not.
#[inline]
pub fn pass_quietly(place: Place) {
    let _ = pass(place);
}

/// Whether the plan lets a second engine past this place.
#[cfg(not(feature = "faults"))]
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "nothing of it stays in the product")]
pub fn lets_past(_: Place) -> bool {
    false
}

/// The version a workflow has in this program, which is the one its card says.
#[cfg(not(feature = "faults"))]
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "nothing of it stays in the product")]
pub fn version(_: &str, card: u32) -> u32 {
    card
}

#[cfg(feature = "faults")]
pub use planned::{lets_past, note, pass, version};

/// Writes a line of the engine's own into the log of places passed.
#[cfg(not(feature = "faults"))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "nothing of it stays in the product")]
pub fn note(_: &str, _: &dyn std::fmt::Display) {}

#[cfg(feature = "faults")]
mod planned {
    use super::{PLACES, Place};
    use crate::codes::Code;
    use crate::fault::Fault;
    use std::collections::HashMap;
    use std::fs::File;
    use std::io::Write;
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::time::Duration;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Action {
        Kill,
        Panic,
        Error,
        DiskFull,
        Pause(Duration),
        LetPast,
    }

    struct Plan {
        /// By place and occurrence; occurrence 0 = every time.
        actions: HashMap<(usize, u64), Action>,
        passed: Mutex<Vec<u64>>,
        log: Option<Mutex<File>>,
    }

    fn plan() -> &'static Plan {
        static PLAN: OnceLock<Plan> = OnceLock::new();
        PLAN.get_or_init(|| Plan {
            actions: std::env::var("RUSHES_FAULTS").map(|text| parse(&text)).unwrap_or_default(),
            passed: Mutex::new(vec![0; PLACES.len()]),
            log: std::env::var_os("RUSHES_FAULTS_LOG")
                .and_then(|path| File::options().append(true).create(true).open(path).ok())
                .map(Mutex::new),
        })
    }

    /// A plan that cannot be read is no plan at all, loudly: a test that plans nothing by mistake proves nothing.
    #[expect(clippy::panic, reason = "test builds only")]
    fn parse(text: &str) -> HashMap<(usize, u64), Action> {
        let one = |entry: &str| {
            let (at, action) = entry.split_once('=')?;
            let (name, occurrence) = at.split_once(':').unwrap_or((at, "1"));
            let place = PLACES.iter().position(|(_, known)| *known == name.trim())?;
            let action = match action.split_once(':') {
                Some(("pause", ms)) => Action::Pause(Duration::from_millis(ms.parse().ok()?)),
                None => match action {
                    "kill" => Action::Kill,
                    "panic" => Action::Panic,
                    "error" => Action::Error,
                    "disk_full" => Action::DiskFull,
                    "pass" => Action::LetPast,
                    _ => return None,
                },
                Some(_) => return None,
            };
            Some(((place, if occurrence == "*" { 0 } else { occurrence.parse().ok()? }), action))
        };
        let entries = text.split(',').filter(|entry| !entry.trim().is_empty());
        entries.map(|entry| one(entry).unwrap_or_else(|| panic!("RUSHES_FAULTS: {entry:?} cannot be read"))).collect()
    }

    fn planned(place: Place) -> Option<Action> {
        let plan = plan();
        if plan.actions.is_empty() && plan.log.is_none() {
            return None;
        }
        let count = {
            let mut passed = plan.passed.lock().unwrap_or_else(PoisonError::into_inner);
            passed[place as usize] += 1;
            passed[place as usize]
        };
        note(place.name(), &count);
        let at = |occurrence| plan.actions.get(&(place as usize, occurrence)).copied();
        at(count).or_else(|| at(0))
    }

    /// Passes a place: does what is planned for it, which may be never to return.
    /// Errors: `io` or `disk_full`, when the plan says so.
    pub fn pass(place: Place) -> Result<(), Fault> {
        let failed = |code, reason: &str| Err(Fault::new(code, "pass fault point").with("place", place.name()).because(reason));
        match planned(place) {
            None | Some(Action::LetPast) => Ok(()),
            Some(Action::Kill) => {
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
                // The signal is on its way; nothing may happen after it.
                loop {
                    std::thread::park();
                }
            }
            #[expect(clippy::panic, reason = "it was asked for, in a test build")]
            Some(Action::Panic) => panic!("planned at {}", place.name()),
            Some(Action::Error) => failed(Code::Io, "planned"),
            Some(Action::DiskFull) => failed(Code::DiskFull, "planned: no space left on device"),
            Some(Action::Pause(time)) => {
                std::thread::sleep(time);
                Ok(())
            }
        }
    }

    /// Whether the plan lets a second engine past this place.
    pub fn lets_past(place: Place) -> bool {
        planned(place) == Some(Action::LetPast)
    }

    /// The version a workflow has in this program: what its card says, or the plan.
    pub fn version(workflow: &str, card: u32) -> u32 {
        static VERSIONS: OnceLock<HashMap<String, u32>> = OnceLock::new();
        let versions =
            VERSIONS.get_or_init(|| std::env::var("RUSHES_FAULTS_VERSIONS").map(|text| parse_versions(&text)).unwrap_or_default());
        versions.get(workflow).copied().unwrap_or(card)
    }

    #[expect(clippy::panic, reason = "test builds only")]
    fn parse_versions(text: &str) -> HashMap<String, u32> {
        let one =
            |entry: &str| entry.split_once('=').and_then(|(name, version)| Some((name.trim().to_owned(), version.trim().parse().ok()?)));
        text.split(',').map(|entry| one(entry).unwrap_or_else(|| panic!("RUSHES_FAULTS_VERSIONS: {entry:?} cannot be read"))).collect()
    }

    /// Writes a line of the engine's own into the log of places passed.
    pub fn note(what: &str, which: &dyn std::fmt::Display) {
        if let Some(log) = &plan().log {
            // One write call a line, so that processes sharing the file never mix lines.
            let line = format!("{what} {which}\n");
            let _ = log.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn faults_plans_are_read_by_place_and_occurrence() {
            let plan = parse("blob_move:3=kill, commit=disk_full,leased:*=pause:20");
            assert_eq!(plan[&(Place::BlobMove as usize, 3)], Action::Kill);
            assert_eq!(plan[&(Place::Commit as usize, 1)], Action::DiskFull);
            assert_eq!(plan[&(Place::Leased as usize, 0)], Action::Pause(Duration::from_millis(20)));
        }

        #[test]
        fn faults_versions_are_read_by_workflow() {
            let versions = parse_versions("character=9, production=5");
            assert_eq!((versions["character"], versions["production"], versions.len()), (9, 5, 2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_rows_stand_at_their_place() {
        for (index, (place, name)) in PLACES.iter().enumerate() {
            assert_eq!((*place as usize, place.name()), (index, *name));
        }
    }
}
