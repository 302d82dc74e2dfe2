//! Lists on which applications leave work: whom they are spoken to by, and what their items become.

use super::store;
use crate::config::Config;
use crate::http::fresh_seed;
use crate::intake::{Intake, Rules, Submit};
use rushes_adapters::HttpOptions;
use rushes_adapters::intake::upstash::{Upstash, UpstashSettings};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::job::Asked;
use rushes_core::{Code, Fault, JobId};
use rushes_engine::{Desk, Home, NewJobRequest};
use rushes_media::music::Styles;
use rushes_workflows::{Card, Door, Registry};
use serde_json::{Map, Value};
use std::time::Duration;

/// The environment's name of the token, as Upstash tells it.
const TOKEN: &str = "UPSTASH_REDIS_REST_TOKEN";

fn invalid(key: &str, reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("intake.redis.{key}")).because(reason)
}

/// The lists; None where none are configured. Speaks to nobody yet. Errors: `config_invalid`.
pub(crate) fn lists(config: &Config) -> Result<Option<Upstash>, Fault> {
    let redis = &config.intake.redis;
    let Some(url) = redis.url.clone() else { return Ok(None) };
    let token = redis.token.as_ref().map(|at| config.secret("intake.redis.token", at)).transpose()?;
    let token = token.or_else(|| config.variable(TOKEN));
    let token = token.ok_or_else(|| invalid("token", format!("say where the token stands: env:NAME or file:/path; or set {TOKEN}")))?;
    card(config)?;
    Upstash::new(&UpstashSettings { url, token }, HttpOptions::default()).map(Some)
}

/// What items are parameters of. Errors: `config_invalid`.
fn card(config: &Config) -> Result<&'static Card, Fault> {
    let name = &config.intake.redis.workflow;
    Registry::card(name).ok_or_else(|| {
        let names: Vec<&str> = Registry::cards().iter().map(|card| card.name).collect();
        invalid("workflow", format!("there is no workflow {name}; there are: {}", names.join(", ")))
    })
}

/// What takes work from lists into this engine; None where none are configured. Errors: `config_invalid`.
pub(crate) fn intake(home: &Home, config: &Config, desk: Desk<Registry>, styles: Styles) -> Result<Option<Intake<Jobs>>, Fault> {
    let Some(lists) = lists(config)? else { return Ok(None) };
    let redis = &config.intake.redis;
    let rules = Rules {
        node: home.node(&SystemClock)?,
        store: store::identity(home, config)?,
        queues: redis.queues.clone(),
        oldest: redis.oldest_at,
        every: Duration::from_secs_f64(redis.every_s),
    };
    Ok(Some(Intake { lists, rules, submit: Jobs { desk, card: card(config)?, styles } }))
}

/// Makes jobs of one workflow.
pub(crate) struct Jobs {
    desk: Desk<Registry>,
    card: &'static Card,
    styles: Styles,
}

impl Submit for Jobs {
    async fn submit(&self, id: &str, mut fields: Map<String, Value>) -> Result<(JobId, bool), Fault> {
        let input = match self.card.outside {
            Some(outside) => {
                // It names the item; a workflow that does not ask for it has no use for it.
                if (outside.fields)().iter().all(|field| field.name != "id") {
                    fields.remove("id");
                }
                let references = self.desk.parts().home.references();
                let door = Door { seed: fresh_seed(), references: &references, styles: &self.styles, may_name_files: false };
                (outside.read)(&Value::Object(fields), &door)?
            }
            None => Value::Object(fields),
        };
        let drawn = JobId(SystemClock.new_id());
        let asked = Asked { idem_key: Some(Asked::once_for_good(&format!("intake {id}"))), ..Asked::default() };
        let job = self.desk.submit(NewJobRequest { id: Some(drawn), workflow: self.card.name.to_owned(), input, asked }).await?;
        Ok((job.id, job.id == drawn))
    }
}
