//! What may be said, and what is refused before anybody is asked.

use super::*;
use rushes_media::music::Styles;
use std::path::Path;

fn read(said: &Value) -> Result<Value, Fault> {
    let styles = Styles::builtin();
    let door = Door { seed: 7, references: Path::new("/library"), styles: &styles, may_name_files: false };
    (CARD.outside.unwrap().read)(said, &door)
}

fn talk(count: usize, content: &str) -> Value {
    let one = |index| json!({"role": if index % 2 == 0 { "user" } else { "assistant" }, "content": content});
    json!({"mode": "conversation", "messages": (0..count).map(one).collect::<Vec<_>>()})
}

#[test]
fn chat_fills_in_what_is_usual() {
    let whole = read(&json!({"text": "a cat"})).unwrap();
    assert_eq!(whole, json!({"mode": "enhance", "text": "a cat", "messages": [], "ideas": 5, "seed": 7}));
    assert_eq!(read(&talk(39, "hello")).unwrap()["messages"].as_array().unwrap().len(), 39);
    let one: Input = serde_json::from_value(read(&json!({"mode": "conversation", "text": "Hi"})).unwrap()).unwrap();
    assert_eq!(one.conversation(), [ChatMessage { role: ChatRole::User, content: "Hi".into() }]);
}

#[test]
fn chat_refuses_what_nobody_could_answer_and_says_why() {
    let message = |role: &str| json!({"mode": "conversation", "messages": [{"role": role, "content": "x"}]});
    for (said, says) in [
        (json!({}), "text is missing"),
        (json!({"text": " "}), "text is empty"),
        (json!({"text": "x".repeat(2_001)}), "longer than 2000"),
        (json!({"mode": "sing", "text": "x"}), "enhance"),
        (json!({"mode": "brainstorm"}), "text is missing"),
        (json!({"mode": "brainstorm", "text": "rain", "ideas": 11}), "1 to 10"),
        (json!({"mode": "brainstorm", "text": "rain", "ideas": 0}), "1 to 10"),
        (json!({"mode": "brainstorm", "text": "rain", "negative_prompt": "mud"}), "negative_prompt is for mode enhance"),
        (json!({"mode": "conversation"}), "at least one message"),
        (json!({"text": "x", "messages": [{"role": "user", "content": "y"}]}), "not both"),
        (json!({"messages": [{"role": "user", "content": "y"}]}), "for mode conversation"),
        (message("system"), "user"),
        (message("assistant"), "its role is user"),
        (json!({"mode": "conversation", "messages": [{"role": "user", "content": " "}]}), "is empty"),
        (json!({"mode": "conversation", "messages": [{"role": "user"}]}), "content"),
        (json!({"mode": "conversation", "messages": "Hi"}), "a list of objects"),
        (json!({"mode": "conversation", "messages": [{"role": "user", "content": "y", "tool": 1}]}), "unknown field"),
        (talk(41, "x"), "may be 40"),
        (talk(11, &"\u{e4}".repeat(2_000)), "22000 characters"),
    ] {
        let fault = read(&said).unwrap_err();
        assert_eq!(fault.code, Code::InputInvalid, "{said}");
        assert!(fault.to_string().contains(says), "{said} says: {fault}");
    }
    read(&talk(9, &"\u{e4}".repeat(2_222))).unwrap();
}
