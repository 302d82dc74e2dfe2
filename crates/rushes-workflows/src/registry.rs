//! The list of workflows. Adding one: its file, and its `mod` line in `lib.rs`.

use crate::kit::Kit;
use crate::outside::Outside;
use rushes_core::faults;
use rushes_core::flow::{Flow, Workflows};
use rushes_core::{Code, Done, Fault, Step, StepContext, Stop};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Stopping what a cancelled job has ordered.
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// What is known of a workflow without running it.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    /// As it is started by.
    pub name: &'static str,
    /// Raised whenever its steps change, so that jobs in flight are not misread.
    pub version: u32,
    /// The catalog collection that mirrors its jobs.
    pub collection: Option<&'static str>,
    /// Over in a moment, or done elsewhere: its jobs need not wait for their turn.
    pub is_short: bool,
    /// One line for people; empty for workflows only others start.
    pub about: &'static str,
    /// How somebody outside starts it, where they may.
    pub outside: Option<Outside>,
}

/// Every workflow, with what they work with.
#[derive(Clone)]
pub struct Registry {
    kit: Kit,
}

impl Registry {
    /// The workflows over this kit.
    #[must_use]
    pub fn new(kit: Kit) -> Self {
        Self { kit }
    }

    /// Every workflow's card, by name.
    #[must_use]
    pub fn cards() -> &'static [Card] {
        CARDS
    }

    /// The version of every workflow, by its name.
    pub fn versions() -> impl Iterator<Item = (&'static str, u32)> {
        CARDS.iter().map(|card| (card.name, faults::version(card.name, card.version)))
    }

    /// What its workflows work with.
    #[must_use]
    pub fn kit(&self) -> &Kit {
        &self.kit
    }

    /// The card of that name.
    #[must_use]
    pub fn card(workflow: &str) -> Option<&'static Card> {
        card(workflow)
    }
}

fn card(workflow: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.name == workflow)
}

fn parse<T: DeserializeOwned>(input: Value) -> Result<T, Stop> {
    serde_json::from_value(input).map_err(|e| Stop::Failed(Fault::new(Code::InputInvalid, "read parameters").because(e)))
}

/// Stops at the providers what a cancelled job has ordered, as far as that can be, and writes down what became of it. What
/// cannot be asked stays as what a person looks at.
async fn stop_orders<F: Flow>(flow: &F, kit: &Kit) -> Result<(), Stop> {
    let providers = kit.providers.clone();
    let job = *flow.id();
    let stopped = flow.step(Step::new("stop what was ordered").within(STOP_LIMIT), move |context: StepContext| async move {
        for attempt in context.ledger.left().await? {
            if let Some(end) = providers.stop(&attempt, &format!("{job}/{}", attempt.step)).await? {
                context.ledger.settle(&attempt.step, end).await?;
            }
        }
        Ok(Done::value(()))
    });
    match stopped.await {
        // Its row says why; the job is cancelled all the same.
        Ok(()) | Err(Stop::Failed(_)) => Ok(()),
        Err(stop) => Err(stop),
    }
}

macro_rules! workflows {
    ($($module:ident),*) => {
        const CARDS: &[Card] = &[$(crate::$module::CARD),*];

        impl Workflows for Registry {
            fn version(&self, workflow: &str) -> Option<u32> {
                card(workflow).map(|card| faults::version(card.name, card.version))
            }

            fn collection(&self, workflow: &str) -> Option<&'static str> {
                card(workflow).and_then(|card| card.collection)
            }

            fn takes_turns(&self, workflow: &str) -> bool {
                !card(workflow).is_some_and(|card| card.is_short)
            }

            async fn run<F: Flow>(&self, workflow: &str, flow: &F, input: Value) -> Result<Value, Stop> {
                $(if workflow == crate::$module::CARD.name {
                    let ended = crate::$module::run(flow, &self.kit, parse(input)?).await;
                    if matches!(ended, Err(Stop::Cancelled)) && self.kit.providers.are_outside() {
                        stop_orders(flow, &self.kit).await?;
                    }
                    return ended;
                })*
                Err(Stop::Failed(Fault::new(Code::WorkflowUnknown, "run job").with("workflow", workflow)))
            }
        }
    };
}

// Made by `build.rs` from the modules of `lib.rs`.
include!(concat!(env!("OUT_DIR"), "/workflows.rs"));
