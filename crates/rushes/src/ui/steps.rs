//! The timeline of a job: what it did, what it does, and why it waits.

use super::words::{self, Cure, Told};
use crate::http::App;
use rushes_core::Job;
use rushes_core::job::{Outcome, StepRow};

/// One line of it.
pub(super) struct Entry {
    pub(super) key: String,
    /// `done`, `running`, `waiting`, `failed`, `stopped`.
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) name: String,
    /// In words, beside the sign.
    pub(super) word: &'static str,
    pub(super) took: String,
    pub(super) percent: Option<u32>,
    /// Why it waits, failed or was tried again; who did it.
    pub(super) why: Option<String>,
    pub(super) cure: Option<Cure>,
}

/// The steps that are written down, then what is under way, then what is waited for.
pub(super) fn of(app: &App, job: &Job, rows: &[StepRow], now_ms: i64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = rows.iter().map(|row| entry(row, job, now_ms)).collect();
    if !job.state.has_ended() {
        let is_over = |step: &str| rows.iter().any(|row| row.name == step && row.outcome.is_some());
        for doing in app.shelf.doing(job.id).into_iter().filter(|doing| !is_over(&doing.step)) {
            entries.retain(|entry| entry.key != doing.step);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a hundred")]
            entries.push(Entry {
                class: "running",
                icon: "run",
                name: words::sentence(&doing.step),
                word: "under way",
                took: String::new(),
                percent: Some((doing.fraction * 100.0) as u32),
                why: (!doing.note.is_empty()).then(|| words::capital(&doing.note)),
                cure: None,
                key: doing.step,
            });
        }
        if let Some(wait) = &job.waiting_for {
            entries.push(Entry {
                key: "waiting".into(),
                class: "waiting",
                icon: "clock",
                name: wait.sentence(),
                word: "waiting",
                took: String::new(),
                percent: None,
                why: None,
                cure: None,
            });
        }
    }
    entries
}

fn entry(row: &StepRow, job: &Job, now_ms: i64) -> Entry {
    let tried = |what: &str| format!("{what} at the {} attempt", ordinal(row.attempts));
    let (class, icon, word, why, cure) = match &row.outcome {
        Some(Outcome::Value(_)) => {
            let again = (row.attempts > 1).then(|| tried("came through"));
            let why = match (&row.last_fault, again) {
                (Some(fault), Some(again)) => Some(format!("{}; before that: {}", words::capital(&again), said(&Told::from(fault)))),
                (_, again) => again.map(|again| words::capital(&again)),
            };
            ("done", "check", "done", why, None)
        }
        Some(Outcome::Failed(fault)) => {
            let told = Told::from(fault);
            ("failed", "alert", "failed", Some(said(&told)), Some(told.cure))
        }
        Some(Outcome::Cancelled) => ("stopped", "stop", "cancelled", None, None),
        None if job.state.has_ended() => {
            ("stopped", "stop", "not ended", row.last_fault.as_ref().map(|fault| said(&Told::from(fault))), None)
        }
        None => {
            let told = row.last_fault.as_ref().map(Told::from);
            let why = told.as_ref().map(|told| format!("{}; {}", tried("failed"), said(told)));
            ("waiting", "retry", "tried again", why.as_deref().map(words::capital), told.map(|told| told.cure))
        }
    };
    let took = words::took(row.ended_ms.unwrap_or(now_ms) - row.started_ms);
    Entry { key: row.name.clone(), class, icon, name: words::sentence(&row.name), word, took, percent: None, why, cure }
}

fn said(told: &Told) -> String {
    match &told.why {
        Some(why) => format!("{} {why}", told.what),
        None => told.what.to_owned(),
    }
}

fn ordinal(n: u32) -> String {
    let end = match (n % 10, n % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn steps_count_attempts_as_people_do() {
        assert_eq!([1, 2, 3, 4, 11, 12, 21, 112].map(super::ordinal), ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th"]);
    }
}
