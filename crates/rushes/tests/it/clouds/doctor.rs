//! `rushes doctor` before real stores: it says what is wrong and how to cure it, and `--fix` makes what can be made.

use super::stand::{STORES, Stand};
use crate::support::program::{End, Program, end};
use rushes_adapters::destinations::supabase::{SupabaseDestination, SupabaseSettings};
use rushes_core::Code;
use rushes_core::destination::{Condition, Destination, Put};
use rushes_testkit::chaos::{Only, Weather};
use rushes_testkit::gcs::Gcs;
use rushes_testkit::supabase::Supabase;

/// What doctor says of a store, by the name of the check; empty where it is well.
fn said(program: &Program, stand: &Stand, args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let secrets = stand.secrets();
    let mut all: Vec<(&str, &str)> = secrets.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.retain(|(name, _)| !env.iter().any(|(other, _)| other == name));
    all.extend(env);
    let ended: End = end(program.start_with(&[&["doctor", "--json"], args].concat(), &all));
    let checks = ended.json()["checks"].as_array().unwrap().clone();
    let bad = checks.iter().filter(|check| check["ok"] == false);
    (ended.code, bad.map(|check| format!("{}: {}\n", check["name"].as_str().unwrap(), check["detail"].as_str().unwrap())).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn clouds_doctor_explains_each_trouble_and_mends_what_it_can() {
    for name in STORES {
        let Some(stand) = Stand::named(name).await else { continue };
        let program = |section: &str| Program::with(&format!("{}{section}", crate::support::program::SMALL));
        let well = program(&stand.section("cloud"));
        assert_eq!(said(&well, &stand, &[], &[]), (0, String::new()), "{name}");

        // A bucket that is not there, and is made. (s3s-fs makes it with its first object, unasked, and Drive knows folders only.)
        let missing = program(&stand.section("cloud").replace("://bucket", "://bucket-two"));
        if !["s3s-fs", "gdrive"].contains(&name) {
            let (code, text) = said(&missing, &stand, &[], &[]);
            assert!(code == 1 && text.contains("there is no bucket \"bucket-two\""), "{name}: {code} {text}");
        }
        assert_eq!(said(&missing, &stand, &["--fix"], &[]), (0, String::new()), "{name}: made");
        assert_eq!(said(&missing, &stand, &[], &[]), (0, String::new()), "{name}: and there");

        // Each permission.
        for (method, rights) in stand.rights() {
            stand.chaos.set_for(Only::requests(method, ""), stand.forbids());
            let (code, text) = said(&well, &stand, &[], &[]);
            assert!(code == 1 && rights.iter().all(|right| text.contains(right)), "{name} lacks {rights:?}: {text}");
            stand.chaos.set(Weather::Clear);
        }

        // The clock.
        let (code, text) = said(&well, &stand, &[], &[("RUSHES_CLOCK_AHEAD_S", "600")]);
        assert!(code == 1 && text.contains("clock is") && text.contains("10 min ahead"), "{name}: {text}");
        let (code, text) = said(&well, &stand, &[], &[("RUSHES_CLOCK_AHEAD_S", "-600")]);
        assert!(code == 1 && text.contains("min behind"), "{name}: {text}");

        // Nobody there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nobody = program(&stand.section("cloud").replace(&stand.chaos.url(), &format!("http://127.0.0.1:{port}")));
        let (code, text) = said(&nobody, &stand, &[], &[]);
        assert!(code == 1 && text.contains("could not be reached"), "{name}: {text}");

        // A key that is none; moto asks for none, and whose key lies in a file is tried below.
        if name != "moto" && stand.secrets().iter().any(|(secret, _)| *secret == "STAND_SECRET") {
            let (code, text) = said(&well, &stand, &[], &[("STAND_SECRET", "wrong")]);
            assert!(code == 1 && text.contains("key") && !text.contains("wrong\""), "{name}: {text}");
        }
    }
}

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
    let late = doctor(&here, &key, &[("RUSHES_CLOCK_AHEAD_S", "600")]).expect(1);
    assert!(late.stdout.contains("✓ destination cloud"), "it is gone round: {}", late.stdout);
    assert!(late.stdout.contains("this machine's clock is 10 min ahead"), "and said: {}", late.stdout);

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

/// Whoever signs in has the folder named by their id, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn clouds_doctor_makes_the_policy_of_a_bucket_at_supabase() {
    let Some(server) = Supabase::start().await else { return };
    let config = format!(
        "{}[[destinations]]\nname = \"app\"\nuri = \"supabase://films of users\"\nendpoint = \"{}\"\nsecret_key = \"env:KEY\"\ndatabase = \"records\"\n\
         [[catalogs]]\nname = \"records\"\nuri = \"{}\"\n",
        crate::support::program::SMALL,
        server.url,
        server.database_url()
    );
    let program = Program::with(&config);
    let env = [("KEY", server.service_key.as_str())];
    let made = end(program.start_with(&["doctor", "--fix"], &env)).expect(0);
    assert!(made.stdout.contains("made bucket, policy rushes_own_folder at supabase://"), "{}", made.stdout);
    let again = end(program.start_with(&["doctor", "--fix"], &env)).expect(0);
    assert!(!again.stdout.contains("made"), "{}", again.stdout);

    let user = "0190a1b2-0000-7000-8000-000000000001";
    let port = SupabaseDestination::new(SupabaseSettings::new(&server.url, "films of users", &server.user_key(user, 600))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0.png");
    std::fs::File::create(&file).and_then(|mut file| std::io::Write::write_all(&mut file, b"picture")).unwrap();
    let blob = rushes_core::digest::digest(&b"picture"[..], "image/png").unwrap();
    let own = format!("{user}/job/0.png");
    port.put(Put::new(&own, &file, &blob, Condition::CreateOnly)).await.unwrap();
    assert!(port.stat(&own).await.unwrap().unwrap().proves(&blob));
    let refused = port.put(Put::new("another/job/0.png", &file, &blob, Condition::CreateOnly)).await.unwrap_err();
    assert!(refused.code == Code::DestinationRefused && refused.to_string().contains("INSERT"), "{refused}");

    let lost = Program::with(&config.replace("database = \"records\"", "database = \"elsewhere\""));
    let said = end(lost.start_with(&["doctor"], &env)).expect(1);
    assert!(format!("{}{}", said.stdout, said.stderr).contains("there is no catalog \"elsewhere\" in a Postgres"), "{}", said.stdout);
}
