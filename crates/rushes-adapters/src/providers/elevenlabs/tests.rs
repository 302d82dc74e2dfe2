//! What only ElevenLabs says.

use crate::providers::answering_tests::{Stand, Who};
use rushes_core::Code;
use rushes_testkit::answers::Planned;
use serde_json::json;

#[tokio::test]
async fn elevenlabs_refusals_are_told_in_its_words() {
    let mut stand = Stand::new(Who::ElevenLabs).await;
    let refused = Code::ProviderRefused;
    let said = |status: &str, message: &str| json!({"detail": {"status": status, "message": message}});
    stand.refuses(Planned::Refused(422, said("bad_prompt", "Your prompt names an artist."), None), refused, "names an artist").await;
    stand.refuses(Planned::Refused(422, json!({"detail": [{"msg": "field required"}]}), None), refused, "field required").await;
    stand.refuses(Planned::Refused(401, said("quota_exceeded", "0 credits remain"), None), refused, "cannot pay").await;
    stand.refuses(Planned::Refused(401, said("invalid_api_key", "Invalid API key"), None), refused, "key is not taken").await;
    stand.refuses(Planned::Refused(429, said("too_many_concurrent_requests", "too many"), None), Code::ProviderBusy, "too many").await;
    stand.refuses(Planned::Says(said("bad_prompt", "not like this")), refused, "not like this").await;
}

#[tokio::test]
async fn elevenlabs_is_told_how_long_and_that_nobody_sings() {
    let mut stand = Stand::new(Who::ElevenLabs).await;
    stand.make().await.unwrap();
    let told = stand.server.carried().remove(0).told;
    assert_eq!((&told["music_length_ms"], &told["force_instrumental"], &told["seed"]), (&json!(12_000), &json!(true), &json!(null)));
    assert!(told["prompt"].as_str().unwrap().contains("124.0 beats"), "{told}");
}
