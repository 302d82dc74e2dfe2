//! What the addresses a destination gives out must keep.

use crate::destination::{ODD_KEYS, source};
use rushes_core::destination::{Condition, Destination, Links, Put};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Gets a plain `http://` address as a stranger would: the status and the body.
pub fn open(url: &str) -> (u16, Vec<u8>) {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url} is no plain address"));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    let head = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = &answer[split + 4..];
    (status, if is_chunked { unchunked(body) } else { body.to_vec() })
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(String::from_utf8_lossy(&rest[..end]).trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    whole
}

fn links(destination: &dyn Destination) -> &dyn Links {
    destination.abilities().links.expect("a destination that gives addresses")
}

/// Signed addresses open the object and, where the server `is_strict`, nothing else and not for longer. Leaves it empty.
pub async fn links_suite(destination: &dyn Destination, is_strict: bool) {
    for key in ODD_KEYS {
        let source = source(format!("bytes of {key}").as_bytes());
        destination.put(Put::new(key, &source.file, &source.blob, Condition::CreateOnly)).await.expect("put");
        let url = links(destination).signed_url(key, Duration::from_mins(1)).await.unwrap_or_else(|fault| panic!("sign {key}: {fault}"));
        let (status, body) = open(&url);
        assert_eq!((status, body), (200, format!("bytes of {key}").into_bytes()), "{key} by {url}");
    }
    if is_strict {
        let signed = |valid| links(destination).signed_url(ODD_KEYS[0], valid);
        let url = signed(Duration::from_mins(1)).await.expect("sign");
        let (address, query) = url.split_once('?').expect("a signature in the query");
        let other = links(destination).signed_url("suite/deep/er/and/deeper.bin", Duration::from_mins(1)).await.expect("sign");
        let (other_address, _) = other.split_once('?').expect("a signature in the query");
        // In the middle: the last sign of a text in base64 may carry bits that nobody reads.
        let middle = query.len() - 20;
        let turned = if &query[middle..=middle] == "1" { "2" } else { "1" };
        for (what, tampered) in [
            ("another object", format!("{other_address}?{query}")),
            ("a changed signature", format!("{address}?{}{turned}{}", &query[..middle], &query[middle + 1..])),
            ("no signature", address.to_owned()),
        ] {
            let (status, _) = open(&tampered);
            assert!((400..500).contains(&status), "{what} is refused: {status} for {tampered}");
        }
        let short = signed(Duration::from_secs(1)).await.expect("sign");
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let (status, _) = open(&short);
        assert!((400..500).contains(&status), "an address that has run out is refused: {status}");
    }
    for key in ODD_KEYS {
        destination.delete(key).await.expect("delete");
    }
}
