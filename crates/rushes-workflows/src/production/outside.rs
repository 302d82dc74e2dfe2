//! A production as somebody outside asks for it.

use super::{COUNT_MAX, Input, REFERENCES, SEED_MAX, check};
use crate::character;
use crate::outside::{Outside, Planned};
use rushes_core::{Code, Fault};
use serde_json::{Value, json};
use std::path::Path;

/// References in one production at most: each is a dance of each character.
const REFERENCES_MAX: usize = 20;

pub(super) const OUTSIDE: Outside = Outside { schema, read, plan };

fn schema() -> Value {
    let styles: Vec<&str> = rushes_media::music::style_names().collect();
    let usual = Input::default();
    let switch = |usual: bool, what: &str| json!({"type": "boolean", "default": usual, "description": what});
    json!({
        "type": "object", "additionalProperties": false, "required": ["count"],
        "properties": {
            "count": {"type": "integer", "minimum": 1, "maximum": COUNT_MAX, "description": "How many characters."},
            "seed": {"type": "integer", "minimum": 0, "maximum": SEED_MAX, "description": "Equal seeds give equal productions; none = a fresh one."},
            "style_id": {"type": "string", "enum": styles, "default": usual.style_id, "description": "The style of characters and music."},
            "reference_videos": {"type": "array", "items": {"type": "string"}, "maxItems": REFERENCES_MAX, "default": usual.reference_videos,
                                 "description": "Names in the reference library, one dance each; none = three from the library."},
            "skip_existing": switch(usual.skip_existing, "A concept whose name exists is passed over; false: that character gets new versions."),
            "generate_variants": switch(usual.generate_variants, "Outfit variants."),
            "create_soundtracks": switch(usual.create_soundtracks, "Soundtrack versions."),
            "apply_watermark": switch(usual.apply_watermark, "The watermarked version."),
            "redo": {"type": "integer", "minimum": 0, "maximum": u32::MAX, "default": usual.redo,
                     "description": "Another number makes everything anew that equal inputs would reuse."},
        },
    })
}

fn refuse(reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::InputInvalid, "start production").because(reason)
}

fn read(said: &Value, seed: u64, library: &Path) -> Result<Value, Fault> {
    let said = said.as_object().ok_or_else(|| refuse("the parameters are an object"))?;
    let mut whole = serde_json::to_value(Input { seed, ..Input::default() }).map_err(refuse)?;
    // How many is always said.
    whole.as_object_mut().and_then(|whole| whole.remove("count"));
    for (name, value) in said {
        whole[name] = value.clone();
    }
    let input: Input = serde_json::from_value(whole).map_err(refuse)?;
    check_from_outside(&input, library)?;
    serde_json::to_value(input).map_err(refuse)
}

/// As [`check`], for what somebody outside asks: on the command line a path is a file of who types it; from outside only
/// names of the library are taken, and not without end. Errors: `input_invalid`, `reference_unknown`.
pub fn check_from_outside(input: &Input, library: &Path) -> Result<(), Fault> {
    if let Some(path) = input.reference_videos.iter().find(|name| name.contains(['/', '\\'])) {
        return Err(refuse(format!("{path:?} is a path; give a name of the reference library")));
    }
    if input.reference_videos.len() > REFERENCES_MAX {
        return Err(refuse(format!("there are {} references, and may be {REFERENCES_MAX}", input.reference_videos.len())));
    }
    if input.seed > SEED_MAX {
        return Err(refuse(format!("seed may be 0 to {SEED_MAX}")));
    }
    check(input, library)
}

fn plan(parameters: &Value) -> Vec<Planned> {
    let Ok(input) = serde_json::from_value::<Input>(parameters.clone()) else { return Vec::new() };
    let references = if input.reference_videos.is_empty() { REFERENCES } else { input.reference_videos.len() };
    let variants: &[&str] = if input.generate_variants { &character::VARIANTS } else { &[] };
    let mut planned = vec![Planned { workflow: super::CARD.name, step: "references".into(), times: 1 }];
    let steps = character::steps(references, variants, input.create_soundtracks, input.apply_watermark);
    planned.extend(steps.into_iter().map(|step| Planned { workflow: character::CARD.name, step, times: input.count }));
    planned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_productions_need_a_count_only_and_take_no_paths() {
        let folder = tempfile::tempdir().unwrap();
        let read = |said: Value| read(&said, 7, folder.path());
        let input = read(json!({"count": 2, "style_id": "lofi"})).unwrap();
        assert_eq!(
            (&input["count"], &input["seed"], &input["style_id"], &input["skip_existing"]),
            (&json!(2), &json!(7), &json!("lofi"), &json!(true))
        );
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        for (bad, says) in [
            (json!({}), "count"),
            (json!([]), "object"),
            (json!({"count": 11}), "1 to 10"),
            (json!({"count": 1, "more": 1}), "unknown field"),
            (json!({"count": 1, "style_id": "polka"}), "kpop_dance"),
            (json!({"count": 1, "seed": SEED_MAX + 1}), "seed may be"),
            (json!({"count": 1, "reference_videos": ["/etc/passwd"]}), "is a path"),
            (json!({"count": 1, "reference_videos": ["../x"]}), "is a path"),
            (json!({"count": 1, "reference_videos": many}), "may be 20"),
            (json!({"count": 1, "reference_videos": ["nobody"]}), "library is empty"),
        ] {
            let fault = read(bad.clone()).unwrap_err();
            assert!(fault.to_string().contains(says), "{bad}: {fault}");
        }
    }

    #[test]
    fn outside_schemas_name_every_parameter() {
        let input = read(&json!({"count": 1}), 7, Path::new("/nowhere")).unwrap();
        let schema = schema();
        let named: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(named, input.as_object().unwrap().keys().collect::<Vec<_>>());
    }
}
