//! A web app's day: ten picture and three film jobs of two users, by `rushes serve` on Postgres, `rushes worker` with a ComfyUI
//! of its own, a project shaped like Supabase, and the app that is called back; while the worker and its ComfyUI are killed and
//! the network between worker and server is cut.

use super::{Boxed, LONG, USERS, ends, film, image, start, until};
use crate::service::{Served, new_key};
use crate::support::program::{Program, children_of};
use crate::support::survivor::{Dice, TINY, number};
use rushes_testkit::cable::{Cable, Cut};
use rushes_testkit::servers::{callback_verifier, postgres};
use rushes_testkit::supabase::Supabase;
use rushes_testkit::webhooks::{Receiver, Reply};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const BUCKET: &str = "workspace-temp";
/// What a process of this very file serves as, where it is set.
const SERVES: &str = "SERVES_COMFYUI";

/// Not a test: the ComfyUI that workers start as their child.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves for as long as its process lives; started by workers"]
async fn workers_app_serves_comfyui() {
    let Ok(arguments) = std::env::var(SERVES) else { return };
    rushes_testkit::comfyui::process(arguments.split(' ').map(str::to_owned)).await;
}

/// Everything of the app's side.
struct App {
    project: Supabase,
    called: Receiver,
    served: Served,
    cable: Cable,
    worker: Boxed,
}

impl App {
    /// None where there is no Postgres to be had.
    async fn start() -> Option<(Self, rushes_testkit::servers::Postgres)> {
        let (database, project) = (postgres()?, Supabase::start().await?);
        let called = Receiver::start().await;
        called.plan([Reply::Status(500), Reply::Lost]);
        called.always(Reply::Status(204));
        let place = format!("endpoint = \"{}\"\nsecret_key = \"env:SERVICE\"\n", project.url);
        let config = format!(
            "{TINY}[server]\nrequests_per_minute = 100000\n[store]\nuri = \"{}\"\nshared = false\n[webhooks]\nallow_private = true\nretries_s = [1, 1, 1, 1, 1]\n\
             [workspace]\ncallback_url = \"{}\"\ncallback_secret = \"env:CALLBACK\"\ncallback_key = \"env:SERVICE\"\n\
             [[destinations]]\nname = \"app\"\nuri = \"supabase://{BUCKET}\"\n{place}[[catalogs]]\nname = \"rows\"\nuri = \"supabase://workspace_assets\"\n{place}",
            database.url(),
            called.url
        );
        let mut program = Program::with(&config);
        program.variables.extend([("SERVICE", project.service_key.clone()), ("CALLBACK", "s3cret".to_owned())]);
        let (key, worker_key) = (new_key(&program, "admin"), new_key(&program, "work"));
        let mut served = Served::open(program);
        served.key = Some(key);
        let cable = Cable::to(served.url.trim_start_matches("http://").parse().unwrap()).await;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let this = std::env::current_exe().unwrap();
        let command = json!([this, "--exact", "workers::app::workers_app_serves_comfyui", "--ignored", "--nocapture"]);
        let more = format!("key = \"env:WORKER\"\ncommand = {command}\n");
        let mut worker = Boxed::with(&format!("http://{}", cable.address()), &format!("http://127.0.0.1:{port}"), &more);
        let serves = format!("--port {port} --step-ms 8 --load-ms 5");
        worker.program.variables.extend([("WORKER", worker_key), (SERVES, serves)]);
        Some((Self { project, called, served, cable, worker }, database))
    }

    /// Kills ComfyUI alone.
    fn kill_comfyui(&self) {
        let Some(worker) = self.worker.child.as_ref() else { return };
        for pid in children_of(worker.id()) {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// One thing that goes wrong, drawn.
    async fn trouble(&mut self, dice: &mut Dice) -> &'static str {
        tokio::time::sleep(Duration::from_millis(200 + dice.below(1_800))).await;
        match dice.below(4) {
            0 => {
                self.worker.kill();
                self.worker.start("gpu-1");
                "the worker was killed"
            }
            1 => {
                self.kill_comfyui();
                "ComfyUI was killed"
            }
            kind => {
                self.cable.cut([Cut::Reset, Cut::Silent][usize::from(kind == 2)]);
                tokio::time::sleep(Duration::from_millis(300 + dice.below(2_000))).await;
                self.cable.mend();
                "the network was cut"
            }
        }
    }

    async fn rows(&self, key: &str) -> Vec<Value> {
        let url = format!("{}/rest/v1/workspace_assets?order=job_id,asset_index", self.project.url);
        reqwest::Client::new()
            .get(url)
            .header("apikey", &self.project.anon_key)
            .bearer_auth(key)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }
}

/// A job by the app's own id.
fn with_id(mut parameters: Value, id: &str) -> Value {
    parameters["id"] = json!(id);
    parameters
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was done to it is part of what a failure says")]
async fn workers_of_an_app_lose_nothing_whatever_is_killed_or_cut() {
    let Some((mut app, _database)) = App::start().await else { return };
    let mut dice = Dice::roll("workers of an app");
    app.worker.start("gpu-1");
    // (the app's id, whose, how many, the first seed, ours)
    let mut asked: Vec<(String, &str, usize, u64, String)> = Vec::new();
    for n in 0..10_usize {
        let (id, user, images, seed) = (format!("job-{n:02}"), USERS[n % 2], [1, 3, 6][n % 3], 1_000 * (n as u64 + 1));
        let job = start(&app.served, &with_id(image(user, u32::try_from(images).unwrap(), seed), &id)).await;
        asked.push((id, user, images, seed, job));
    }
    let mut troubles = BTreeMap::new();
    for _ in 0..number("RUSHES_KILLS", 6) {
        *troubles.entry(app.trouble(&mut dice).await).or_insert(0_u32) += 1;
    }
    for n in 0..3_usize {
        let (first, user) = (asked[n].0.clone(), asked[n].1);
        ends(&app.served, &asked[n].4, "completed").await;
        let id = format!("film-{n}");
        let frame = format!("{}/storage/v1/object/sign/{BUCKET}/{user}/{first}/0.png?token=x", app.project.url);
        let job = start(&app.served, &with_id(film(user, &frame), &id)).await;
        asked.push((id, user, 1, 5, job));
        *troubles.entry(app.trouble(&mut dice).await).or_insert(0) += 1;
    }
    for (_, _, _, _, job) in &asked {
        ends(&app.served, job, "completed").await;
    }
    println!("13 jobs, {troubles:?}, seed {}", dice.seed);

    // Objects: what was asked for, each with its thumbnail, and nothing else.
    let objects = app.project.objects().await;
    let kept: Vec<_> = objects.iter().filter(|object| object.bucket == BUCKET && !object.key.starts_with(".rushes")).collect();
    let end = |id: &str| if id.starts_with("film") { "mp4" } else { "png" };
    let each = || asked.iter().flat_map(|(id, user, count, seed, _)| (0..*count).map(move |index| (id.as_str(), *user, index, *seed)));
    let wanted: BTreeSet<String> = each()
        .flat_map(|(id, user, index, _)| [format!("{user}/{id}/{index}.{}", end(id)), format!("{user}/{id}/{index}.thumb.webp")])
        .collect();
    assert_eq!(kept.iter().map(|object| object.key.clone()).collect::<BTreeSet<_>>(), wanted);
    let of = |key: &str| kept.iter().find(|object| object.key == key).unwrap_or_else(|| panic!("no {key}"));

    // Rows: one for each result, measured.
    let rows = app.rows(&app.project.service_key).await;
    assert_eq!(rows.len(), each().count());
    for (id, user, index, seed) in each() {
        let row =
            rows.iter().find(|row| row["job_id"] == id && row["asset_index"] == index).unwrap_or_else(|| panic!("no row of {id} {index}"));
        let object = of(&format!("{user}/{id}/{index}.{}", end(id)));
        assert_eq!((&row["user_id"], &row["temp_storage_path"]), (&json!(user), &json!(object.key)));
        assert_eq!((&row["file_size_bytes"], &row["mime_type"]), (&json!(object.bytes.len()), &object.metadata["mimetype"]));
        assert_eq!(
            (&row["generation_seed"], row["thumbnail_path"].as_str()),
            (&json!(seed + index as u64), Some(&*format!("{user}/{id}/{index}.thumb.webp")))
        );
        let is_film = end(id) == "mp4";
        assert_eq!(
            (&row["asset_type"], row["duration_seconds"].as_f64().is_some_and(|s| s > 0.4)),
            (&json!(if is_film { "video" } else { "image" }), is_film),
            "{row}"
        );
        let thumbnail = &of(&format!("{user}/{id}/{index}.thumb.webp")).bytes;
        assert!(thumbnail.starts_with(b"RIFF") && &thumbnail[8..12] == b"WEBP");
        let day = |field: &str| row[field].as_str().unwrap()[8..10].parse::<i64>().unwrap();
        assert_eq!((day("expires_at") - day("created_at")).rem_euclid(30) % 30, 7, "{row}");
    }
    for user in USERS {
        let seen = app.rows(&app.project.user_key(user, 600)).await;
        assert!(!seen.is_empty() && seen.iter().all(|row| row["user_id"] == user), "a page sees its own user's alone");
    }

    // Callbacks: each end told once, genuine, with what the rows say.
    let begun = Instant::now();
    let told = loop {
        let mut told: BTreeMap<String, _> = BTreeMap::new();
        app.called.received().into_iter().for_each(|one| drop(told.insert(one.json()["job_id"].as_str().unwrap().to_owned(), one)));
        if told.len() == asked.len() {
            break told;
        }
        assert!(begun.elapsed() < LONG, "{:?}", told.keys());
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let verifier = callback_verifier();
    for (id, user, count, seed, _) in &asked {
        let (one, body) = (&told[id], told[id].json());
        let project = if end(id) == "png" { json!(7) } else { Value::Null };
        assert_eq!((&body["status"], &body["metadata"]["project"]), (&json!("completed"), &project));
        assert_eq!(one.header("authorization"), format!("Bearer {}", app.project.service_key));
        if let Some(verifier) = &verifier {
            tokio::task::block_in_place(|| verifier.verify("s3cret", one)).unwrap_or_else(|e| panic!("{id}: {e}"));
        }
        let assets = body["assets"].as_array().unwrap();
        assert_eq!(assets.len(), *count, "{body}");
        for asset in assets {
            let index = asset["asset_index"].as_u64().unwrap();
            let object = of(&format!("{user}/{id}/{index}.{}", end(id)));
            assert!(asset["temp_storage_path"].as_str().unwrap().ends_with(&object.key), "{asset}");
            assert_eq!((&asset["file_size_bytes"], &asset["generation_seed"]), (&json!(object.bytes.len()), &json!(seed + index)));
            assert_eq!((&asset["width"], &asset["height"]), (&json!(128), &json!(192)));
        }
    }
    // Several words under one id may come; never two ends of one job.
    let ids: BTreeSet<String> = app.called.received().iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(ids.len(), asked.len());
    app.worker.send("TERM");
    assert_eq!(app.worker.ended().await, 0, "{}", app.worker.log());
    until("ComfyUI has ended with its worker", async || reqwest::get(format!("{}/system_stats", app.worker.comfyui)).await.is_err()).await;
    let audit = tokio::task::block_in_place(|| app.served.program.run(&["audit", "--json"])).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
}
