//! The page and the picture that show how the policy for a graphics card does on the committed trace.

use crate::timeline::{Lane, Timeline, timeline};
use rushes_core::gpu::{Arrival, Card, Limits, Outcome, Profile, Rule, TRACE, arrivals, simulate, trace_card};
use std::fmt::Write;

/// The load that the picture shows, in percent.
const SHOWN: u32 = 80;
/// Longer than any trace.
const NEVER_S: u32 = 1_000_000;

const ABOUT: &str = "\
# One graphics card, several families of models

A card of 24 GB holds either the models that make images or those that make videos, and changing them takes longer than an image
does. Who serves jobs in the order in which they come spends much of the card's time on loading. This page says how the policy in
`crates/rushes-core/src/gpu/policy.rs` decides instead, and how it does on a trace. It is written by `make docs`, figures and
picture included.

## What is declared
| of each family | such as (`sdxl`) | (`wan22`) | what it is |
|---|---|---|---|
";

const DECIDES: &str = "
Besides, `/system_stats` tells how much memory the card has and how much of it is free. What is measured counts: memory that
somebody else holds is not there. Nothing must be exact; declared times are typical ones, and every decision starts from what is
seen now.

## How it decides
Between two jobs, when a job comes and when a wait is over, the policy is asked, and answers with one step: run this job, `/free`,
restart ComfyUI, refuse this job, or wait. It knows no clock and talks to nobody: the same question has the same answer.

- **Who fits stays.** Families that are loaded, or fit beside those that are, are served in the order in which their jobs came.
- **One family after the other.** While somebody waits for what is loaded, that is served, in batches:
  - by *quota*: after `turn_s` of work the next family has its turn, if anybody waits for one;
  - by *age*: it goes through all that waits, on paper, and leaves as soon as one more job would let somebody start later than
    `max_wait_s` after coming.
- **Patience.** When nobody waits for what is loaded, a single job of another family does not throw it out at once: its user
  may be about to hand in more. After `patience_s` it does, or earlier where that would make somebody late.
- **A switch** is `/free`, then the first job, with which ComfyUI loads. If too little is free after `/free`, ComfyUI is restarted.
  If that does not help, the family's jobs are given back with `card_full`, and for ten minutes without another restart.
  A family that is larger than the card is refused at once, with `card_small`.

**Nobody waits longer than `max_wait_s`, one job and one switch**, as long as there is an order of what waits that is on time by
the declared times. There is one for certain while all that waits, with a switch for each family and one back, takes no longer
than what is left of `max_wait_s` to whoever has waited longest. Where no order is on time, as with more work than the card can do,
the limit cannot be promised: families then take turns of `turn_s`, each for whoever has waited longest. The precise words are at
`next` in `policy.rs`.

## On the trace
`crates/rushes-core/src/gpu/trace.csv` has 600 jobs at each load, drawn with a fixed seed as people make them: somebody hands in
two to nine jobs within minutes, three in ten of them videos. Load is seconds of work for each second, loading not counted.
Waits are minutes and seconds from a job's coming to its beginning. Every load counts as a switch, the first too.

";

const BESIDE: &str = "
At each of the policy's decisions an order was on time, which is the condition of its promise.

![Which models are loaded, and how long each job waits](pictures/gpu.svg)

## What was tried beside it
The same trace with one setting changed. *Until empty* serves what is loaded until nobody waits for it, then whoever waits.

";

/// `docs/gpu.md`.
pub(crate) fn page() -> String {
    let (card, limits) = (trace_card(), Limits::default());
    let mut out = String::from(ABOUT);
    let mut declared = |name: &str, value: fn(&Profile) -> u32, what: &str| {
        let mut cells = vec![format!("`{name}`")];
        cells.extend(card.profiles.iter().map(|profile| value(profile).to_string()));
        cells.push(what.to_owned());
        line(&mut out, &cells);
    };
    declared("vram_mb", |of| of.vram_mb, "memory of the card that its models and its work need together, in MB");
    declared("job_s", |of| of.job_s, "how long a job typically takes");
    declared("switch_s", |of| of.switch_s, "how long it takes to load");
    out += "\n| limit | unless set | what it is |\n|---|---|---|\n";
    for (name, value, what) in [
        ("max_wait_s", limits.max_wait_s, "nobody is to wait longer for the start of a job"),
        ("turn_s", limits.turn_s, "the quota: so much work, while others wait, before another family has its turn"),
        ("patience_s", limits.patience_s, "so long a job waits beside an idle card before what is loaded is thrown out for it"),
    ] {
        line(&mut out, &[format!("`{name}`"), value.to_string(), what.to_owned()]);
    }
    out += DECIDES;
    out += "| load | switches, first come | policy | mean wait, first come | policy | longest wait, first come | policy |\n";
    out += "|---|---|---|---|---|---|---|\n";
    for (load, jobs) in arrivals(TRACE) {
        let [first, ours] = [Rule::FirstCome, Rule::Policy(limits)].map(|rule| simulate(&card, rule, &jobs));
        let mut cells = vec![format!("{load} %")];
        let told: [fn(&Outcome) -> String; 3] =
            [|of| of.switches().to_string(), |of| clock(of.mean_wait_ms()), |of| clock(of.longest_wait_ms())];
        cells.extend(told.iter().flat_map(|told| [told(&first), told(&ours)]));
        line(&mut out, &cells);
    }
    out + &loading(&card) + BESIDE + &variants(&card)
}

/// How long the card loads at the load that is shown.
fn loading(card: &Card) -> String {
    let jobs = arrivals(TRACE).remove(&SHOWN).unwrap_or_default();
    let work_ms: i64 = jobs.iter().map(|job| job.work_ms).sum();
    let [first, ours] = [Rule::FirstCome, Rule::Policy(Limits::default())].map(|rule| {
        let outcome = simulate(card, rule, &jobs);
        let loads = outcome.served.iter().filter_map(|served| Some(served.starts_ms - served.loads_ms?));
        loads.sum::<i64>() / 60_000
    });
    let work = work_ms / 60_000;
    format!(
        "\nAt {SHOWN} % the card works for {work} minutes. Beside that it loads for {first} with first come, first served, and for {ours}\n\
         with the policy.\n"
    )
}

fn variants(card: &Card) -> String {
    let limits = Limits::default();
    let empty = Limits { max_wait_s: NEVER_S, turn_s: NEVER_S, patience_s: 0 };
    let tried = [
        ("as it is", limits),
        ("`patience_s = 0`", Limits { patience_s: 0, ..limits }),
        ("`patience_s = 900`", Limits { patience_s: 900, ..limits }),
        ("`turn_s = 300`", Limits { turn_s: 300, ..limits }),
        ("without quota", Limits { turn_s: NEVER_S, ..limits }),
        ("without quota and limit", Limits { max_wait_s: NEVER_S, turn_s: NEVER_S, ..limits }),
        ("until empty", empty),
    ];
    let trace = arrivals(TRACE);
    let mut out = String::from("| | switches, mean and longest wait at 60 % | at 90 % |\n|---|---|---|\n");
    for (name, limits) in tried {
        let told = |load: u32| {
            let of = simulate(card, Rule::Policy(limits), &trace[&load]);
            format!("{}, {}, {}", of.switches(), clock(of.mean_wait_ms()), clock(of.longest_wait_ms()))
        };
        line(&mut out, &[name.to_owned(), told(60), told(90)]);
    }
    out
}

/// `docs/pictures/gpu.svg`.
pub(crate) fn picture() -> String {
    let (card, limits) = (trace_card(), Limits::default());
    let jobs = arrivals(TRACE).remove(&SHOWN).unwrap_or_default();
    let lanes = [("First come, first served", Rule::FirstCome), ("The policy", Rule::Policy(limits))].map(|(name, rule)| {
        let outcome = simulate(&card, rule, &jobs);
        lane(name, &card, &jobs, &outcome)
    });
    let limit = f64::from(limits.max_wait_s) / 60.0;
    let of = Timeline {
        title: "Which models are loaded, and how long each job waits",
        about: &format!(
            "{} jobs at {SHOWN} % load. Bands: what is loaded, and the loading. Dots: when each job came, and how long it waited.",
            jobs.len()
        ),
        series: &[("sdxl", "#2f6db5"), ("wan22", "#e08a2e"), ("loading", "#262b33")],
        limit: (limit, "max_wait_s"),
    };
    timeline(&of, &lanes)
}

fn lane(name: &str, card: &Card, jobs: &[Arrival], outcome: &Outcome) -> Lane {
    let series = |index: usize| card.profiles.iter().position(|profile| profile.family == jobs[index].family).unwrap_or(0);
    let mut blocks: Vec<(usize, f64, f64)> = Vec::new();
    for served in &outcome.served {
        let of = series(served.index);
        match (served.loads_ms, blocks.last_mut()) {
            // What is loaded stays so until the next is loaded, idle or not.
            (None, Some(last)) => last.2 = hours(served.ends_ms),
            (loads_ms, last) => {
                let loads_ms = loads_ms.unwrap_or(served.starts_ms);
                if let Some(last) = last {
                    last.2 = hours(loads_ms);
                }
                blocks.push((card.profiles.len(), hours(loads_ms), hours(served.starts_ms)));
                blocks.push((of, hours(served.starts_ms), hours(served.ends_ms)));
            }
        }
    }
    let dots = outcome.served.iter().map(|served| {
        #[expect(clippy::cast_precision_loss, reason = "minutes of a picture")]
        let waited = served.waited_ms as f64 / 60_000.0;
        (series(served.index), hours(jobs[served.index].at_ms), waited)
    });
    let told = format!(
        "{} switches · waits: mean {}, longest {} min",
        outcome.switches(),
        clock(outcome.mean_wait_ms()),
        clock(outcome.longest_wait_ms())
    );
    Lane { title: [name.to_owned(), told], blocks, dots: dots.collect() }
}

#[expect(clippy::cast_precision_loss, reason = "hours of a picture")]
fn hours(ms: i64) -> f64 {
    ms as f64 / 3_600_000.0
}

/// Minutes and seconds.
fn clock(ms: i64) -> String {
    format!("{}:{:02}", ms / 60_000, ms / 1_000 % 60)
}

fn line(out: &mut String, cells: &[String]) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}
