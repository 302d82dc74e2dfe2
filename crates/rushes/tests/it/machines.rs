//! Several nodes on one store: each a real `rushes serve` with a home of its own, a Postgres server between them, and one
//! folder that all of them deliver to.

use crate::service::{Served, new_key};
use crate::support::program::Program;
use crate::support::stores::address_of;
use crate::support::survivor::{Dice, TINY, hashes, make_reference, number, report};
use reqwest::{Method, StatusCode};
use rushes_core::clock::SystemClock;
use rushes_core::delivery::Routes;
use rushes_core::event::Event;
use rushes_core::store::{AssetFilter, Assets, Events, JobFilter, Jobs};
use rushes_core::{Asset, Job, JobState};
use rushes_store::{Mode, SqlStore};
use rushes_testkit::servers::{Postgres, postgres, restate};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(300);

/// Some nodes, and what they share.
struct Nodes {
    nodes: Vec<Served>,
    server: Postgres,
    shared: tempfile::TempDir,
}

impl Nodes {
    /// None where there is no Postgres to be had.
    fn start(count: usize) -> Option<Self> {
        Self::start_with(count, |_| String::new())
    }

    /// As [`Nodes::start`], each with some more configuration of its own.
    fn start_with(count: usize, more: impl Fn(usize) -> String) -> Option<Self> {
        let server = postgres()?;
        let shared = tempfile::tempdir().unwrap();
        let config = format!(
            "{TINY}[server]\nrequests_per_minute = 100000\njobs_at_once = 2\n[store]\nuri = \"{}\"\n\
             [[destinations]]\nname = \"cloud\"\nuri = \"file://{}\"\n[[catalogs]]\nname = \"records\"\nuri = \"file://{}\"\n",
            server.url(),
            shared.path().join("cloud").display(),
            shared.path().join("records").display()
        );
        let programs: Vec<Program> = (0..count).map(|node| Program::with(&format!("{}{config}", more(node)))).collect();
        // As a folder that all of them have: without one, each renders a library of its own first.
        make_reference(&programs[0]);
        let reference = std::fs::read(programs[0].path("step.mp4")).unwrap();
        programs.iter().for_each(|program| drop(program.write("home/references/step.mp4", &reference)));
        let key = new_key(&programs[0], "admin");
        let open = |program| {
            let mut served = Served::open(program);
            served.key = Some(key.clone());
            served
        };
        Some(Self { nodes: programs.into_iter().map(open).collect(), server, shared })
    }

    fn store(&self) -> SqlStore {
        SqlStore::open_postgres(&address_of(&self.server.url(), "rushes"), &Mode::Read, Arc::new(SystemClock), Routes::default()).unwrap()
    }

    /// Asks a node for a job; the answer may be lost with the node, so it is asked under one key until it comes.
    async fn submit(&self, node: usize, workflow: &str, input: &Value, idem_key: &str) -> String {
        let began = Instant::now();
        for node in (0..self.nodes.len()).cycle().skip(node) {
            assert!(began.elapsed() < LONG, "{idem_key} is never taken");
            let request = self.nodes[node].ask(Method::POST, &format!("/api/v1/workflows/{workflow}/jobs"));
            let sent = request.header("Idempotency-Key", idem_key).timeout(Duration::from_secs(20)).json(input).send().await;
            if let Ok(answer) = sent {
                let status = answer.status();
                let passes = [StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS].contains(&status) || status.is_server_error();
                let Ok(said) = answer.json::<Value>().await else { continue };
                assert!(status.is_success() || passes, "{status}: {said}");
                if status.is_success() {
                    return said["id"].as_str().or(said["job"].as_str()).unwrap_or_else(|| panic!("{said}")).to_owned();
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        unreachable!("a cycle has no end")
    }
}

/// Waits until every topmost job has ended; gives them.
async fn all_ended(store: &SqlStore, wanted: usize) -> Vec<Job> {
    let began = Instant::now();
    loop {
        let jobs = store.jobs(&JobFilter { limit: u32::MAX, ..JobFilter::default() }).await.unwrap();
        if jobs.len() == wanted && jobs.iter().all(|job| job.state.has_ended()) {
            return jobs;
        }
        if began.elapsed() > LONG {
            panic!("not in time, {} of {wanted} there: {:#?}", jobs.len(), open_of(store, &jobs).await);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The jobs that go on, children too, and how they stand.
async fn open_of(store: &SqlStore, jobs: &[Job]) -> Vec<String> {
    let mut open = Vec::new();
    for root in jobs.iter().filter(|job| !job.state.has_ended()) {
        for job in store.family(root.id).await.unwrap().jobs.iter().filter(|job| !job.state.has_ended()) {
            open.push(format!("{} {} {} {:?} tries {}", job.id, job.workflow, job.state.name(), job.waiting_for, job.tries));
        }
    }
    open
}

/// Every fact, in its order.
async fn facts(store: &SqlStore) -> Vec<Event> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = store.events(after, 1_000).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = last.seq;
        all.extend(page);
    }
}

/// What must be true however rough it was: each job ended once and well, each asset is in the cloud once, with its bytes.
async fn oracle(nodes: &Nodes, jobs: &[Job]) {
    let store = nodes.store();
    for job in jobs {
        let family = store.family(job.id).await.unwrap().jobs;
        let faults: Vec<String> = family.iter().filter_map(|job| Some(format!("{}: {}", job.id, job.fault.as_ref()?))).collect();
        assert_eq!(job.state, JobState::Completed, "{faults:#?}");
    }
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for fact in facts(&store).await.iter().filter(|fact| fact.event_type == "job.completed") {
        *ends.entry(fact.job.clone().unwrap()).or_default() += 1;
    }
    assert!(jobs.iter().all(|job| ends.get(&job.id.to_string()) == Some(&1)), "each ends once: {ends:?}");
    let every = store.assets(&AssetFilter { all_versions: true, ..AssetFilter::default() }).await.unwrap();
    let current: Vec<Asset> = store.assets(&AssetFilter::default()).await.unwrap().into_iter().map(|(asset, _)| asset).collect();
    assert!(!current.is_empty(), "a run in which nothing was made proves nothing");
    let cloud = nodes.shared.path().join("cloud");
    // What was put aside for other nodes is gone, but for what a node left that was killed before it wrote a row of it.
    let known: BTreeSet<String> = every.iter().map(|(asset, _)| asset.blob.sha256.clone()).collect();
    let began = Instant::now();
    let mut there = hashes(&cloud);
    while there.iter().any(|(path, sha256)| path.starts_with(".rushes/") && known.contains(sha256)) {
        assert!(began.elapsed() < LONG, "what waited for delivery is left behind");
        nodes.nodes[0].program.run(&["doctor", "--fix", "--json"]);
        tokio::time::sleep(Duration::from_millis(500)).await;
        there = hashes(&cloud);
    }
    there.retain(|path, _| !path.starts_with(".rushes/"));
    let wanted: BTreeMap<String, String> = current.iter().map(|asset| (asset.path.clone(), asset.blob.sha256.clone())).collect();
    assert_eq!(there, wanted, "the cloud holds every asset and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_share_the_work_of_one_store_and_each_job_ends_once() {
    let Some(nodes) = Nodes::start(3) else { return };
    let count = 6;
    for n in 0..count {
        nodes.submit(n % 3, "character", &json!({"parameters": {"seed": 40 + n}}), &format!("job {n}")).await;
    }
    let store = nodes.store();
    let jobs = all_ended(&store, count).await;
    oracle(&nodes, &jobs).await;
    let audit = nodes.nodes[1].program.run(&["audit", "--deep", "--json"]).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
}

/// What is done to nodes and to what they share, and how often.
#[derive(Default)]
struct Done {
    kills: u32,
    stops: u32,
    restarts: u32,
}

/// Kills, stops and starts nodes, and restarts their database, by a seed for as long as `RUSHES_CHAOS_S` says.
async fn torment(nodes: &mut Nodes, dice: &mut Dice) -> Done {
    let (mut done, began) = (Done::default(), Instant::now());
    let chaos = Duration::from_secs(number("RUSHES_CHAOS_S", 20));
    while began.elapsed() < chaos {
        tokio::time::sleep(dice.moment()).await;
        let node = usize::try_from(dice.below(nodes.nodes.len() as u64)).unwrap();
        match dice.below(5) {
            0 | 1 => {
                nodes.nodes[node].kill();
                tokio::time::sleep(dice.moment()).await;
                nodes.nodes[node].start_again();
                done.kills += 1;
            }
            2 | 3 => {
                nodes.nodes[node].send("STOP");
                // Past its lease, so that another takes over what it has.
                tokio::time::sleep(Duration::from_secs(2 + dice.below(8))).await;
                nodes.nodes[node].send("CONT");
                done.stops += 1;
            }
            _ => {
                let away = dice.moment();
                tokio::task::block_in_place(|| nodes.server.restart(away));
                done.restarts += 1;
            }
        }
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_and_their_database_are_killed_at_random_and_every_job_ends_once() {
    let Some(mut nodes) = Nodes::start(3) else { return };
    let mut dice = Dice::roll("machines");
    let count = usize::try_from(number("RUSHES_JOBS", 4)).unwrap();
    for n in 0..count {
        nodes.submit(n % 3, "production", &json!({"parameters": {"count": 1, "seed": 7 + n}}), &format!("job {n}")).await;
    }
    let done = torment(&mut nodes, &mut dice).await;
    let jobs = all_ended(&nodes.store(), count).await;
    oracle(&nodes, &jobs).await;
    let audit = nodes.nodes[0].program.run(&["audit", "--json"]).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
    let Done { kills, stops, restarts } = done;
    let seen = format!("{count} productions, {kills} kills, {stops} stops, {restarts} restarts of Postgres, seed {}", dice.seed);
    report("three nodes on one store", &seen);
}

/// One address before several: a new connection goes to the next that takes it.
async fn balance(targets: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            turn += 1;
            let targets: Vec<SocketAddr> = targets.iter().cycle().skip(turn % targets.len()).take(targets.len()).copied().collect();
            tokio::spawn(async move {
                for target in targets {
                    if let Ok(mut to) = TcpStream::connect(target).await {
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut to).await;
                        return;
                    }
                }
            });
        }
    });
    address
}

/// A port that was free a moment ago.
async fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// The same, where a Restate server says who drives what.
#[tokio::test(flavor = "multi_thread")]
async fn machines_called_by_restate_are_killed_at_random_and_every_job_ends_once() {
    let Some(restate) = restate() else { return };
    let ports = [free_port().await, free_port().await, free_port().await];
    let balanced = balance(ports.to_vec()).await;
    let more = |node: usize| {
        format!(
            "[engine]\nkind = \"restate\"\n[engine.restate]\ningress = \"{}\"\nadmin = \"{}\"\nlisten = \"{}\"\nadvertise = \"http://{balanced}\"\n",
            restate.ingress(0),
            restate.admin(0),
            ports[node]
        )
    };
    let Some(mut nodes) = Nodes::start_with(3, more) else { return };
    let mut dice = Dice::roll("machines called by Restate");
    let count = usize::try_from(number("RUSHES_JOBS", 3)).unwrap();
    for n in 0..count {
        nodes.submit(n % 3, "production", &json!({"parameters": {"count": 1, "seed": 70 + n}}), &format!("job {n}")).await;
    }
    let done = torment(&mut nodes, &mut dice).await;
    let jobs = all_ended(&nodes.store(), count).await;
    oracle(&nodes, &jobs).await;
    let Done { kills, stops, restarts } = done;
    let seen = format!("{count} productions, {kills} kills, {stops} stops, {restarts} restarts of Postgres, seed {}", dice.seed);
    report("three nodes called by Restate", &seen);
}

/// A node is lost with its disk in the middle of productions: what it has made is found by the others, and they go on.
#[tokio::test(flavor = "multi_thread")]
async fn machines_go_on_without_a_node_that_is_lost_with_its_disk() {
    let Some(mut nodes) = Nodes::start(2) else { return };
    let mut dice = Dice::roll("lost");
    let count = 3;
    for n in 0..count {
        nodes.submit(0, "production", &json!({"parameters": {"count": 1, "seed": 90 + n}}), &format!("job {n}")).await;
    }
    let store = nodes.store();
    let wanted = usize::try_from(2 + dice.below(12)).unwrap();
    let began = Instant::now();
    while facts(&store).await.iter().filter(|fact| fact.event_type == "asset.made").count() < wanted {
        assert!(began.elapsed() < LONG, "too few assets are made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut lost = nodes.nodes.remove(0);
    lost.kill();
    std::fs::remove_dir_all(lost.program.path("home")).unwrap();
    let jobs = all_ended(&store, count).await;
    oracle(&nodes, &jobs).await;
    let audit = nodes.nodes[0].program.run(&["audit", "--json"]).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
    report("a node lost with its disk", &format!("{count} productions, after {wanted} assets, seed {}", dice.seed));
}

/// A home whose rows move to a server and back holds the same, byte for byte; `RUSHES_FILES` says how much.
#[test]
fn machines_take_over_a_home_by_migrate_and_give_it_back() {
    let Some(server) = postgres() else { return };
    let program = Program::with(TINY);
    let count = number("RUSHES_FILES", 40);
    for n in 0..count {
        program.write(&format!("library/characters/hero_{}.png", 1_700_000_000 + n), &picture(n));
    }
    program.run(&["import", "library"]).expect(0);
    let before = program.run(&["assets", "ls", "--json"]).expect(0).json();
    let said = program.run(&["migrate", "--to", &server.url(), "--schema", "studio", "--json"]).expect(0).json();
    let rows = |said: &Value, table: &str| said["tables"].as_array().unwrap().iter().find(|one| one["table"] == table).unwrap().clone();
    assert_eq!(rows(&said, "assets")["rows"], count);
    let store = format!("{TINY}[store]\nuri = \"{}\"\nschema = \"studio\"\nshared = false\n", server.url());
    program.write("rushes.toml", store.as_bytes());
    std::fs::remove_file(program.path("home/rushes.db")).unwrap();
    assert_eq!(program.run(&["assets", "ls", "--json"]).expect(0).json(), before);
    program.run(&["verify", "--deep"]).expect(0);
    program.write("more.png", &picture(count));
    program.run(&["put", "more.png", "--kind", "workspace_image"]).expect(0);
    let back = program.run(&["migrate", "--to", "home", "--json"]).expect(0).json();
    assert_eq!(rows(&back, "assets")["rows"], count + 1);
    program.write("rushes.toml", TINY.as_bytes());
    program.run(&["verify", "--deep"]).expect(0);
    assert_eq!(program.run(&["audit", "--deep", "--json"]).expect(0).json()["clean"], true);
    // A server at work on the home is not moved from under its feet.
    let served = Served::open(program);
    let busy = served.program.run(&["migrate", "--to", &server.url(), "--schema", "other"]).expect(1);
    assert!(busy.stderr.contains("home"), "{}", busy.stderr);
}

/// Eight by eight points of a colour of its own.
fn picture(n: u64) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    let [.., a, b, c] = n.to_be_bytes();
    image::RgbImage::from_pixel(8, 8, image::Rgb([a, b, c])).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}
