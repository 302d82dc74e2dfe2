//! Where objects go.

mod call;
pub mod file;
pub mod gdrive;
pub mod gs;
mod listings;
pub mod memory;
mod proving;
pub mod s3;
#[cfg(test)]
mod sources;
pub mod supabase;
#[cfg(test)]
mod weather;
