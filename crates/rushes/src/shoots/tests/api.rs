//! The HTTP interface of shoots.

use super::{Venue, answer, form, selfie};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use rushes_testkit::drawn::Figure::{Clear, Dim};
use rushes_testkit::drawn::photo;
use serde_json::{Value, json};

const SHOOT: &str = "/api/v1/shoots/ana-ben";

fn people(facts: &Value) -> Vec<(String, u64)> {
    let of = |person: &Value| (person["name"].as_str().unwrap().to_owned(), person["photos"].as_u64().unwrap());
    facts["people"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_over_http_from_photo_to_correction() {
    let venue = Venue::new().await;
    let say = async |body: Value| venue.send(Method::POST, &format!("{SHOOT}/corrections"), &body).await;
    venue.shoot("1.jpg", &[Clear(0)]).await;
    venue.settled(1).await;
    venue.shoot("2.jpg", &[Clear(0), Clear(2)]).await;
    venue.settled(2).await;
    let (mime, body) = selfie("Ana", 0);
    let enrol = venue.ask(Method::POST, &format!("{SHOOT}/people")).header(CONTENT_TYPE, mime).body(body);
    let (status, enrolled) = answer(enrol).await;
    assert_eq!((status, &enrolled["person"]["name"]), (StatusCode::CREATED, &json!("Ana")), "{enrolled}");
    venue.shoot("3.jpg", &[Dim(0)]).await;
    venue.settled(3).await;
    assert_eq!(people(&venue.get(&format!("{SHOOT}/people")).await.1)[0], ("Ana".into(), 2));

    let (_, review) = venue.get(&format!("{SHOOT}/review")).await;
    let (face, person) = (&review["faces"][0]["face"], &review["faces"][0]["person"]);
    assert_eq!(review["faces"][0]["name"], "Ana", "{review}");
    let (status, said) = say(json!({"say": "confirm", "face": face, "person": person})).await;
    assert_eq!((status, &said["person"]["photos"]), (StatusCode::OK, &json!(3)), "{said}");
    assert_eq!(say(json!({"say": "undo"})).await.1["undone"], format!("face {face} is {person}"));
    let (_, found) = venue.get(&format!("{SHOOT}/photos?person={person}&limit=1")).await;
    assert!(found["photos"][0]["number"] == 1 && found["next"].is_string(), "{found}");
    let page = venue.get("/shoots/ana-ben/people/1?before=2").await.1;
    let page = page.as_str().unwrap();
    assert!(page.contains("Newest photos") && page.contains(r#"data-key="photo 1""#) && !page.contains(r#"data-key="photo 2""#), "{page}");
    let why = venue.get(&format!("{SHOOT}/photos/2")).await.1;
    assert!(why["group"] == "Group" && why["in_it"].as_array().unwrap().len() == 2, "{why}");
    let crop = venue.ask(Method::GET, &format!("{SHOOT}/faces/{face}/crop")).send().await.unwrap();
    assert_eq!(crop.headers()[CONTENT_TYPE], "image/jpeg");
    for (body, code) in [
        (json!({"say": "rename", "person": 99, "name": "X"}), StatusCode::NOT_FOUND),
        (json!({"say": "rename", "person": 1, "name": ""}), StatusCode::BAD_REQUEST),
        (json!({"say": "nothing"}), StatusCode::BAD_REQUEST),
        (json!({"say": "merge", "into": 1, "from": 1}), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(say(body.clone()).await.0, code, "{body}");
    }
    venue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_over_http_propose_who_may_be_one_and_forget_it_when_told() {
    let venue = Venue::new().await;
    let say = async |body: Value| venue.send(Method::POST, &format!("{SHOOT}/corrections"), &body).await;
    let merges = async || venue.get(&format!("{SHOOT}/proposals")).await.1["merges"].clone();
    let rules =
        async |review_below: f64| venue.send(Method::PATCH, SHOOT, &json!({"route_below": 0.4, "review_below": review_below})).await;
    rules(0.5).await;
    for (number, figures) in (1..).zip([&[Clear(0)][..], &[Clear(0), Clear(2)], &[Dim(0)]]) {
        venue.shoot(&format!("{number}.jpg"), figures).await;
        venue.settled(number).await;
    }
    assert_eq!(merges().await, json!([]));
    rules(0.6).await;
    let found = merges().await;
    let numbers = (&found[0]["from"]["number"], &found[0]["into"]["number"]);
    assert!(found.as_array().unwrap().len() == 1 && numbers == (&json!(3), &json!(1)), "{found}");
    let shown = async || venue.get("/shoots/ana-ben").await.1.as_str().unwrap().contains("Is Person 003 the same as Person 001?");
    assert!(shown().await);
    let different = json!({"say": "different", "person": 3, "other": 1});
    assert_eq!(say(different.clone()).await.0, StatusCode::OK);
    assert!(merges().await == json!([]) && !shown().await, "at once");
    assert_eq!(say(json!({"say": "undo"})).await.1["undone"], "different 3 1");
    assert!(merges().await == found && shown().await);
    assert_eq!(say(json!({"say": "merge", "from": 3, "into": 1})).await.0, StatusCode::OK);
    assert!(merges().await == json!([]) && !shown().await);
    assert_eq!(say(different).await.0, StatusCode::NOT_FOUND, "there is no third any more");
    say(json!({"say": "undo"})).await;
    assert_eq!(merges().await, found);
    venue.send(Method::PATCH, SHOOT, &json!({"recognise": false})).await;
    assert_eq!(merges().await, json!([]), "nobody is compared where nobody is recognised");
    venue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_over_http_refuse_what_is_wrong_and_say_why() {
    let venue = Venue::new().await;
    let enrol = async |fields: &[(&str, &str)], selfies: &[Vec<u8>]| {
        let (mime, body) = form(fields, selfies);
        answer(venue.ask(Method::POST, &format!("{SHOOT}/people")).header(CONTENT_TYPE, mime).body(body)).await
    };
    let alone = photo(&[Clear(1)], 640, 480, 1);
    for (fields, selfies, says) in [
        (&[("name", "Ana")][..], vec![alone.clone()], "consent"),
        (&[("consent", "yes")], vec![alone.clone()], "name"),
        (&[("name", "Ana"), ("consent", "yes")], vec![], "selfies are needed"),
        (&[("name", "Ana"), ("consent", "yes")], vec![photo(&[], 640, 480, 1)], "no face is seen"),
        (&[("name", "Ana"), ("consent", "yes")], vec![photo(&[Clear(1), Clear(3)], 640, 480, 1)], "several faces"),
        (&[("name", "Ana"), ("consent", "yes")], vec![alone.clone(), photo(&[Clear(3)], 640, 480, 1)], "different people"),
        (&[("name", "Ana"), ("consent", "yes")], vec![b"no picture".to_vec()], ""),
    ] {
        let (status, refused) = enrol(fields, &selfies).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(says), "{says}: {refused}");
        assert!(!refused.to_string().contains("scratch"), "where files lie is nobody's business: {refused}");
    }
    assert!(people(&venue.get(&format!("{SHOOT}/people")).await.1).is_empty(), "what is refused leaves nothing");
    let drop = async |path: &str, body: &[u8]| answer(venue.ask(Method::POST, path).body(body.to_vec())).await.0;
    assert_eq!(drop(&format!("{SHOOT}/photos"), b"x").await, StatusCode::BAD_REQUEST);
    assert_eq!(drop(&format!("{SHOOT}/photos?name=..%2F..%2F.x"), b"x").await, StatusCode::BAD_REQUEST);
    assert_eq!(drop(&format!("{SHOOT}/photos?name=a.jpg"), b"").await, StatusCode::BAD_REQUEST);
    assert_eq!(drop("/api/v1/shoots/nothing/photos?name=a.jpg", b"x").await, StatusCode::NOT_FOUND);
    let (status, closed) = venue.send(Method::PATCH, SHOOT, &json!({"open": false, "days": 3})).await;
    assert!(status == StatusCode::OK && closed["rules"]["open"] == false && closed["rules"]["expires_at"].is_string(), "{closed}");
    assert_eq!(drop(&format!("{SHOOT}/photos?name=a.jpg"), &alone).await, StatusCode::BAD_REQUEST, "it takes no more");
    assert_eq!(venue.send(Method::PATCH, SHOOT, &json!({"route_below": 0.7})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(venue.send(Method::POST, "/api/v1/shoots", &json!({"name": "Ana Ben"})).await.0, StatusCode::CONFLICT);
    let left: Vec<_> = std::fs::read_dir(venue.home.shoots().join("ana-ben/Incoming")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    venue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shoots_over_http_are_pointed_at_folders_by_whoever_may_do_everything() {
    let (venue, card) = (Venue::new().await, tempfile::tempdir().unwrap());
    let at = format!("{SHOOT}/incoming");
    let point = async |folders: Value| venue.send(Method::PUT, &at, &json!({"folders": folders})).await;
    std::io::Write::write_all(&mut std::fs::File::create(card.path().join("1.jpg")).unwrap(), &photo(&[Clear(0)], 640, 480, 1)).unwrap();
    let (status, pointed) = point(json!([card.path()])).await;
    assert_eq!((status, &pointed["incoming"]), (StatusCode::OK, &json!([{"path": card.path(), "away": null}])), "{pointed}");
    venue.settled(1).await;
    let page = venue.get("/shoots/ana-ben").await.1;
    assert!(page.as_str().unwrap().contains(&card.path().display().to_string()));
    for wrong in [json!(["card"]), json!([card.path().join("gone")]), json!([venue.home.root()]), json!(["/"]), json!("x")] {
        assert_eq!(point(wrong.clone()).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(venue.get(SHOOT).await.1["incoming"], pointed["incoming"], "what is refused changes nothing");
    let (status, key) = venue.send(Method::POST, "/api/v1/keys", &json!({"name": "desk", "scope": "run"})).await;
    assert_eq!(status, StatusCode::CREATED, "{key}");
    let began = std::time::Instant::now();
    // For a moment the server still counts as one that has no key.
    loop {
        let asked = venue.ask(Method::PUT, &at).bearer_auth(key["key"].as_str().unwrap()).json(&json!({"folders": [card.path()]}));
        if answer(asked).await.0 == StatusCode::FORBIDDEN {
            break;
        }
        assert!(began.elapsed() < super::LONG, "a key that may run things points it at folders");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    venue.end().await;
}
