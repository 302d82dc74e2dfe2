//! Keys as Supabase takes them. It refuses most signs beside letters and digits (`[`, `]`, `#`, `%`, anything not ASCII),
//! so each byte it refuses is written `=XX`, and so is `=` itself. Every other key stays as it is.
//!
//! Their order is another than that of our keys: `=5B` comes before `A`, where `[` comes after it.

use std::fmt::Write;

/// Supabase's own set, less `=` (what we escape with), `?` and `;` (delimiters in some servers' addresses) and `$` (with
/// `-$v-` some servers part a key from its version). None of the rest needs escaping in a path but the space.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_/!-.*'() &@:+,".contains(&byte)
}

/// Our key, or a prefix of one, as Supabase takes it.
pub(super) fn encode(key: &str) -> String {
    key.bytes().fold(String::with_capacity(key.len()), |mut encoded, byte| {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "={byte:02X}");
        }
        encoded
    })
}

/// Our key for what a listing names; None where no key of ours is written so. Least of all one with `..` for a folder: a user
/// may have named an object so, and an address made of it leads into the folder of somebody else.
pub(super) fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => byte,
        });
    }
    let leads_elsewhere = |key: &str| key.split('/').any(|part| matches!(part, "." | ".."));
    String::from_utf8(bytes).ok().filter(|key| encode(key) == encoded && !leads_elsewhere(key))
}

/// An encoded key as the path of an address. More must not be percent-encoded: a server that signs an address would sign
/// a key with `%3D` in it, which is not there.
pub(super) fn path(key: &str) -> String {
    encode(key).replace(' ', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supabase_keys_come_back_as_they_were() {
        for key in [
            "plain/a-b_c.d/e!(f)'g&h@i:j+k,l*.mp4",
            "with space/[kpop_soundtrack]_REMIX_x.mp4",
            "sharp#percent%plus+equals=question?semi;dollar$.bin",
            "emoji 🎬 é e\u{301} ユーザー/\u{7f}\n\t\\^`{|}~<>\"",
            "=5B",
            "a==",
            "a../..b/...",
            "",
        ] {
            let encoded = encode(key);
            assert!(encoded.bytes().all(|b| is_plain(b) || b == b'='), "{encoded}");
            assert_eq!(decode(&encoded).as_deref(), Some(key), "{encoded}");
        }
        assert_eq!(encode("a/[b] é=1.png"), "a/=5Bb=5D =C3=A9=3D1.png");
        assert_eq!(path("a b/[c"), "a%20b/=5Bc");
    }

    #[test]
    fn supabase_keys_of_others_that_are_none_of_ours_are_told_apart() {
        for encoded in ["a=b.png", "a=5b", "a=41", "a=", "a=5", "=FF", "=+5", "a?b", "a/../b", "..", "./a", "a/.", "a/=2E=2E/b"] {
            assert_eq!(decode(encoded), None, "{encoded}");
        }
    }

    #[test]
    fn supabase_prefixes_stay_prefixes() {
        for (key, prefix) in [("é/[x]", "é/["), ("a=b", "a="), ("🎬/x", "🎬")] {
            assert!(key.starts_with(prefix) && encode(key).starts_with(&encode(prefix)));
        }
    }
}
