//! Which files are passed over by their names, whatever is walked through or watched.

/// Never looked at: what programs leave while they write, and what systems leave for themselves.
const IGNORED: [&str; 10] = [".*", "*~", "~*", "*.part", "*.partial", "*.crdownload", "*.tmp", "*.download", "Thumbs.db", "desktop.ini"];

/// Whether a path below the folder is passed over: by [`IGNORED`], or by these patterns.
pub(super) fn is_ignored(relative: &str, patterns: &[String]) -> bool {
    let name = relative.rsplit('/').next().unwrap_or(relative);
    let matches_name = |pattern: &str| fits(&pattern.to_lowercase(), &name.to_lowercase());
    IGNORED.iter().any(|pattern| matches_name(pattern))
        || patterns.iter().any(|p| if p.contains('/') { fits(&p.to_lowercase(), &relative.to_lowercase()) } else { matches_name(p) })
}

/// Whether a text fits a pattern in which `*` stands for anything and `?` for one character.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star stood, and how much it stands for: going back there is all the searching there is.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (p, t) = (at + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_patterns_match_as_people_expect() {
        for (pattern, text, is_fit) in [
            ("*.tmp", "a.tmp", true),
            ("*.tmp", "a.tmpx", false),
            (".*", ".git", true),
            ("a*b?c", "axxbyc", true),
            ("a*b", "abc", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, text), is_fit, "{pattern} {text}");
        }
        assert!(is_ignored("a/b/film.MP4.Part", &[]) && is_ignored("thumbs.DB", &[]) && !is_ignored("a.tmp/b.png", &[]));
        assert!(is_ignored("raw/x.png", &["raw/*".into()]) && !is_ignored("raw2/x.png", &["raw/*".into()]));
    }
}
