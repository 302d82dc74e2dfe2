//! One node goes for good, or is replaced by another program: the others go on.

use super::balance::called_by;
use super::{LONG, Nodes, all_ended, facts, oracle};
use crate::support::survivor::{Dice, report};
use rushes_testkit::servers::{Postgres, restate};
use serde_json::json;
use std::time::{Duration, Instant};

/// A node is lost with its disk in the middle of productions: what it has made is found by the others, and they go on.
#[tokio::test(flavor = "multi_thread")]
async fn machines_go_on_without_a_node_that_is_lost_with_its_disk() {
    let Some(mut nodes) = Nodes::start(2) else { return };
    let mut dice = Dice::roll("lost");
    let count = 3;
    for n in 0..count {
        nodes.submit(0, "production", &json!({"parameters": {"count": 1, "seed": 90 + n}}), &format!("job {n}")).await;
    }
    let store = nodes.store();
    let wanted = usize::try_from(2 + dice.below(12)).unwrap();
    let began = Instant::now();
    while facts(&store).await.iter().filter(|fact| fact.event_type == "asset.made").count() < wanted {
        assert!(began.elapsed() < LONG, "too few assets are made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut lost = nodes.nodes.remove(0);
    lost.kill();
    std::fs::remove_dir_all(lost.program.path("home")).unwrap();
    let jobs = all_ended(&store, count).await;
    oracle(&nodes, &jobs).await;
    let audit = nodes.nodes[0].program.run(&["audit", "--json"]).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
    report("a node lost with its disk", &format!("{count} productions, after {wanted} assets, seed {}", dice.seed));
}

/// What the rows say of the jobs that somebody has: which, who, and until when.
const HELD: &str = "SELECT id, owner, lease_until_ms FROM rushes.jobs WHERE state = 'running' AND owner IS NOT NULL";
/// The server's clock.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
/// Of a store that is shared.
const LEASE_MS: i64 = 6_000;

async fn moment(server: &Postgres, question: &str) -> Option<i64> {
    server.ask(question).await.first().and_then(|row| row[0].parse().ok())
}

/// Kills the one of two nodes that has a production, and reads from the rows how the other came to it: the dead one's leases end
/// within a lease of its death, nobody comes before, and whoever comes goes on with the very next step. How long all of that took
/// is told, not judged: it hangs on the machine.
async fn taken_over(mut nodes: Nodes, what: &str) {
    // Whoever is not there takes nothing up.
    nodes.nodes[1].stop();
    nodes.submit(0, "production", &json!({"parameters": {"count": 1, "seed": 95, "reference_videos": ["step.mp4"]}}), "job").await;
    let store = nodes.store();
    let began = Instant::now();
    while !facts(&store).await.iter().any(|fact| fact.event_type == "asset.made") {
        assert!(began.elapsed() < LONG, "nothing is made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let owner = nodes.server.ask(HELD).await.remove(0).remove(1);
    nodes.nodes[1].start_again();
    let mut lost = nodes.nodes.remove(0);
    lost.kill();
    let killed_ms = moment(&nodes.server, NOW).await.unwrap();
    let left: Vec<Vec<String>> = nodes.server.ask(HELD).await.into_iter().filter(|row| row[1] == owner).collect();
    assert!(!left.is_empty(), "it was killed in the midst of something");
    let jobs = all_ended(&store, 1).await;
    let mut taken_ms = 0;
    for row in &left {
        let until_ms: i64 = row[2].parse().unwrap();
        assert!(until_ms <= killed_ms + LEASE_MS, "what is dead holds nothing for longer than a lease");
        let next =
            format!("SELECT min(at_ms) FROM rushes.events WHERE type = 'job.started' AND job = '{}' AND at_ms > {killed_ms}", row[0]);
        let next_ms = moment(&nodes.server, &next).await.unwrap();
        assert!(next_ms >= until_ms, "nobody comes while a lease holds");
        taken_ms = taken_ms.max(next_ms);
    }
    let ids = left.iter().map(|row| format!("'{}'", row[0])).collect::<Vec<_>>().join(", ");
    let step = format!("SELECT min(ended_ms) FROM rushes.steps WHERE job IN ({ids}) AND ended_ms > {killed_ms}");
    let step_ms = moment(&nodes.server, &step).await.unwrap();
    oracle(&nodes, &jobs).await;
    let seconds = |until_ms: i64| format!("{}.{} s", (until_ms - killed_ms) / 1_000, (until_ms - killed_ms) % 1_000 / 100);
    report(
        what,
        &format!("{} jobs taken over {} after the kill, the next step done {} after it", left.len(), seconds(taken_ms), seconds(step_ms)),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_take_over_what_a_killed_node_had_once_its_lease_is_over() {
    let Some(nodes) = Nodes::start(2) else { return };
    taken_over(nodes, "a node killed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_called_by_restate_take_over_what_a_killed_node_had_once_its_lease_is_over() {
    let Some(restate) = restate() else { return };
    let engines = called_by(&restate, 2).await;
    let Some(nodes) = Nodes::start_with(2, |node| engines[node].clone()) else { return };
    taken_over(nodes, "a node killed that Restate calls").await;
}
