//! `rushes doctor` before Cloud Storage: each thing that can be wrong, and what is said of it.

use crate::support::program::{End, Program, end};
use rushes_testkit::gcs::Gcs;

/// What the doctor says of one destination with these settings and variables.
fn doctor(settings: &str, key: &str, env: &[(&str, &str)]) -> End {
    let program = Program::with(&format!("[[destinations]]\nname = \"cloud\"\n{settings}\n"));
    program.write("key.json", key.as_bytes());
    let folder = program.path("no-login");
    let env: Vec<_> = env.iter().copied().chain([("CLOUDSDK_CONFIG", folder.to_str().unwrap())]).collect();
    end(program.start_with(&["doctor"], &env))
}

#[test]
fn clouds_doctor_says_what_is_wrong_at_gs() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(Gcs::start());
    server.make_bucket("bucket", false);
    let key = server.google.service_account();
    let settings =
        |bucket: &str, endpoint: &str| format!("uri = \"gs://{bucket}\"\nendpoint = \"{endpoint}\"\ncredentials = \"file:key.json\"");
    let here = settings("bucket", &server.url);
    let well = doctor(&here, &key, &[]).expect(0);
    assert!(well.stdout.contains("✓ destination cloud") && well.stdout.contains("gs://bucket/"), "{}", well.stdout);
    let late = doctor(&here, &key, &[("RUSHES_CLOCK_AHEAD_S", "600")]).expect(0);
    assert!(late.stderr.contains("this machine's clock is 10 minutes ahead"), "it is gone round, and said: {}", late.stderr);

    let says = |end: End, words: &str| {
        let end = end.expect(1);
        assert!(end.stdout.contains("✗ destination cloud") && end.stdout.contains(words), "{words}: {}", end.stdout);
        assert!(!end.stdout.contains("PRIVATE KEY") && !end.stderr.contains("PRIVATE KEY"));
    };
    for permission in ["create", "get", "list", "delete"].map(|verb| format!("storage.objects.{verb}")) {
        server.forbid(&permission);
        says(doctor(&here, &key, &[]), &format!("lacks {permission} on bucket \"bucket\"; grant it the role"));
        server.allow_all();
    }
    says(doctor(&settings("none", &server.url), &key, &[]), "there is no bucket \"none\"");
    says(doctor(&settings("bucket", "http://127.0.0.1:1"), &key, &[]), "Connection refused");
    server.google.accounts.replace_key();
    says(doctor(&here, &key, &[]), "the key was deleted");
    says(doctor("uri = \"gs://bucket\"", "", &[("GCE_METADATA_HOST", "127.0.0.1:1")]), "GOOGLE_APPLICATION_CREDENTIALS");
    let torn = doctor(&here, &key[..key.len() / 2], &[]).expect(1);
    assert!(torn.stdout.contains("the text is no JSON") && torn.stdout.contains("file:key.json"), "{}", torn.stdout);
}
