//! One node goes for good, or is replaced by another program: the others go on.

use super::{LONG, Nodes, all_ended, facts, oracle};
use crate::support::survivor::{Dice, report};
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
