//! What makes media elsewhere, a file each.

#[cfg(test)]
mod answering_suite;
#[cfg(test)]
mod answering_tests;
pub mod at_once;
mod breaker;
pub mod callbacks;
mod chat;
pub mod comfyui;
mod concept;
pub mod desk;
pub mod elevenlabs;
pub mod fal;
pub mod gemini;
mod google_says;
pub mod in_time;
pub mod kling;
pub mod lend;
pub mod lyria;
pub mod minimax;
mod music;
pub mod openai_chat;
pub mod recipe;
pub mod replicate;
#[cfg(test)]
mod stand;
mod talk;
