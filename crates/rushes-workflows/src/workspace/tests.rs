//! Tests of what may be asked for.

use super::*;

fn input(kind: &str, config: Value) -> Input {
    let said = json!({"type": kind, "user_id": "u", "prompt": "an adult in a teal coat", "config": config});
    serde_json::from_value(said).unwrap()
}

#[test]
fn workspace_jobs_say_how_many_how_large_and_from_which_seed() {
    let high = input("sdxl_image_high", json!({"num_images": 6, "seed": 7, "resolution": "832*1216", "guidance_scale": 6.5, "theme": "x"}));
    let wanted = Wanted::of(&high).unwrap();
    assert_eq!((wanted.count, wanted.seed, wanted.of.family), (6, Some(7), "sdxl"));
    let inputs = wanted.inputs(&high);
    assert_eq!(inputs["width"], 832);
    assert_eq!(inputs["height"], 1216);
    assert_eq!(inputs["num_inference_steps"], 50);
    assert_eq!(inputs["guidance_scale"], 6.5);
    assert!(!inputs.contains_key("frames") && !inputs.contains_key("negative_prompt"), "what is not said is the graph's own");
    let film = input("video_fast", json!({"first_frame": "u/j/0.png", "frames": 33}));
    let wanted = Wanted::of(&film).unwrap();
    assert_eq!((wanted.count, wanted.seed, wanted.of.family), (1, None, "wan22"));
    assert_eq!(wanted.inputs(&film)["switch_step"], 10);
}

#[test]
fn workspace_jobs_that_cannot_be_are_refused_with_what_may_be_said() {
    for (kind, config, says) in [
        ("image_slow", json!({}), "sdxl_image_fast"),
        ("image_fast", json!({"num_images": 17}), "1 to 16"),
        ("image_fast", json!({"num_images": "3"}), "1 to 16"),
        ("image_fast", json!({"seed": -1}), "config.seed"),
        ("image_fast", json!({"resolution": "large"}), "1024x1024"),
        ("image_fast", json!({"resolution": "8x8"}), "64 to 4096"),
        ("image_fast", json!({"guidance_scale": "high"}), "0 to 50"),
        ("video_fast", json!({}), "first_frame is missing"),
        ("video_fast", json!({"first_frame": "a", "num_images": 3}), "a film is one"),
        ("video_fast", json!({"first_frame": "a", "frames": 80}), "4 k + 1"),
        ("video_fast", json!({"first_frame": 7}), "first_frame"),
        ("chat_conversation", json!({"messages": [{"role": "system", "content": "x"}]}), "user or assistant"),
    ] {
        let fault = Wanted::of(&input(kind, config.clone())).unwrap_err();
        assert!(fault.to_string().contains(says), "{kind} {config}: {fault}");
    }
}
