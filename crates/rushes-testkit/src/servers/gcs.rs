//! gcp-storage-emulator: another's reading of Cloud Storage's JSON interface. It ignores conditions.

use super::child::{Plan, Running, start_on_a_port};
use super::port::Port;
use rustix::process::Signal;
use std::net::{Ipv4Addr, SocketAddr};

/// An emulator of one test, with a bucket.
pub struct GcsEmulator {
    _running: Running,
    /// `http://127.0.0.1:PORT`
    pub endpoint: String,
    /// Its one bucket.
    pub bucket: &'static str,
    _home: tempfile::TempDir,
    _port: Port,
}

/// Starts it, or says that it is skipped.
pub fn gcs_emulator() -> Option<GcsEmulator> {
    let name = "gcp-storage-emulator";
    let Some(program) = super::find("RUSHES_GCS_EMULATOR", name, &[super::installed("gcs/bin")]) else {
        return super::skip(name, "RUSHES_GCS_EMULATOR");
    };
    let (home, bucket) = (tempfile::tempdir().expect("a temporary folder"), "shelf");
    let (running, port) = start_on_a_port(|port| {
        let port_text = port.to_string();
        let arguments = ["start", "--host", "127.0.0.1", "--port", &port_text, "--default-bucket", bucket, "-q", "-M"];
        let plan =
            Plan { program: &program, arguments: arguments.map(str::to_owned).into(), user: None, ending: Signal::KILL, home: home.path() };
        plan.start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), |_| true)
    });
    let endpoint = format!("http://127.0.0.1:{}", port.number);
    Some(GcsEmulator { _running: running, endpoint, bucket, _home: home, _port: port })
}
