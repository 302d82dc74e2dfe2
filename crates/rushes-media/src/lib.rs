//! Pictures, films and sound. Knows files and pixels; knows nothing of jobs, assets or destinations.
//!
//! [`run`] starts ffmpeg and ffprobe (the only room that starts processes); [`probe`] and [`inspect`] tell what a
//! file is; [`edit`] compiles edit lists into one ffmpeg plan; [`beat`], [`loudness`], [`stills`] and [`waveform`]
//! measure and picture; [`align`] fits stills to films; [`score`] lays music under films; [`shorten`] keeps a film's beginning, [`voice`] gives it another's sound; [`compress`] makes renditions;
//! [`draw`] and [`music`] are the built-in renderers, and [`builtin`] puts them behind the provider ports.

pub mod align;
pub mod beat;
pub mod builtin;
mod chance;
pub mod compress;
pub mod draw;
pub mod edit;
pub mod inspect;
pub mod loudness;
pub mod music;
pub mod probe;
pub mod run;
pub mod score;
pub mod shorten;
pub mod stills;
pub mod voice;
mod wav;
pub mod waveform;
