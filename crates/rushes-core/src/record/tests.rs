//! What records say, and that what they say is understood again.

use super::*;
use crate::delivery::Route;

#[test]
fn record_times_are_rfc3339() {
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(951_782_400_123), "2000-02-29T00:00:00.123Z");
    assert_eq!(rfc3339(1_770_337_530_001), "2026-02-06T00:25:30.001Z");
    assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
}

fn mira(fields: Value) -> Subject {
    let (id, slug, name) = ("mira_1".to_owned(), "mira".to_owned(), "Mira".to_owned());
    Subject { made: NewSubject { id, subject_type: SubjectType::Character, slug, name, fields }, rev: 3 }
}

fn routes() -> Routes {
    Routes { destinations: vec![Route { name: "cloud".into(), ..Route::default() }], ..Routes::default() }
}

/// A portrait, and how its delivery stands.
fn listed(state: DeliveryState) -> Listed {
    let entry = json!({
        "asset": "asset_00000000-0000-7000-8000-000000000001", "kind": "anime_image", "title": "primary", "sha256": "ab".repeat(32),
        "size_bytes": 7, "mime": "image/png", "path": "characters/mira_1/anime.png",
    });
    let asset = asset_of(&entry, "mira_1", JobId(uuid::Uuid::nil())).unwrap();
    let delivery = Delivery {
        asset: asset.id,
        destination: "cloud".into(),
        key: asset.path.clone(),
        state,
        uri: Some("mem://a".into()),
        link: None,
        proof: None,
        rendition: None,
        proven_ms: Some(1),
        last_fault: None,
    };
    (asset, vec![delivery])
}

fn names(fields: &Value) -> Vec<&str> {
    fields.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn record_of_a_subject_says_its_fields_and_the_records_own_and_nothing_else() {
    let subject =
        mira(json!({"tagline": "moon", "sets": {"primary": {"score": 3, "title": "no"}, "gone": {"score": 1}}, "rev": 9, "id": "x"}));
    let written = subject_fields(&subject, &[listed(DeliveryState::Proven)], &routes());
    let mut wanted = vec!["assets", "id", "name", "sets", "slug", "tagline", "type"];
    wanted.sort_unstable();
    let mut there = names(&written);
    there.sort_unstable();
    assert_eq!(there, wanted);
    assert_eq!((&written["id"], &written["type"], &written["rev"]), (&json!("mira_1"), &json!("character"), &Value::Null));
    let [set] = &written["assets"].as_array().unwrap()[..] else { panic!("{written}") };
    assert_eq!((&set["title"], &set["score"], &set["anime_image"]), (&json!("primary"), &json!(3), &json!("mem://a")));
    assert_eq!(entries(&written).len(), 1);
}

#[test]
fn record_names_an_asset_once_it_is_proven_and_not_before() {
    for state in DeliveryState::ALL {
        let written = subject_fields(&mira(json!({})), &[listed(state)], &routes());
        assert_eq!(written["assets"].as_array().unwrap().len(), usize::from(state == DeliveryState::Proven), "{state:?}");
    }
}

#[test]
fn record_of_a_subject_is_understood_again_without_the_records_own() {
    let subject = mira(json!({"tagline": "moon", "sets": {"primary": {"score": 3}}, "imported": {"type": "waifu"}}));
    let mut written = subject_fields(&subject, &[listed(DeliveryState::Proven)], &routes());
    // As a catalog gives it back.
    written["rev"] = json!(12);
    let again = subject_of(&written).unwrap();
    assert_eq!(again, subject.made);
    assert!(OWN.iter().all(|own| again.fields.get(own).is_none()), "{}", again.fields);
    let (asset, deliveries) = listed(DeliveryState::Proven);
    assert_eq!(subject_of(&asset_fields(&asset, &deliveries, &routes())), None, "the record of a single asset is no subject's");
}
