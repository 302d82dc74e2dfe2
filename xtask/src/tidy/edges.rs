//! Crate edges: who may use whom. The same table stands in ARCHITECTURE.md; an arrow that is not in it is a wall.

use super::{Finding, House};

const RULE: &str = "edges";
const TESTKIT: &str = "rushes-testkit";

/// (room, the rooms it may use).
const ROOMS: &[(&str, &[&str])] = &[
    ("rushes-core", &[]),
    ("rushes-store", &["rushes-core"]),
    ("rushes-engine", &["rushes-core", "rushes-store"]),
    ("rushes-media", &["rushes-core"]),
    ("rushes-faces", &["rushes-core"]),
    ("rushes-adapters", &["rushes-core"]),
    ("rushes-workflows", &["rushes-core", "rushes-media", "rushes-faces"]),
    ("rushes", &["rushes-core", "rushes-store", "rushes-engine", "rushes-media", "rushes-faces", "rushes-adapters", "rushes-workflows"]),
    (TESTKIT, &["rushes-core"]),
    ("xtask", &["rushes-core"]),
];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let members: Vec<&str> = house.members().map(|member| member.name.as_str()).collect();
    let mut found = Vec::new();
    for member in house.members() {
        let folder = if member.name == "xtask" { "xtask".to_owned() } else { format!("crates/{}", member.name) };
        if member.manifest != format!("{folder}/Cargo.toml") {
            found.push(Finding::new(&member.manifest, RULE, format!("the crate is called `{}`; its folder is {folder}", member.name)));
        }
        let Some((_, may_use)) = ROOMS.iter().find(|(room, _)| *room == member.name) else {
            let what = format!("`{}` is not in the table of rooms; add it to ARCHITECTURE.md and to edges.rs", member.name);
            found.push(Finding::new(&member.manifest, RULE, what));
            continue;
        };
        for need in member.needs.iter().filter(|need| members.contains(&need.name.as_str())) {
            let is_allowed = may_use.contains(&need.name.as_str()) || need.is_dev && need.name == TESTKIT;
            if !is_allowed {
                let what = format!("`{}` may not use `{}`; go through a port of rushes-core", member.name, need.name);
                found.push(Finding::new(&member.manifest, RULE, what));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::cargo::{Need, Package};
    use super::*;

    fn house(edges: &[(&str, &str, bool)]) -> House {
        let member = |name: &str, needs| Package {
            name: name.into(),
            is_member: true,
            manifest: format!("crates/{name}/Cargo.toml"),
            needs,
            ..Package::default()
        };
        let mut packages: Vec<Package> = ["rushes-core", "rushes-store", "rushes-testkit"].map(|name| member(name, vec![])).into();
        for (from, to, is_dev) in edges {
            packages.retain(|package| package.name != *from);
            packages.push(member(from, vec![Need { name: (*to).into(), is_dev: *is_dev }]));
        }
        House { packages, ..House::default() }
    }

    #[test]
    fn tidy_edges_catches_a_forbidden_arrow() {
        for (from, to, is_dev) in [
            ("rushes-core", "rushes-store", false),
            ("rushes-media", "rushes-store", false),
            ("rushes-workflows", "rushes-store", true),
            ("rushes-engine", "rushes-testkit", false),
            ("rushes", "rushes-testkit", false),
            ("rushes-testkit", "rushes-store", false),
        ] {
            assert_eq!(check(&house(&[(from, to, is_dev)])).len(), 1, "{from} -> {to}");
        }
    }

    #[test]
    fn tidy_edges_lets_the_others_pass() {
        for (from, to, is_dev) in [
            ("rushes-engine", "rushes-store", false),
            ("rushes-media", "rushes-testkit", true),
            ("rushes", "rushes-store", false),
            ("rushes-core", "serde", false),
        ] {
            assert_eq!(check(&house(&[(from, to, is_dev)])), [], "{from} -> {to}");
        }
    }

    #[test]
    fn tidy_edges_catches_an_unknown_room_and_a_wrong_folder() {
        assert_eq!(check(&house(&[("rushes-attic", "rushes-core", false)])).len(), 1);
        let mut wrong = house(&[]);
        wrong.packages[0].manifest = "crates/core/Cargo.toml".into();
        assert_eq!(check(&wrong).len(), 1);
    }
}
