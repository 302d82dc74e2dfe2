//! ComfyUI as a child of the worker: started, started again when it ends, and ended with the worker, however that ends.

use rushes_core::{Code, Fault};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it is looked whether it still runs.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Before it is started again; doubles with each start that did not last.
const BACKOFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// Who ran for so long was well.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// What starts it.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) line: Vec<String>,
    pub(crate) folder: Option<PathBuf>,
}

enum Order {
    Restart,
    End,
}

/// The child, kept running by a thread of its own: the signal by which it dies with us fires when the thread that started it
/// ends.
pub(super) struct Child {
    orders: Sender<Order>,
    starts: Arc<AtomicU32>,
    keeper: Option<JoinHandle<()>>,
}

impl Child {
    /// Starts it; what it says goes into `log`, which begins anew with each start. Errors: `config_invalid` where the command
    /// cannot be run.
    pub(super) fn start(command: Command, log: PathBuf) -> Result<Self, Fault> {
        let (orders, ordered) = channel();
        let starts = Arc::new(AtomicU32::new(0));
        let (count, (told, heard)) = (starts.clone(), channel());
        let keeper = std::thread::Builder::new().name("comfyui".into()).spawn(move || match spawn(&command, &log) {
            Ok(first) => {
                count.store(1, Ordering::SeqCst);
                let _ = told.send(Ok(()));
                keep(first, &command, &log, &ordered, &count);
            }
            Err(error) => drop(told.send(Err(error))),
        });
        let refuse = |e: std::io::Error| {
            let fault = Fault::new(Code::ConfigInvalid, "start ComfyUI").with("setting", "worker.command");
            fault.because(format!("{e}; it is a program and its arguments, such as [\"python3\", \"main.py\"]"))
        };
        let keeper = keeper.map_err(refuse)?;
        heard.recv().unwrap_or_else(|_| Err(std::io::Error::other("its keeper is gone"))).map_err(refuse)?;
        Ok(Self { orders, starts, keeper: Some(keeper) })
    }

    /// How often it was started.
    pub(super) fn starts(&self) -> u32 {
        self.starts.load(Ordering::SeqCst)
    }

    /// Ends it and starts it again at once.
    pub(super) fn restart(&self) {
        let _ = self.orders.send(Order::Restart);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::End);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one program a worker starts")]
fn spawn(command: &Command, log: &Path) -> std::io::Result<Process> {
    use std::os::unix::process::CommandExt;
    let mut line: Vec<&str> = Vec::new();
    // It ends with us, also when we are killed.
    if std::process::Command::new("setpriv").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok() {
        line.extend(["setpriv", "--pdeathsig", "KILL", "--"]);
    }
    line.extend(command.line.iter().map(String::as_str));
    let (program, arguments) = line.split_first().ok_or_else(|| std::io::Error::other("it is empty"))?;
    let out = File::create(log)?;
    let mut process = std::process::Command::new(program);
    process.args(arguments).process_group(0).stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
    if let Some(folder) = &command.folder {
        process.current_dir(folder);
    }
    process.spawn()
}

fn end(process: &mut Process) {
    if let Some(group) = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // The only error there can be is that nobody is left.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = process.wait();
}

/// Keeps it running until told to end.
fn keep(mut process: Process, command: &Command, log: &Path, orders: &Receiver<Order>, starts: &AtomicU32) {
    let (mut since, mut backoff) = (Instant::now(), BACKOFF[0]);
    loop {
        let pause = match orders.recv_timeout(LOOK_EVERY) {
            Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return end(&mut process),
            Ok(Order::Restart) => {
                end(&mut process);
                Duration::ZERO
            }
            Err(RecvTimeoutError::Timeout) => match process.try_wait() {
                Ok(None) => continue,
                ended => {
                    backoff = if since.elapsed() > WELL_AFTER { BACKOFF[0] } else { backoff };
                    tracing::warn!(?ended, log = %log.display(), again_in_s = backoff.as_secs(), "ComfyUI has ended; it is started again");
                    // Whatever it had started goes with it.
                    end(&mut process);
                    let pause = backoff;
                    backoff = (backoff * 2).min(BACKOFF[1]);
                    pause
                }
            },
        };
        if !pause.is_zero() && matches!(orders.recv_timeout(pause), Ok(Order::End) | Err(RecvTimeoutError::Disconnected)) {
            return;
        }
        match spawn(command, log) {
            Ok(started) => process = started,
            // It is found to have ended at the next look.
            Err(error) => tracing::error!(%error, "ComfyUI could not be started"),
        }
        since = Instant::now();
        starts.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it never came");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn worker_children_are_started_again_and_end_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (pids, log) = (folder.path().join("pids"), folder.path().join("log"));
        let script = format!("echo $$ >> {}; exec sleep 600", pids.display());
        let command = Command { line: vec!["sh".into(), "-c".into(), script], folder: None };
        let child = Child::start(command, log.clone()).unwrap();
        let all = || -> Vec<String> { std::fs::read_to_string(&pids).unwrap_or_default().lines().map(str::to_owned).collect() };
        let lives = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        until(|| all().len() == 1);
        let first = rustix::process::Pid::from_raw(all()[0].parse().unwrap()).unwrap();
        rustix::process::kill_process(first, rustix::process::Signal::KILL).unwrap();
        until(|| all().len() == 2);
        child.restart();
        until(|| all().len() == 3);
        assert_eq!(child.starts(), 3);
        assert!(!lives(&all()[0]) && !lives(&all()[1]) && lives(&all()[2]));
        drop(child);
        assert!(!lives(&all()[2]), "it ends with its keeper");
        let none = Command { line: vec!["rushes-no-such-program".into()], folder: None };
        let fault = Child::start(none, log);
        // With a wrapper around it, it starts and ends at once; without one it is refused.
        assert!(fault.is_ok() || fault.is_err_and(|fault| fault.code == Code::ConfigInvalid));
    }
}
