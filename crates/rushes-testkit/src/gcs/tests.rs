//! What the strict server refuses.

use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;

/// One request on a connection of its own: the status, and head and body as text.
fn ask(server: &Gcs, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let text = String::from_utf8_lossy(&answer).into_owned();
    (text[9..12].parse().expect("a status"), text)
}

async fn shelf() -> Gcs {
    let server = Gcs::start_open().await;
    server.make_bucket("shelf", false);
    server
}

const OBJECTS: &str = "/upload/storage/v1/b/shelf/o";

fn begin(server: &Gcs, query: &str, told: &str) -> String {
    let (status, said) = ask(server, "POST", &format!("{OBJECTS}?uploadType=resumable&name=a{query}"), "", told.as_bytes());
    assert_eq!(status, 200, "{said}");
    let location = said.lines().find_map(|line| line.strip_prefix("location: http://x")).expect("an address");
    location.trim().to_owned()
}

fn range(of: &str) -> String {
    format!("Content-Range: bytes {of}\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_resumable_uploads_keep_their_rules() {
    let server = shelf().await;
    let (step, total) = (256 * 1024, 600_000);
    let bytes: Vec<u8> = (0..total).map(|n: usize| n.to_le_bytes()[0]).collect();
    let at = begin(&server, "", "{}");
    let put = |of: &str, bytes: &[u8]| ask(&server, "PUT", &at, &range(of), bytes);
    assert_eq!(put("*/600000", b"").0, 308);
    assert!(!put("*/600000", b"").1.contains("range: "), "nothing is there");
    let (status, said) = put(&format!("0-99999/{total}"), &bytes[..100_000]);
    assert!(status == 400 && said.contains("262144"), "{said}");
    let (status, said) = put(&format!("0-299999/{total}"), &bytes[..300_000]);
    assert!(status == 308 && said.contains("range: bytes=0-262143"), "only whole steps are kept: {said}");
    let (status, said) = put(&format!("{}-599999/{total}", 2 * step), &bytes[2 * step..]);
    assert!(status == 400 && said.contains("exceeds already uploaded size"), "{said}");
    assert_eq!(put("*/600001", b"").0, 400, "another size");
    // What is there already is not taken again.
    let mut overlapping = bytes[100_000..].to_vec();
    overlapping[..1_000].fill(0);
    let (status, said) = put("100000-599999/600000", &overlapping);
    assert!(status == 200 && said.contains("\"size\":\"600000\""), "{said}");
    assert_eq!(put("*/600000", b"").0, 200, "what is whole stays so");
    assert_eq!(server.bytes(&server.object("shelf", "a").unwrap()), bytes);
    assert_eq!(ask(&server, "DELETE", &at, "", b"").0, 499);
    assert_eq!(put("*/600000", b"").0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_conditions_and_hashes_are_kept() {
    let server = shelf().await;
    let at = begin(&server, "&ifGenerationMatch=0", r#"{"md5Hash": "JfnnlDI7RTiF9RgfG2JNCw=="}"#);
    let (status, said) = ask(&server, "PUT", &at, &range("0-3/4"), b"oops");
    assert!(status == 400 && said.contains("doesn't match calculated MD5 hash"), "{said}");
    let late = begin(&server, "&ifGenerationMatch=0", "{}");
    let at = begin(&server, "&ifGenerationMatch=0", r#"{"crc32c": "4waSgw=="}"#);
    assert_eq!(ask(&server, "PUT", &at, &range("0-8/9"), b"123456789").0, 200);
    let (status, said) = ask(&server, "PUT", &late, &range("0-3/4"), b"late");
    assert!(status == 412 && said.contains("conditionNotMet"), "{said}");
    let media = format!("{OBJECTS}?uploadType=media&name=a&ifGenerationMatch=");
    assert_eq!(ask(&server, "POST", &format!("{media}0"), "", b"x").0, 412);
    let generation = server.object("shelf", "a").unwrap().generation;
    assert_eq!(ask(&server, "POST", &format!("{media}{generation}"), "", b"x").0, 200);
    let object = "/storage/v1/b/shelf/o/a";
    assert_eq!(ask(&server, "DELETE", &format!("{object}?ifGenerationMatch={generation}"), "", b"").0, 412);
    assert_eq!(ask(&server, "PATCH", object, "", br#"{"metadata": {"k": "v"}}"#).0, 200);
    let (_, said) = ask(&server, "GET", object, "", b"");
    assert!(said.contains("\"metageneration\":\"2\"") && said.contains("\"k\":\"v\""), "{said}");
    assert_eq!(ask(&server, "GET", &format!("{object}?generation={generation}"), "", b"").0, 404);
    assert_eq!(ask(&server, "GET", &format!("{object}?alt=media"), "Range: bytes=5-9\r\n", b"").0, 416);
    let (_, said) = ask(&server, "GET", "/storage/v1/b/none/o", "", b"");
    assert!(said.contains("The specified bucket does not exist."), "{said}");
    assert_eq!(ask(&server, "POST", "/storage/v1/b?project=p", "", br#"{"name": "none"}"#).0, 200);
    server.forbid("storage.objects.get");
    let asked = "/storage/v1/b/none/iam/testPermissions?permissions=storage.objects.get&permissions=storage.objects.list";
    let (_, said) = ask(&server, "GET", asked, "", b"");
    assert!(said.contains("[\"storage.objects.list\"]"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_wants_to_know_who_asks() {
    let server = Gcs::start().await;
    server.make_bucket("shelf", false);
    let asked = |headers: &str| ask(&server, "GET", "/storage/v1/b/shelf/o", headers, b"");
    let (status, said) = asked("");
    assert!(status == 401 && said.contains("Anonymous caller does not have storage.objects.list access"), "{said}");
    let (status, said) = asked("Authorization: Bearer nonsense\r\n");
    assert!(status == 401 && said.contains("Invalid Credentials"), "{said}");
    assert_eq!(ask(&server, "GET", "/shelf/a", "", b"").0, 403);
}
