//! The one worker: takes the next prompt, goes through its nodes, and saves what its outputs are given.

use super::made::{models, order, shape, source, words};
use super::pictures::{film, png, preview, size_of};
use super::state::{Entry, Shared};
use super::told::Run;
use super::{GIGABYTE, Hold, Planned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Why a run did not come to its end.
enum Stopped {
    Interrupted,
    Failed(&'static str, String),
}

/// Works until it is aborted.
pub(super) async fn work(shared: Arc<Shared>) {
    loop {
        let entry = shared
            .until(|inner| {
                let may_begin = inner.hold != Hold::Queue && !inner.pending.is_empty();
                let next = may_begin.then(|| inner.pending.remove(0))?;
                (inner.running, inner.is_interrupted, inner.step) = (Some(next.clone()), false, 0);
                inner.tell_queue();
                Some(next)
            })
            .await;
        shared.moved();
        execute(&shared, &entry).await;
    }
}

async fn execute(shared: &Shared, entry: &Entry) {
    let mut run = Run::new(shared, entry);
    run.note("execution_start", json!({}));
    let nodes = order(&entry.graph, &entry.outputs);
    let words = words(&entry.graph, &nodes, &shared.home.join("input"));
    let known = std::mem::take(&mut shared.inner().cache);
    let cached: Vec<&String> = nodes.iter().filter(|id| known.contains_key(&words[*id])).collect();
    run.note("execution_cached", json!({"nodes": cached}));
    let mut executed = Vec::new();
    let mut kept = BTreeMap::new();
    let mut stopped = None;
    for id in &nodes {
        if let Some(output) = known.get(&words[id]) {
            if !output.is_null() {
                run.end(id, Some(output));
            }
            kept.insert(words[id].clone(), output.clone());
            continue;
        }
        run.begin(id);
        match node(&mut run, id, &words[id]).await {
            Ok(output) => {
                run.end(id, output.as_ref());
                kept.insert(words[id].clone(), output.unwrap_or_default());
                executed.push(id.clone());
            }
            Err(why) => {
                stopped = Some((id.clone(), why));
                break;
            }
        }
    }
    shared.inner().cache = kept;
    let is_good = stopped.is_none();
    match stopped {
        None => run.note("execution_success", json!({})),
        Some((id, why)) => tell_stopped(&mut run, &id, &why, &executed),
    }
    shared.until(|inner| (inner.hold != Hold::History).then_some(())).await;
    run.over(is_good);
}

fn tell_stopped(run: &mut Run<'_>, id: &str, why: &Stopped, executed: &[String]) {
    let class = run.entry.graph[id]["class_type"].clone();
    match why {
        Stopped::Interrupted => run.note("execution_interrupted", json!({"node_id": id, "node_type": class, "executed": executed})),
        Stopped::Failed(kind, words) => {
            let given = run.entry.graph[id]["inputs"].as_object().cloned().unwrap_or_default();
            let given: serde_json::Map<String, Value> = given.into_iter().map(|(name, value)| (name, json!([value]))).collect();
            let told = json!({
                "node_id": id, "node_type": class, "executed": executed, "exception_message": words, "exception_type": kind,
                "traceback": ["  File \"/opt/comfyui/execution.py\", line 496, in execute\n"], "current_inputs": given,
                "current_outputs": run.entry.graph.keys().collect::<Vec<_>>(),
            });
            run.note("execution_error", told);
        }
    }
}

/// Gives what a node saved.
async fn node(run: &mut Run<'_>, id: &str, word: &str) -> Result<Option<Value>, Stopped> {
    let (shared, graph) = (run.shared, &run.entry.graph);
    let class = graph[id]["class_type"].as_str().unwrap_or_default().to_owned();
    if shared.inner().is_interrupted {
        return Err(Stopped::Interrupted);
    }
    // Only samplers look up from their work: any other node ends it, and the next one is interrupted.
    shared.inner().held_node = Some(id.to_owned());
    shared.moved();
    shared.until(|inner| (inner.hold != Hold::Nodes).then(|| inner.held_node = None)).await;
    pause(shared).await;
    for model in models(graph, id).iter().filter(|_| !class.ends_with("Loader") && class != "CheckpointLoaderSimple") {
        load(shared, model).await?;
    }
    match class.as_str() {
        "KSampler" | "KSamplerAdvanced" => sample(run, id).await.map(|()| None),
        "LoadImage" => {
            let file = graph[id]["inputs"]["image"].as_str().unwrap_or_default();
            size_of(&shared.home.join("input").join(file)).map(|_| None).map_err(|(kind, words)| Stopped::Failed(kind, words))
        }
        "SaveImage" | "SaveVideo" | "SaveWEBM" => save(run, id, &class, word).await.map(Some),
        _ => Ok(None),
    }
}

/// Takes its time.
async fn pause(shared: &Shared) {
    if shared.machine.step_ms > 0 {
        tokio::time::sleep(Duration::from_millis(shared.machine.step_ms)).await;
    }
}

async fn load(shared: &Shared, name: &str) -> Result<(), Stopped> {
    let bytes = shared.machine.models.iter().find(|file| file.name == name).map_or(0, |file| file.size_bytes);
    {
        let mut inner = shared.inner();
        if let Some(at) = inner.loaded.iter().position(|(other, _)| other == name) {
            let used = inner.loaded.remove(at);
            inner.loaded.push(used);
            return Ok(());
        }
        while inner.free_bytes(&shared.machine) < bytes {
            if inner.unload_one(&shared.machine).is_none() {
                return Err(out_of_memory(bytes));
            }
        }
        inner.loaded.push((name.to_owned(), bytes));
    }
    shared.moved();
    if shared.machine.load_ms > 0 {
        tokio::time::sleep(Duration::from_millis(shared.machine.load_ms * bytes / GIGABYTE)).await;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn out_of_memory(bytes: u64) -> Stopped {
    let words =
        format!("Allocation on device 0 would exceed allowed memory. (out of memory): {:.2} GiB", bytes as f64 / f64::from(1 << 30));
    Stopped::Failed("torch.OutOfMemoryError", words)
}

async fn sample(run: &mut Run<'_>, id: &str) -> Result<(), Stopped> {
    let planned = run.shared.inner().next_planned("run");
    match planned {
        Some(Planned::Fails(kind, words)) => return Err(Stopped::Failed(kind, words)),
        Some(Planned::OutOfMemory) => return Err(out_of_memory(GIGABYTE)),
        Some(other) => run.shared.inner().planned.push_back(("run", other)),
        None => {}
    }
    let given = &run.entry.graph[id]["inputs"];
    let all = given["steps"].as_u64().unwrap_or(1);
    let (first, last) = (given["start_at_step"].as_u64().unwrap_or(0), given["end_at_step"].as_u64().unwrap_or(all).min(all));
    let steps = last.saturating_sub(first);
    let image = preview();
    for done in 0..steps {
        pause(run.shared).await;
        let is_held = |hold| hold == Hold::Steps(done);
        if run.shared.until(|inner| (inner.is_interrupted || !is_held(inner.hold)).then_some(inner.is_interrupted)).await {
            return Err(Stopped::Interrupted);
        }
        run.step(id, done + 1, steps, &image);
        run.shared.inner().step = done + 1;
        run.shared.moved();
    }
    Ok(())
}

/// The number of the next file of this name, as ComfyUI counts: one more than there are.
fn next_number(folder: &Path, name: &str) -> u32 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let numbers =
        files.filter_map(|file| file.file_name().to_str()?.strip_prefix(name)?.strip_prefix('_')?.split('_').next()?.parse().ok());
    numbers.max().unwrap_or(0) + 1
}

async fn save(run: &Run<'_>, id: &str, class: &str, word: &str) -> Result<Value, Stopped> {
    let (shared, graph) = (run.shared, &run.entry.graph);
    let prefix = graph[id]["inputs"]["filename_prefix"].as_str().unwrap_or("ComfyUI");
    let (subfolder, name) = prefix.rsplit_once('/').unwrap_or(("", prefix));
    let folder = shared.home.join("output").join(subfolder);
    std::fs::create_dir_all(&folder).map_err(|e| Stopped::Failed("OSError", e.to_string()))?;
    let mut shape = shape(graph, id, &shared.home.join("input"));
    // Equal pictures for equal graphs, whatever the name of their file.
    let from = ["images", "video"].iter().find_map(|link| source(graph, id, link));
    let drawn = from.map(|from| super::made::words(graph, &order(graph, &[from.to_owned()]), &shared.home.join("input"))[from].clone());
    let seed = u64::from_str_radix(&drawn.as_deref().unwrap_or(word)[..16], 16).unwrap_or_default();
    let planned = shared.inner().next_planned("run");
    match planned {
        Some(Planned::OtherSize) => shape.width += 8,
        Some(Planned::Fails(kind, words)) => return Err(Stopped::Failed(kind, words)),
        _ => {}
    }
    let number = next_number(&folder, name);
    let listed = |file: String| json!({"filename": file, "subfolder": subfolder, "type": "output"});
    if class != "SaveImage" {
        let file = format!("{name}_{number:05}_.{}", if class == "SaveWEBM" { "webm" } else { "mp4" });
        let path = folder.join(&file);
        let drawn = tokio::task::spawn_blocking(move || film(&path, (shape.width, shape.height), shape.count, shape.fps, seed));
        drawn.await.map_err(|e| Stopped::Failed("RuntimeError", e.to_string()))?;
        return Ok(json!({"images": [listed(file)], "animated": [true]}));
    }
    let mut files = Vec::new();
    let told = Value::Object(graph.clone()).to_string();
    for at in 0..shape.count {
        let file = format!("{name}_{:05}_.png", number + at);
        let picture = png(shape.width, shape.height, seed.wrapping_add(u64::from(at) * 0x9e37_79b9), &[("prompt", told.clone())]);
        write(&folder.join(&file), &picture)?;
        files.push(listed(file));
    }
    Ok(json!({"images": files}))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Stopped> {
    use std::io::Write;
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|e| Stopped::Failed("OSError", e.to_string()))
}
