//! Other nodes on the same lists: who was there when, and what is left of those that are gone.

use super::{Rules, own_list};
use rushes_adapters::intake::upstash::{End, Seen, Upstash};
use rushes_core::Fault;
use std::time::Duration;

/// How often a node says that it is there, and looks for those that are not.
pub(super) const TOLD_EVERY: Duration = Duration::from_mins(1);
/// Who was not seen for so long is gone. Nothing goes wrong where it is not: it finds its list empty.
const GONE_AFTER_S: i64 = 600;
/// Who was not seen for so long, a week, and has nothing in hand is forgotten, whatever store it wrote into.
const FORGOTTEN_AFTER_S: i64 = 7 * 24 * 60 * 60;
/// Who is there, by name.
pub(crate) const NODES: &str = "rushes:nodes";

/// Says that this node is there, and takes over what the gone have left. Errors: as [`Upstash::take`].
pub(super) async fn meet(lists: &Upstash, rules: &Rules) -> Result<(), Fault> {
    let now_s = lists.now_s().await?;
    // Before anything is taken: what nobody knows of, nobody would take over.
    lists.be_seen(NODES, &rules.node, &Seen { at_s: now_s, store: rules.store.clone(), queues: rules.queues.clone() }).await?;
    let mut taken = 0;
    for (node, seen) in lists.seen(NODES).await? {
        let gone_s = now_s - seen.at_s;
        if node == rules.node || gone_s < GONE_AFTER_S {
            continue;
        }
        if seen.store != rules.store {
            if gone_s > FORGOTTEN_AFTER_S && is_empty_handed(lists, &node, &seen).await? {
                lists.forget(NODES, &node).await?;
            }
            continue;
        }
        for queue in seen.queues.iter().filter(|queue| rules.queues.contains(queue)) {
            let (theirs, own) = (own_list(queue, &node), own_list(queue, &rules.node));
            while lists.take(&theirs, End::Left, &own).await?.is_some() {
                taken += 1;
            }
        }
        // What it had of other lists is for those who have them, too.
        if seen.queues.iter().all(|queue| rules.queues.contains(queue)) {
            lists.forget(NODES, &node).await?;
            tracing::info!(node, taken, "what a node has left that is gone was taken over");
        }
    }
    Ok(())
}

async fn is_empty_handed(lists: &Upstash, node: &str, seen: &Seen) -> Result<bool, Fault> {
    for queue in &seen.queues {
        if lists.length(&own_list(queue, node)).await? > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
