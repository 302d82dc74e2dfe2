//! Where lines go: to stderr at once, or by a thread of its own, so that who serves never waits for who reads the log.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Lines waiting to be written; beyond that they are dropped and counted.
const WAITING_MAX: usize = 8_192;
/// After the first line others are waited for: to be woken for each costs who serves more than to write it.
const GATHER: Duration = Duration::from_millis(5);
/// How long the end of the process waits for the last lines.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

enum Said {
    Line(Vec<u8>),
    /// All that was said before is written.
    Flush(SyncSender<()>),
}

/// The way to stderr.
#[derive(Clone)]
pub(super) struct Lines {
    apart: Option<(SyncSender<Said>, Arc<AtomicU64>)>,
}

impl Lines {
    /// Each line at once.
    pub(super) fn direct() -> Self {
        Self { apart: None }
    }

    /// By a thread; the second half waits for it when it is dropped.
    pub(super) fn apart() -> (Self, Option<Flush>) {
        let (to, lines) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = dropped.clone();
        match std::thread::Builder::new().name("rushes-log".into()).spawn(move || write_all(&lines, &counted)) {
            Ok(_) => (Self { apart: Some((to.clone(), dropped)) }, Some(Flush(to))),
            Err(_) => (Self::direct(), None),
        }
    }

    pub(super) fn line(&self, bytes: Vec<u8>) {
        match &self.apart {
            None => drop(io::stderr().lock().write_all(&bytes)),
            Some((to, dropped)) => {
                if to.try_send(Said::Line(bytes)).is_err() {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

fn write_all(lines: &Receiver<Said>, dropped: &AtomicU64) {
    while let Ok(first) = lines.recv() {
        if matches!(first, Said::Line(_)) {
            std::thread::sleep(GATHER);
        }
        let (mut text, mut waiting) = (Vec::new(), Vec::new());
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(text, "{lost} log lines were dropped: nobody read them in time");
        }
        for said in std::iter::once(first).chain(lines.try_iter().take(WAITING_MAX)) {
            match said {
                Said::Line(bytes) => text.extend_from_slice(&bytes),
                Said::Flush(done) => waiting.push(done),
            }
        }
        // Nobody is left to be told of a stderr that is closed.
        let _ = io::stderr().lock().write_all(&text);
        for done in waiting {
            let _ = done.try_send(());
        }
    }
}

/// Waits for the last lines when it is dropped.
pub(super) struct Flush(SyncSender<Said>);

impl Drop for Flush {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.0.try_send(Said::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH_LIMIT);
        }
    }
}

/// One line, sent when it is whole.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    bytes: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            self.lines.line(std::mem::take(&mut self.bytes));
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, bytes: Vec::new() }
    }
}
