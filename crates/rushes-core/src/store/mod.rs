//! The ports of the store, one file each, by what is asked of it; `rushes-store` keeps them in files of the same names.
//! Each write is one durable transaction of its own.

mod assets;
mod attempts;
mod calls;
mod erase;
mod events;
mod folders;
mod history;
mod jobs;
mod journal;
mod keys;
mod loose;
mod messages;
mod outbox;
mod pages;
mod schedules;
mod upkeep;
mod webhooks;
mod work;

pub use assets::{AssetFilter, Assets};
pub use attempts::Attempts;
pub use calls::{Calls, Seen};
pub use erase::Erase;
pub use events::{Events, Marks};
pub use folders::Folders;
pub use history::{History, PastJob, PastStep};
pub use jobs::{Claim, Family, JobFilter, Jobs, Lease, Room};
pub use journal::{FailedAttempt, Ingested, Journal, StepCommit};
pub use keys::{Keys, Replies};
pub use loose::Loose;
pub use messages::Messages;
pub use outbox::Outbox;
pub use pages::{DeliveryFilter, Latency, Pages, Sending, SubjectFilter};
pub use schedules::{Occurred, ScheduleRow, Schedules};
pub use upkeep::{Found, Owe, Upkeep};
pub use webhooks::Webhooks;
pub use work::Works;

/// The whole store.
pub trait Store:
    Jobs
    + Journal
    + Attempts
    + Assets
    + Outbox
    + Upkeep
    + Loose
    + Pages
    + Events
    + Keys
    + Replies
    + Webhooks
    + Messages
    + Marks
    + History
    + Schedules
    + Calls
    + Works
    + Erase
    + Folders
{
}
impl<T> Store for T where
    T: Jobs
        + Journal
        + Attempts
        + Assets
        + Outbox
        + Upkeep
        + Loose
        + Pages
        + Events
        + Keys
        + Replies
        + Webhooks
        + Messages
        + Marks
        + History
        + Schedules
        + Calls
        + Works
        + Erase
        + Folders
{
}
