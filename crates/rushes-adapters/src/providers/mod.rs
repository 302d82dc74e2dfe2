//! What makes media elsewhere, a file each.

pub mod at_once;
mod breaker;
pub mod callbacks;
pub mod comfyui;
pub mod desk;
pub mod fal;
pub mod in_time;
pub mod kling;
pub mod lend;
pub mod recipe;
pub mod replicate;
#[cfg(test)]
mod stand;
mod talk;
