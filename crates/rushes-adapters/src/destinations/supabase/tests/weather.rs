//! What a sender meets on bad lines, and does not lose.

use super::*;
use crate::destinations::weather::{Parts, Whole, answers_come_whole, uploads_survive};

#[tokio::test]
async fn supabase_large_objects_are_proven_by_their_parts() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = SupabaseDestination::new(settings(&chaos.url(), "films", &server.service_key)).unwrap();
    let film = large(15_000_000);
    // The connection breaks in the second part, and what has arrived of it is not sent again.
    let kept = Kept::default();
    let put = Put { session: &kept, ..film.create("[a] film.mp4") };
    for weather in [Weather::CutBody { after_bytes: 1_000_000 }, Weather::Clear] {
        chaos.set_for(Only::requests("PATCH", "resumable").first(1), weather);
    }
    let proof = put_at_last(&bucket, put, &Weather::Clear).await;
    assert_eq!(proof.hash, ProofHash::Noted(film.blob.sha256.clone()));
    assert_eq!(chaos.count("GET", "/object/authenticated/"), 0, "its etag proves it, and it is not read back");
    let stat = bucket.stat(put.key).await.unwrap().unwrap();
    assert_eq!(stat.shows(&film.blob, Some(&proof)), Shows::Same, "{stat:?}");
    let there = server.object("films", "=5Ba=5D film.mp4").await.unwrap();
    assert_eq!(there.bytes.len() as u64, film.blob.size_bytes);
    assert_eq!(there.metadata["mimetype"], "video/mp4");
    assert_eq!(there.user_metadata.unwrap()["sha256"], film.blob.sha256);
    assert!(bucket.put(film.create(put.key)).await.unwrap().proves(&film.blob), "the same again is success");
    assert_eq!(server.open_uploads(), 0);
}

#[tokio::test]
async fn supabase_uploads_survive_bad_weather() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = in_small_parts(&chaos.url(), &server.service_key);
    let patch = |count| Only::requests("PATCH", "resumable").first(count);
    let asks = Parts {
        begin: ("POST", "upload/resumable"),
        send: ("PATCH", "resumable"),
        spoilt: 1,
        bytes: 450_000,
        after_bytes: 30_000,
        weathers: vec![Weather::json(500, &json!({"message": "no"}))],
        open: &|| server.open_uploads(),
    };
    uploads_survive(&bucket, &chaos, asks, async |key| server.object("films", key).await.unwrap().bytes).await;
    for weather in [Weather::LostAnswer, Weather::Stall { after_bytes: 50_000 }] {
        let (film, kept) = (large(250_001), Kept::default());
        let put = Put { session: &kept, ..film.create("last.mp4") };
        chaos.set_for(patch(3), weather.clone());
        assert!(put_at_last(&bucket, put, &weather).await.proves(&film.blob));
        chaos.set(Weather::Clear);
        bucket.delete("last.mp4").await.unwrap();
    }
}

#[tokio::test]
async fn supabase_uploads_that_are_of_no_more_use_are_removed() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = in_small_parts(&chaos.url(), &server.service_key);
    let film = large(350_000);
    let kept = Kept::default();
    let put = Put { session: &kept, ..film.create("film.mp4") };
    let second = || chaos.set_for(Only::requests("PATCH", "resumable").first(2), Weather::too_many(None));
    second();
    assert!(bucket.put(put).await.unwrap_err().is_transient());
    server.expire_uploads();
    chaos.set(Weather::Clear);
    assert!(bucket.put(put).await.unwrap().proves(&film.blob), "an expired upload is begun anew");
    bucket.delete("film.mp4").await.unwrap();
    let expired = server.open_uploads();

    *kept.0.lock().unwrap() = None;
    second();
    assert!(bucket.put(put).await.is_err());
    assert_eq!(server.open_uploads(), expired + 1);
    chaos.set(Weather::Clear);
    let other = source(b"somebody else's");
    bucket.put(other.create("film.mp4")).await.unwrap();
    assert_eq!(bucket.put(put).await.unwrap_err().code, Code::DestinationConflict);
    assert_eq!(server.open_uploads(), expired, "what nobody will finish is gone");
}

#[tokio::test]
async fn supabase_spoilt_objects_are_taken_away() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = in_small_parts(&chaos.url(), &server.service_key);
    let picture = large(50_000);
    chaos.set_for(Only::requests("POST", "/object/films").first(1), Weather::Corrupt);
    let fault = bucket.put(picture.create("a.png")).await.unwrap_err();
    assert!(fault.code == Code::ProofFailed && fault.is_transient(), "{fault}");
    assert!(bucket.stat("a.png").await.unwrap().is_none());
    // It was not taken away because the connection broke: the next put knows it as its own.
    chaos.set_for(Only::requests("POST", "/object/films").first(1), Weather::Corrupt);
    chaos.set_for(Only::requests("DELETE", "/object/films").first(1), Weather::too_many(None));
    assert!(bucket.put(picture.create("a.png")).await.unwrap_err().is_transient());
    assert!(bucket.put(picture.create("a.png")).await.unwrap().proves(&picture.blob));
}

#[tokio::test]
async fn supabase_answers_that_do_not_come_whole_are_asked_for_again() {
    let Some(server) = Supabase::start().await else { return };
    bucket(&server).await;
    let chaos = Chaos::before(server.address).await;
    let bucket = SupabaseDestination::new(settings(&chaos.url(), "films", &server.service_key)).unwrap();
    let picture = source(b"picture");
    let error = json!({"statusCode": "403", "error": "Unauthorized", "message": "new row violates row-level security policy"});
    let unknown = json!({"message": format!("Invalid API key {}", server.service_key)});
    let asks = Whole {
        put: ("POST", "/object/films"),
        stat: ("", "a.png"),
        list: ("", "list"),
        get: ("GET", "a.png"),
        answers: vec![
            (Weather::json(400, &json!({"statusCode": "503", "message": "later"})), true),
            (Weather::Answer { status: 200, headers: Vec::new(), body: r#"{"Key": "fil"#.into() }, true),
            (Weather::json(200, &error), false),
            (Weather::json(401, &unknown), false),
        ],
        secret: server.service_key.clone(),
    };
    answers_come_whole(&bucket, &chaos, &picture, asks).await;
    for weather in [Weather::HalfAnswer, Weather::json(200, &json!({})), Weather::too_many(None)] {
        chaos.set_for(Only::requests("", "sign").first(1), weather.clone());
        let fault = bucket.signed_url("a.png", Duration::from_secs(9)).await.unwrap_err();
        assert!(fault.is_transient() && !fault.to_string().contains("token="), "{weather:?}: {fault}");
    }
}
