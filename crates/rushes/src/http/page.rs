//! Pages of lists: how many at once, from where on, and where the next page begins. A cursor says nothing to anybody but
//! the list that gave it.

use super::problem::Problem;
use super::words::DeliveryWord;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rushes_core::Code;
use rushes_core::delivery::{DeliveryState, Routes};
use std::str::FromStr;

/// One list's page at most.
const LIMIT_MAX: u32 = 200;

/// A page unless asked otherwise.
pub(super) fn default_limit() -> u32 {
    50
}

/// One more than was asked for: it tells whether there is a next page. Errors: `input_invalid`.
pub(super) fn one_more(limit: u32) -> Result<u32, Problem> {
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(limit + 1);
    }
    Err(Problem::new(Code::InputInvalid, "read query", format!("limit is 1 to {LIMIT_MAX}, not {limit}")))
}

/// The states, as they are written, whose rows are asked for, each in a list of its own; None: every row.
pub(super) fn states(wanted: Option<DeliveryWord>, routes: &Routes) -> Vec<Option<DeliveryState>> {
    wanted.map_or_else(|| vec![None], |word| routes.written(word.0).into_iter().map(Some).collect())
}

/// Cuts what is more than was asked for off, and gives the cursor of the next page, if there is one.
pub(super) fn next<T>(found: &mut Vec<T>, limit: u32, name: impl Fn(&T) -> String) -> Option<String> {
    if found.len() <= limit as usize {
        return None;
    }
    found.truncate(limit as usize);
    found.last().map(|last| URL_SAFE_NO_PAD.encode(name(last)))
}

/// What a cursor names. Errors: `input_invalid`.
pub(super) fn opened<T: FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let named = text.and_then(|text| text.parse().ok()).map(Some);
    named.ok_or_else(|| Problem::new(Code::InputInvalid, "read query", "the cursor is none that a list gave as `next`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_cursors_lead_on_and_others_are_refused() {
        let mut found = vec!["a", "b", "c"];
        let cursor = next(&mut found, 2, |name| (*name).to_owned());
        assert_eq!(found, ["a", "b"]);
        assert_eq!(opened::<String>(cursor.as_deref()).unwrap().as_deref(), Some("b"));
        assert_eq!(next(&mut found, 2, |name| (*name).to_owned()), None, "nothing is left");
        for bad in ["", "%", "../..", "YQ==", "_w"] {
            assert!(opened::<i64>(Some(bad)).is_err(), "{bad:?}");
        }
        assert!(one_more(0).is_err() && one_more(201).is_err());
        assert_eq!(one_more(200).unwrap(), 201);
    }
}
