//! What is told on stderr beside the answers.

use tracing_subscriber::EnvFilter;

/// Starts telling: warnings by default, more with `-v`; `RUST_LOG` has the last word.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
