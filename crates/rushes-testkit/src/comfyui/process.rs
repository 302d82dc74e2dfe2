//! The server as a process of its own, so that it can be killed.

use super::{ComfyUi, GIGABYTE, Machine};
use std::io::Write;
use std::path::PathBuf;

/// Serves until the process ends: `--port N` (0: any) `--home FOLDER` `--vram-gb N` `--step-ms N` `--load-ms N` `--leaky`.
/// Prints its address first.
///
/// # Panics
/// On arguments it does not know, and where the port is taken.
pub async fn process(arguments: impl IntoIterator<Item = String>) {
    let mut arguments = arguments.into_iter();
    let (mut port, mut home, mut machine) = (0, None, Machine::default());
    while let Some(name) = arguments.next() {
        if name == "--leaky" {
            machine.is_leaky = true;
            continue;
        }
        let value = arguments.next().unwrap_or_else(|| panic!("{name} wants a value"));
        let number = || value.parse::<u64>().unwrap_or_else(|_| panic!("{name} wants a number"));
        match name.as_str() {
            "--port" => port = u16::try_from(number()).expect("a port"),
            "--home" => home = Some(PathBuf::from(&value)),
            "--vram-gb" => machine.vram_bytes = number() * GIGABYTE,
            "--step-ms" => machine.step_ms = number(),
            "--load-ms" => machine.load_ms = number(),
            _ => panic!("{name} is not known here"),
        }
    }
    let own = tempfile::tempdir().expect("a folder for what it makes");
    let started = ComfyUi::start_at(port, home.as_deref().unwrap_or(own.path()), machine).await;
    let _ = writeln!(std::io::stdout(), "{}", started.url);
    std::future::pending::<()>().await;
}
