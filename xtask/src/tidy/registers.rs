//! Registers: whatever is one file per thing has its line in the list of all of them. No macro finds files by itself,
//! so a forgotten line is a feature nobody can reach.

use super::rust_text::{Part, pieces};
use super::{Finding, House};

struct Register {
    /// One file per thing.
    folder: &'static str,
    /// The list.
    list: &'static str,
    /// Files of the folder that are no such thing.
    except: &'static [&'static str],
}

const REGISTERS: &[Register] = &[
    Register { folder: "crates/rushes-workflows/src", list: "crates/rushes-workflows/src/lib.rs", except: &["lib", "registry", "tests"] },
    Register {
        folder: "crates/rushes-adapters/src/destinations",
        list: "crates/rushes-adapters/src/destinations/mod.rs",
        except: &["mod", "tests"],
    },
    Register {
        folder: "crates/rushes-adapters/src/catalogs",
        list: "crates/rushes-adapters/src/catalogs/mod.rs",
        except: &["mod", "tests"],
    },
    Register {
        folder: "crates/rushes-adapters/src/providers",
        list: "crates/rushes-adapters/src/providers/mod.rs",
        except: &["mod", "tests"],
    },
    Register { folder: "crates/rushes/src/cli", list: "crates/rushes/src/cli/mod.rs", except: &["mod", "tests"] },
    Register { folder: "crates/rushes/src/http/routes", list: "crates/rushes/src/http/router.rs", except: &["mod", "tests"] },
];

pub(super) fn check(house: &House) -> Vec<Finding> {
    REGISTERS.iter().flat_map(|register| unnamed(house, register)).collect()
}

fn unnamed(house: &House, register: &Register) -> Vec<Finding> {
    let list = house.text(register.list).unwrap_or_default();
    let code: Vec<&str> = pieces(list).iter().filter(|piece| piece.part == Part::Code).map(|piece| piece.text).collect();
    let names: Vec<&str> = code.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_')).collect();
    let in_folder = house.rust().filter_map(|(path, _)| {
        let name = path.strip_prefix(register.folder)?.strip_prefix('/')?.strip_suffix(".rs")?;
        (!name.contains('/') && !register.except.contains(&name)).then_some((path, name))
    });
    in_folder
        .filter(|(_, name)| !names.contains(name))
        .map(|(path, name)| Finding::new(path, "registers", format!("`{name}` is not named in {}; add its line there", register.list)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_registers_catches_a_file_without_its_line() {
        for register in REGISTERS {
            let (named, forgotten) = (format!("{}/named.rs", register.folder), format!("{}/forgotten.rs", register.folder));
            let (below, list) = (format!("{}/named/part.rs", register.folder), "mod named;\n// forgotten, \"forgotten\"\n");
            let house = House::of(&[(&named, ""), (&forgotten, ""), (&below, ""), (register.list, list)]);
            let paths: Vec<String> = check(&house).into_iter().map(|finding| finding.path).collect();
            assert_eq!(paths, [forgotten]);
        }
    }

    #[test]
    fn tidy_registers_catches_a_missing_list() {
        assert_eq!(check(&House::of(&[("crates/rushes-workflows/src/production.rs", "")])).len(), 1);
    }
}
