//! Every provider, while our program and its server are killed again and again: at most one order of a step is carried out,
//! and a step ends with its files, or needs somebody to look; with keys of ours, always with its files.
//!
//! `RUSHES_KILLS` says how often, `RUSHES_SEED` which ones, `RUSHES_PROVIDER` at whom alone.

use super::rows::{ROWS, Row, Service};
use crate::support::program::{Program, end};
use crate::support::survivor::{Dice, TINY, make_reference, number, report};
use rushes_testkit::cable::{Cable, Cut};
use rushes_testkit::gcs::Gcs;
use serde_json::Value;
use std::process::Child;
use std::time::{Duration, Instant};

/// In an ordinary run, at each.
const KILLS: u64 = 3;
const PRICE_USD: f64 = 0.5;
/// Places of ours at which the program ends by itself.
const PLACES: [&str; 6] =
    ["attempt_begun:1=kill", "attempt_begun:2=kill", "attempt_answered:1=kill", "attempt_answered:2=kill", "step_kept:2=kill", ""];
/// How a server goes away and comes back, with what it had in memory.
const CUTS: [Cut; 4] = [Cut::Gone, Cut::Reset, Cut::Answers, Cut::Silent];

/// A home that has something made at a service.
struct Stand {
    row: &'static Row,
    program: Program,
    service: Service,
    cable: Cable,
    store: Gcs,
}

/// What came of all rounds.
#[derive(Default)]
struct Seen {
    kills: u64,
    cuts: u64,
    rounds: u64,
    made: u64,
    open: u64,
}

impl Stand {
    async fn new(row: &'static Row) -> Self {
        let (store, service) = (Gcs::start().await, Service::start(row).await);
        store.make_bucket("bucket", false);
        let cable = Cable::to(service.address().parse().unwrap()).await;
        let key = if row.provider == "lyria" { "file:account.json" } else { "env:KEY" };
        let config = format!(
            "{TINY}[[destinations]]\nname = \"cloud\"\nuri = \"gs://bucket\"\nendpoint = \"{}\"\ncredentials = \"file:key.json\"\naccess = \"signed\"\n\
             [make]\n{} = \"{}\"\n[providers.{}]\nkey = \"{key}\"\nendpoint = \"http://{}{}\"\nprice_usd = {}\narrives_within_s = 2\n{}",
            store.url,
            row.makes,
            row.provider,
            row.provider,
            cable.address(),
            service.base(),
            if row.is_free { 0.0 } else { PRICE_USD },
            row.more,
        );
        let program = Program::with(&config);
        program.write("key.json", store.google.service_account().as_bytes());
        program.write("account.json", service.account().unwrap_or_default().as_bytes());
        program.write(".env", format!("KEY={}\n", service.key()).as_bytes());
        make_reference(&program);
        let stand = Self { row, program, service, cable, store };
        if row.makes == "motion" {
            stand.json(&["run", "character", "--name", "Nova", "--seed", "5"]);
        }
        stand
    }

    /// The servers answer on other threads meanwhile.
    fn json(&self, args: &[&str]) -> Value {
        tokio::task::block_in_place(|| self.program.run(&[args, &["--json"]].concat())).expect(0).json()
    }

    /// What is asked for in this round, and in no other.
    fn command(&self, round: u64) -> Vec<String> {
        let round = round.to_string();
        let words: &[&str] = match self.row.makes {
            "motion" => &["run", "dance", "nova", "--reference", "./step.mp4", "--redo", &round],
            "music" => &["run", "score", "./step.mp4", "--seed", &round],
            _ => &["run", "character", "--name", &format!("Nova {round}"), "--seed", &round],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// The jobs nobody else has started.
    fn jobs(&self) -> Vec<Value> {
        let listed = self.json(&["jobs", "ls", "--limit", "1000"]);
        listed["jobs"].as_array().unwrap().iter().filter(|job| job["parent"].is_null()).cloned().collect()
    }

    /// The job of this round, where there is one yet: all earlier ones are over, and known.
    fn job(&self, rounds_before: usize) -> Option<Value> {
        let jobs = self.jobs();
        let first = usize::from(self.row.makes == "motion");
        assert!(jobs.len() <= rounds_before + first + 1, "one job for each round: {jobs:?}");
        (jobs.len() > rounds_before + first).then(|| jobs[0].clone())
    }

    fn lent(&self) -> usize {
        self.store.objects("bucket").iter().filter(|object| object.name.contains(".rushes/lent/")).count()
    }

    /// Kills the program at one of its places or wherever it is, and perhaps the server before; whether that forgot everything.
    async fn kill(&mut self, args: &[&str], dice: &mut Dice, seen: &mut Seen) -> bool {
        let mut running = self.program.start_with(args, &[("RUSHES_FAULTS", PLACES[dice.below(6) as usize])]);
        // Wherever it is then: on its way up, at its first order, or later.
        ends_within(&mut running, Duration::from_millis(100 + dice.below(1_500))).await;
        let mut has_forgotten = false;
        if dice.below(2) == 0 {
            seen.cuts += 1;
            has_forgotten = dice.below(2) == 0 && self.service.forget().await;
            if !has_forgotten {
                self.cable.cut(CUTS[dice.below(4) as usize]);
                ends_within(&mut running, Duration::from_millis(dice.below(800))).await;
                self.cable.mend();
                ends_within(&mut running, Duration::from_millis(dice.below(300))).await;
            }
        }
        running.kill().unwrap();
        tokio::task::block_in_place(|| end(running));
        seen.kills += 1;
        has_forgotten
    }

    /// A job that used up its tries on a server that was away is tried again, as somebody would.
    fn goes_on(&self, job: Value, rounds_before: usize) -> Value {
        let id = job["id"].as_str().unwrap();
        if job["state"] != "failed" || self.json(&["jobs", "show", id])["error"]["verdict"] != "exhausted" {
            return job;
        }
        self.service.calm();
        tokio::task::block_in_place(|| self.program.run(&["jobs", "retry", id]));
        self.job(rounds_before).unwrap()
    }

    /// What a round came to.
    fn judge(&self, job: &Value, before: usize, seen: &mut Seen) {
        let row = self.row;
        let shown = self.json(&["jobs", "show", job["id"].as_str().unwrap()]);
        let sent: Vec<&Value> = shown["steps"].as_array().unwrap().iter().filter(|step| !step["sent"].is_null()).collect();
        let carried = self.service.carried();
        let carried = &carried[before..];
        for (at, told) in carried.iter().enumerate() {
            assert!(row.asks_again || !carried[..at].contains(told), "ordered twice: {told}");
        }
        if job["state"] != "failed" {
            assert_eq!(sent.len(), row.steps, "{shown}");
            assert!(sent.iter().all(|step| step["sent"] == "done"), "{sent:?}");
            assert!(row.is_free || carried.len() == row.steps, "{} orders for {} steps", carried.len(), row.steps);
            seen.made += 1;
        } else {
            assert!(!row.is_certain, "it cannot fail: {shown}");
            assert!(carried.len() <= row.steps, "{} orders for {} steps", carried.len(), row.steps);
            let (last, earlier) = sent.split_last().unwrap();
            assert!(last["sent"] == "needs_reconcile" && earlier.iter().all(|step| step["sent"] == "done"), "{sent:?}");
            seen.open += 1;
        }
    }

    /// What stands at the end of all rounds.
    fn settle(&self, seen: &Seen) {
        if self.row.is_certain {
            assert_eq!((seen.open, self.lent()), (0, 0));
        }
        let costs = self.json(&["costs"]);
        let days = costs["days"].as_array().unwrap();
        let open: u64 = days.iter().map(|day| day["open"].as_u64().unwrap()).sum();
        assert_eq!(open, seen.open, "{costs}");
        let of_made = seen.made * self.row.steps as u64;
        let spent: f64 = days.iter().map(|day| day["usd"].as_f64().unwrap()).sum();
        // Of a job that needs somebody, earlier steps may be paid.
        let (least, most) = (of_made + seen.open, of_made + seen.open * self.row.steps as u64);
        let prices = if self.row.is_free { 0.0 } else { spent / PRICE_USD };
        assert!(self.row.is_free && spent == 0.0 || prices >= least as f64 && prices <= most as f64, "{least} to {most} orders: {costs}");
        let kinds = match self.row.makes {
            "motion" => vec!["dance_video"],
            "music" => vec!["workspace_video"],
            _ => vec!["anime_image", "cosplay_image"],
        };
        let made = self.json(&["assets", "ls", "--limit", "10000"]);
        let made = made["assets"].as_array().unwrap().iter().filter(|asset| kinds.iter().any(|kind| asset["kind"] == *kind));
        // A dance that is made anew is another version of the one asset, or the same where its bytes are.
        let made: u64 = made.map(|asset| asset["version"].as_u64().unwrap()).sum();
        let all = seen.made * self.row.assets.max(1) as u64;
        let is_all = if self.row.makes == "motion" { made <= all && (made > 0 || all == 0) } else { made >= all };
        assert!(is_all && (seen.open > 0 || made <= all), "{made} files of {} jobs", seen.made);
        // A process that was killed after the end of its job left what that owed to whoever works here next.
        if let Some(subject) = self.json(&["assets", "ls", "--limit", "1"])["assets"][0]["subject"].as_str() {
            self.json(&["sync", "--subject", subject]);
        }
        self.json(&["audit", "--deep"]);
    }
}

/// Whether its workflow has ended: what is only owed then is sent by whoever works on this home next.
fn is_over(job: &Value) -> bool {
    ["completed", "failed", "delivering"].iter().any(|state| job["state"] == *state)
}

/// Waits for so long, or until it has ended by itself.
async fn ends_within(child: &mut Child, time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time && child.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn is_killed(row: &'static Row) {
    if std::env::var("RUSHES_PROVIDER").is_ok_and(|only| only != row.provider) {
        return;
    }
    let name = format!("{} {}", row.provider, row.makes);
    let (kills, mut dice) = (number("RUSHES_KILLS", KILLS), Dice::roll(&name));
    let (mut stand, mut seen) = (Stand::new(row).await, Seen::default());
    while seen.kills < kills {
        let args = stand.command(seen.rounds + 1);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut before = stand.service.carried().len();
        stand.service.trouble(dice.below(7), 1 + dice.below(4) as u32);
        let mut job = None;
        for _ in 0..=dice.below(3) {
            if stand.kill(&args, &mut dice, &mut seen).await {
                before = 0;
            }
            job = stand.job(seen.rounds as usize).filter(is_over);
            if job.is_some() {
                break;
            }
        }
        let job = job.unwrap_or_else(|| {
            let ended = tokio::task::block_in_place(|| stand.program.run(&args));
            let job = stand.job(seen.rounds as usize).unwrap_or_else(|| panic!("{} {}", ended.stdout, ended.stderr));
            assert!(is_over(&job), "seed {}: {job} {} {}", dice.seed, ended.stdout, ended.stderr);
            job
        });
        let job = stand.goes_on(job, seen.rounds as usize);
        stand.judge(&job, before, &mut seen);
        stand.service.calm();
        seen.rounds += 1;
    }
    stand.settle(&seen);
    let Seen { kills, cuts, rounds, made, open } = seen;
    let said =
        format!("{rounds} jobs, {kills} kills, {cuts} of them of the server too: {made} made, {open} need somebody; seed {}", dice.seed);
    report(&name, &said);
}

macro_rules! providers {
    ($($test:ident $row:literal)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                is_killed(&ROWS[$row]).await;
            }
        )*

        #[test]
        fn providers_that_are_killed_are_all_there_are() {
            assert_eq!([$($row),*].len(), ROWS.len());
            let mut names: Vec<&str> = ROWS.iter().map(|row| row.provider).collect();
            names.sort_unstable();
            names.dedup();
            let refused = Program::with("[make]\nmotion = \"nobody\"\n[providers.nobody]\n").run(&["run", "character", "--seed", "1"]).expect(1).stderr;
            assert!(refused.contains(&format!("there are: {}", names.join(", "))), "{names:?}\n{refused}");
        }
    };
}

providers! {
    providers_kling_is_asked_once_whoever_is_killed 0
    providers_fal_is_asked_once_whoever_is_killed 1
    providers_replicate_is_asked_once_whoever_is_killed 2
    providers_comfyui_is_asked_once_for_pictures_whoever_is_killed 3
    providers_comfyui_is_asked_once_for_films_whoever_is_killed 4
    providers_gemini_is_asked_once_for_characters_whoever_is_killed 5
    providers_gemini_is_asked_once_for_pictures_whoever_is_killed 6
    providers_openai_chat_ends_with_a_character_whoever_is_killed 7
    providers_elevenlabs_is_asked_once_whoever_is_killed 8
    providers_lyria_is_asked_once_whoever_is_killed 9
    providers_minimax_is_asked_once_whoever_is_killed 10
}
