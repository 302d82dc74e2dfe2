//! One node goes for good, or is replaced by another program: the others go on.

use super::balance::called_by;
use super::{LONG, Nodes, all_ended, facts, oracle};
use crate::support::survivor::{Dice, report};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::event::Event;
use rushes_core::store::Journal;
use rushes_store::held::{Held, held};
use rushes_testkit::servers::restate;
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

/// Of a store that is shared.
const LEASE_MS: i64 = 6_000;

/// Kills the one of two nodes that has a production, and reads from the rows how the other came to it: the dead one's leases end
/// within a lease of its death, nobody comes before, and whoever comes goes on with the very next step. How long all of that took
/// is told, not judged: it hangs on the machine.
async fn taken_over(mut nodes: Nodes, what: &str) {
    // Whoever is not there takes nothing up.
    nodes.nodes[1].stop();
    let input = json!({"parameters": {"count": 1, "seed": 95, "reference_videos": ["step.mp4"]}});
    nodes.submit(0, "production", &input, "job").await;
    let store = nodes.store();
    let began = Instant::now();
    while !facts(&store).await.iter().any(|fact| fact.event_type == "asset.made") {
        assert!(began.elapsed() < LONG, "nothing is made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let owner = held(&store).await.unwrap().remove(0).owner;
    nodes.nodes[1].start_again();
    let mut lost = nodes.nodes.remove(0);
    lost.kill();
    let killed_ms = SystemClock.now_ms();
    let left: Vec<Held> = held(&store).await.unwrap().into_iter().filter(|held| held.owner == owner).collect();
    assert!(!left.is_empty(), "it was killed in the midst of something");
    let jobs = all_ended(&store, 1).await;
    let facts = facts(&store).await;
    let (mut taken_ms, mut step_ms) = (0, i64::MAX);
    for Held { job, until_ms, .. } in &left {
        assert!(*until_ms <= killed_ms + LEASE_MS, "what is dead holds nothing for longer than a lease");
        let is_next = |fact: &&Event| fact.event_type == "job.started" && fact.at_ms > killed_ms && fact.job == Some(job.to_string());
        let next_ms = facts.iter().find(is_next).expect("somebody goes on with it").at_ms;
        assert!(next_ms >= *until_ms, "nobody comes while a lease holds");
        taken_ms = taken_ms.max(next_ms);
        let ends = store.steps(*job).await.unwrap().into_iter().filter_map(|step| step.ended_ms);
        step_ms = ends.filter(|ended_ms| *ended_ms > killed_ms).fold(step_ms, i64::min);
    }
    oracle(&nodes, &jobs).await;
    let after = |at_ms: i64| format!("{}.{} s", (at_ms - killed_ms) / 1_000, (at_ms - killed_ms) % 1_000 / 100);
    let (taken, step) = (after(taken_ms), after(step_ms));
    report(what, &format!("{} jobs taken over {taken} after the kill, the next step done {step} after it", left.len()));
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
