//! Clients that know nothing but the published interface: a script of curl, and one made from the OpenAPI document.

#![expect(clippy::disallowed_methods, reason = "these tests start programs, which the product's own runner must not be asked to judge")]

use super::{Served, new_key};
use crate::support::program::Program;
use crate::support::survivor::{TINY, make_reference};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name)
}

fn end_of_log(served: &mut Served) -> String {
    served.stop().expect(0).stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn service_contract_is_kept_before_a_script_that_knows_only_the_paper() {
    let Some(curl) = rushes_testkit::servers::curl() else { return };
    let program = Program::with(&format!("{TINY}[server]\nrequests_per_minute = 600\n"));
    let (admin, read) = (new_key(&program, "admin"), new_key(&program, "read"));
    let mut served = Served::open(program);
    make_reference(&served.program);
    std::fs::create_dir_all(served.program.path("home/references")).unwrap();
    std::fs::rename(served.program.path("step.mp4"), served.program.path("home/references/step.mp4")).unwrap();
    let output = Command::new("sh")
        .env("CURL", curl)
        .arg(script("contract.sh"))
        .args([served.url.as_str(), &admin, &read, "step"])
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success() && out.ends_with("The contract holds.\n"), "{out}\n{err}");
    let log = end_of_log(&mut served);
    assert!(!log.contains("a request failed"), "{log}");
}

/// What is no matter of the document: which references and cursors there are today, and that the stream has an end.
const SETTINGS: &str = "[[operations]]\ninclude-path = \"/api/v1/events\"\nparameters = { follow = false }\n";

#[tokio::test(flavor = "multi_thread")]
async fn service_schemathesis_finds_nothing_that_the_document_does_not_say() {
    let Some(schemathesis) = rushes_testkit::servers::schemathesis() else { return };
    let program = Program::with(&format!("{TINY}[server]\nrequests_per_minute = 10000000\nupload_max_mb = 1\n"));
    // One that is in no list, and so cannot be revoked by who tries everything.
    program.write(".env", b"PIPELINE_API_KEY=schemathesis-asks-everything\n");
    let mut served = Served::open(program);
    // A production that begins ends at once: this is about questions, not about films.
    served.program.write("home/references/broken.mp4", b"no film");
    served.program.write("schemathesis.toml", SETTINGS.as_bytes());
    let is_everything = std::env::var_os("RUSHES_EVERYTHING").is_some_and(|value| value == "1");
    let examples = if is_everything { "60" } else { "8" };
    let output = Command::new(schemathesis)
        .arg("--config-file")
        .arg(served.program.path("schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", served.url), "--header", "Authorization: Bearer schemathesis-asks-everything"])
        .args(["--max-examples", examples, "--seed", "7", "--request-timeout", "30", "--continue-on-failure", "--no-color"])
        .args(["--phases", "examples,coverage,fuzzing,stateful"])
        // What is valid depends on what there is: names of references, cursors, ids. Wrong keys are slowed down with 429,
        // which it does not expect; `service_hostile_no_route_…` asks every route without one.
        .args(["--exclude-checks", "positive_data_acceptance,ignored_auth"])
        .current_dir(served.program.path("."))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{}", said.rsplit_once("SUMMARY").map_or(said.as_str(), |(_, summary)| summary));
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let log = end_of_log(&mut served);
    assert!(!log.contains("a request failed"), "{log}");
}
