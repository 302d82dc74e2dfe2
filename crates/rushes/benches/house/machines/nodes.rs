//! Nodes as processes, and the one address before them.

use super::node::{self, Settings};
use super::work::Load;
use crate::support::program::signal;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// One that runs; killed when dropped, if it was not stopped before.
struct Node {
    child: Child,
    lines: BufReader<ChildStdout>,
    input: ChildStdin,
}

/// Some that share the work.
pub(super) struct Nodes(Vec<Node>);

impl Nodes {
    /// Starts them one after the other, each when the one before is ready.
    pub(super) fn start(settings: &[Settings]) -> Self {
        Self(settings.iter().map(Node::start).collect())
    }

    pub(super) fn processes(&self) -> Vec<u32> {
        self.0.iter().map(|node| node.child.id()).collect()
    }

    /// Each makes its share of the jobs; returns when all are made.
    pub(super) fn make(&mut self, load: &Load) {
        let nodes = self.0.len() as u64;
        for (at, node) in (0..).zip(&mut self.0) {
            let line = serde_json::to_string(&load.share(at, nodes)).unwrap();
            writeln!(node.input, "{line}").unwrap();
        }
        self.0.iter_mut().for_each(|node| node.says("made"));
    }

    /// SIGTERM to each, and the wait for its end. Gives what they asked of their destination, together.
    pub(super) fn stop(mut self) -> Vec<u64> {
        self.0.iter().for_each(|node| signal(&node.child, "TERM"));
        let mut sums = vec![0; super::counted::COUNTED.len()];
        for node in &mut self.0 {
            let line = node.line();
            let counts: Vec<u64> = serde_json::from_str(&line).unwrap_or_else(|_| panic!("a node says {line:?} at its end"));
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            assert!(node.child.wait().unwrap().success());
        }
        sums
    }
}

impl Node {
    #[expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]
    fn start(settings: &Settings) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(node::NAME).arg(serde_json::to_string(settings).unwrap());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (lines, input) = (BufReader::new(child.stdout.take().unwrap()), child.stdin.take().unwrap());
        let mut node = Self { child, lines, input };
        node.says("ready");
        node
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn says(&mut self, word: &str) {
        let line = self.line();
        assert_eq!(line, word, "a node says something else");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
