//! Delivery to stores in the cloud, by real servers on this machine, in every weather. Each test names the servers it did
//! not find.

mod behind;
mod doctor;
mod library;
mod processes;
mod renditions;
mod routes;
pub(crate) mod stand;
mod weather;
