//! Who asks Google.

use crate::config::Config;
use rushes_adapters::google::Credentials;
use rushes_core::Fault;

/// As configured, as Google's own tools find it, or the account of the machine we run on. Errors: `config_invalid`.
pub(super) fn credentials(config: &Config, setting: &str, at: Option<&String>) -> Result<Credentials, Fault> {
    let parsed = |text: String, from: &str| Credentials::parse(&text).map_err(|fault| fault.with("setting", setting).with("from", from));
    if let Some(at) = at {
        return parsed(config.secret(setting, at)?, at);
    }
    if let Some(path) = config.variable("GOOGLE_APPLICATION_CREDENTIALS") {
        let from = "GOOGLE_APPLICATION_CREDENTIALS";
        return parsed(config.secret(from, &format!("file:{path}"))?, from);
    }
    let folder = config.variable("CLOUDSDK_CONFIG").or_else(|| Some(format!("{}/.config/gcloud", config.variable("HOME")?)));
    let login = folder.map(|folder| format!("{folder}/application_default_credentials.json"));
    if let Some(login) = login.filter(|login| std::path::Path::new(login).is_file()) {
        return parsed(config.secret(setting, &format!("file:{login}"))?, &login);
    }
    Ok(Credentials::machine(config.variable("GCE_METADATA_HOST").as_deref()))
}
