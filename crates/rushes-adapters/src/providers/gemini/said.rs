//! What an answer of Gemini's holds, or why it holds nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rushes_core::{Code, Fault};
use serde_json::Value;
use std::path::Path;

/// The ends of an answer that is whole.
const WHOLE: [&str; 2] = ["", "STOP"];

/// One answer, of status 200.
pub(super) struct Answer {
    json: Value,
    operation: &'static str,
}

impl Answer {
    /// Errors: `provider_down` where it is no JSON; `io`.
    pub(super) async fn of(file: &Path, operation: &'static str) -> Result<Self, Fault> {
        Ok(Self { json: crate::providers::at_once::json_in(file, operation).await?, operation })
    }

    fn refused(&self, reason: impl std::fmt::Display) -> Fault {
        Fault::new(Code::ProviderRefused, self.operation).because(reason)
    }

    fn unusable(&self, reason: &str) -> Fault {
        Fault::new(Code::ProviderDown, self.operation).because(reason)
    }

    fn parts(&self) -> impl Iterator<Item = &Value> {
        // What it thinks aloud is no part of the answer.
        let parts = self.json["candidates"][0]["content"]["parts"].as_array();
        parts.into_iter().flatten().filter(|part| part["thought"] != true)
    }

    fn words(&self) -> String {
        self.parts().filter_map(|part| part["text"].as_str()).collect()
    }

    /// Errors: `provider_refused`, with its words, where it was blocked or broken off.
    fn check(&self, shown: impl Fn(&str) -> String) -> Result<(), Fault> {
        if let Some(words) = self.json["error"]["message"].as_str() {
            return Err(self.refused(shown(words)));
        }
        let feedback = &self.json["promptFeedback"];
        if let Some(reason) = feedback["blockReason"].as_str() {
            let words = feedback["blockReasonMessage"].as_str().unwrap_or_default();
            return Err(self.refused(format!("it was blocked: {}", shown(&format!("{reason} {words}")))));
        }
        let candidate = &self.json["candidates"][0];
        if candidate.is_null() {
            return Err(self.refused("it answers with nothing, and gives no reason"));
        }
        let end = candidate["finishReason"].as_str().unwrap_or_default();
        if end == "MAX_TOKENS" {
            return Err(self.refused("its answer is cut off at the model's limit (MAX_TOKENS)"));
        }
        if !WHOLE.contains(&end) {
            let words = candidate["finishMessage"].as_str().map_or_else(|| self.words(), str::to_owned);
            return Err(self.refused(format!("it broke off: {}", shown(&format!("{end} {words}")))));
        }
        Ok(())
    }

    /// What it says. Errors: `provider_refused`; `provider_down` where it says nothing.
    pub(super) fn text(&self, shown: impl Fn(&str) -> String) -> Result<String, Fault> {
        self.check(shown)?;
        Some(self.words()).filter(|words| !words.trim().is_empty()).ok_or_else(|| self.unusable("it says nothing"))
    }

    /// The picture it made, and how its file's name ends. Errors: `provider_refused`, with its words where it gives only
    /// such; `provider_down` where what it gives is no picture.
    pub(super) fn picture(&self, shown: impl Fn(&str) -> String) -> Result<(Vec<u8>, &'static str), Fault> {
        self.check(&shown)?;
        let inline = |part: &'_ Value| part["inlineData"]["data"].as_str().or(part["inline_data"]["data"].as_str()).map(str::to_owned);
        let Some(data) = self.parts().find_map(inline) else {
            return Err(self.refused(format!("it gives words instead of a picture: {}", shown(&self.words()))));
        };
        let bytes = STANDARD.decode(data).map_err(|_| self.unusable("its picture is not readable"))?;
        let ending = match bytes.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => "png",
            [0xff, 0xd8, 0xff, ..] => "jpg",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
            _ => return Err(self.unusable("what it gives is no picture")),
        };
        Ok((bytes, ending))
    }
}
