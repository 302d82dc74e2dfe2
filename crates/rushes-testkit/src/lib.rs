//! Conformance suites over the ports of `rushes-core`: what every destination and every catalog must keep; bad files with
//! the verdict each must get; [`mod@replay`], which runs recorded journals through today's workflows; [`rhythms`],
//! drummers whose beats are known; real servers ([`servers`]), the weather before them ([`chaos`]), and the way there ([`cable`]).
//!
//! A suite panics with a sentence on the first promise that is broken; each adapter runs it in its own tests.
//! Development only: nothing here is part of the product.

pub mod answers;
pub mod bad_files;
pub mod balance;
pub mod cable;
mod catalog;
pub mod chaos;
pub mod comfyui;
mod destination;
pub mod drawn;
pub mod drive;
pub mod etags;
pub mod fal;
mod film;
pub mod firestore;
pub mod gcs;
pub mod google;
pub mod instagram;
pub mod kling;
pub mod ledger;
mod links;
pub mod orders;
pub mod photos;
pub mod provider_suite;
pub mod queue;
pub mod replay;
pub mod replicate;
pub mod rhythms;
pub mod servers;
pub mod shared;
pub mod supabase;
mod uploads;
pub mod upstash;
pub mod webhooks;

pub use catalog::{WRITERS, catalog_suite, writers, writers_ended};
pub use destination::{copies_suite, destination_suite, destination_suite_up_to, marker_suite, simple_suite};
pub use links::{links_suite, open};
pub use uploads::uploads_suite;
