//! What stands before several nodes that Restate calls by one address.

use rushes_testkit::balance::balance;
use rushes_testkit::servers::{Restate, claim_ports};

/// The configuration of each of so many nodes that this server calls by one address.
pub(super) async fn called_by(restate: &Restate, count: usize) -> Vec<String> {
    let ports = claim_ports(count);
    let balanced = balance(ports.clone()).await;
    let (ingress, admin) = (restate.ingress(0), restate.admin(0));
    let engine = |port| {
        format!(
            "[engine]\nkind = \"restate\"\n[engine.restate]\ningress = \"{ingress}\"\nadmin = \"{admin}\"\nlisten = \"{port}\"\n\
             advertise = \"http://{balanced}\"\n"
        )
    };
    ports.into_iter().map(engine).collect()
}
