//! Rules of ComfyUI that the transcripts show in words, and what tests may plan.

use super::*;
use crate::comfyui::{Hold, Planned};

fn sdxl(seed: u64, count: u32, prefix: &str) -> Value {
    json!({
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dancer", "clip": ["1", 1]}},
        "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 96, "batch_size": count}},
        "4": {"class_type": "KSampler", "inputs": {
            "model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0], "seed": seed, "steps": 2,
            "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        }},
        "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": prefix}},
    })
}

async fn order(server: &ComfyUi, id: &str, graph: &Value) -> Said {
    ask(server, "POST /prompt", &json!({"prompt": graph, "prompt_id": id})).await
}

/// The names of what a prompt made.
async fn made(server: &ComfyUi, id: &str) -> Vec<String> {
    server.until(|seen| seen.over.iter().any(|other| other == id)).await;
    let history = ask(server, &format!("GET /history/{id}"), &Value::Null).await.json();
    let images = history[id]["outputs"]["6"]["images"].as_array().unwrap().clone();
    images.iter().map(|image| image["filename"].as_str().unwrap().to_owned()).collect()
}

async fn free_bytes(server: &ComfyUi) -> u64 {
    ask(server, "GET /system_stats", &Value::Null).await.json()["devices"][0]["vram_free"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_server_does_no_work_twice_and_gives_the_old_name() {
    let server = ComfyUi::start().await;
    for (id, seed, prefix, names) in [
        ("a", 1, "a/x", &["x_00001_.png", "x_00002_.png"][..]),
        ("b", 1, "a/x", &["x_00001_.png", "x_00002_.png"]),
        ("c", 1, "a/y", &["y_00001_.png", "y_00002_.png"]),
        ("d", 2, "a/y", &["y_00003_.png", "y_00004_.png"]),
    ] {
        order(&server, id, &sdxl(seed, 2, prefix)).await;
        assert_eq!(made(&server, id).await, names, "{id}");
    }
    let files: Vec<Vec<u8>> = server.files().iter().map(|file| std::fs::read(file).unwrap()).collect();
    let pixels = |file: &[u8]| file[file.windows(4).position(|four| four == b"IDAT").unwrap()..].to_vec();
    assert_eq!(pixels(&files[0]), pixels(&files[2]), "one seed, one picture");
    assert!(pixels(&files[0]) != pixels(&files[1]) && pixels(&files[2]) != pixels(&files[4]));
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_server_queues_deletes_and_interrupts_as_measured() {
    let server = ComfyUi::start().await;
    server.hold(Hold::Steps(1));
    for (id, seed) in [("a", 1), ("b", 2), ("c", 3), ("b", 4)] {
        assert_eq!(order(&server, id, &sdxl(seed, 1, "x")).await.0, 200, "an id that comes twice is taken twice");
    }
    server.until(|seen| seen.step == 1).await;
    let queue = ask(&server, "GET /queue", &Value::Null).await.json();
    assert_eq!((queue["queue_running"][0][1].as_str(), queue["queue_pending"].as_array().unwrap().len()), (Some("a"), 3));
    assert_eq!(ask(&server, "POST /interrupt", &json!({"prompt_id": "c"})).await.0, 200);
    assert_eq!(server.seen().pending, ["b", "c", "b"], "what waits is not interrupted");
    ask(&server, "POST /queue", &json!({"delete": ["c"]})).await;
    ask(&server, "POST /interrupt", &json!({"prompt_id": "a"})).await;
    server.until(|seen| seen.over == ["a"]).await;
    let history = ask(&server, "GET /history/a", &Value::Null).await.json();
    assert_eq!(history["a"]["status"]["messages"][2][0], "execution_interrupted");
    server.hold(Hold::Nothing);
    server.until(|seen| seen.pending.is_empty() && seen.running.is_none()).await;
    assert_eq!(server.seen().over, ["a", "b"], "what was deleted left nothing");
    assert_eq!(server.files().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_server_keeps_books_of_its_memory() {
    for is_leaky in [false, true] {
        let server = ComfyUi::start_on(Machine { is_leaky, vram_bytes: 10_000_000_000, ..Machine::default() }).await;
        assert_eq!(free_bytes(&server).await, 10_000_000_000);
        order(&server, "a", &sdxl(1, 1, "x")).await;
        made(&server, "a").await;
        assert_eq!((free_bytes(&server).await, server.seen().loaded.len()), (3_100_000_000, 1));
        assert_eq!(ask(&server, "POST /free", &json!({"unload_models": true, "free_memory": true})).await.0, 200);
        let expected = if is_leaky { 3_100_000_000 } else { 10_000_000_000 };
        assert_eq!((free_bytes(&server).await, server.seen().loaded.len()), (expected, 0));
        order(&server, "b", &sdxl(2, 1, "x")).await;
        server.until(|seen| seen.over.len() == 2).await;
        let history = ask(&server, "GET /history/b", &Value::Null).await.json();
        assert_eq!(history["b"]["status"]["completed"], !is_leaky, "{history}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_server_forgets_all_but_its_files() {
    let mut server = ComfyUi::start().await;
    order(&server, "a", &sdxl(1, 1, "x")).await;
    made(&server, "a").await;
    let mut ear = Ear::open(&server, "c").await;
    server.until(|seen| seen.sockets == 1).await;
    server.stop().await;
    while ear.next().await.is_some() {}
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody answers");
    server.start_again().await;
    assert_eq!(ask(&server, "GET /history/a", &Value::Null).await.json(), json!({}));
    server.plan("view", Planned::Status(503));
    let line = "GET /view?filename=x_00001_.png&type=output";
    assert_eq!(ask(&server, line, &Value::Null).await.0, 503);
    let whole = ask(&server, line, &Value::Null).await;
    assert_eq!((whole.0, whole.2.starts_with(b"\x89PNG")), (200, true));
    server.plan("view", Planned::Half);
    assert!(ask(&server, line, &Value::Null).await.2.len() < whole.2.len());
}
