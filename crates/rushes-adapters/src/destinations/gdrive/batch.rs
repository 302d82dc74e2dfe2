//! Many small requests in one: what Drive calls a batch. It saves ways there and back, not quota.

use super::DriveDestination;
use super::answers::promised;
use crate::destinations::call::{About, Call, Said};
use crate::http::Body;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;

/// Requests in one batch. Drive takes 100, and asks for no more than half of that where they write.
const CALLS: usize = 50;
const BOUNDARY: &str = "rushes_batch";

/// Method, address and body of one request.
pub(super) type Small = (&'static str, String, Option<Value>);

impl DriveDestination {
    /// Sends requests that do not depend on each other; gives the answers in their order, each a document known by one of
    /// its fields.
    pub(super) async fn many<T: for<'de> Deserialize<'de>>(
        &self,
        calls: &[Small],
        field: &str,
        about: About<'_>,
    ) -> Result<Vec<Result<T, Said>>, Said> {
        let mut answers = Vec::new();
        for calls in calls.chunks(CALLS) {
            if let [(method, path, body)] = calls {
                let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
                let call = Call::new(method, path.clone(), about);
                answers.push(self.ask(body.iter().fold(call, Call::json), field).await);
                continue;
            }
            let mut call = Call::new(Method::POST, "batch/drive/v3".to_owned(), about)
                .with("content-type", &format!("multipart/mixed; boundary={BOUNDARY}"));
            call.body = Body::Bytes(written(calls).into());
            let answer = self.call(call).await?;
            let boundary = answer.header("content-type").split("boundary=").nth(1).map(|text| text.trim_matches('"').to_owned());
            let boundary = boundary.ok_or_else(|| about.down("the answer to a batch is none"))?;
            let body = answer.bytes().await.map_err(|fault| about.of(fault))?;
            let text = String::from_utf8_lossy(&body);
            let parts = read(&text, &boundary, calls.len());
            answers.extend(parts.into_iter().map(|part| match part {
                Some((status, body)) if status.is_success() => promised(status, body.as_bytes(), None, field, about),
                Some((status, body)) => Err(super::answers::read(status, body.as_bytes(), None, about)),
                None => Err(about.down("the answer to a batch is not whole")),
            }));
        }
        Ok(answers)
    }
}

fn written(calls: &[Small]) -> String {
    let mut text = String::new();
    for (n, (method, path, body)) in calls.iter().enumerate() {
        let body = body.as_ref().map(Value::to_string).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json; charset=UTF-8\r\n" };
        let _ = write!(
            text,
            "--{BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: <item{n}>\r\n\r\n\
             {method} /{path} HTTP/1.1\r\n{kind}Content-Length: {}\r\n\r\n{body}\r\n",
            body.len()
        );
    }
    let _ = write!(text, "--{BOUNDARY}--\r\n");
    text
}

/// Status and body of each answer, by the number its request had; None where it is missing or broken off.
fn read<'a>(text: &'a str, boundary: &str, count: usize) -> Vec<Option<(StatusCode, &'a str)>> {
    let mut answers = vec![None; count];
    let delimiter = format!("--{boundary}");
    // What follows the last delimiter is its end, or half of a part.
    let parts: Vec<&str> = text.split(delimiter.as_str()).collect();
    for part in parts.iter().take(parts.len().saturating_sub(1)) {
        if let Some((n, answer)) = answer_in(part)
            && let Some(slot) = answers.get_mut(n)
        {
            *slot = Some(answer);
        }
    }
    answers
}

fn answer_in(part: &str) -> Option<(usize, (StatusCode, &str))> {
    let (head, inner) = part.split_once("\r\n\r\n")?;
    let id = head.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-id")))?.1;
    let n = id.trim().trim_matches(['<', '>']).strip_prefix("response-item")?.parse().ok()?;
    let (head, body) = inner.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((n, (StatusCode::from_u16(status).ok()?, body)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn gdrive_batches_are_written_and_read() {
        let text = written(&[("POST", "drive/v3/files?a=b".into(), Some(json!({"id": "1"}))), ("GET", "drive/v3/files/2".into(), None)]);
        assert!(text.starts_with(
            "--rushes_batch\r\nContent-Type: application/http\r\nContent-ID: <item0>\r\n\r\nPOST /drive/v3/files?a=b HTTP/1.1\r\n"
        ));
        assert!(text.contains("Content-Length: 10\r\n\r\n{\"id\":\"1\"}\r\n--rushes_batch\r\n") && text.ends_with("--rushes_batch--\r\n"));

        let part = |n: usize, status: &str, body: &str| {
            format!(
                "--b\r\nContent-Type: application/http\r\nContent-ID: <response-item{n}>\r\n\r\nHTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
            )
        };
        let answer = format!("{}{}--b--\r\n", part(1, "409 Conflict", "{}"), part(0, "200 OK", "{\"id\":\"1\"}"));
        let found = read(&answer, "b", 3);
        assert_eq!(found[0], Some((StatusCode::OK, "{\"id\":\"1\"}\r\n")));
        assert_eq!(found[1].unwrap().0, StatusCode::CONFLICT);
        assert_eq!(found[2], None);
        let cut = &answer[..answer.len() - 20];
        assert_eq!(read(cut, "b", 2)[0], None, "half an answer is none");
    }
}
