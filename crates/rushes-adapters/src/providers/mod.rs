//! What makes media elsewhere, a file each.

pub mod at_once;
mod breaker;
pub mod comfyui;
pub mod in_time;
pub mod kling;
pub mod lend;
mod talk;
