//! One engine works on a home; what other processes want changed they ask of it, over a socket whose address stands in
//! the lock file: one line of JSON there, one line back.

use crate::home::{Home, Owner};
use crate::webhooks::Change;
use rushes_core::{Code, Fault, JobId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// The longest line read.
const LINE_MAX: u64 = 1024 * 1024;
/// How long the other side may take to write its line.
const LINE_LIMIT: Duration = Duration::from_secs(5);
/// How long a starting engine may take to open its socket.
const START_LIMIT: Duration = Duration::from_secs(2);
/// How long an answer may take: an audit looks at everything.
const ANSWER_LIMIT: Duration = Duration::from_hours(1);

/// What can be asked of the engine of a home.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Queue a job, or go on with an equal unfinished one. Gives the job's id, and whether it `is_new`.
    Submit {
        /// The workflow.
        workflow: String,
        /// Its parameters.
        input: Value,
        /// Another one, even where an equal one is unfinished.
        #[serde(default)]
        new: bool,
        /// When whoever asks began: an equal one that ended since counts as unfinished. An engine that is started to be
        /// asked goes on with what is unfinished at once, and may be faster.
        #[serde(default)]
        since_ms: Option<i64>,
    },
    /// Queue the job of a schedule out of its turn. Gives the job's id.
    Schedule {
        /// Its name.
        name: String,
    },
    /// Choose the take a job, or one of its children, waits for. Gives the id of the job that goes on.
    Choose {
        /// Which.
        job: JobId,
        /// Which take, from 1.
        take: u32,
    },
    /// Send a value to a name a job waits for, or will wait for. Gives the job's id.
    Signal {
        /// Which.
        job: JobId,
        /// The signal's name.
        name: String,
        /// Anything.
        value: Value,
    },
    /// Stop a job. Gives the job's id.
    Cancel {
        /// Which.
        job: JobId,
    },
    /// Say what became of what a step sent outside, where nobody could tell. Gives the job's id.
    Settle {
        /// Which.
        job: JobId,
        /// The step that sent it.
        step: String,
        /// The name it has there; None where it never arrived.
        arrived: Option<String>,
    },
    /// Take a failed job up again. Gives the job's id.
    Retry {
        /// Which.
        job: JobId,
        /// Whether it had failed when the engine was started for this request: the start itself sends what was refused,
        /// and may have been faster.
        #[serde(default)]
        had_failed: bool,
    },
    /// Send what a subject still owes. Gives how many deliveries that made due.
    Sync {
        /// Its id.
        subject: String,
    },
    /// Write every record anew. Gives how many that made due.
    Records {
        /// Only those of this catalog.
        catalog: Option<String>,
    },
    /// Remove what may go. Gives how much of each sort.
    Sweep,
    /// Change who is told of the ends of jobs. Gives what that asks for.
    Webhooks {
        /// What.
        change: Change,
    },
    /// Mend what an audit finds. Gives what was done.
    Fix {
        /// Read the bytes on this machine too.
        deep: bool,
    },
}

impl Ask {
    /// Whether asking it twice comes to the same, where nobody knows whether it was done.
    #[must_use]
    pub fn may_be_repeated(&self) -> bool {
        match self {
            Self::Submit { new, .. } => !new,
            Self::Webhooks { .. } | Self::Schedule { .. } | Self::Choose { .. } | Self::Signal { .. } | Self::Settle { .. } => false,
            Self::Cancel { .. } | Self::Retry { .. } | Self::Sync { .. } | Self::Records { .. } | Self::Sweep | Self::Fix { .. } => true,
        }
    }
}

/// Opens the socket of a home. A path too long for a socket's address gets one in the folder for temporary files.
/// Errors: `io`.
pub(crate) fn listen(home: &Home) -> Result<(UnixListener, PathBuf), Fault> {
    /// Linux allows 107 bytes, others 103.
    const ADDRESS_MAX: usize = 100;
    let beside = home.root().join("rushes.sock");
    let path = if beside.as_os_str().len() <= ADDRESS_MAX {
        beside
    } else {
        std::env::temp_dir().join(format!("rushes-{}.sock", std::process::id()))
    };
    // Left by an engine that was killed; the lock says that it is gone.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).map_err(|e| Fault::io("open socket", &path, &e))?;
    let mut mode = path.metadata().map_err(|e| Fault::io("look at socket", &path, &e))?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
    std::fs::set_permissions(&path, mode).map_err(|e| Fault::io("guard socket", &path, &e))?;
    Ok((listener, path))
}

/// Reads what is asked, has it answered, and writes that back.
pub(crate) async fn converse<F>(stream: UnixStream, answer: impl FnOnce(Ask) -> F)
where
    F: Future<Output = Result<Value, Fault>>,
{
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let asked = tokio::time::timeout(LINE_LIMIT, BufReader::new(read.take(LINE_MAX)).read_line(&mut line)).await;
    if !matches!(asked, Ok(Ok(1..))) {
        return;
    }
    let reply = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => answer(ask).await,
        Err(error) => Err(Fault::new(Code::InputInvalid, "read request").because(error)),
    };
    let mut text = serde_json::to_vec(&reply).unwrap_or_default();
    text.push(b'\n');
    // Who asked may have gone; what was done stands.
    let _ = write.write_all(&text).await;
}

/// Who works on a home, or did last; an engine that has just started gets a moment to open its socket.
pub async fn of(home: &Home) -> Option<Owner> {
    let end = tokio::time::Instant::now() + START_LIMIT;
    loop {
        let owner = home.owner();
        let is_starting = owner.as_ref().is_none_or(|owner| owner.socket.is_none() && owner.is_there());
        if !is_starting || tokio::time::Instant::now() > end {
            return owner;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A line to the engine that works on a home, for one request.
pub struct Line {
    stream: UnixStream,
    busy: Fault,
}

impl Line {
    /// Reaches it. Errors: `home_busy` when it cannot be reached; then nothing has been asked.
    pub async fn open(home: &Home) -> Result<Self, Fault> {
        let busy = Fault::new(Code::HomeBusy, "ask engine").with("home", home.root().display());
        let owner = of(home).await.ok_or_else(|| busy.clone())?;
        let busy = busy.with("pid", owner.pid);
        let socket = owner.socket.as_ref().ok_or_else(|| busy.clone().because("it takes no requests"))?;
        let stream = UnixStream::connect(socket).await.map_err(|e| busy.clone().because(e))?;
        Ok(Self { stream, busy })
    }

    /// Asks. Errors: `engine_gone` when it ended before it answered, so that nobody knows whether it was done; `home_busy`
    /// when it takes too long; its own.
    pub async fn ask(mut self, ask: &Ask) -> Result<Value, Fault> {
        let busy = self.busy.clone();
        let unanswered = |reason: &dyn std::fmt::Display| {
            Fault { code: Code::EngineGone, verdict: Code::EngineGone.row().verdict, ..busy.clone() }.because(reason)
        };
        let mut text = serde_json::to_vec(ask).map_err(|e| unanswered(&e))?;
        text.push(b'\n');
        self.stream.write_all(&text).await.map_err(|e| unanswered(&e))?;
        let mut line = String::new();
        let read = tokio::time::timeout(ANSWER_LIMIT, BufReader::new(&mut self.stream).read_line(&mut line)).await;
        match read {
            Ok(Ok(1..)) => serde_json::from_str::<Result<Value, Fault>>(&line).map_err(|e| unanswered(&e))?,
            Ok(Ok(_)) => Err(unanswered(&"it ended before it answered")),
            Ok(Err(error)) => Err(unanswered(&error)),
            Err(_) => Err(self.busy.because("it did not answer in time")),
        }
    }
}
