//! Adapters: the places objects, records, messages and films go to, a file or a room each.
//!
//! An adapter speaks one protocol and nothing else: retry, timeouts and rates are the sender's.

pub mod catalogs;
pub mod destinations;
pub mod fetch;
mod folder;
pub mod google;
mod http;
pub mod intake;
pub mod otlp;
pub mod providers;
pub mod publishers;
pub mod queue;
pub mod restate;
pub mod webhook;
pub mod work;
pub use http::HttpOptions;
