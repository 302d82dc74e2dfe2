//! Tests that write from several processes: this very test program, started again for one test.

use rushes_core::catalog::Catalog;
use rushes_testkit::{WRITERS, writers};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

const PROCESSES: u64 = 4;
const ADDRESS: &str = "RUSHES_WRITERS_AT";
const WHICH: &str = "RUSHES_WRITERS";

/// Starts the processes; each runs `test`, an ignored one, which calls [`work`].
pub(super) fn start(test: &str, address: &str) -> Vec<Child> {
    let program = std::env::current_exe().unwrap();
    let child = |number: u64| {
        #[expect(clippy::disallowed_methods, reason = "this program again, waited for by the test that starts it")]
        let mut command = Command::new(&program);
        command.args([test, "--exact", "--ignored"]).env(ADDRESS, address).env(WHICH, number.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    (0..PROCESSES).map(child).collect()
}

/// Waits for them; none may have failed, or have had nothing to do.
pub(super) fn join(children: Vec<Child>) {
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}

/// This process's share of the writers.
pub(super) async fn work(open: impl Fn(&str) -> Arc<dyn Catalog>) {
    let address = std::env::var(ADDRESS).expect("started by another test");
    let number: u64 = std::env::var(WHICH).unwrap().parse().unwrap();
    let share = WRITERS / PROCESSES;
    writers(|| open(&address), number * share..(number + 1) * share).await;
}
