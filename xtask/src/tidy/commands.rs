//! Documents name only commands that exist: `make` targets, and subcommands of `rushes`.

use super::markdown::{Piece, pieces};
use super::{Finding, House};

const RULE: &str = "commands";
const CLI: &str = "crates/rushes/src/cli/";

/// What clap adds by itself.
const BUILT_IN: &str = "help";

pub(super) fn check(house: &House) -> Vec<Finding> {
    let targets = house.text("Makefile").map(targets).unwrap_or_default();
    let subcommands = cli_of(house);
    let mut found = Vec::new();
    for (path, text) in house.ending(".md") {
        for (line, piece) in pieces(text) {
            let (Piece::Span(text) | Piece::Fenced(text)) = piece else { continue };
            for command in text.split(['|', ';', '&']) {
                let words: Vec<&str> = command.split_whitespace().skip_while(|word| *word == "$" || is_setting(word)).collect();
                let what = match words.split_first() {
                    Some((&"make", rest)) => wrong_target(rest, &targets),
                    Some((&"rushes", rest)) if !subcommands.is_empty() => wrong_subcommand(rest, &subcommands),
                    _ => None,
                };
                found.extend(what.map(|what| Finding::at(path, line, RULE, what)));
            }
        }
    }
    found
}

/// `NAME=value` before a command or among make's words.
fn is_setting(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

/// A plain word, not a flag, a placeholder or a comment.
fn is_plain(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn wrong_target(words: &[&str], targets: &[&str]) -> Option<String> {
    let named = words.iter().take_while(|word| !word.starts_with('#')).filter(|word| is_plain(word));
    let wrong = named.into_iter().find(|word| !targets.contains(word))?;
    Some(format!("`make {wrong}` is no target of the Makefile; name one that exists"))
}

fn wrong_subcommand(words: &[&str], subcommands: &[String]) -> Option<String> {
    let mut words = words.iter();
    let named = loop {
        match words.next() {
            Some(&"--home") => drop(words.next()),
            Some(flag) if flag.starts_with('-') => {}
            other => break *other?,
        }
    };
    let is_known = named == BUILT_IN || subcommands.iter().any(|known| known == named);
    (is_plain(named) && !is_known).then(|| format!("`rushes {named}` is no subcommand; name one that exists"))
}

/// The targets of a Makefile.
fn targets(makefile: &str) -> Vec<&str> {
    let rules = makefile.lines().filter(|line| !line.starts_with(['\t', ' ', '#', '.']));
    let heads = rules.filter_map(|line| line.split_once(':')).filter(|(_, after)| !after.starts_with('=') && !after.starts_with(":="));
    heads.flat_map(|(head, _)| head.split_whitespace()).collect()
}

/// The subcommands of the application: those of `cli/mod.rs`, or, where it declares none, of every file beside it.
fn cli_of(house: &House) -> Vec<String> {
    let first = house.text(&format!("{CLI}mod.rs")).map(subcommands).unwrap_or_default();
    if !first.is_empty() {
        return first;
    }
    house.rust().filter(|(path, _)| path.starts_with(CLI)).flat_map(|(_, text)| subcommands(text)).collect()
}

/// The variants of every enum that derives clap's `Subcommand`, as they are typed.
fn subcommands(source: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = source;
    while let Some((_, after)) = rest.split_once("Subcommand") {
        rest = after;
        // Only inside a derive: the word also stands in `use` and in attributes of fields.
        let Some((derive, after)) = after.split_once(")]") else { break };
        if !derive.chars().all(|c| c.is_alphanumeric() || ", :_".contains(c)) {
            continue;
        }
        let Some((_, body)) = after.split_once("enum ").and_then(|(_, body)| body.split_once('{')) else { break };
        out.extend(variants(body));
    }
    out
}

fn variants(body: &str) -> Vec<String> {
    let (mut depth, mut renamed, mut out) = (0_i32, None, Vec::new());
    for line in body.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if depth == 0 && line.starts_with("#[") {
            let name = line.split_once("name = \"").and_then(|(_, after)| after.split_once('"')).map(|(name, _)| name.to_owned());
            renamed = name.or(renamed);
        } else if depth == 0 && line.starts_with(|c: char| c.is_ascii_uppercase()) {
            let ident: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
            out.push(renamed.take().unwrap_or_else(|| kebab(&ident)));
        }
        for c in line.chars() {
            depth += i32::from("{([".contains(c)) - i32::from("})]".contains(c));
        }
        if depth < 0 {
            break;
        }
    }
    out
}

/// `ConfigShow` → `config-show`, as clap does.
fn kebab(ident: &str) -> String {
    let mut out = String::new();
    for (at, c) in ident.char_indices() {
        if at > 0 && c.is_ascii_uppercase() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = "NAME := x\n.PHONY: run test\nrun: setup ## runs\n\tcargo build: x\ntest lint: setup\nsetup:\n";
    const SOURCE: &str = r#"
        use clap::Subcommand;
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            /// Runs one {workflow}.
            Run(run::Args),
            #[command(name = "ls")]
            List { all: bool,
                Kind: u8 },
            ConfigShow,
        }
        enum Other { NotThis }
    "#;

    fn findings(text: &str) -> usize {
        check(&House::of(&[("README.md", text), ("Makefile", MAKEFILE), ("crates/rushes/src/cli/mod.rs", SOURCE)])).len()
    }

    #[test]
    fn tidy_commands_reads_makefile_and_command_line() {
        assert_eq!(targets(MAKEFILE), ["run", "test", "lint", "setup"]);
        assert_eq!(subcommands(SOURCE), ["run", "ls", "config-show"]);
    }

    #[test]
    fn tidy_commands_catches_what_does_not_exist() {
        for bad in ["`make gone`", "```\nmake run gone\n```", "`rushes gone`", "```sh\n$ RUSHES_X=1 rushes --home h gone --json\n```"] {
            assert_eq!(findings(bad), 1, "{bad}");
        }
    }

    #[test]
    fn tidy_commands_lets_the_rest_pass() {
        for good in [
            "`make`, `make run`, `make -j2 test X=1`, `make <target>`, make sure, `rushes`, `rushes run production`",
            "`rushes --json ls`, `rushes help`, `rushes <command>`, `rushes config-show | less`, `rushes.toml`",
            "```sh\nmake run  # makes one\ncargo run -p rushes -- gone\n```",
        ] {
            assert_eq!(findings(good), 0, "{good}");
        }
        assert_eq!(check(&House::of(&[("README.md", "`rushes gone`")])), []);
    }
}
