//! The conditions of a request: generations that must be there, or must not.

use super::Object;
use super::errors::{Outcome, Refusal};
use super::request::Request;

/// `ifGenerationMatch` and its kin; numbers as they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    generation: Option<u64>,
    not_generation: Option<u64>,
    metageneration: Option<u64>,
}

impl Conditions {
    pub(super) fn of(request: &Request) -> Outcome<Self> {
        let number = |name: &str| match request.parameter(name) {
            Some(text) => text.parse().map(Some).map_err(|_| Refusal::invalid(format!("Invalid value for: {name}: {text:?}"))),
            None => Ok(None),
        };
        Ok(Self {
            generation: number("ifGenerationMatch")?,
            not_generation: number("ifGenerationNotMatch")?,
            metageneration: number("ifMetagenerationMatch")?,
        })
    }

    /// Whether they hold for what is there; 0 is the generation of nothing.
    pub(super) fn check(&self, there: Option<&Object>) -> Outcome<()> {
        let generation = there.map_or(0, |object| object.generation);
        let holds = self.generation.is_none_or(|wanted| wanted == generation)
            && self.not_generation.is_none_or(|unwanted| unwanted != generation)
            && self.metageneration.is_none_or(|wanted| there.is_some_and(|object| object.metageneration == wanted));
        if holds { Ok(()) } else { Err(Refusal::unmet()) }
    }
}
