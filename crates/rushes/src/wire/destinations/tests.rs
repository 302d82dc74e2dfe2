//! Tests of what is refused before anything is sent.

use super::*;

fn place(name: &str, changes: &str) -> String {
    format!("[[destinations]]\nname = {name:?}\nuri = \"memory://{name}\"\n{changes}\n")
}

fn opened(places: &[String]) -> Result<Destinations, Fault> {
    let folder = tempfile::tempdir().unwrap();
    all(&Home::at(folder.path()), &toml::from_str(&places.concat()).unwrap())
}

fn refused(places: &[String]) -> String {
    let fault = opened(places).err().expect("it is refused");
    assert_eq!(fault.code, Code::ConfigInvalid);
    fault.to_string()
}

#[test]
fn config_refuses_prefixes_under_which_nothing_could_be_put() {
    for prefix in ["../../x", "a//b", "a/../b", ".", &"x".repeat(256)] {
        let said = refused(&[place("own", &format!("prefix = {prefix:?}"))]);
        assert!(said.contains("destinations.own.prefix"), "{prefix}: {said}");
    }
    for (prefix, is) in [("", ""), ("/", ""), ("/a/b/", "a/b/"), ("a b", "a b/")] {
        assert_eq!(opened(&[place("own", &format!("prefix = {prefix:?}"))]).unwrap().sites[0].prefix, is);
    }
}

#[test]
fn config_takes_renditions_behind_a_destination_with_originals() {
    let all = opened(&[place("own", ""), place("web", "pictures_max_px = 2048")]).unwrap();
    assert_eq!(all.routes[0].pictures, None);
    assert_eq!(all.routes[1].pictures, Some(Pictures { max_px: 2048, quality: 85 }));
    // The first takes other kinds; the second keeps the originals of all the rest.
    let stickers = "kinds = [\"icon_sticker\", \"name_sticker\"]\npictures_max_px = 64\npictures_quality = 1";
    assert!(opened(&[place("stickers", stickers), place("own", "")]).is_ok(), "stickers stay as they are");
}

#[test]
fn config_refuses_renditions_where_records_need_originals() {
    let said = refused(&[place("web", "pictures_max_px = 2048"), place("own", "")]);
    assert!(said.contains("destinations.web.pictures_max_px") && said.contains("anime_image"), "{said}");
    let said = refused(&[place("own", "kinds = [\"anime_image\"]"), place("web", "pictures_max_px = 2048")]);
    assert!(said.contains("cosplay_image"), "{said}");
    let said = refused(&[place("users", "subjects = [\"user\"]\npictures_max_px = 2048"), place("own", "")]);
    assert!(said.contains("of a user"), "{said}");
}

#[test]
fn config_refuses_sizes_and_qualities_that_are_none() {
    for (changes, named) in [
        ("pictures_max_px = 0", "pictures_max_px"),
        ("pictures_max_px = 5000", "pictures_max_px"),
        ("pictures_max_px = 2048\npictures_quality = 0", "pictures_quality"),
        ("pictures_max_px = 2048\npictures_quality = 101", "pictures_quality"),
        ("pictures_quality = 80", "without pictures_max_px"),
    ] {
        let said = refused(&[place("own", ""), place("web", changes)]);
        assert!(said.contains("destinations.web") && said.contains(named), "{changes}: {said}");
    }
}

#[test]
fn config_opens_buckets_of_google() {
    let cloud = |changes: &str| format!("[[destinations]]\nname = \"cloud\"\nuri = \"gs://bucket\"\n{changes}\n");
    let emulator = "endpoint = \"http://127.0.0.1:9023\"";
    assert!(opened(&[cloud(emulator)]).is_ok(), "an emulator wants no credentials");
    for (changes, named) in [
        ("region = \"eu\"", "destinations.cloud.region"),
        ("credentials = \"file:/proc/nowhere\"", "destinations.cloud.credentials"),
        ("credentials = \"{}\"", "secrets stand elsewhere"),
        ("part_mb = 0", "256 KiB"),
    ] {
        let said = refused(&[cloud(&format!("{emulator}\n{changes}"))]);
        assert!(said.contains(named), "{changes}: {said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.json");
    std::fs::File::create(&key).and_then(|mut file| std::io::Write::write_all(&mut file, b"{\"type\": \"service_account\"}")).unwrap();
    let said = refused(&[cloud(&format!("credentials = \"file:{}\"", key.display()))]);
    assert!(said.contains("destinations.cloud.credentials") && said.contains("client_email"), "{said}");
    let said = refused(&[place("own", "credentials = \"env:KEY\"")]);
    assert!(said.contains("memory://own has no use for it"), "{said}");
}

#[test]
fn config_takes_a_folder_of_drive_with_a_login_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let login = folder.path().join("login.json");
    let json = r#"{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}"#;
    std::fs::File::create(&login).and_then(|mut file| std::io::Write::write_all(&mut file, json.as_bytes())).unwrap();
    let credentials = format!("credentials = \"file:{}\"\n", login.display());
    let at = |uri: &str, more: &str| format!("[[destinations]]\nname = \"drive\"\nuri = {uri:?}\n{more}\n");
    let all = opened(&[at("gdrive://root/Rushes/films", &credentials)]).unwrap();
    assert_eq!(all.sites[0].port.uri("a b.png"), "gdrive://root/Rushes/films/a%20b.png");
    for (uri, more, words) in [
        ("gdrive://root/Rushes", String::new(), "rushes auth google"),
        ("gdrive://root/Rushes", format!("{credentials}region = \"x\""), "destinations.drive.region"),
        ("gdrive://root/Rushes", format!("{credentials}access = \"signed\""), "only \"private\" is possible"),
        ("gdrive://my folder", credentials.clone(), "gdrive://root/NAME"),
        ("gdrive://root/Rushes", "credentials = \"{}\"".to_owned(), "file:/path"),
    ] {
        let said = refused(&[at(uri, &more)]);
        assert!(said.contains(words), "{uri} {more}: {said}");
    }
}
