//! The built-in renderer: original characters, stills, stickers and dances, from a seed and a concept's words.
//!
//! Read in this order: [`traits`], [`haircuts`] and [`wardrobe`] (the tables), [`spec`] (who it is), [`rig`] (how
//! bodies stand), [`figure`] (what is drawn in which order), then [`still`] and what moves.
//! Deterministic: one seed, one picture, byte for byte with the same binary. What does not live here: files, ffmpeg
//! and ports; see `crate::builtin`.

mod body;
pub mod brush;
pub mod choreography;
pub mod colour;
mod eye;
mod face;
pub mod figure;
pub mod film;
mod garments;
pub mod geom;
mod hair;
pub mod haircuts;
mod kana;
pub mod lettering;
mod mannequin;
mod outline;
pub mod phrases;
pub mod rig;
pub mod rng;
mod sets;
mod shoes;
mod shots;
mod skirt;
pub mod spec;
pub mod spring;
pub mod stage;
pub mod sticker;
pub mod still;
pub mod traits;
mod trimmings;
pub mod wardrobe;
mod worn;

pub use brush::Look;
pub use spec::CharacterSpec;
