//! The server itself, asked by plain requests.

use super::{Account, Drive, FOLDER};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    fn id(&self) -> String {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()["id"].as_str().expect("an id").to_owned()
    }

    fn reason(&self) -> String {
        self.json()["error"]["errors"][0]["reason"].as_str().expect("a reason").to_owned()
    }

    fn header(&self, name: &str) -> Option<String> {
        let find =
            |line: &str| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned());
        self.head.lines().find_map(find)
    }
}

fn ask(drive: &Drive, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(drive.address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    let mut head =
        format!("{method} /{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n", drive.address, body.len());
    for (name, value) in [("Authorization", "Bearer person")].iter().chain(headers) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(body)).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    Answer { status: head[9..12].parse().expect("a status"), head, body: answer[split + 4..].to_vec() }
}

fn post(drive: &Drive, path: &str, body: &Value) -> Answer {
    ask(drive, "POST", path, &[], body.to_string().as_bytes())
}

fn list(drive: &Drive, query: &str) -> Vec<Value> {
    let query = query.replace(' ', "%20").replace('\'', "%27");
    let answer = ask(drive, "GET", &format!("drive/v3/files?q={query}&fields=files(id,name,trashed)"), &[], b"");
    answer.json()["files"].as_array().unwrap_or_else(|| panic!("{}", answer.json())).clone()
}

async fn drive() -> Drive {
    let drive = Drive::start().await;
    drive.know(|token| {
        let email = format!("{token}@example.com");
        matches!(token, "person" | "service").then(|| Account { is_service: token == "service", email, ..Account::default() })
    });
    drive
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drive_names_are_not_unique_and_ids_are() {
    let drive = drive().await;
    let folder = json!({"name": "a", "mimeType": FOLDER});
    let (first, second) = (post(&drive, "drive/v3/files", &folder).id(), post(&drive, "drive/v3/files", &folder).id());
    assert_ne!(first, second);
    assert_eq!(list(&drive, "name='a' and 'root' in parents").len(), 2);
    let drawn = ask(&drive, "GET", "drive/v3/files/generateIds?count=3", &[], b"").json();
    let id = drawn["ids"][0].as_str().expect("an id");
    assert_eq!(post(&drive, "drive/v3/files", &json!({"id": id, "name": "b"})).id(), id);
    let again = post(&drive, "drive/v3/files", &json!({"id": id, "name": "b"}));
    assert_eq!((again.status, again.reason()), (409, "fileIdInUse".into()));
    assert_eq!(post(&drive, "drive/v3/files", &json!({"id": "made-up", "name": "b"})).status, 400);
    assert_eq!(post(&drive, "drive/v3/files", &json!({"naem": "b"})).status, 400);
    let long = json!({"name": "b", "appProperties": {"k": "v".repeat(124)}});
    assert_eq!(post(&drive, "drive/v3/files", &long).status, 400);
    let trashed = ask(&drive, "PATCH", &format!("drive/v3/files/{id}?fields=trashed"), &[], br#"{"trashed":true}"#);
    assert_eq!(trashed.json(), json!({"trashed": true}));
    assert!(list(&drive, "name='b' and trashed=false").is_empty());
    assert_eq!(ask(&drive, "GET", "drive/v3/files/none", &[], b"").reason(), "notFound");
    assert_eq!(ask(&drive, "GET", "drive/v3/about", &[("authorization", "x")], b"").status, 200, "the first header counts");
    assert_eq!(drive.folders().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drive_listings_lag_behind_and_ids_do_not() {
    let drive = drive().await;
    drive.set_lag(Duration::from_millis(300));
    let id = post(&drive, "drive/v3/files", &json!({"name": "a"})).id();
    assert!(list(&drive, "name='a'").is_empty());
    assert_eq!(ask(&drive, "GET", &format!("drive/v3/files/{id}"), &[], b"").id(), id);
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(list(&drive, "name='a'").len(), 1);
    drive.trash(&id);
    assert_eq!(list(&drive, "name='a' and trashed=false").len(), 1, "not yet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drive_takes_uploads_whole_and_in_parts() {
    let drive = drive().await;
    let media = |boundary: &str| {
        format!(
            "--{boundary}\r\nContent-Type: application/json\r\n\r\n{{\"name\":\"a\"}}\r\n--{boundary}\r\nContent-Type: a/b\r\n\r\nbytes\r\n--{boundary}--\r\n"
        )
    };
    let path = "upload/drive/v3/files?uploadType=multipart&fields=id,size,md5Checksum";
    let whole = ask(&drive, "POST", path, &[("Content-Type", "multipart/related; boundary=xy")], media("xy").as_bytes());
    assert_eq!(
        (whole.json()["size"].as_str(), whole.json()["md5Checksum"].as_str()),
        (Some("5"), Some("4b3a6218bb3e3a7303e8a171a60fcf92"))
    );
    let media_of = |id: &str, range: &str| ask(&drive, "GET", &format!("drive/v3/files/{id}?alt=media"), &[("Range", range)], b"");
    assert_eq!((media_of(&whole.id(), "bytes=1-2").status, media_of(&whole.id(), "bytes=1-2").body), (206, b"yt".to_vec()));
    assert_eq!(media_of(&whole.id(), "bytes=9-12").status, 416);

    let size = 256 * 1024 + 10;
    let begin = || {
        ask(
            &drive,
            "POST",
            "upload/drive/v3/files?uploadType=resumable&fields=id,size",
            &[("X-Upload-Content-Length", &size.to_string())],
            br#"{"name":"large"}"#,
        )
    };
    let session = |answer: &Answer| {
        answer.header("location").expect("an address").split_once("/upload/").map(|(_, rest)| format!("upload/{rest}")).expect("ours")
    };
    let upload = session(&begin());
    let bytes = vec![7; size];
    let put = |from: usize, to: usize| {
        ask(&drive, "PUT", &upload, &[("Content-Range", &format!("bytes {from}-{}/{size}", to - 1))], &bytes[from..to])
    };
    assert_eq!(put(0, 100).status, 400, "no multiple of 256 KiB");
    let first = put(0, 256 * 1024);
    assert_eq!((first.status, first.header("range").as_deref()), (308, Some("bytes=0-262143")));
    let asked = ask(&drive, "PUT", &upload, &[("Content-Range", &format!("bytes */{size}"))], b"");
    assert_eq!((asked.status, asked.header("range").as_deref()), (308, Some("bytes=0-262143")));
    assert_eq!(drive.files().len(), 1, "nothing is there before it is whole");
    assert_eq!(put(256 * 1024, size).json()["size"], size.to_string());
    assert_eq!(put(256 * 1024, size).status, 404, "the upload is done");
    let other = session(&begin());
    assert_eq!(ask(&drive, "DELETE", &other, &[], b"").status, 499);
    begin();
    drive.expire_uploads();
    assert_eq!((drive.open_uploads(), drive.files().len()), (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drive_batches_answer_each_call() {
    let drive = drive().await;
    let one = |n: usize, body: &str| {
        format!(
            "--b\r\nContent-Type: application/http\r\nContent-ID: <item{n}>\r\n\r\nPOST /drive/v3/files?fields=id,name HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
        )
    };
    let body = format!("{}{}--b--\r\n", one(0, r#"{"name":"a"}"#), one(1, r#"{"id":"made-up"}"#));
    let answer = ask(&drive, "POST", "batch/drive/v3", &[("Content-Type", "multipart/mixed; boundary=b")], body.as_bytes());
    let text = String::from_utf8(answer.body).expect("text");
    assert!(
        text.contains("<response-item0>\r\n\r\nHTTP/1.1 200 OK") && text.contains("<response-item1>\r\n\r\nHTTP/1.1 400 Bad Request"),
        "{text}"
    );
    assert_eq!(drive.files().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drive_refuses_as_drive_does() {
    let drive = drive().await;
    let as_service = |parent: &str| {
        let body = format!("--b\r\nA: b\r\n\r\n{{\"name\":\"a\",\"parents\":[\"{parent}\"]}}\r\n--b\r\nA: b\r\n\r\nx\r\n--b--\r\n");
        let mut stream = TcpStream::connect(drive.address).expect("a connection");
        let head = format!(
            "POST /upload/drive/v3/files?uploadType=multipart HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer service\r\nContent-Type: multipart/related; boundary=b\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(as_service("root").contains("storageQuotaExceeded"), "a service account has no room of its own");
    assert!(as_service(&drive.shared_folder("theirs", "reader")).contains("insufficientFilePermissions"));
    let team = drive.shared_drive("team", "writer");
    assert!(as_service(&team).starts_with("HTTP/1.1 200"), "a shared drive has");
    assert_eq!(ask(&drive, "GET", &format!("drive/v3/files/{team}"), &[], b"").status, 404, "who does not know shared drives sees none");
    assert_eq!(ask(&drive, "GET", &format!("drive/v3/files/{team}?supportsAllDrives=true"), &[], b"").status, 200);
    let path = format!("drive/v3/files?corpora=drive&driveId={team}&includeItemsFromAllDrives=true&supportsAllDrives=true");
    assert_eq!(ask(&drive, "GET", &path, &[], b"").json()["files"].as_array().map(Vec::len), Some(2), "the file and its folder");
    assert_eq!(ask(&drive, "GET", "drive/v3/files?q=colour%3D1", &[], b"").reason(), "invalid");
}
