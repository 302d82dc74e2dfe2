//! What makes media elsewhere, a file each.

#[cfg(test)]
mod answering_tests;
pub mod at_once;
mod breaker;
mod concept;
pub mod elevenlabs;
pub mod gemini;
mod google_says;
pub mod in_time;
pub mod kling;
pub mod lend;
pub mod lyria;
mod music;
pub mod openai_chat;
mod talk;
