//! The process that is measured: an engine on a home of its own that delivers to a bucket, and nothing else.
//!
//! Each line it reads is a JSON list of files, which become the assets of one job. It ends when there are no more lines
//! and everything, also what an earlier process on the same home had begun, is proven and recorded.

use crate::support::parts;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rushes_adapters::HttpOptions;
use rushes_adapters::catalogs::json::JsonCatalog;
use rushes_adapters::destinations::s3::{AccessKey, Addressing, S3Destination, S3Settings};
use rushes_core::catalog::Catalog;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Route, Routes};
use rushes_core::destination::Destination;
use rushes_core::flow::{Flow, Step, StepContext, Workflows};
use rushes_core::store::JobFilter;
use rushes_core::subject::{NewSubject, SubjectType};
use rushes_core::{Code, Done, Fault, JobId, JobState, Kind, NewAsset, Stop};
use rushes_engine::{Access, Engine, Home, NewJobRequest, Parts, Site};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The first argument of such a process.
pub(super) const NAME: &str = "clouds-child";
/// Goes before each path in the bucket.
pub(super) const PREFIX: &str = "base/";
/// As a folder is taken in: so many files by one transaction.
const FILES_A_STEP: usize = 32;
/// As configured where nothing else is said.
const PART_BYTES: u64 = 16 * 1024 * 1024;

/// The key under which a file is delivered that came as one of a job's `files`.
pub(super) fn key_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    format!("{PREFIX}dances/dance_{}_cosplay_on_{stem}.bin", subject_of(file))
}

/// A file's name begins with its subject: `s3-f200.bin`.
fn subject_of(file: &Path) -> String {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    name.split('-').next().unwrap_or_default().to_owned()
}

/// Runs as the measured process: home, endpoint, bucket, places in flight.
pub(crate) fn run(arguments: &[String]) {
    let [home, endpoint, bucket, in_flight] = arguments else { panic!("home, endpoint, bucket, places: {arguments:?}") };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (engine, _lock) = start(Path::new(home), endpoint, bucket, in_flight.parse().unwrap());
        let begun = engine.parts().store.jobs(&JobFilter { limit: u32::MAX, ..JobFilter::default() }).await.unwrap();
        let mut under_way: FuturesUnordered<_> = begun
            .into_iter()
            .filter(|job| !job.state.has_ended())
            .map(|job| futures_util::future::Either::Left(ended(&engine, job.id)))
            .collect();
        let (sender, mut lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || std::io::stdin().lines().try_for_each(|line| sender.send(line.unwrap())));
        let mut is_open = true;
        while is_open || !under_way.is_empty() {
            tokio::select! {
                line = lines.recv(), if is_open => match line {
                    Some(line) => under_way.push(futures_util::future::Either::Right(take(&engine, serde_json::from_str(&line).unwrap()))),
                    None => is_open = false,
                },
                Some(()) = under_way.next(), if !under_way.is_empty() => println!("ended"),
            }
        }
        drop(under_way);
        assert!(engine.parts().store.backlog().await.unwrap().values().all(|backlog| backlog.owed + backlog.refused == 0));
        engine.stop().await;
    });
}

async fn take(engine: &Engine<Takes>, files: Vec<PathBuf>) {
    let job =
        engine.submit(NewJobRequest { workflow: "take".into(), input: json!({ "files": files }), ..Default::default() }).await.unwrap();
    ended(engine, job.id).await;
}

async fn ended(engine: &Engine<Takes>, job: JobId) {
    let job = engine.ended(job).await.unwrap();
    assert!(job.state == JobState::Completed, "{:?}", job.fault);
}

fn start(folder: &Path, endpoint: &str, bucket: &str, in_flight: usize) -> (Engine<Takes>, rushes_engine::Lock) {
    let home = Home::at(folder);
    home.prepare().unwrap();
    let lock = home.lock(rushes_engine::Role::Command).unwrap();
    let s3 = S3Destination::new(S3Settings {
        bucket: bucket.into(),
        endpoint: Some(endpoint.into()),
        region: "us-east-1".into(),
        addressing: Addressing::Path,
        key: Some(AccessKey { id: "test".into(), secret: "testtest".into(), token: None }),
        public_base: None,
        part_bytes: PART_BYTES,
        http: HttpOptions::default(),
    });
    let first_backoff = Duration::from_secs(1);
    let destination: Site<dyn Destination> =
        Site { name: "s3".into(), prefix: PREFIX.into(), port: Arc::new(s3.unwrap()), in_flight, first_backoff, access: Access::Private };
    let records = JsonCatalog::new(folder.join("records"));
    let catalog: Site<dyn Catalog> = Site {
        name: "records".into(),
        prefix: String::new(),
        port: Arc::new(records),
        in_flight: 8,
        first_backoff,
        access: Access::Private,
    };
    let route = Route { name: "s3".into(), prefix: PREFIX.into(), ..Route::default() };
    let routes = Routes { destinations: vec![route], catalogs: vec!["records".into()], ..Routes::default() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (parts, owner) = parts(home, clock, routes, (vec![destination], vec![catalog]));
    let parts = Parts { scan_every: Duration::from_secs(2), ..parts };
    (Engine::start(parts, Takes, owner), lock)
}

/// The one workflow: each file becomes an asset of the subject its name begins with.
#[derive(Clone)]
struct Takes;

impl Workflows for Takes {
    fn version(&self, _workflow: &str) -> Option<u32> {
        Some(1)
    }

    fn collection(&self, _workflow: &str) -> Option<&'static str> {
        None
    }

    async fn run<F: Flow>(&self, _workflow: &str, flow: &F, input: Value) -> Result<Value, Stop> {
        let files: Vec<PathBuf> = serde_json::from_value(input["files"].clone())
            .map_err(|e| Stop::Failed(Fault::new(Code::InputInvalid, "take files").because(e)))?;
        if let Some(first) = files.first() {
            let subject = subject_of(first);
            let make = move |context: StepContext| async move {
                let mut done = Done::value(());
                if context.library.subject(&subject).await?.is_none() {
                    let (subject_type, slug, name) = (SubjectType::Character, subject.clone(), subject.clone());
                    done.subjects.push(NewSubject { id: subject, subject_type, slug, name, fields: json!({}) });
                }
                Ok(done)
            };
            flow.step(Step::new("subject"), make).await?;
        }
        for some in files.chunks(FILES_A_STEP) {
            let (name, some) = (some[0].display().to_string(), some.to_vec());
            let make = move |context: StepContext| async move {
                let made =
                    (0..).zip(&some).map(|(idx, file)| Ok::<_, Stop>(one(&context, file)?.idx(idx))).collect::<Result<Vec<_>, _>>()?;
                Ok(Done { made, ..Done::value(Value::Null) })
            };
            flow.step(Step::new(name), make).await?;
        }
        Ok(Value::Null)
    }
}

/// A link of the file in scratch: as if it had been made there, and without writing its bytes once more.
#[expect(clippy::disallowed_methods, reason = "the bench's files are scratch from the beginning")]
fn one(context: &StepContext, file: &Path) -> Result<NewAsset, Stop> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let made = context.scratch()?.join(&*stem);
    std::fs::hard_link(file, &made).map_err(|e| Fault::io("take file", file, &e))?;
    Ok(context.new_asset(Kind::DanceVideo, &subject_of(file), made).name("ref", stem.clone()).title(stem))
}
