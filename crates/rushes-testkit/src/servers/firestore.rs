//! A Firestore emulator (npm `@firestore-emulator/server`): another's reading of the protocol, lax on purpose. It heeds no
//! `update_time` and isolates no transactions; the strict one is [`crate::firestore`].

use super::child::{Plan, Running, start_on_a_port};
use super::port::Port;
use rustix::process::Signal;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Its own start would listen on every address of this machine.
const START: &str = "const { FirestoreServer } = require(process.argv[1]);
const { ServerCredentials } = require(require.resolve('@grpc/grpc-js', { paths: [process.argv[1]] }));
const bound = (error) => { if (error) { console.error(error); process.exit(1); } };
new FirestoreServer().server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), bound);";

/// An emulator of one test, with any project and database.
pub struct FirestoreEmulator {
    _running: Running,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    _home: tempfile::TempDir,
    _port: Port,
}

/// Starts the emulator, or says that it is skipped.
pub fn firestore_emulator() -> Option<FirestoreEmulator> {
    let name = "RUSHES_FIRESTORE_EMULATOR";
    let folder = std::env::var_os(name).filter(|named| !named.is_empty()).map_or_else(|| super::installed("firestore"), PathBuf::from);
    let (node, module) = (folder.join("node"), folder.join("node_modules/@firestore-emulator/server/dist/index.js"));
    if !node.is_file() || !module.is_file() {
        return super::skip("firestore-emulator", name);
    }
    let home = tempfile::tempdir().expect("a temporary folder");
    let (running, port) = start_on_a_port(|port| {
        let arguments = ["-e", START, &module.display().to_string(), &port.to_string()].map(str::to_owned).into();
        let plan = Plan { program: &node, arguments, user: None, ending: Signal::KILL, home: home.path() };
        plan.start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), |_| true)
    });
    Some(FirestoreEmulator { _running: running, url: format!("http://127.0.0.1:{}", port.number), _home: home, _port: port })
}
