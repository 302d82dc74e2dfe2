//! The server's own strictness, asked over a real socket.

use super::*;
use crate::webhooks::{Receiver, Reply};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn ask(server: &Instagram, line: &str, token: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// A place films are fetched from.
async fn films(film: Vec<u8>) -> Receiver {
    let receiver = Receiver::start().await;
    receiver.always(Reply::Whole(200, Vec::new(), film));
    receiver
}

async fn hand_over(server: &Instagram, url: &str) -> String {
    let told = json!({"media_type": "REELS", "video_url": url, "caption": "x"});
    let (status, answer) = ask(server, &format!("POST /v25.0/{}/media", Instagram::USER), Instagram::TOKEN, &told).await;
    assert_eq!(status, 200, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

async fn settled(server: &Instagram, id: &str) -> (String, String) {
    for _ in 0..10_000 {
        let line = format!("GET /v25.0/{id}?fields=status_code,status");
        let (_, answer) = ask(server, &line, Instagram::TOKEN, &Value::Null).await;
        if answer["status_code"] != "IN_PROGRESS" {
            return (answer["status_code"].as_str().unwrap().to_owned(), answer["status"].as_str().unwrap().to_owned());
        }
    }
    panic!("it is never ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_server_fetches_films_and_looks_at_them() {
    let server = Instagram::start().await;
    for (film, code, said) in [
        (film_of_ms(10_000), "FINISHED", "ready"),
        (film_of_ms(2_000), "ERROR", "2207026"),
        (film_of_ms(901_000), "ERROR", "2207026"),
        (b"<html>".to_vec(), "ERROR", "2207026"),
    ] {
        let place = films(film).await;
        let id = hand_over(&server, &place.url.replace("/hook", "/film.mp4")).await;
        let (found, status) = settled(&server, &id).await;
        assert!(found == code && status.contains(said), "{found} {status}");
    }
    for url in ["http://127.0.0.1:1/film.mp4", "file:///srv/film.mp4"] {
        let id = hand_over(&server, url).await;
        assert!(settled(&server, &id).await.1.contains("2207052"), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_server_publishes_what_is_ready_once_within_a_day_and_its_quota() {
    let server = Instagram::start().await;
    let place = films(film_of_ms(10_000)).await;
    let publish = async |id: &str| {
        let line = format!("POST /v25.0/{}/media_publish", Instagram::USER);
        ask(&server, &line, Instagram::TOKEN, &json!({ "creation_id": id })).await
    };
    server.works(false);
    let id = hand_over(&server, &place.url).await;
    assert_eq!(publish(&id).await.1["error"]["error_subcode"], 2_207_027, "not ready");
    server.works(true);
    settled(&server, &id).await;
    assert_eq!(publish(&id).await.0, 200);
    assert_eq!(publish(&id).await.1["error"]["error_subcode"], 2_207_027, "published already");
    assert_eq!(server.posts().len(), 1);
    assert_eq!(publish("1").await.1["error"]["error_subcode"], 2_207_006);

    server.allow(1);
    let next = hand_over(&server, &place.url).await;
    settled(&server, &next).await;
    assert_eq!(publish(&next).await.1["error"]["error_subcode"], 2_207_042, "the day is full");
    server.pass(Duration::from_hours(23));
    assert_eq!(publish(&next).await.1["error"]["error_subcode"], 2_207_042, "and moves with the posts");
    server.pass(Duration::from_hours(1));
    assert_eq!(settled(&server, &next).await.0, "EXPIRED");
    assert_eq!(publish(&next).await.1["error"]["error_subcode"], 2_207_020);
    let last = hand_over(&server, &place.url).await;
    settled(&server, &last).await;
    assert_eq!(publish(&last).await.0, 200, "the first post no longer counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_server_wants_its_token_in_a_header() {
    let server = Instagram::start().await;
    let line = format!("GET /v25.0/{}/media?fields=id", Instagram::USER);
    assert_eq!(ask(&server, &line, "other", &Value::Null).await.1["error"]["code"], 190);
    let there = format!("{line}&access_token={}", Instagram::TOKEN);
    assert_eq!(ask(&server, &there, Instagram::TOKEN, &Value::Null).await.0, 400);
    assert_eq!(ask(&server, &line, Instagram::TOKEN, &Value::Null).await, (200, json!({"data": []})));
    let other = line.replace(Instagram::USER, "1");
    assert_eq!(ask(&server, &other, Instagram::TOKEN, &Value::Null).await.1["error"]["error_subcode"], 33);
}
