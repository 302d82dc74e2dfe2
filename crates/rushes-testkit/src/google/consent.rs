//! Where a person agrees: the address a browser opens, the code it is sent back with, and the login for that code (OAuth 2.0
//! for installed applications, with a proof key).

use super::{Accounts, Google};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What the person does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Consent {
    /// Agrees.
    #[default]
    Given,
    /// Agrees, and leaves the boxes for all scopes empty.
    WithoutScopes,
    /// Refuses.
    Refused,
    /// Comes back with another state, as somebody would who was sent here by a stranger.
    Strange,
}

/// What is remembered of codes and of what the person does.
#[derive(Default)]
pub(super) struct Consents {
    pub(super) does: Consent,
    codes: Vec<Code>,
}

struct Code {
    code: String,
    redirect: String,
    challenge: String,
    scopes: String,
}

type Pairs = [(String, String)];

fn field<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

/// `GET /auth`: where the browser is sent, or why it is not.
pub(super) fn agree(accounts: &Accounts, pairs: &Pairs) -> Result<String, String> {
    let expected =
        [("client_id", Google::CLIENT_ID), ("response_type", "code"), ("code_challenge_method", "S256"), ("access_type", "offline")];
    if let Some((name, _)) = expected.iter().find(|(name, value)| field(pairs, name) != *value) {
        return Err(format!("Error 400: invalid_request: {name}"));
    }
    let redirect = field(pairs, "redirect_uri");
    if !redirect.starts_with("http://127.0.0.1:") {
        return Err("Error 400: redirect_uri_mismatch".into());
    }
    let mut consents = accounts.consents();
    let state = if consents.does == Consent::Strange { "of-somebody-else" } else { field(pairs, "state") };
    if consents.does == Consent::Refused {
        return Ok(format!("{redirect}/?error=access_denied&state={state}"));
    }
    let scopes = if consents.does == Consent::WithoutScopes { "" } else { field(pairs, "scope") };
    let code = format!("4/{}", uuid::Uuid::now_v7().simple());
    let location = format!("{redirect}/?state={state}&code={}&scope=x", code.replace('/', "%2F"));
    let (redirect, challenge, scopes) = (redirect.to_owned(), field(pairs, "code_challenge").to_owned(), scopes.to_owned());
    consents.codes.push(Code { code, redirect, challenge, scopes });
    Ok(location)
}

/// The login for a code, which is good once.
pub(super) fn redeem(accounts: &Accounts, pairs: &Pairs) -> Result<Value, &'static str> {
    let mut consents = accounts.consents();
    let index = consents.codes.iter().position(|known| known.code == field(pairs, "code")).ok_or("Malformed auth code.")?;
    let code = consents.codes.remove(index);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field(pairs, "code_verifier").as_bytes()));
    if code.redirect != field(pairs, "redirect_uri") {
        return Err("redirect_uri_mismatch");
    }
    if code.challenge != challenge {
        return Err("Invalid code verifier.");
    }
    accounts.is_logged_in.store(true, std::sync::atomic::Ordering::Relaxed);
    let (token, lives_s) = accounts.grant(Google::PERSON, &code.scopes);
    Ok(json!({"access_token": token, "expires_in": lives_s, "token_type": "Bearer", "scope": code.scopes, "refresh_token": "1//refresh"}))
}
