//! Who hands out jobs, where the engine does not look for them by itself.

use crate::config::{Config, EngineKind};
use rushes_core::Fault;
use rushes_engine::{Engine, Parts, Role};
use rushes_workflows::Registry;

#[cfg(feature = "restate")]
pub(super) use restate::Outside;

/// Whether a Restate server hands out the jobs of an engine in this role.
fn is_restate(config: &Config, role: Role) -> bool {
    config.engine.kind == EngineKind::Restate && (role == Role::Service || config.engine.restate.for_commands)
}

#[cfg(feature = "restate")]
mod restate {
    use super::{Config, Engine, Fault, Parts, Registry, Role, is_restate};
    use rushes_adapters::restate::{RestateQueue, RestateSettings};
    use rushes_engine::restate::{Listening, generation};
    use rushes_engine::{Driver, JobRules};
    use std::sync::Arc;

    /// Where somebody outside finds this engine; none where the engine looks for jobs by itself.
    pub(in crate::wire) struct Outside(Option<Listening>);

    impl Outside {
        /// Binds, where somebody is to find this engine. Errors: `config_invalid`.
        pub(in crate::wire) fn bind(config: &Config, role: Role) -> Result<Self, Fault> {
            let bind = || Listening::bind(&config.engine.restate.listen).map(|bound| bound.refusing_for(config.engine.version_patience()));
            Ok(Self(is_restate(config, role).then(bind).transpose()?))
        }

        /// The parts of an engine whose jobs are handed out so. Errors: `config_invalid`.
        pub(in crate::wire) fn fit(&self, config: &Config, parts: Parts, registry: &Registry) -> Result<Parts, Fault> {
            let Some(listening) = &self.0 else { return Ok(parts) };
            let section = &config.engine.restate;
            let base = section.advertise.clone().map_or_else(|| Ok(format!("http://{}", listening.address()?)), Ok::<_, Fault>)?;
            // A deployment never changes: another set of workflows is another one, and the older one stays for its jobs.
            let deployment = format!("{}/{}", base.trim_end_matches('/'), generation(registry, &names()));
            let settings = RestateSettings { ingress: section.ingress.all(), admin: section.admin.all(), deployment };
            let queue = RestateQueue::new(settings, parts.store.clone())?;
            let jobs = JobRules { driver: Driver::Asked, ..parts.jobs };
            Ok(Parts { jobs, tasks: Some(Arc::new(queue)), ..parts })
        }

        /// Answers whoever asks. Errors: `config_invalid`.
        pub(in crate::wire) fn answer(self, engine: &mut Engine<Registry>) -> Result<(), Fault> {
            self.0.map_or(Ok(()), |listening| engine.answer_restate(listening, &names()))
        }
    }

    fn names() -> Vec<&'static str> {
        Registry::cards().iter().map(|card| card.name).collect()
    }
}

/// Nobody: this build speaks to none.
#[cfg(not(feature = "restate"))]
pub(super) struct Outside;

#[cfg(not(feature = "restate"))]
impl Outside {
    /// Errors: `config_invalid` where somebody is configured.
    pub(super) fn bind(config: &Config, role: Role) -> Result<Self, Fault> {
        let reason = "this build has no such engine; build it with the feature `restate`";
        let fault = || Fault::new(rushes_core::Code::ConfigInvalid, "read configuration").with("setting", "engine.kind").because(reason);
        if is_restate(config, role) { Err(fault()) } else { Ok(Self) }
    }

    pub(super) fn fit(&self, _: &Config, parts: Parts, _: &Registry) -> Result<Parts, Fault> {
        Ok(parts)
    }

    pub(super) fn answer(self, _: &mut Engine<Registry>) -> Result<(), Fault> {
        Ok(())
    }
}
