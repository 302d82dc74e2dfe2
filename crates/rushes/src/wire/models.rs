//! Models by their addresses: where each is fetched from, and how often that is tried.

use crate::config::Config;
use rushes_adapters::HttpOptions;
use rushes_adapters::fetch::fetch;
use rushes_core::{Code, Fault};
use rushes_engine::Home;
use rushes_faces::models::{DETECTOR, Model, install};
use std::path::PathBuf;
use std::time::Duration;

/// Before it is tried a second and a third time.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Fetches a model from the address that is configured for it and installs it. `tell` is told of each try.
///
/// Errors: `config_invalid` where no address is; `input_invalid` where something else lies there; `fetch_failed`, `file_too_large`,
/// `disk_full`, `io`.
pub(crate) async fn fetch_model(home: &Home, config: &Config, model: Model, tell: impl Fn(String)) -> Result<PathBuf, Fault> {
    let (setting, url) =
        if model == DETECTOR { ("detector_url", &config.faces.detector_url) } else { ("embedder_url", &config.faces.embedder_url) };
    let setting = format!("faces.{setting}");
    let Some(url) = url else {
        let why = format!("set the address of {} here, or fetch it by other means and hand it to `rushes models install`", model.file);
        return Err(Fault::new(Code::ConfigInvalid, "fetch model").with("setting", setting).because(why));
    };
    home.prepare()?;
    // Beside its place: there is room for the one where there is for the other.
    let folder = home.models();
    let part = folder.join(format!("{}.part", model.file));
    let io = |error: std::io::Error| Fault::io("fetch model", &part, &error);
    std::fs::create_dir_all(&folder).map_err(io)?;
    let options = HttpOptions { stalled_after: Duration::from_secs_f64(config.delivery.stalled_after_s) };
    let mut waits = WAITS.iter();
    tell(format!("Fetching {} ({:.1} MB)", model.file, model.size_bytes as f64 / 1e6));
    let fetched = loop {
        // Of a try that was killed.
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        match (fetch(url, &part, model.size_bytes, options).await, waits.next()) {
            (Err(fault), Some(wait)) if fault.code == Code::FetchFailed => {
                let why = fault.reason.as_deref().unwrap_or("it did not come");
                tell(format!("It did not come whole: {why}. Once more in {} s", wait.as_secs()));
                tokio::time::sleep(*wait).await;
            }
            (fetched, _) => break fetched,
        }
    };
    let of_setting = |fault: Fault| fault.with("setting", &setting);
    fetched.map_err(of_setting)?;
    let installed = install(&folder, model, &part).map_err(of_setting);
    std::fs::remove_file(&part).map_err(io)?;
    installed
}
