//! What every handler works with. Nothing of a request is kept here: any instance answers any request.

use super::caller::Doorkeeper;
use super::events::Feed;
use super::metrics::Metrics;
use super::pipeline::Seen;
use crate::config::Config;
use crate::shoots::Proposer;
use crate::ui::Shelf;
use crate::ui::guests::Gate;
use rushes_adapters::providers::callbacks::Bells;
use rushes_core::{Cancel, Fault};
use rushes_engine::{Desk, Parts};
use rushes_media::music::Styles;
use rushes_workflows::{Door, Registry};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// Shared by all handlers.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// The parts of [`App`].
pub(crate) struct Inner {
    /// Where the engine is asked.
    pub(crate) desk: Desk<Registry>,
    /// The configuration it was started with.
    pub(crate) config: Config,
    /// The styles of music the engine composes in.
    pub(crate) styles: Styles,
    /// What callbacks of providers ring.
    pub(super) bells: Arc<Bells>,
    /// Who may come in.
    pub(crate) doorkeeper: Doorkeeper,
    /// New facts, for those who listen.
    pub(super) feed: Feed,
    /// Answers about jobs, until something happens.
    pub(super) seen: Seen,
    /// What the dashboard keeps at hand.
    pub(crate) shelf: Shelf,
    /// Who may be one person in shoots.
    pub(crate) proposer: Proposer,
    /// How often guests may ask.
    pub(crate) guests: Gate,
    /// Figures for Prometheus.
    pub(crate) metrics: Metrics,
    /// Cancelled when the server is asked to end: streams end, and nothing new begins.
    pub(crate) stop: Cancel,
}

impl App {
    /// Errors: `config_invalid` when the key of the environment cannot be one.
    /// What somebody may choose from who asks over HTTP; `references` is the home's folder of them.
    pub(crate) fn door<'a>(&'a self, references: &'a Path, seed: u64) -> Door<'a> {
        Door { seed, references, styles: &self.styles, may_name_files: false }
    }

    pub(crate) fn new(desk: Desk<Registry>, config: Config, styles: Styles, bells: Arc<Bells>) -> Result<Self, Fault> {
        let doorkeeper = Doorkeeper::new(&config)?;
        Ok(Self(Arc::new(Inner {
            desk,
            config,
            styles,
            bells,
            doorkeeper,
            feed: Feed::default(),
            seen: Seen::default(),
            shelf: Shelf::default(),
            proposer: Proposer::default(),
            guests: Gate::default(),
            metrics: Metrics::default(),
            stop: Cancel::new(),
        })))
    }

    /// What the engine works with.
    pub(crate) fn parts(&self) -> &Parts {
        self.desk.parts()
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
