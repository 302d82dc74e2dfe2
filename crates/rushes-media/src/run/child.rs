//! A running child: watched while it runs, told apart by how it ended, and killed as a group when let go of.

use super::{Plan, command_line, spawner};
use rushes_core::{Cancel, Code, Fault};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a watcher looks at the cancel token.
const WATCH_EVERY: Duration = Duration::from_millis(25);

/// How much of stderr is kept: its end, where ffmpeg says what stopped it.
const TAIL_BYTES: usize = 4096;

/// As the C library says it.
const NO_MEMORY: &str = "Cannot allocate memory";

/// Why a watcher ended a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Cancelled,
    TimeUp,
    /// It used no processor time for its stall limit.
    Stalled,
}

/// What the watcher and the owner share.
#[derive(Debug, Default)]
struct Fate {
    /// Once set, the group's number may belong to somebody else.
    is_reaped: bool,
    ended: Option<Ended>,
    /// The most memory it was seen to hold, where that is bounded.
    held_bytes: u64,
}

/// A started child with its pipes, its watcher and the reader of its stderr.
pub(super) struct Running {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    operation: String,
    time_limit: Duration,
    data_bytes: Option<u64>,
    child: Child,
    group: Pid,
    fate: Arc<Mutex<Fate>>,
    stderr: Option<JoinHandle<String>>,
    /// Dropped to let the watcher go.
    watcher: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Running {
    /// Starts what `plan` says. stdout is piped; stdin too when `is_fed`, otherwise it is empty.
    pub(super) fn start(plan: &Plan, is_fed: bool, cancel: &Cancel) -> Result<Self, Fault> {
        let fail = |error: std::io::Error| Fault::io(&*plan.operation, std::path::Path::new(plan.program), &error);
        if cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, &*plan.operation));
        }
        let mut child = spawner::spawn(command(plan, is_fed)?).map_err(fail)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Pid::from_child(&child);
        let fate = Arc::new(Mutex::new(Fate::default()));
        let mut running = Self {
            stdin,
            stdout,
            operation: plan.operation.clone(),
            time_limit: plan.time_limit,
            data_bytes: plan.data_bytes,
            child,
            group,
            fate,
            stderr: None,
            watcher: None,
        };
        // From here on, leaving early drops `running`, which kills the child.
        if let Some(pipe) = stderr {
            running.stderr = Some(thread("media-stderr", move || read_tail(pipe)).map_err(fail)?);
        }
        let (let_go, is_let_go) = channel();
        let (fate, cancel) = (running.fate.clone(), cancel.clone());
        let bounds = Bounds { time: plan.time_limit, stall: plan.stall_limit, data_bytes: plan.data_bytes };
        let watch = move || watch(group, &fate, &cancel, bounds, &is_let_go);
        running.watcher = Some((let_go, thread("media-watch", watch).map_err(fail)?));
        Ok(running)
    }

    /// Waits for the end; returns what was left on stderr by a child that succeeded.
    pub(super) fn finish(mut self) -> Result<String, Fault> {
        let status = self.reap();
        let (ended, held_bytes) = {
            let fate = lock(&self.fate);
            (fate.ended, fate.held_bytes)
        };
        let tail = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        let status = status.map_err(|error| Fault::new(Code::Io, &*self.operation).because(error))?;
        judge(&self.operation, self.time_limit, status, ended, tail).map_err(|fault| match self.data_bytes {
            // Some decoders call it damage when they get no memory for a frame.
            Some(limit) if fault.code == Code::MediaTool && held_bytes >= limit / 5 * 4 => {
                let said = fault.reason.clone().unwrap_or_default();
                fault.because(format!("{NO_MEMORY} beyond {} MB: {said}", limit >> 20))
            }
            _ => fault,
        })
    }

    /// Ends it now; the reason is the caller's.
    pub(super) fn kill(&mut self) {
        let fate = lock(&self.fate);
        if !fate.is_reaped {
            kill_group(self.group);
        }
    }

    /// Waits for the leader, ends whatever it left behind, and frees its number.
    fn reap(&mut self) -> std::io::Result<ExitStatus> {
        if lock(&self.fate).is_reaped {
            // The standard library remembers the status; the number may be somebody else's by now.
            return self.child.wait();
        }
        // Closed, so that a child that reads or writes further comes to its end.
        self.stdin = None;
        self.stdout = None;
        // NOWAIT keeps the number taken, so that the group can still be signalled safely.
        let until_ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while rustix::process::waitid(WaitId::Pid(self.group), until_ended).is_err_and(|error| error == rustix::io::Errno::INTR) {}
        let status = {
            let mut fate = lock(&self.fate);
            kill_group(self.group);
            fate.is_reaped = true;
            self.child.wait()
        };
        if let Some((let_go, watcher)) = self.watcher.take() {
            drop(let_go);
            watcher.join().ok();
        }
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if lock(&self.fate).is_reaped {
            return;
        }
        self.kill();
        self.reap().ok();
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the runner")]
fn command(plan: &Plan, is_fed: bool) -> Result<Command, Fault> {
    let line = command_line::of(plan)?;
    let mut parts = line.into_iter();
    let mut command = Command::new(parts.next().unwrap_or_default());
    command
        .args(parts)
        .process_group(0)
        .stdin(if is_fed { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // ffmpeg would write a report where this points to.
        .env_remove("FFREPORT")
        .env("AV_LOG_FORCE_NOCOLOR", "1")
        // Messages are looked at for known causes; and each arena reserves 64 MB of address space per thread.
        .env("LC_ALL", "C")
        .env("MALLOC_ARENA_MAX", "4");
    Ok(command)
}

fn thread<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.into()).spawn(work)
}

fn lock(fate: &Mutex<Fate>) -> MutexGuard<'_, Fate> {
    fate.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kill_group(group: Pid) {
    // The only error there can be is that nobody is left.
    rustix::process::kill_process_group(group, Signal::KILL).ok();
}

/// How long a child may run and stand still.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    time: Duration,
    stall: Option<Duration>,
    data_bytes: Option<u64>,
}

/// Ends the group when the work is cancelled, its time is up or it stands still, until let go of.
fn watch(group: Pid, fate: &Mutex<Fate>, cancel: &Cancel, bounds: Bounds, is_let_go: &std::sync::mpsc::Receiver<()>) {
    let start = Instant::now();
    let mut moved = Moved { used: None, at: start };
    while is_let_go.recv_timeout(WATCH_EVERY) == Err(RecvTimeoutError::Timeout) {
        if bounds.data_bytes.is_some() {
            let held_bytes = held_bytes(group);
            let mut fate = lock(fate);
            fate.held_bytes = fate.held_bytes.max(held_bytes);
        }
        let is_stalled = bounds.stall.is_some_and(|limit| moved.is_still(group, limit));
        let ended = match (cancel.is_cancelled(), start.elapsed() >= bounds.time) {
            (true, _) => Ended::Cancelled,
            (false, true) => Ended::TimeUp,
            (false, false) if is_stalled => Ended::Stalled,
            (false, false) => continue,
        };
        let mut fate = lock(fate);
        if !fate.is_reaped {
            fate.ended = Some(ended);
            kill_group(group);
        }
        return;
    }
}

/// Memory the leader of a group may write to; nothing where the system does not tell.
fn held_bytes(group: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", group.as_raw_nonzero())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    line.and_then(|kilobytes| kilobytes.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// When a child was last seen to have worked.
struct Moved {
    used: Option<String>,
    at: Instant,
}

impl Moved {
    /// Whether the leader of a group has used no processor time for so long, and is not waiting for a disk. Where the
    /// system does not tell, nothing stands still.
    fn is_still(&mut self, group: Pid, limit: Duration) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", group.as_raw_nonzero())).unwrap_or_default();
        // pid (name) state …: the name may hold anything, so the fields begin behind its last bracket.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect());
        let (Some(state), Some(user), Some(system)) = (fields.first(), fields.get(11), fields.get(12)) else {
            self.at = Instant::now();
            return false;
        };
        let used = format!("{user} {system}");
        let is_waiting_to_run = matches!(*state, "D" | "R");
        if is_waiting_to_run || self.used.as_ref() != Some(&used) {
            *self = Self { used: Some(used), at: Instant::now() };
        }
        self.at.elapsed() >= limit
    }
}

/// Reads to the end and keeps the last [`TAIL_BYTES`].
fn read_tail(mut pipe: ChildStderr) -> String {
    let mut tail = Vec::with_capacity(TAIL_BYTES * 2);
    let mut piece = [0; 2048];
    while let Ok(count @ 1..) = pipe.read(&mut piece) {
        tail.extend_from_slice(&piece[..count]);
        if tail.len() > TAIL_BYTES * 2 {
            tail.drain(..tail.len() - TAIL_BYTES);
        }
    }
    tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
    String::from_utf8_lossy(&tail).trim().to_owned()
}

/// Turns an end into a result.
fn judge(operation: &str, limit: Duration, status: ExitStatus, ended: Option<Ended>, tail: String) -> Result<String, Fault> {
    /// Processor time is up.
    const SIGXCPU: i32 = 24;
    match ended {
        Some(Ended::Cancelled) => return Err(Fault::new(Code::Cancelled, operation)),
        Some(Ended::Stalled) => {
            return Err(Fault::new(Code::MediaTool, operation).because("it stood still, as it does when memory runs out"));
        }
        Some(Ended::TimeUp) => return Err(Fault::new(Code::TimeLimit, operation).because(format!("it ran for {} s", limit.as_secs_f32()))),
        None => {}
    }
    // ffmpeg ends with 0 when only the last bytes of a file could not be written.
    if tail.contains("No space left on device") || tail.contains("Disk quota exceeded") {
        return Err(Fault::new(Code::DiskFull, operation).because(tail));
    }
    if status.success() && !tail.contains("Error writing trailer") {
        return Ok(tail);
    }
    let cause = match (status.code(), status.signal()) {
        _ if !tail.is_empty() => tail,
        (Some(code), _) => format!("it ended with exit code {code} and said nothing"),
        (None, signal) => format!("it was ended by signal {}", signal.unwrap_or_default()),
    };
    let code = if status.signal() == Some(SIGXCPU) { Code::TimeLimit } else { Code::MediaTool };
    Err(Fault::new(code, operation).because(cause))
}

/// The stdin of a running ffmpeg. Ends with [`Feed::finish`]; dropped before that, the process is killed.
pub(crate) struct Feed {
    running: Running,
}

impl Feed {
    pub(super) fn new(running: Running) -> Self {
        Self { running }
    }

    /// Writes all of `bytes`; when the process has stopped reading, says why it did.
    ///
    /// Errors: `media_tool`, `disk_full`, `cancelled`, `time_limit`. After an error the process is gone.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Err(error) = self.write_all(bytes) else { return Ok(()) };
        let operation = self.running.operation.clone();
        if error.kind() != std::io::ErrorKind::BrokenPipe {
            self.running.kill();
            return Err(Fault::new(Code::Io, operation).because(error));
        }
        let status = self.running.reap().map_err(|error| Fault::new(Code::Io, &*operation).because(error))?;
        let tail = self.running.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        let ended = lock(&self.running.fate).ended;
        let tail = judge(&operation, self.running.time_limit, status, ended, tail)?;
        Err(Fault::new(Code::MediaTool, operation).because(format!("it stopped reading early. {tail}")))
    }

    /// Closes stdin and waits for the end; returns what it complained of although it succeeded.
    ///
    /// Errors: `media_tool`, `disk_full`, `cancelled`, `time_limit`.
    pub(crate) fn finish(self) -> Result<String, Fault> {
        let mut running = self.running;
        running.stdin = None;
        running.finish()
    }
}

impl Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.running.stdin.as_mut().map_or_else(|| Err(std::io::ErrorKind::BrokenPipe.into()), |pipe| pipe.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
