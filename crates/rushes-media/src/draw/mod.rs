//! The built-in renderer: original characters, stills, stickers and dances, from a seed and a concept's words.
//!
//! Read in this order: [`traits`], [`haircuts`] and [`wardrobe`] (the tables), [`spec`] (who it is), [`rig`] (how
//! bodies stand), [`figure`] (what is drawn in which order), then [`still`] and what moves.
//! Deterministic: one seed, one picture, byte for byte with the same binary. What does not live here: files, ffmpeg
//! and ports; see `crate::builtin`.

mod body;
mod brush;
pub mod choreography;
mod colour;
mod eye;
mod face;
mod figure;
pub mod film;
mod garments;
mod geom;
mod hair;
mod haircuts;
mod kana;
pub mod lettering;
mod mannequin;
mod outline;
mod phrases;
mod rig;
pub(crate) mod rng;
mod sets;
mod shoes;
mod shots;
mod skirt;
mod spec;
mod spring;
mod stage;
pub mod sticker;
pub mod still;
mod traits;
mod trimmings;
mod wardrobe;
mod worn;

pub use brush::Look;
pub use spec::CharacterSpec;
