//! A server's process: started in a group of its own, awaited until it answers, ended with the test.

use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, mpsc};
use std::time::{Duration, Instant};

/// Python on a busy machine takes its time.
const START_WITHIN: Duration = Duration::from_secs(90);
const END_WITHIN: Duration = Duration::from_secs(3);

/// A running server. Dropping it ends the server and everything it started.
pub(super) struct Running {
    child: Child,
    ending: Signal,
    words: PathBuf,
    program: PathBuf,
}

/// How a program is to be run.
pub(super) struct Plan<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: Vec<String>,
    /// The user to run as; `None`: the one we are.
    pub(super) user: Option<&'a str>,
    /// What asks the server to end, ours and the kernel's when the test process dies.
    pub(super) ending: Signal,
    /// A folder of the test's, for what the server says.
    pub(super) home: &'a Path,
}

impl Plan<'_> {
    /// The command, to be killed with us and as the wanted user where `setpriv` is there to do so.
    #[expect(clippy::disallowed_methods, reason = "the testkit starts real servers, in groups of their own, ended with the test")]
    pub(super) fn command(&self) -> Command {
        let Some(setpriv) = super::on_path("setpriv") else {
            assert!(self.user.is_none(), "setpriv (Debian: util-linux) is needed to start {} as another user", self.program.display());
            let mut command = Command::new(self.program);
            command.args(&self.arguments);
            return command;
        };
        let mut command = Command::new(&setpriv);
        if let Some(user) = self.user {
            // The death signal is lost where the user changes, so it is asked for by a second one.
            command.args(["--reuid", user, "--regid", user, "--init-groups", "--"]).arg(&setpriv);
        }
        let signal = if self.ending == Signal::QUIT { "QUIT" } else { "KILL" };
        command.args(["--pdeathsig", signal, "--"]).arg(self.program).args(&self.arguments);
        command
    }

    /// Starts the server and waits until `address` takes connections that `is_ready` likes. An error, with what the server
    /// said, if it ended instead.
    pub(super) fn start(&self, address: SocketAddr, is_ready: fn(TcpStream) -> bool) -> Result<Running, String> {
        let mut running = self.begin()?;
        running.answers(address, is_ready)?;
        Ok(running)
    }

    /// Starts the server, and waits for nothing.
    pub(super) fn begin(&self) -> Result<Running, String> {
        use std::os::unix::process::CommandExt;
        let words = self.home.join("server.log");
        let log = File::create(&words).expect("a log in the server's folder");
        let mut command = self.command();
        command.process_group(0).stdin(Stdio::null()).stderr(log.try_clone().expect("a second handle")).stdout(log);
        let child = spawn(command).map_err(|error| error.to_string())?;
        Ok(Running { child, ending: self.ending, words, program: self.program.to_path_buf() })
    }
}

impl Running {
    /// Waits until `address` takes connections that `is_ready` likes. An error, with what the server said, if it ended instead.
    pub(super) fn answers(&mut self, address: SocketAddr, is_ready: fn(TcpStream) -> bool) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let is_answering = TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok_and(is_ready);
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{} ended with {status}: {}", self.program.display(), self.said()));
            }
            if is_answering {
                return Ok(());
            }
            assert!(started.elapsed() < START_WITHIN, "{} does not answer: {}", self.program.display(), self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its process, which others may descend from.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What the server has said so far.
    pub(super) fn said(&self) -> String {
        std::fs::read_to_string(&self.words).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Ok(id) = i32::try_from(self.child.id()) else { return };
        let Some(group) = Pid::from_raw(id) else { return };
        let _ = kill_process_group(group, self.ending);
        let asked = Instant::now();
        while asked.elapsed() < END_WITHIN && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // What is left of the group: those it started, or itself if it would not end.
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

/// Starts a process from a thread that lives as long as we do: the kernel sends the death signal when the *thread* that
/// started a process ends, and a test's thread ends before a server that is shared between tests.
fn spawn(command: Command) -> std::io::Result<Child> {
    static STARTER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (answer, started) = mpsc::channel();
    STARTER.lock().expect("nothing panics with the lock").send((command, answer)).expect("the starter never ends");
    started.recv().expect("the starter answers")
}

/// Starts on a claimed port, on others when somebody was faster. Panics with what the server said when none will do.
pub(super) fn start_on_a_port(plan: impl Fn(u16) -> Result<Running, String>) -> (Running, super::port::Port) {
    let mut said = String::new();
    for _ in 0..5 {
        let port = super::port::claim();
        match plan(port.number) {
            Ok(running) => return (running, port),
            Err(words) => said = words,
        }
    }
    panic!("a server would not start on five ports: {said}");
}
