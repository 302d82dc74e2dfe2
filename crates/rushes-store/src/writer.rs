//! The one thread that writes: takes commands, runs up to 512 of them in one transaction, each with a savepoint where one
//! has failed, and answers only after the commit is on disk. Between commands it renews the leases of its engine.

use crate::base::Base;
use crate::bells::{Bells, Wakes};
use crate::events::{self, Fact};
use crate::jobs::RENEW_LEASES;
use crate::rows;
use crate::settle::Following;
use crate::sql::{Sql, params};
use rushes_core::clock::Clock;
use rushes_core::delivery::Routes;
use rushes_core::faults::{self, Place};
use rushes_core::{Code, Fault};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// So much after the beginning of a transaction begins the next one at the earliest when many write, unless as many as lately
/// wait for it, or nobody has come for a while: fewer and fuller transactions. Each costs a sync, and writes the pages anew that
/// all of them change. One caller alone waits for nobody, but for a few transactions after a rush.
const APART: Duration = Duration::from_millis(5);
/// Between two looks at who waits; one that finds nobody new is the last.
const GATHER: Duration = Duration::from_millis(1);
/// So many commands in one of the last transactions are many.
const MANY: usize = 4;
/// Commands waiting at most; beyond that callers wait.
const QUEUE: usize = 4096;
/// How often leases are renewed.
const RENEW: Duration = Duration::from_secs(1);

/// What a command sees: the connection inside the transaction, the time, and what to wake after the commit.
pub(crate) struct Write<'a> {
    pub(crate) sql: &'a Sql<'a>,
    pub(crate) now_ms: i64,
    pub(crate) wakes: &'a mut Wakes,
    /// What it tells, written down before the commit.
    pub(crate) facts: &'a mut Vec<Fact>,
    /// What follows from it, done before the commit and after the other commands.
    pub(crate) following: &'a mut Following,
    pub(crate) clock: &'a dyn Clock,
    /// How long a job's lease lasts.
    pub(crate) lease_ms: i64,
    /// This node, where others share the store.
    pub(crate) node: Option<&'a str>,
    tokens: &'a mut i64,
}

impl Write<'_> {
    /// A number no row leased by anyone carries: it starts at a random place in each process.
    pub(crate) fn next_token(&mut self) -> i64 {
        *self.tokens += 1;
        *self.tokens
    }
}

/// A command waiting for its turn: applied inside the transaction, answered after it. Applied again where the transaction
/// came to nothing for want of a connection.
trait Command: Send {
    /// Does it, and where nobody else is to, what follows from it; says whether that went well.
    fn apply(&mut self, write: &mut Write<'_>, follows: Option<&Routes>) -> bool;
    fn answer(self: Box<Self>, commit: Result<(), &Fault>);
}

struct Call<T, F> {
    body: F,
    result: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

impl<T: Send, F: FnMut(&mut Write<'_>) -> Result<T, Fault> + Send> Command for Call<T, F> {
    fn apply(&mut self, write: &mut Write<'_>, follows: Option<&Routes>) -> bool {
        let mut result = (self.body)(write);
        if let Some(routes) = follows {
            result = result.and_then(|value| Following::take_place(write, routes).map(|()| value));
        }
        let is_ok = result.is_ok();
        self.result = Some(result);
        is_ok
    }

    fn answer(self: Box<Self>, commit: Result<(), &Fault>) {
        let result = match (commit, self.result) {
            (Err(fault), Some(Ok(_)) | None) => Err(fault.clone()),
            (_, Some(result)) => result,
            (Ok(()), None) => Err(Fault::new(Code::StoreFailed, "write").because("the command was not run")),
        };
        // The caller may have gone; the write stands all the same.
        let _ = self.reply.send(result);
    }
}

/// The way to the writer thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: SyncSender<Box<dyn Command>>,
}

impl Writer {
    /// Starts the thread; it ends when the last handle is dropped.
    pub(crate) fn start(base: Base, clock: Arc<dyn Clock>, bells: Arc<Bells>, routes: Arc<Routes>, owner: String) -> std::io::Result<Self> {
        let (queue, commands) = sync_channel(QUEUE);
        std::thread::Builder::new().name("rushes-writer".into()).spawn(move || {
            // 62 random bits of the id, so that two engines never lease under one number.
            let tokens = i64::try_from(clock.new_id().as_u128() & ((1 << 62) - 1)).unwrap_or(1);
            let node = base.node();
            Thread { base, clock, bells, routes, owner, node, tokens }.run(&commands);
        })?;
        Ok(Self { queue })
    }

    /// Runs a body inside a transaction and waits until it is on disk.
    pub(crate) async fn write<T, F>(&self, body: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnMut(&mut Write<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let gone = || Fault::new(Code::StoreFailed, "write").because("the writer has ended");
        let mut command: Box<dyn Command> = Box::new(Call { body, result: None, reply });
        loop {
            match self.queue.try_send(command) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return Err(gone()),
                Err(TrySendError::Full(back)) => {
                    command = back;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
        answer.await.map_err(|_| gone())?
    }
}

/// What the commands of a transaction have said so far: whom to wake, what has happened, and what is to follow.
#[derive(Default)]
struct Said {
    wakes: Wakes,
    facts: Vec<Fact>,
    following: Following,
}

impl Said {
    fn add(&mut self, mut other: Self) {
        self.wakes.add(other.wakes);
        self.facts.append(&mut other.facts);
        self.following.add(other.following);
    }
}

struct Thread {
    base: Base,
    clock: Arc<dyn Clock>,
    bells: Arc<Bells>,
    routes: Arc<Routes>,
    owner: String,
    node: Option<String>,
    tokens: i64,
}

impl Thread {
    fn run(mut self, commands: &Receiver<Box<dyn Command>>) {
        let mut renewed_ms = self.clock.now_ms();
        let (mut expected, mut begun) = (0, Instant::now());
        loop {
            let mut batch = Vec::new();
            match commands.recv_timeout(RENEW) {
                Ok(first) => batch.push(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let most = self.base.batch_max();
            batch.extend(commands.try_iter().take(most - batch.len()));
            let mut come = batch.len();
            while expected >= MANY && come > 0 && batch.len() < expected.min(most) && begun.elapsed() < APART {
                std::thread::sleep(GATHER);
                let before = batch.len();
                batch.extend(commands.try_iter().take(most - before));
                come = batch.len() - before;
            }
            // A few small ones between large ones are of the same rush.
            expected = batch.len().max(expected / 2);
            begun = Instant::now();
            let now_ms = self.clock.now_ms();
            let must_renew = (now_ms - renewed_ms).abs() >= i64::try_from(RENEW.as_millis()).unwrap_or(1_000);
            if batch.is_empty() && !must_renew {
                continue;
            }
            let mut wakes = Wakes::default();
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.commit(&mut batch, must_renew, &mut wakes)));
            // The thread that all writes need goes on.
            let commit = caught.unwrap_or_else(|_| Err(Fault::new(Code::StoreFailed, "write").because("the writer panicked")));
            if commit.is_err() {
                self.base.roll_back();
            }
            for command in batch {
                command.answer(commit.as_ref().copied());
            }
            if commit.is_ok() {
                if must_renew {
                    renewed_ms = now_ms;
                }
                self.bells.ring(&wakes);
                self.base.look_after_tables();
            }
        }
    }

    /// Writes a batch, again and again as long as it is only the connection that fails.
    fn commit(&mut self, batch: &mut [Box<dyn Command>], renew: bool, wakes: &mut Wakes) -> Result<(), Fault> {
        loop {
            *wakes = Wakes::default();
            match self.attempt(batch, renew, wakes) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(fault) => {
                    if !self.base.is_mended()? {
                        return Err(fault);
                    }
                }
            }
        }
    }

    /// One transaction; false when it came to nothing and may be tried again. A savepoint costs a copy of every page its command
    /// changes, or on a server two more ways there and back while others wait: a batch is tried without, and gets them once
    /// something in it fails.
    fn attempt(&mut self, batch: &mut [Box<dyn Command>], renew: bool, wakes: &mut Wakes) -> Result<bool, Fault> {
        // One alone is undone with the whole transaction.
        let is_alone = batch.len() == 1 && !renew;
        let mut each = if is_alone { Each::Alone } else { Each::Unguarded };
        loop {
            let now_ms = self.base.begin_write(&*self.clock)?;
            if renew {
                rows::change(&self.base.sql(), RENEW_LEASES, params![now_ms + self.base.lease_ms(), self.owner])?;
            }
            if let Some(said) = self.apply(batch, each, now_ms)? {
                events::write_down(&self.base.sql(), &said.facts)?;
                *wakes = said.wakes;
                break;
            }
            self.base.run("ROLLBACK")?;
            if is_alone {
                return Ok(true);
            }
            each = Each::Guarded;
        }
        faults::pass(Place::Commit)?;
        let is_written = self.base.commit(wakes)?;
        if is_written {
            faults::pass_quietly(Place::Committed);
        }
        Ok(is_written)
    }

    /// Applies each command, and what follows from it; from all together, where none of them is by itself. None when one
    /// failed that was not guarded, and with it the transaction.
    fn apply(&mut self, batch: &mut [Box<dyn Command>], each: Each, now_ms: i64) -> Result<Option<Said>, Fault> {
        let mut all = Said::default();
        for command in batch {
            if each == Each::Guarded {
                self.base.run("SAVEPOINT command")?;
            }
            let mut said = Said::default();
            let is_ok = self.write(&mut said, now_ms, |write, routes| {
                let follows = (each != Each::Unguarded).then_some(routes);
                command.apply(write, follows)
            });
            if self.base.is_lost() {
                return Err(Fault::new(Code::StoreFailed, "write").because("the connection to the database broke"));
            }
            match (is_ok, each) {
                (true, _) => all.add(said),
                (false, Each::Guarded) => self.base.run("ROLLBACK TO command")?,
                (false, Each::Alone | Each::Unguarded) => return Ok(None),
            }
            if each == Each::Guarded {
                self.base.run("RELEASE command")?;
            }
        }
        let followed = self.write(&mut all, now_ms, Following::take_place);
        // What a savepoint undoes is not undone here, so each is asked by itself then; but not for want of a connection.
        match followed {
            Err(fault) if each != Each::Unguarded || self.base.is_lost() => Err(fault),
            followed => Ok(followed.is_ok().then_some(all)),
        }
    }

    /// Runs a body inside the transaction.
    fn write<T>(&mut self, said: &mut Said, now_ms: i64, body: impl FnOnce(&mut Write<'_>, &Routes) -> T) -> T {
        let (lease_ms, sql) = (self.base.lease_ms(), self.base.sql());
        let mut write = Write {
            sql: &sql,
            now_ms,
            wakes: &mut said.wakes,
            facts: &mut said.facts,
            following: &mut said.following,
            clock: &*self.clock,
            lease_ms,
            node: self.node.as_deref(),
            tokens: &mut self.tokens,
        };
        body(&mut write, &self.routes)
    }
}

/// How the commands of a batch stand in their transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Each {
    /// The one there is.
    Alone,
    /// Beside others, and undone with all of them.
    Unguarded,
    /// Beside others, in a savepoint of its own.
    Guarded,
}

/// A database error as the house's fault; a full disk is told apart.
pub(crate) fn failed(operation: &str, error: rusqlite::Error) -> Fault {
    let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
    Fault::new(if is_full { Code::DiskFull } else { Code::StoreFailed }, operation).because(error)
}

#[cfg(test)]
mod tests {
    use crate::events::tell;
    use crate::{Mode, rows, sql::params, stand};
    use rushes_core::clock::{Clock, SystemClock};
    use rushes_core::delivery::Routes;
    use rushes_core::store::{Events, Marks};
    use rushes_core::{Code, Fault, JobId};
    use serde_json::json;
    use std::sync::{Arc, mpsc};

    #[tokio::test]
    async fn writer_undoes_what_fails_in_a_batch_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let mode = Mode::Own { owner: "one".into() };
        let store = stand::open(&folder.path().join("rushes.db"), &mode, Arc::new(SystemClock), Routes::default()).unwrap();
        let mark = |name: &'static str, is_well: bool| {
            store.write(move |write| {
                tell(write, "job.signal", None, &json!({ "name": name }))?;
                rows::change(write.sql, "INSERT INTO marks(name, value) VALUES (?1, 1)", params![name])?;
                if is_well { Ok(()) } else { Err(Fault::new(Code::NotFound, "mark")) }
            })
        };
        // The writer stands still until all of them wait for it; where it does the batch again, no second time.
        let (go, wait) = mpsc::channel::<()>();
        let held = store.write(move |_| {
            let _ = wait.recv();
            Ok(())
        });
        let all_wait = async move { drop(go) };
        let (held, one, unwell, two, again, three, ()) = tokio::join!(
            held,
            mark("one", true),
            mark("unwell", false),
            mark("two", true),
            mark("one", true),
            mark("three", true),
            all_wait
        );
        assert!([held, one, two, three].iter().all(Result::is_ok));
        assert_eq!(unwell.unwrap_err().code, Code::NotFound);
        assert_eq!(again.unwrap_err().code, Code::StoreFailed, "the statement itself was refused");
        for (name, value) in [("one", 1), ("two", 1), ("three", 1), ("unwell", 0)] {
            assert_eq!(store.mark(name).await.unwrap(), value, "{name}");
        }
        let told = store.events(0, 100).await.unwrap();
        assert_eq!(told.iter().map(|fact| fact.data["name"].as_str().unwrap()).collect::<Vec<_>>(), ["one", "two", "three"]);
    }

    #[tokio::test]
    async fn writer_undoes_a_command_of_which_something_follows_that_fails_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mode = Mode::Own { owner: "one".into() };
        let store = stand::open(&folder.path().join("rushes.db"), &mode, Arc::new(SystemClock), Routes::default()).unwrap();
        let mark = |name: &'static str, settles: Option<JobId>| {
            store.write(move |write| {
                settles.into_iter().for_each(|job| write.following.settles(job));
                rows::change(write.sql, "INSERT INTO marks(name, value) VALUES (?1, 1)", params![name])
            })
        };
        let nobodys = || Some(SystemClock.new_id().to_string().parse::<JobId>().unwrap());
        // Alone, and beside others that wait until the writer goes on.
        assert_eq!(mark("alone", nobodys()).await.unwrap_err().code, Code::NotFound);
        let (go, wait) = mpsc::channel::<()>();
        let held = store.write(move |_| {
            let _ = wait.recv();
            Ok(())
        });
        let all_wait = async move { drop(go) };
        let (held, one, unwell, two, ()) = tokio::join!(held, mark("one", None), mark("unwell", nobodys()), mark("two", None), all_wait);
        assert!(held.is_ok() && one.is_ok() && two.is_ok());
        assert_eq!(unwell.unwrap_err().code, Code::NotFound, "the job that was to be settled");
        for (name, value) in [("alone", 0), ("one", 1), ("unwell", 0), ("two", 1)] {
            assert_eq!(store.mark(name).await.unwrap(), value, "{name}");
        }
    }
}
