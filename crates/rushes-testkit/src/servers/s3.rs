//! Servers that speak S3: s3s-fs, which checks signatures and conditions, and moto, which is lax but another's reading.

use super::child::{Plan, Running, start_on_a_port};
use super::port::Port;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An S3 server of one test. Path-style addresses: `{endpoint}/{bucket}/{key}`.
pub struct S3Server {
    _running: Running,
    /// `http://127.0.0.1:PORT`
    pub endpoint: String,
    /// Where it listens, for a proxy before it.
    pub address: SocketAddr,
    /// The access key it knows.
    pub access_key: String,
    /// The secret of that key.
    pub secret_key: String,
    /// The region to sign for.
    pub region: String,
    /// Where the bytes lie, one folder a bucket; `None` where they are in memory.
    pub folder: Option<PathBuf>,
    _home: tempfile::TempDir,
    _port: Port,
}

impl S3Server {
    /// Makes a bucket. Panics when the server does not want it.
    pub fn make_bucket(&self, name: &str) {
        if let Some(folder) = &self.folder {
            std::fs::create_dir(folder.join(name)).expect("a folder for the bucket");
            return;
        }
        let head = format!("PUT /{name} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", self.address);
        let answer = exchange(self.address, &head).unwrap_or_else(|error| panic!("making bucket {name}: {error}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "making bucket {name}: {answer}");
    }
}

/// Starts s3s-fs, or says that it is skipped.
pub fn s3s_fs() -> Option<S3Server> {
    s3s_fs_in(&std::env::temp_dir())
}

/// As [`s3s_fs`], with a folder of its own within this one.
pub fn s3s_fs_in(folder: &Path) -> Option<S3Server> {
    let Some(program) = super::find("RUSHES_S3S_FS", "s3s-fs", &[super::installed("bin")]) else {
        return super::skip("s3s-fs", "RUSHES_S3S_FS");
    };
    let home = tempfile::tempdir_in(folder).expect("a temporary folder");
    let folder = home.path().join("buckets");
    std::fs::create_dir(&folder).expect("a folder for buckets");
    let shown = folder.display().to_string();
    let arguments = |port: u16| -> Vec<String> {
        let port = port.to_string();
        ["--host", "127.0.0.1", "--port", &port, "--access-key", "test", "--secret-key", "testtest", &shown].map(str::to_owned).into()
    };
    Some(start(&program, home, Some(folder), arguments))
}

/// Starts moto's server, or says that it is skipped.
pub fn moto() -> Option<S3Server> {
    let Some(program) = super::find("RUSHES_MOTO_SERVER", "moto_server", &[super::installed("moto/bin")]) else {
        return super::skip("moto_server", "RUSHES_MOTO_SERVER");
    };
    let home = tempfile::tempdir().expect("a temporary folder");
    Some(start(&program, home, None, |port| ["-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned).into()))
}

fn start(program: &Path, home: tempfile::TempDir, folder: Option<PathBuf>, arguments: impl Fn(u16) -> Vec<String>) -> S3Server {
    let (running, port) = start_on_a_port(|port| {
        let plan = Plan { program, arguments: arguments(port), user: None, ending: Signal::KILL, home: home.path() };
        plan.start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), |_| true)
    });
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number));
    S3Server {
        _running: running,
        endpoint: format!("http://{address}"),
        address,
        access_key: "test".into(),
        secret_key: "testtest".into(),
        region: "us-east-1".into(),
        folder,
        _home: home,
        _port: port,
    }
}

/// One request on a connection of its own; the answer as text.
fn exchange(address: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(server: &S3Server, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
        exchange(server.address, &head).expect("an answer")
    }

    #[test]
    fn s3s_fs_answers_and_ends_with_its_value() {
        let Some(server) = s3s_fs() else { return };
        server.make_bucket("shelf");
        let answer = get(&server, "/shelf?list-type=2");
        assert!(answer.contains("403 Forbidden") || answer.contains("AccessDenied"), "unsigned requests are refused: {answer}");
        let (address, folder) = (server.address, server.folder.clone().expect("s3s-fs keeps files"));
        drop(server);
        assert!(TcpStream::connect(address).is_err(), "it no longer listens");
        assert!(!folder.exists(), "and its folder is gone");
    }

    #[test]
    fn s3s_fs_starts_many_at_once() {
        let servers: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..6).map(|_| scope.spawn(s3s_fs)).collect();
            starts.into_iter().filter_map(|start| start.join().expect("a start does not panic")).collect()
        });
        // The threads that started them have ended by now.
        for server in &servers {
            assert!(get(server, "/").starts_with("HTTP/1.1 "), "{} still answers", server.endpoint);
        }
    }

    #[test]
    fn moto_answers_and_has_buckets() {
        let Some(server) = moto() else { return };
        server.make_bucket("shelf");
        let listing = get(&server, "/");
        assert!(listing.contains("<Name>shelf</Name>"), "{listing}");
    }
}
