//! What was measured, as lines.

use super::counted::COUNTED;
use super::ways::Ran;
use super::work::FILE_BYTES;
use super::{AT_ONCE, STEPS};
use crate::figures;
use rushes_store::PostgresAddress;
use rushes_store::weigh;

pub(super) fn head(jobs: u64) {
    println!(
        "machines    {jobs} jobs of {STEPS} steps, each a file of {} KB; {AT_ONCE} jobs at once over all nodes; nodes and servers on this one machine",
        FILE_BYTES / 1_000
    );
    println!(
        "machines    ours: checked, hashed, kept, row and record, sent to a folder, read back, proven; nodes that share put each file there first, for each other"
    );
    println!(
        "machines    apalis: a task for each step, which writes, hashes and copies the file to a folder, both synced, and writes a row of it; not looked into, not read back, no versions, no record; what was made is not kept apart from the copy, and a copy that fails is the whole step again"
    );
    println!(
        "machines    step: from one step's end to the next one's of its job; wall: from the first job's making to the last one's end, everything delivered"
    );
    println!(
        "machines    CPU and memory: of the processes named and all they start; the bench's own looks, and its spreading of Restate's connections, are left out"
    );
    println!(
        "machines    {:<34} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8}",
        "how", "steps/s", "p50 ms", "p99 ms", "jobs/s", "CPU s", "Postgres", "Restate", "all", "ms a step", "peak MB"
    );
}

pub(super) fn missing(name: &str, what: &str) {
    println!("machines    {name:<34} left out: {what}");
}

/// Prints a run, and gives it back.
pub(super) fn row(name: &str, ran: Ran) -> Ran {
    let at = |share: f64| {
        let index = ((ran.step_ms.len() as f64 * share) as usize).min(ran.step_ms.len().saturating_sub(1));
        ran.step_ms.get(index).copied().unwrap_or(0.0)
    };
    let cpu = |name: &str| {
        if ran.usage.cpu_s.iter().any(|(group, _)| *group == name) { format!("{:.1}", ran.usage.of(name)) } else { "–".into() }
    };
    let each_ms = ran.usage.all() / ran.steps as f64 * 1e3;
    let (rate, jobs_rate) = (ran.steps as f64 / ran.wall_s, ran.ended as f64 / ran.wall_s);
    let far =
        if ran.ended == ran.jobs { String::new() } else { format!("  only {} of {} jobs in {:.0} s", ran.ended, ran.jobs, ran.wall_s) };
    println!(
        "machines    {name:<34} {rate:>7.0} {:>7.0} {:>7.0} {jobs_rate:>7.1} {:>8} {:>8} {:>8} {:>8.1} {each_ms:>9.2} {:>8.0}{far}",
        at(0.5),
        at(0.99),
        cpu("nodes"),
        cpu("Postgres"),
        cpu("Restate"),
        ran.usage.all(),
        ran.usage.peak_mb
    );
    figures::note("machines", "steps/s", name, rate);
    figures::note("machines_cpu", "CPU ms a step", name, each_ms);
    ran
}

/// What one step cost, in the units a larger load is reckoned with.
pub(super) fn units(name: &str, ran: &Ran) {
    let assets = ran.steps as f64;
    // Bytes in thousands.
    let each = |what: &str, count: u64| if what.starts_with("KB") { count as f64 / assets / 1e3 } else { count as f64 / assets };
    let calls = COUNTED.iter().zip(&ran.calls).filter(|(_, count)| **count > 0);
    let calls: Vec<String> = calls.map(|(what, count)| format!("{:.2} {what}", each(what, *count))).collect();
    let kb = |(_, bytes): (u64, u64)| bytes as f64 / assets / 1e3;
    println!(
        "machines    {name}, an asset: destination {}; disk {:.1} KB in homes, {:.1} KB delivered",
        calls.join(", "),
        kb(ran.homes),
        kb(ran.cloud)
    );
    let Some((before, after)) = &ran.weights else { return };
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / assets;
    let statements = before.statements.zip(after.statements).map_or_else(String::new, |(before, after)| {
        format!("{:.2} that write, {:.1} statements, ", each(before.1, after.1), each(before.0, after.0))
    });
    println!(
        "machines    {name}, a step in Postgres: {statements}{:.2} transactions, {:.1} rows, {:.2} KB of tables, {:.2} KB of journal, {:.2} ms CPU",
        each(before.commits, after.commits),
        each(before.rows, after.rows),
        each(before.bytes, after.bytes) / 1e3,
        each(before.journal_bytes, after.journal_bytes) / 1e3,
        ran.usage.of("Postgres") / assets * 1e3
    );
}

/// How much is written at most.
pub(super) fn writes(name: &str, ran: &Ran) {
    let steps = ran.steps as f64;
    let said = ran.weights.as_ref().and_then(|(before, after)| before.statements.zip(after.statements)).map_or_else(
        String::new,
        |(before, after)| {
            let (all, locks) = ((after.0 - before.0) as f64, (after.1 - before.1) as f64);
            format!(
                "; {:.0} transactions/s that write, {:.1} steps in each, {:.1} statements a step",
                locks / ran.wall_s,
                steps / locks,
                all / steps
            )
        },
    );
    println!(
        "machines    {name}, {} jobs at once of steps without files: {:.0} steps/s, {:.2} ms CPU a step{said}",
        ran.jobs,
        steps / ran.wall_s,
        ran.usage.all() / steps * 1e3
    );
}

pub(super) fn round_trip(address: &PostgresAddress) {
    let (empty_us, synced_us) = weigh::round_trips_us(address).unwrap();
    println!(
        "machines    one way to Postgres and back: {empty_us:.0} µs with nothing to do, {synced_us:.0} µs with a row to sync (medians of 1,000)"
    );
}
