//! Who publishes, as configured.

use crate::config::Config;
use rushes_adapters::HttpOptions;
use rushes_adapters::publishers::instagram::{Instagram, InstagramSettings};
use rushes_core::Fault;
use rushes_core::publisher::Publisher;
use std::sync::Arc;

/// None where no account is configured; speaks to nobody yet. Errors: `config_invalid`, naming the setting.
pub(crate) fn publisher(config: &Config) -> Result<Option<Arc<dyn Publisher>>, Fault> {
    let section = &config.instagram;
    let (Some(user_id), Some(token)) = (&section.user_id, &section.token) else { return Ok(None) };
    let settings = InstagramSettings {
        user_id: user_id.clone(),
        token: config.secret("instagram.token", token)?,
        endpoint: section.endpoint.clone(),
        daily_limit: section.daily_limit,
    };
    Ok(Some(Arc::new(Instagram::new(&settings, HttpOptions::default())?)))
}
