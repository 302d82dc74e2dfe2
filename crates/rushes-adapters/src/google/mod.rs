//! Access to Google's APIs, as Cloud Storage, Drive and Firestore need it: who asks ([`Credentials`]), and the tokens that
//! say so for an hour.
//!
//! What is asked with a token is each adapter's own business.

mod credentials;
pub mod login;
mod refusals;
mod signing;
#[cfg(test)]
mod tests;
mod tokens;

pub use credentials::{Credentials, ExternalAccount, Machine, ServiceAccount, User};
pub(crate) use tokens::Tokens;
