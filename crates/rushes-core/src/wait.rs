//! What a job may wait for: every sort there is, how it is kept and answered, and how people are told.
//!
//! Where a wait begins and ends is the engine's: `crates/rushes-engine/src/local/`. What is only owed to destinations is no
//! wait of a job's; that job is `delivering`.

use crate::choice::name_of;
use crate::codes::Code;
use crate::fault::Fault;
use crate::flow::Lane;
use crate::work;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// One thing a job waits for. Kept and answered as its words: `its turn`, `lane cpu`, `signal approved`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// As many jobs run as may.
    Turn,
    /// As many steps of this sort run as may.
    Lane(Lane),
    /// The disk is full.
    Room,
    /// This provider takes no more for now, or may not be asked more; or what was sent may still be on its way there.
    Provider(String),
    /// The next at this provider would cost more than may be spent.
    Budget(String),
    /// A step failed in a way that may pass: the pause before it is tried again.
    Retry(String),
    /// The time it was told to wait, by the name of that wait.
    Sleep(String),
    /// Somebody's answer, by the name of the signal.
    Signal(String),
}

impl Wait {
    /// What a step waits for that stopped so, however long: no try is used up. None for everything else.
    #[must_use]
    pub fn of(fault: &Fault) -> Option<Self> {
        let provider = || fault.get("provider").unwrap_or("the provider").to_owned();
        match fault.code {
            Code::DiskFull => Some(Self::Room),
            Code::ProviderBusy => Some(Self::Provider(provider())),
            // Until it is found, or can no more arrive.
            Code::AnswerLost if fault.retry_after_ms.is_some() => Some(Self::Provider(provider())),
            Code::BudgetSpent => Some(Self::Budget(provider())),
            _ => None,
        }
    }

    /// Whether it is only how work is shared out, so that nobody needs to be told.
    #[must_use]
    pub const fn is_routine(&self) -> bool {
        matches!(self, Self::Lane(_))
    }

    /// For people, as a sentence without its full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Turn => "Waits for its turn".to_owned(),
            Self::Lane(Lane::Cpu) => "Waits for a free processor".to_owned(),
            Self::Lane(Lane::Gpu) => "Waits for a free graphics card".to_owned(),
            Self::Lane(Lane::Net) => "Waits for its turn on the network".to_owned(),
            Self::Room => "Waits for room on the disk".to_owned(),
            Self::Provider(name) => format!("Waits until {name} takes more"),
            Self::Budget(name) => format!("Waits since the budget for {name} is spent"),
            Self::Retry(step) => format!("Waits before it tries {} again", step.replace('_', " ")),
            Self::Sleep(name) => format!("Waits as it was told to ({name})"),
            Self::Signal(name) if name == work::SIGNAL => "Waits for a worker".to_owned(),
            Self::Signal(name) => match name_of(name) {
                Some(choice) => format!("Waits for your choice ({choice})"),
                None => format!("Waits for an answer ({name})"),
            },
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn => f.write_str("its turn"),
            Self::Lane(lane) => write!(f, "lane {}", lane.name()),
            Self::Room => f.write_str("room on the disk"),
            Self::Provider(name) => write!(f, "provider {name}"),
            Self::Budget(name) => write!(f, "budget {name}"),
            Self::Retry(step) => write!(f, "retry {step}"),
            Self::Sleep(name) => write!(f, "sleep {name}"),
            Self::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

impl FromStr for Wait {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let named = |name: &str| name.to_owned();
        match text.split_once(' ') {
            Some(("its", "turn")) => Ok(Self::Turn),
            Some(("room", "on the disk")) => Ok(Self::Room),
            Some(("lane", name)) if let Some(lane) = Lane::named(name) => Ok(Self::Lane(lane)),
            Some(("provider", name)) => Ok(Self::Provider(named(name))),
            Some(("budget", name)) => Ok(Self::Budget(named(name))),
            Some(("retry", step)) => Ok(Self::Retry(named(step))),
            Some(("sleep", name)) => Ok(Self::Sleep(named(name))),
            Some(("signal", name)) => Ok(Self::Signal(named(name))),
            _ => Err(Fault::new(Code::Unexpected, "read what a job waits for").with("text", text)),
        }
    }
}

impl Serialize for Wait {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_is_read_as_it_is_written() {
        let named = || "a name with spaces".to_owned();
        let every = [
            Wait::Turn,
            Wait::Lane(Lane::Cpu),
            Wait::Lane(Lane::Net),
            Wait::Lane(Lane::Gpu),
            Wait::Room,
            Wait::Provider(named()),
            Wait::Budget(named()),
            Wait::Retry(named()),
            Wait::Sleep(named()),
            Wait::Signal(named()),
        ];
        for wait in every {
            assert_eq!(wait.to_string().parse::<Wait>().ok(), Some(wait.clone()));
            assert!(wait.sentence().starts_with("Waits ") && !wait.sentence().ends_with('.'), "{}", wait.sentence());
        }
        assert!("lane fast".parse::<Wait>().is_err() && "".parse::<Wait>().is_err());
    }

    #[test]
    fn wait_for_what_may_be_on_its_way_uses_up_no_try() {
        let lost = Fault::new(Code::AnswerLost, "order").with("provider", "kling");
        assert_eq!(Wait::of(&lost), None, "it was sent, and is looked for");
        let early = lost.retry_after(std::time::Duration::from_secs(1));
        assert_eq!(Wait::of(&early), Some(Wait::Provider("kling".into())));
    }

    /// `docs/troubleshooting.md` explains each, under its first word.
    #[test]
    fn wait_is_explained_in_the_documents() {
        let page = include_str!("../../../docs/troubleshooting.md");
        for row in [
            "| its turn |",
            "| lane cpu, net, gpu |",
            "| room on the disk |",
            "| provider … |",
            "| budget … |",
            "| retry … |",
            "| sleep … |",
            "| signal … |",
        ] {
            assert!(page.contains(row), "{row}");
        }
    }
}
