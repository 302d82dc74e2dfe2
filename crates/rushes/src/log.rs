//! What is told on stderr beside the answers: lines for people, or JSON for machines; and spans, where somebody traces.

mod json;
mod spans;
mod writer;

use crate::config::{Config, LogFormat};
use json::JsonLines;
use rushes_core::log_lines::SPANS;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};
use writer::Lines;

/// The target of the line that is written for each request.
pub(crate) const ACCESS: &str = "rushes::access";

/// Writes out what is still to be written when it is dropped.
pub(crate) struct Told {
    _lines: Option<writer::Flush>,
    _spans: Option<spans::Flush>,
}

/// Starts telling: warnings by default, more with `-v`, and what happens for one that serves; `RUST_LOG` has the last
/// word. To be called inside the runtime.
pub(crate) fn start(config: &Config, verbose: u8, serves: bool) -> Told {
    let level = match verbose {
        0 if !serves => "warn",
        0 | 1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // Spans are for tracing: in front of each line they would bury it.
    let filter = format!("{SPANS}=off").parse().map_or_else(|_| EnvFilter::new(level), |directive| filter.add_directive(directive));
    // Whoever serves must not stand still because nobody reads what is told.
    let (lines, flush) = if serves { Lines::apart() } else { (Lines::direct(), None) };
    let told = match config.log.format {
        LogFormat::Text => fmt::layer().with_writer(BoxMakeWriter::new(lines)).with_target(false).boxed(),
        LogFormat::Json => JsonLines::new(lines, project(config)).boxed(),
    };
    let (traced, sent) = config.otlp.endpoint.as_deref().filter(|_| serves).and_then(spans::start).unzip();
    let traced = traced.map(|layer| layer.with_filter(Targets::new().with_target(SPANS, LevelFilter::INFO)));
    // A second start, as in tests, keeps the first.
    let _ = tracing_subscriber::registry().with(told.with_filter(filter)).with(traced).try_init();
    Told { _lines: flush, _spans: sent }
}

/// The project traces are found in at Google, where one is named.
fn project(config: &Config) -> Option<String> {
    ["GOOGLE_CLOUD_PROJECT", "GCP_PROJECT_ID"].into_iter().find_map(|name| config.variable(name))
}
