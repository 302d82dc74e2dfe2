//! The ways in beside a workflow's own steps: an existing library, a bucket's listing, a watched folder. Here it is found
//! out what there is and what would become of it; that it becomes so is the workflow `import`, started as ordinary jobs.

pub(crate) mod character_db;
pub(crate) mod find;
pub(crate) mod hints;
mod ignored;
pub(crate) mod known;
pub(crate) mod looks;
pub(crate) mod plan;
pub(crate) mod titles;
pub(crate) mod walk;
