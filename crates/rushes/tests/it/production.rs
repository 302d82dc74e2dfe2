//! The whole production, by the real program on real films: complete, delivered, repeatable, and unharmed by `kill -9`.

use crate::support::program::{self, Program, SMALL, children_of, ffmpeg, ffprobe, file_of, is_alive, loudness, md5_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A film with sound to dance on: a moving picture, and a click on every beat of 120 BPM.
fn reference(program: &Program, name: &str, size: &str, fps: u32, filters: &str) -> PathBuf {
    let path = program.path(name);
    let picture = format!("testsrc2=size={size}:rate={fps}:duration=3");
    let sound = "aevalsrc='0.8*sin(880*2*PI*t)*exp(-30*mod(t,0.5))':s=44100:d=3";
    let filters = if filters.is_empty() { "null" } else { filters };
    ffmpeg(
        &["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", sound, "-vf", filters, "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"],
        &path,
    );
    path
}

fn small() -> (Program, String) {
    let program = Program::with(SMALL);
    let path = reference(&program, "own.mp4", "320x240", 30, "");
    let path = path.to_str().unwrap().to_owned();
    (program, path)
}

/// kind/title → local file at the destination.
fn delivered(program: &Program) -> BTreeMap<String, PathBuf> {
    let assets = program.assets();
    assets
        .iter()
        .map(|a| (format!("{}/{}", a["kind"].as_str().unwrap(), a["title"].as_str().unwrap()), file_of(a["url"].as_str().unwrap())))
        .collect()
}

fn stream<'a>(probe: &'a Value, sort: &str) -> &'a Value {
    probe["streams"].as_array().unwrap().iter().find(|s| s["codec_type"] == sort).unwrap_or_else(|| panic!("no {sort}: {probe}"))
}

fn seconds(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// h264 yuv420p and aac of this size and rate, faststart, sound as long as the picture within a frame.
fn check_film(file: &Path, width: u32, height: u32, fps: u32) {
    let probe = ffprobe(file);
    let (picture, sound) = (stream(&probe, "video"), stream(&probe, "audio"));
    assert_eq!((&picture["codec_name"], &picture["pix_fmt"], &sound["codec_name"]), (&"h264".into(), &"yuv420p".into(), &"aac".into()));
    assert_eq!((picture["width"].as_u64(), picture["height"].as_u64()), (Some(width.into()), Some(height.into())), "{}", file.display());
    assert_eq!(picture["r_frame_rate"], format!("{fps}/1"));
    let apart = (seconds(&picture["duration"]) - seconds(&sound["duration"])).abs();
    assert!(apart <= 1.0 / f64::from(fps), "{}: picture and sound end {apart} s apart", file.display());
    let bytes = std::fs::read(file).unwrap();
    let at = |atom: &[u8]| bytes.windows(4).position(|window| window == atom).unwrap();
    assert!(at(b"moov") < at(b"mdat"), "{} can be played before it is loaded whole", file.display());
}

#[test]
fn production_makes_delivers_and_records_the_whole_set() {
    let program = Program::with("");
    let end = program.run(&["run", "production", "--count", "1", "--seed", "7", "--json"]).expect(0);
    let said = end.json();
    assert_eq!((said["status"].as_str(), said["errors"].as_array().unwrap().len()), (Some("completed"), 0));
    let made = &said["results"][0]["assets"];
    assert_eq!(made["dances"].as_array().unwrap().len(), 3);
    assert_eq!(made["remixes"].as_object().unwrap().keys().collect::<Vec<_>>(), ["kpop", "swimsuit"]);
    let types: Vec<&str> = made["deliverables"].as_array().unwrap().iter().map(|d| d["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["watermarked", "kpop_soundtrack", "orig_soundtrack"]);

    let assets = program.assets();
    let kinds: BTreeSet<&str> = assets.iter().map(|a| a["kind"].as_str().unwrap()).collect();
    for kind in [
        "anime_image",
        "cosplay_image",
        "reference_video",
        "dance_video",
        "variant_image",
        "variant_video",
        "remix_video",
        "scored_video",
        "watermarked_video",
        "kpop_video",
        "orig_video",
        "ai_music",
        "orig_music",
        "icon_sticker",
        "name_sticker",
        "poster",
        "contact_sheet",
        "preview",
        "waveform",
    ] {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    for asset in &assets {
        let file = file_of(asset["url"].as_str().unwrap());
        let held = rushes_engine::blobs::hash_file(&file, "").unwrap();
        assert_eq!(held.sha256, asset["sha256"].as_str().unwrap(), "{}", file.display());
        assert!(program.path("home/library").join(asset["path"].as_str().unwrap()).exists());
    }
    program.run(&["audit"]).expect(0);

    let files = delivered(&program);
    for (name, file) in files.iter().filter(|(name, _)| name.contains("_video/") && !name.starts_with("reference")) {
        check_film(file, 720, 1280, 30);
        if ["scored", "watermarked", "kpop", "orig"].iter().any(|version| name.starts_with(version)) {
            let (lufs, peak) = loudness(file);
            assert!((lufs + 14.0).abs() <= 0.5 && peak <= -1.0, "{name}: {lufs} LUFS, {peak} dBTP");
        }
    }
    let packets = |name: &str| md5_of(&files[name], &["-map", "0:v", "-c", "copy"]);
    assert_eq!(packets("kpop_video/soundtracks"), packets("orig_video/soundtracks"), "soundtrack versions hold the same picture");
    assert_ne!(md5_of(&files["kpop_video/soundtracks"], &["-map", "0:a"]), md5_of(&files["orig_video/soundtracks"], &["-map", "0:a"]));
    assert_eq!(packets("remix_video/remix_main"), packets("scored_video/remix_main"));
    assert_ne!(packets("remix_video/remix_main"), packets("watermarked_video/primary_deliverable"));

    let id = said["results"][0]["character_id"].as_str().unwrap();
    let record: Value =
        serde_json::from_slice(&std::fs::read(program.path(&format!("home/remote/records/characters/{id}.json"))).unwrap()).unwrap();
    let titles: Vec<&str> = record["assets"].as_array().unwrap().iter().map(|set| set["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["alternate_1", "alternate_2", "kpop", "primary", "primary_deliverable", "remix_main", "soundtracks", "swimsuit"]);
}

#[test]
fn production_is_equal_for_equal_seeds_and_another_for_others() {
    let films = |seed: &str| {
        let (program, own) = small();
        program.run(&["run", "production", "--seed", seed, "--reference", &own, "--json"]).expect(0);
        let mut found = BTreeMap::new();
        for (name, file) in delivered(&program) {
            // Paths carry the second a character was made; what is seen and heard does not.
            let streams: &[&str] = if name.starts_with("waveform") || name.ends_with("music/soundtracks") { &[] } else { &["-map", "0:v"] };
            found.insert(format!("{name} picture"), md5_of(&file, streams));
            if name.contains("_video/") {
                found.insert(format!("{name} sound"), md5_of(&file, &["-map", "0:a"]));
            }
        }
        found
    };
    let (first, again, other) = (films("7"), films("7"), films("8"));
    assert_eq!(first, again);
    for name in ["anime_image/primary picture", "dance_video/primary picture", "variant_image/kpop picture", "ai_music/soundtracks picture"]
    {
        assert_ne!(first[name], other[name], "{name} of another seed");
    }
}

#[test]
fn production_dances_on_films_of_every_shape() {
    let program = Program::with(SMALL);
    let odd = reference(&program, "odd size.mp4", "404x718", 24, "crop=403:717:0:0,format=yuv444p");
    let plain = reference(&program, "plain.mp4", "360x640", 50, "");
    let rotated = program.path("rotated.mp4");
    ffmpeg(&["-i", plain.to_str().unwrap(), "-metadata:s:v", "rotate=90", "-c", "copy"], &rotated);
    let silent = program.path("silent [60].mp4");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=60:duration=2", "-pix_fmt", "yuv420p"], &silent);
    let mut args = vec!["run", "production", "--seed", "3", "--no-variants", "--json"];
    for path in [&odd, &plain, &rotated, &silent] {
        args.extend(["--reference", path.to_str().unwrap()]);
    }
    let said = program.run(&args).expect(0).json();
    assert_eq!(said["results"][0]["assets"]["dances"].as_array().unwrap().len(), 4);
    for (name, file) in delivered(&program).iter().filter(|(name, _)| name.starts_with("dance_video")) {
        check_film(file, 180, 320, 15);
        let wanted = if name.ends_with("alternate_3") { 2.0 } else { 3.0 };
        let long = seconds(&ffprobe(file)["format"]["duration"]);
        assert!((long - wanted).abs() < 0.15, "{name} lasts {long} s");
    }
    program.run(&["audit"]).expect(0);

    // A film without sound as the only reference: no original soundtrack, and everything else.
    let said = program
        .run(&["run", "production", "--seed", "4", "--no-variants", "--reference", silent.to_str().unwrap(), "--json"])
        .expect(0)
        .json();
    let types: Vec<&str> =
        said["results"][0]["assets"]["deliverables"].as_array().unwrap().iter().map(|d| d["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["watermarked", "kpop_soundtrack"]);
}

#[test]
fn production_killed_in_the_middle_ends_with_the_same_assets_each_once() {
    let (program, own) = small();
    let args = ["run", "production", "--seed", "7", "--reference", &own, "--json"];
    let names = |program: &Program| -> BTreeSet<String> {
        let name = |asset: &Value| {
            // Without the second at which the character was made.
            let id = asset["subject"].as_str().unwrap();
            let path = asset["path"].as_str().unwrap().replace(id, id.rsplit_once('_').unwrap().0);
            format!("{} {} {path} v{}", asset["kind"], asset["title"], asset["version"])
        };
        let names: Vec<String> = program.assets().iter().map(name).collect();
        let each: BTreeSet<String> = names.iter().cloned().collect();
        assert_eq!(each.len(), names.len(), "each once: {names:#?}");
        each
    };
    let mut kills = 0;
    for steps in [1, 4, 7, 10] {
        let mut child = program.start(&args);
        let began = Instant::now();
        let has_come_far = || {
            let jobs = program.run(&["jobs", "ls", "--json"]);
            jobs.code == 0 && {
                let job = jobs.json()["jobs"][0]["id"].as_str().map(str::to_owned);
                job.is_some_and(|id| {
                    let shown = program.run(&["jobs", "show", &id, "--json"]).expect(0).json();
                    shown["children"][0]["steps"].as_array().is_some_and(|done| done.len() >= steps)
                })
            }
        };
        while !has_come_far() && began.elapsed() < Duration::from_secs(120) && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(30));
        }
        let grandchildren = children_of(child.id());
        child.kill().unwrap();
        kills += i32::from(program::end(child).code == -1);
        let gone = Instant::now() + Duration::from_secs(5);
        while grandchildren.iter().any(|pid| is_alive(*pid)) {
            assert!(Instant::now() < gone, "a child process outlived us: {grandchildren:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert!(kills >= 3, "only {kills} of 4 kills found it running");
    let end = program.run(&args).expect(0);
    assert!(end.stderr.contains("Going on with the unfinished job"), "{}", end.stderr);
    program.run(&["audit"]).expect(0);
    assert_eq!(program.run(&["jobs", "ls", "--json"]).json()["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(program.path("home/scratch")).unwrap().count(), 0, "nothing is left in scratch");

    let (whole, own) = small();
    whole.run(&["run", "production", "--seed", "7", "--reference", &own, "--json"]).expect(0);
    assert_eq!(names(&program), names(&whole));
}

#[test]
fn production_is_cancelled_by_an_interrupt_and_leaves_no_child() {
    let program = Program::with("");
    let own = reference(&program, "own.mp4", "320x240", 30, "");
    let mut child = program.start(&["run", "production", "--seed", "5", "--reference", own.to_str().unwrap()]);
    let encodes = |child: &std::process::Child| !children_of(child.id()).is_empty();
    let began = Instant::now();
    while !(encodes(&child) && program.path("home/library/characters").exists()) {
        assert!(began.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(20));
    }
    let grandchildren = children_of(child.id());
    let asked = Instant::now();
    program::signal(&child, "INT");
    let end = program::end(child).expect(130);
    assert!(asked.elapsed() < Duration::from_secs(6), "took {:?}", asked.elapsed());
    assert!(end.stderr.contains("Cancelling"), "{}", end.stderr);
    assert!(grandchildren.iter().all(|pid| !is_alive(*pid)));
    let jobs = program.run(&["jobs", "ls", "--json"]).expect(0).json();
    assert_eq!(jobs["jobs"][0]["state"], "cancelled");
}

#[test]
fn production_a_second_engine_on_a_home_is_refused_by_pid() {
    let (program, own) = small();
    let mut child = program.start(&["run", "production", "--seed", "5", "--reference", &own]);
    // The file is there a moment before its schema is.
    while program.run(&["status"]).code != 0 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    let end = program.run(&["run", "production", "--seed", "6", "--reference", &own]).expect(1);
    assert!(end.stderr.contains(&child.id().to_string()), "{}", end.stderr);
    program.run(&["status"]).expect(0);
    program::signal(&child, "TERM");
    program::end(child).expect(143);
    let jobs = program.run(&["jobs", "ls", "--json"]).expect(0).json();
    assert_eq!(jobs["jobs"][0]["state"], "running", "it is left to be gone on with");
}

#[test]
fn production_bad_references_and_styles_are_refused_in_words() {
    let (program, own) = small();
    let words = program.write("words.mp4", b"these are words, not a film");
    let listing = program.write("list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n");
    let sound = program.path("sound.mp4");
    ffmpeg(&["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac"], &sound);
    std::fs::create_dir_all(program.path("home/references")).unwrap();
    std::fs::copy(&own, program.path("home/references/mine.mp4")).unwrap();
    for (flag, value, code, says) in [
        ("--reference", "nobody", 2, "there are: mine"),
        ("--reference", "./nobody.mp4", 1, "not there"),
        ("--reference", words.to_str().unwrap(), 1, "words.mp4"),
        ("--reference", listing.to_str().unwrap(), 1, "never opened"),
        ("--reference", sound.to_str().unwrap(), 1, "no moving picture"),
        ("--style", "polka", 2, "kpop_dance"),
    ] {
        let end = program.run(&["run", "production", flag, value]);
        assert_eq!(end.code, code, "{value}: {}{}", end.stdout, end.stderr);
        assert!(format!("{}{}", end.stdout, end.stderr).contains(says), "{value}: {}{}", end.stdout, end.stderr);
    }
    assert!(program.assets().is_empty(), "nothing is made of what is refused");
}
