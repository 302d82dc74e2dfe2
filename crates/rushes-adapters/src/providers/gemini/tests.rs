//! What only Gemini says, and its keys.

use crate::providers::answering_tests::{Stand, Who};
use rushes_core::Code;
use rushes_testkit::answers::{Answers, Planned};
use serde_json::{Value, json};

fn says(json: Value) -> Planned {
    Planned::Says(json)
}

#[tokio::test]
async fn gemini_refusals_are_told_in_its_words() {
    for who in [Who::GeminiText, Who::GeminiImage, Who::GeminiTalk] {
        let mut stand = Stand::new(who).await;
        let refused = Code::ProviderRefused;
        let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "not allowed here"}});
        stand.refuses(says(blocked), refused, "PROHIBITED_CONTENT not allowed here").await;
        stand.refuses(says(json!({"usageMetadata": {}})), refused, "answers with nothing").await;
        stand.refuses(says(Answers::gemini_says("I would rather not", "SAFETY")), refused, "SAFETY I would rather not").await;
        stand.refuses(says(Answers::gemini_says("{\"given", "MAX_TOKENS")), refused, "cut off").await;
        stand.refuses(says(json!({"error": {"message": "model overloaded inside"}})), refused, "overloaded inside").await;
        let invalid = json!({"error": {"code": 400, "message": "Image size is not supported", "status": "INVALID_ARGUMENT"}});
        stand.refuses(Planned::Refused(400, invalid, None), refused, "not supported").await;
        stand
            .refuses(Planned::Refused(403, json!({"error": {"message": "denied for answers-key-one"}}), None), refused, "key is not taken")
            .await;
    }
    let mut stand = Stand::new(Who::GeminiImage).await;
    stand.refuses(says(Answers::gemini_says("Here is a poem instead", "STOP")), Code::ProviderRefused, "a poem instead").await;
}

#[tokio::test]
async fn gemini_keys_take_turns_where_a_limit_is_reached() {
    let mut stand = Stand::new(Who::GeminiText).await;
    stand.keys = Answers::KEYS[..2].iter().map(|key| (*key).to_owned()).collect();
    stand.server.exhaust(Answers::KEYS[0], 40);
    stand.make().await.unwrap();
    assert_eq!(stand.server.carried()[0].key, Answers::KEYS[1]);
    assert_eq!(stand.server.asked(), 2);

    let mut full = Stand::new(Who::GeminiText).await;
    full.keys = stand.keys.clone();
    full.server.exhaust(Answers::KEYS[0], 40);
    full.server.exhaust(Answers::KEYS[1], 7);
    let fault = full.make().await.unwrap_err();
    assert_eq!((fault.code, fault.retry_after_ms), (Code::ProviderBusy, Some(7_000)), "as long as the one that is free first: {fault}");
    assert!(full.server.carried().is_empty());
}

#[tokio::test]
async fn gemini_leaves_a_key_alone_whose_limit_is_reached() {
    use super::super::at_once::Answering;
    use rushes_core::provider::{Call, ConceptRequest};
    let mut stand = Stand::new(Who::GeminiText).await;
    stand.keys = Answers::KEYS[..2].iter().map(|key| (*key).to_owned()).collect();
    stand.server.exhaust(Answers::KEYS[0], 40);
    let gemini = stand.gemini();
    let call = Call::alone("job/step", stand.folder.path(), stand.cancel.clone());
    let request = ConceptRequest { seed: 1, draw: 0, style: "lofi".into(), name: None, wish: None };
    for number in 0..2 {
        gemini.send(&request, &call, &stand.folder.path().join(number.to_string())).await.unwrap();
    }
    assert_eq!(stand.server.asked(), 3, "the first key is asked once");
}

#[tokio::test]
async fn gemini_says_which_key_is_not_taken() {
    let mut stand = Stand::new(Who::GeminiText).await;
    stand.keys = vec![Answers::KEYS[0].to_owned(), "wrong-key".to_owned()];
    stand.server.exhaust(Answers::KEYS[0], 40);
    let fault = stand.make().await.unwrap_err();
    assert_eq!((fault.code, fault.get("key")), (Code::ProviderRefused, Some("2 of 2")), "{fault}");
    assert!(fault.to_string().contains("not valid") && !fault.to_string().contains("wrong-key"), "{fault}");
}
