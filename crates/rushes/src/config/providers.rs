//! The sections of `rushes.toml` that say who makes media, on what terms, and how much may be spent.

use super::refuse;
use rushes_core::Fault;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A cap above this is none.
const USD_MAX: f64 = 1e9;
/// More at once, or within a minute, than any provider takes.
const COUNT_MAX: u32 = 100_000;

/// Who makes what: `builtin`, or a provider that makes such things.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MakeSection {
    /// Concepts of characters.
    pub(crate) text: String,
    /// Pictures.
    pub(crate) image: String,
    /// Dances after a reference.
    pub(crate) motion: String,
    /// Music.
    pub(crate) music: String,
    /// Answers in words; None = nobody answers, as none is built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chat: Option<String>,
}

impl Default for MakeSection {
    fn default() -> Self {
        let builtin = || "builtin".to_owned();
        Self { text: builtin(), image: builtin(), motion: builtin(), music: builtin(), chat: None }
    }
}

/// What may be spent, in US dollars; None = no cap. Nothing is sent that would go beyond a cap.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BudgetsSection {
    /// At all providers within a day (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) day_usd: Option<f64>,
    /// By one job with all its children.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_usd: Option<f64>,
}

/// One provider: how it is reached, and on what terms.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProviderSection {
    /// Its API key, `env:NAME` or `file:/path`; the first of a pair, where it has pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The second of a pair, which signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    /// None = the provider's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// The destination from which it is lent files it fetches by itself; None = the first that gives addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lend: Option<String>,
    /// Unfinished there at once; over all jobs and machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at_once: Option<u32>,
    /// Sent there within any minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_minute: Option<u32>,
    /// What one costs where the provider does not say, US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_usd: Option<f64>,
    /// Spent there within a day (UTC), US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) day_usd: Option<f64>,
    /// What was sent and is not found there so many seconds later never arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arrives_within_s: Option<u32>,
    /// What only this provider knows.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) options: Map<String, Value>,
}

/// Refuses sums and counts that mean nothing.
pub(super) fn check(budgets: &BudgetsSection, providers: &BTreeMap<String, ProviderSection>) -> Result<(), Fault> {
    let sums = [("budgets.day_usd".to_owned(), budgets.day_usd), ("budgets.job_usd".to_owned(), budgets.job_usd)];
    let of_providers = providers.iter().flat_map(|(name, section)| {
        [(format!("providers.{name}.price_usd"), section.price_usd), (format!("providers.{name}.day_usd"), section.day_usd)]
    });
    for (setting, sum) in sums.into_iter().chain(of_providers) {
        if sum.is_some_and(|usd| !(0.0..=USD_MAX).contains(&usd)) {
            return refuse(&setting, "a sum of US dollars is zero or above");
        }
    }
    for (name, section) in providers {
        for (key, count) in [("at_once", section.at_once), ("per_minute", section.per_minute)] {
            if count.is_some_and(|count| !(1..=COUNT_MAX).contains(&count)) {
                return refuse(&format!("providers.{name}.{key}"), "a count is at least 1; leave it out for no bound");
            }
        }
    }
    Ok(())
}
