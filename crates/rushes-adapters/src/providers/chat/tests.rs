//! What a model is told after an answer of no use.

use super::*;
use rushes_core::provider::Shape;
use serde_json::json;

fn request() -> ChatRequest {
    ChatRequest {
        kind: "reply".into(),
        instruction: "Reply.".into(),
        messages: vec![ChatMessage { role: ChatRole::User, content: "Hello".into() }],
        shape: Shape::object([("reply", Shape::Text { least: 1, most: 5_000 })]),
        seed: 1,
        max_tokens: 100,
    }
}

#[test]
fn chat_takes_what_keeps_to_the_schema_and_nothing_else() {
    let reply = json!({"reply": "Hi"});
    for words in ["{\"reply\": \"Hi\"}", "```json\n{\"reply\": \"Hi\"}\n```", " ```\n{\"reply\":\"Hi\"}``` "] {
        assert_eq!(read(words, &request()).unwrap(), reply, "{words}");
    }
    for (words, says) in [("Hi", "no JSON"), ("{\"reply\": 5}", "the answer.reply is no text"), ("{\"reply\": \"\"}", "0 characters")] {
        let fault = read(words, &request()).unwrap_err();
        assert!(fault.code == Code::ProviderDown && fault.to_string().contains(says), "{words}: {fault}");
    }
}

#[test]
fn chat_hands_an_answer_of_no_use_back_with_the_reason_and_a_refusal_never() {
    let asked = request().messages;
    assert_eq!(turns(&request(), None), asked);
    let again = turns(&request(), Some(Ok(format!("{{\"reply\": 5}}{}", " ".repeat(10_000)))));
    assert_eq!((again.len(), again[1].role, again[1].content.len()), (3, ChatRole::Assistant, SHOWN_MAX_CHARS));
    assert!(again[2].role == ChatRole::User && again[2].content.contains("the answer.reply is no text"), "{again:?}");
    let nothing = Fault::new(Code::ProviderDown, OPERATION).because("it says nothing");
    assert_eq!(turns(&request(), Some(Err(nothing))).len(), 2, "there are no words to show");
    let refused = Fault::new(Code::ProviderRefused, OPERATION).because("I would rather not");
    assert_eq!(turns(&request(), Some(Err(refused))), asked, "nothing is done against a refusal");
}
