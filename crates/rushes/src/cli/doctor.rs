//! `rushes doctor`: everything Rushes needs, tried for real, each with its cure.

use super::hand;
use super::{Context, exit, print};
use crate::config::Config;
use crate::intake::{NODES, own_list, refused_list};
use crate::wire;
use crate::words;
use rushes_core::catalog::{Catalog, Record};
use rushes_core::destination::{Compared, Condition, Destination, Put, compare};
use rushes_core::digest::digest;
use rushes_core::record::rfc3339;
use rushes_core::{AssetId, Cancel, Code, Fault};
use rushes_engine::{Access, Ask, Site};
use rushes_media::music::Styles;
use serde::Serialize;
use std::path::{Path, PathBuf};
use uuid::Uuid;

#[derive(Serialize)]
struct Check {
    name: String,
    ok: bool,
    detail: String,
}

impl Check {
    fn of(name: impl Into<String>, result: Result<String, Fault>) -> Self {
        let (ok, detail) = match result {
            Ok(detail) => (true, detail),
            Err(fault) => (false, fault.to_string()),
        };
        Self { name: name.into(), ok, detail }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Put the home in order: make what is missing, buckets too, bring the database to today's schema, remove what may go.
    #[arg(long)]
    fix: bool,
}

pub(super) async fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    if args.fix {
        let swept = hand::ask_once(context, Ask::Sweep).await?;
        print::note(format!("Swept: {swept}"));
    }
    let mut checks = vec![Check::of("home", home(context.home.root()))];
    checks.push(disk(context.home.root()));
    checks.push(Check::of("ffmpeg", blocking(|| rushes_media::run::version(&Cancel::new())).await));
    checks.push(Check::of("fonts", blocking(|| rushes_media::draw::lettering::find_font().map(|path| path.display().to_string())).await));
    let folder = context.home.styles();
    checks.push(Check::of("styles", blocking(move || Styles::with(&folder).map(|styles| told_styles(&styles))).await));
    // A home that nothing has used yet has no database; that is no fault.
    let parts = if wire::store::is_there(&context.home, &context.loaded.config) {
        let parts = wire::look(&context.home, &context.loaded.config);
        checks.push(Check::of("database", parts.as_ref().map(|parts| parts.home.database().display().to_string()).map_err(Clone::clone)));
        parts.ok()
    } else {
        checks.push(Check { name: "database".into(), ok: true, detail: "none yet; `rushes init` or any run makes it".into() });
        match wire::look_without_database(&context.home, &context.loaded.config) {
            // The home's own folders are not there yet either; what is configured is tried all the same.
            Ok(parts) => context.loaded.config.has_places().then_some(parts),
            Err(fault) => {
                checks.push(Check::of("configuration", Err(fault)));
                None
            }
        }
    };
    if let Some(parts) = parts {
        let probe = Probe::new(parts.clock.new_id());
        for site in &parts.destinations {
            if args.fix
                && let Some(made) = make(site).await
            {
                checks.push(Check::of(format!("bucket {}", site.name), made));
            }
            let is_former = parts.routes.former.as_ref() == Some(&site.name);
            let tried = if is_former { listed(site).await } else { destination(site, &probe).await };
            checks.push(Check::of(format!("destination {}", site.name), tried));
            checks.extend(clock(site));
        }
        for site in parts
            .catalogs
            .iter()
            .filter(|_| wire::store::is_there(&context.home, &context.loaded.config) || !context.loaded.config.catalogs.is_empty())
        {
            checks.push(Check::of(format!("catalog {}", site.name), catalog(site, &probe).await));
        }
    }
    if let Some(published) = publishing(&context.loaded.config).await {
        checks.push(published);
    }
    checks.extend(lists(&context.loaded.config).await);
    let is_well = checks.iter().all(|check| check.ok);
    if context.json {
        print::json(&serde_json::json!({"ok": is_well, "checks": checks}))?;
    } else {
        for check in &checks {
            print::line(format!("{} {:<20} {}", if check.ok { "✓" } else { "✗" }, check.name, check.detail));
        }
        if !is_well {
            print::line("What to do, from the symptom: docs/troubleshooting.md");
        }
    }
    Ok(if is_well { exit::DONE } else { exit::FAILED })
}

/// The account that publishes, where there is one: it is asked how much it still may.
async fn publishing(config: &Config) -> Option<Check> {
    let publisher = match wire::publisher(config) {
        Ok(publisher) => publisher?,
        Err(fault) => return Some(Check::of("instagram", Err(fault))),
    };
    let asked = publisher.quota().await;
    let told = asked.map(|quota| format!("{} of {} posts published within {} h", quota.used, quota.limit, quota.window.as_secs() / 3_600));
    Some(Check::of(publisher.name(), told))
}

/// The lists that work is taken from, where there are any: how much waits there, and whether the token may write.
async fn lists(config: &Config) -> Option<Check> {
    const NAME: &str = "intake.redis";
    let lists = match wire::lists(config) {
        Ok(lists) => lists?,
        Err(fault) => return Some(Check::of(NAME, Err(fault))),
    };
    let told = async {
        lists.remove("rushes:doctor", "probe").await?;
        let mut told = Vec::new();
        for queue in &config.intake.redis.queues {
            let (waiting, refused) = (lists.length(queue).await?, lists.length(&refused_list(queue)).await?);
            told.push(format!("{queue}: {waiting} waiting, {refused} refused"));
        }
        for (node, seen) in lists.seen(NODES).await? {
            let mut held = 0;
            for queue in &seen.queues {
                held += lists.length(&own_list(queue, &node)).await?;
            }
            told.push(format!("node {node}: {held} in hand, seen {}", rfc3339(seen.at_s.saturating_mul(1_000))));
        }
        Ok(told.join("; "))
    };
    Some(Check::of(NAME, told.await))
}

/// The home, or the nearest folder above it that exists, can be written to.
fn home(root: &Path) -> Result<String, Fault> {
    let nearest = root.ancestors().find(|folder| folder.exists()).unwrap_or(root);
    let probe = nearest.join(format!(".rushes-doctor-{}", std::process::id()));
    let written =
        std::fs::File::create(&probe).and_then(|mut file| std::io::Write::write_all(&mut file, b"doctor").and_then(|()| file.sync_all()));
    let _ = std::fs::remove_file(&probe);
    written.map(|()| root.display().to_string()).map_err(|e| Fault::io("write in home", nearest, &e))
}

/// Free room for at least a production or two.
fn disk(root: &Path) -> Check {
    // Told before anything fails: readiness (`ROOM_BYTES` in `http/health.rs`) is lost only at half of it.
    const LEAST_BYTES: u64 = 500_000_000;
    let nearest = root.ancestors().find(|folder| folder.exists()).unwrap_or(root);
    match rustix::fs::statvfs(nearest) {
        Ok(found) => room(nearest, found.f_bavail.saturating_mul(found.f_frsize), LEAST_BYTES),
        Err(e) => Check::of("disk", Err(Fault::io("look at disk", nearest, &e.into()))),
    }
}

/// Whether `free` bytes are as much as is asked for.
fn room(folder: &Path, free: u64, least: u64) -> Check {
    let (ok, free) = (free >= least, words::size(free));
    let detail = if ok {
        format!("{free} free")
    } else {
        format!(
            "{free} are free at {}, and {} are asked for, which a production or two takes. Free some room, or give the home \
             a larger disk (`--home`, RUSHES_HOME)",
            folder.display(),
            words::size(least)
        )
    };
    Check { name: "disk".into(), ok, detail }
}

/// How many styles there are, and which of them are of whoever owns the home.
fn told_styles(styles: &Styles) -> String {
    let (all, usual, own) = (styles.names().count(), styles.default_name(), styles.own().collect::<Vec<_>>());
    let whose = if own.is_empty() { "all built in".to_owned() } else { format!("of these your own: {}", own.join(", ")) };
    format!("{all}, {usual} where none is asked for; {whose}")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::Panicked, "check").because(e))?
}

/// A small file and the key it is tried under; the file is removed in the end.
struct Probe {
    id: Uuid,
    key: String,
    file: PathBuf,
}

impl Probe {
    fn new(id: Uuid) -> Self {
        Self { id, key: format!("rushes-doctor/{id}.txt"), file: std::env::temp_dir().join(format!("rushes-doctor-{id}")) }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
        let _ = std::fs::remove_file(self.file.with_extension("back"));
    }
}

/// Makes what is missing of the place itself; None where there was nothing to make.
async fn make(site: &Site<dyn Destination>) -> Option<Result<String, Fault>> {
    let setup = site.port.abilities().setup?;
    match setup.make(site.access == Access::Public).await {
        Ok(made) if made.is_empty() => None,
        made => Some(made.map(|made| format!("made {} at {}", made.join(", "), site.port.uri("")))),
    }
}

/// The longest our clock may differ: signatures are refused at five minutes and more.
const CLOCK_MAX_MS: i64 = 60_000;

/// Whether this machine's clock agrees with the destination's; None where it does, or nobody says.
fn clock(site: &Site<dyn Destination>) -> Option<Check> {
    let ahead_ms = site.port.abilities().clock_ahead_ms.filter(|ms| ms.abs() > CLOCK_MAX_MS)?;
    let (minutes, way) = (ahead_ms.abs() / 60_000, if ahead_ms > 0 { "ahead of" } else { "behind" });
    let reason = format!("this machine's clock is {minutes} min {way} that of {}; set it (`timedatectl set-ntp true`)", site.name);
    Some(Check::of("clock", Err(Fault::new(Code::DestinationRefused, "compare clocks").because(reason))))
}

/// Of the former buckets, where nothing is ever put to try: whether they can be listed.
async fn listed(site: &Site<dyn Destination>) -> Result<String, Fault> {
    site.port.list(&site.prefix, None).await?;
    Ok(format!("list: {}", site.port.uri(&site.prefix)))
}

/// Each permission on its own, so that one look tells of all that are missing.
async fn destination(site: &Site<dyn Destination>, probe: &Probe) -> Result<String, Fault> {
    let bytes = probe.key.as_bytes();
    let blob = digest(bytes, "text/plain").map_err(|e| Fault::io("make probe", &probe.file, &e))?;
    std::fs::File::create(&probe.file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
        .map_err(|e| Fault::io("make probe", &probe.file, &e))?;
    let key = format!("{}{}", site.prefix, probe.key);
    let put = site.port.put(Put::new(&key, &probe.file, &blob, Condition::CreateOnly)).await;
    let is_there = put.is_ok();
    let differs = |what: &str| Fault::new(Code::ProofFailed, "try destination").with("key", &key).because(format!("the probe {what}"));
    let look = compare(site.port.as_ref(), &key, &blob, None).await.and_then(|there| match there {
        Compared::Other(_) => Err(differs("holds other bytes than were written")),
        Compared::Absent if is_there => Err(differs("was written and is not there")),
        _ => Ok(()),
    });
    let read = match site.port.get(&key, None, &probe.file.with_extension("back")).await {
        Err(fault) if fault.code == Code::NotFound && !is_there => Ok(()),
        read => read,
    };
    let list = site
        .port
        .list(&key, None)
        .await
        .and_then(|page| if is_there && !page.keys.contains(&key) { Err(differs("was written and is not listed")) } else { Ok(()) });
    let removed = site.port.delete(&key).await;
    let tried = [("write", put.map(drop)), ("look", look), ("read", read), ("list", list), ("delete", removed)];
    let address = site.port.uri(&site.prefix);
    told(tried, |code| Fault::new(code, "try destination").with("uri", &address)).map(|done| format!("{done}: {address}"))
}

/// One line of all that was tried: what went well, or what did not, each reason once.
fn told<const N: usize>(tried: [(&'static str, Result<(), Fault>); N], fault: impl Fn(Code) -> Fault) -> Result<String, Fault> {
    let done = tried.each_ref().map(|(what, _)| *what).join(", ");
    let failed: Vec<(&str, Fault)> = tried.into_iter().filter_map(|(what, tried)| Some((what, tried.err()?))).collect();
    let Some((_, first)) = failed.first() else { return Ok(done) };
    let mut reasons: Vec<(Vec<&str>, &str)> = Vec::new();
    for (what, fault) in &failed {
        let reason = fault.reason.as_deref().unwrap_or(fault.code.row().title);
        match reasons.iter_mut().find(|(_, known)| *known == reason) {
            Some((of, _)) => of.push(what),
            None => reasons.push((vec![what], reason)),
        }
    }
    let said: Vec<String> = reasons.into_iter().map(|(of, reason)| format!("{}: {reason}", of.join(", "))).collect();
    Err(fault(first.code).because(said.join("; ")))
}

/// Of a catalog that holds some collections only nothing is made up: what is not there is read and removed.
async fn catalog_of_some(site: &Site<dyn Catalog>, collection: &str, probe: &Probe) -> Result<String, Fault> {
    let absent = AssetId(probe.id).to_string();
    let read = site.port.get(collection, &absent).await.map(drop);
    let list = site.port.list(collection, None).await.map(drop);
    let removed = site.port.delete(collection, &absent).await;
    told([("read", read), ("list", list), ("delete", removed)], |code| Fault::new(code, "try catalog").with("catalog", &site.name))
        .map(|done| format!("{done}: {collection}"))
}

async fn catalog(site: &Site<dyn Catalog>, probe: &Probe) -> Result<String, Fault> {
    if let Some(collection) = site.port.collections().and_then(|collections| collections.first()) {
        return catalog_of_some(site, collection, probe).await;
    }
    let id = probe.key.replace(['/', '.'], "-");
    let record = Record { collection: "rushes-doctor".into(), id, rev: 1, fields: serde_json::json!({"probe": true}) };
    let put = site.port.put(&record).await;
    let is_there = put.is_ok();
    let differs = |what: &str| Fault::new(Code::ProofFailed, "try catalog").with("id", &record.id).because(format!("the probe {what}"));
    let read = site.port.get(&record.collection, &record.id).await.and_then(|found| match found {
        found if is_there && found.as_ref() != Some(&record) => Err(differs("reads otherwise than it was written")),
        _ => Ok(()),
    });
    let list = site.port.list(&record.collection, None).await.and_then(|ids| match ids.contains(&record.id) {
        false if is_there => Err(differs("was written and is not listed")),
        _ => Ok(()),
    });
    let removed = site.port.delete(&record.collection, &record.id).await;
    told([("write", put), ("read", read), ("list", list), ("delete", removed)], |code| {
        Fault::new(code, "try catalog").with("catalog", &site.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor_tells_little_room_as_it_is() {
        let home = Path::new("/srv/rushes");
        for free in [500_000_000, 7_000_000_000] {
            let check = room(home, free, 500_000_000);
            assert!(check.ok, "{}", check.detail);
            assert_eq!(check.detail, format!("{} free", words::size(free)));
        }
        for free in [0, 120_000_000, 499_999_999] {
            let Check { name, ok, detail } = room(home, free, 500_000_000);
            assert!(name == "disk" && !ok, "{detail}");
            for said in [&*words::size(free), &*words::size(500_000_000), "/srv/rushes", "Free some room", "--home"] {
                assert!(detail.contains(said), "{said} is missing: {detail}");
            }
            assert!(!detail.contains("full") && !detail.contains("by itself"), "{detail}");
        }
    }
}
