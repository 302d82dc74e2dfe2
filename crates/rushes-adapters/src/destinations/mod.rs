//! Where objects go.

pub mod file;
pub mod gdrive;
pub mod gs;
pub mod memory;
pub mod s3;
pub mod supabase;
