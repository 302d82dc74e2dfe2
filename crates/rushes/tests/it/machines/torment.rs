//! Nodes, their database and what hands out their jobs are killed, stopped and cut off at random, by a printed seed.

use super::{Nodes, all_ended, oracle};
use crate::support::survivor::{Dice, number, report};
use rushes_testkit::servers::restate;
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

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
