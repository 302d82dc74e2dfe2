//! What a shoot is to do.

use crate::codes::Code;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// What becomes of people nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// They get a folder of their own, here and in the cloud, from their first good face on.
    #[default]
    Cloud,
    /// The same, on this machine alone: nothing of them goes anywhere else until somebody enrols them.
    Local,
    /// Their faces wait for somebody to say who they are.
    Review,
}

/// What a shoot is to do. Stands in its record.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Whether faces are looked for at all: off until somebody turns it on.
    pub is_recognising: bool,
    /// What becomes of people nobody knows.
    pub unknown: Unknown,
    /// A face nearer than this to a person goes to that person's folder.
    pub route_below: f32,
    /// A face nearer than this may be that person's: somebody decides.
    pub review_below: f32,
    /// The second-best person is further away by at least so much, or somebody decides.
    pub margin: f32,
    /// Whether more photos are taken.
    pub is_open: bool,
    /// When the pages of its guests end and everything known of faces is erased, milliseconds since 1970.
    pub expires_ms: Option<i64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            is_recognising: false,
            unknown: Unknown::Cloud,
            route_below: 0.50,
            review_below: 0.60,
            margin: 0.05,
            is_open: true,
            expires_ms: None,
        }
    }
}

impl Rules {
    /// Errors: `input_invalid` where no face could be told from another.
    pub fn check(&self) -> Result<(), Fault> {
        let is_fine = 0.0 < self.route_below
            && self.route_below <= self.review_below
            && self.review_below <= 0.8
            && (0.0..=0.5).contains(&self.margin);
        let why = "0 < route_below <= review_below <= 0.8, and a margin of 0 to 0.5";
        if is_fine { Ok(()) } else { Err(Fault::new(Code::InputInvalid, "set rules of shoot").because(why)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn album_rules_are_checked() {
        Rules::default().check().unwrap();
        for wrong in [Rules { route_below: 0.7, ..Rules::default() }, Rules { margin: -0.1, ..Rules::default() }] {
            assert_eq!(wrong.check().unwrap_err().code, Code::InputInvalid);
        }
    }
}
