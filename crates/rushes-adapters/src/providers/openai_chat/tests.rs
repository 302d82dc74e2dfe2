//! What only chat servers say.

use super::{OpenAiChat, OpenAiChatSettings};
use crate::http::HttpOptions;
use crate::providers::answering_tests::{Stand, Who};
use rushes_core::Code;
use rushes_testkit::answers::{Answers, Planned};
use serde_json::json;

#[tokio::test]
async fn chat_refusals_are_told_in_its_words() {
    let refused = Code::ProviderRefused;
    for who in [Who::Chat, Who::ChatTalk] {
        let mut stand = Stand::new(who).await;
        let mut declined = Answers::chat_says("", "stop");
        declined["choices"][0]["message"]["refusal"] = json!("I can't help with that.");
        stand.refuses(Planned::Says(declined), refused, "can't help").await;
        let busy = stand.refuses(Planned::Refused(429, json!({"detail": "slow down"}), Some(3)), Code::ProviderBusy, "slow down").await;
        assert_eq!(busy.retry_after_ms, Some(3_000));
        let told = stand.server.asked();
        stand.make().await.unwrap();
        assert_eq!(stand.server.asked(), told + 1, "asked again as it was");
    }
    let mut stand = Stand::new(Who::Chat).await;
    let mut declined = Answers::chat_says("", "stop");
    declined["choices"][0]["message"]["refusal"] = json!("I can't help with that.");
    stand.refuses(Planned::Says(declined), refused, "can't help").await;
    stand.refuses(Planned::Says(Answers::chat_says("{\"given_names\": [", "length")), refused, "cut off").await;
    stand.refuses(Planned::Says(Answers::chat_says("", "content_filter")), refused, "content_filter").await;
    stand.refuses(Planned::Says(json!({"error": "model runner has stopped"})), refused, "model runner").await;
    let mut cannot = Answers::character();
    cannot["cannot"] = json!("That is a real person.");
    stand.refuses(Planned::Says(Answers::chat_says(&cannot.to_string(), "stop")), refused, "a real person").await;
    let poor = json!({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}});
    stand.refuses(Planned::Refused(429, poor, None), refused, "cannot pay").await;
    let busy = stand.refuses(Planned::Refused(429, json!({"detail": "slow down"}), Some(3)), Code::ProviderBusy, "slow down").await;
    assert_eq!(busy.retry_after_ms, Some(3_000));
    let missing = json!({"error": {"message": "model \"x\" not found, try pulling it first"}});
    stand.refuses(Planned::Refused(404, missing, None), refused, "try pulling").await;
}

#[tokio::test]
async fn chat_servers_of_this_machine_are_asked_without_a_key() {
    let mut stand = Stand::new(Who::Chat).await;
    stand.keys.clear();
    stand.make().await.unwrap();
    assert_eq!(stand.server.carried()[0].key, "");
    stand.keys = vec!["wrong-key-of-somebody".into()];
    let other = &mut Stand::new(Who::Chat).await;
    other.keys.clone_from(&stand.keys);
    let fault = other.make().await.unwrap_err();
    assert!(fault.code == Code::ProviderRefused && fault.to_string().contains("key is not taken"), "{fault}");
    assert!(!fault.to_string().contains("wrong-key"), "it is repeated by the server, and not shown: {fault}");
}

#[test]
fn chat_servers_elsewhere_need_a_key_and_a_certificate() {
    let of = |endpoint: &str, key: Option<&str>| {
        let settings = OpenAiChatSettings { key: key.map(str::to_owned), endpoint: Some(endpoint.into()), model: "m" };
        OpenAiChat::new(&settings, HttpOptions::default()).map(|_| ()).map_err(|fault| fault.get("setting").unwrap_or_default().to_owned())
    };
    assert_eq!(of("http://localhost:11434/v1/", None), Ok(()));
    assert_eq!(of("https://api.openai.com", Some("k")), Ok(()));
    assert_eq!(of("https://api.openai.com", None), Err("providers.openai_chat.key".into()));
    assert_eq!(of("http://10.0.0.3:8000", Some("k")), Err("providers.openai_chat.endpoint".into()));
}
