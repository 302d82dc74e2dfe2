//! A Postgres of one test: a fresh cluster in a temporary folder, any user trusted; nothing synced to disk, unless it is to be
//! measured.

use super::child::{Plan, Running, start_on_a_port};
use super::port::Port;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The user who owns the cluster where the test is run by root, as whom Postgres will not start.
const SERVICE_USER: &str = "postgres";
/// For a test: quick, and forgotten with the machine.
const QUICK: &[&str] = &["fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=100"];
/// For a measurement: as the server is by itself, with room for several nodes and their peers.
const SYNCED: &[&str] = &["max_connections=100"];
/// Counts statements, where it is installed.
const COUNTER: &str = "pg_stat_statements";

/// A Postgres cluster of one test, with the empty database `postgres`.
pub struct Postgres {
    running: Option<Running>,
    programs: PathBuf,
    settings: Vec<String>,
    /// `127.0.0.1`
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its superuser, who needs no password.
    pub user: String,
    /// The database that is there from the start.
    pub database: String,
    home: tempfile::TempDir,
    _port: Port,
}

impl Postgres {
    /// Ends it at once, as a machine does that is switched off, and starts it again with what it has on disk. Returns when it
    /// lets sessions in; `away` is how long it stays away.
    pub fn restart(&mut self, away: Duration) {
        self.running = None;
        std::thread::sleep(away);
        let started = start(&self.programs, self.home.path(), self.port, &self.settings);
        self.running = Some(started.expect("it starts where it was"));
    }

    /// `postgres://USER@HOST:PORT/DATABASE`
    pub fn url(&self) -> String {
        format!("postgres://{}@{}:{}/{}", self.user, self.host, self.port, self.database)
    }

    /// The process all others of it descend from.
    pub fn process(&self) -> u32 {
        self.running.as_ref().map_or(0, Running::process)
    }

    /// Where it listens, for a proxy before it.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }
}

/// Starts Postgres, or says that it is skipped.
pub fn postgres() -> Option<Postgres> {
    started(|_| QUICK.iter().map(|setting| (*setting).to_owned()).collect())
}

/// As [`postgres`], but what is committed is on disk, as in earnest, and statements are counted where the server can.
pub fn postgres_synced() -> Option<Postgres> {
    started(|programs| {
        // Where a name on PATH is a link, what belongs to it is not beside that.
        let program = programs.join("postgres").canonicalize().unwrap_or_default();
        let counts = program.ancestors().nth(2).is_some_and(|folder| folder.join("lib").join(format!("{COUNTER}.so")).is_file());
        let counter = counts.then(|| format!("shared_preload_libraries={COUNTER}"));
        SYNCED.iter().map(|setting| (*setting).to_owned()).chain(counter).collect()
    })
}

fn started(settings: impl Fn(&Path) -> Vec<String>) -> Option<Postgres> {
    let is_root = rustix::process::geteuid().is_root();
    let Some(programs) = programs().filter(|_| !is_root || has_service_user()) else {
        return super::skip("postgres", "RUSHES_POSTGRES_BIN");
    };
    let user = is_root.then_some(SERVICE_USER);
    let home = tempfile::tempdir().expect("a temporary folder");
    if is_root {
        give_to_service_user(home.path());
    }
    let data = home.path().join("data").display().to_string();
    make_cluster(&programs.join("initdb"), user, home.path(), &data);
    let settings = settings(&programs);
    let (running, port) = start_on_a_port(|port| start(&programs, home.path(), port, &settings));
    Some(Postgres {
        running: Some(running),
        programs,
        settings,
        host: "127.0.0.1".into(),
        port: port.number,
        user: "postgres".into(),
        database: "postgres".into(),
        home,
        _port: port,
    })
}

/// Starts the server of a cluster on a port.
fn start(programs: &Path, home: &Path, port: u16, settings: &[String]) -> Result<Running, String> {
    let data = home.join("data").display().to_string();
    let mut arguments: Vec<String> = ["-D", &data, "-p", &port.to_string()].map(str::to_owned).into();
    let fixed = ["listen_addresses=127.0.0.1", "unix_socket_directories="].map(str::to_owned);
    arguments.extend(fixed.iter().chain(settings).flat_map(|setting| ["-c".to_owned(), setting.clone()]));
    let user = rustix::process::geteuid().is_root().then_some(SERVICE_USER);
    // QUIT ends it at once, and it still gives its shared memory back.
    let plan = Plan { program: &programs.join("postgres"), arguments, user, ending: Signal::QUIT, home };
    plan.start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), takes_sessions)
}

/// The folder with `postgres` and `initdb`: named in the environment, on PATH, or the newest Debian has.
fn programs() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("RUSHES_POSTGRES_BIN").filter(|named| !named.is_empty()) {
        return Some(PathBuf::from(named));
    }
    let has_both = |folder: &PathBuf| folder.join("postgres").is_file() && folder.join("initdb").is_file();
    if let Some(folder) = super::on_path("postgres").and_then(|file| file.parent().map(Path::to_path_buf)).filter(has_both) {
        return Some(folder);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.path()).filter(|path| has_both(&path.join("bin"))).max_by_key(number)?;
    Some(newest.join("bin"))
}

fn has_service_user() -> bool {
    service_ids().is_some()
}

/// The user and group id of [`SERVICE_USER`].
fn service_ids() -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(SERVICE_USER))?;
    let mut fields = line.split(':').skip(2).map(|field| field.parse().ok());
    Some((fields.next()??, fields.next()??))
}

fn give_to_service_user(folder: &Path) {
    let (user, group) = service_ids().expect("asked for before");
    std::os::unix::fs::chown(folder, Some(user), Some(group)).expect("root may give a folder away");
}

fn make_cluster(initdb: &Path, user: Option<&str>, home: &Path, data: &str) {
    let arguments = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"].map(str::to_owned).into();
    let plan = Plan { program: initdb, arguments, user, ending: Signal::KILL, home };
    let made = plan.command().current_dir(home).output().expect("initdb can be started");
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
}

/// Whether a session is let in. A starting server listens before it does so, and answers with an error (`E`).
fn takes_sessions(mut stream: TcpStream) -> bool {
    let mut hello = vec![0, 3, 0, 0];
    hello.extend_from_slice(b"user\0postgres\0\0");
    let length = u32::try_from(hello.len() + 4).expect("a short message");
    let mut answer = [0];
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(&length.to_be_bytes()).and_then(|()| stream.write_all(&hello)).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *b"R"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_takes_sessions_and_ends_with_its_value() {
        let Some(server) = postgres() else { return };
        let address = server.address();
        assert!(takes_sessions(TcpStream::connect(address).expect("a connection")));
        drop(server);
        assert!(TcpStream::connect(address).is_err(), "it no longer listens");
    }
}
