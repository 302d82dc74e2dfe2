//! A web app's day: ten picture and three film jobs of two users, by `rushes serve` on Postgres, `rushes worker` with a ComfyUI
//! of its own, a project shaped like Supabase, and the app that is called back; while the worker and its ComfyUI are killed and
//! the network between worker and server is cut.

use super::{Boxed, LONG, USERS, ends, film, image, start, until};
use crate::service::{Served, new_key};
use crate::support::program::{Program, children_of};
use crate::support::survivor::{Dice, TINY, number};
use rushes_testkit::answers::Answers;
use rushes_testkit::cable::{Cable, Cut};
use rushes_testkit::servers::{callback_verifier, postgres};
use rushes_testkit::supabase::{StoredObject, Supabase};
use rushes_testkit::upstash::Upstash;
use rushes_testkit::webhooks::{Received, Receiver, Reply};
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
    /// Where jobs may be left.
    lists: Upstash,
    /// Who enriches prompts.
    _model: Answers,
    called: Receiver,
    served: Served,
    cable: Cable,
    worker: Boxed,
}

impl App {
    /// None where there is no Postgres to be had.
    async fn start() -> Option<(Self, rushes_testkit::servers::Postgres)> {
        let (database, project) = (postgres()?, Supabase::start().await?);
        let (called, lists, model) = (Receiver::start().await, Upstash::start().await, Answers::start().await);
        called.plan([Reply::Status(500), Reply::Lost]);
        called.always(Reply::Status(204));
        let place = format!("endpoint = \"{}\"\nsecret_key = \"env:SERVICE\"\n", project.url);
        let config = format!(
            "{TINY}[server]\nrequests_per_minute = 100000\n[store]\nuri = \"{}\"\nshared = false\n[webhooks]\nallow_private = true\nretries_s = [1, 1, 1, 1, 1]\n\
             [workspace]\ncallback_url = \"{}\"\ncallback_secret = \"env:CALLBACK\"\ncallback_key = \"env:SERVICE\"\n\
             [[destinations]]\nname = \"app\"\nuri = \"supabase://{BUCKET}\"\n{place}[[catalogs]]\nname = \"rows\"\nuri = \"supabase://workspace_assets\"\n{place}\
             [intake.redis]\nurl = \"{}\"\ntoken = \"env:LISTS\"\nevery_s = 0.2\n\
             [make]\nchat = \"openai_chat\"\n[providers.openai_chat]\nkey = \"env:MODEL\"\nendpoint = \"{}\"\noptions = {{ model = \"test-model\" }}\n",
            database.url(),
            called.url,
            lists.url,
            model.url
        );
        let mut program = Program::with(&config);
        program.variables.extend([("SERVICE", project.service_key.clone()), ("CALLBACK", "s3cret".to_owned())]);
        program.variables.extend([("LISTS", Upstash::TOKEN.to_owned()), ("MODEL", Answers::KEYS[0].to_owned())]);
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
        Some((Self { project, lists, _model: model, called, served, cable, worker }, database))
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

/// The job of this id of the app's, which was left on a list.
async fn taken(served: &Served, id: &str) -> String {
    let begun = Instant::now();
    loop {
        let (_, jobs) = served.get("/api/v1/jobs?workflow=workspace&limit=100").await;
        for job in jobs["jobs"].as_array().unwrap() {
            let job = job["id"].as_str().unwrap();
            if served.get(&format!("/api/v1/jobs/{job}")).await.1["input"]["id"] == id {
                return job.to_owned();
            }
        }
        assert!(begun.elapsed() < LONG, "{id} is never taken from its list: {jobs}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A job of the app's.
struct Asked {
    /// The app's own id.
    id: String,
    user: &'static str,
    count: u64,
    /// Of its first file.
    seed: u64,
    end: &'static str,
    /// Our id.
    job: String,
}

impl Asked {
    fn file(&self, index: u64) -> String {
        format!("{}/{}/{index}.{}", self.user, self.id, self.end)
    }

    fn thumbnail(&self, index: u64) -> String {
        format!("{}/{}/{index}.thumb.webp", self.user, self.id)
    }

    /// Each of its files, by its place.
    fn files(&self) -> impl Iterator<Item = (&Self, u64)> {
        (0..self.count).map(move |index| (self, index))
    }
}

/// A job by the app's own id.
fn with_id(mut parameters: Value, id: &str) -> Value {
    parameters["id"] = json!(id);
    parameters
}

/// The day of a time, counted from some day long ago.
fn day(time: &Value) -> i64 {
    let part = |from: usize, to: usize| time.as_str().unwrap()[from..to].parse::<i64>().unwrap();
    // Years begin in March here, so that the leap day is a year's last.
    let (year, month) = if part(5, 7) > 2 { (part(0, 4), part(5, 7) - 3) } else { (part(0, 4) - 1, part(5, 7) + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + part(8, 10)
}

impl App {
    /// Ten jobs of pictures; half of them as such apps used to, on a list.
    async fn ask_for_pictures(&self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for n in 0..10_u64 {
            let (id, user, count, seed) = (format!("job-{n:02}"), USERS[(n % 2) as usize], [1, 3, 6][(n % 3) as usize], 1_000 * (n + 1));
            let parameters = with_id(image(user, count, seed), &id);
            let job = if n % 2 == 0 {
                start(&self.served, &parameters).await
            } else {
                self.lists.run(&["RPUSH", "sdxl_queue", &parameters.to_string()]);
                taken(&self.served, &id).await
            };
            asked.push(Asked { id, user, count: count.into(), seed, end: "png", job });
        }
        asked
    }

    /// A film that begins with a picture of an earlier job, by the address a page has of it.
    async fn ask_for_film(&self, n: usize, earlier: &Asked) -> Asked {
        ends(&self.served, &earlier.job, "completed").await;
        let (id, user) = (format!("film-{n}"), earlier.user);
        let frame = format!("{}/storage/v1/object/sign/{BUCKET}/{}?token=x", self.project.url, earlier.file(0));
        let job = start(&self.served, &with_id(film(user, &frame), &id)).await;
        Asked { id, user, count: 1, seed: 5, end: "mp4", job }
    }

    /// What was asked for is there, each with its thumbnail, and nothing else.
    async fn check_objects(&self, asked: &[Asked]) -> Vec<StoredObject> {
        let mut objects = self.project.objects().await;
        objects.retain(|object| object.bucket == BUCKET && !object.key.starts_with(".rushes"));
        let both = |(asked, index): (&Asked, u64)| [asked.file(index), asked.thumbnail(index)];
        let wanted: BTreeSet<String> = asked.iter().flat_map(Asked::files).flat_map(both).collect();
        assert_eq!(objects.iter().map(|object| object.key.clone()).collect::<BTreeSet<_>>(), wanted);
        objects
    }

    /// One row for each result, measured; and a page sees its own user's alone.
    async fn check_rows(&self, asked: &[Asked], objects: &[StoredObject]) {
        let rows = self.rows(&self.project.service_key).await;
        assert_eq!(rows.len(), asked.iter().flat_map(Asked::files).count());
        for (asked, index) in asked.iter().flat_map(Asked::files) {
            let is_its = |row: &&Value| row["job_id"] == asked.id.as_str() && row["asset_index"] == index;
            let row = rows.iter().find(is_its).unwrap_or_else(|| panic!("no row of {} {index}", asked.id));
            let (file, is_film) = (of(objects, &asked.file(index)), asked.end == "mp4");
            assert_eq!((&row["user_id"], &row["temp_storage_path"]), (&json!(asked.user), &json!(file.key)));
            assert_eq!((&row["file_size_bytes"], &row["mime_type"]), (&json!(file.bytes.len()), &file.metadata["mimetype"]));
            assert_eq!((&row["generation_seed"], &row["thumbnail_path"]), (&json!(asked.seed + index), &json!(asked.thumbnail(index))));
            assert_eq!(row["asset_type"], if is_film { "video" } else { "image" });
            assert_eq!(row["duration_seconds"].as_f64().is_some_and(|seconds| seconds > 0.4), is_film, "{row}");
            let thumbnail = &of(objects, &asked.thumbnail(index)).bytes;
            assert!(thumbnail.starts_with(b"RIFF") && &thumbnail[8..12] == b"WEBP");
            assert_eq!(day(&row["expires_at"]) - day(&row["created_at"]), 7, "{row}");
        }
        for user in USERS {
            let seen = self.rows(&self.project.user_key(user, 600)).await;
            assert!(!seen.is_empty() && seen.iter().all(|row| row["user_id"] == user));
        }
    }

    /// The word on a job of the app's, once it has come.
    async fn told(&self, id: &str) -> Received {
        let begun = Instant::now();
        loop {
            if let Some(one) = self.called.received().into_iter().find(|one| one.json()["job_id"] == id) {
                return one;
            }
            assert!(begun.elapsed() < LONG, "nobody tells of {id}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Each end is told, genuine by Python's own library, with what is there.
    async fn check_callbacks(&self, asked: &[Asked], objects: &[StoredObject]) {
        let verifier = callback_verifier();
        for asked in asked {
            let one = self.told(&asked.id).await;
            let (body, project) = (one.json(), if asked.end == "png" { json!(7) } else { Value::Null });
            assert_eq!((&body["status"], &body["metadata"]["project"]), (&json!("completed"), &project));
            assert_eq!(one.header("authorization"), format!("Bearer {}", self.project.service_key));
            if let Some(verifier) = &verifier {
                tokio::task::block_in_place(|| verifier.verify("s3cret", &one)).unwrap_or_else(|e| panic!("{}: {e}", asked.id));
            }
            let assets = body["assets"].as_array().unwrap();
            assert_eq!(assets.len() as u64, asked.count, "{body}");
            for asset in assets {
                let index = asset["asset_index"].as_u64().unwrap();
                let file = of(objects, &asked.file(index));
                assert!(asset["temp_storage_path"].as_str().unwrap().ends_with(&file.key), "{asset}");
                assert_eq!((&asset["file_size_bytes"], &asset["generation_seed"]), (&json!(file.bytes.len()), &json!(asked.seed + index)));
                assert_eq!((&asset["width"], &asset["height"]), (&json!(128), &json!(192)));
            }
        }
    }
}

fn of<'a>(objects: &'a [StoredObject], key: &str) -> &'a StoredObject {
    objects.iter().find(|object| object.key == key).unwrap_or_else(|| panic!("no {key}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_of_an_app_lose_nothing_whatever_is_killed_or_cut() {
    let Some((mut app, _database)) = App::start().await else { return };
    let mut dice = Dice::roll("workers of an app");
    app.worker.start("gpu-1");
    let mut asked = app.ask_for_pictures().await;
    let mut troubles = BTreeMap::new();
    for _ in 0..number("RUSHES_KILLS", 6) {
        *troubles.entry(app.trouble(&mut dice).await).or_insert(0_u32) += 1;
    }
    for n in 0..3 {
        asked.push(app.ask_for_film(n, &asked[n]).await);
        *troubles.entry(app.trouble(&mut dice).await).or_insert(0) += 1;
    }
    for asked in &asked {
        ends(&app.served, &asked.job, "completed").await;
    }
    println!("{} jobs, {troubles:?}, seed {}", asked.len(), dice.seed);
    let objects = app.check_objects(&asked).await;
    app.check_rows(&asked, &objects).await;
    app.check_callbacks(&asked, &objects).await;
    // A prompt that a language model enriches, and nothing else, is told of in the same way.
    let words = json!({"type": "chat_enhance", "user_id": USERS[0], "id": "words", "prompt": "a teal coat"});
    let job = start(&app.served, &words).await;
    ends(&app.served, &job, "completed").await;
    let said = app.told("words").await.json();
    assert_eq!((&said["text"]["negative_prompt"], &said["assets"]), (&json!("a negative prompt of the test model"), &json!([])), "{said}");
    // One word may come several times, under one id; never two words on one end.
    let ids: BTreeSet<String> = app.called.received().iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(ids.len(), asked.len() + 1);
    app.worker.send("TERM");
    assert_eq!(app.worker.ended().await, 0, "{}", app.worker.log());
    until("ComfyUI has ended with its worker", async || reqwest::get(format!("{}/system_stats", app.worker.comfyui)).await.is_err()).await;
    let audit = tokio::task::block_in_place(|| app.served.program.run(&["audit", "--json"])).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
}
