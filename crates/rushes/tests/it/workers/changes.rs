//! Work that changes hands: workers that are paused, killed or told to leave, a ComfyUI that dies, jobs that are cancelled.

use super::{USERS, boxed, ends, files, image, served, start, until};
use rushes_testkit::comfyui::{ComfyUi, Hold, Machine};
use serde_json::{Value, json};
use std::time::Duration;

/// The seeds of all prompts that a ComfyUI took.
fn seeds(comfyui: &ComfyUi) -> Vec<Value> {
    comfyui.taken().iter().map(|graph| graph["5"]["inputs"]["seed"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_were_paused_cannot_overwrite_who_took_over() {
    let [first, second] = [ComfyUi::start().await, ComfyUi::start().await];
    let served = served();
    let (mut paused, mut other) = (boxed(&served, &first), boxed(&served, &second));
    // Its first picture is handed in, its second stands still in the middle.
    paused.start("paused");
    until("it is known", async || served.get("/api/v1/workers").await.1["workers"].as_array().is_some_and(|all| all.len() == 1)).await;
    let job = start(&served, &image(USERS[0], 2, 40)).await;
    until("the first picture is made", async || seeds(&first).len() == 1).await;
    first.hold(Hold::Nodes);
    until("it is at work on the second", async || seeds(&first).len() == 2 || first.seen().running.is_some()).await;
    paused.send("STOP");
    first.hold(Hold::Nothing);
    other.start("other");
    ends(&served, &job, "completed").await;
    let folder = served.program.path(&format!("home/remote/{}/{job}", USERS[0]));
    let before: Vec<(String, Vec<u8>)> = bytes_of(&folder);
    assert_eq!(before.len(), 4, "{:?}", files(&folder));
    paused.send("CONT");
    until("it has understood", async || paused.log().contains("somebody else's")).await;
    assert_eq!(bytes_of(&folder), before, "nothing was overwritten");
    let (_, made) = served.get(&format!("/api/v1/assets?subject={}&limit=50", USERS[0])).await;
    let versions: Vec<&Value> = made["assets"].as_array().unwrap().iter().map(|asset| &asset["version"]).collect();
    assert!(versions.len() == 4 && versions.iter().all(|version| **version == 1), "{made}");
    assert!(!seeds(&second).contains(&json!(40)) || seeds(&second).len() <= 2, "what was handed in is not made again");
}

fn bytes_of(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    files(folder).into_iter().map(|name| (name.clone(), std::fs::read(folder.join(&name)).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_killed_go_on_with_the_prompt_they_had_ordered() {
    let comfyui = ComfyUi::start().await;
    let served = served();
    let mut worker = boxed(&served, &comfyui);
    comfyui.hold(Hold::Nodes);
    let job = start(&served, &image(USERS[0], 3, 70)).await;
    worker.start("one");
    until("it has ordered", async || comfyui.seen().running.is_some()).await;
    worker.kill();
    comfyui.hold(Hold::Nothing);
    worker.start("one");
    ends(&served, &job, "completed").await;
    let mut ordered: Vec<u64> = seeds(&comfyui).iter().filter_map(Value::as_u64).collect();
    ordered.sort_unstable();
    assert_eq!(ordered, [70, 71, 72], "each picture was ordered once");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_hand_in_what_they_made_while_their_server_was_gone() {
    let comfyui = ComfyUi::start().await;
    let mut served = served();
    let mut worker = boxed(&served, &comfyui);
    comfyui.hold(Hold::Nodes);
    let job = start(&served, &image(USERS[0], 3, 50)).await;
    worker.start("one");
    until("it has ordered", async || comfyui.seen().running.is_some()).await;
    served.kill();
    comfyui.hold(Hold::Nothing);
    until("the first is made", async || !comfyui.seen().over.is_empty()).await;
    until("it could not be handed in", async || worker.log().contains("tried again")).await;
    served.start_again_there();
    ends(&served, &job, "completed").await;
    let mut ordered: Vec<u64> = seeds(&comfyui).iter().filter_map(Value::as_u64).collect();
    ordered.sort_unstable();
    assert_eq!(ordered, [50, 51, 52], "nothing was made twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_whose_comfyui_dies_order_again_what_it_forgot() {
    let mut comfyui = ComfyUi::start_on(Machine { step_ms: 5, ..Machine::default() }).await;
    let served = served();
    let mut worker = boxed(&served, &comfyui);
    comfyui.hold(Hold::Nodes);
    let job = start(&served, &image(USERS[0], 1, 9)).await;
    worker.start("one");
    until("it has ordered", async || comfyui.seen().running.is_some()).await;
    comfyui.stop().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    comfyui.start_again().await;
    ends(&served, &job, "completed").await;
    assert_eq!(seeds(&comfyui), [json!(9)], "what was taken before is forgotten with everything");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_stop_what_nobody_wants_and_give_back_what_they_leave() {
    let comfyui = ComfyUi::start().await;
    let served = served();
    let mut worker = boxed(&served, &comfyui);
    comfyui.hold(Hold::Nodes);
    let job = start(&served, &image(USERS[0], 1, 1)).await;
    worker.start("one");
    until("it has ordered", async || comfyui.seen().running.is_some()).await;
    let (status, _) = served.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({})).await;
    assert!(status.is_success());
    ends(&served, &job, "cancelled").await;
    until("ComfyUI was told", async || comfyui.calls().contains(&"interrupt")).await;
    comfyui.hold(Hold::Nothing);
    until("it has ended that", async || comfyui.seen().running.is_none()).await;
    comfyui.hold(Hold::Nodes);
    // Told to leave at once, it gives back what it has: another begins without waiting for the lease.
    let job = start(&served, &image(USERS[1], 1, 2)).await;
    until("it has ordered again", async || comfyui.seen().running.is_some()).await;
    worker.send("TERM");
    until("it has heard", async || worker.log().contains("Takes nothing more")).await;
    worker.send("TERM");
    assert_eq!(worker.ended().await, 0, "{}", worker.log());
    comfyui.hold(Hold::Nothing);
    let mut next = boxed(&served, &comfyui);
    next.start("two");
    ends(&served, &job, "completed").await;
    let (_, job) = served.get(&format!("/api/v1/jobs/{job}")).await;
    assert_eq!(job["state"], "completed");
}
