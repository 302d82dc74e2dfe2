//! What only MiniMax says.

use super::bytes_of;
use crate::providers::answering_tests::{Stand, Who};
use rushes_core::Code;
use rushes_core::ledger::AttemptState;
use rushes_testkit::answers::Planned;
use serde_json::{Value, json};

fn base(code: i64, words: &str) -> Value {
    json!({"data": null, "base_resp": {"status_code": code, "status_msg": words}})
}

#[tokio::test]
async fn minimax_refusals_are_told_in_its_words_though_it_answers_200() {
    let mut stand = Stand::new(Who::MiniMax).await;
    for (code, words, expected, said) in [
        (1_026, "input new_sensitive", Code::ProviderRefused, "input new_sensitive"),
        (2_013, "invalid params", Code::ProviderRefused, "invalid params"),
        (1_008, "insufficient balance", Code::ProviderRefused, "cannot pay"),
        (1_004, "login fail for answers-key-one", Code::ProviderRefused, "key is not taken"),
        (2_049, "invalid api key", Code::ProviderRefused, "key is not taken"),
        (1_002, "rate limit", Code::ProviderBusy, "rate limit"),
        (2_056, "usage limit exceeded", Code::ProviderBusy, "usage limit"),
    ] {
        let fault = stand.refuses(Planned::Refused(200, base(code, words), None), expected, said).await;
        assert_eq!(fault.is_transient(), expected == Code::ProviderBusy, "{fault}");
    }
    assert_eq!(stand.ledger.spent_micros(), 0, "what it refuses before it begins costs nothing");
    stand.refuses(Planned::Refused(401, json!({"error": "unknown"}), None), Code::ProviderRefused, "key is not taken").await;
}

#[tokio::test]
async fn minimax_troubles_of_its_own_leave_open_what_became_of_it() {
    for code in [1_000, 1_001, 1_024, 1_033] {
        let mut stand = Stand::new(Who::MiniMax).await;
        stand.server.plan(Planned::Refused(200, base(code, "internal error"), None));
        assert_eq!(stand.make().await.unwrap_err().code, Code::AnswerLost, "{code}");
        assert_eq!(stand.make().await.unwrap_err().code, Code::NeedsReconcile, "{code}");
        assert_eq!((stand.server.asked(), stand.states()), (1, vec![AttemptState::Unknown]), "{code}");
    }
}

#[tokio::test]
async fn minimax_output_that_it_refuses_counts_as_paid() {
    let mut stand = Stand::new(Who::MiniMax).await;
    let words = "output new_sensitive";
    stand.refuses(Planned::Says(base(1_027, words)), Code::ProviderRefused, words).await;
    assert!(stand.ledger.spent_micros() > 0, "it was made");
}

#[tokio::test]
async fn minimax_is_asked_for_another_piece_where_there_is_none() {
    let mut stand = Stand::new(Who::MiniMax).await;
    let audio = |text: &str| json!({"data": {"audio": text, "status": 2}, "base_resp": {"status_code": 0, "status_msg": "success"}});
    stand.server.plan(Planned::Says(audio("")));
    stand.server.plan(Planned::Says(audio("fffbzz")));
    assert_eq!(stand.make().await.unwrap(), "minimax.mp3");
    assert_eq!(stand.states(), [AttemptState::Failed, AttemptState::Failed, AttemptState::Done]);
    let told = stand.server.carried().remove(0).told;
    assert_eq!((&told["is_instrumental"], &told["output_format"], &told["seed"]), (&json!(true), &json!("hex"), &json!(null)));
    assert!(told["prompt"].as_str().unwrap().contains("124.0 beats"), "{told}");
}

#[test]
fn minimax_hex_is_read_whole_or_not_at_all() {
    assert_eq!(bytes_of("00fFa0"), Some(vec![0x00, 0xff, 0xa0]));
    assert_eq!((bytes_of("0"), bytes_of("0g"), bytes_of("é0")), (None, None, None));
}
