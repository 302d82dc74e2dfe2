//! Tests of the layers, the example file and the refusals.

use super::*;
use std::io::Write;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::File::create(folder.path().join(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }
    folder
}

#[test]
fn config_files_of_earlier_programs_are_still_read() {
    let older = folder(&[("rushes.toml", "[engine]\ncpu_lane = 2\nnet_lane = 16\ngpu_lane = 1\n")]);
    assert_eq!(load(older.path()).unwrap().config.engine.cpu_lane, 2);
}

#[test]
fn config_example_shows_every_key_with_its_default() {
    let text = include_str!("../../../../rushes.example.toml");
    let shown: Config = toml::from_str(text).unwrap();
    let mut defaults = serde_json::to_value(Config::default()).unwrap();
    let written: toml::Table = toml::from_str(text).unwrap();
    for (section, keys) in defaults.as_object().unwrap() {
        for key in keys.as_object().into_iter().flat_map(|keys| keys.keys()) {
            assert!(written[section].get(key).is_some(), "{section}.{key} is not in the example");
        }
    }
    let mut shown = serde_json::to_value(shown).unwrap();
    // The example shows one place of each sort; by default there is none, and the home's own folder serves.
    for key in ["destinations", "catalogs", "watch", "schedules"] {
        assert_eq!(shown[key].as_array().unwrap().len(), 1, "{key}");
        shown[key].take();
        defaults[key].take();
    }
    // And a section for each provider, in which nothing is set.
    let providers = shown["providers"].take();
    assert!(defaults["providers"].take().as_object().is_some_and(serde_json::Map::is_empty));
    assert!(providers.as_object().unwrap().values().all(|section| *section == serde_json::json!({})), "{providers}");
    // And a family of a worker's, as it comes.
    let families = shown["worker"]["families"].take();
    assert_eq!(families["sdxl"], serde_json::to_value(&WorkerSection::default().families()["sdxl"]).unwrap());
    assert!(defaults["worker"]["families"].take().as_object().is_some_and(serde_json::Map::is_empty));
    assert_eq!(shown, defaults);
}

#[test]
fn config_example_names_every_key_of_a_place() {
    let text = include_str!("../../../../rushes.example.toml");
    // Who reads a key that is none says which there are.
    let keys = |error: toml::de::Error| error.message().split('`').skip(3).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let destination = keys(toml::from_str::<DestinationSection>("none = 1").unwrap_err());
    let catalog = keys(toml::from_str::<CatalogSection>("none = 1").unwrap_err());
    assert!(destination.len() > 15 && catalog.len() > 4, "{destination:?} {catalog:?}");
    for key in destination.iter().chain(&catalog) {
        let is_shown = text.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
        assert!(is_shown, "{key} is not in the example");
    }
}

#[test]
fn config_needs_no_file() {
    let loaded = load(folder(&[]).path()).unwrap();
    assert_eq!((loaded.config.media.fps, loaded.config.destinations.len()), (30, 0));
}

#[test]
fn config_layers_win_in_order() {
    let folder = folder(&[("rushes.toml", "[media]\nfps = 24\nwidth = 540\n"), (".env", "RUSHES_MEDIA__FPS=25\nUPLOAD_BATCH_SIZE=3\n")]);
    let loaded = load(folder.path()).unwrap();
    assert_eq!((loaded.config.media.fps, loaded.config.media.width, loaded.config.delivery.in_flight), (25, 540, 3));
    assert_eq!(place(loaded.origin.find_metadata("media.width").unwrap()), "rushes.toml");
    assert_eq!(place(loaded.origin.find_metadata("media.height").unwrap()), "default");
}

#[test]
fn config_knows_the_older_names_of_the_queue() {
    let config = load(folder(&[(".env", "UPLOAD_QUEUE_ENABLED=false\nUPLOAD_MAX_RETRIES=3\n")]).path()).unwrap().config;
    assert!(config.delivery.hold && config.delivery.alarm_after == 3);
    assert!(!load(folder(&[(".env", "UPLOAD_QUEUE_ENABLED=1\n")]).path()).unwrap().config.delivery.hold);
    let fault = load(folder(&[(".env", "UPLOAD_QUEUE_ENABLED=perhaps\n")]).path()).err().unwrap();
    assert!(fault.to_string().contains("UPLOAD_QUEUE_ENABLED"), "{fault}");
}

#[test]
fn config_names_the_setting_that_is_wrong() {
    for (text, named) in [
        ("[media]\nfps = \"many\"\n", "media.fps"),
        ("[media]\nfps = 0\n", "media.fps"),
        ("[medium]\nx = 1\n", "medium"),
        ("[media]\nwidth = 719\n", "media.width"),
        ("[delivery]\nin_flight = 0\n", "delivery.in_flight"),
        ("[delivery]\nin_flight = 1000\n", "delivery.in_flight"),
        ("[[destinations]]\nname = \"slow\"\nuri = \"memory://\"\nin_flight = 0\n", "destinations.slow.in_flight"),
    ] {
        let folder = folder(&[("rushes.toml", text)]);
        let fault = load(folder.path()).err().unwrap();
        assert_eq!(fault.code, Code::ConfigInvalid);
        assert!(fault.to_string().contains(named), "{fault}");
    }
}

#[test]
fn config_refuses_a_cloud_this_build_does_not_have() {
    let folder = folder(&[(".env", "DRIVE_ROOT_FOLDER_ID=somewhere\n")]);
    let fault = load(folder.path()).err().unwrap();
    assert!(fault.to_string().contains("DRIVE_ROOT_FOLDER_ID"), "{fault}");
}

#[test]
fn config_takes_a_cloud_only_with_a_destination_there() {
    for (line, scheme) in [("SUPABASE_URL=https://project.example.com", "supabase://"), ("GCS_BUCKET_NAME=somewhere", "gs://")] {
        let env = format!("{line}\n");
        let fault = load(folder(&[(".env", &env)]).path()).err().unwrap();
        assert!(fault.to_string().contains(&format!("{scheme}BUCKET")), "{fault}");
        let there = format!("[[destinations]]\nname = \"cloud\"\nuri = \"{scheme}somewhere\"\n");
        assert!(load(folder(&[(".env", &env), ("rushes.toml", &there)]).path()).is_ok());
    }
}

#[test]
fn config_takes_a_firestore_database_only_with_a_catalog_there() {
    let database = (".env", "FIRESTORE_DATABASE=(default)\nGCP_PROJECT_ID=mine\n");
    let fault = load(folder(&[database]).path()).err().unwrap();
    assert!(fault.to_string().contains("firestore://mine/(default)"), "{fault}");
    let there = ("rushes.toml", "[[catalogs]]\nname = \"cloud\"\nuri = \"firestore://mine/(default)\"\n");
    assert!(load(folder(&[database, there]).path()).is_ok());
    assert!(load(folder(&[(".env", "FIRESTORE_DATABASE=x\nUSE_FIRESTORE=false\n")]).path()).is_ok());
}

#[test]
fn config_finds_secrets_where_it_is_told_and_never_in_the_file() {
    let folder = folder(&[(".env", "OUR_KEY=from-dotenv\n"), ("key", "from-file\n")]);
    let config = load(folder.path()).unwrap().config;
    assert_eq!(config.secret("x", "env:OUR_KEY").unwrap(), "from-dotenv");
    assert_eq!(config.secret("x", &format!("file:{}", folder.path().join("key").display())).unwrap(), "from-file");
    for wrong in ["from-dotenv", "env:NOBODY_SET_THIS", "file:/nowhere/at/all"] {
        let fault = config.secret("destinations.cloud.secret_key", wrong).unwrap_err();
        assert!(fault.code == Code::ConfigInvalid && fault.to_string().contains("destinations.cloud.secret_key"), "{fault}");
    }
    assert!(!format!("{config:?}").contains("from-dotenv"), "and nobody gets to see them");
}

#[test]
fn config_keeps_what_failed_for_days_that_end() {
    assert!(load(folder(&[("rushes.toml", "[keep]\nfailed_scratch_days = 0\n")]).path()).is_ok());
    let fault = load(folder(&[("rushes.toml", "[keep]\nfailed_scratch_days = 4000000000\n")]).path()).err().unwrap();
    assert_eq!((fault.code, fault.get("setting")), (Code::ConfigInvalid, Some("keep.failed_scratch_days")), "{fault}");
}

#[test]
fn config_an_account_that_publishes_is_whole_or_not_there() {
    let text = |lines: &str| folder(&[("rushes.toml", format!("[instagram]\n{lines}").as_str())]);
    let whole = load(text("user_id = 17841400000000001\ntoken = \"env:TOKEN\"\n").path()).unwrap().config.instagram;
    assert_eq!((whole.user_id.as_deref(), whole.daily_limit), (Some("17841400000000001"), 25), "as the environment would give it");
    for (lines, setting) in [
        ("user_id = \"1\"", "instagram.user_id"),
        ("token = \"env:TOKEN\"", "instagram.token"),
        ("daily_limit = 0", "instagram.daily_limit"),
        ("daily_limit = 101", "instagram.daily_limit"),
    ] {
        let fault = load(text(lines).path()).err().expect("it is refused");
        assert!(fault.to_string().contains(setting), "{lines}: {fault}");
    }
}

#[test]
fn config_a_queue_has_an_address_to_ask_and_a_time_it_can_wait() {
    let queue = "[engine.tasks]\nqueue = \"projects/p/locations/l/queues/q\"\n";
    let fault = |text: &str| load(folder(&[("rushes.toml", text)]).path()).err().map(|fault| fault.to_string());
    assert!(fault(queue).unwrap().contains("engine.tasks.url"));
    let whole = format!("{queue}url = \"https://here.example\"\n");
    assert_eq!(fault(&whole), None);
    for drive_s in [0, 1_741] {
        assert!(fault(&format!("{whole}drive_s = {drive_s}\n")).unwrap().contains("engine.tasks.drive_s"));
    }
}
