//! The workspace of an app's users, as configured: who is told of the ends of its jobs, and where its former buckets are.

use crate::config::Config;
use rushes_adapters::webhook::{CallbackKeys, Poster};
use rushes_core::delivery::Route;
use rushes_core::former::{self, Layout};
use rushes_core::kinds::KINDS;
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

/// Sends results under the former layout to the destination that holds the former buckets, which takes nothing else, and to
/// others only where their `kinds` say so. Errors: `config_invalid`, naming the setting.
pub(super) fn former(config: &Config, routes: &mut [Route]) -> Result<(), Fault> {
    let section = &config.workspace;
    let Some(name) = &section.former else {
        return match section.layout {
            Layout::Today => Ok(()),
            Layout::Legacy => {
                Err(invalid("former", "layout = \"legacy\" writes into the former buckets: name the destination that has them"))
            }
        };
    };
    if !routes.iter().any(|route| route.name == *name) {
        return Err(invalid("former", format!("there is no destination {name:?}")));
    }
    if routes.first().is_some_and(|route| route.name == *name) {
        return Err(invalid("former", format!("what waits on its way lies at the first destination: put another one above {name:?}")));
    }
    for route in routes {
        let is_it = route.name == *name;
        let all =
            || KINDS.iter().map(|row| row.kind).filter(|kind| !kind.stays_here() && former::kinds().contains(kind) == is_it).collect();
        let kinds = route.kinds.get_or_insert_with(all);
        if let Some(other) = kinds.iter().find(|kind| is_it && !former::kinds().contains(kind)) {
            let reason =
                format!("the former buckets hold results under the former layout and nothing else; {name:?} takes {}", other.name());
            return Err(invalid("former", reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_sends_the_former_layout_to_the_former_buckets_alone() {
        let route = |name: &str| Route { name: name.into(), ..Route::default() };
        let read = |section: &str, routes: &mut [Route]| former(&toml::from_str(section).unwrap(), routes);
        let mut routes = [route("app"), route("old")];
        read("", &mut routes).unwrap();
        assert!(routes.iter().all(|route| route.kinds.is_none()), "without them nothing changes");
        read("[workspace]\nformer = \"old\"\nlayout = \"legacy\"", &mut routes).unwrap();
        for row in KINDS.iter().filter(|row| !row.kind.stays_here()) {
            let is_former = former::kinds().contains(&row.kind);
            assert_eq!(routes.each_ref().map(|route| route.takes(row.kind, None)), [!is_former, is_former], "{}", row.name);
        }
        let odd = Route { kinds: Some(vec![rushes_core::Kind::Poster]), ..route("old") };
        for (section, mut routes, says) in [
            ("[workspace]\nlayout = \"legacy\"", vec![route("app"), route("old")], "name the destination"),
            ("[workspace]\nformer = \"there\"", vec![route("app"), route("old")], "no destination \"there\""),
            ("[workspace]\nformer = \"old\"", vec![route("app"), odd], "poster"),
            ("[workspace]\nformer = \"old\"", vec![route("old"), route("app")], "above \"old\""),
        ] {
            let fault = read(section, &mut routes).unwrap_err();
            assert!(fault.code == Code::ConfigInvalid && fault.to_string().contains(says), "{section}: {fault}");
        }
    }

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
