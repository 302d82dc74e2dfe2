//! One step, and what each needs.

use apalis::prelude::Data;
use apalis_postgres::PgPool;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::mpsc;

/// As many as the workflow has.
pub const STEPS: u64 = 10;
const FILE_BYTES: usize = 100_000;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Which job, and how far it is.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Job {
    pub number: u64,
    pub step: u64,
}

/// What every step needs.
#[derive(Clone)]
pub struct Stand {
    pub pool: PgPool,
    pub folder: Arc<PathBuf>,
    /// When the steps of each job ended.
    pub ends: Arc<Mutex<HashMap<u64, Vec<Instant>>>>,
    /// Told at each job's end.
    pub ended: mpsc::UnboundedSender<()>,
}

pub async fn step(job: Job, stand: Data<Stand>) -> Result<Job, Failure> {
    let folder = stand.folder.clone();
    let (name, sha256) = tokio::task::spawn_blocking(move || make(&folder, job)).await??;
    sqlx::query("INSERT INTO apalis_files(job, step, path, sha256, size_bytes) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING")
        .bind(i64::try_from(job.number)?)
        .bind(i64::try_from(job.step)?)
        .bind(name)
        .bind(sha256)
        .bind(i64::try_from(FILE_BYTES)?)
        .execute(&stand.pool)
        .await?;
    stand.ends.lock().map_err(|_| "poisoned")?.entry(job.number).or_default().push(Instant::now());
    if job.step + 1 == STEPS {
        stand.ended.send(())?;
    }
    Ok(Job { step: job.step + 1, ..job })
}

/// The file and its copy, both on disk when this returns; the copy's name and the hash.
fn make(folder: &Path, job: Job) -> std::io::Result<(String, String)> {
    let name = format!("{}-{}.bin", job.number, job.step);
    let bytes = unlike_any_other(job.number * 1_000 + job.step);
    synced(&folder.join("made"), &name, &bytes)?;
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    synced(&folder.join("cloud"), &name, &std::fs::read(folder.join("made").join(&name))?)?;
    Ok((name, sha256))
}

fn synced(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(folder.join(name))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

fn unlike_any_other(seed: u64) -> Vec<u8> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(FILE_BYTES + 8);
    while bytes.len() < FILE_BYTES {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(FILE_BYTES);
    bytes
}
