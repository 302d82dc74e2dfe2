//! Results under the former layout, at a project shaped like Supabase: read where they lie, carried over and back, made there
//! again, by `rushes serve` and `rushes worker`, one of them killed in the middle.

use super::{Boxed, USERS, ends, image, start, until};
use crate::service::{Served, new_key};
use crate::support::journals;
use crate::support::program::{Program, ffmpeg};
use crate::support::survivor::{TINY, make_film};
use reqwest::StatusCode;
use rushes_testkit::comfyui::ComfyUi;
use rushes_testkit::supabase::{StoredObject, Supabase};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TODAY: &str = "workspace-temp";
const BUCKETS: [&str; 4] = ["image_fast", "image_high", "sdxl_image_fast", "video_fast"];
/// What lets rows name former paths.
const MIGRATION: &str = include_str!("../../../../../deploy/supabase/migrations/20261123000000_former_paths.sql");

/// A project of earlier days, and who serves it now.
struct Project {
    server: Supabase,
    served: Served,
    layout: &'static str,
}

/// An object as it lies there: in which writing, and what it holds.
type Lying = BTreeMap<String, (String, Vec<u8>)>;

fn config(server: &Supabase, layout: &str) -> String {
    let place = format!("endpoint = \"{}\"\nsecret_key = \"env:SERVICE\"\n", server.url);
    format!(
        "{TINY}[server]\nrequests_per_minute = 100000\n[workspace]\nformer = \"old\"\nlayout = \"{layout}\"\n\
         [[destinations]]\nname = \"app\"\nuri = \"supabase://{TODAY}\"\n{place}[[destinations]]\nname = \"old\"\nuri = \"supabase://*\"\n{place}\
         [[catalogs]]\nname = \"rows\"\nuri = \"supabase://workspace_assets\"\n{place}"
    )
}

impl Project {
    /// With the buckets that such a project had; none where there is no Postgres.
    async fn start(layout: &'static str) -> Option<Self> {
        let server = Supabase::start().await?;
        server.sql(MIGRATION).await;
        for bucket in BUCKETS {
            server.make_bucket(bucket, false).await;
        }
        let mut program = Program::with(&config(&server, layout));
        program.variables.push(("SERVICE", server.service_key.clone()));
        let key = new_key(&program, "admin");
        let mut served = Served::open(program);
        served.key = Some(key);
        Some(Self { server, served, layout })
    }

    /// Serves the same home with results under this layout from now on.
    fn switch(&mut self, layout: &'static str) {
        self.served.stop();
        self.layout = layout;
        self.served.program.write("rushes.toml", config(&self.server, layout).as_bytes());
        self.served.start_again();
    }

    /// As a worker of earlier days put it there.
    async fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let url = format!("{}/storage/v1/object/{bucket}/{key}", self.server.url);
        let mime = if key.ends_with("mp4") { "video/mp4" } else { "image/png" };
        let put = reqwest::Client::new().post(url).bearer_auth(&self.server.service_key).header("content-type", mime);
        assert_eq!(put.body(bytes.to_vec()).send().await.unwrap().status(), StatusCode::OK);
    }

    fn picture(&self, shade: u32) -> Vec<u8> {
        let file = self.served.program.path("picture.png");
        let _ = std::fs::remove_file(&file);
        ffmpeg(&["-f", "lavfi", "-i", &format!("color=c=0x{shade:02x}4060:size=64x48"), "-frames:v", "1"], &file);
        std::fs::read(file).unwrap()
    }

    fn film(&self) -> Vec<u8> {
        let file = self.served.program.path("film.mp4");
        make_film(1, &file);
        std::fs::read(file).unwrap()
    }

    async fn lying(&self, is_meant: impl Fn(&StoredObject) -> bool) -> Lying {
        let objects = self.server.objects().await.into_iter().filter(|object| !object.key.starts_with(".rushes") && is_meant(object));
        objects.map(|object| (format!("{}/{}", object.bucket, object.key), (object.version, object.bytes))).collect()
    }

    async fn former(&self) -> Lying {
        self.lying(|object| object.bucket != TODAY).await
    }

    async fn today(&self) -> Lying {
        self.lying(|object| object.bucket == TODAY).await
    }

    async fn rows(&self) -> Vec<Value> {
        let url = format!("{}/rest/v1/workspace_assets?order=job_id,asset_index", self.server.url);
        let asked = reqwest::Client::new().get(url).header("apikey", &self.server.anon_key).bearer_auth(&self.server.service_key);
        asked.send().await.unwrap().json().await.unwrap()
    }

    /// Where a former path is now.
    async fn find(&self, path: &str) -> (StatusCode, Value) {
        let path: String = url_encoded(path);
        self.served.get(&format!("/api/v1/workspace/former?path={path}")).await
    }

    /// The bytes at the address it is found under.
    async fn read(&self, path: &str) -> (Value, Vec<u8>) {
        let (status, found) = self.find(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {found}");
        let bytes = reqwest::get(found["url"].as_str().unwrap()).await.unwrap();
        assert_eq!(bytes.status(), StatusCode::OK, "{found}");
        (found, bytes.bytes().await.unwrap().to_vec())
    }

    async fn carry(&self, parameters: Value) -> String {
        let (status, job) = self.served.post("/api/v1/workflows/carry/jobs", &json!({"parameters": parameters})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{job}");
        job["id"].as_str().unwrap().to_owned()
    }

    /// What such a carrying gives, once all of it has arrived.
    async fn carried(&self, parameters: Value) -> Value {
        let job = self.carry(parameters).await;
        ends(&self.served, &job, "completed").await["value"].clone()
    }

    /// Nothing is amiss, and so many objects lie in the former buckets that are not ours.
    fn is_clean(&self, former: u64) {
        let audit = tokio::task::block_in_place(|| self.served.program.run(&["audit", "--deep", "--json"])).expect(0).json();
        assert_eq!(audit["clean"], true, "{audit}");
        let kinds = audit["kinds"].as_array().unwrap();
        let line =
            kinds.iter().find(|line| line["kind"] == "former").map_or(0, |line| line["destinations"]["old"]["objects"].as_u64().unwrap());
        assert_eq!(line, former, "{audit}");
    }

    /// One picture, made by a worker.
    async fn make(&self, worker: &mut Option<Boxed>, comfyui: &ComfyUi, id: &str, user: &str, images: u32) {
        let mut parameters = image(user, images, 40);
        parameters["id"] = json!(id);
        let job = start(&self.served, &parameters).await;
        let mut boxed = Boxed::with(&self.served.url, &comfyui.url, "key = \"env:WORKER\"\n");
        boxed.program.variables.push(("WORKER", self.served.key.clone().unwrap()));
        boxed.start("one");
        *worker = Some(boxed);
        ends(&self.served, &job, "completed").await;
        *worker = None;
    }
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Puts results of earlier days there; gives those of the first user, and one that lies there in another way.
async fn fill(project: &Project) -> (BTreeMap<String, Vec<u8>>, Vec<u8>) {
    let [mia, ben] = USERS;
    let mut wanted: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for n in 0..10_u32 {
        let (bucket, bytes) = (BUCKETS[(n % 3) as usize], project.picture(n));
        let path = format!("{mia}/former-{n}/{}.png", n % 2);
        project.put(bucket, &path, &bytes).await;
        wanted.insert(format!("{bucket}/{path}"), bytes);
    }
    let film = project.film();
    project.put("video_fast", &format!("{mia}/film/0.mp4"), &film).await;
    wanted.insert(format!("video_fast/{mia}/film/0.mp4"), film);
    // Some wrote the bucket's name twice; one was cut short; one is no result at all; one is another user's.
    let twice = project.picture(77);
    project.put("image_high", &format!("image_high/{mia}/twice/0.png"), &twice).await;
    project.put("image_fast", &format!("{mia}/broken/0.png"), &twice[..twice.len() / 2]).await;
    project.put("image_fast", &format!("{mia}/notes.png"), &twice).await;
    project.put("image_fast", &format!("{ben}/his/0.png"), &twice).await;
    (wanted, twice)
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_former_results_are_read_where_they_lie_and_carried_over_whatever_is_killed() {
    let Some(mut project) = Project::start("today").await else { return };
    let mia = USERS[0];
    let (mut wanted, twice) = fill(&project).await;
    let before = project.former().await;
    assert_eq!(before.len(), 15);

    // Read where they lie.
    let first = format!("image_fast/{mia}/former-0/0.png");
    for asked in [first.clone(), format!("https://p.supabase.co/storage/v1/object/sign/{first}?token=x")] {
        let (found, bytes) = project.read(&asked).await;
        assert_eq!((&found["former"], &found["asset"], &found["key"]), (&json!(first), &Value::Null, &json!(first)), "{found}");
        assert_eq!(bytes, wanted[&first]);
    }
    assert_eq!(project.read(&format!("image_high/{mia}/twice/0.png")).await.1, twice);
    assert_eq!(project.find(&format!("image_fast/{mia}/none/0.png")).await.0, StatusCode::NOT_FOUND);
    // The bucket itself is not there.
    assert_eq!(project.find(&format!("video_high/{mia}/none/0.mp4")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(project.find(&format!("{TODAY}/{mia}/none/0.png")).await.0, StatusCode::BAD_REQUEST);
    project.is_clean(15);
    tokio::task::block_in_place(|| project.served.program.run(&["doctor"])).expect(0);
    assert_eq!(project.former().await, before, "neither reading, nor an audit, nor the doctor changes anything");

    // Carried over, with the power lost in the middle.
    let job = project.carry(json!({"to": "today", "user_id": mia})).await;
    let assets = async |project: &Project| {
        let (_, page) = project.served.get(&format!("/api/v1/assets?subject={mia}&limit=200&all_versions=true")).await;
        page["assets"].as_array().unwrap().clone()
    };
    until("some are taken", async || assets(&project).await.len() > 4).await;
    project.served.kill();
    let there = tokio::task::block_in_place(|| project.served.program.assets()).len();
    assert!(there < 24, "it was killed in the middle, not at the end: {there}");
    project.served.start_again();
    let value = ends(&project.served, &job, "completed").await["value"].clone();
    assert_eq!((&value["carried"], &value["left_alone"], &value["is_all"]), (&json!(12), &json!(1), &json!(true)), "{value}");
    let refused: Vec<&str> = value["refused"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(refused.iter().filter(|what| what.contains("broken") || what.contains("notes")).count(), 2, "{value}");
    wanted.insert(format!("image_high/{mia}/twice/0.png"), twice);
    let today = project.today().await;
    for (was, bytes) in &wanted {
        let path = was.split_once('/').unwrap().1;
        assert_eq!(&today[&format!("{TODAY}/{path}")].1, bytes, "{path}");
        let (found, read) = project.read(was).await;
        assert_eq!((&found["destination"], &found["key"], &read), (&json!("app"), &json!(path), bytes), "{found}");
    }
    assert_eq!(today.len(), 24, "each with its thumbnail: {:?}", today.keys());
    assert_eq!(project.former().await, before, "what was carried over is still there, as it was");
    let rows = project.rows().await;
    assert_eq!(rows.len(), 12);
    let row = rows.iter().find(|row| row["job_id"] == "film").unwrap();
    assert!(row["duration_seconds"].as_f64().unwrap() > 0.4 && row["asset_type"] == "video" && row["user_id"] == mia, "{row}");
    assert!(rows.iter().all(|row| row["thumbnail_path"].is_string()), "{rows:?}");
    let made = assets(&project).await;
    let versions: BTreeSet<u64> = made.iter().map(|asset| asset["version"].as_u64().unwrap()).collect();
    assert_eq!((made.len(), versions), (24, BTreeSet::from([1])), "none twice");
    // Carried again, there is nothing to carry but what could not be.
    let again = project.carried(json!({"to": "today", "user_id": mia})).await;
    assert_eq!((&again["carried"], &again["known"]), (&json!(0), &json!(12)), "{again}");
    // Everybody's: the other user's is there, too.
    assert_eq!(project.carried(json!({"to": "today"})).await["carried"], 1);
    // What a user discards goes where it is today; the former object stays, and is found again.
    let asset = project.find(&first).await.1["asset"].as_str().unwrap().to_owned();
    let (_, job) = project.served.post(&format!("/api/v1/workspace/{asset}/discard"), &json!({})).await;
    ends(&project.served, job["id"].as_str().unwrap(), "completed").await;
    let (found, bytes) = project.read(&first).await;
    assert_eq!((&found["asset"], &found["destination"], &bytes), (&Value::Null, &json!("old"), &wanted[&first]), "{found}");
    assert_eq!(project.former().await, before);
    project.is_clean(15);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_write_the_former_layout_when_told_and_switching_loses_nothing() {
    let Some(mut project) = Project::start("legacy").await else { return };
    let (comfyui, [mia, _], mut worker) = (ComfyUi::start().await, USERS, None);
    project.make(&mut worker, &comfyui, "old-way", mia, 2).await;
    let key = |job: &str, file: &str| format!("sdxl_image_fast/{mia}/{job}/{file}");
    let names: Vec<String> = project.former().await.into_keys().collect();
    assert_eq!(names, ["0.png", "0.thumb.webp", "1.png", "1.thumb.webp"].map(|file| key("old-way", file)));
    assert!(project.today().await.is_empty());
    let rows = project.rows().await;
    assert_eq!((rows.len(), &rows[1]["temp_storage_path"]), (2, &json!(key("old-way", "1.png"))), "{rows:?}");
    assert_eq!((&rows[1]["thumbnail_path"], &rows[1]["generation_seed"]), (&json!(key("old-way", "1.thumb.webp")), &json!(41)));
    let (found, _) = project.read(&key("old-way", "0.png")).await;
    assert_eq!((&found["destination"], found["asset"].is_string()), (&json!("old"), true), "{found}");
    project.is_clean(0);

    // Forward again: new results lie where they do today, and those before are what they were.
    project.switch("today");
    project.make(&mut worker, &comfyui, "new-way", mia, 1).await;
    let today: Vec<String> = project.today().await.into_keys().collect();
    assert_eq!(today, ["0.png", "0.thumb.webp"].map(|file| format!("{TODAY}/{mia}/new-way/{file}")));
    assert_eq!(project.carried(json!({"to": "today"})).await["carried"], 0, "our own are no strangers' results");
    project.is_clean(0);

    // Back: today's result is put where its type of job had it, and nothing is written over.
    project.put("sdxl_image_fast", &format!("{mia}/new-way/0.png"), b"somebody's").await;
    let value = project.carried(json!({"to": "legacy", "user_id": mia})).await;
    assert_eq!((&value["carried"], value["refused"].as_array().map(Vec::len)), (&json!(0), Some(1)), "{value}");
    assert_eq!(project.former().await[&key("new-way", "0.png")].1, b"somebody's");
    let url = format!("{}/storage/v1/object/{}", project.server.url, key("new-way", "0.png"));
    reqwest::Client::new().delete(url).bearer_auth(&project.server.service_key).send().await.unwrap().error_for_status().unwrap();
    for _ in 0..2 {
        let value = project.carried(json!({"to": "legacy", "user_id": mia})).await;
        assert_eq!((&value["carried"], &value["refused"]), (&json!(1), &json!([])), "{value}");
    }
    let (there, today) = (project.former().await, project.today().await);
    assert_eq!(there[&key("new-way", "0.png")].1, today[&format!("{TODAY}/{mia}/new-way/0.png")].1);
    project.is_clean(1);

    // What was made under the former layout goes as everything does; what was carried there stays.
    let asset = found["asset"].as_str().unwrap();
    let (_, job) = project.served.post(&format!("/api/v1/workspace/{asset}/discard"), &json!({})).await;
    ends(&project.served, job["id"].as_str().unwrap(), "completed").await;
    let left: Vec<String> = project.former().await.into_keys().collect();
    assert_eq!(left, [key("new-way", "0.png"), key("old-way", "1.png"), key("old-way", "1.thumb.webp")]);
    project.is_clean(1);
    // All of both layouts comes back where the home is lost.
    project.served.stop();
    std::fs::remove_dir_all(project.served.program.path("home")).unwrap();
    let restored = tokio::task::block_in_place(|| project.served.program.run(&["restore", "--json"])).expect(0).json();
    assert_eq!(restored["restored"]["adopted"], 4, "{restored}");
    project.is_clean(1);
}

/// Writes the journal of a carrying.
pub(super) async fn record() {
    let project = Project::start("today").await.expect("a Postgres");
    let bytes = project.picture(1);
    project.put("image_fast", &format!("{}/former/0.png", USERS[0]), &bytes).await;
    project.carried(json!({"to": "today", "user_id": USERS[0]})).await;
    journals::record_of(&project.served.program, "carry").await;
}
