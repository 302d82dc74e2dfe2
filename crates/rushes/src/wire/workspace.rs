//! Who is told of the ends of a workspace's jobs, as configured.

use crate::config::Config;
use rushes_adapters::webhook::{CallbackKeys, Poster};
use rushes_core::webhook::Post;
use rushes_core::{Code, Fault};

/// Where a project at Supabase takes them.
const FUNCTION: &str = "/functions/v1/job-callback";

/// Where to, and what signs.
pub(super) struct Callback {
    pub(super) url: String,
    pub(super) keys: CallbackKeys,
}

fn invalid(key: &str, reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("workspace.{key}")).because(reason)
}

/// None where nobody is told. Errors: `config_invalid`, naming the setting.
pub(super) fn callback(config: &Config) -> Result<Option<Callback>, Fault> {
    let section = &config.workspace;
    let said = |key: &str, at: &Option<String>| at.as_ref().map(|at| config.secret(&format!("workspace.{key}"), at)).transpose();
    let secret = said("callback_secret", &section.callback_secret)?;
    let is_meant = secret.is_some();
    let project = config.variable("SUPABASE_URL").map(|url| url.trim_end_matches('/').to_owned());
    let Some(secret) = secret.or_else(|| config.variable("JOB_CALLBACK_SECRET")) else {
        return match section.callback_url {
            Some(_) => Err(invalid("callback_secret", "what is told is signed: say it here or as JOB_CALLBACK_SECRET")),
            None => Ok(None),
        };
    };
    let Some(url) = section.callback_url.clone().or_else(|| project.as_ref().map(|project| format!("{project}{FUNCTION}"))) else {
        return if is_meant { Err(invalid("callback_url", "say it here, or the project as SUPABASE_URL")) } else { Ok(None) };
    };
    Poster::new(config.webhooks.allow_private).check(&url).map_err(|fault| invalid("callback_url", fault.reason.unwrap_or_default()))?;
    // The key of a project is nobody else's business.
    let is_projects = project.is_some_and(|project| url.strip_prefix(&project).is_some_and(|rest| rest.starts_with('/')));
    let own = || super::service_key(config).filter(|_| is_projects);
    let bearer = said("callback_key", &section.callback_key)?.or_else(own);
    Ok(Some(Callback { url, keys: CallbackKeys { secret, bearer } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &str) -> Result<Option<Callback>, Fault> {
        callback(&toml::from_str(section).unwrap())
    }

    #[test]
    fn config_of_the_callback_is_whole_or_refused() {
        assert!(read("").unwrap().is_none());
        let found = read("[workspace]\ncallback_url = \"https://app.example/done\"\ncallback_secret = \"env:PATH\"").unwrap().unwrap();
        assert_eq!((found.url.as_str(), found.keys.bearer.is_none()), ("https://app.example/done", true), "no key of ours goes there");
        let keyed = "[workspace]\ncallback_url = \"https://app.example/done\"\ncallback_secret = \"env:PATH\"\ncallback_key = \"env:PATH\"";
        assert!(read(keyed).unwrap().unwrap().keys.bearer.is_some());
        for (section, says) in [
            ("[workspace]\ncallback_url = \"https://app.example/done\"", "JOB_CALLBACK_SECRET"),
            ("[workspace]\ncallback_secret = \"env:PATH\"", "SUPABASE_URL"),
            ("[workspace]\ncallback_secret = \"s3cret\"", "env:NAME"),
            ("[workspace]\ncallback_url = \"http://127.0.0.1/x\"\ncallback_secret = \"env:PATH\"", "loopback"),
            ("[workspace]\ncallback_url = \"ftp://app.example\"\ncallback_secret = \"env:PATH\"", "https://"),
        ] {
            let fault = read(section).err().expect("it is refused");
            let told = fault.to_string();
            assert!(fault.code == Code::ConfigInvalid && told.contains(says) && !told.contains("s3cret"), "{section}: {told}");
        }
    }
}
