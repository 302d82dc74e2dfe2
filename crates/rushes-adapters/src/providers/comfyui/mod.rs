//! ComfyUI: pictures and films by graphs that are files, on a machine of one's own; nothing is paid for.
//!
//! An order carries an id of ours, made from its key, by which it is found again; ComfyUI itself would take one id twice, so
//! it is looked for first. Its queue and history are in memory: after a restart what it had is nowhere, and is ordered again.
//! Each order has its own seed and prefix of names, because equal graphs give one file. There is no key: bind it to loopback.
//! What is uploaded and made stays on that machine; it has no call to remove files.
//! Measured on ComfyUI 0.3.64.

mod client;
mod desk;
mod films;
mod graph;
mod images;
mod listen;
mod png;
#[cfg(test)]
mod tests;
mod words;

pub use client::{ComfyClient, MadeFile, Memory, Standing, prompt_id};
pub use desk::ComfySettings;
pub use films::{ComfyFilms, check};
pub use graph::{Graph, Inputs};
pub use images::{ComfyImages, strip};
