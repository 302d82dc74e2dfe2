//! The HTTP interface: one file a resource, `router` is the one list of all routes. Only this room knows wire JSON.
//!
//! A request passes, in this order: [`problem`] (every refusal in one shape), [`trace`] (its number, its line in the log), [`caller`] (who asks, and how often),
//! [`idempotency`] (asked twice, done once), then its handler.

mod app;
mod assets;
mod audit;
mod callbacks;
mod caller;
mod choices;
mod content;
mod costs;
mod deliveries;
mod docs;
mod drive;
mod events;
mod file_form;
mod former;
mod handed;
mod health;
mod idempotency;
mod jobs;
mod keys;
mod listen;
mod metrics;
mod openapi;
mod page;
mod pipeline;
mod problem;
mod read;
mod results;
mod router;
mod schedules;
mod shoots;
mod subjects;
mod trace;
mod upload;
mod webhooks;
mod words;
mod workers;
mod workflows;

pub(crate) use app::App;
pub(crate) use caller::{COOKIE_NAME, Caller, Peer, new_secret};
pub(crate) use content::of as bytes_of;
pub(crate) use file_form::FileForm;
pub(crate) use keys::add as add_key;
pub(crate) use listen::Listening;
pub(crate) use metrics::tail;
pub(crate) use pipeline::{Options, RunRequest, fresh_seed, percent, start};
pub(crate) use problem::Problem;
pub(crate) use read::{Path, Query, whole};
pub(crate) use upload::without_path;
