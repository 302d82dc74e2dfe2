//! What the nodes have to do meanwhile: productions, and films that are published. An account shows how often each was.

use super::super::taken;
use super::{LONG, Nodes, Stand};
use crate::support::survivor::Dice;
use reqwest::Client;
use rushes_core::JobId;
use rushes_core::ledger::{AttemptState, Standing};
use rushes_core::store::{Attempts, JobFilter, Jobs};
use rushes_testkit::instagram::{Instagram, Planned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Fewer that go on are made more.
const OPEN: usize = 4;
/// More than an account may publish in a day.
const POSTS_MAX: usize = 95;

/// A job that was asked for, and the words below its film if it publishes one.
pub(super) struct Asked {
    pub(super) job: JobId,
    pub(super) caption: Option<String>,
}

/// Where nodes are found; it changes when one is started again.
pub(super) struct Door {
    client: Client,
    key: String,
    urls: Mutex<Vec<String>>,
}

impl Door {
    pub(super) fn moved(&self, node: usize, url: &str) {
        url.clone_into(&mut self.urls.lock().unwrap()[node]);
    }

    /// Asks one node after the other for a job, under one key, until one of them says that it is made.
    async fn ask(&self, workflow: &str, input: &Value, idem_key: &str) -> JobId {
        let began = Instant::now();
        for turn in 0.. {
            assert!(began.elapsed() < LONG, "{idem_key} is never taken");
            let url = {
                let urls = self.urls.lock().unwrap();
                format!("{}/api/v1/workflows/{workflow}/jobs", urls[turn % urls.len()])
            };
            let request = self.client.post(url).bearer_auth(&self.key).header("Idempotency-Key", idem_key);
            // A node that stands still does not say so.
            let sent = request.timeout(Duration::from_secs(10)).json(input).send().await;
            if let Some(job) = taken(sent).await {
                return job.parse().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        unreachable!("there is always another turn")
    }
}

/// Asks for jobs whenever few go on, until it is over or `most` were asked for.
pub(super) struct Work {
    door: Arc<Door>,
    is_over: Arc<AtomicBool>,
    asking: JoinHandle<Vec<Asked>>,
}

impl Work {
    pub(super) fn begin(nodes: &Nodes, account: Arc<Instagram>, mut dice: Dice, character: String, most: usize) -> Self {
        let urls = nodes.nodes.iter().map(|node| node.url.clone()).collect();
        let key = nodes.nodes[0].key.clone().unwrap();
        let door = Arc::new(Door { client: Client::new(), key, urls: Mutex::new(urls) });
        let (is_over, store) = (Arc::new(AtomicBool::new(false)), nodes.store());
        let (asks, ends) = (door.clone(), is_over.clone());
        let asking = tokio::spawn(async move {
            let mut asked: Vec<Asked> = Vec::new();
            while asked.len() < most && !ends.load(Ordering::Relaxed) {
                let jobs = store.jobs(&JobFilter { limit: u32::MAX, ..JobFilter::default() }).await;
                // Where the database is away, nobody knows.
                if jobs.map_or(OPEN, |jobs| jobs.iter().filter(|job| !job.state.has_ended()).count()) >= OPEN {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                let (n, posts) = (asked.len(), asked.iter().filter(|asked| asked.caption.is_some()).count());
                // The first publishes, the second makes something: a short run has both.
                let is_post = if n < 2 { n == 0 } else { dice.below(2) == 0 && posts < POSTS_MAX };
                let caption = is_post.then(|| format!("Film {n}"));
                let (workflow, parameters) = match &caption {
                    Some(caption) => {
                        let lost = [Planned::AnswerLost, Planned::DoneAndRefused, Planned::Page(502)];
                        if let Some(planned) = lost.get(usize::try_from(dice.below(6)).unwrap()) {
                            account.plan("media_publish", planned.clone());
                        }
                        ("publish", json!({"project": character, "caption": caption, "again": true}))
                    }
                    None => ("production", json!({"count": 1, "seed": 1_000 + n, "reference_videos": ["step.mp4"]})),
                };
                let job = asks.ask(workflow, &json!({ "parameters": parameters }), &format!("job {n}")).await;
                asked.push(Asked { job, caption });
            }
            asked
        });
        Self { door, is_over, asking }
    }

    pub(super) fn door(&self) -> Arc<Door> {
        self.door.clone()
    }

    /// No more; gives what was asked for.
    pub(super) async fn end(self) -> Vec<Asked> {
        self.is_over.store(true, Ordering::Relaxed);
        self.asking.await.unwrap()
    }
}

/// The character that a production made.
pub(super) fn character_of(value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("character_id").and_then(Value::as_str).map(str::to_owned);
            own.or_else(|| fields.values().find_map(character_of))
        }
        Value::Array(values) => values.iter().find_map(character_of),
        _ => None,
    }
}

impl Stand {
    /// By the account's own count each film that was to be published is shown once, and nothing else is; and the ledger knows
    /// every post by its name there.
    pub(super) async fn each_effect_is_there_once(&self, asked: &[Asked]) {
        let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for post in self.account.posts() {
            shown.entry(post.caption).or_default().push(post.id);
        }
        let store = self.nodes.store();
        let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for asked in asked {
            let Some(caption) = &asked.caption else { continue };
            let standing = Standing::of("show", &store.attempts(asked.job).await.unwrap());
            assert_eq!(standing.state, Some(AttemptState::Done), "{caption}: {standing:?}");
            known.insert(caption.clone(), standing.external_id.into_iter().collect());
        }
        assert_eq!(shown, known, "each is shown once, under the name the ledger has");
    }
}
