//! Every bad and every unusual file of the test kit: the right verdict, in time, in little memory.

use super::inspect_file;
use rushes_core::{Cancel, Fault};
use rushes_testkit::bad_files::{BadFile, Expected, make_bad_files};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Each verdict is there by then, on a busy machine too.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Of this process and its children together.
const MEMORY_LIMIT_KB: u64 = 500_000;

/// What is wrong with a verdict; nothing when it is right.
fn judge(file: &BadFile, found: &Result<rushes_core::inspect::MediaInfo, Fault>) -> Option<String> {
    let wrong = match (&file.expected, found) {
        (Expected::Refused(code), Err(fault)) if fault.code == *code => {
            let said = fault.to_string();
            let named = said.contains(&file.name) && fault.reason.as_ref().is_some_and(|reason| !reason.is_empty());
            let is_final = !fault.is_transient();
            return (!named || !is_final).then(|| format!("{}: names file and reason: {named}; final: {is_final}: {said}", file.name));
        }
        (Expected::Taken(said), Ok(info)) => {
            let size = info.width.zip(info.height);
            let is_long = match (said.duration_ms, info.duration_ms) {
                (Some(wanted), Some(found)) => wanted.abs_diff(found) <= 120,
                (wanted, found) => wanted == found,
            };
            if info.mime == said.mime && size == said.size && is_long && info.has_audio == said.has_audio {
                return None;
            }
            format!("{info:?}, not {said:?}")
        }
        (expected, Ok(info)) => format!("{info:?}, not {expected:?}"),
        (expected, Err(fault)) => format!("{} [{}], not {expected:?}", fault, fault.code.name()),
    };
    Some(format!("{} ({}): {wrong}", file.name, file.why))
}

/// Inspects one file, and stops waiting at the limit.
fn look(file: &BadFile) -> (Duration, Option<String>) {
    let (cancel, begun) = (Cancel::new(), Instant::now());
    let (send, receive) = std::sync::mpsc::channel();
    let (path, token) = (file.path.clone(), cancel.clone());
    std::thread::spawn(move || send.send(inspect_file(&path, &token)));
    let found = receive.recv_timeout(TIME_LIMIT);
    cancel.cancel();
    let wrong =
        found.map_or_else(|_| Some(format!("{} ({}): no verdict in {TIME_LIMIT:?}", file.name, file.why)), |found| judge(file, &found));
    (begun.elapsed(), wrong)
}

/// Kilobytes a process holds now, or the most it ever held.
fn memory_kb(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What this process and its children held at most together, as seen every few milliseconds.
fn watch_memory(is_over: &AtomicBool) -> u64 {
    let own = std::process::id();
    let mut peak = 0;
    while !is_over.load(Ordering::Relaxed) {
        let threads = std::fs::read_dir(format!("/proc/{own}/task")).unwrap().flatten();
        let children: u64 = threads
            .map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default())
            .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
            .map(|pid| memory_kb(pid, "VmRSS"))
            .sum();
        peak = peak.max(memory_kb(own, "VmRSS") + children);
        std::thread::sleep(Duration::from_millis(4));
    }
    peak
}

#[test]
fn inspect_judges_every_bad_file_rightly_soon_and_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let table = make_bad_files(folder.path());
    let made = begun.elapsed();
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results = Mutex::new(Vec::new());
    let peak_kb = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_memory(&is_over));
        // One at a time: so the memory is that of one file.
        while let Some(file) = table.files.get(next.fetch_add(1, Ordering::Relaxed)) {
            results.lock().unwrap().push((file.name.clone(), look(file)));
        }
        is_over.store(true, Ordering::Relaxed);
        watcher.join().unwrap()
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(_, (took, _))| std::cmp::Reverse(*took));
    let slowest: Vec<_> = results.iter().take(5).map(|(name, (took, _))| format!("{name} {took:.1?}")).collect();
    println!(
        "{} files made in {made:.1?}, judged in {:.1?}; at most {peak_kb} KB; slowest: {}",
        table.files.len(),
        begun.elapsed() - made,
        slowest.join(", ")
    );
    let wrong: Vec<String> = results.into_iter().filter_map(|(_, (_, wrong))| wrong).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(table.files.len() >= 60);
    assert!(peak_kb < MEMORY_LIMIT_KB, "{peak_kb} KB");
}

#[test]
fn inspect_takes_only_films_that_can_be_pictured() {
    let folder = tempfile::tempdir().unwrap();
    let table = make_bad_files(folder.path());
    for (name, size) in [
        ("pq.mp4", (128, 96)),
        ("hlg.mp4", (128, 96)),
        ("bare_pq.mp4", (128, 96)),
        ("ten.mp4", (128, 96)),
        ("odd.mp4", (127, 95)),
        ("turned_90.mp4", (96, 128)),
        ("wide_pixels.mp4", (256, 96)),
        ("before.mkv", (128, 96)),
        ("live.webm", (128, 96)),
        ("no_time.mp4", (128, 96)),
        ("one.mp4", (128, 96)),
    ] {
        let mut frames = Vec::new();
        let taken = crate::run::decode::decode_moments(&table.get(name).path, 1, None, &Cancel::new(), &mut |frame| {
            frames.push(frame);
            Ok(())
        });
        taken.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let frame = frames.pop().unwrap_or_else(|| panic!("{name} shows nothing"));
        assert_eq!((frame.width, frame.height), size, "{name}");
        let brightest = frame.rgba.chunks_exact(4).map(|pixel| pixel[1]).max();
        assert!(brightest > Some(100), "{name} is dark: {brightest:?}");
    }
}
