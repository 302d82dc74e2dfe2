//! Tests of signatures, of the guard, and of answers in every shape.

use super::*;
use rushes_core::MessageId;
use rushes_testkit::webhooks::{Receiver, Reply};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_00000000-0000-7000-8000-000000000001";

fn id() -> MessageId {
    ID.parse().unwrap()
}

async fn post(poster: &Poster, url: &str, secrets: &[&str]) -> Result<Answer, Fault> {
    let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    poster
        .post(Parcel { id: id(), at_s: 1_770_337_530, url, body: r#"{"type":"job.completed"}"#, style: Style::Standard, secrets: &secrets })
        .await
}

/// Names are looked up so; the n-th look gives the n-th address, the last one from then on.
fn names(port: u16, addresses: &'static [&'static str], looks: Arc<AtomicUsize>) -> LookUp {
    Arc::new(move |_| {
        let at = looks.fetch_add(1, Ordering::Relaxed).min(addresses.len() - 1);
        Box::pin(async move { Ok(addresses[at].split(' ').map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect()) })
    })
}

#[test]
fn webhooks_are_signed_as_the_standard_s_own_example() {
    let secrets = [SECRET.to_owned()];
    let signed = signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#, &secrets).unwrap();
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let both = signatures("msg_1", 1, "{}", &[SECRET.to_owned(), format!("{PREFIX}{}", STANDARD.encode([7; 24]))]).unwrap();
    assert_eq!(both.split(' ').filter(|one| one.starts_with("v1,") && one.len() == 47).count(), 2, "{both}");
    assert!(signatures("msg_1", 1, "{}", &["whsec_not base64".to_owned()]).is_err());
}

#[test]
fn webhooks_secrets_are_long_random_and_as_the_standard_writes_them() {
    let poster = Poster::new(false);
    let (one, other) = (poster.new_secret().unwrap(), poster.new_secret().unwrap());
    assert_ne!(one, other);
    assert_eq!(STANDARD.decode(one.strip_prefix("whsec_").unwrap()).unwrap().len(), 32);
}

const FORBIDDEN: &str = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254
    172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1
    64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 3fff::1 2002:7f00:1::1 2002:a00:1::
    2002:a9fe:a9fe::1 fc00::1 fd12:3456::1 fe80::1 febf::1 fec0::1 ff02::1 4000::1 2a00::5efe:a00:1";
/// Each beside a net that is forbidden, or with a public address inside.
const PUBLIC: &str = "1.1.1.1 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.0.0.1 128.0.0.1 172.15.0.1 172.32.0.1 192.0.1.1
    192.169.0.1 198.20.0.1 223.255.255.255 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1 2001:4860::1";

#[test]
fn webhooks_go_to_public_addresses_only() {
    for address in FORBIDDEN.split_whitespace() {
        assert!(guard::forbidden(address.parse().unwrap()).is_some(), "{address} is spoken to");
    }
    for address in PUBLIC.split_whitespace() {
        assert_eq!(guard::forbidden(address.parse().unwrap()), None, "{address} is not spoken to");
    }
}

#[test]
fn webhooks_addresses_are_refused_at_once_in_words() {
    let poster = Poster::new(false);
    for (url, word) in [
        ("http://127.0.0.1:80/x", "loopback"),
        ("http://0x7f.1/", "loopback"),
        ("http://2130706433/", "loopback"),
        ("http://0177.0.0.1/", "loopback"),
        ("http://127.1/", "loopback"),
        ("http://0/", "unspecified"),
        ("http://[::1]/", "loopback"),
        ("http://[::ffff:10.0.0.1]/", "private"),
        ("https://169.254.169.254/latest/meta-data", "link-local"),
        ("http://①②⑦.0.0.1/", "loopback"),
        ("http://localhost./", "loopback"),
        ("http://a.LocalHost/", "loopback"),
        ("ftp://a.example/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://a.example", "https://"),
        ("https://user:pass@a.example/", "password"),
        ("https://user@a.example/", "password"),
        ("https://a.example/\r\nX-Evil: 1", "line breaks"),
        ("https://a.example\\@b.example/", "backslashes"),
        ("not an address", "spaces"),
        ("", "relative URL"),
        ("https://", "host"),
    ] {
        let fault = poster.check(url).unwrap_err();
        assert_eq!(fault.code, Code::InputInvalid, "{url}");
        assert!(fault.to_string().contains(word), "{url}: {fault}");
    }
    assert!(poster.check(&format!("https://a.example/{}", "x".repeat(URL_MAX))).is_err());
    for url in ["https://a.example/hook?token=1#x", "http://a.example:8080", "https://8.8.8.8/", "https://xn--bcher-kva.example/"] {
        poster.check(url).unwrap_or_else(|fault| panic!("{url}: {fault}"));
    }
    Poster::new(true).check("http://127.0.0.1:1/").unwrap();
}

#[tokio::test]
async fn webhooks_carry_id_time_and_both_signatures_while_a_secret_is_rotated() {
    let receiver = Receiver::start().await;
    let poster = Poster::new(true);
    let other = poster.new_secret().unwrap();
    let answer = post(&poster, &receiver.url, &[&other, SECRET]).await.unwrap();
    assert_eq!((answer.status, answer.said.as_str(), answer.retry_after), (200, "said 200", None));
    let received = receiver.received().remove(0);
    assert_eq!((received.id(), received.header("webhook-timestamp")), (ID, "1770337530"));
    assert_eq!((received.header("content-type"), received.path.as_str()), ("application/json", "/hook"));
    assert!(received.is_signed_by(SECRET) && received.is_signed_by(&other) && !received.is_signed_by(&poster.new_secret().unwrap()));
    assert!(!received.headers.values().any(|value| value.contains("whsec")));
}

#[tokio::test]
async fn webhooks_names_that_lead_inside_are_refused_and_nothing_is_connected() {
    let inside = Receiver::start().await;
    for found in [&["127.0.0.1"], &["::ffff:127.0.0.1"], &["8.8.8.8 127.0.0.1"], &["169.254.169.254"]] {
        let poster = Poster::with(guard::forbidden, names(inside.address.port(), found, Arc::default()), LIMIT);
        let fault = post(&poster, &format!("http://hooks.example:{}/", inside.address.port()), &[SECRET]).await.unwrap_err();
        assert_eq!(fault.code, Code::InputInvalid, "{fault}");
        assert!(fault.to_string().contains("hooks.example"), "{fault}");
    }
    let fault = post(&Poster::new(false), &inside.url, &[SECRET]).await.unwrap_err();
    assert!(fault.to_string().contains("loopback"), "{fault}");
    assert_eq!(inside.connections(), 0);
}

/// 127.0.0.2 plays the public internet here, and 127.0.0.1 what must not be reached.
fn only_the_second(address: IpAddr) -> Option<&'static str> {
    (address != IpAddr::from([127, 0, 0, 2])).then_some("inside")
}

#[tokio::test]
async fn webhooks_what_was_checked_is_what_is_connected_to() {
    let outside = Receiver::start_at(SocketAddr::from(([127, 0, 0, 2], 0))).await;
    let port = outside.address.port();
    let inside = Receiver::start_at(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let looks = Arc::new(AtomicUsize::new(0));
    let poster = Poster::with(only_the_second, names(port, &["127.0.0.2", "127.0.0.1"], looks.clone()), LIMIT);
    let url = format!("http://rebinding.example:{port}/");
    assert_eq!(post(&poster, &url, &[SECRET]).await.unwrap().status, 200);
    assert_eq!((looks.load(Ordering::Relaxed), outside.connections()), (1, 1), "one look for one try");
    let fault = post(&poster, &url, &[SECRET]).await.unwrap_err();
    assert_eq!((fault.code, looks.load(Ordering::Relaxed)), (Code::InputInvalid, 2), "{fault}");
    assert_eq!((inside.connections(), outside.connections()), (0, 1));
}

#[tokio::test]
async fn webhooks_follow_no_redirect() {
    let (outside, inside) = (Receiver::start_at(SocketAddr::from(([127, 0, 0, 2], 0))).await, Receiver::start().await);
    let poster = Poster::with(only_the_second, names(1, &["127.0.0.2"], Arc::default()), LIMIT);
    for status in [301, 302, 303, 307, 308] {
        outside.plan([Reply::Whole(status, vec![format!("Location: {}", inside.url)], Vec::new())]);
        let answer = post(&poster, &outside.url, &[SECRET]).await.unwrap();
        assert_eq!(answer.status, status);
        assert!(answer.said.contains("not followed") && answer.said.contains(&inside.url), "{}", answer.said);
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn webhooks_answers_are_read_with_a_bound_and_shown_tamely() {
    let receiver = Receiver::start().await;
    let poster = Poster::new(true);
    let evil = b"<b>no</b>\x1b[2J\r\n  line two \x00".to_vec();
    receiver.plan([Reply::Whole(500, vec!["Retry-After: 7".into()], evil), Reply::Endless, Reply::Whole(204, Vec::new(), Vec::new())]);
    let answer = post(&poster, &receiver.url, &[SECRET]).await.unwrap();
    assert_eq!((answer.status, answer.retry_after), (500, Some(Duration::from_secs(7))));
    assert_eq!(answer.said, "<b>no</b>[2J line two ");
    let endless = post(&poster, &receiver.url, &[SECRET]).await.unwrap();
    assert_eq!(endless.status, 200, "what was said counts, and no more is read");
    assert!(endless.said.chars().count() <= SAID_MAX);
    assert_eq!(post(&poster, &receiver.url, &[SECRET]).await.unwrap().status, 204);
}

#[tokio::test]
async fn webhooks_wait_no_longer_than_their_limit_and_say_what_went_wrong() {
    let receiver = Receiver::start().await;
    let poster = Poster::with(|_| None, guard::of_the_machine(), Duration::from_millis(300));
    receiver.plan([Reply::Late(Duration::from_secs(20)), Reply::Lost]);
    let began = Instant::now();
    let late = post(&poster, &receiver.url, &[SECRET]).await.unwrap_err();
    assert!(late.is_transient() && late.to_string().contains("no answer within"), "{late}");
    assert!(began.elapsed() < Duration::from_secs(5));
    let lost = post(&poster, &receiver.url, &[SECRET]).await.unwrap_err();
    assert_eq!(lost.code, Code::DestinationDown, "{lost}");
    assert_eq!(receiver.received().len(), 2, "and nothing is sent twice by itself");
    let address = receiver.url.clone();
    drop(receiver);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let refused = post(&poster, &address, &[SECRET]).await.unwrap_err();
    assert_eq!(refused.code, Code::DestinationDown, "{refused}");
}
