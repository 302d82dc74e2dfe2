//! The nouns, tables and ports of Rushes. No I/O, no SQL, no HTTP: every other room speaks these words.
//!
//! Read in this order: [`kinds`] (what a file can be), [`asset`] and [`job`] (the nouns),
//! [`flow`] (what a workflow sees), then the ports in [`destination`], [`catalog`], [`provider`] and [`store`].

pub mod album;
pub mod asset;
pub mod callback;
pub mod catalog;
pub mod choice;
pub mod clock;
pub mod codes;
pub mod compress;
pub mod delivery;
pub mod destination;
pub mod digest;
pub mod event;
pub mod faces;
pub mod fault;
pub mod faults;
pub mod flow;
pub mod folder;
pub mod formats;
pub mod former;
pub mod gpu;
pub mod ids;
pub mod inspect;
pub mod job;
pub mod key;
pub mod kinds;
pub mod ledger;
pub mod log_lines;
pub mod provider;
pub mod publisher;
pub mod queue;
pub mod recognise;
pub mod record;
pub mod store;
pub mod subject;
pub mod wait;
pub mod webhook;
pub mod work;

pub use asset::{Asset, AssetRef, Blob, NewAsset};
pub use codes::Code;
pub use fault::{Fault, FaultKind, Verdict};
pub use flow::{Branch, Child, Done, Flow, Lane, Step, StepContext, Stop};
pub use folder::NewFolder;
pub use ids::{AssetId, EndpointId, JobId, MessageId};
pub use job::{Job, JobState};
pub use kinds::Kind;
pub use subject::{NewSubject, Subject};
pub use wait::Wait;

/// The token every long piece of work looks at; cancelling it reaches renders, children and waits.
pub use tokio_util::sync::CancellationToken as Cancel;
