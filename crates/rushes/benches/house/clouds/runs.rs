//! Processes that are measured: ours and rclone's, alike. Only their own processor time counts, not the server's.

use super::child;
use crate::measure::cpu_s;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Between two looks at a running process.
const LOOK: Duration = Duration::from_millis(5);
/// No process here takes as long.
const LIMIT: Duration = Duration::from_secs(400);

/// What one process took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ran {
    pub(super) wall_s: f64,
    pub(super) cpu_s: f64,
    pub(super) peak_mb: f64,
}

/// One that runs. One at a time is started and waited for, so what waited-for children have used is its own.
pub(super) struct Running {
    process: Child,
    began: Instant,
    cpu_s: f64,
    peak_mb: f64,
}

impl Running {
    pub(super) fn start(mut command: Command) -> Self {
        let (began, cpu_s) = (Instant::now(), cpu_s().1);
        Self { process: command.spawn().unwrap(), began, cpu_s, peak_mb: 0.0 }
    }

    /// Where it reads its lines from; once.
    pub(super) fn input(&mut self) -> ChildStdin {
        self.process.stdin.take().unwrap()
    }

    pub(super) fn output(&mut self) -> std::process::ChildStdout {
        self.process.stdout.take().unwrap()
    }

    fn look(&mut self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        self.peak_mb = peak.map_or(self.peak_mb, |kib| kib * 1024.0 / 1e6);
    }

    /// What it took, when it has ended, well.
    pub(super) fn has_ended(&mut self) -> Option<Ran> {
        self.look();
        let status = self.process.try_wait().unwrap()?;
        assert!(status.success(), "{status}");
        Some(Ran { wall_s: self.began.elapsed().as_secs_f64(), cpu_s: cpu_s().1 - self.cpu_s, peak_mb: self.peak_mb })
    }

    /// Waits until it has ended, well.
    pub(super) fn end(mut self) -> Ran {
        loop {
            if let Some(ran) = self.has_ended() {
                return ran;
            }
            if self.began.elapsed() > LIMIT {
                self.kill();
                panic!("it does not come to its end");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// `kill -9`.
    pub(super) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Where to deliver to.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) endpoint: String,
    pub(super) bucket: String,
}

/// Our process on this home, to be fed with lines.
#[expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]
pub(super) fn ours(home: &Path, place: &Place, in_flight: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(child::NAME).arg(home).args([&place.endpoint, &place.bucket, &in_flight.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Starts ours, hands these jobs in, and says that there will be no others.
pub(super) fn ours_with(home: &Path, place: &Place, in_flight: usize, jobs: &[Vec<PathBuf>]) -> Running {
    let mut running = Running::start(ours(home, place, in_flight));
    let mut input = running.input();
    jobs.iter().for_each(|files| hand_in(&mut input, files));
    running
}

pub(super) fn hand_in(input: &mut ChildStdin, files: &[PathBuf]) {
    let mut line = serde_json::to_vec(files).unwrap();
    line.push(b'\n');
    input.write_all(&line).unwrap();
}

/// rclone with its checks as they are by default: `Content-MD5` with each file, and a look at each afterwards. Into the
/// bucket itself: a folder of a bucket makes this server fail when rclone looks whether it is an object.
#[expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]
pub(super) fn rclone(from: &Path, place: &Place, more: &[&str]) -> Command {
    let mut command = Command::new("rclone");
    command.env_remove("AWS_CA_BUNDLE").env_remove("HTTP_PROXY").env_remove("http_proxy");
    let setting = |name: &str| format!("RCLONE_CONFIG_BENCH_{name}");
    command.env(setting("TYPE"), "s3").env(setting("PROVIDER"), "Other").env(setting("ENDPOINT"), &place.endpoint);
    command.env(setting("ACCESS_KEY_ID"), "test").env(setting("SECRET_ACCESS_KEY"), "testtest").env(setting("REGION"), "us-east-1");
    command.args(["copy", "--config", "", "--s3-no-check-bucket"]).arg(from).arg(format!("bench:{}", place.bucket)).args(more);
    command.stdin(Stdio::null());
    command
}

/// Whether rclone is there, and which.
#[expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]
pub(super) fn rclone_version() -> Option<String> {
    let output = Command::new("rclone").arg("version").output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}

/// A file of bytes that are like no other file's, on disk when this returns.
pub(super) fn make_file(path: &Path, bytes: usize, seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    };
    let mut file = std::io::BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let mut left = bytes;
    while left > 0 {
        let piece = next();
        let count = left.min(piece.len());
        file.write_all(&piece[..count]).unwrap();
        left -= count;
    }
    file.into_inner().unwrap();
}

/// So many files in one folder, so many to a job and subject; gives the files of each.
pub(super) fn make_files(root: &Path, files: usize, per_job: usize, bytes: usize, seed: u64) -> Vec<Vec<PathBuf>> {
    std::fs::create_dir_all(root).unwrap();
    let numbers: Vec<usize> = (0..files).collect();
    let make = |number: &usize| {
        let path = root.join(format!("s{}-f{number}.bin", number / per_job));
        make_file(&path, bytes, seed + *number as u64);
        path
    };
    let jobs = numbers.chunks(per_job).map(|numbers| numbers.iter().map(make).collect()).collect();
    rustix::fs::sync();
    jobs
}
