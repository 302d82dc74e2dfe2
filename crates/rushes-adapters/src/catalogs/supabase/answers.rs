//! What PostgREST answers: rows, or `{code, message, details, hint}` under a true status. Refusals become faults a person can
//! act on.

use crate::http::{Answer, passing, words};
use http::StatusCode;
use rushes_core::{Code, Fault, Verdict};
use serde_json::Value;
use std::time::Duration;

/// What was asked, and what must not stand in a fault.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) operation: &'static str,
    pub(super) key: &'a str,
}

const MIGRATION: &str = "apply deploy/supabase/migrations/20261122000000_workspace.sql (docs/supabase-workspace.md)";

/// The rows of an answer. Errors: `catalog_down` where it is broken off, or another.
pub(super) async fn rows(answer: Answer, about: About<'_>) -> Result<Vec<Value>, Fault> {
    let body = answer.bytes().await.map_err(|fault| Fault { code: Code::CatalogDown, ..fault })?;
    let strange =
        |why: String| Fault::new(Code::CatalogDown, about.operation).because(format!("the answer is not what PostgREST promises: {why}"));
    serde_json::from_slice(&body).map_err(|e| strange(e.to_string()))
}

/// Reads a refusal.
pub(super) async fn refusal(answer: Answer, about: About<'_>) -> Fault {
    let (status, wait) = (answer.status, answer.retry_after());
    match answer.bytes().await {
        Ok(body) => read(status, &body, wait, about),
        Err(fault) => Fault { code: Code::CatalogDown, ..fault },
    }
}

fn read(status: StatusCode, body: &[u8], wait: Option<Duration>, about: About<'_>) -> Fault {
    let refusal: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| refusal[name].as_str().unwrap_or_default();
    let (code, message) = (text("code"), text("message"));
    let told = [message, text("details"), text("hint")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    let told = words(if told.is_empty() { body } else { told.as_bytes() });
    let said = [status.as_str(), code, &told].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let said = said.replace(about.key, "…");
    if let Some(fault) = passing(status, about.operation, wait) {
        return Fault { code: Code::CatalogDown, ..fault }.because(said);
    }
    let refused = |advice: &str| Fault::new(Code::DestinationRefused, about.operation).because(format!("{advice} ({said})"));
    match (status.as_u16(), code) {
        (401, "PGRST303") => refused("the key has expired; renew the catalog's key").verdict(Verdict::Transient),
        (401 | 403, "42501") => refused(&format!(
            "this key may not write in table workspace_assets: it is not the project's service key, or grants are missing: {MIGRATION}"
        )),
        (401 | 403, _) => refused("the project does not know the key; copy it from the project's API keys"),
        (404, "PGRST205" | "42P01") => refused(&format!("there is no table workspace_assets; {MIGRATION}")),
        (400, "PGRST204" | "42703") => refused(&format!("the table workspace_assets lacks a column; {MIGRATION}")),
        (404, _) => refused("there is no Supabase at the catalog's endpoint; correct it"),
        (300..=399, _) => refused("the address answers with another address; correct the catalog's endpoint"),
        _ => refused("workspace_assets takes no such row"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn supabase_rows_refusals_say_what_to_do_and_whether_waiting_helps() {
        let about = About { operation: "write record", key: "s3cret" };
        for (status, code, message, is_transient, says) in [
            (401, "PGRST303", "JWT expired", true, "renew"),
            (401, "PGRST301", "No suitable key or wrong key type", false, "API keys"),
            (401, "", "Invalid API key s3cret", false, "API keys"),
            (403, "42501", "permission denied for table workspace_assets", false, "service key"),
            (404, "PGRST205", "Could not find the table", false, "apply deploy/supabase"),
            (400, "PGRST204", "Could not find the 'x' column", false, "lacks a column"),
            (404, "", "<html>", false, "endpoint"),
            (400, "23514", "violates check constraint \"workspace_assets_own_paths\"", false, "own_paths"),
            (409, "23505", "duplicate key value", false, "duplicate key"),
            (503, "PGRST000", "Could not connect with the database", true, "503"),
            (429, "", "slow down", true, "429"),
            (308, "", "", false, "another address"),
        ] {
            let body = json!({"code": code, "message": message, "details": null, "hint": null}).to_string();
            let fault = read(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None, about);
            assert_eq!(fault.is_transient(), is_transient, "{status} {code}: {fault}");
            assert!(fault.to_string().contains(says) && !fault.to_string().contains("s3cret"), "{status} {code}: {fault}");
            let wanted = if status >= 429 { Code::CatalogDown } else { Code::DestinationRefused };
            assert_eq!(fault.code, wanted, "{fault}");
        }
    }
}
