//! The workflows. One file each; a module here whose file has a `CARD` is one, and [`registry`] runs it. They see ports and `Flow` only: no store, no network,
//! no destination. What they make becomes an asset by being handed to the engine, and in no other way.

mod align;
mod carry;
mod character;
mod chat;
pub mod clear;
mod dance;
pub mod discard;
mod finish_all;
mod forget;
pub mod import;
pub mod kit;
pub mod outside;
pub mod photos;
mod posters;
pub mod production;
mod publish;
pub mod put;
mod redo;
mod redo_folder;
pub mod registry;
pub mod route;
pub mod save;
mod score;
pub mod shoot;
mod showcase;
mod soundtracks;
mod studio;
mod watermark;
mod workspace;

pub use kit::{Kit, Shoots, Source, Turns};
pub use outside::{Door, Field, Look, Outside, Plan, Takes};
pub use registry::{Card, Registry};
pub use studio::references;
