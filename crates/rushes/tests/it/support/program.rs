//! The real `rushes` on a temporary home, and ffmpeg to make inputs and to look at outputs.

#![expect(clippy::disallowed_methods, reason = "these tests start programs, which the product's own runner must not be asked to judge")]

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Small and short, so that a whole production takes seconds.
pub(crate) const SMALL: &str = "[media]\nwidth = 180\nheight = 320\nfps = 15\ndance_max_s = 3\n";

/// A folder with a home in it, and the program that works on it.
pub(crate) struct Program {
    folder: tempfile::TempDir,
    /// Set for each of its processes.
    pub(crate) variables: Vec<(&'static str, String)>,
}

/// How a run ended.
pub(crate) struct End {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl End {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}):\n{}\n{}", self.stdout, self.stderr))
    }

    /// Fails the test with all that was said unless the exit code is this one.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Program {
    /// With this `rushes.toml`; none at all when it is empty.
    pub(crate) fn with(config: &str) -> Self {
        let variables = super::outside::variables();
        let program = Self { folder: tempfile::tempdir().unwrap(), variables };
        if !config.is_empty() {
            program.write("rushes.toml", config.as_bytes());
        }
        program
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        self.command_at("home", args)
    }

    fn command_at(&self, home: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rushes"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RUSHES_")) {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // Where [`Program::watch_tools`] puts its own; mostly there is nothing.
        let path = std::env::join_paths([self.path("tools")].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())));
        command.envs(super::stores::told(&self.path(home)));
        command.env("PATH", path.unwrap()).current_dir(self.folder.path()).args(["--home", home]).args(args).stdin(Stdio::null());
        command
    }

    /// From now on each ffmpeg and ffprobe the program starts is written down.
    pub(crate) fn watch_tools(&self) {
        use std::os::unix::fs::PermissionsExt;
        let log = self.path("tools.log");
        for tool in ["ffmpeg", "ffprobe"] {
            let path = std::env::var_os("PATH").unwrap();
            let real = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file()).unwrap();
            let script = format!("#!/bin/sh\necho \"{tool} $*\" >> {}\nexec {} \"$@\"\n", log.display(), real.display());
            let file = self.write(&format!("tools/{tool}"), script.as_bytes());
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// How often ffmpeg and ffprobe were started since.
    pub(crate) fn tools_started(&self) -> (usize, usize) {
        let log = std::fs::read_to_string(self.path("tools.log")).unwrap_or_default();
        let count = |tool: &str| log.lines().filter(|line| line.starts_with(&format!("{tool} "))).count();
        (count("ffmpeg"), count("ffprobe"))
    }

    /// Runs to the end.
    pub(crate) fn run(&self, args: &[&str]) -> End {
        End::of(self.command(args).output().unwrap())
    }

    /// Installs the models of faces. False, after saying so, where they are not at hand.
    pub(crate) fn install_models(&self) -> bool {
        let Some([detector, embedder]) = rushes_testkit::shared::models() else { return false };
        self.run(&["models", "install", "--detector", detector.to_str().unwrap(), "--embedder", embedder.to_str().unwrap()]).expect(0);
        true
    }

    /// Runs to the end; its answer goes to this place.
    pub(crate) fn run_into(&self, args: &[&str], out: impl Into<Stdio>) -> End {
        End::of(self.command(args).stdout(out).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap())
    }

    /// Runs to the end in this folder, with a last argument of any bytes.
    pub(crate) fn run_bytes(&self, folder: &Path, args: &[&str], last: &[u8]) -> End {
        End::of(self.command(args).arg(OsStr::from_bytes(last)).current_dir(folder).output().unwrap())
    }

    /// Makes a pipe with a name, which nobody writes to.
    pub(crate) fn pipe(&self, name: &str) {
        assert!(Command::new("mkfifo").arg(self.path(name)).status().unwrap().success());
    }

    /// As [`Program::run`], on another home.
    pub(crate) fn run_at(&self, home: &str, args: &[&str]) -> End {
        End::of(self.command_at(home, args).output().unwrap())
    }

    /// Starts it and leaves it running.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// As [`Program::start`], with these variables set.
    pub(crate) fn start_with(&self, args: &[&str], env: &[(&str, &str)]) -> Child {
        self.command(args).envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// As [`Program::start`]; what it tells on stderr goes to the end of this file, so that it may tell much.
    pub(crate) fn start_told(&self, args: &[&str], log: &str) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.path(log)).unwrap();
        self.command(args).stdout(Stdio::piped()).stderr(log).spawn().unwrap()
    }

    /// Runs a shell script where file systems may be mounted that nobody else sees; `$RUSHES` is the program. None where
    /// the system does not allow that.
    pub(crate) fn in_own_mounts(&self, script: &str) -> Option<End> {
        let unshare = |script: &str| {
            Command::new("unshare")
                .args(["-rm", "sh", "-c", script])
                .current_dir(self.folder.path())
                .env("RUSHES", env!("CARGO_BIN_EXE_rushes"))
                .stdin(Stdio::null())
                .output()
        };
        unshare("mount -t tmpfs -o size=1m none /mnt").ok().filter(|output| output.status.success())?;
        Some(End::of(unshare(script).unwrap()))
    }

    /// Every asset, as the program lists it.
    pub(crate) fn assets(&self) -> Vec<Value> {
        self.run(&["assets", "ls", "--json"]).expect(0).json()["assets"].as_array().unwrap().clone()
    }
}

/// Waits for a started program.
pub(crate) fn end(child: Child) -> End {
    End::of(child.wait_with_output().unwrap())
}

/// Sends a signal by name to a program that was started here.
pub(crate) fn signal(child: &Child, name: &str) {
    let signal = match name {
        "INT" => rustix::process::Signal::INT,
        "KILL" => rustix::process::Signal::KILL,
        "STOP" => rustix::process::Signal::STOP,
        "CONT" => rustix::process::Signal::CONT,
        "TERM" => rustix::process::Signal::TERM,
        other => panic!("{other} is not sent by these tests"),
    };
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

/// The processes this one has started and that still live, as `/proc` says.
pub(crate) fn children_of(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // pid (name) state ppid: the name may hold anything, so the fields begin behind its last bracket.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if parent == Some(pid) {
            found.push(child);
        }
    }
    found
}

/// Whether a process is there and not only waiting to be buried.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Runs ffmpeg and fails the test if it does; for making inputs.
pub(crate) fn ffmpeg(args: &[&str], out: &Path) {
    let output = Command::new("ffmpeg").args(["-v", "error", "-y", "-nostdin"]).args(args).arg(out).output().unwrap();
    assert!(output.status.success(), "ffmpeg {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What ffprobe says of a file.
pub(crate) fn ffprobe(file: &Path) -> Value {
    let args = ["-v", "error", "-of", "json", "-show_format", "-show_streams", "-count_packets"];
    let output = Command::new("ffprobe").args(args).arg(file).output().unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The MD5 of what comes out of ffmpeg for these arguments: of decoded frames, samples, or copied packets.
pub(crate) fn md5_of(file: &Path, args: &[&str]) -> String {
    let output =
        Command::new("ffmpeg").args(["-v", "error", "-nostdin", "-i"]).arg(file).args(args).args(["-f", "md5", "-"]).output().unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Integrated loudness (LUFS) and true peak (dBTP), as ffmpeg's `ebur128` filter measures them.
pub(crate) fn loudness(file: &Path) -> (f64, f64) {
    let output =
        Command::new("ffmpeg").args(["-nostdin", "-i"]).arg(file).args(["-af", "ebur128=peak=true", "-f", "null", "-"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = said.rsplit_once("Summary:").unwrap_or_else(|| panic!("no loudness of {}: {said}", file.display())).1;
    let number = |label: &str| {
        let rest = summary.split_once(label).unwrap_or_else(|| panic!("no {label} in {summary}")).1;
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    (number("I:"), number("Peak:"))
}

/// The local file a `file://` address names.
pub(crate) fn file_of(uri: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = uri.strip_prefix("file://").unwrap_or_else(|| panic!("{uri} is no file address")).bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex: String = rest.by_ref().take(2).map(char::from).collect();
            bytes.push(u8::from_str_radix(&hex, 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    PathBuf::from(String::from_utf8(bytes).unwrap())
}
