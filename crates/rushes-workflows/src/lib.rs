//! The workflows. One file each; [`registry`] lists them. They see ports and `Flow` only: no store, no network,
//! no destination. What they make becomes an asset by being handed to the engine, and in no other way.

mod character;
pub mod import;
pub mod kit;
pub mod outside;
pub mod production;
pub mod put;
pub mod registry;

pub use kit::Kit;
pub use outside::{Outside, Planned};
pub use registry::{Card, Registry};
