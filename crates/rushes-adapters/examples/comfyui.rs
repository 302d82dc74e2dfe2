//! Tries a real ComfyUI: `cargo run -p rushes-adapters --example comfyui -- http://127.0.0.1:8188 3 "a dancer on a stage"`
//! makes three pictures by the SDXL graph into this folder, and says how its memory stands.

use rushes_adapters::HttpOptions;
use rushes_adapters::providers::comfyui::{ComfyClient, Graph, Inputs, Standing, prompt_id, strip};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(endpoint), Some(count), Some(prompt)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("say where it is, how many pictures, and of what".into());
    };
    let (client, graph) = (ComfyClient::new(&endpoint, HttpOptions::default())?, Graph::sdxl());
    let id = prompt_id(&uuid::Uuid::new_v4().to_string());
    let inputs = Inputs::from([
        ("prompt", json!(prompt)),
        ("num_images", json!(count.parse::<u64>()?)),
        ("seed", json!(uuid::Uuid::new_v4().as_u128() as u32)),
        ("prefix", json!(format!("rushes/{id}"))),
    ]);
    client.order(&id, &graph.filled(&inputs)?).await?;
    let files = loop {
        match client.standing(&id).await? {
            Standing::Made { files, .. } => break files,
            Standing::Failed(fault) => return Err(fault.into()),
            Standing::Nowhere => return Err("it was forgotten".into()),
            Standing::Waiting | Standing::Running => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    };
    for file in &files {
        let raw = PathBuf::from(format!("{}.as-it-came", file.name));
        client.fetch(file, &raw).await?;
        strip(raw, PathBuf::from(&file.name), None).await?;
        eprintln!("{}", file.name);
    }
    eprintln!("{:?}", client.memory().await?);
    Ok(())
}
