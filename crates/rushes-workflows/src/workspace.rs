//! `workspace`: pictures or one film for a user of an app, made by a worker beside a graphics card. The job offers the work,
//! and takes in each file as it is handed in; which worker makes it, and how often it changes hands, is nothing it sees.

mod asked;
mod frames;

use crate::chat;
use crate::kit::{Kit, blocking};
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan, refuse};
use crate::registry::Card;
use asked::{Answer, Type, Wanted};
use rushes_core::flow::{Flow, Lane, Step, StepContext, hash};
use rushes_core::former::{self, Layout};
use rushes_core::provider::{ChatMessage, ChatRole};
use rushes_core::work::{Handed, NewWork, Order, SIGNAL, is_word};
use rushes_core::{AssetId, Done, Fault, Kind, NewAsset, Stop};
use rushes_media::stills::write_thumbnail;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "workspace",
    version: 1,
    collection: None,
    is_short: true,
    about: "pictures or a film for a user of an app, by a worker beside a graphics card (`rushes worker`)",
    outside: Some(Outside::of::<Input>()),
};

/// Side of a thumbnail, pixels.
pub(crate) const THUMBNAIL_PX: u32 = 256;
/// While nothing is heard, the job looks so often.
const LOOK_EVERY: Duration = Duration::from_hours(1);
/// Labels at most.
const LABELS_MAX: usize = 8;

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) user_id: String,
    pub(crate) prompt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) negative_prompt: Option<String>,
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
    #[serde(default)]
    pub(crate) labels: Vec<String>,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::text("type", "type", &format!("What is made, and how well: {}.", asked::names().join(", "))).needed(),
            Field::text("user_id", "user", "Whose it is: the user's id, which is the first folder of its path.").needed(),
            Field::text("prompt", "prompt", "What is to be seen.").needed(),
            Field::text("id", "id", "The app's own id of the job; asked for again, it is the same job."),
            Field::text("negative_prompt", "negative-prompt", "What is not to be seen."),
            Field::object("config", "config", asked::CONFIG),
            Field::object("metadata", "metadata", "Anything; it comes back with the results."),
            Field::texts("labels", "label", LABELS_MAX, "What the worker must be called (`rushes worker --label`)."),
        ]
    }

    fn check(&self, _door: &Door<'_>) -> Result<(), Fault> {
        for (name, text) in [("user_id", Some(&self.user_id)), ("id", self.id.as_ref())] {
            if text.is_some_and(|text| !is_word(text) || text.starts_with('.')) {
                return Err(refuse(format!("{name} is part of a path: 1 to 64 letters, digits, - and _, such as a UUID")));
            }
        }
        if let Some(label) = self.labels.iter().find(|label| !is_word(label)) {
            return Err(refuse(format!("{label:?} is no label: 1 to 64 letters, digits, -, _ and .")));
        }
        Wanted::of(self).map(drop)
    }

    async fn plan(&self, _look: Look<'_>) -> Result<Plan, Fault> {
        let wanted = Wanted::of(self)?;
        if wanted.of.answer.is_some() {
            return Ok(Plan::of(CARD.name, 1, ["answer"]));
        }
        let before = ["enhance".to_owned()].into_iter().filter(|_| wanted.of.is_enhanced).chain(["offer".to_owned()]);
        let steps = (0..wanted.count).map(|index| format!("take {}", index + 1));
        let found = format!("{} of family {}, by a worker that has it", wanted.count, wanted.of.family);
        Ok(Plan::of(CARD.name, 1, before.chain(steps)).found(found))
    }

    fn key(&self) -> Option<String> {
        self.id.clone()
    }
}

/// What the job offered.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Offered {
    /// The app's id of the job, or ours.
    job_id: String,
    seeds: Vec<u64>,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let wanted = Wanted::of(&input)?;
    let seed = wanted.seed.unwrap_or_else(|| seed_of(&flow.id().to_string()));
    if let Some(answer) = wanted.of.answer {
        let text = answered(flow, kit, &input, (answer, wanted.messages), seed).await?;
        let job_id = input.id.unwrap_or_else(|| flow.id().to_string());
        return Ok(json!({"job_id": job_id, "user_id": input.user_id, "type": input.kind, "metadata": input.metadata, "text": text}));
    }
    let mut input = input;
    if wanted.of.is_enhanced {
        let made = chat::enhance(flow, kit, "enhance", &input.prompt, input.negative_prompt.as_deref(), seed).await?;
        let asked = std::mem::replace(&mut input.prompt, made.prompt);
        input.negative_prompt = Some(made.negative_prompt);
        input.config.insert("original_prompt".to_owned(), json!(asked));
    }
    let offered = offer(flow, &input, &wanted, seed).await?;
    let mut made = BTreeSet::new();
    let layout = kit.layout;
    // What is heard only wakes: each time, all that has come since is taken in.
    for heard in 1_u32.. {
        if made.len() == offered.seeds.len() {
            break;
        }
        let _: Option<Value> = flow.signal(SIGNAL, &heard.to_string(), LOOK_EVERY).await?;
        made.extend(take(flow, layout, &input, &wanted, &offered, &made, heard).await?);
    }
    Ok(json!({"job_id": offered.job_id, "user_id": input.user_id, "type": input.kind, "metadata": input.metadata, "text": null}))
}

/// What a language model says.
async fn answered<F: Flow>(
    flow: &F,
    kit: &Kit,
    input: &Input,
    (answer, messages): (Answer, Vec<ChatMessage>),
    seed: u64,
) -> Result<Value, Stop> {
    match answer {
        Answer::Enhanced => {
            let made = chat::enhance(flow, kit, "answer", &input.prompt, input.negative_prompt.as_deref(), seed).await?;
            Ok(json!({"prompt": made.prompt, "negative_prompt": made.negative_prompt}))
        }
        Answer::Reply => {
            let mut all = messages;
            if all.last().is_none_or(|last| last.role != ChatRole::User) {
                all.push(ChatMessage { role: ChatRole::User, content: input.prompt.clone() });
            }
            Ok(json!({"reply": chat::converse(flow, kit, "answer", all, seed).await?}))
        }
    }
}

async fn offer<F: Flow>(flow: &F, input: &Input, wanted: &Wanted, first: u64) -> Result<Offered, Stop> {
    let (job, input, wanted) = (*flow.id(), input.clone(), wanted.clone());
    flow.step(Step::new("offer").inputs(&input), move |context: StepContext| async move {
        let seeds: Vec<u64> = (0..u64::from(wanted.count)).map(|index| first + index).collect();
        let mut pictures = BTreeMap::new();
        for (name, said) in &wanted.frames {
            pictures.insert((*name).to_owned(), frames::asset_of(context.library.as_ref(), &input.user_id, name, said).await?);
        }
        let inputs = wanted.inputs(&input);
        let mime = wanted.of.mime().to_owned();
        let order = Order { inputs, seeds: seeds.clone(), pictures, mime };
        let work = NewWork { family: wanted.of.family.to_owned(), labels: input.labels.clone(), order };
        context.workers.offer(job, &work).await?;
        Ok(Done::value(Offered { job_id: input.id.unwrap_or_else(|| job.to_string()), seeds }))
    })
    .await
}

/// A seed of the job's own, which every graph takes.
fn seed_of(key: &str) -> u64 {
    u64::from_str_radix(&hash(&key)[..8], 16).unwrap_or(0)
}

/// Makes assets of what has come and is not made yet; gives which. Where nothing has, and nothing will, the job ends with
/// the reason; retried, it is offered anew.
async fn take<F: Flow>(
    flow: &F,
    layout: Layout,
    input: &Input,
    wanted: &Wanted,
    offered: &Offered,
    made: &BTreeSet<u32>,
    heard: u32,
) -> Result<Vec<u32>, Stop> {
    let (job, input, of, offered, made) = (*flow.id(), input.clone(), wanted.of, offered.clone(), made.clone());
    flow.step(Step::new(format!("take {heard}")).lane(Lane::Cpu), move |context: StepContext| async move {
        let mut done = Done::value(Vec::new());
        for index in (0..offered.seeds.len() as u32).filter(|index| !made.contains(index)) {
            let Some((handed, path)) = context.workers.handed(job, index).await? else { continue };
            let (own, thumbnail) = own_files(&context, index, of, path).await?;
            let [result, thumbnail] = assets(&context, layout, &input, &offered, of, handed, [own, thumbnail])?;
            done = done.with(result).with(thumbnail);
            done.value.push(index);
        }
        if done.value.is_empty() {
            context.workers.go_on(job).await.map_err(Stop::Failed)?;
        }
        Ok(done)
    })
    .await
}

/// The file as this step's own, and its thumbnail.
async fn own_files(context: &StepContext, index: u32, of: &Type, path: PathBuf) -> Result<(PathBuf, PathBuf), Stop> {
    let (scratch, is_film, cancel) = (context.scratch()?, of.is_film, context.cancel.clone());
    let files = blocking(move || {
        let (own, thumbnail) = (scratch.join(format!("{index}.file")), scratch.join(format!("{index}.webp")));
        link(&path, &own)?;
        write_thumbnail(&own, is_film, THUMBNAIL_PX, &thumbnail, &cancel)?;
        Ok((own, thumbnail))
    });
    Ok(files.await?)
}

#[expect(clippy::disallowed_methods, reason = "within scratch")]
fn link(from: &Path, to: &Path) -> Result<(), Fault> {
    match std::fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(_) => std::fs::copy(from, to).map(drop).map_err(|e| Fault::io("take file", from, &e)),
    }
}

/// A result and its thumbnail, as assets; where the type of job had no bucket, under today's paths.
fn assets(
    context: &StepContext,
    layout: Layout,
    input: &Input,
    offered: &Offered,
    of: &Type,
    handed: Handed,
    files: [PathBuf; 2],
) -> Result<[NewAsset; 2], Fault> {
    let (index, job_id) = (handed.index, &offered.job_id);
    let [file, thumbnail] = files;
    let bucket = former::bucket_of(of.name);
    let named = |today: Kind, file: PathBuf| -> NewAsset {
        let kind = if bucket.is_some() { layout.kind(today) } else { today };
        let asset = context.new_asset(kind, &input.user_id, file).idx(index).name("bucket", bucket.unwrap_or_default());
        asset.name("user", &input.user_id).name("job", job_id).name("idx", index.to_string())
    };
    let mut small = named(Kind::Thumbnail, thumbnail).meta(json!({"job_id": job_id, "asset_index": index}));
    let meta = json!({
        "job_id": job_id, "asset_index": index, "asset_type": if of.is_film { "video" } else { "image" }, "job_type": of.name,
        "prompt": input.prompt, "negative_prompt": input.negative_prompt, "model": handed.model,
        "settings": input.config, "metadata": input.metadata,
        "thumbnail": format!("{}.webp", small.reference()?.stem),
    });
    let seed = offered.seeds.get(index as usize).copied().unwrap_or_default();
    let result = named(of.kind(), file).seed(seed).meta(meta).looked(Some(handed.looked));
    small.parents = vec![result.id];
    Ok([result, small])
}

/// An asset by the text somebody gave for it.
fn asset_id(text: &str) -> Option<AssetId> {
    text.parse().ok()
}

#[cfg(test)]
mod tests;
