//! One job's work at one ComfyUI: each file is one prompt, handed in as soon as it is made. Prompts are named after the
//! lease, so a worker that was started again finds what it had ordered, and another lease never gets an old one's file.

use super::{Again, Worker};
use rushes_adapters::providers::comfyui::{ComfyClient, ComfySettings, Graph, Inputs, MadeFile, Standing, check, prompt_id, strip};
use rushes_adapters::work::WorkServer;
use rushes_core::digest::sha256;
use rushes_core::work::{FILES_MAX, LeasedWork};
use rushes_core::{Cancel, Code, Fault, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Leases last ten times as long; and a card works no longer than this on what was cancelled.
const BEAT_EVERY: Duration = Duration::from_secs(3);
/// Between two looks at a prompt.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A prompt that ComfyUI forgets is ordered again so often.
const ORDERS_MAX: u32 = 3;
/// Stopping what ComfyUI still works on.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// What an order may say that is no picture and no seed.
const SAID: [&str; 9] =
    ["prompt", "negative_prompt", "width", "height", "num_inference_steps", "switch_step", "guidance_scale", "frames", "fps"];
/// The pictures an order may name.
const PICTURES: [&str; 2] = ["first_frame", "last_frame"];
/// Where what is uploaded and made lies at ComfyUI.
const FOLDER: &str = "rushes";

/// How work ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// All files are handed in.
    Done,
    /// Another worker has it now, or nobody wants it: what was made of it counts no more.
    Lost,
    /// It was given back since the worker leaves.
    GivenBack,
    /// It came to nothing.
    Failed(Fault),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Lost => f.write_str("it is somebody else's, or nobody's"),
            Self::GivenBack => f.write_str("given back"),
            Self::Failed(fault) => write!(f, "failed: {fault}"),
        }
    }
}

/// Where work is done.
pub(super) struct Bench<'a> {
    worker: &'a Worker,
    client: ComfyClient,
}

/// What a lease is told from beside the work.
struct Beat {
    /// Thousandths of the whole.
    share: AtomicU32,
    /// The lease is lost, or its work unwanted.
    over: Cancel,
    is_unwanted: AtomicBool,
}

impl<'a> Bench<'a> {
    pub(super) fn new(worker: &'a Worker, client: ComfyClient) -> Self {
        Self { worker, client }
    }

    /// Does it, and says how it ended: to the server too, where that still asks.
    pub(super) async fn perform(&self, work: &LeasedWork, leave: &Cancel) -> Ended {
        let beat = Arc::new(Beat { share: AtomicU32::new(0), over: Cancel::new(), is_unwanted: AtomicBool::new(false) });
        let beating = tokio::spawn(keep_up(self.worker.server.clone(), work.token, beat.clone()));
        let folder = self.worker.folder.join("work");
        let made = tokio::select! {
            made = self.make(work, &folder, &beat) => made.map_err(Some),
            () = beat.over.cancelled() => Err(None),
            () = leave.cancelled() => Err(Some(Fault::new(Code::Cancelled, "do work").because("the worker leaves"))),
        };
        beating.abort();
        let _ = std::fs::remove_dir_all(&folder);
        let (ended, told) = match made {
            Ok(()) => return Ended::Done,
            Err(None) if beat.is_unwanted.load(Ordering::SeqCst) => {
                (Ended::Lost, Some(Fault::new(Code::Cancelled, "do work").because("the job was cancelled")))
            }
            Err(None) => (Ended::Lost, None),
            Err(Some(fault)) if fault.code == Code::LeaseLost => (Ended::Lost, None),
            Err(Some(fault)) if fault.code == Code::Cancelled => (Ended::GivenBack, Some(fault)),
            Err(Some(fault)) => (Ended::Failed(fault.clone()), Some(fault)),
        };
        self.stop_all(work.token).await;
        if let Some(fault) = told {
            let told = self.worker.server.fail(work.token, &fault, !matches!(ended, Ended::Failed(_)));
            if let Ok(Err(untold)) = tokio::time::timeout(STOP_LIMIT, told).await {
                // Then the lease runs out.
                tracing::warn!(job = %work.job, %untold, "the server could not be told that work was given back");
            }
        }
        ended
    }

    /// Has ComfyUI drop all it may have of a lease.
    pub(super) async fn stop_all(&self, token: Uuid) {
        let all = async {
            for index in 0..FILES_MAX {
                let id = prompt_of(token, index);
                if let Ok(Standing::Waiting | Standing::Running) = self.client.standing(&id).await {
                    self.client.stop(&id).await?;
                }
            }
            Ok::<_, Fault>(())
        };
        if let Ok(Err(fault)) = tokio::time::timeout(STOP_LIMIT, all).await {
            tracing::warn!(%fault, "ComfyUI may still work on what nobody wants");
        }
    }

    async fn make(&self, work: &LeasedWork, folder: &Path, beat: &Beat) -> Result<(), Fault> {
        let family = || Fault::new(Code::ConfigInvalid, "do work").with("family", &work.family).because("this worker has no such family");
        let graph = self.worker.families.graph(&work.family).ok_or_else(family)?;
        // What an earlier run left is not looked at.
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).map_err(|e| Fault::io("make folder of work", folder, &e))?;
        let pictures = self.pictures(work, graph, folder).await?;
        let count = work.order.seeds.len();
        for (index, seed) in (0_u32..).zip(&work.order.seeds) {
            if work.have.contains(&index) {
                continue;
            }
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
            let tell = |share: f32| beat.share.store(((index as f32 + share) / count as f32 * 1_000.0) as u32, Ordering::Relaxed);
            let file = self.file(work, graph, (index, *seed), &pictures, folder, &tell).await?;
            let hash = hash_of(file.clone()).await?;
            let model = graph.model();
            persist(|| self.worker.server.hand_in(work.token, index, &file, &hash, &model)).await?;
        }
        persist(|| self.worker.server.complete(work.token)).await
    }

    /// The pictures that the work is made from, on this machine.
    async fn pictures(&self, work: &LeasedWork, graph: &Graph, folder: &Path) -> Result<BTreeMap<&'static str, PathBuf>, Fault> {
        let mut pictures = BTreeMap::new();
        for name in work.order.pictures.keys() {
            let known = PICTURES.into_iter().find(|known| known == name && graph.takes(known));
            let refuse = || {
                let reason = format!("the graph of this worker takes no {name}; name one that does, or leave it out");
                Fault::new(Code::InputInvalid, "do work").with("family", &work.family).because(reason)
            };
            let known = known.ok_or_else(refuse)?;
            let file = folder.join(known);
            persist(|| async {
                let _ = std::fs::remove_file(&file);
                self.worker.server.picture(work.token, known, &file).await
            })
            .await?;
            pictures.insert(known, file);
        }
        Ok(pictures)
    }

    /// Makes one file: ordered once, unless ComfyUI forgets it.
    async fn file(
        &self,
        work: &LeasedWork,
        graph: &Graph,
        (index, seed): (u32, u64),
        pictures: &BTreeMap<&'static str, PathBuf>,
        folder: &Path,
        tell: &(dyn Fn(f32) + Sync),
    ) -> Result<PathBuf, Fault> {
        let id = prompt_of(work.token, index);
        let (begun, mut orders, mut again) = (Instant::now(), 0, Again::new());
        // Since when nothing was heard of ComfyUI.
        let mut silent: Option<Instant> = None;
        loop {
            if begun.elapsed() > self.worker.file_limit {
                let reason = format!("a file took longer than {} s (worker.file_limit_s)", self.worker.file_limit.as_secs());
                return Err(Fault::new(Code::TimeLimit, "do work").because(reason));
            }
            let looked = match self.client.standing(&id).await {
                Ok(Standing::Nowhere) if orders == ORDERS_MAX => {
                    let reason = format!("ComfyUI forgot it {orders} times; see its log");
                    return Err(Fault::new(Code::ProviderDown, "do work").verdict(Verdict::Transient).because(reason));
                }
                Ok(Standing::Nowhere) => {
                    orders += 1;
                    self.order(work, graph, &id, seed, pictures).await
                }
                Ok(Standing::Made { files, graph: filled }) => {
                    return self.fetch(&work.order.mime, graph, &filled, &files, &folder.join(index.to_string())).await;
                }
                Ok(Standing::Failed(fault)) => return Err(fault),
                Ok(Standing::Waiting | Standing::Running) => {
                    self.wait(&id, tell).await;
                    again = Again::new();
                    Ok(())
                }
                Err(fault) => {
                    if silent.get_or_insert_with(Instant::now).elapsed() > self.worker.starts_within {
                        return Err(fault);
                    }
                    again.wait(&fault, &Cancel::new()).await;
                    continue;
                }
            };
            silent = None;
            match looked {
                Ok(()) => {}
                // It may have arrived: the next look says whether.
                Err(fault) if fault.is_transient() => again.wait(&fault, &Cancel::new()).await,
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn order(
        &self,
        work: &LeasedWork,
        graph: &Graph,
        id: &str,
        seed: u64,
        pictures: &BTreeMap<&'static str, PathBuf>,
    ) -> Result<(), Fault> {
        let mut inputs = Inputs::from([("seed", json!(seed)), ("prefix", json!(format!("{FOLDER}/{id}")))]);
        for (name, file) in pictures {
            let hash = hash_of(file.clone()).await?;
            let uploaded = self.client.upload(FOLDER, &format!("{}.png", &hash[..32]), file).await?;
            inputs.insert(name, json!(uploaded));
        }
        for name in SAID.into_iter().filter(|name| graph.takes(name)) {
            match work.order.inputs.get(name) {
                Some(Value::Number(px)) if matches!(name, "width" | "height") => {
                    let px = px.as_u64().and_then(|px| u32::try_from(px).ok()).unwrap_or_default();
                    inputs.insert(name, json!(graph.side(px)));
                }
                said if name == "negative_prompt" => {
                    // What must never be seen is said whatever else is.
                    let own = ComfySettings::default().negative_prompt;
                    let said = said.and_then(Value::as_str).map_or(own.clone(), |said| format!("{said}, {own}"));
                    inputs.insert(name, json!(said));
                }
                Some(value) => drop(inputs.insert(name, value.clone())),
                None => {}
            }
        }
        if graph.takes("num_images") {
            inputs.insert("num_images", json!(1));
        }
        self.client.order(id, &graph.filled(&inputs)?).await
    }

    /// Waits until a look may show something new.
    async fn wait(&self, id: &str, tell: &(dyn Fn(f32) + Sync)) {
        tokio::time::sleep(LOOK_EVERY).await;
        let (share, _) = self.client.heard(id);
        tell(share.unwrap_or(0.0));
    }

    /// Fetches the file of the output node, checked and freed of what it carries besides.
    async fn fetch(&self, mime: &str, graph: &Graph, filled: &Value, files: &[MadeFile], at: &Path) -> Result<PathBuf, Fault> {
        let is_film = mime == "video/mp4";
        let end = if is_film { ".mp4" } else { ".png" };
        let is_wanted = |file: &&MadeFile| file.node == graph.output() && file.name.to_ascii_lowercase().ends_with(end);
        let Some(made) = files.iter().find(is_wanted) else {
            let reason = format!("node {} of the graph saved no {end}; the output must be a node that does", graph.output());
            return Err(Fault::new(Code::ProviderRefused, "fetch what was made").because(reason));
        };
        let side = |name: &str| u32::try_from(graph.value(filled, name).as_u64()?).ok();
        let wanted = side("width").zip(side("height"));
        let (raw, file) = (at.with_extension("raw"), at.with_extension(&end[1..]));
        persist(|| async {
            let _ = std::fs::remove_file(&raw);
            self.client.fetch(made, &raw).await
        })
        .await?;
        if is_film {
            check(raw.clone(), wanted).await?;
            return Ok(raw);
        }
        strip(raw, file.clone(), wanted).await?;
        Ok(file)
    }
}

fn prompt_of(token: Uuid, index: u32) -> String {
    prompt_id(&format!("{token}/{index}"))
}

async fn hash_of(file: PathBuf) -> Result<String, Fault> {
    let read = move || File::open(&file).and_then(sha256).map_err(|e| Fault::io("hash file", &file, &e));
    let hashed = tokio::task::spawn_blocking(read).await.map_err(|e| Fault::new(Code::Panicked, "hash file").because(e))??;
    Ok(hashed.0)
}

/// Tries again while what goes wrong may pass: the heartbeat knows when that is of no use any more.
async fn persist<T, F: Future<Output = Result<T, Fault>>>(mut what: impl FnMut() -> F) -> Result<T, Fault> {
    let mut again = Again::new();
    loop {
        match what().await {
            Err(fault) if fault.is_transient() => {
                tracing::warn!(%fault, "tried again");
                again.wait(&fault, &Cancel::new()).await;
            }
            end => return end,
        }
    }
}

/// Renews the lease until it is lost.
async fn keep_up(server: WorkServer, token: Uuid, beat: Arc<Beat>) {
    loop {
        #[expect(clippy::cast_precision_loss, reason = "0 to 1000")]
        let share = beat.share.load(Ordering::Relaxed) as f32 / 1_000.0;
        match server.heartbeat(token, share).await {
            Ok(true) => {}
            Ok(false) => {
                beat.is_unwanted.store(true, Ordering::SeqCst);
                return beat.over.cancel();
            }
            Err(fault) if fault.code == Code::LeaseLost => return beat.over.cancel(),
            Err(fault) => tracing::warn!(%fault, "the lease could not be renewed"),
        }
        tokio::time::sleep(BEAT_EVERY).await;
    }
}
