//! Assertions that are not sound get no token.

use super::*;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::Value;

const AUDIENCE: &str = "http://127.0.0.1/token";

fn signed(accounts: &Accounts, head: &Value, claims: &Value) -> String {
    let body = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let mut signature = vec![0; accounts.key.public().modulus_len()];
    accounts.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), body.as_bytes(), &mut signature).unwrap();
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn google_assertions_are_checked() {
    let accounts = Accounts::new();
    let head = json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"});
    let now_s = accounts.now_s();
    let scope = "https://www.googleapis.com/auth/datastore";
    let claims = json!({"iss": Google::EMAIL, "aud": AUDIENCE, "scope": scope, "iat": now_s, "exp": now_s + 3_600});
    let asked = |assertion: &str| jwt::scopes_in(&accounts, assertion, AUDIENCE);
    let good = signed(&accounts, &head, &claims);
    assert_eq!(asked(&good).unwrap(), scope);
    for (field, value, words) in [
        ("iss", json!("other@x"), "account not found"),
        ("aud", json!("https://oauth2.googleapis.com/token"), "audience"),
        ("scope", json!(""), "scope"),
        ("iat", json!(now_s + 600), "iat and exp"),
        ("exp", json!(now_s + 3_601), "iat and exp"),
        ("exp", json!(now_s - 600), "iat and exp"),
    ] {
        let mut claims = claims.clone();
        claims[field] = value;
        let (_, said) = asked(&signed(&accounts, &head, &claims)).unwrap_err();
        assert!(said.contains(words), "{field}: {said}");
    }
    let middle = good.len() - 40;
    let turned = if &good[middle..=middle] == "A" { "B" } else { "A" };
    assert!(asked(&format!("{}{turned}{}", &good[..middle], &good[middle + 1..])).is_err(), "a changed signature");
    accounts.replace_key();
    assert!(asked(&good).unwrap_err().1.contains("Signature"));
}
