//! What became of the occurrences of schedules, so that each is dealt with once.

use crate::fault::Fault;
use crate::ids::JobId;
use crate::job::{Job, NewJob};
use async_trait::async_trait;

/// A schedule as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    /// As configured.
    pub name: String,
    /// Its timetable in words.
    pub timetable: String,
    /// Occurrences up to then are dealt with; milliseconds since 1970.
    pub last_ms: i64,
    /// The last job that was started for it.
    pub job: Option<JobId>,
    /// The occurrence that was passed over since, and why.
    pub passed: Option<(i64, String)>,
}

/// What came of an occurrence.
#[derive(Debug, Clone)]
pub enum Occurred {
    /// This job was made.
    Started(Box<Job>),
    /// It was passed over, for this reason.
    Passed(String),
    /// It had been dealt with before.
    Known,
}

/// Schedules, by their names.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Has a schedule begin now: one that was not known, or had another timetable. Gives up to when it is dealt with.
    async fn begin_schedule(&self, name: &str, timetable: &str) -> Result<i64, Fault>;

    /// Deals with the occurrence at `at_ms` and all before it, once, whoever asks how often: makes the job, or passes over
    /// it for a reason. It is passed over too while the last job of the schedule is unfinished. One transaction.
    /// Errors: `not_found` for a schedule that never began.
    async fn occur(&self, name: &str, at_ms: i64, job: Result<NewJob, String>) -> Result<Occurred, Fault>;

    /// Makes a job of a schedule out of its turn. Errors: `not_found`; `input_invalid` while its last job is unfinished.
    async fn start_now(&self, name: &str, job: NewJob) -> Result<Job, Fault>;

    /// Every schedule that ever began, by name.
    async fn schedules(&self) -> Result<Vec<ScheduleRow>, Fault>;
}
