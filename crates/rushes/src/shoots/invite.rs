//! What guests show: the secret of a link, a PIN, the token of their own page. Each is shown once, and kept as a hash.

use super::Stand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};
use rushes_core::album::guests::Invitation;
use rushes_core::flow::hash;
use rushes_core::{Code, Fault};

/// Bytes of a secret: 182 of its bits are drawn by lot.
const SECRET_LEN: usize = 24;
/// Guests see their photos for so long, unless the shoot expires before.
const SEEN_MS: i64 = 60 * 24 * 60 * 60 * 1_000;
/// Between consent and the first selfie.
const FACE_MS: i64 = 60 * 60 * 1_000;

/// A new secret, for an address.
pub(crate) fn new_secret() -> String {
    let drawn = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
    URL_SAFE_NO_PAD.encode(&drawn[..SECRET_LEN])
}

/// What is kept of a link's secret.
fn of_link(shoot: &str, secret: &str) -> String {
    hash(&("link", shoot, secret))
}

/// What is kept of a PIN.
fn of_pin(shoot: &str, pin: &str) -> String {
    hash(&("pin", shoot, pin))
}

/// What is kept of a guest's token.
pub(crate) fn of_token(shoot: &str, token: &str) -> String {
    hash(&("token", shoot, token))
}

/// Makes the link guests join by, in place of the one there was; gives its path. Errors: `faces_off`.
pub(crate) async fn new_link(stand: &Stand) -> Result<String, Fault> {
    stand.must_recognise()?;
    let secret = new_secret();
    stand.album.invite(Some(of_link(stand.id(), &secret))).await?;
    Ok(format!("/join/{}/{secret}", percent_encoding::utf8_percent_encode(stand.id(), percent_encoding::NON_ALPHANUMERIC)))
}

/// Asks guests for a PIN; an empty one: for none. Errors: `input_invalid`.
pub(crate) async fn set_pin(stand: &Stand, pin: &str) -> Result<(), Fault> {
    if pin.is_empty() {
        return stand.album.ask_pin(None).await;
    }
    if !(4..=8).contains(&pin.len()) || !pin.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Fault::new(Code::InputInvalid, "set PIN").because("a PIN has 4 to 8 digits"));
    }
    stand.album.ask_pin(Some(of_pin(stand.id(), pin))).await
}

/// Whether the secret of an address lets guests join.
pub(crate) fn lets_in(stand: &Stand, invitation: &Invitation, secret: &str, now_ms: i64) -> bool {
    is_current(stand, now_ms) && stand.rules.is_recognising && invitation.link.as_ref() == Some(&of_link(stand.id(), secret))
}

/// Whether this is the PIN, where one is asked for.
pub(crate) fn is_pin(stand: &Stand, invitation: &Invitation, pin: &str) -> bool {
    invitation.pin.as_ref().is_none_or(|kept| *kept == of_pin(stand.id(), pin.trim()))
}

/// Whether the shoot has not expired.
pub(crate) fn is_current(stand: &Stand, now_ms: i64) -> bool {
    stand.rules.expires_ms.is_none_or(|expires_ms| now_ms < expires_ms)
}

/// Until when somebody who consents now may show their face, and sees their photos then.
pub(crate) fn until(stand: &Stand, now_ms: i64) -> (i64, i64) {
    let bounded = |until_ms: i64| stand.rules.expires_ms.map_or(until_ms, |expires_ms| until_ms.min(expires_ms));
    (bounded(now_ms + FACE_MS), bounded(now_ms + SEEN_MS))
}

fn code(text: &str) -> Result<QrCode, Fault> {
    QrCode::with_error_correction_level(text, EcLevel::M)
        .map_err(|e| Fault::new(Code::InputInvalid, "draw QR code").because(format!("the address is too long: {e}")))
}

/// A QR code, black on white with its quiet zone, as SVG.
pub(crate) fn qr_svg(text: &str) -> Result<String, Fault> {
    let drawn = code(text)?.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    // It stands within pages, too.
    Ok(drawn.split_once("?>").map_or(drawn.clone(), |(_, svg)| svg.to_owned()))
}

/// A QR code for a dark terminal.
pub(crate) fn qr_text(text: &str) -> Result<String, Fault> {
    use unicode::Dense1x2::{Dark, Light};
    Ok(code(text)?.render::<unicode::Dense1x2>().dark_color(Light).light_color(Dark).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invite_secrets_are_long_and_never_the_same() {
        let secrets: std::collections::BTreeSet<String> = (0..1_000).map(|_| new_secret()).collect();
        assert!(secrets.len() == 1_000 && secrets.iter().all(|secret| secret.len() == 32 && !secret.contains(['/', '+', '='])));
        assert_ne!(of_link("a", "x"), of_token("a", "x"), "what lets join shows nobody's photos");
        assert_ne!(of_link("a", "x"), of_link("b", "x"));
    }

    #[test]
    fn invite_qr_codes_are_drawn() {
        let svg = qr_svg("http://10.0.0.7:8787/join/wedding/abcdefghijklmnopqrstuvwxyz012345").unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("<path"), "{}", &svg[..80]);
        assert!(qr_text("http://a.example").unwrap().lines().count() > 10);
        assert_eq!(qr_svg(&"x".repeat(10_000)).unwrap_err().code, Code::InputInvalid);
    }
}
