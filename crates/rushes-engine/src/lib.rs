//! The engine: runs jobs durably, makes files assets by one door, and pays what is owed until it is proven.
//!
//! [`home`] is the folder and its lock; [`ingest`] with [`blobs`] is the one door; [`local`] drives jobs and their
//! steps; `restate` takes them from a Restate server; [`outbox`] sends; [`webhooks`] tells of the ends of jobs; [`schedules`] starts them by the clock; [`audit`] compares local truth with what destinations and catalogs hold.
//! Which destinations, catalogs and workflows there are is not known here.

pub mod address;
mod again;
pub mod audit;
pub mod blobs;
pub mod choices;
pub mod costs;
pub mod erase;
pub mod estimate;
pub mod fetch;
mod halt;
pub mod home;
mod html;
pub(crate) mod ingest;
pub mod keep;
mod lanes;
mod lent;
pub mod lineage;
pub mod local;
mod loose;
pub mod mend;
pub mod outbox;
pub mod owner;
mod pages;
mod parts;
pub mod pins;
pub mod records;
#[cfg(feature = "restate")]
pub mod restate;
pub mod restore;
pub mod schedules;
mod staging;
pub mod steps;
pub mod verify;
pub mod view;
pub mod webhooks;
pub mod workers;

pub use home::{Home, Lock, Owner, Role};
pub use keep::KeepRules;
pub use lanes::Lanes;
pub use local::{Desk, Driven, Engine, Live, NewJobRequest, library};
pub use owner::Ask;
pub use parts::{Access, Driver, JobRules, Parts, Site};
pub use webhooks::Webhooks;
