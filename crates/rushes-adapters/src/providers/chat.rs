//! Asking a language model for an answer in a shape: what it is told after an answer that had another one, and what of its
//! words is taken.

#[cfg(test)]
mod tests;

use super::concept::unfenced;
use rushes_core::provider::{ChatMessage, ChatRequest, ChatRole};
use rushes_core::{Code, Fault};
use serde_json::Value;

pub(super) const OPERATION: &str = "answer in shape";
/// Of an answer that is of no use, the model is shown so many characters at most: it may have run on for ever.
const SHOWN_MAX_CHARS: usize = 4_000;

/// The conversation as it is sent. `before` is what the last answer of this call says: it is handed back with the reason why
/// it was of no use.
pub(super) fn turns(request: &ChatRequest, before: Option<Result<String, Fault>>) -> Vec<ChatMessage> {
    let mut turns = request.messages.clone();
    let (said, fault) = match before {
        Some(Ok(words)) => match read(&words, request) {
            Ok(_) => return turns,
            Err(fault) => (words, fault),
        },
        Some(Err(fault)) => (String::new(), fault),
        None => return turns,
    };
    // What was refused is asked again as it was: nothing is said to change the model's mind.
    if fault.code != Code::ProviderDown {
        return turns;
    }
    if !said.trim().is_empty() {
        turns.push(ChatMessage { role: ChatRole::Assistant, content: said.chars().take(SHOWN_MAX_CHARS).collect() });
    }
    let reason = fault.reason.unwrap_or_default();
    let content = format!("That answer is of no use: {reason}. Answer again, with JSON alone that keeps to the schema.");
    turns.push(ChatMessage { role: ChatRole::User, content });
    turns
}

/// The answer that the model's words hold. Errors: `provider_down` where they have another shape: another answer may have it.
pub(super) fn read(words: &str, request: &ChatRequest) -> Result<Value, Fault> {
    let broken = |reason: String| Fault::new(Code::ProviderDown, OPERATION).because(reason);
    let answer: Value = serde_json::from_str(unfenced(words)).map_err(|e| broken(format!("it is no JSON: {e}")))?;
    request.shape.check(&answer).map_err(broken)?;
    Ok(answer)
}
