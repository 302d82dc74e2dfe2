//! Where records go.

#[cfg(feature = "firestore")]
pub mod firestore;
pub mod json;
pub mod postgres;
pub mod supabase;
pub mod titles;

#[cfg(test)]
mod processes;
