//! Fetches a file from an address that somebody configured: whole, or not at all. Whether it is the right one, whoever asks says.

use crate::http::{Body, Client, HttpOptions, Request};
use http::{HeaderMap, Method, StatusCode};
use reqwest::Url;
use rushes_core::{Code, Fault};
use std::path::Path;

/// What releases and buckets need is two.
const REDIRECTS_MAX: usize = 5;
const OPERATION: &str = "fetch file";

/// Fetches what is at an address of `http` or `https` into a new file, which is removed where it does not come whole. Redirects are
/// followed, but none from `https` to `http`.
///
/// Errors: `input_invalid` where there can be no file at the address, or the server says there is none; `fetch_failed` where it may be
/// there the next time; `file_too_large` beyond `max_bytes`; `disk_full`, `io`. None shows a query, which may hold a signature.
pub async fn fetch(url: &str, into: &Path, max_bytes: u64, options: HttpOptions) -> Result<(), Fault> {
    let refuse = |url: &str, why: String| Fault::new(Code::InputInvalid, OPERATION).with("url", url).because(why);
    let mut at = Url::parse(url).map_err(|error| refuse(&shown(url), format!("this is no address: {error}")))?;
    let client = Client::new(options)?;
    for _ in 0..=REDIRECTS_MAX {
        let seen = shown(at.as_str());
        if !matches!(at.scheme(), "http" | "https") {
            return Err(refuse(&seen, "an address begins with https:// or http://".into()));
        }
        let request = Request {
            method: Method::GET,
            url: at.to_string(),
            headers: HeaderMap::new(),
            body: Body::Empty,
            operation: OPERATION,
            answers_within: None,
        };
        let lost = |fault: Fault| match fault.code {
            Code::DestinationDown => Fault::new(Code::FetchFailed, OPERATION).because(fault.reason.as_deref().unwrap_or("no answer came")),
            _ => fault,
        };
        let answer = client.send(request).await.map_err(|fault| lost(fault).with("url", &seen))?;
        let status = answer.status;
        if status == StatusCode::OK {
            return answer.into_file_up_to(into, max_bytes).await.map_err(|fault| lost(fault).with("url", &seen));
        }
        if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) {
            return Err(Fault::new(Code::FetchFailed, OPERATION).with("url", &seen).because(format!("the server answers {status}")));
        }
        let next = at.join(answer.header("location")).ok().filter(|_| status.is_redirection() && !answer.header("location").is_empty());
        let next = next.ok_or_else(|| refuse(&seen, format!("the server answers {status}")))?;
        if at.scheme() == "https" && next.scheme() != "https" {
            return Err(refuse(&seen, format!("it leads to {}, which is not encrypted", shown(next.as_str()))));
        }
        at = next;
    }
    Err(refuse(&shown(url), format!("it leads from one address to the next, more than {REDIRECTS_MAX} times")))
}

/// An address without what may be secret in it: name and password, query, fragment.
fn shown(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return url.split(['?', '#']).next().unwrap_or_default().to_owned() };
    // An address that can have none has none.
    let _ = (url.set_username(""), url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rushes_testkit::webhooks::{Receiver, Reply};
    use std::path::PathBuf;
    use std::time::Duration;

    struct Stand {
        server: Receiver,
        folder: tempfile::TempDir,
    }

    impl Stand {
        async fn new() -> Self {
            Self { server: Receiver::start().await, folder: tempfile::tempdir().unwrap() }
        }

        fn place(&self) -> PathBuf {
            self.folder.path().join("file")
        }

        /// Fetches it where the server answers so; nothing is left of what fails.
        async fn fetch(&self, replies: impl IntoIterator<Item = Reply>) -> Result<Vec<u8>, Fault> {
            self.server.plan(replies);
            let options = HttpOptions { stalled_after: Duration::from_millis(300) };
            let fetched = fetch(&format!("{}?signature=secret", self.server.url), &self.place(), 1000, options).await;
            assert_eq!(self.place().exists(), fetched.is_ok());
            fetched.map(|()| {
                let bytes = std::fs::read(self.place()).unwrap();
                std::fs::remove_file(self.place()).unwrap();
                bytes
            })
        }
    }

    fn to(location: &str) -> Reply {
        Reply::Whole(302, vec![format!("Location: {location}")], Vec::new())
    }

    #[tokio::test]
    async fn fetch_brings_a_file_whole_also_from_where_it_was_moved() {
        let stand = Stand::new().await;
        let file = vec![7; 1000];
        let whole = || Reply::Whole(200, Vec::new(), vec![7; 1000]);
        assert_eq!(stand.fetch([whole()]).await.unwrap(), file);
        assert_eq!(stand.fetch([to("/moved?signature=other"), whole()]).await.unwrap(), file);
        let paths: Vec<String> = stand.server.received().into_iter().map(|one| one.path).collect();
        assert_eq!(paths, ["/hook?signature=secret", "/hook?signature=secret", "/moved?signature=other"]);
    }

    #[tokio::test]
    async fn fetch_leaves_nothing_of_what_does_not_come_whole() {
        let stand = Stand::new().await;
        let cases = [
            (Reply::Cut(1000, vec![7; 400]), Code::FetchFailed),
            (Reply::Lost, Code::FetchFailed),
            (Reply::Late(Duration::from_secs(30)), Code::FetchFailed),
            (Reply::Status(503), Code::FetchFailed),
            (Reply::Status(429), Code::FetchFailed),
            (Reply::Status(404), Code::InputInvalid),
            (Reply::Status(403), Code::InputInvalid),
            (Reply::Status(302), Code::InputInvalid),
            (Reply::Endless, Code::FileTooLarge),
            (to("ftp://example.org/file"), Code::InputInvalid),
        ];
        for (reply, code) in cases {
            let name = format!("{reply:?}");
            // A look is repeated on another connection where one is closed without an answer.
            let replies = if matches!(reply, Reply::Lost) { vec![reply; 4] } else { vec![reply] };
            let fault = stand.fetch(replies).await.unwrap_err();
            assert_eq!(fault.code, code, "{name:.60}: {fault}");
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
        let fault = stand.fetch(vec![to("/hook"); 6]).await.unwrap_err();
        assert!(fault.code == Code::InputInvalid && fault.to_string().contains("more than 5 times"), "{fault}");
        let fault = fetch("no address?secret", &stand.place(), 1000, HttpOptions::default()).await.unwrap_err();
        assert!(fault.code == Code::InputInvalid && !fault.to_string().contains("secret"), "{fault}");
    }
}
