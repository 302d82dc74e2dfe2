//! What ComfyUI's refusals and errors mean, in its words.

use super::graph::missing;
use crate::http::words;
use http::StatusCode;
use rushes_core::{Code, Fault, Verdict};
use serde_json::Value;

/// In the context of a fault: the type of the exception there.
const EXCEPTION: &str = "exception";

/// Why a graph was not taken.
pub(super) fn refusal(status: StatusCode, said: &Value) -> Fault {
    let fault = Fault::new(Code::ProviderRefused, "order prompt");
    let nodes = said["node_errors"].as_object();
    for (node, told) in nodes.into_iter().flatten() {
        let Some(error) = told["errors"].as_array().and_then(|errors| errors.first()) else { continue };
        let class = told["class_type"].as_str().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let reason = if error["type"] == "value_not_in_list" {
            let extra = &error["extra_info"];
            let config = &extra["input_config"];
            let list = config[0].as_array().or_else(|| config[1]["options"].as_array());
            let others: Vec<&str> = list.into_iter().flatten().filter_map(Value::as_str).collect();
            missing(&text(&extra["input_name"]), &text(&extra["received_value"]), &others)
        } else {
            format!("{}: {}", text(&error["message"]), text(&error["details"]))
        };
        return fault.with("node", format!("{node} ({class})")).because(words(reason.as_bytes()));
    }
    let error = &said["error"];
    let parts = [&error["message"], &error["details"]].map(|part| part.as_str().unwrap_or_default());
    let said = match parts {
        ["", ""] => said.to_string(),
        [message, ""] => message.to_owned(),
        [message, details] => format!("{message} ({details})"),
    };
    fault.because(format!("ComfyUI answers {}: {}", status.as_u16(), words(said.as_bytes())))
}

/// Why a prompt came to nothing. `messages`: the history's.
pub(super) fn failure(messages: &Value) -> Fault {
    let find = |kind: &str| messages.as_array()?.iter().find(|message| message[0] == kind).map(|message| &message[1]);
    let fault = Fault::new(Code::ProviderRefused, "make by ComfyUI");
    if find("execution_interrupted").is_some() {
        return fault.because("somebody interrupted it there; start the job again");
    }
    let Some(error) = find("execution_error") else { return fault.because("ComfyUI gives no reason") };
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let exception = text("exception_type");
    let said = format!("{exception}: {}", text("exception_message"));
    let fault = fault.with("node", format!("{} ({})", text("node_id"), text("node_type"))).with(EXCEPTION, exception);
    let fault = fault.because(words(said.as_bytes()));
    // Others may have had the card's memory for a while.
    if is_out_of_memory(&fault) { fault.verdict(Verdict::Transient) } else { fault }
}

/// Whether the card's memory was too small for it at that time.
pub(super) fn is_out_of_memory(fault: &Fault) -> bool {
    fault.get(EXCEPTION).is_some_and(|exception| exception.ends_with("OutOfMemoryError"))
}
