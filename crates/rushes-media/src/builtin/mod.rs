//! The built-in providers: what makes media on this machine, without account or network.
//!
//! What does not live here: how things are drawn (`crate::draw`) and composed (`crate::music`).

pub mod image;
pub mod motion;
pub mod music;
mod names;
pub mod references;
pub mod text;
mod watch;

pub use image::BuiltinImage;
pub use motion::BuiltinMotion;
pub use music::BuiltinMusic;
pub use text::BuiltinText;
