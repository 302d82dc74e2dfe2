//! What goes well: pictures, films, several at once, and what becomes of the words.

use super::*;

/// Inputs of the SDXL graph.
fn inputs(count: u64, prefix: &str) -> Inputs {
    let sides = [("width", json!(64)), ("height", json!(64))];
    let own = [("prompt", json!("a dancer")), ("seed", json!(5)), ("num_images", json!(count)), ("prefix", json!(prefix))];
    sides.into_iter().chain(own).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_draws_a_picture_that_does_not_carry_its_prompt() {
    let stand = Stand::new().await;
    let picture = std::fs::read(stand.picture("a").await.unwrap()).unwrap();
    let (same, size) = super::super::png::bare(&picture).unwrap();
    assert_eq!((same == picture, size), (true, (64, 96)), "60 pixels become 64");
    let has = |bytes: &[u8], words: &[u8]| bytes.windows(words.len()).any(|part| part == words);
    let kept_there = std::fs::read(&stand.server.files()[0]).unwrap();
    assert!(has(&kept_there, b"tEXt") && has(&kept_there, b"teal hair"), "ComfyUI writes it in");
    assert!(!has(&picture, b"tEXt") && !has(&picture, b"teal hair"), "and it is taken out");
    assert_eq!(stand.ledger("a").states(), [(AttemptState::Done, Some(prompt_id("a#1")))]);
    let told = stand.server.taken()[0].to_string();
    assert!(told.contains("fully clothed") && told.contains("nudity"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_makes_a_film_of_a_picture() {
    let stand = Stand::new().await;
    std::fs::copy(stand.picture("still").await.unwrap(), stand.folder.path().join("still.png")).unwrap();
    let film = stand.film("a").await.unwrap();
    check(film.clone(), Some((64, 96))).await.unwrap();
    let refused = check(film, Some((96, 64))).await.unwrap_err();
    says(&refused, "96 × 64 pixels were asked for, and it has 64 × 96");
    let graph = stand.server.taken().remove(1);
    assert_eq!(graph["10"]["inputs"]["length"], 13, "a second, as 4 k + 1 frames");
    assert_eq!((&graph["11"]["inputs"]["noise_seed"], &graph["11"]["inputs"]["end_at_step"]), (&json!(7), &json!(10)));
    let loaded = stand.server.seen().loaded.concat();
    assert!(loaded.contains("low_noise") && !loaded.contains("high_noise"), "one of WAN's two models made room for the other: {loaded}");
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_makes_one_three_or_six_pictures_of_one_prompt() {
    let stand = Stand::new().await;
    let graph = Graph::sdxl();
    for count in [1, 3, 6] {
        let id = prompt_id(&format!("batch {count}"));
        let filled = graph.filled(&inputs(count, &format!("u1/{count}"))).unwrap();
        stand.client.order(&id, &filled).await.unwrap();
        stand.server.until(|seen| seen.over.contains(&id)).await;
        let Standing::Made { files, graph: told } = stand.client.standing(&id).await.unwrap() else { panic!("it is made") };
        assert_eq!(told, filled);
        let mut pictures = Vec::new();
        for (at, file) in files.iter().enumerate() {
            assert_eq!((file.node.as_str(), file.subfolder.as_str()), (graph.output(), "u1"));
            let [raw, into] = ["raw", "png"].map(|end| stand.folder.path().join(format!("{count}-{at}.{end}")));
            stand.client.fetch(file, &raw).await.unwrap();
            strip(raw.clone(), into.clone(), Some((64, 64))).await.unwrap();
            assert!(!raw.exists(), "what carries the prompt does not stay");
            pictures.push(std::fs::read(into).unwrap());
        }
        let differ: std::collections::BTreeSet<_> = pictures.iter().collect();
        assert_eq!(differ.len() as u64, count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_makes_a_file_of_its_own_for_each_order_of_one_graph() {
    let stand = Stand::new().await;
    let (one, other) = (stand.picture("a").await.unwrap(), stand.picture("b").await.unwrap());
    assert_eq!(stand.server.files().len(), 2);
    assert_eq!(std::fs::read(one).unwrap(), std::fs::read(other).unwrap(), "one seed, one picture");
    // An equal graph, its prefix too, would have got the old file.
    let filled = Graph::sdxl().filled(&inputs(1, "same")).unwrap();
    for key in ["c", "d"] {
        stand.client.order(&prompt_id(key), &filled).await.unwrap();
    }
    stand.server.until(|seen| seen.over.len() == 4).await;
    assert_eq!(stand.server.files().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_tells_how_far_it_is() {
    let stand = Stand::new().await;
    stand.server.hold(Hold::Queue);
    let watch = async {
        // What was said before anybody listened is not said again, and while it is held it says nothing more.
        stand.server.until(|seen| seen.sockets == 1).await;
        stand.server.hold(Hold::Steps(15));
        stand.server.until(|seen| seen.step == 15).await;
        // Half of the sampler's steps are most of half of the work.
        while *stand.share.lock().unwrap() < 0.3 {
            tokio::task::yield_now().await;
        }
        assert!(*stand.share.lock().unwrap() < 0.7);
        stand.server.hold(Hold::Nothing);
    };
    let (made, ()) = tokio::join!(stand.picture("a"), watch);
    made.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_memory_is_seen_and_freed() {
    let stand = Stand::new().await;
    let before = stand.client.memory().await.unwrap();
    assert_eq!(before.free_bytes, before.total_bytes);
    stand.picture("a").await.unwrap();
    assert!(stand.client.memory().await.unwrap().free_bytes < before.free_bytes);
    stand.client.free().await.unwrap();
    assert_eq!(stand.client.memory().await.unwrap(), before);
}
