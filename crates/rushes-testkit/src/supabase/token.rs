//! JSON web tokens (HS256): keys of roles and users, and what a signed URL carries.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rushes_core::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use sha2::Sha256;

/// Known to this server only.
const SECRET: &[u8] = b"a-secret-of-the-testkit-with-at-least-32-characters";

/// Seconds since 1970.
pub(super) fn now_s() -> i64 {
    SystemClock.now_ms() / 1_000
}

/// A token with these claims. `lives_s`: seconds until it expires; negative: it has expired.
pub(super) fn sign(mut claims: Value, lives_s: i64) -> String {
    claims["iat"] = json!(now_s());
    claims["exp"] = json!(now_s() + lives_s);
    let body = [json!({"alg": "HS256", "typ": "JWT"}), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(mac(&body).finalize().into_bytes()))
}

/// The claims of a token that is whole and has not expired; else why not, in the words of the real server's library.
pub(super) fn verify(token: &str) -> Result<Value, &'static str> {
    let (body, signature) = token.rsplit_once('.').ok_or("Invalid Compact JWS")?;
    let (_, claims) = body.split_once('.').ok_or("Invalid Compact JWS")?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "Invalid Compact JWS")?;
    mac(body).verify_slice(&signature).map_err(|_| "signature verification failed")?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let claims = claims.filter(Value::is_object).ok_or("JWT Claims Set must be a top-level JSON object")?;
    match claims["exp"].as_i64() {
        Some(end) if end <= now_s() => Err("\"exp\" claim timestamp check failed"),
        _ => Ok(claims),
    }
}

fn mac(body: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("any length of key will do");
    mac.update(body.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supabase_tokens_are_refused_when_changed_or_old() {
        let token = sign(json!({"role": "anon"}), 60);
        assert_eq!(verify(&token).expect("whole")["role"], "anon");
        let forged = token.replacen('.', ".A", 1);
        assert!(verify(&forged).is_err());
        assert!(verify(&token[..token.len() - 2]).is_err());
        assert!(verify("").is_err());
        assert_eq!(verify(&sign(json!({}), -1)).expect_err("old"), "\"exp\" claim timestamp check failed");
    }
}
