//! Tokens before a server that checks what it is asked.

use super::*;
use crate::http::{Client, HttpOptions};
use rushes_core::{Code, Fault};
use rushes_testkit::chaos::{Chaos, Only, Weather};
use rushes_testkit::google::{Denied, Google};
use serde_json::json;
use std::time::Duration;

const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

fn tokens(credentials: Credentials) -> Tokens {
    let client = Client::new(HttpOptions { stalled_after: Duration::from_secs(5) }).unwrap();
    Tokens::new(credentials, SCOPE, &client)
}

fn of(text: &str) -> Tokens {
    tokens(Credentials::parse(text).unwrap())
}

async fn token(tokens: &Tokens) -> String {
    tokens.bearer().await.unwrap().expect("a token is wanted")
}

async fn refused(tokens: &Tokens) -> Fault {
    tokens.bearer().await.expect_err("no token is given")
}

#[tokio::test]
async fn google_tokens_are_for_all_who_have_credentials() {
    let google = Google::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (plain, wrapped) = (folder.path().join("plain"), folder.path().join("wrapped"));
    std::fs::File::create(&plain).and_then(|mut f| std::io::Write::write_all(&mut f, Google::SUBJECT.as_bytes())).unwrap();
    let text = json!({"access_token": Google::SUBJECT}).to_string();
    std::fs::File::create(&wrapped).and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes())).unwrap();
    let plain = google.external_account(&json!({"file": plain}), false);
    let format = json!({"type": "json", "subject_token_field_name": "access_token"});
    let wrapped = google.external_account(&json!({"file": wrapped, "format": format}), true);
    let format = json!({"type": "json", "subject_token_field_name": "token"});
    let source = json!({"url": format!("{}/subject", google.url), "headers": {"x-asks": "rushes"}, "format": format});
    let asked = google.external_account(&source, true);
    let who = |bearer: &str| google.accounts.who(Some(bearer), &[SCOPE]);
    for (text, email) in [
        (google.service_account(), Google::EMAIL),
        (google.authorized_user(), Google::PERSON),
        (wrapped, Google::EMAIL),
        (asked, Google::EMAIL),
    ] {
        assert_eq!(who(&token(&of(&text)).await).unwrap(), email);
    }
    assert!(who(&token(&of(&plain)).await).unwrap().starts_with("principal://"));
    assert_eq!(who(&token(&tokens(Credentials::machine(Some(&google.metadata_host())))).await).unwrap(), Google::EMAIL);
    assert_eq!(tokens(Credentials::None).bearer().await.unwrap(), None);
    assert_eq!(google.accounts.who(Some("ya29.none"), &[SCOPE]), Err(Denied::Invalid));
    let bearer = token(&of(&google.service_account())).await;
    assert_eq!(google.accounts.who(Some(&bearer), &["https://www.googleapis.com/auth/drive"]), Err(Denied::Scope));
}

#[tokio::test]
async fn google_tokens_are_asked_for_once_and_renewed_in_time() {
    let google = Google::start().await;
    let tokens = of(&google.service_account());
    let all = futures_util::future::join_all((0..20).map(|_| tokens.bearer())).await;
    assert!(all.iter().all(|bearer| bearer.as_ref().unwrap() == all[0].as_ref().unwrap()));
    assert_eq!(google.accounts.issued(), 1, "twenty who wait ask once");
    let first = token(&tokens).await;
    tokens.forget(&first).await;
    let second = token(&tokens).await;
    assert_ne!(first, second, "a refused one is not given again");
    tokens.forget(&first).await;
    assert_eq!(token(&tokens).await, second, "who is late does not forget the next one");

    // A quarter of it is left when it is renewed; the server counts whole seconds.
    google.accounts.set_life(8);
    tokens.forget(&second).await;
    let short = token(&tokens).await;
    assert_eq!(token(&tokens).await, short);
    tokio::time::sleep(Duration::from_millis(6_200)).await;
    let renewed = token(&tokens).await;
    assert_ne!(renewed, short, "a new one comes before the old one has ended");
    google.accounts.who(Some(&short), &[SCOPE]).unwrap();
}

#[tokio::test]
async fn google_tokens_outlive_a_server_that_is_down() {
    let google = Google::start().await;
    let chaos = Chaos::before(google.address).await;
    let tokens = of(&google.service_account_at(&chaos.url()));
    chaos.set_for(Only::requests("POST", "/token").first(1), Weather::Stall { after_bytes: 0 });
    chaos.set_for(Only::requests("POST", "/token").first(1), Weather::too_many(Some(7)));
    let fault = refused(&tokens).await;
    assert_eq!((fault.code, fault.retry_after_ms), (Code::DestinationBusy, Some(7_000)), "{fault}");
    let began = std::time::Instant::now();
    let all = futures_util::future::join_all((0..8).map(|_| tokens.bearer())).await;
    assert!(all.iter().all(|fault| fault.as_ref().unwrap_err().code == Code::DestinationDown));
    assert!(began.elapsed() < Duration::from_secs(9), "those who wait together fail together");
    for weather in [
        Weather::HalfAnswer,
        Weather::LostAnswer,
        Weather::json(503, &json!({})),
        Weather::json(200, &json!({"error": "no"})),
        Weather::json(200, &json!({"access_token": "secret-token"})),
    ] {
        chaos.set_for(Only::requests("POST", "/token").first(1), weather.clone());
        let fault = refused(&tokens).await;
        assert!(fault.is_transient() && !fault.to_string().contains("secret-token"), "{weather:?}: {fault}");
    }
    // A quarter of it is left when it is renewed; the server counts whole seconds.
    google.accounts.set_life(8);
    let first = token(&tokens).await;
    chaos.set(Weather::Down);
    tokio::time::sleep(Duration::from_millis(6_200)).await;
    assert_eq!(token(&tokens).await, first, "what is still good serves");
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    assert!(refused(&tokens).await.is_transient());
    chaos.set(Weather::Clear);
    assert_ne!(token(&tokens).await, first);
}

#[tokio::test]
async fn google_tokens_are_got_with_a_wrong_clock() {
    for ahead_s in [600, -600, 7_200, -86_400] {
        let google = Google::start().await;
        google.accounts.set_clock_ahead(ahead_s);
        let tokens = of(&google.service_account());
        token(&tokens).await;
        let off_s = tokens.now_ms() / 1_000 - google.accounts.now_s();
        assert!(off_s.abs() <= 2, "Google's clock is followed: {off_s} s off");
    }
    // A server that does not tell the time.
    let chaos = Chaos::before(Google::start().await.address).await;
    let google = Google::start().await;
    let words = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values.";
    chaos.set(Weather::json(400, &json!({"error": "invalid_grant", "error_description": words})));
    let fault = refused(&of(&google.service_account_at(&chaos.url()))).await;
    assert!(fault.is_transient() && fault.to_string().contains("this machine's clock is wrong"), "{fault}");
}

#[tokio::test]
async fn google_refusals_say_what_to_do() {
    let google = Google::start().await;
    let account = of(&google.service_account());
    google.accounts.replace_key();
    let said = |fault: Fault, words: &str| {
        assert!(fault.code == Code::DestinationRefused && !fault.is_transient(), "{fault}");
        assert!(fault.to_string().contains(words), "{fault}");
        for secret in ["1//refresh", "client-secret", "PRIVATE", Google::SUBJECT] {
            assert!(!fault.to_string().contains(secret), "{fault}");
        }
    };
    said(refused(&account).await, "the key was deleted");
    let login = of(&google.authorized_user());
    google.accounts.log_out();
    said(refused(&login).await, "log in again");
    said(refused(&of(&google.authorized_user().replace("client-secret", "other"))).await, "OAuth client");
    said(refused(&of(&google.service_account().replace("mover@", "gone@"))).await, "account was deleted");

    let source = tempfile::NamedTempFile::new().unwrap();
    let foreign = google.external_account(&json!({"file": source.path()}), true);
    said(refused(&of(&foreign)).await, "empty");
    std::io::Write::write_all(&mut source.as_file(), Google::SUBJECT.as_bytes()).unwrap();
    google.accounts.allow_signing(false);
    said(refused(&of(&foreign)).await, "iam.serviceAccounts.getAccessToken");

    google.accounts.set_machine(false);
    said(refused(&tokens(Credentials::machine(Some(&google.metadata_host())))).await, "GOOGLE_APPLICATION_CREDENTIALS");
    let nowhere = tokens(Credentials::machine(Some("127.0.0.1:1")));
    said(refused(&nowhere).await, "GOOGLE_APPLICATION_CREDENTIALS");
}

#[test]
fn google_credentials_are_checked_and_keep_their_secret() {
    for (text, words) in [
        ("", "no JSON"),
        ("{}", "the type is \"\""),
        (r#"{"type": "impersonated_service_account"}"#, "impersonated_service_account"),
        (r#"{"type": "service_account", "client_email": "a@b"}"#, "private_key"),
        (r#"{"type": "service_account", "client_email": "a@b", "private_key": "s3cret"}"#, "download the key anew"),
        (
            r#"{"type": "authorized_user", "client_id": "c", "client_secret": "s3cret", "refresh_token": "s3cret", "token_uri": "http://x/"}"#,
            "https",
        ),
        (
            r#"{"type": "external_account", "audience": "a", "subject_token_type": "t", "token_url": "https://x", "credential_source": {"executable": {}}}"#,
            "file or a url",
        ),
    ] {
        let fault = Credentials::parse(text).unwrap_err();
        assert!(fault.code == Code::ConfigInvalid && fault.to_string().contains(words), "{fault}");
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
    }
    let user = r#"{"type": "authorized_user", "client_id": "c", "client_secret": "s3cret", "refresh_token": "s3cret"}"#;
    assert!(!format!("{:?}", Credentials::parse(user).unwrap()).contains("s3cret"));
}
