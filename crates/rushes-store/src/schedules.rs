//! Schedules: up to when each is dealt with, and the job that was started last.

use crate::jobs;
use crate::rows;
use crate::sql::value::NONE;
use crate::sql::{Read, Row, Sql, params};
use crate::store::SqlStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::delivery::CatalogRoute;
use rushes_core::job::{Job, NewJob};
use rushes_core::store::{Occurred, ScheduleRow, Schedules};
use rushes_core::{Code, Fault, JobId};

const COLUMNS: &str = "name, timetable, last_ms, job, passed_ms, passed_why";

fn schedule(row: &Row<'_>) -> Read<ScheduleRow> {
    let (at_ms, why) = (row.get::<_, Option<i64>>(4)?, row.get::<_, Option<String>>(5)?);
    Ok(ScheduleRow {
        name: row.get(0)?,
        timetable: row.get(1)?,
        last_ms: row.get(2)?,
        job: rows::parsed_or_none(row, 3)?,
        passed: at_ms.zip(why),
    })
}

fn load(sql: &Sql<'_>, name: &str) -> Result<ScheduleRow, Fault> {
    let found = rows::one(sql, &format!("SELECT {COLUMNS} FROM schedules WHERE name = ?1"), [name], schedule)?;
    found.ok_or_else(|| Fault::new(Code::NotFound, "look up schedule").with("schedule", name))
}

/// The last job of a schedule, as long as it is unfinished.
fn unfinished(sql: &Sql<'_>, job: Option<JobId>) -> Result<Option<Job>, Fault> {
    let job = job.map(|id| jobs::load(sql, id)).transpose()?;
    Ok(job.filter(|job| !job.state.has_ended()))
}

fn start(write: &mut Write<'_>, name: &str, job: &NewJob, catalogs: &[CatalogRoute]) -> Result<Job, Fault> {
    let made = jobs::create(write, job, catalogs)?;
    let started = "UPDATE schedules SET job = ?2, passed_ms = NULL, passed_why = NULL WHERE name = ?1";
    rows::change(write.sql, started, params![name, made.id.to_string()])?;
    Ok(made)
}

fn occur(
    write: &mut Write<'_>,
    name: &str,
    at_ms: i64,
    job: Result<&NewJob, &String>,
    catalogs: &[CatalogRoute],
) -> Result<Occurred, Fault> {
    let row = load(write.sql, name)?;
    if row.last_ms >= at_ms {
        return Ok(Occurred::Known);
    }
    rows::change(write.sql, "UPDATE schedules SET last_ms = ?2 WHERE name = ?1", params![name, at_ms])?;
    let open = unfinished(write.sql, row.job)?;
    let why = match (job, open) {
        (Ok(job), None) => return Ok(Occurred::Started(Box::new(start(write, name, job, catalogs)?))),
        (Ok(_), Some(open)) => format!("job {} of it was still {}", open.id, open.state.name()),
        (Err(why), _) => why.clone(),
    };
    rows::change(write.sql, "UPDATE schedules SET passed_ms = ?2, passed_why = ?3 WHERE name = ?1", params![name, at_ms, why])?;
    Ok(Occurred::Passed(why))
}

fn start_now(write: &mut Write<'_>, name: &str, job: &NewJob, catalogs: &[CatalogRoute]) -> Result<Job, Fault> {
    let row = load(write.sql, name)?;
    if let Some(open) = unfinished(write.sql, row.job)? {
        let reason = format!("job {} of it is still {}", open.id, open.state.name());
        return Err(Fault::new(Code::InputInvalid, "start schedule").with("schedule", name).because(reason));
    }
    start(write, name, job, catalogs)
}

#[async_trait]
impl Schedules for SqlStore {
    async fn begin_schedule(&self, name: &str, timetable: &str) -> Result<i64, Fault> {
        let (name, timetable) = (name.to_owned(), timetable.to_owned());
        self.write(move |write| {
            let begun = "INSERT INTO schedules(name, timetable, last_ms) VALUES (?1, ?2, ?3)
                ON CONFLICT(name) DO UPDATE SET timetable = excluded.timetable, last_ms = excluded.last_ms RETURNING last_ms";
            rows::number(write.sql, begun, params![name, timetable, write.now_ms])
        })
        .await
    }

    async fn occur(&self, name: &str, at_ms: i64, job: Result<NewJob, String>) -> Result<Occurred, Fault> {
        let (name, routes) = (name.to_owned(), self.routes.clone());
        self.write(move |write| occur(write, &name, at_ms, job.as_ref(), &routes.catalogs)).await
    }

    async fn start_now(&self, name: &str, job: NewJob) -> Result<Job, Fault> {
        let (name, routes) = (name.to_owned(), self.routes.clone());
        self.write(move |write| start_now(write, &name, &job, &routes.catalogs)).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRow>, Fault> {
        self.read(|sql| rows::all(sql, &format!("SELECT {COLUMNS} FROM schedules ORDER BY name"), NONE, schedule)).await
    }
}
