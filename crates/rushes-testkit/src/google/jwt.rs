//! What a service account's assertion must be (RFC 7523 as Google reads it).

use super::{Accounts, Google};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// How far an assertion's times may be from ours.
const TOLERANCE_S: i64 = 300;
const LONGEST_S: i64 = 3_600;
const TIMES: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                     Check your iat and exp values in the JWT claim.";

/// The scopes of a sound assertion; else the name and the words of the refusal. `audience`: this server's token address.
pub(super) fn scopes_in(accounts: &Accounts, assertion: &str, audience: &str) -> Result<String, (&'static str, String)> {
    let invalid = |words: &str| ("invalid_grant", words.to_owned());
    let malformed = || invalid("Invalid JWT: Failed to parse.");
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
    let (head, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let (head, claims) = (read(head).ok_or_else(malformed)?, read(claims).ok_or_else(malformed)?);
    if head["alg"] != "RS256" {
        return Err(invalid("Invalid JWT: Unsupported algorithm."));
    }
    let issuer = claims["iss"].as_str().unwrap_or_default();
    if issuer != Google::EMAIL {
        return Err(invalid("Invalid grant: account not found"));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    if head["kid"] != accounts.key_id() || !accounts.is_signed(issuer, signed.as_bytes(), &signature) {
        return Err(invalid("Invalid JWT Signature."));
    }
    if claims["aud"] != audience {
        return Err(invalid(&format!("Invalid JWT: Failed audience check. The right audience is {audience}")));
    }
    let now_s = accounts.now_s();
    let (Some(from), Some(to)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else { return Err(invalid(TIMES)) };
    if from > now_s + TOLERANCE_S || to < now_s - TOLERANCE_S || to <= from || to - from > LONGEST_S {
        return Err(invalid(TIMES));
    }
    let scopes = claims["scope"].as_str().unwrap_or_default();
    let is_scope = |scope: &str| scope.strip_prefix("https://www.googleapis.com/auth/").is_some_and(|name| !name.is_empty());
    if scopes.is_empty() || !scopes.split(' ').all(is_scope) {
        return Err(("invalid_scope", "Invalid OAuth scope or ID token audience provided.".to_owned()));
    }
    Ok(scopes.to_owned())
}
