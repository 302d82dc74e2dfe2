//! The only room that starts processes: ffmpeg, ffprobe and what opens photos they do not, bounded, watched and killed with us.
//!
//! [`Ffmpeg`] and [`Ffprobe`] are argument builders that end in one way of running: to the end with progress, to the
//! end with what was written, frame by frame, or fed through stdin. [`encode`] holds the contract of every video we
//! make and the frame encoder; [`decode`] turns files into samples and pixels.
//!
//! What does not live here: what to ask ffmpeg for (edit plans, loudness, stills, inspection).

mod behind;
mod child;
mod command_line;
pub(crate) mod decode;
pub mod encode;
mod input;
mod limits;
mod outside;
#[cfg(test)]
pub(crate) mod sample;
mod spawner;
#[cfg(test)]
mod tests;

pub use behind::behind;
pub(crate) use child::Feed;
use child::Running;
pub(crate) use input::{add_input, input_args};
pub(crate) use limits::{MEMORY_LIMIT_BYTES, STRANGER_MEMORY_BYTES, STRANGER_STALL, TIME_LIMIT};
pub(crate) use outside::Outside;
use rushes_core::{Cancel, Code, Fault};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

/// Is shown one piece of what a process writes at a time; may break off.
pub type Each<'a> = dyn FnMut(&[u8]) -> Result<ControlFlow<()>, Fault> + 'a;

/// One call of ffmpeg. Always `-nostdin -hide_banner -v error -y`.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    plan: Plan,
}

/// One call of ffprobe. Always `-hide_banner -v error`.
#[derive(Debug, Clone)]
pub(crate) struct Ffprobe {
    plan: Plan,
}

/// What is needed to start a process.
#[derive(Debug, Clone)]
struct Plan {
    program: &'static str,
    operation: String,
    args: Vec<OsString>,
    time_limit: Duration,
    memory_bytes: u64,
    /// Memory that is written to, where it is bounded more closely than the address space.
    data_bytes: Option<u64>,
    /// How long it may stand still.
    stall_limit: Option<Duration>,
}

impl Plan {
    fn new(program: &'static str, operation: &str, args: &[&str]) -> Self {
        Self {
            program,
            operation: operation.to_owned(),
            args: args.iter().map(OsString::from).collect(),
            time_limit: TIME_LIMIT,
            memory_bytes: MEMORY_LIMIT_BYTES,
            data_bytes: None,
            stall_limit: None,
        }
    }

    /// Runs to the end and returns stdout and the tail of stderr; more than `max_bytes` of stdout is `file_too_large`.
    fn output(&self, cancel: &Cancel, max_bytes: usize) -> Result<(Vec<u8>, String), Fault> {
        let mut running = Running::start(self, false, cancel)?;
        let mut out = Vec::new();
        let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        let read = running.stdout.take().map_or(Ok(0), |pipe| pipe.take(limit).read_to_end(&mut out));
        if out.len() > max_bytes {
            running.kill();
            return Err(Fault::new(Code::FileTooLarge, &*self.operation).because(format!("more than {max_bytes} bytes came out")));
        }
        let tail = running.finish()?;
        read.map_err(|error| Fault::new(Code::Io, &*self.operation).because(error))?;
        Ok((out, tail))
    }
}

macro_rules! builder {
    ($vis:vis $tool:ident) => {
        impl $tool {
            /// Adds arguments.
            #[must_use]
            $vis fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
                self.plan.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
                self
            }

            /// Adds a file to read: the safety flags of [`input_args`], then `-i`.
            #[must_use]
            $vis fn input(self, path: &Path) -> Self {
                self.args(input_args(path))
            }

            /// Another wall time than [`TIME_LIMIT`].
            #[must_use]
            pub(crate) fn time_limit(mut self, limit: Duration) -> Self {
                self.plan.time_limit = limit;
                self
            }

            /// For files nobody has looked at yet: [`STRANGER_MEMORY_BYTES`] and [`STRANGER_STALL`]. Only for runs whose
            /// output is always read, since one that waits for us stands still, too.
            #[must_use]
            pub(crate) fn on_a_stranger(mut self) -> Self {
                self.plan.data_bytes = Some(STRANGER_MEMORY_BYTES);
                self.plan.stall_limit = Some(STRANGER_STALL);
                self
            }

            /// Runs to the end and returns what it wrote to stdout.
            ///
            /// Errors: `file_too_large` beyond `max_bytes`; `media_tool`, `media_tool_missing`, `disk_full`,
            /// `cancelled`, `time_limit`.
            pub(crate) fn output(self, cancel: &Cancel, max_bytes: usize) -> Result<Vec<u8>, Fault> {
                self.plan.output(cancel, max_bytes).map(|(out, _)| out)
            }
        }
    };
}
builder!(pub Ffmpeg);
builder!(pub(crate) Ffprobe);

impl Ffprobe {
    /// `operation` is what a fault says was being done.
    #[must_use]
    pub(crate) fn new(operation: &str) -> Self {
        Self { plan: Plan::new("ffprobe", operation, &["-hide_banner", "-v", "error"]) }
    }
}

impl Ffmpeg {
    /// `operation` is what a fault says was being done.
    #[must_use]
    pub fn new(operation: &str) -> Self {
        Self { plan: Plan::new("ffmpeg", operation, &["-nostdin", "-hide_banner", "-v", "error", "-y"]) }
    }

    /// Adds one argument.
    #[must_use]
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.plan.args.push(arg.as_ref().to_owned());
        self
    }

    /// Another address space than [`MEMORY_LIMIT_BYTES`].
    #[must_use]
    pub(crate) fn memory_limit(mut self, bytes: u64) -> Self {
        self.plan.memory_bytes = bytes;
        self
    }

    /// Memory it may touch: another bound than [`Self::on_a_stranger`] sets.
    #[must_use]
    pub(crate) fn data_limit(mut self, bytes: u64) -> Self {
        self.plan.data_bytes = Some(bytes);
        self
    }

    /// Adds a file to write: its name is taken as it is, whatever characters are in it.
    #[must_use]
    pub fn to(self, path: &Path) -> Self {
        let mut name = OsString::from("file:");
        name.push(path);
        self.arg(name)
    }

    /// Runs to the end; `progress` is told the media time written so far, about four times a second.
    /// Returns how far it came.
    ///
    /// Errors: `media_tool`, `media_tool_missing`, `disk_full`, `cancelled`, `time_limit`.
    pub fn run(self, cancel: &Cancel, progress: &mut dyn FnMut(Duration)) -> Result<Reached, Fault> {
        self.run_to_end(None, cancel, progress)
    }

    /// As [`Self::run`], with all that is to be read from `pipe:0`.
    ///
    /// Errors: those of [`Self::run`].
    pub(crate) fn run_fed(self, bytes: &[u8], cancel: &Cancel, progress: &mut dyn FnMut(Duration)) -> Result<Reached, Fault> {
        self.run_to_end(Some(bytes), cancel, progress)
    }

    fn run_to_end(mut self, fed: Option<&[u8]>, cancel: &Cancel, progress: &mut dyn FnMut(Duration)) -> Result<Reached, Fault> {
        let global = ["-progress", "pipe:1", "-stats_period", "0.25"].map(OsString::from);
        self.plan.args.splice(0..0, global);
        let mut running = Running::start(&self.plan, fed.is_some(), cancel)?;
        let mut reached = Reached::default();
        let (stdin, stdout) = (running.stdin.take(), running.stdout.take());
        // Fed from beside, since a process that is not listened to stops reading.
        std::thread::scope(|scope| {
            if let (Some(mut stdin), Some(bytes)) = (stdin, fed) {
                // A process that stops reading says why by its exit code and stderr.
                scope.spawn(move || stdin.write_all(bytes).ok());
            }
            for line in stdout.into_iter().flat_map(|pipe| BufReader::new(pipe).lines().map_while(Result::ok)) {
                if let Some(time) = reached.take(&line) {
                    progress(time);
                }
            }
        });
        reached.messages = running.finish()?;
        Ok(reached)
    }

    /// Runs to the end, or until `each` breaks off; `each` sees stdout in pieces of exactly `piece_bytes` (an
    /// incomplete last piece is dropped). Returns how many pieces there were.
    ///
    /// Errors: those of [`Self::run`], and those of `each`.
    pub fn stream(self, cancel: &Cancel, piece_bytes: usize, each: &mut Each) -> Result<u64, Fault> {
        let mut running = Running::start(&self.plan, false, cancel)?;
        let mut piece = vec![0; piece_bytes];
        let mut count = 0;
        if let Some(mut pipe) = running.stdout.take() {
            while pipe.read_exact(&mut piece).is_ok() {
                count += 1;
                // Leaving early drops `running`, which kills the process.
                if each(&piece)?.is_break() {
                    return Ok(count);
                }
            }
        }
        running.finish()?;
        Ok(count)
    }

    /// Starts, and returns the writer of its stdin; input it is given as `pipe:0`. Dropping the writer kills it.
    ///
    /// Errors: `media_tool_missing`, `cancelled`, `io`.
    pub(crate) fn feed(self, cancel: &Cancel) -> Result<Feed, Fault> {
        Running::start(&self.plan, true, cancel).map(Feed::new)
    }
}

/// How far a run came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// Media time written.
    pub time: Duration,
    /// Frames written to the first video output.
    pub frames: u64,
    /// What it complained of although it succeeded (the tail).
    pub messages: String,
}

impl Reached {
    /// Takes in one line of `-progress`; returns the time when the line is about time.
    fn take(&mut self, line: &str) -> Option<Duration> {
        let (key, value) = line.split_once('=')?;
        match key {
            "frame" => self.frames = value.trim().parse().unwrap_or(self.frames),
            "out_time_us" => {
                self.time = Duration::from_micros(value.trim().parse().ok()?);
                return Some(self.time);
            }
            _ => {}
        }
        None
    }
}

/// The version of the installed ffmpeg (`5.1.9-0+deb12u1`); part of the input hash of every step that uses it.
/// Asked once; a missing installation is asked for again each time.
///
/// Errors: `media_tool_missing`, `media_tool`, `cancelled`.
pub fn version(cancel: &Cancel) -> Result<String, Fault> {
    static KNOWN: Mutex<Option<String>> = Mutex::new(None);
    if let Some(known) = KNOWN.lock().ok().and_then(|known| known.clone()) {
        return Ok(known);
    }
    let text = Ffmpeg::new("ask ffmpeg's version").arg("-version").output(cancel, 64 << 10)?;
    let text = String::from_utf8_lossy(&text);
    let found = text.split_whitespace().nth(2).unwrap_or("unknown").to_owned();
    if let Ok(mut known) = KNOWN.lock() {
        *known = Some(found.clone());
    }
    Ok(found)
}
