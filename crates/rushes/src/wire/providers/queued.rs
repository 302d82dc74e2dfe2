//! Providers with one queue for all their models: what is ordered there is a model by its name, with inputs of its own.

use super::{Account, LOOKS_EVERY, Made, refuse};
use crate::config::Config;
use rushes_adapters::HttpOptions;
use rushes_adapters::providers::callbacks::{Bells, CallbackSettings};
use rushes_adapters::providers::desk::{Desk, Images, Motions, Patience};
use rushes_adapters::providers::fal::{Fal, FalSettings, motion_recipe};
use rushes_adapters::providers::in_time::InTime;
use rushes_adapters::providers::recipe::Recipe;
use rushes_adapters::providers::replicate::{Replicate, ReplicateSettings};
use rushes_core::Fault;
use rushes_core::clock::SystemClock;
use rushes_core::provider::{ImageRequest, MotionRequest};
use serde_json::{Map, Value};
use std::sync::Arc;

const OPTIONS: &[&str] = &["motion_model", "motion_inputs", "motion_with", "reference_max_s", "image_model", "image_inputs", "image_with"];

/// The bells that callbacks ring. Errors: `config_invalid`.
pub(in crate::wire) fn bells(config: &Config) -> Result<Arc<Bells>, Fault> {
    let is_asked = [&config.make.image, &config.make.motion].into_iter().any(|name| name == "replicate");
    let section = config.providers.get("replicate").filter(|_| is_asked);
    let replicate = match section.and_then(|section| Some((section, section.key.as_ref()?))) {
        Some((section, place)) => {
            let key = config.secret("providers.replicate.key", place)?;
            Some(ReplicateSettings { key, endpoint: section.endpoint.clone(), callback: None })
        }
        None => None,
    };
    let settings = CallbackSettings { fal_keys: None, replicate };
    Ok(Arc::new(Bells::new(settings, Arc::new(SystemClock), HttpOptions::default())?))
}

pub(super) fn fal_motion(account: &Account<'_>) -> Made<MotionRequest> {
    let recipe = recipe(account, "motion", Some(motion_recipe()))?;
    motions(account, fal(account)?, recipe)
}

pub(super) fn fal_image(account: &Account<'_>) -> Made<ImageRequest> {
    let recipe = recipe(account, "image", None)?;
    images(account, fal(account)?, recipe)
}

pub(super) fn replicate_motion(account: &Account<'_>) -> Made<MotionRequest> {
    let recipe = recipe(account, "motion", None)?;
    motions(account, Replicate::new(replicate(account)?, HttpOptions::default())?, recipe)
}

pub(super) fn replicate_image(account: &Account<'_>) -> Made<ImageRequest> {
    let recipe = recipe(account, "image", None)?;
    images(account, Replicate::new(replicate(account)?, HttpOptions::default())?, recipe)
}

fn fal(account: &Account<'_>) -> Result<Fal, Fault> {
    let settings = FalSettings { key: account.key()?, endpoint: account.section.endpoint.clone(), callback: account.callback() };
    Fal::new(settings, HttpOptions::default())
}

fn replicate(account: &Account<'_>) -> Result<ReplicateSettings, Fault> {
    Ok(ReplicateSettings { key: account.key()?, endpoint: account.section.endpoint.clone(), callback: account.callback() })
}

fn patience(account: &Account<'_>) -> Patience {
    Patience { arrives_within: account.arrives_within(), looks_every: LOOKS_EVERY }
}

fn motions(account: &Account<'_>, desk: impl Desk, recipe: Recipe) -> Made<MotionRequest> {
    let service = Motions::new(desk, recipe, account.lender()?, patience(account))?;
    Ok(Arc::new(InTime::new(service, account.terms()?).with_bells(account.bells.clone())))
}

fn images(account: &Account<'_>, desk: impl Desk, recipe: Recipe) -> Made<ImageRequest> {
    // Only a model that works from pictures needs to be lent any.
    let lender = if recipe.inputs.contains_key("like") { Some(account.lender()?) } else { None };
    let service = Images::new(desk, recipe, lender, patience(account))?;
    Ok(Arc::new(InTime::new(service, account.terms()?).with_bells(account.bells.clone())))
}

/// The model of `options.{what}_model` with the inputs beside it; the provider's own where none is said.
fn recipe(account: &Account<'_>, what: &str, own: Option<Recipe>) -> Result<Recipe, Fault> {
    account.knows(OPTIONS)?;
    let options = &account.section.options;
    let named = |part: &str| format!("{what}_{part}");
    let wrong = |key: &str, reason: &str| refuse(&account.setting(&format!("options.{key}")), reason);
    let table = |part: &str| -> Result<Option<Map<String, Value>>, Fault> {
        let Some(said) = options.get(&named(part)) else { return Ok(None) };
        said.as_object().cloned().map(Some).ok_or_else(|| wrong(&named(part), "this is a table: { name = value }"))
    };
    let reference_max_ms = match options.get("reference_max_s") {
        Some(said) => Some(said.as_u64().ok_or_else(|| wrong("reference_max_s", "this is a count of seconds"))?.saturating_mul(1_000)),
        None => None,
    };
    let mut recipe = match (options.get(&named("model")), own) {
        (None, Some(own)) => own,
        (None, None) => return Err(wrong(&named("model"), "say which model there makes them")),
        (Some(said), _) => {
            let model = said.as_str().filter(|model| !model.is_empty() && !model.contains(['?', '#', ' ']));
            let model = model.ok_or_else(|| wrong(&named("model"), "this is the name of a model, such as owner/name"))?;
            let prompt = || ("prompt".to_owned(), "prompt".to_owned());
            Recipe { model: model.trim_matches('/').to_owned(), inputs: [prompt()].into(), with: Map::new(), reference_max_ms: None }
        }
    };
    if let Some(inputs) = table("inputs")? {
        let text = |(ours, theirs): (String, Value)| theirs.as_str().map(|theirs| (ours, theirs.to_owned()));
        let read: Option<_> = inputs.into_iter().map(text).collect();
        recipe.inputs = read.ok_or_else(|| wrong(&named("inputs"), "what the model calls its inputs is text"))?;
    }
    if let Some(with) = table("with")? {
        recipe.with = with;
    }
    recipe.reference_max_ms = reference_max_ms.or(recipe.reference_max_ms);
    Ok(recipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ProviderSection;
    use serde_json::json;

    fn read(options: Value, own: Option<Recipe>) -> Result<Recipe, Fault> {
        let config = Config::default();
        let section = ProviderSection { options: options.as_object().unwrap().clone(), ..ProviderSection::default() };
        let account = Account { config: &config, name: "replicate", section, sites: &[], bells: bells(&config).unwrap() };
        recipe(&account, "motion", own)
    }

    #[test]
    fn queued_recipes_are_read_from_options() {
        let told = json!({"motion_model": "a/b", "motion_inputs": {"image": "face", "reference": "dance"}, "motion_with": {"mode": "pro"},
            "reference_max_s": 10});
        let recipe = read(told, None).unwrap();
        assert_eq!((recipe.model.as_str(), recipe.reference_max_ms), ("a/b", Some(10_000)));
        assert_eq!((recipe.inputs["image"].as_str(), recipe.with["mode"].as_str()), ("face", Some("pro")));
        assert_eq!(read(json!({}), Some(motion_recipe())).unwrap(), motion_recipe());
    }

    #[test]
    fn queued_recipes_that_are_none_are_refused_by_name() {
        for (options, setting) in [
            (json!({}), "options.motion_model"),
            (json!({"motion_model": "a/b?c"}), "options.motion_model"),
            (json!({"motion_model": "a/b", "motion_inputs": {"image": 1}}), "options.motion_inputs"),
            (json!({"motion_model": "a/b", "motion_with": "pro"}), "options.motion_with"),
            (json!({"motion_model": "a/b", "reference_max_s": "long"}), "options.reference_max_s"),
            (json!({"model": "a/b"}), "options.model"),
        ] {
            let fault = read(options, None).unwrap_err();
            assert!(fault.to_string().contains(setting), "{fault}");
        }
    }
}
