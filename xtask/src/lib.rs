//! Work on the house itself: its checks and its generated documents. Nothing here is part of the product.
//!
//! [`tidy`] checks the rules that no compiler knows; [`docs`] writes the documents that are made from tables,
//! [`measured`] those made from what was measured.
//! Both also run as tests, so that a red build says what a reviewer would have said.

pub mod docs;
mod gpu;
pub mod measured;
mod plots;
pub mod tidy;
mod timeline;
