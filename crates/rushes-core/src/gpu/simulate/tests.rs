//! The committed trace and others like it, and random ones on random cards.

use super::draw::{JOBS, LOADS, SEED, drawn, file};
use super::*;
use proptest::prelude::*;

/// What may be promised: `max_wait_s`, the longest job, the longest switch.
fn promise_ms(card: &Card, limits: Limits, arrivals: &[Arrival]) -> i64 {
    let job_ms = arrivals.iter().map(|arrival| arrival.work_ms).max().unwrap();
    let switch_s = card.profiles.iter().map(|profile| profile.switch_s).max().unwrap();
    job_ms + (i64::from(limits.max_wait_s) + i64::from(switch_s)) * 1_000
}

#[test]
fn gpu_the_trace_is_what_its_header_says() {
    assert!(TRACE == file(SEED), "the trace is not what its seed draws: `cargo test -p rushes-core -- --ignored record_trace`");
    let trace = arrivals(TRACE);
    assert_eq!(trace.keys().copied().collect::<Vec<_>>(), LOADS);
    for (load, jobs) in trace {
        let work_ms: i64 = jobs.iter().map(|job| job.work_ms).sum();
        let percent = work_ms * 1_000 / jobs.last().unwrap().at_ms;
        assert!(jobs.len() == JOBS && (percent - i64::from(load) * 10).abs() <= 10, "{load}: {percent}");
        let changes = jobs.windows(2).filter(|pair| pair[0].family != pair[1].family).count();
        assert!(changes > JOBS / 3, "families are interleaved: {changes}");
    }
}

#[test]
#[ignore = "writes the trace anew"]
#[expect(clippy::disallowed_methods, reason = "a file of the repository")]
fn record_trace() {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/gpu/trace.csv"), file(SEED)).unwrap();
}

#[test]
fn gpu_the_policy_switches_a_fifth_as_often_waits_less_and_keeps_its_limit() {
    let limits = Limits::default();
    for (load, jobs) in arrivals(TRACE) {
        let (first, ours) = (simulate(&trace_card(), Rule::FirstCome, &jobs), simulate(&trace_card(), Rule::Policy(limits), &jobs));
        let told = |of: &Outcome| (of.switches(), of.mean_wait_ms() / 1_000, of.longest_wait_ms() / 1_000, of.late);
        println!("load {load}: first come {:?}, policy {:?}", told(&first), told(&ours));
        assert_eq!((first.served.len(), ours.served.len()), (JOBS, JOBS));
        assert!(ours.switches() * 5 <= first.switches(), "{load}: {} of {}", ours.switches(), first.switches());
        assert!(ours.mean_wait_ms() < first.mean_wait_ms(), "{load}: {} of {}", ours.mean_wait_ms(), first.mean_wait_ms());
        assert_eq!(ours.late, 0, "{load}: an order was on time each time, which is the condition of the promise");
        assert!(ours.longest_wait_ms() <= promise_ms(&trace_card(), limits, &jobs), "{load}: {}", ours.longest_wait_ms());
    }
}

/// One trace may be lucky. Of others a few hold more work than `max_wait_s`: there the promise is not made.
#[test]
fn gpu_other_draws_do_as_well_and_a_broken_limit_was_seen_coming() {
    let limits = Limits::default();
    for load in LOADS {
        let (mut few, mut sooner, mut on_time, mut kept) = (0, 0, 0, 0);
        for seed in 100..140 {
            let jobs = drawn(seed, load);
            let (first, ours) = (simulate(&trace_card(), Rule::FirstCome, &jobs), simulate(&trace_card(), Rule::Policy(limits), &jobs));
            let is_kept = ours.longest_wait_ms() <= promise_ms(&trace_card(), limits, &jobs);
            assert!(is_kept || ours.late > 0, "{load}, seed {seed}");
            few += usize::from(ours.switches() * 5 <= first.switches());
            sooner += usize::from(ours.mean_wait_ms() < first.mean_wait_ms());
            on_time += usize::from(ours.late == 0);
            kept += usize::from(is_kept);
        }
        println!("load {load}, of 40: a fifth {few}, sooner {sooner}, always on time {on_time}, limit kept {kept}");
        assert!(few >= 36 && sooner == 40 && kept >= 30, "{load}: {few} {sooner} {kept}");
    }
}

prop_compose! {
    /// A card, families that each fit on it, and limits.
    fn cards()(
        total_mb in 8_000_u32..48_000,
        families in prop::collection::vec((1_u32..=100, 1_u32..=60, 0_u32..=60), 1..5),
        (max_wait_s, turn_s, patience_s) in (60_u32..4_000, 0_u32..1_000, 0_u32..400),
    ) -> (Card, Limits) {
        let profile = |(index, (share, job_s, switch_s)): (usize, (u32, u32, u32))| {
            Profile { family: format!("family{index}"), vram_mb: total_mb / 100 * share, job_s, switch_s }
        };
        let profiles = families.into_iter().enumerate().map(profile).collect();
        (Card { total_mb, profiles }, Limits { max_wait_s, turn_s, patience_s })
    }
}

/// Jobs of a card's families: when after the one before, which, and how long in percent of what is declared.
fn jobs_of(card: &Card, raw: &[(i64, usize, i64)]) -> Vec<Arrival> {
    let mut at_ms = 0;
    let arrival = |(after_ms, which, percent): &(i64, usize, i64)| {
        at_ms += after_ms;
        let profile = &card.profiles[which % card.profiles.len()];
        Arrival { at_ms, family: profile.family.clone(), work_ms: i64::from(profile.job_s) * 10 * percent }
    };
    raw.iter().map(arrival).collect()
}

/// A card of which no two families fit together.
fn crowded(mut card: Card) -> Card {
    for profile in &mut card.profiles {
        profile.vram_mb = card.total_mb / 2 + 1 + profile.vram_mb / 4;
    }
    card
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn gpu_every_job_runs_once_and_only_families_that_fit_are_loaded(
        (card, limits) in cards(),
        raw in prop::collection::vec((0_i64..120_000, 0_usize..5, 10_i64..200), 0..120),
    ) {
        let jobs = jobs_of(&card, &raw);
        let outcome = simulate(&card, Rule::Policy(limits), &jobs);
        let mut run: Vec<usize> = outcome.served.iter().map(|served| served.index).collect();
        run.sort_unstable();
        prop_assert_eq!(run, (0..jobs.len()).collect::<Vec<_>>());
        prop_assert!(outcome.refused.is_empty());
        for served in &outcome.served {
            let used_mb: u32 = served.loaded.iter().map(|family| card.needs_mb(family)).sum();
            prop_assert!(used_mb <= card.total_mb && served.loaded.contains(&jobs[served.index].family), "{:?}", served);
            prop_assert!(served.waited_ms >= 0);
        }
        for pair in outcome.served.windows(2) {
            prop_assert!(pair[0].ends_ms <= pair[1].loads_ms.unwrap_or(pair[1].starts_ms), "one at a time");
        }
    }

    #[test]
    fn gpu_one_family_is_loaded_once_and_served_in_order_without_a_pause(
        (card, limits) in cards(),
        raw in prop::collection::vec((0_i64..120_000, 0_usize..1, 10_i64..200), 1..120),
    ) {
        let jobs = jobs_of(&card, &raw);
        let outcome = simulate(&card, Rule::Policy(limits), &jobs);
        prop_assert_eq!(outcome.switches(), 1);
        let mut free_ms = i64::from(card.profiles[0].switch_s) * 1_000 + jobs[0].at_ms;
        for (index, served) in outcome.served.iter().enumerate() {
            prop_assert_eq!((served.index, served.starts_ms), (index, free_ms.max(jobs[index].at_ms)));
            free_ms = served.ends_ms;
        }
    }

    #[test]
    fn gpu_families_that_all_fit_together_are_never_thrown_out(
        (card, limits) in cards(),
        raw in prop::collection::vec((0_i64..60_000, 0_usize..5, 10_i64..200), 1..120),
    ) {
        let mut card = card;
        for profile in &mut card.profiles {
            profile.vram_mb = card.total_mb / 5;
        }
        let outcome = simulate(&card, Rule::Policy(limits), &jobs_of(&card, &raw));
        prop_assert!(outcome.switches() <= card.profiles.len());
        let order: Vec<usize> = outcome.served.iter().map(|served| served.index).collect();
        prop_assert!(order.is_sorted(), "{:?}", order);
    }

    /// What is on time stays on time until a job comes, where no two families fit together and nothing takes longer.
    #[test]
    fn gpu_what_is_on_time_at_once_stays_so(
        (card, limits) in cards(),
        raw in prop::collection::vec((0_i64..1, 0_usize..5, 30_i64..=100), 1..60),
    ) {
        let card = crowded(card);
        let outcome = simulate(&card, Rule::Policy(limits), &jobs_of(&card, &raw));
        let all_s: u32 = raw.iter().map(|(_, which, _)| card.profiles[which % card.profiles.len()].job_s).sum();
        let switches_s: u32 = card.profiles.iter().map(|profile| profile.switch_s).sum();
        let most_s = card.profiles.iter().map(|profile| profile.switch_s).max().unwrap();
        if all_s + switches_s + most_s <= limits.max_wait_s {
            prop_assert_eq!(outcome.late, 0);
            prop_assert!(outcome.longest_wait_ms() <= i64::from(limits.max_wait_s) * 1_000);
        }
    }

    /// Within capacity: the promise holds whenever an order was on time, whatever arrives.
    #[test]
    fn gpu_nobody_waits_beyond_the_limit_unless_no_order_was_on_time(
        (card, limits) in cards(),
        raw in prop::collection::vec((0_i64..150_000, 0_usize..5, 10_i64..200), 1..150),
    ) {
        let jobs = jobs_of(&card, &raw);
        let outcome = simulate(&card, Rule::Policy(limits), &jobs);
        prop_assert!(outcome.late > 0 || outcome.longest_wait_ms() <= i64::from(limits.max_wait_s) * 1_000);
    }

    /// Without a limit to keep, as beyond capacity, nobody starves: turns are bounded, and the next is for who waited longest.
    #[test]
    fn gpu_beyond_capacity_turns_are_bounded_and_go_to_who_has_waited_longest(
        (card, limits) in cards(),
        raw in prop::collection::vec((0_i64..20_000, 0_usize..5, 100_i64..=100), 1..120),
    ) {
        let (card, limits) = (crowded(card), Limits { max_wait_s: 0, ..limits });
        let jobs = jobs_of(&card, &raw);
        let outcome = simulate(&card, Rule::Policy(limits), &jobs);
        let most_s = card.profiles.iter().map(|profile| profile.job_s).max().unwrap();
        let mut turn_ms = 0;
        for (at, served) in outcome.served.iter().enumerate() {
            let family = &jobs[served.index].family;
            let begins_ms = served.loads_ms.unwrap_or(served.starts_ms);
            let is_waiting = |later: &&Served| jobs[later.index].at_ms <= begins_ms && jobs[later.index].family != *family;
            let others: Vec<&Served> = outcome.served[at + 1..].iter().filter(is_waiting).collect();
            if served.loads_ms.is_some() {
                let was_loaded = |other: &&&Served| at > 0 && outcome.served[at - 1].loaded.contains(&jobs[other.index].family);
                let passed_over = others.iter().filter(|other| !was_loaded(other)).any(|other| other.index < served.index);
                prop_assert!(!passed_over, "{:?}", served);
            }
            let before_ms = if served.loads_ms.is_some() { 0 } else { turn_ms };
            turn_ms = if others.is_empty() { 0 } else { before_ms + served.ends_ms - served.starts_ms };
            prop_assert!(turn_ms <= i64::from(limits.turn_s + most_s) * 1_000, "{}", turn_ms);
        }
    }
}
