//! What calls for jobs, as configured.

use super::google;
use crate::config::Config;
use rushes_adapters::HttpOptions;
use rushes_adapters::google::Credentials;
use rushes_adapters::queue::{CloudTasks, CloudTasksSettings};
use rushes_core::Fault;
use rushes_core::queue::TaskQueue;
use std::sync::Arc;
use std::time::Duration;

/// How long before a request must be answered its job is handed back: to stop its work, and to ask for the next task.
const MARGIN: Duration = Duration::from_mins(1);

/// None where the engine looks for work by itself; speaks to nobody yet. Errors: `config_invalid`, naming the setting.
pub(super) fn queue(config: &Config) -> Result<Option<Arc<dyn TaskQueue>>, Fault> {
    let section = &config.engine.tasks;
    let (Some(queue), Some(url)) = (&section.queue, &section.url) else { return Ok(None) };
    let key = section.key.as_ref().map(|at| config.secret("engine.tasks.key", at)).transpose()?;
    let is_emulator = section.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let settings = CloudTasksSettings {
        queue: queue.clone(),
        url: url.clone(),
        answered_within: Duration::from_secs(section.drive_s.into()) + MARGIN,
        service_account: section.service_account.clone(),
        audience: section.audience.clone(),
        key: key.or_else(|| config.variable("PIPELINE_API_KEY").map(|key| key.trim().to_owned())),
        endpoint: section.endpoint.clone(),
        credentials: if is_emulator && section.credentials.is_none() {
            Credentials::None
        } else {
            google::credentials(config, "engine.tasks.credentials", section.credentials.as_ref())?
        },
    };
    Ok(Some(Arc::new(CloudTasks::new(settings, HttpOptions::default())?)))
}
