//! What only Lyria says, and its tokens.

use super::{Lyria, LyriaSettings};
use crate::google::Credentials;
use crate::http::HttpOptions;
use crate::providers::answering_tests::{Stand, Who};
use rushes_core::Code;
use rushes_testkit::answers::Planned;
use serde_json::json;

#[tokio::test]
async fn lyria_refusals_are_told_in_its_words() {
    let mut stand = Stand::new(Who::Lyria).await;
    let refused = Code::ProviderRefused;
    let recited = json!({"error": {"code": 400, "message": "Audio generation failed: recitation checks", "status": "INVALID_ARGUMENT"}});
    stand.refuses(Planned::Refused(400, recited, None), refused, "recitation checks").await;
    stand.refuses(Planned::Says(json!({"predictions": []})), refused, "answers with nothing").await;
    stand.refuses(Planned::Says(json!({"predictions": [{"raiFilteredReason": "too alike"}]})), refused, "too alike").await;
    let denied =
        json!({"error": {"code": 403, "message": "Permission aiplatform.endpoints.predict denied", "status": "PERMISSION_DENIED"}});
    stand.refuses(Planned::Refused(403, denied, None), refused, "aiplatform.endpoints.predict").await;
    (0..3).for_each(|_| stand.server.plan(Planned::Says(json!({"predictions": [{"audioContent": "AAAA"}]}))));
    let fault = stand.make().await.unwrap_err();
    assert!(fault.code == refused && fault.to_string().contains("no WAV"), "{fault}");
}

#[tokio::test]
async fn lyria_asks_with_a_new_token_where_one_has_ended_before_its_time() {
    let mut stand = Stand::new(Who::Lyria).await;
    let ended = json!({"error": {"code": 401, "message": "token ended", "status": "UNAUTHENTICATED"}});
    stand.server.plan(Planned::Refused(401, ended.clone(), None));
    stand.make().await.unwrap();
    assert_eq!((stand.server.asked(), stand.server.carried().len()), (2, 1));
    let mut twice = Stand::new(Who::Lyria).await;
    twice.server.plan(Planned::Refused(401, ended.clone(), None));
    let fault = twice.refuses(Planned::Refused(401, ended, None), Code::ProviderRefused, "token ended").await;
    assert_eq!(twice.server.asked(), 2, "{fault}");
}

#[test]
fn lyria_speaks_to_regions_of_googles_only() {
    let of = |location: &str, project: Option<&str>| {
        let settings = LyriaSettings {
            credentials: Credentials::machine(None),
            project: project.map(str::to_owned),
            location: location.into(),
            endpoint: None,
            model: "lyria-002",
        };
        Lyria::new(&settings, HttpOptions::default()).map(|_| ()).map_err(|fault| fault.get("setting").unwrap_or_default().to_owned())
    };
    assert_eq!(of("us-central1", Some("p")), Ok(()));
    assert_eq!(of("evil.example.com/", Some("p")), Err("providers.lyria.options.location".into()));
    assert_eq!(of("us-central1", None), Err("providers.lyria.options.project".into()));
}
