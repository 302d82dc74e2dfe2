//! Cuts Rust source into code, comments and string literals, so that a rule for one never trips over the others.
//!
//! A lexer's first step, no parser: rules that need more are for clippy.

/// What a piece of source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Code,
    Comment,
    /// The inside of a string literal, escapes as written.
    Literal,
}

/// One piece of source.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    pub(super) part: Part,
    pub(super) text: &'a str,
    /// Where it begins, from 1.
    pub(super) line: usize,
}

/// Cuts `source` into pieces, in order.
pub(super) fn pieces(source: &str) -> Vec<Piece<'_>> {
    let bytes = source.as_bytes();
    let mut cutter = Cutter { source, out: Vec::new(), done: 0, line: 1 };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &source[at..];
        if rest.starts_with("//") {
            let end = rest.find('\n').map_or(source.len(), |n| at + n);
            at = cutter.cut(at, at, end, end, Part::Comment);
        } else if rest.starts_with("/*") {
            let end = at + block_comment(rest);
            at = cutter.cut(at, at, end, end, Part::Comment);
        } else if bytes[at] == b'"' {
            let end = at + 1 + quoted(&rest[1..]);
            at = cutter.cut(at, at + 1, end, (end + 1).min(source.len()), Part::Literal);
        } else if let Some((open, close)) = raw_string(source, at) {
            let end = source[at + open..].find(&close).map_or(source.len(), |n| at + open + n);
            at = cutter.cut(at, at + open, end, (end + close.len()).min(source.len()), Part::Literal);
        } else if bytes[at] == b'\'' {
            at += char_literal(rest);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    cutter.code_until(source.len());
    cutter.out
}

struct Cutter<'a> {
    source: &'a str,
    out: Vec<Piece<'a>>,
    done: usize,
    line: usize,
}

impl Cutter<'_> {
    fn code_until(&mut self, at: usize) {
        self.push(Part::Code, self.done, at);
        self.done = at;
    }

    /// Code up to `start`, then `from..to` as `part`; goes on at `next`.
    fn cut(&mut self, start: usize, from: usize, to: usize, next: usize, part: Part) -> usize {
        self.code_until(start);
        self.push(part, from, to);
        self.done = next;
        next
    }

    fn push(&mut self, part: Part, from: usize, to: usize) {
        let text = &self.source[from..to];
        if !text.is_empty() {
            self.out.push(Piece { part, text, line: self.line });
        }
        self.line += text.matches('\n').count();
    }
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of what stands before the closing quote.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// At `r"`, `r#"`, …: the length of the opening and the text of the closing.
fn raw_string(source: &str, at: usize) -> Option<(usize, String)> {
    let before = source[..at].chars().next_back();
    let rest = source[at..].strip_prefix('r')?;
    let is_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_') && !matches!(before, Some('b' | 'c'));
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    (!is_word && rest[hashes..].starts_with('"')).then(|| (hashes + 2, format!("\"{}", "#".repeat(hashes))))
}

/// The length of a character literal, or 1 for the tick of a lifetime.
fn char_literal(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, c))) => {
            let after = at + c.len_utf8();
            text[after..].find('\'').map_or(1, |n| after + n + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(part: Part, source: &str) -> Vec<(usize, &str)> {
        pieces(source).into_iter().filter(|p| p.part == part).map(|p| (p.line, p.text)).collect()
    }

    #[test]
    fn tidy_rust_text_tells_code_comments_and_literals_apart() {
        let source = "let a = \"x // no\"; // yes \"no\"\nlet b = r#\"two\n\"lines\"\"#; /* a /* b */ c */ let c = b\"z\";";
        assert_eq!(of(Part::Literal, source), [(1, "x // no"), (2, "two\n\"lines\""), (3, "z")]);
        assert_eq!(of(Part::Comment, source), [(1, "// yes \"no\""), (3, "/* a /* b */ c */")]);
        assert!(of(Part::Code, source).iter().any(|(line, code)| *line == 3 && code.contains("let c")));
    }

    #[test]
    fn tidy_rust_text_is_not_fooled_by_ticks_and_escapes() {
        let source = "fn f<'a>(x: &'a str) { let q = '\"'; let n = '\\''; let u = '\\u{1F600}'; let s = \"\\\"é\"; let r#type = 1; }";
        assert_eq!(of(Part::Literal, source), [(1, "\\\"é")]);
        assert_eq!(of(Part::Comment, source), []);
    }

    #[test]
    fn tidy_rust_text_ends_where_the_source_ends() {
        for broken in ["\"open", "r#\"open", "/* open", "'", "'\\", "// é", "\"\\"] {
            let _ = pieces(broken);
        }
    }
}
