//! Restate servers of one test (npm `@restatedev/restate-server`): one node, or a cluster whose nodes are killed and started again.

use super::child::{Plan, Running};
use super::port::{self, Port};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where npm puts the binary of this machine's sort.
const BINARIES: &str = "restate/node_modules/@restatedev";
/// Few, as each costs memory; more than nodes, so that each node leads some.
const PARTITIONS: &str = "4";
const MEMORY: &str = "64 MiB";

/// One Restate node, or several that are one.
pub struct Restate {
    nodes: Vec<Node>,
    program: PathBuf,
    _home: tempfile::TempDir,
}

struct Node {
    running: Option<Running>,
    home: PathBuf,
    variables: Vec<(String, String)>,
    ingress: Port,
    admin: Port,
    _fabric: Port,
}

/// Starts one node, or says that it is skipped.
pub fn restate() -> Option<Restate> {
    restate_cluster(1)
}

/// Starts a cluster that goes on while all but one of three nodes are there, or says that it is skipped.
pub fn restate_cluster(nodes: usize) -> Option<Restate> {
    let name = "RUSHES_RESTATE_SERVER";
    let Some(program) = super::find(name, "restate-server", &folders()) else { return super::skip("restate", name) };
    let home = tempfile::tempdir().expect("a temporary folder");
    let ports: Vec<[Port; 3]> = (0..nodes).map(|_| [port::claim(), port::claim(), port::claim()]).collect();
    let fabrics: Vec<String> = ports.iter().map(|[.., fabric]| format!("\"http://127.0.0.1:{}\"", fabric.number)).collect();
    let peers = format!("[{}]", fabrics.join(","));
    let nodes = ports.into_iter().enumerate().map(|(n, ports)| Node::new(n, nodes, home.path(), &peers, ports)).collect();
    let mut server = Restate { nodes, program, _home: home };
    for n in 0..server.nodes.len() {
        server.nodes[n].start(&server.program);
    }
    for n in 0..server.nodes.len() {
        server.nodes[n].wait();
    }
    Some(server)
}

impl Restate {
    /// How many nodes there are, killed ones among them.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Where a node takes invocations: `http://127.0.0.1:PORT`.
    pub fn ingress(&self, node: usize) -> String {
        format!("http://127.0.0.1:{}", self.nodes[node].ingress.number)
    }

    /// Where a node is told of deployments: `http://127.0.0.1:PORT`.
    pub fn admin(&self, node: usize) -> String {
        format!("http://127.0.0.1:{}", self.nodes[node].admin.number)
    }

    /// A node's process; 0 while it is killed.
    pub fn process(&self, node: usize) -> u32 {
        self.nodes[node].running.as_ref().map_or(0, Running::process)
    }

    /// Kills a node as by `kill -9`.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].running = None;
    }

    /// Starts a killed node again, with what it has on disk; returns when it answers.
    pub fn start(&mut self, node: usize) {
        self.nodes[node].start(&self.program);
        self.nodes[node].wait();
    }

    /// What a node has said since it was last started.
    pub fn said(&self, node: usize) -> String {
        self.nodes[node].running.as_ref().map(Running::said).unwrap_or_default()
    }
}

impl Node {
    fn new(n: usize, of: usize, home: &Path, peers: &str, [ingress, admin, fabric]: [Port; 3]) -> Self {
        let home = home.join(format!("node-{n}"));
        std::fs::create_dir_all(&home).expect("a folder of the node's own");
        let bind = |port: &Port| address(port).to_string();
        // All but one may be lost of three.
        let replication = if of > 1 { "2" } else { "1" };
        let variables = [
            ("BASE_DIR", home.join("data").display().to_string()),
            ("NODE_NAME", format!("node-{n}")),
            ("CLUSTER_NAME", "test".into()),
            ("AUTO_PROVISION", (n == 0).to_string()),
            ("LISTEN_MODE", "tcp".into()),
            ("BIND_ADDRESS", bind(&fabric)),
            ("ADVERTISED_ADDRESS", format!("http://{}", bind(&fabric))),
            ("INGRESS__BIND_ADDRESS", bind(&ingress)),
            ("ADMIN__BIND_ADDRESS", bind(&admin)),
            ("METADATA_CLIENT__ADDRESSES", peers.to_owned()),
            ("DEFAULT_REPLICATION", replication.into()),
            ("DEFAULT_NUM_PARTITIONS", PARTITIONS.into()),
            ("ROCKSDB_TOTAL_MEMORY_SIZE", MEMORY.into()),
            // A stopped engine is found soon, and several share the work though a balancer only spreads connections.
            ("WORKER__INVOKER__HTTP2_KEEP_ALIVE_INTERVAL", "2s".into()),
            ("WORKER__INVOKER__HTTP2_KEEP_ALIVE_TIMEOUT", "2s".into()),
            ("WORKER__INVOKER__HTTP2_STREAMS_PER_CONNECTION_LIMIT", "1".into()),
            ("DISABLE_TELEMETRY", "true".into()),
            ("LOG_DISABLE_ANSI_CODES", "true".into()),
        ];
        let variables = variables.into_iter().map(|(name, value)| (format!("RESTATE_{name}"), value)).collect();
        Self { running: None, home, variables, ingress, admin, _fabric: fabric }
    }

    fn start(&mut self, program: &Path) {
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={value}"));
        // Through `env`, as what the test process has in its own environment is nobody's business.
        let env = super::on_path("env").expect("every system has env");
        let arguments = std::iter::once("-i".to_owned()).chain(variables).chain([program.display().to_string()]).collect();
        let plan = Plan { program: &env, arguments, user: None, ending: Signal::KILL, home: &self.home };
        self.running = Some(plan.begin().expect("the server can be started"));
    }

    fn wait(&mut self) {
        let running = self.running.as_mut().expect("it was started");
        for port in [&self.ingress, &self.admin] {
            running.answers(address(port), is_healthy).expect("the server takes work");
        }
    }
}

fn address(port: &Port) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port.number))
}

/// The program comes in a package for this machine's sort, beside the one that chooses it.
fn folders() -> Vec<PathBuf> {
    let packages = std::fs::read_dir(super::installed(BINARIES)).into_iter().flatten().flatten();
    packages.map(|package| package.path().join("bin")).collect()
}

/// A starting node listens before it takes work. Each port has its own path for this, and knows the other's as missing or as no service.
fn is_healthy(stream: TcpStream) -> bool {
    let Ok(port) = stream.peer_addr() else { return false };
    ["/restate/health", "/health"].iter().any(|path| TcpStream::connect(port).is_ok_and(|stream| asks_well(stream, path)))
}

fn asks_well(mut stream: TcpStream, path: &str) -> bool {
    let mut answer = String::new();
    let asked = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(asked.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restate_nodes_end_and_begin_again_alone() {
        let Some(mut server) = restate_cluster(3) else { return };
        let [address, other] = [1, 2].map(|node| address(&server.nodes[node].ingress));
        assert!(is_healthy(TcpStream::connect(address).expect("a connection")));
        server.kill(1);
        assert!(TcpStream::connect(address).is_err(), "it no longer listens");
        assert!(is_healthy(TcpStream::connect(other).expect("the others go on")));
        server.start(1);
        assert!(is_healthy(TcpStream::connect(address).expect("it is back, where it was")));
        drop(server);
        assert!(TcpStream::connect(address).is_err(), "and ends with its value");
    }
}
