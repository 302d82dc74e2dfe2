//! Photos as telephones and cameras write them, through the real program: taken as they are, under names of their own kind. What no
//! program here opens waits for one.

use crate::support::program::{End, Program, end};
use image::{ImageFormat, Rgb, RgbImage};
use rushes_testkit::photos;
use rushes_testkit::shared::shared;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 90])).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

fn found(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A home with a shoot and a folder that photos go to.
fn shoot(said: &[&str]) -> Program {
    let program = Program::with("");
    let place = program.path("bucket");
    let config = format!("[delivery]\nscan_every_s = 0.2\n[[destinations]]\nname = \"folder\"\nuri = \"file://{}\"\n", place.display());
    program.write("rushes.toml", config.as_bytes());
    program.run(&[&["shoots", "new", "Feast"], said].concat()).expect(0);
    program
}

/// Takes what was dropped, with nothing on the PATH but what lies here.
fn take(program: &Program, tools: &Path) -> End {
    end(program.start_with(&["shoots", "take"], &[("PATH", tools.to_str().unwrap())]))
}

/// The names of files in a folder with their bytes, without the hidden ones.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap_or_default()));
    named.filter(|(name, _)| !name.starts_with('.')).collect()
}

/// By the ends of their names: each of these is there once.
fn kinds(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let end = |(name, bytes): (String, Vec<u8>)| (name.rsplit('.').next().unwrap().to_owned(), bytes);
    files(folder).into_iter().map(end).collect()
}

#[test]
fn shoots_take_photos_of_telephones_and_cameras_as_they_are() {
    let program = shoot(&[]);
    let tools = program.path("only");
    std::fs::create_dir(&tools).unwrap();
    for name in ["ffmpeg", "ffprobe", "setpriv", "nice", "prlimit"] {
        if let Some(tool) = found(name) {
            symlink(tool, tools.join(name)).unwrap();
        }
    }
    let (large, small) = (jpeg(640, 480), jpeg(64, 48));
    let dropped = [
        ("IMG_1.JPG", "cr2", photos::cr2(&large, &small, 6)),
        ("IMG_2.jpg", "cr3", photos::cr3(&large, &small, 1)),
        ("DSC 3", "nef", photos::tiff(b"MM\0*", "NIKON CORPORATION", &large, 8, &[])),
        ("DSCF4.RAF", "raf", photos::raf(&large)),
        ("IMG_5.HEIC", "heic", photos::heic(320, 240)),
    ];
    for (name, _, bytes) in &dropped {
        program.write(&format!("home/shoots/feast/Incoming/{name}"), bytes);
    }
    let mut wanted: BTreeMap<String, Vec<u8>> = dropped.iter().map(|(_, kind, bytes)| ((*kind).to_owned(), bytes.clone())).collect();
    let (processed, errors) = (program.path("home/library/feast/Processed"), program.path("home/shoots/feast/Admin/Errors"));
    // Nothing opens the last of them yet.
    take(&program, &tools);
    let said = std::fs::read_to_string(errors.join("IMG_5.HEIC.txt")).unwrap();
    assert!(said.contains("libheif-examples") && said.contains("heif-convert"), "{said}");
    let heic = wanted.remove("heic").unwrap();
    assert_eq!(kinds(&processed), wanted);
    // Something is installed that makes a picture of it.
    let (picture, tool) = (program.write("picture.jpg", &jpeg(320, 240)), tools.join("heif-dec"));
    let script = format!("#!/bin/sh\nfor last; do :; done\nexec /bin/cat {} > \"$last\"\n", picture.display());
    let written = program.write("only/heif-dec", script.as_bytes());
    std::fs::set_permissions(written, std::fs::Permissions::from_mode(0o755)).unwrap();
    take(&program, &tools).expect(0);
    wanted.insert("heic".into(), heic);
    assert_eq!(kinds(&processed), wanted, "{}", tool.display());
    assert!(files(&errors).is_empty(), "nothing is said of it any more");
    let there = kinds(&program.path("bucket/feast/Processed"));
    assert_eq!(there, wanted, "the bytes at the destination are the camera's");
    for (name, _, bytes) in &dropped {
        assert_eq!(&std::fs::read(program.path(&format!("home/shoots/feast/Incoming/{name}"))).unwrap(), bytes);
    }
    let sizes: BTreeMap<String, (u64, u64)> = program
        .assets()
        .iter()
        .map(|asset| {
            let kind = asset["path"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
            let asset = program.run(&["assets", "show", asset["id"].as_str().unwrap(), "--json"]).expect(0).json();
            (kind, (asset["width"].as_u64().unwrap(), asset["height"].as_u64().unwrap()))
        })
        .collect();
    let expected = [("cr2", (480, 640)), ("cr3", (640, 480)), ("nef", (480, 640)), ("raf", (640, 480)), ("heic", (320, 240))];
    assert_eq!(sizes, expected.map(|(kind, size)| (kind.to_owned(), size)).into());
}

/// Cameras count from 0001 again, so that two photos have one name; what somebody edits has the name it had.
#[test]
fn shoots_keep_both_of_two_photos_of_one_name_and_only_the_newer_of_an_edited_one() {
    let program = shoot(&[]);
    let drop = |bytes: &[u8]| {
        program.write("home/shoots/feast/Incoming/DSC_0001.JPG", bytes);
        program.run(&["shoots", "take"]).expect(0);
    };
    let (noon, night) = ("2026:05:30 12:00:00", "2026:05:30 23:00:00");
    let first = photos::taken(&jpeg(64, 48), noon);
    let second = photos::taken(&jpeg(80, 48), night);
    let edited = photos::taken(&jpeg(96, 48), noon);
    let are = |one: &[u8], two: &[u8]| BTreeMap::from([("000001.jpg".to_owned(), one.to_vec()), ("000002.jpg".to_owned(), two.to_vec())]);
    drop(&first);
    drop(&second);
    assert!(files(&program.path("home/library/feast/Processed")) == are(&first, &second), "two photos");
    drop(&edited);
    for place in ["home/library", "bucket"] {
        assert!(files(&program.path(&format!("{place}/feast/Processed"))) == are(&edited, &second), "{place}");
    }
}

#[test]
fn shoots_find_faces_in_photos_of_telephones_and_cameras() {
    let Some(photo) = shared("data/faces/dev/df_img20.jpg") else { return };
    let program = shoot(&["--recognise"]);
    if !program.install_models() {
        return;
    }
    let bytes = std::fs::read(&photo).unwrap();
    program.write("home/shoots/feast/Incoming/a.cr2", &photos::cr2(&bytes, &jpeg(64, 48), 1));
    let mut wanted = vec!["cr2"];
    let heic = program.path("home/shoots/feast/Incoming/b.heic");
    match found("heif-enc").filter(|_| found("heif-convert").or_else(|| found("heif-dec")).is_some()) {
        Some(tool) => {
            #[expect(clippy::disallowed_methods, reason = "the test makes its own photo")]
            let made = std::process::Command::new(tool).arg(&photo).arg("-o").arg(&heic).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            wanted.push("heic");
        }
        None => eprintln!("skipped: HEIC (apt-get install libheif-examples)"),
    }
    program.run(&["shoots", "take"]).expect(0);
    let own = kinds(&program.path("home/library/feast/People/Person_001/Solo"));
    assert_eq!(own.into_keys().collect::<Vec<_>>(), wanted, "one person, in each");
}
