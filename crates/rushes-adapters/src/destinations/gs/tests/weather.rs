//! What a sender meets on bad lines, and does not lose.

use super::*;
use crate::destinations::weather::{Parts, Whole, answers_come_whole, uploads_survive};
use serde_json::json;

#[tokio::test]
async fn gs_uploads_survive_bad_weather() {
    let server = Gcs::start().await;
    bucket(&server);
    let chaos = Chaos::before(server.address).await;
    let bucket = in_small_parts(&chaos.url(), account(&server));
    let asks = Parts {
        begin: ("POST", "uploadType=resumable"),
        send: ("PUT", "upload_id"),
        spoilt: 2,
        bytes: 900_000,
        after_bytes: 100_000,
        weathers: vec![Weather::json(500, &json!({"error": {"code": 500, "message": "no"}})), Weather::json(401, &json!({}))],
        open: &|| server.open_sessions(),
    };
    uploads_survive(&bucket, &chaos, asks, async |key| server.bytes(&server.object("films", key).unwrap())).await;
    // The last part, which makes an object.
    for weather in [Weather::LostAnswer, Weather::Stall { after_bytes: 100_000 }, Weather::HalfAnswer] {
        let (film, kept) = (large(500_001), Kept::default());
        let put = Put { session: &kept, ..film.create("last.mp4") };
        chaos.set_for(Only::requests("PUT", "upload_id").first(2), Weather::Clear);
        chaos.set_for(Only::requests("PUT", "upload_id").first(2), weather.clone());
        assert!(put_at_last(&bucket, put, &weather).await.proves(&film.blob));
        chaos.set(Weather::Clear);
        bucket.delete("last.mp4").await.unwrap();
    }
}

#[tokio::test]
async fn gs_uploads_that_are_of_no_more_use_are_removed() {
    let server = Gcs::start().await;
    bucket(&server);
    let chaos = Chaos::before(server.address).await;
    let bucket = in_small_parts(&chaos.url(), account(&server));
    let film = large(900_000);
    let kept = Kept::default();
    let put = Put { session: &kept, ..film.create("film.mp4") };
    let second = || {
        chaos.set_for(Only::requests("PUT", "upload_id"), Weather::too_many(None));
        chaos.set_for(Only::requests("PUT", "upload_id").first(1), Weather::Clear);
    };
    second();
    assert!(bucket.put(put).await.unwrap_err().is_transient());
    assert_eq!(server.open_sessions(), 1);
    server.expire_sessions();
    chaos.set(Weather::Clear);
    assert!(bucket.put(put).await.unwrap().proves(&film.blob), "an expired upload is begun anew");
    bucket.delete("film.mp4").await.unwrap();

    *kept.0.lock().unwrap() = None;
    second();
    assert!(bucket.put(put).await.is_err());
    assert_eq!(server.open_sessions(), 1);
    chaos.set(Weather::Clear);
    let other = source(b"somebody else's");
    bucket.put(other.create("film.mp4")).await.unwrap();
    assert_eq!(bucket.put(put).await.unwrap_err().code, Code::DestinationConflict);
    assert_eq!(server.open_sessions(), 0, "what nobody will finish is gone");
    bucket.delete("film.mp4").await.unwrap();

    // Somebody writes there while it is under way.
    *kept.0.lock().unwrap() = None;
    second();
    assert!(bucket.put(put).await.is_err());
    chaos.set(Weather::Clear);
    let session = kept.kept().unwrap();
    bucket.put(film.create("film.mp4")).await.unwrap();
    assert!(bucket.put(put).await.unwrap().proves(&film.blob), "equal bytes are success");
    bucket.abandon("film.mp4", &session).await.unwrap();
    bucket.abandon("film.mp4", "nonsense").await.unwrap();
    assert_eq!(server.open_sessions(), 0);
}

#[tokio::test]
async fn gs_answers_that_do_not_come_whole_are_asked_for_again() {
    let server = Gcs::start().await;
    bucket(&server);
    let chaos = Chaos::before(server.address).await;
    let bucket = GsDestination::new(settings(&chaos.url(), "films", account(&server))).unwrap();
    let picture = large(3_000);
    let asks = Whole {
        put: ("POST", "uploadType=multipart"),
        stat: ("GET", "a.png?fields"),
        list: ("GET", "maxResults"),
        get: ("GET", "alt=media"),
        answers: vec![
            (Weather::Corrupt, true),
            (Weather::json(408, &json!({})), true),
            (Weather::Answer { status: 200, headers: Vec::new(), body: r#"{"size": "3"#.into() }, true),
            (Weather::json(200, &json!({"error": {"code": 503, "message": "Backend Error"}})), true),
            (Weather::json(200, &json!({"error": {"code": 403, "message": "no"}})), false),
        ],
        secret: "ya29".to_owned(),
    };
    answers_come_whole(&bucket, &chaos, &picture, asks).await;
    // A token that ended early is replaced without a word.
    server.google.accounts.expire();
    assert!(bucket.stat("a.png").await.unwrap().is_some());
    assert_eq!(server.google.accounts.issued(), 2);
}
