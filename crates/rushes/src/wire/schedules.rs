//! The schedules of the configuration, with the doors of their workflows.

use crate::config::{Config, ScheduleSection};
use crate::http::fresh_seed;
use rushes_core::{Code, Fault};
use rushes_engine::Home;
use rushes_engine::schedules::{Input, Schedule, Timetable};
use rushes_media::music::Styles;
use rushes_workflows::{Door, Registry};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What somebody says from outside as a workflow's whole parameters: the one place where a schedule asks a workflow's door.
/// Errors: those of the door; `workflow_unknown`, `input_invalid`, each naming what can be started.
fn read(workflow: &str, said: &Value, references: &Path, styles: &Styles) -> Result<Value, Fault> {
    let refuse = |code: Code, reason: &str| {
        let names: Vec<&str> = Registry::cards().iter().filter(|card| card.outside.is_some()).map(|card| card.name).collect();
        Fault::new(code, "start job").with("workflow", workflow).because(format!("{reason}; there are: {}", names.join(", ")))
    };
    let card = Registry::card(workflow).ok_or_else(|| refuse(Code::WorkflowUnknown, "there is no such workflow"))?;
    let outside = card.outside.ok_or_else(|| refuse(Code::InputInvalid, "it is not started from outside"))?;
    // Who writes the configuration may name files of this machine.
    (outside.read)(said, &Door { seed: fresh_seed(), references, styles, may_name_files: true })
}

/// Every schedule of the configuration. Errors: `config_invalid`, naming schedule and reason.
pub(super) fn all(home: &Home, config: &Config) -> Result<Arc<[Schedule]>, Fault> {
    let styles = Styles::with(&home.styles())?;
    config.schedules.iter().map(|section| one(section, home.references(), styles.clone())).collect()
}

fn one(section: &ScheduleSection, references: PathBuf, styles: Styles) -> Result<Schedule, Fault> {
    let (workflow, said) = (section.workflow.clone(), Value::Object(section.parameters.clone()));
    let input: Input = Arc::new(move || read(&workflow, &said, &references, &styles));
    let timetable = Timetable::read(&section.cron, &section.time_zone).map_err(|fault| invalid(&section.name, "cron", &fault))?;
    Ok(Schedule {
        name: section.name.clone(),
        cron: section.cron.clone(),
        time_zone: section.time_zone.clone(),
        timetable,
        workflow: section.workflow.clone(),
        input,
        catch_up: section.catch_up,
    })
}

/// Whether each could be started now. Errors: `config_invalid`, naming schedule and reason.
pub(super) fn check(schedules: &[Schedule]) -> Result<(), Fault> {
    schedules.iter().try_for_each(|schedule| {
        let read = (schedule.input)();
        read.map(drop).map_err(|fault| invalid(&schedule.name, "parameters", &fault))
    })
}

fn invalid(name: &str, key: &str, fault: &Fault) -> Fault {
    Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("schedules.{name}.{key}")).because(fault)
}
