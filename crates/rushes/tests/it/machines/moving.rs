//! A home's rows move to a server and back.

use crate::service::Served;
use crate::support::program::Program;
use crate::support::survivor::{TINY, number};
use rushes_testkit::servers::postgres;
use serde_json::Value;

/// A home whose rows move to a server and back holds the same, byte for byte; `RUSHES_FILES` says how much.
#[test]
fn machines_take_over_a_home_by_migrate_and_give_it_back() {
    let Some(server) = postgres() else { return };
    let program = Program::with(TINY);
    let count = number("RUSHES_FILES", 40);
    for n in 0..count {
        program.write(&format!("library/characters/hero_{}.png", 1_700_000_000 + n), &picture(n));
    }
    program.run(&["import", "library"]).expect(0);
    let before = program.run(&["assets", "ls", "--json"]).expect(0).json();
    let said = program.run(&["migrate", "--to", &server.url(), "--schema", "studio", "--json"]).expect(0).json();
    let rows = |said: &Value, table: &str| said["tables"].as_array().unwrap().iter().find(|one| one["table"] == table).unwrap().clone();
    assert_eq!(rows(&said, "assets")["rows"], count);
    let store = format!("{TINY}[store]\nuri = \"{}\"\nschema = \"studio\"\nshared = false\n", server.url());
    program.write("rushes.toml", store.as_bytes());
    std::fs::remove_file(program.path("home/rushes.db")).unwrap();
    assert_eq!(program.run(&["assets", "ls", "--json"]).expect(0).json(), before);
    program.run(&["verify", "--deep"]).expect(0);
    program.write("more.png", &picture(count));
    program.run(&["put", "more.png", "--kind", "workspace_image"]).expect(0);
    let back = program.run(&["migrate", "--to", "home", "--json"]).expect(0).json();
    assert_eq!(rows(&back, "assets")["rows"], count + 1);
    program.write("rushes.toml", TINY.as_bytes());
    program.run(&["verify", "--deep"]).expect(0);
    assert_eq!(program.run(&["audit", "--deep", "--json"]).expect(0).json()["clean"], true);
    // A server at work on the home is not moved from under its feet.
    let served = Served::open(program);
    let busy = served.program.run(&["migrate", "--to", &server.url(), "--schema", "other"]).expect(1);
    assert!(busy.stderr.contains("home"), "{}", busy.stderr);
}

/// Eight by eight points of a colour of its own.
fn picture(n: u64) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    let [.., a, b, c] = n.to_be_bytes();
    image::RgbImage::from_pixel(8, 8, image::Rgb([a, b, c])).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}
