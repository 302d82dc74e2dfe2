//! Which names of buckets and keys are taken, and how they stand in addresses.

use super::errors::{Outcome, Refusal};

/// Besides letters and digits of ASCII, in keys. Buckets may have the same without the slash.
const SIGNS: &str = "_/!-.*'() &$=@;:+,?";

/// Refuses a key with other signs than the real server takes: `[`, `]`, `#`, `%`, `~`, `"` and whatever is not ASCII.
pub(super) fn check_key(key: &str) -> Outcome<()> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || SIGNS.contains(c);
    if !key.is_empty() && key.chars().all(is_taken) { Ok(()) } else { Err(Refusal::invalid_key(key)) }
}

/// Refuses a bucket's name that is empty, longer than 100 or has other signs than a key.
pub(super) fn check_bucket(name: &str) -> Outcome<()> {
    let is_good = (1..=100).contains(&name.len()) && !name.contains('/') && check_key(name).is_ok() && name.trim() == name;
    if is_good { Ok(()) } else { Err(Refusal::invalid_bucket_name()) }
}

/// Undoes percent-encoding, all of it.
pub(super) fn decode(text: &str) -> Option<String> {
    decode_except(text, "")
}

/// Undoes percent-encoding except where it hides one of `kept`.
pub(super) fn decode_except(text: &str, kept: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let value = u8::from_str_radix(text.get(at + 1..at + 3)?, 16).ok()?;
            if kept.as_bytes().contains(&value) {
                decoded.extend_from_slice(&bytes[at..at + 3]);
            } else {
                decoded.push(value);
            }
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supabase_keys_take_what_the_real_server_takes() {
        for good in ["a/b.png", "with space", "a!-_.*'()&$=@;:+,?"] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in ["", "[a]", "a#b", "a%b", "a~b", "é", "a\\b", "a\"b", "a{b}", "a|b", "a\nb"] {
            assert!(check_key(bad).is_err(), "{bad}");
        }
        assert!(check_bucket("a/b").is_err() && check_bucket("").is_err() && check_bucket(&"b".repeat(101)).is_err());
    }

    #[test]
    fn supabase_addresses_are_decoded() {
        assert_eq!(decode("a%20b%2Fc%3F").as_deref(), Some("a b/c?"));
        assert_eq!(decode_except("a%20b%26c", "&").as_deref(), Some("a b%26c"));
        assert_eq!(decode("%"), None);
        assert_eq!(decode("%ff"), None);
    }
}
