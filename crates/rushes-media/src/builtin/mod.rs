//! builtin
pub mod music;
