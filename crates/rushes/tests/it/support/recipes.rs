//! Small workflows that use each part of `Flow`, and count how often their bodies really ran.

use rushes_core::choice;
use rushes_core::flow::{Branch, Child, Flow, Lane, Step, StepContext, Workflows};
use rushes_core::ledger::{self, Found};
use rushes_core::store::AssetFilter;
use rushes_core::subject::{NewSubject, SubjectType};
use rushes_core::{Code, Done, Fault, Kind, NewFolder, Stop};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often each body ran, by name; shared between engines, as the outside world is.
#[derive(Clone, Default)]
pub(crate) struct Recipes {
    runs: Arc<Mutex<BTreeMap<String, u32>>>,
    version: u32,
    left_out: Option<&'static str>,
}

impl Recipes {
    /// Workflows that no longer ask for this step.
    pub(crate) fn without(step: &'static str) -> Self {
        Self { left_out: Some(step), ..Self::default() }
    }

    /// Workflows that all claim this version.
    pub(crate) fn of_version(version: u32) -> Self {
        Self { version, ..Self::default() }
    }

    pub(crate) fn runs(&self, body: &str) -> u32 {
        self.runs.lock().unwrap().get(body).copied().unwrap_or(0)
    }

    fn ran(&self, body: &str) -> u32 {
        let mut runs = self.runs.lock().unwrap();
        let count = runs.entry(body.to_owned()).or_insert(0);
        *count += 1;
        *count
    }

    /// A step that only counts and answers.
    async fn count<F: Flow>(&self, flow: &F, name: &str) -> Result<u32, Stop> {
        let (recipes, body) = (self.clone(), name.to_owned());
        flow.step(Step::new(name), move |_: StepContext| async move { Ok(Done::value(recipes.ran(&body))) }).await
    }
}

/// Writes a file into the step's scratch.
fn scratch_file(context: &StepContext, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = context.scratch().unwrap().join(name);
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

impl Workflows for Recipes {
    fn version(&self, _workflow: &str) -> Option<u32> {
        Some(self.version)
    }

    fn collection(&self, workflow: &str) -> Option<&'static str> {
        (workflow == "files").then_some("pipeline_jobs")
    }

    async fn run<F: Flow>(&self, workflow: &str, flow: &F, input: Value) -> Result<Value, Stop> {
        match workflow {
            "files" => self.files(flow, input).await,
            "workspace" => self.workspace(flow, input).await,
            "pictures" => self.pictures(flow, input).await,
            "steps" => self.steps(flow, input).await,
            "parent" => self.parent(flow, input).await,
            "faulty" => self.faulty(flow, input).await,
            "undo" => self.undo(flow).await,
            "branches" => self.branches(flow).await,
            "wait" => self.wait(flow, input).await,
            "choose" => self.choose(flow, input).await,
            "post" => self.post(flow, input).await,
            "folders" => self.folders(flow, input).await,
            "photo" => self.photo(flow, input).await,
            other => Err(Stop::Failed(Fault::new(Code::WorkflowUnknown, "run").with("workflow", other))),
        }
    }
}

impl Recipes {
    /// One subject with `count` files; `text` goes into each, and as many further `bytes`.
    async fn files<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        let recipes = self.clone();
        let subject = input["subject"].as_str().unwrap_or("mira").to_owned();
        let first = flow
            .step(Step::new("subject"), move |context: StepContext| async move {
                recipes.ran("subject");
                let id = format!("{subject}_1");
                let mut done = Done::value(id.clone());
                if context.library.subject(&subject).await?.is_none() {
                    done.subjects.push(NewSubject {
                        id,
                        subject_type: SubjectType::Character,
                        slug: subject.clone(),
                        name: subject,
                        fields: json!({"tagline": "a test"}),
                    });
                }
                Ok(done)
            })
            .await?;
        let count = input["count"].as_u64().unwrap_or(1);
        for index in 0..count {
            let (recipes, subject, text) = (self.clone(), first.clone(), input["text"].as_str().unwrap_or("text").to_owned());
            let more = usize::try_from(input["bytes"].as_u64().unwrap_or(0)).unwrap_or(0);
            let body = move |context: StepContext| async move {
                recipes.ran(&format!("file {index}"));
                let file = scratch_file(&context, "made", format!("{text} {index}{}", " ".repeat(more)).as_bytes());
                let asset = context
                    .new_asset(Kind::DanceVideo, &subject, file)
                    .name("ref", format!("ref{index}"))
                    .title(format!("alternate_{index}"));
                Ok(Done::value(asset.reference()?).with(asset))
            };
            flow.step(Step::new(format!("file {index}")), body).await?;
        }
        Ok(json!({ "made": count }))
    }

    /// One file of a user, which is kept for days only, and perhaps its thumbnail.
    async fn workspace<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        let job = input["id"].as_str().map_or_else(|| flow.id().to_string(), str::to_owned);
        let user = input["user_id"].as_str().unwrap_or("ana").to_owned();
        let value = json!({"job_id": job, "user_id": user, "metadata": input["metadata"], "text": null});
        flow.step(Step::new("file"), move |context: StepContext| async move {
            if input["fails"] == true {
                return Err(Stop::Failed(Fault::new(Code::ProviderRefused, "draw").because("no such model")));
            }
            let made = |kind: Kind, name: &str, meta: Value| {
                let file = scratch_file(&context, name, format!("{name} {}", input["text"].as_str().unwrap_or("text")).as_bytes());
                context.new_asset(kind, &user, file).name("user", &user).name("job", &job).name("idx", "0").meta(meta)
            };
            let meta = json!({"job_id": job, "asset_index": 0, "prompt": "a cat", "model": "sdxl", "settings": {"num_images": 1}});
            let asset = made(Kind::WorkspaceImage, "made", meta).seed(7);
            let mut done = Done::value(asset.reference()?);
            if input["thumbnail"] == true {
                let thumbnail = made(Kind::Thumbnail, "small", json!({"job_id": job, "asset_index": 0}));
                let thumbnail = thumbnail.made_from(&done.value);
                done = done.with(thumbnail);
            }
            Ok(done.with(asset))
        })
        .await?;
        Ok(value)
    }

    /// A picture of 400 by 300 and a sticker, both PNG, and a film; each `shade` gives others.
    async fn pictures<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        let shade = u8::try_from(input["shade"].as_u64().unwrap_or(0)).unwrap_or(0);
        let body = move |context: StepContext| async move {
            let grain = |x: u32, y: u32| image::Rgb([(x * 7 + y * 13) as u8 % 64 + shade, (x / 2) as u8, (x * y) as u8 % 32]);
            let mut done = Done::value(json!({ "shade": shade }));
            for (name, kind, side) in [("made.png", Kind::AnimeImage, 400), ("icon.png", Kind::IconSticker, 200)] {
                let file = context.scratch()?.join(name);
                image::RgbImage::from_fn(side, side * 3 / 4, grain).save(&file).unwrap();
                done = done.with(context.new_asset(kind, "ana", file).name("ref", "ref").name("name", "Ana"));
            }
            let film = scratch_file(&context, "film", format!("film {shade}").as_bytes());
            Ok(done.with(context.new_asset(Kind::DanceVideo, "ana", film).name("ref", "ref")))
        };
        flow.step(Step::new("pictures"), body).await
    }

    /// `count` steps, one after the other, then perhaps a wait for a signal.
    async fn steps<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        for index in 0..input["count"].as_u64().unwrap_or(3) {
            self.count(flow, &format!("step {index}")).await?;
        }
        if input["twice"] == true {
            self.count(flow, "step 0").await?;
        }
        Ok(json!("steps"))
    }

    async fn parent<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        let children = input["children"].as_array().cloned().unwrap_or_default();
        let children = children.into_iter().enumerate().map(|(index, child)| Child {
            name: format!("child {index}"),
            workflow: child["workflow"].as_str().unwrap_or_default().to_owned(),
            input: child["input"].clone(),
        });
        let mut ends = Vec::new();
        for end in flow.children(children.collect()).await {
            ends.push(match end {
                Ok(value) => value,
                Err(Stop::Failed(fault)) => json!({"failed": fault.code}),
                Err(stop) => return Err(stop),
            });
        }
        Ok(json!(ends))
    }

    /// A step whose body goes wrong in the way asked for.
    async fn faulty<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        let recipes = self.clone();
        let how = input["how"].as_str().unwrap_or_default().to_owned();
        let mut step = Step::new("faulty").at_most(3).within(Duration::from_millis(300));
        step.provider = Some("clumsy".to_owned());
        let value = flow
            .step(step, move |context: StepContext| async move {
                let run = recipes.ran("faulty");
                let down = Fault::new(Code::ProviderDown, "call");
                if how.starts_with("logged") {
                    scratch_file(&context, "log", format!("why run {run} failed").as_bytes());
                }
                match how.as_str() {
                    "twice" if run <= 2 => Err(Stop::Retry { fault: down, after: Some(Duration::from_millis(5)) }),
                    "later" if run == 1 => Err(Stop::Retry { fault: down, after: Some(Duration::from_secs(2)) }),
                    "always" | "logged" => Err(Stop::Retry { fault: down, after: Some(Duration::from_millis(5)) }),
                    "refused" | "logged refused" => Err(Stop::Failed(Fault::new(Code::ProviderRefused, "call").because("no"))),
                    "panic" if run == 1 => panic!("a body may panic"),
                    "hang" if run == 1 => {
                        tokio::time::sleep(Duration::from_secs(3600)).await;
                        Ok(Done::value(json!("late")))
                    }
                    "large" => Ok(Done::value(json!("x".repeat(300_000)))),
                    "link" => {
                        let file = context.scratch()?.join("link");
                        std::os::unix::fs::symlink("/etc/hosts", &file).unwrap();
                        Ok(Done::value(json!(null)).with(context.new_asset(Kind::AnimeImage, "a", file)))
                    }
                    "linked folder" => {
                        let folder = context.scratch()?.join("folder");
                        std::os::unix::fs::symlink("/etc", &folder).unwrap();
                        Ok(Done::value(json!(null)).with(context.new_asset(Kind::AnimeImage, "a", folder.join("hosts"))))
                    }
                    "outside" => {
                        let file = context.scratch()?.join("../../../outside");
                        Ok(Done::value(json!(null)).with(context.new_asset(Kind::AnimeImage, "a", file)))
                    }
                    _ => Ok(Done::value(json!(run))),
                }
            })
            .await?;
        Ok(value)
    }

    /// Works until cancelled, then undoes.
    async fn undo<F: Flow>(&self, flow: &F) -> Result<Value, Stop> {
        self.count(flow, "book").await?;
        let recipes = self.clone();
        let work = flow.step(Step::new("work"), move |context: StepContext| async move {
            recipes.ran("work");
            scratch_file(&context, "half", b"half a film");
            context.cancel.cancelled().await;
            recipes.ran("work told");
            Err::<Done<()>, _>(Stop::Cancelled)
        });
        match work.await {
            Err(Stop::Cancelled) => {
                self.count(flow, "undo book").await?;
                Err(Stop::Cancelled)
            }
            other => other.map(|()| json!("never")),
        }
    }

    /// Five long branches in a lane of two; undoes when cancelled.
    async fn branches<F: Flow>(&self, flow: &F) -> Result<Value, Stop> {
        let branch = |index: usize| {
            let recipes = self.clone();
            Branch::new(Step::new(format!("branch {index}")).lane(Lane::Cpu), move |context: StepContext| async move {
                recipes.ran(&format!("branch {index}"));
                context.cancel.cancelled().await;
                Err::<Done<()>, _>(Stop::Cancelled)
            })
        };
        let ends = flow.all((0..5).map(branch).collect()).await;
        match ends.into_iter().collect::<Result<Vec<()>, Stop>>() {
            Err(Stop::Cancelled) => {
                self.count(flow, "undo branches").await?;
                Err(Stop::Cancelled)
            }
            other => other.map(|_| json!("never")),
        }
    }

    /// Makes so many pictures and goes on with the one somebody chooses; perhaps asks a second time.
    async fn choose<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        let (recipes, count) = (self.clone(), u8::try_from(input["takes"].as_u64().unwrap_or(3)).unwrap_or(3));
        let body = move |context: StepContext| async move {
            recipes.ran("takes look");
            let (mut done, mut takes) = (Done::value(Value::Null), Vec::new());
            for take in 1..=count {
                let file = context.scratch()?.join(format!("{take}.png"));
                image::RgbImage::from_pixel(90, 160, image::Rgb([take * 60, 80, 120])).save(&file).unwrap();
                let mut asset =
                    context.new_asset(Kind::VariantImage, "ana", file).name("ref", "ref").name("variant", format!("take_{take}"));
                asset.idx = u32::from(take);
                takes.push(asset.reference()?);
                done = done.with(asset);
            }
            done.value = json!({ "takes": takes });
            Ok(done)
        };
        flow.step(Step::new(choice::step_of("look")), body).await?;
        let mut chosen: Vec<Value> = Vec::new();
        for at in 0..input["times"].as_u64().unwrap_or(1) {
            chosen.extend(flow.signal::<Value>(&choice::signal_of("look"), &format!("{at}"), Duration::from_hours(1)).await?);
        }
        self.count(flow, "after choice").await?;
        Ok(json!(chosen))
    }

    /// Sleeps, waits for two signals of one name, runs two branches.
    async fn wait<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        flow.sleep("nap", Duration::from_millis(input["nap_ms"].as_u64().unwrap_or(1))).await?;
        if self.left_out != Some("after nap") {
            self.count(flow, "after nap").await?;
        }
        let limit = Duration::from_millis(input["limit_ms"].as_u64().unwrap_or(20_000));
        let first: Option<String> = flow.signal("word", "first", limit).await?;
        let second: Option<String> = flow.signal("word", "second", limit).await?;
        let branch = |name: &'static str| {
            let recipes = self.clone();
            Branch::new(Step::new(name), move |_: StepContext| async move { Ok(Done::value(recipes.ran(name))) })
        };
        let both = flow.all(vec![branch("left"), branch("right")]).await.into_iter().collect::<Result<Vec<u32>, Stop>>()?;
        Ok(json!([first, second, both]))
    }

    /// Asks for folders, or has them go.
    async fn folders<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        let folders = |field: &str| -> Vec<NewFolder> {
            let paths = input[field].as_array().into_iter().flatten().filter_map(Value::as_str);
            paths.map(|path| NewFolder::new(Kind::DanceVideo, "mira_1", path)).collect()
        };
        let (folders, folders_gone) = (folders("made"), folders("gone"));
        flow.step(Step::new("folders"), move |_: StepContext| async move { Ok(Done { folders, folders_gone, ..Done::value(Value::Null) }) })
            .await
    }

    /// One photo of so many bytes in the folders of several people; those of `gone` lose theirs in the same step.
    async fn photo<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        let body = move |context: StepContext| async move {
            let texts = |field: &str| -> Vec<String> {
                input[field].as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
            };
            let bytes = vec![b'p'; usize::try_from(input["bytes"].as_u64().unwrap_or(0)).unwrap_or(0)];
            let mut done = Done::value(Value::Null);
            for (index, person) in texts("people").into_iter().enumerate() {
                let file = scratch_file(&context, &person, &bytes);
                let mut asset = context.new_asset(Kind::DanceVideo, &person, file).name("ref", "photo");
                asset.idx = u32::try_from(index).unwrap_or(0);
                done = done.with(asset);
            }
            for person in texts("gone") {
                let filter = AssetFilter { subject: Some(person), ..AssetFilter::default() };
                done.gone.extend(context.library.assets(&filter).await?.into_iter().map(|(asset, _)| asset.id));
            }
            Ok(done)
        };
        flow.step(Step::new("photo"), body).await
    }

    /// Posts once to an outside world, which is these recipes' own counting; `lost` answers of it never come.
    async fn post<F: Flow>(&self, flow: &F, input: Value) -> Result<Value, Stop> {
        let recipes = self.clone();
        let lost = input["lost"].as_u64().unwrap_or(0);
        let body = move |context: StepContext| async move {
            let (found, posted) = (recipes.clone(), recipes.clone());
            let find = |_| async move {
                found.ran("looked");
                Ok(if found.runs("posted") > 0 { Found::There("post 1".to_owned()) } else { Found::Nowhere })
            };
            let send = || async move {
                let asked = posted.ran("asked");
                if input["never arrives"] != true || asked > 1 {
                    posted.ran("posted");
                }
                if input["hangs"] == true {
                    std::future::pending::<()>().await;
                }
                let fault = Fault::new(Code::AnswerLost, "post").retry_after(Duration::from_millis(5));
                if u64::from(asked) <= lost { Err(fault) } else { Ok(format!("post {asked}")) }
            };
            Ok(Done::value(ledger::once(&*context.ledger, &ledger::Terms::free("world"), find, send).await?))
        };
        let id: String = flow.step(Step::new("post"), body).await?;
        Ok(json!(id))
    }
}
