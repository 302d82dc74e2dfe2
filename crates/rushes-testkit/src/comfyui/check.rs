//! What a graph is checked for before it is queued, and in which words it is refused.

use super::nodes::{Node, Sort, find};
use super::state::Shared;
use serde_json::{Map, Value, json};

/// What the checks come to: the outputs that will be made, and what is wrong with nodes.
pub(super) struct Checked {
    pub(super) outputs: Vec<String>,
    pub(super) node_errors: Map<String, Value>,
}

fn refusal(kind: &str, message: &str, details: &str, node_errors: &Map<String, Value>) -> Value {
    json!({"error": {"type": kind, "message": message, "details": details, "extra_info": {}}, "node_errors": node_errors})
}

/// Checks what leads to an output; the rest of a graph is not looked at. Err: the body of the 400.
pub(super) fn check(shared: &Shared, graph: &Map<String, Value>) -> Result<Checked, Value> {
    let none = Map::new();
    let mut outputs = Vec::new();
    for (id, node) in graph {
        let place = format!("Node ID '#{id}'");
        let Some(class) = node["class_type"].as_str() else {
            let words = "Cannot execute because a node is missing the class_type property.";
            return Err(refusal("invalid_prompt", words, &place, &none));
        };
        let Some(known) = find(class) else {
            if super::nodes::is_passed_over(class) {
                continue;
            }
            let words = format!("Cannot execute because node {class} does not exist.");
            return Err(refusal("invalid_prompt", &words, &place, &none));
        };
        if known.is_output {
            outputs.push(id.clone());
        }
    }
    if outputs.is_empty() {
        return Err(refusal("prompt_no_outputs", "Prompt has no outputs", "", &none));
    }
    let mut node_errors = Map::new();
    let mut good = Vec::new();
    for output in &outputs {
        let mut wrong = Vec::new();
        look(shared, graph, output, &mut wrong, 0);
        if wrong.is_empty() {
            good.push(output.clone());
        }
        for (id, error) in wrong {
            let class = &graph[&id]["class_type"];
            let told = node_errors.entry(id).or_insert_with(|| json!({"errors": [], "dependent_outputs": [], "class_type": class}));
            for (list, value) in [("errors", error), ("dependent_outputs", json!(output))] {
                let list = told[list].as_array_mut().expect("made as one");
                if !list.contains(&value) {
                    list.push(value);
                }
            }
        }
    }
    if good.is_empty() {
        return Err(refusal("prompt_outputs_failed_validation", "Prompt outputs failed validation", "", &node_errors));
    }
    Ok(Checked { outputs: good, node_errors })
}

/// Deeper than any graph of sense; a ring ends here.
const DEEPEST: usize = 200;

fn look(shared: &Shared, graph: &Map<String, Value>, id: &str, wrong: &mut Vec<(String, Value)>, depth: usize) {
    let Some(told) = graph.get(id) else { return };
    let Some(node) = told["class_type"].as_str().and_then(find) else { return };
    for (name, sort, is_required) in node.inputs() {
        let given = &told["inputs"][name];
        let mut refuse = |kind: &str, message: &str, details: String, more: Value| {
            let mut extra = Map::from_iter([("input_name".to_owned(), json!(name)), ("input_config".to_owned(), sort.told(shared))]);
            extra.extend(more.as_object().cloned().unwrap_or_default());
            wrong.push((id.to_owned(), json!({"type": kind, "message": message, "details": details, "extra_info": extra})));
        };
        let source = given.as_array().filter(|link| link.len() == 2).and_then(|link| Some((link[0].as_str()?, link[1].as_u64()?)));
        match (given, source) {
            (Value::Null, _) if is_required => refuse("required_input_missing", "Required input is missing", name.to_owned(), Value::Null),
            (Value::Null, _) => {}
            (_, Some((from, slot))) => {
                let gives = graph.get(from).and_then(|node| find(node["class_type"].as_str()?)).map(|node: &Node| node.gives);
                let given_type = gives.and_then(|gives| gives.get(usize::try_from(slot).ok()?));
                match (sort, given_type) {
                    (Sort::Link(wanted), Some(given_type)) if *given_type != wanted => {
                        let details = format!("{name}, received_type({given_type}) mismatch input_type({wanted})");
                        refuse("return_type_mismatch", "Return type mismatch between linked nodes", details, Value::Null);
                    }
                    _ if depth < DEEPEST => look(shared, graph, from, wrong, depth + 1),
                    _ => refuse("dependency_cycle", "Dependency cycle detected", from.to_owned(), Value::Null),
                }
            }
            _ => {
                if let Err((kind, message, details)) = value(shared, name, sort, given) {
                    refuse(kind, message, details, json!({"received_value": given}));
                }
            }
        }
    }
}

type Wrong = (&'static str, &'static str, String);

/// A value that is no link.
fn value(shared: &Shared, name: &str, sort: Sort, given: &Value) -> Result<(), Wrong> {
    let bounds = |number: f64, min: f64, max: f64| match number {
        small if small < min => {
            Err(("value_smaller_than_min", "Value smaller than min", format!("Value {small} smaller than min of {min}")))
        }
        large if large > max => Err(("value_bigger_than_max", "Value bigger than max", format!("Value {large} bigger than max of {max}"))),
        _ => Ok(()),
    };
    let no_number =
        |what: &str| Err(("invalid_input_type", "Failed to convert an input value to a number", format!("{name}, {given}, no {what}")));
    match sort {
        #[expect(clippy::cast_precision_loss, reason = "bounds are compared, not kept")]
        Sort::Int(min, max, _) => given.as_f64().map_or_else(|| no_number("INT"), |number| bounds(number, min as f64, max as f64)),
        Sort::Float(min, max) => given.as_f64().map_or_else(|| no_number("FLOAT"), |number| bounds(number, min, max)),
        Sort::OneOf(_) | Sort::Combo(_) | Sort::Model(_) => {
            let values = sort.values(shared);
            let word = given.as_str().unwrap_or_default();
            if values.iter().any(|value| value == word) {
                return Ok(());
            }
            let listed = values.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", ");
            Err(("value_not_in_list", "Value not in list", format!("{name}: '{word}' not in [{listed}]")))
        }
        Sort::Upload => {
            let file = given.as_str().unwrap_or_default();
            if shared.home.join("input").join(file).is_file() {
                return Ok(());
            }
            let words = format!("{name} - Invalid image file: {file}");
            Err(("custom_validation_failed", "Custom validation failed for node", words))
        }
        Sort::Link(wanted) => {
            Err(("bad_linked_input", "Bad linked input, must be a length-2 list of [node_id, slot_index]", format!("{name}, {wanted}")))
        }
        Sort::Text => Ok(()),
    }
}
