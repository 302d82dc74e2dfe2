//! A run: so many jobs, so many of them at once.

use crate::step::{Failure, Job, STEPS, Stand, step};
use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use apalis_workflow::SteppedFlow;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Beside the word of Postgres itself.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const CONNECTIONS: u32 = 20;
const TABLE: &str = "CREATE TABLE apalis_files(job BIGINT, step BIGINT, path TEXT, sha256 TEXT, size_bytes BIGINT,
    made_at TIMESTAMPTZ DEFAULT now(), PRIMARY KEY (job, step))";

/// Makes the tables, says `ready`, waits for a line, runs the jobs or as many as there is time for, and says how it went.
pub async fn run(server: &str, folder: PathBuf, jobs: u64, at_once: u64, limit: Duration) -> Result<(), Failure> {
    ["made", "cloud"].iter().try_for_each(|name| std::fs::create_dir_all(folder.join(name)))?;
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(CONNECTIONS).connect(server).await?;
    PostgresStorage::setup(&pool).await?;
    sqlx::query(TABLE).execute(&pool).await?;
    let (ended, ends) = mpsc::unbounded_channel();
    let stand = Stand { pool: pool.clone(), folder: Arc::new(folder), ends: Arc::default(), ended };
    let storage = PostgresStorage::<Job>::new(&pool).with_config(Config::default().queue("bench"));
    let backend = storage.clone().with_pubsub().poll_with_interval(LOOK_EVERY);
    let flow = SteppedFlow::new("bench").and_then(step).and_then(step).and_then(step).and_then(step).and_then(step);
    let flow = flow.and_then(step).and_then(step).and_then(step).and_then(step).and_then(step);
    let worker = WorkerBuilder::new("bench").backend(backend).data(stand.clone()).concurrency(usize::try_from(at_once)?).build(flow);
    println!("ready");
    tokio::task::spawn_blocking(|| std::io::stdin().read_exact(&mut [0; 3])).await??;
    let began = Instant::now();
    tokio::select! {
        stopped = worker.run() => return Err(format!("the worker stopped: {stopped:?}").into()),
        fed = tokio::time::timeout(limit, feed(storage, ends, jobs, at_once)) => {
            if let Ok(fed) = fed {
                fed?;
            }
        }
    }
    println!("{}", said(&stand, began.elapsed()));
    // Whoever measures looks at this process before it ends it.
    tokio::time::sleep(Duration::from_secs(60)).await;
    Ok(())
}

/// So many jobs at once; the next one is made when one has ended.
async fn feed(mut storage: PostgresStorage<Job>, mut ends: mpsc::UnboundedReceiver<()>, jobs: u64, at_once: u64) -> Result<(), Failure> {
    for number in 0..jobs {
        if number >= at_once {
            ends.recv().await;
        }
        storage.push(Job { number, step: 0 }).await?;
    }
    for _ in 0..at_once.min(jobs) {
        ends.recv().await;
    }
    Ok(())
}

fn said(stand: &Stand, wall: Duration) -> serde_json::Value {
    let ends = stand.ends.lock().expect("nothing panics with the lock");
    let all = ends.values().map(Vec::len).sum::<usize>();
    let ended = ends.values().filter(|ends| ends.len() as u64 >= STEPS).count();
    let step_ms: Vec<f64> = ends.values().flat_map(|ends| ends.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e3)).collect();
    serde_json::json!({"wall_s": wall.as_secs_f64(), "ended": ended, "steps": all, "step_ms": step_ms})
}
