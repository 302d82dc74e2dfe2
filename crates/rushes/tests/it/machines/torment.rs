//! Nodes, their network, their database and what hands out their jobs are killed, stopped and cut off at random, by a printed
//! seed, while jobs are asked for all the time; some of them publish, which must be seen once outside.

mod blows;
mod lines;
mod work;

use super::{LONG, Nodes, all_ended, facts, oracle};
use crate::support::program::Program;
use crate::support::survivor::{Dice, make_film, number, report};
use blows::Done;
use lines::Lines;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::store::{AssetFilter, Assets, Jobs};
use rushes_testkit::balance::balance;
use rushes_testkit::cable::Cut;
use rushes_testkit::gcs::Gcs;
use rushes_testkit::instagram::Instagram;
use rushes_testkit::servers::{Restate, claim_ports, postgres, restate_cluster};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use work::Work;

/// Three nodes, each at the end of a network of its own; a store with addresses that open, and an account that publishes.
struct Stand {
    nodes: Nodes,
    lines: Vec<Lines>,
    restate: Option<Restate>,
    films: Gcs,
    account: Arc<Instagram>,
    dice: Dice,
}

impl Stand {
    /// None where there is no Postgres to be had.
    async fn raise(what: &str, count: usize, restate: Option<Restate>) -> Option<Self> {
        let (server, films, account) = (postgres()?, Gcs::start().await, Arc::new(Instagram::start().await));
        films.make_bucket("films", false);
        account.allow(1_000);
        keep_time(&account);
        let uri = server.url();
        let (mut lines, listening) = (Vec::new(), claim_ports(count));
        for port in &listening {
            lines.push(Lines::lay(server.address(), restate.as_ref(), *port).await);
        }
        let balanced = balance(lines.iter().filter_map(Lines::to_node).collect()).await;
        let prepare = |node: usize, program: &mut Program| {
            let config = std::fs::read_to_string(program.path("rushes.toml")).unwrap();
            let engine = lines[node].engine(listening[node], balanced).unwrap_or_default();
            program.write("rushes.toml", format!("{config}{}{engine}", outside(&films, &account)).as_bytes());
            program.write("key.json", films.google.service_account().as_bytes());
            program.write(".env", format!("TOKEN={}\n", Instagram::TOKEN).as_bytes());
            program.variables.push(("RUSHES_STORE__URI", lines[node].store_uri(&uri)));
            // Reels last three seconds at least.
            program.variables.push(("RUSHES_MEDIA__DANCE_MAX_S", "4".to_owned()));
            std::fs::create_dir_all(program.path("home/references")).unwrap();
            make_film(4, &program.path("home/references/long.mp4"));
        };
        let nodes = Nodes::start_on(server, count, prepare);
        Some(Self { nodes, lines, restate, films, account, dice: Dice::roll(what) })
    }

    /// Torments them while they work, and looks at what came of it.
    async fn survive(mut self, what: &str, seed: u64) {
        let store = self.nodes.store();
        let star = json!({"parameters": {"count": 1, "seed": seed, "reference_videos": ["long.mp4"]}});
        self.nodes.submit(0, "production", &star, "the film to publish").await;
        let made = all_ended(&store, 1).await.remove(0);
        let character = made.value.as_ref().and_then(work::character_of).unwrap_or_else(|| panic!("{made:?}"));
        let most = usize::try_from(number("RUSHES_JOBS", 6)).unwrap();
        let work = Work::begin(&self.nodes, self.account.clone(), self.dice.another(), character, most);
        let done = self.torment(&work.door()).await;
        let asked = work.end().await;
        let jobs = all_ended(&store, asked.len() + 1).await;
        oracle(&self.nodes, &jobs).await;
        self.each_effect_is_there_once(&asked).await;
        let audit = self.nodes.nodes[0].program.run(&["audit", "--json"]).expect(0).json();
        assert_eq!(audit["clean"], true, "{audit}");
        let films: BTreeSet<String> = self.films.objects("films").into_iter().map(|object| object.name).collect();
        let wanted = store.assets(&AssetFilter::default()).await.unwrap().into_iter().map(|(asset, _)| asset.path);
        assert_eq!(films, wanted.collect(), "so does the other place");
        let effects = asked.iter().filter(|asked| asked.caption.is_some()).count();
        let Done { kills, stops, restarts, cuts, losses } = done;
        let lost = if self.restate.is_some() { format!("{losses} losses of a Restate node, ") } else { String::new() };
        let seen = format!(
            "{} jobs, {effects} of them publish and each film was shown once, {kills} kills, {stops} stops, {cuts} partitions, {lost}\
             {restarts} restarts of Postgres, seed {}",
            asked.len() + 1,
            self.dice.seed
        );
        report(what, &seen);
    }
}

/// The account's clock stands unless it is moved, and posts are looked for by their time.
fn keep_time(account: &Arc<Instagram>) {
    let account = Arc::downgrade(account);
    tokio::spawn(async move {
        while let Some(account) = account.upgrade() {
            account.pass(Duration::from_millis(u64::try_from(SystemClock.now_ms() - account.now_ms()).unwrap_or(0)));
            drop(account);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
}

/// Where films open for whoever fetches them, and where they are published.
fn outside(films: &Gcs, account: &Instagram) -> String {
    format!(
        "[[destinations]]\nname = \"films\"\nuri = \"gs://films\"\nendpoint = \"{}\"\ncredentials = \"file:key.json\"\naccess = \"signed\"\n\
         [instagram]\nuser_id = \"{}\"\ntoken = \"env:TOKEN\"\nendpoint = \"{}\"\ndaily_limit = 100\n",
        films.url,
        Instagram::USER,
        account.url
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_and_their_database_are_killed_at_random_and_every_job_ends_once() {
    let Some(stand) = Stand::raise("machines", 3, None).await else { return };
    stand.survive("three nodes on one store", 7).await;
}

/// The same, where a Restate cluster says who drives what, and loses one node after the other.
#[tokio::test(flavor = "multi_thread")]
async fn machines_called_by_restate_are_killed_at_random_and_every_job_ends_once() {
    let Some(restate) = restate_cluster(3) else { return };
    let Some(stand) = Stand::raise("machines called by Restate", 3, Some(restate)).await else { return };
    stand.survive("three nodes called by a Restate cluster", 70).await;
}

/// One that is cut off for longer than its leases finds, when it is back, that another has taken over.
#[tokio::test(flavor = "multi_thread")]
async fn machines_show_out_a_node_that_was_cut_off_past_its_lease_and_go_on_without_it() {
    let Some(stand) = Stand::raise("cut off", 2, None).await else { return };
    let store = stand.nodes.store();
    // Nobody else takes it up before it is in the midst of it.
    stand.lines[1].cut(Cut::Silent);
    let input = json!({"parameters": {"count": 1, "seed": 9, "reference_videos": ["step.mp4"]}});
    let job = stand.nodes.submit(0, "production", &input, "a job").await.parse().unwrap();
    until("it has made something", async || facts(&store).await.iter().any(|fact| fact.event_type == "asset.made")).await;
    stand.lines[0].cut(Cut::Silent);
    stand.lines[1].mend();
    until("another takes over", async || store.job(job).await.unwrap().tries > 1).await;
    stand.lines[0].mend();
    let jobs = all_ended(&store, 1).await;
    until("it is told", async || stand.nodes.nodes[0].log().contains("the job goes on elsewhere")).await;
    oracle(&stand.nodes, &jobs).await;
    let audit = stand.nodes.nodes[0].program.run(&["audit", "--json"]).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < LONG, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
