//! Where applications leave work for others to pick up, a file each.

pub mod upstash;
