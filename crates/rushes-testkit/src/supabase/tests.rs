//! The server over real sockets, asked by hand-written requests.

mod folders;
mod intruders;
mod migration;
mod roles;
mod rows;

use super::Supabase;
use crate::chaos::{Chaos, Weather};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MIA: &str = "6f1e1d4c-0000-4000-8000-000000000001";
const BEN: &str = "6f1e1d4c-0000-4000-8000-000000000002";
const CHUNK: usize = 6 * 1024 * 1024;

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// Status, `statusCode` and `error` of a refusal.
    fn refusal(&self) -> (u16, String, String) {
        let body = self.json();
        (self.status, body["statusCode"].as_str().unwrap_or("?").into(), body["error"].as_str().unwrap_or("?").into())
    }
}

/// One request on a connection of its own. An answer that never comes has status 0.
async fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("the server listens");
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all(format!("{head}\r\n").as_bytes()).await;
    // A refusal may come before the body is through.
    let _ = stream.write_all(body).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    Answer { status, head, body: bytes[end..].to_vec() }
}

struct Asker {
    address: SocketAddr,
    authorization: String,
}

impl Asker {
    fn new(address: SocketAddr, key: &str) -> Self {
        Self { address, authorization: format!("Bearer {key}") }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut all = vec![("Authorization", self.authorization.as_str())];
        all.extend_from_slice(headers);
        ask(self.address, method, &format!("/storage/v1{path}"), &all, body).await
    }

    async fn put(&self, place: &str, body: &[u8]) -> Answer {
        self.ask("POST", &format!("/object/{place}"), &[("Content-Type", "image/png")], body).await
    }

    async fn post_json(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes()).await
    }
}

/// Connects to the server's Postgres, as the superuser.
async fn connect(server: &Supabase) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&server.database_url(), tokio_postgres::NoTls).await.expect("it listens");
    tokio::spawn(connection);
    client
}

/// The server, and its service.
async fn start() -> Option<(Supabase, Asker)> {
    let server = Supabase::start().await?;
    let service = Asker::new(server.address, &server.service_key);
    Some((server, service))
}

fn told(status: u16, code: &str, error: &str) -> (u16, String, String) {
    (status, code.into(), error.into())
}

#[tokio::test]
async fn supabase_policies_let_a_user_write_below_their_own_folder_only() {
    let Some((server, service)) = start().await else { return };
    let mia = Asker::new(server.address, &server.user_key(MIA, 60));
    let put = mia.put(&format!("workspace-temp/{MIA}/job/0.png"), b"mine").await;
    assert_eq!((put.status, put.json()["Key"].as_str()), (200, Some(&*format!("workspace-temp/{MIA}/job/0.png"))));
    let refused = mia.put(&format!("workspace-temp/{BEN}/job/0.png"), b"not mine").await;
    assert_eq!(refused.refusal(), told(400, "403", "Unauthorized"));
    assert_eq!(refused.json()["message"], "new row violates row-level security policy");
    assert_eq!(mia.put("workspace-temp/0.png", b"x").await.refusal(), told(400, "403", "Unauthorized"));
    assert_eq!(service.put(&format!("workspace-temp/{BEN}/job/0.png"), b"Ben's").await.status, 200, "the service may");
    let read = mia.ask("GET", &format!("/object/workspace-temp/{BEN}/job/0.png"), &[], b"").await;
    assert_eq!(read.refusal(), told(400, "404", "not_found"), "what one may not see is not there");
    let listed = mia.post_json("/object/list-v2/workspace-temp", json!({"prefix": ""})).await.json();
    assert_eq!(listed["objects"].as_array().map(Vec::len), Some(1), "{listed}");
    let deleted = mia.ask("DELETE", &format!("/object/workspace-temp/{BEN}/job/0.png"), &[], b"").await;
    assert_eq!(deleted.refusal(), told(400, "403", "Unauthorized"));
    let expired = Asker::new(server.address, &server.user_key(MIA, -5));
    let answer = expired.put(&format!("workspace-temp/{MIA}/job/1.png"), b"late").await;
    assert_eq!(
        (answer.refusal(), answer.json()["message"].as_str().map(str::to_owned)),
        (told(400, "403", "Unauthorized"), Some("\"exp\" claim timestamp check failed".into()))
    );
    let upsert = |user: &'static str| format!("/object/workspace-temp/{user}/job/0.png");
    assert_eq!(mia.ask("POST", &upsert(MIA), &[("x-upsert", "true")], b"mine").await.status, 200);
    assert_eq!(mia.ask("POST", &upsert(BEN), &[("x-upsert", "true")], b"not mine").await.refusal(), told(400, "403", "Unauthorized"));
    let objects = server.objects().await;
    assert_eq!(objects.iter().map(|object| object.bytes.as_slice()).collect::<Vec<_>>(), [b"mine".as_slice(), b"Ben's"]);
    assert_eq!((objects[0].owner.as_deref(), objects[1].owner.as_deref()), (Some(MIA), None));
}

#[tokio::test]
async fn supabase_objects_are_made_once_replaced_by_upsert_and_come_back() {
    let Some((server, service)) = start().await else { return };
    server.make_bucket("shelf", false).await;
    let first = service
        .ask(
            "POST",
            "/object/shelf/a%20b/c.png",
            &[("Content-Type", "image/png"), ("Cache-Control", "max-age=60"), ("x-metadata", &STANDARD.encode(r#"{"sha256":"x"}"#))],
            b"first",
        )
        .await;
    assert_eq!(first.status, 200);
    let second = service.put("shelf/a%20b/c.png", b"second").await;
    assert_eq!(second.refusal(), told(400, "409", "Duplicate"));
    assert_eq!(second.json()["message"], "The resource already exists");
    assert_eq!(server.object("shelf", "a b/c.png").await.expect("there").bytes, b"first");
    let got = service.ask("GET", "/object/shelf/a%20b/c.png", &[("Range", "bytes=1-2")], b"").await;
    assert_eq!((got.status, got.text(), got.header("content-range")), (206, "ir".into(), Some("bytes 1-2/5")));
    let md5: String = Md5::digest(b"first").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(got.header("etag"), Some(&*format!("\"{md5}\"")));
    let head = service.ask("HEAD", "/object/authenticated/shelf/a%20b/c.png", &[], b"").await;
    assert_eq!((head.status, head.header("content-length"), head.header("cache-control")), (200, Some("5"), Some("max-age=60")));
    let info = service.ask("GET", "/object/info/shelf/a%20b/c.png", &[], b"").await.json();
    assert_eq!((&info["size"], &info["etag"], &info["content_type"]), (&json!(5), &json!(format!("\"{md5}\"")), &json!("image/png")));
    assert_eq!((&info["metadata"], &info["name"]), (&json!({"sha256": "x"}), &json!("a b/c.png")));
    let third = service.ask("POST", "/object/shelf/a%20b/c.png", &[("x-upsert", "true")], b"third").await;
    assert_eq!((third.status, &third.json()["Id"]), (200, &first.json()["Id"]), "the object's id stays");
    let fourth = service.ask("PUT", "/object/shelf/a%20b/c.png", &[], b"fourth").await;
    assert_eq!((fourth.status, server.object("shelf", "a b/c.png").await.expect("there").bytes), (200, b"fourth".to_vec()));
    assert_eq!(service.ask("DELETE", "/object/shelf/a%20b/c.png", &[], b"").await.json(), json!({"message": "Successfully deleted"}));
    assert_eq!(service.ask("DELETE", "/object/shelf/a%20b/c.png", &[], b"").await.refusal(), told(400, "404", "not_found"));
    assert_eq!(server.count().await, 0);
    assert_eq!(service.put("nowhere/x", b"x").await.refusal(), told(400, "404", "Bucket not found"));
}

#[tokio::test]
async fn supabase_refuses_keys_sizes_and_kinds_as_the_real_one() {
    let Some((server, service)) = start().await else { return };
    for key in ["%5Ba%5D.png", "a%23b", "a%25b", "%C3%A9"] {
        assert_eq!(service.put(&format!("workspace-temp/{key}"), b"x").await.refusal(), told(400, "400", "InvalidKey"), "{key}");
    }
    let made = service
        .post_json("/bucket", json!({"name": "small", "public": true, "file_size_limit": 3, "allowed_mime_types": ["image/*"]}))
        .await;
    assert_eq!(made.json(), json!({"name": "small"}));
    assert_eq!(service.put("small/a", b"four").await.refusal(), told(400, "413", "Payload too large"));
    let video = service.ask("POST", "/object/small/a", &[("Content-Type", "video/mp4")], b"abc").await;
    assert_eq!(video.refusal(), told(400, "415", "invalid_mime_type"));
    assert_eq!(service.put("small/a", b"abc").await.status, 200);
    let nobody = ask(server.address, "GET", "/storage/v1/object/public/small/a", &[], b"").await;
    assert_eq!(nobody.text(), "abc");
    assert_eq!(service.ask("PUT", "/bucket/small", &[], json!({"public": false}).to_string().as_bytes()).await.status, 200);
    let bucket = service.ask("GET", "/bucket/small", &[], b"").await.json();
    assert_eq!((&bucket["public"], &bucket["file_size_limit"]), (&json!(false), &json!(3)), "{bucket}");
    let nobody = ask(server.address, "GET", "/storage/v1/object/public/small/a", &[], b"").await;
    assert_eq!(nobody.refusal(), told(400, "404", "Bucket not found"));
    let nobody = ask(server.address, "POST", "/storage/v1/object/small/b", &[], b"abc").await;
    assert_eq!(nobody.status, 400);
    let user = Asker::new(server.address, &server.user_key(MIA, 60));
    assert_eq!(user.post_json("/bucket", json!({"name": "mine"})).await.refusal(), told(400, "403", "Unauthorized"));
    server.set_file_size_limit(10);
    assert_eq!(service.put("workspace-temp/a", &[0; 11]).await.refusal(), told(400, "413", "Payload too large"));
}

#[tokio::test]
async fn supabase_signed_addresses_hold_until_changed_or_expired() {
    let Some((server, service)) = start().await else { return };
    for key in ["a/b c.png", "other.png"] {
        service.put(&format!("workspace-temp/{}", key.replace(' ', "%20")), key.as_bytes()).await;
    }
    let sign = |expires: i64| json!({"expiresIn": expires});
    let answer = service.post_json("/object/sign/workspace-temp/a/b%20c.png", sign(60)).await.json();
    let url = answer["signedURL"].as_str().expect("a signed address").replace(' ', "%20");
    let token = url.split_once("?token=").expect("a token").1.to_owned();
    let get = |path: String| async move { ask(server.address, "GET", &format!("/storage/v1{path}"), &[], b"").await };
    assert_eq!(get(url).await.text(), "a/b c.png");
    let moved = get(format!("/object/sign/workspace-temp/other.png?token={token}")).await;
    assert_eq!(moved.refusal(), told(400, "400", "InvalidSignature"));
    let at = token.len() - 10;
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    let tampered = format!("{}{other}{}", &token[..at], &token[at + 1..]);
    assert_eq!(get(format!("/object/sign/workspace-temp/a/b%20c.png?token={tampered}")).await.refusal(), told(400, "400", "InvalidJWT"));
    let short = service.post_json("/object/sign/workspace-temp/a/b%20c.png", sign(1)).await.json();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(
        get(short["signedURL"].as_str().expect("a signed address").replace(' ', "%20")).await.json()["message"],
        "\"exp\" claim timestamp check failed"
    );
    let absent = service.post_json("/object/sign/workspace-temp/none", sign(60)).await;
    assert_eq!(absent.refusal(), told(400, "404", "not_found"));
}

#[tokio::test]
async fn supabase_listings_by_folder_and_flat() {
    let Some((_server, service)) = start().await else { return };
    for key in ["a/1.png", "a/2.png", "a/b/3.png", "B.png", "z.png"] {
        assert_eq!(service.put(&format!("workspace-temp/{key}"), b"x").await.status, 200);
    }
    let names = |list: &Value| {
        list.as_array().expect("a list").iter().map(|row| row["name"].as_str().unwrap_or("?").to_owned()).collect::<Vec<_>>()
    };
    let top = service.post_json("/object/list/workspace-temp", json!({"prefix": "", "limit": 100})).await.json();
    assert_eq!(names(&top), ["a", "B.png", "z.png"]);
    assert!(top[0]["id"].is_null() && top[1]["metadata"]["size"] == 1, "{top}");
    let below = service.post_json("/object/list/workspace-temp", json!({"prefix": "a", "limit": 2, "offset": 1})).await.json();
    assert_eq!(names(&below), ["2.png", "b"]);
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut body = json!({"prefix": "", "limit": 2});
        if !cursor.is_null() {
            body["cursor"] = cursor;
        }
        let page = service.post_json("/object/list-v2/workspace-temp", body).await.json();
        all.extend(names(&page["objects"]));
        cursor = page["nextCursor"].clone();
        if page["hasNext"] == false {
            break;
        }
    }
    assert_eq!(all, ["B.png", "a/1.png", "a/2.png", "a/b/3.png", "z.png"], "in byte order");
    let grouped = service.post_json("/object/list-v2/workspace-temp", json!({"prefix": "a/", "with_delimiter": true})).await.json();
    assert_eq!((names(&grouped["folders"]), names(&grouped["objects"])), (vec!["a/b/".into()], vec!["a/1.png".into(), "a/2.png".into()]));
    let gone =
        service.ask("DELETE", "/object/workspace-temp", &[], json!({"prefixes": ["B.png", "none"]}).to_string().as_bytes()).await.json();
    assert_eq!(names(&gone), ["B.png"], "absent ones are left out");
}

fn upload_metadata(key: &str) -> String {
    [("bucketName", "workspace-temp"), ("objectName", key), ("contentType", "video/mp4"), ("cacheControl", "3600")]
        .map(|(name, value)| format!("{name} {}", STANDARD.encode(value)))
        .join(",")
}

impl Asker {
    /// Begins an upload.
    async fn begin(&self, key: &str, length: usize, more: &[(&str, &str)]) -> Answer {
        let (length, metadata) = (length.to_string(), upload_metadata(key));
        let mut headers = vec![("Tus-Resumable", "1.0.0"), ("Upload-Length", &*length), ("Upload-Metadata", &*metadata)];
        headers.extend_from_slice(more);
        self.ask("POST", "/upload/resumable", &headers, b"").await
    }

    /// Any other request to the upload at `path`.
    async fn tus(&self, method: &str, path: &str, offset: usize, body: &[u8]) -> Answer {
        let offset = offset.to_string();
        let headers = [("Tus-Resumable", "1.0.0"), ("Upload-Offset", &*offset), ("Content-Type", "application/offset+octet-stream")];
        self.ask(method, path, &headers, body).await
    }
}

/// The path of an upload behind `/storage/v1`.
fn path_of(begun: &Answer) -> String {
    let location = begun.header("location").unwrap_or_else(|| panic!("no address: {} {}", begun.head, begun.text()));
    location.split_once("/storage/v1").expect("an absolute address").1.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn supabase_resumes_an_upload_that_was_cut() {
    let Some((server, _)) = start().await else { return };
    let chaos = Chaos::before(server.address).await;
    let mia = Asker::new(chaos.address(), &server.user_key(MIA, 60));
    let bytes: Vec<u8> = (0..2 * CHUNK + 1_000).map(|n| (n % 251) as u8).collect();
    let key = format!("{MIA}/film.mp4");
    let begun = mia.begin(&key, bytes.len(), &[]).await;
    assert_eq!((begun.status, begun.header("tus-resumable")), (201, Some("1.0.0")));
    assert!(begun.header("location").is_some_and(|location| location.starts_with(&chaos.url())), "through the proxy: {}", begun.head);
    let path = path_of(&begun);
    assert_eq!(mia.tus("PATCH", &path, 0, &bytes[..CHUNK]).await.status, 204);
    chaos.set(Weather::CutBody { after_bytes: 1_000_000 });
    assert_eq!(mia.tus("PATCH", &path, CHUNK, &bytes[CHUNK..2 * CHUNK]).await.status, 0, "cut");
    chaos.set(Weather::Clear);
    assert_eq!((server.open_uploads(), server.count().await), (1, 0));
    let wrong = mia.tus("PATCH", &path, CHUNK - 1, b"x").await;
    assert_eq!((wrong.status, wrong.text().as_str()), (409, "Upload-Offset conflict\n"));
    let head = mia.tus("HEAD", &path, 0, b"").await;
    let offset: usize = head.header("upload-offset").and_then(|text| text.parse().ok()).expect("an offset");
    assert!((CHUNK..=CHUNK + 1_000_000).contains(&offset), "{offset}");
    assert_eq!(head.header("upload-length"), Some(&*bytes.len().to_string()));
    let rest = mia.tus("PATCH", &path, offset, &bytes[offset..]).await;
    assert_eq!((rest.status, rest.header("tus-complete")), (204, Some("1")));
    let object = server.object("workspace-temp", &key).await.expect("the object");
    assert!(object.bytes == bytes, "whole and in order");
    let etag = object.metadata["eTag"].as_str().expect("an ETag");
    assert!(etag.ends_with("-2\"") || etag.ends_with("-3\""), "of parts: {etag}");
    assert_eq!((object.owner.as_deref(), object.metadata["cacheControl"].as_str()), (Some(MIA), Some("max-age=3600")));
    assert_eq!(mia.tus("HEAD", &path, 0, b"").await.header("upload-offset"), Some(&*bytes.len().to_string()));
    assert_eq!(mia.tus("DELETE", &path, 0, b"").await.status, 409, "the object is there now");
    let ended = mia.ask("DELETE", &path, &[("Tus-Resumable", "1.0.0"), ("x-upsert", "true")], b"").await;
    assert_eq!(ended.text(), "Cannot terminate an already completed upload");
}

#[tokio::test]
async fn supabase_resumable_uploads_are_refused_with_true_statuses() {
    let Some((server, service)) = start().await else { return };
    let mia = Asker::new(server.address, &server.user_key(MIA, 60));
    let other = mia.begin(&format!("{BEN}/film.mp4"), 10, &[]).await;
    assert_eq!((other.status, other.text().as_str()), (403, "new row violates row-level security policy"));
    service.put("workspace-temp/taken.mp4", b"old").await;
    let taken = service.begin("taken.mp4", 3, &[]).await;
    assert_eq!((taken.status, taken.text().as_str()), (409, "The resource already exists"));
    let begun = service.begin("taken.mp4", 3, &[("x-upsert", "true")]).await;
    assert_eq!(begun.status, 201);
    let patched = service.tus("PATCH", &path_of(&begun), 0, b"new").await;
    assert_eq!(patched.status, 409, "x-upsert is wanted in each request");
    assert_eq!(service.begin("a[b]", 3, &[]).await.text(), "Invalid key: a[b]");
    server.set_file_size_limit(100);
    assert_eq!(service.begin("big.mp4", 101, &[]).await.status, 413);
    let path = path_of(&service.begin("ended.mp4", 6, &[]).await);
    assert_eq!(service.tus("PATCH", &path, 0, b"too long").await.status, 413);
    assert_eq!(service.tus("DELETE", &path, 0, b"").await.status, 204);
    assert_eq!(service.tus("HEAD", &path, 0, b"").await.status, 404);
    let path = path_of(&service.begin("late.mp4", 6, &[]).await);
    server.expire_uploads();
    assert_eq!(service.tus("HEAD", &path, 0, b"").await.status, 410);
    let expired = Asker::new(server.address, &server.user_key(MIA, -5));
    let answer = expired.begin(&format!("{MIA}/film.mp4"), 10, &[]).await;
    assert_eq!(answer.refusal(), told(400, "403", "Unauthorized"), "a bad token is refused in JSON, here too");
    let whole = service.begin("empty.mp4", 0, &[]).await;
    assert_eq!((whole.status, whole.header("tus-complete")), (201, Some("1")));
    assert!(server.object("workspace-temp", "empty.mp4").await.is_some_and(|object| object.bytes.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn supabase_finishes_what_arrived_and_drops_what_did_not() {
    let Some((server, _)) = start().await else { return };
    let chaos = Chaos::before(server.address).await;
    let service = Asker::new(chaos.address(), &server.service_key);
    chaos.set(Weather::LostAnswer);
    assert_eq!(service.put("workspace-temp/lost.png", b"arrived").await.status, 0);
    assert_eq!(server.object("workspace-temp", "lost.png").await.expect("stored, though nobody heard").bytes, b"arrived");
    chaos.set(Weather::CutBody { after_bytes: 10 });
    assert_eq!(service.put("workspace-temp/half.png", &[7; 1_000]).await.status, 0);
    assert!(server.object("workspace-temp", "half.png").await.is_none(), "half a body is nothing");
    chaos.set(Weather::Clear);
    assert_eq!(service.put("workspace-temp/half.png", &[7; 1_000]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn supabase_takes_many_uploads_at_once() {
    let Some((server, service)) = start().await else { return };
    let service = &service;
    let puts = (0..60_u8).map(|n| async move { service.put(&format!("workspace-temp/many/{n}.bin"), &[n; 10_000]).await.status });
    let statuses = futures_util::future::join_all(puts).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let rivals = (0..8_u8).map(|n| async move { service.ask("PUT", "/object/workspace-temp/one.bin", &[], &[n; 10_000]).await });
    let ids: Vec<Value> = futures_util::future::join_all(rivals).await.iter().map(|answer| answer.json()["Id"].clone()).collect();
    assert!(ids.iter().all(|id| id == &ids[0]), "one object: {ids:?}");
    let objects = server.objects().await;
    assert_eq!(objects.len(), 61);
    assert!(objects.iter().all(|object| object.bytes.len() == 10_000 && object.bytes.iter().all(|byte| byte == &object.bytes[0])));
}
