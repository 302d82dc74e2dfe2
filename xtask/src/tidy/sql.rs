//! SQL stays in the store: no statement and no database crate anywhere else.
//!
//! Left out are the testkit's Supabase, which plays a server with a database inside, and its manifest, for that server's
//! sake, and what the bench compares with: nothing of them is part of the product; and the catalog `postgres://`, whose
//! other side speaks nothing else. That one may speak to Postgres and to no other database.
//!
//! Without a database crate no statement can run, so the crates are the strict half; the texts are the hint that
//! somebody writes SQL to hand it over.

use super::rust_text::{Part, pieces};
use super::{Finding, House};

const RULE: &str = "sql";
const ROOM: &str = "crates/rushes-store/";

/// Plays a server whose inside is a database; it and the manifest that brings its client. And packages of others' making that
/// the bench compares with, which are outside of the workspace.
const PLAYED: &[&str] = &["crates/rushes-testkit/src/supabase/", "crates/rushes-testkit/Cargo.toml", "crates/rushes/benches/peers/"];

/// The catalog whose records lie in a database of somebody else's, its manifest, and the one client they may use.
const CATALOG: &str = "crates/rushes-adapters/src/catalogs/postgres/";
const CATALOG_MANIFEST: &str = "crates/rushes-adapters/Cargo.toml";
const CATALOG_CRATE: &str = "tokio_postgres";

/// This file names what it looks for.
const SELF: &str = "xtask/src/tidy/sql.rs";

/// As written in Rust; Cargo.toml may have dashes.
const CRATES: &[&str] = &["rusqlite", "libsqlite3_sys", "sqlx", "sqlite", "diesel", "tokio_postgres", "postgres"];

/// How a statement begins and what stands in it later. Upper case, as this house writes SQL: "select a file from the
/// list" is prose.
const STATEMENTS: &[(&str, &str)] = &[
    ("SELECT ", " FROM "),
    ("INSERT ", " INTO "),
    ("REPLACE INTO ", ""),
    ("UPDATE ", " SET "),
    ("DELETE FROM ", ""),
    ("CREATE TABLE ", ""),
    ("CREATE INDEX ", ""),
    ("CREATE UNIQUE INDEX ", ""),
    ("CREATE TRIGGER ", ""),
    ("CREATE VIEW ", ""),
    ("ALTER TABLE ", ""),
    ("DROP TABLE ", ""),
    ("PRAGMA ", ""),
    ("BEGIN IMMEDIATE", ""),
    ("WITH ", " SELECT "),
    ("select * from ", ""),
    ("insert into ", " values"),
    ("create table ", "("),
];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_free = |path: &str| path.starts_with(ROOM) || PLAYED.iter().any(|played| path.starts_with(played));
    for (path, text) in house.rust().filter(|(path, _)| !is_free(path) && *path != SELF) {
        for piece in pieces(text) {
            match piece.part {
                Part::Code => found.extend(crates_in(path, piece.text, piece.line)),
                Part::Literal if is_statement(piece.text) && !path.starts_with(CATALOG) => {
                    let what = "a text that looks like SQL; put it into rushes-store and call that";
                    found.push(Finding::at(path, piece.line, RULE, what));
                }
                Part::Literal | Part::Comment => {}
            }
        }
    }
    for member in house.members().filter(|member| !is_free(&member.manifest)) {
        let is_allowed = |name: &str| member.manifest == CATALOG_MANIFEST && name == CATALOG_CRATE;
        let is_database = |name: String| CRATES.contains(&name.as_str()) && !is_allowed(&name);
        let wrong = member.needs.iter().filter(|need| is_database(need.name.replace('-', "_")));
        found.extend(wrong.map(|need| {
            let what = format!("depends on `{}`; only rushes-store speaks to a database, call that", need.name);
            Finding::new(&member.manifest, RULE, what)
        }));
    }
    found
}

/// The database crates this code names as a path: `rusqlite::`, `use rusqlite`.
fn crates_in(path: &str, code: &str, first_line: usize) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, line) in code.split('\n').enumerate() {
        for name in CRATES.iter().filter(|name| **name != CATALOG_CRATE || !path.starts_with(CATALOG)) {
            let is_named = line.match_indices(name).any(|(start, _)| {
                let (before, after) = (&line[..start], &line[start + name.len()..]);
                let word_begins = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.'));
                word_begins && (after.starts_with("::") || before.trim_end().ends_with("use"))
            });
            if is_named {
                found.push(Finding::at(path, first_line + at, RULE, format!("`{name}` outside rushes-store; put it there and call that")));
            }
        }
    }
    found
}

fn is_statement(text: &str) -> bool {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
    STATEMENTS.iter().any(|(start, later)| flat.strip_prefix(start).is_some_and(|rest| format!(" {rest}").contains(later)))
}

#[cfg(test)]
mod tests {
    use super::super::cargo::{Need, Package};
    use super::*;

    #[test]
    fn tidy_sql_catches_statements_outside_the_store() {
        for sql in [
            "SELECT id\n  FROM jobs",
            "INSERT OR IGNORE INTO a VALUES (1)",
            "INSERT INTO a VALUES (1)",
            "UPDATE jobs SET state = ?1",
            "DELETE FROM jobs",
            " PRAGMA journal_mode = WAL",
            "WITH x AS (SELECT 1) SELECT * FROM x",
            "select * from jobs",
        ] {
            let text = format!("//! x\nlet q = \"{sql}\";");
            assert_eq!(check(&House::of(&[("crates/rushes-engine/src/a.rs", &text)])).len(), 1, "{sql}");
            assert!(check(&House::of(&[("crates/rushes-store/src/a.rs", &text)])).is_empty());
            assert!(check(&House::of(&[("crates/rushes-testkit/src/supabase/a.rs", &text)])).is_empty());
            assert_eq!(check(&House::of(&[("crates/rushes-testkit/src/a.rs", &text)])).len(), 1);
        }
    }

    #[test]
    fn tidy_sql_lets_the_catalog_speak_to_postgres_alone() {
        let text = "//! x\nuse tokio_postgres::Client;\nlet q = \"SELECT id FROM jobs\";";
        let of = |path: &str, text: &str| check(&House::of(&[(path, text)])).len();
        assert_eq!(of("crates/rushes-adapters/src/catalogs/postgres/mod.rs", text), 0);
        assert_eq!(of("crates/rushes-adapters/src/catalogs/json.rs", text), 2);
        assert_eq!(of("crates/rushes-adapters/src/catalogs/postgres/mod.rs", "use rusqlite::Connection;"), 1);
        let mut house = House::default();
        let needs = ["tokio-postgres", "rusqlite"].map(|name| Need { name: name.into(), is_dev: false }).into();
        house.packages.push(Package { is_member: true, manifest: CATALOG_MANIFEST.into(), needs, ..Package::default() });
        assert_eq!(check(&house).len(), 1, "and its manifest brings no other");
    }

    #[test]
    fn tidy_sql_leaves_prose_and_comments_alone() {
        let text = "// SELECT a FROM b\nlet a = \"select one from the list\"; let b = \"UPDATE\"; let c = \"delete from destination\"; \
                    mod postgres; let d = Kind::sqlite; let e = self.postgres;";
        assert!(check(&House::of(&[("crates/rushes/src/a.rs", text)])).is_empty());
    }

    #[test]
    fn tidy_sql_catches_the_crate_in_code_and_manifest() {
        let mut house = House::of(&[("crates/rushes/src/a.rs", "use rusqlite::Connection;\nfn a() { rusqlite::x(); }")]);
        let needs = vec![Need { name: "tokio-postgres".into(), is_dev: true }];
        house.packages.push(Package { is_member: true, manifest: "crates/rushes/Cargo.toml".into(), needs, ..Package::default() });
        let paths: Vec<String> = check(&house).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["crates/rushes/src/a.rs:1", "crates/rushes/src/a.rs:2", "crates/rushes/Cargo.toml"]);
    }
}
