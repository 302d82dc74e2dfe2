//! Writes a library as years of work leave it: characters with pictures, dances, folders of remixes, and a
//! `character_db.json` of Windows paths, in all its forms and with all its faults. Small files that are really what they say.

use super::program::ffmpeg;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where today's users have it.
const WINDOWS: &str = "C:\\oo\\bar\\output";

/// How much there is.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) characters: usize,
    pub(crate) dances: usize,
    pub(crate) remixes: usize,
}

/// A library on disk, and what is known of it by whoever wrote it.
pub(crate) struct Library {
    pub(crate) root: PathBuf,
    pub(crate) film: Vec<u8>,
    sound: Vec<u8>,
    made: u32,
    /// Paths below the remote that must be there in the end, each with the bytes of this file.
    pub(crate) wanted: BTreeMap<String, PathBuf>,
    /// Subjects with their files' number.
    pub(crate) ids: Vec<String>,
    /// The record as written.
    pub(crate) entries: Vec<Value>,
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

/// A picture of its own for each number.
pub(crate) fn picture(number: u32) -> Vec<u8> {
    let colour = |x: u32, y: u32| image::Rgb([(number >> 16) as u8, (number >> 8) as u8 ^ x as u8, number as u8 ^ y as u8]);
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(16, 24, colour).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// The same film with other bytes: a box behind it that every player skips.
pub(crate) fn varied(film: &[u8], number: u32) -> Vec<u8> {
    let note = format!("number {number:08}");
    let size = u32::try_from(8 + note.len()).unwrap().to_be_bytes();
    [film, &size, b"free", note.as_bytes()].concat()
}

pub(crate) fn a_film(folder: &Path) -> Vec<u8> {
    let path = folder.join("a film.mp4");
    let sources = ["-f", "lavfi", "-i", "testsrc2=size=64x112:rate=8:duration=1", "-f", "lavfi", "-i", "sine=frequency=330:duration=1"];
    ffmpeg(&[&sources[..], &["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]].concat(), &path);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    bytes
}

impl Library {
    /// Writes one below a folder.
    pub(crate) fn make(folder: &Path, sizes: Sizes) -> Self {
        let root = folder.join("output");
        std::fs::create_dir_all(&root).unwrap();
        let film = a_film(folder);
        let sound = folder.join("sound.m4a");
        ffmpeg(&["-f", "lavfi", "-i", "sine=frequency=440:duration=1", "-c:a", "aac"], &sound);
        let sound = std::fs::read(sound).unwrap();
        let mut library = Self { root, film, sound, made: 0, wanted: BTreeMap::new(), ids: Vec::new(), entries: Vec::new() };
        for reference in ["ref1", "ref2", "ref3"] {
            library.film(&format!("references/{reference}.mp4"), &format!("references/{reference}.mp4"));
        }
        for index in 0..sizes.characters {
            library.character(index);
        }
        let dances = library.dances(sizes.dances);
        for index in 0..sizes.remixes {
            library.remix(index, &dances);
        }
        library
    }

    pub(crate) fn number(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    pub(crate) fn picture(&mut self, lies: &str, becomes: &str) {
        let bytes = picture(self.number());
        self.file(lies, becomes, &bytes);
    }

    pub(crate) fn film(&mut self, lies: &str, becomes: &str) {
        let bytes = varied(&self.film.clone(), self.number());
        self.file(lies, becomes, &bytes);
    }

    pub(crate) fn file(&mut self, lies: &str, becomes: &str, bytes: &[u8]) {
        let path = self.root.join(lies);
        write(&path, bytes);
        if !becomes.is_empty() {
            self.wanted.insert(becomes.to_owned(), path);
        }
    }

    pub(crate) fn windows(lies: &str) -> String {
        format!("{WINDOWS}\\{}", lies.replace('/', "\\"))
    }

    fn character(&mut self, index: usize) {
        let id = format!("character_{index:03}_{}", 1_770_337_000 + index);
        let (anime, cosplay) = (format!("characters/{id}.png"), format!("characters/{id}_cosplay.png"));
        self.picture(&anime, &anime.clone());
        self.picture(&cosplay, &cosplay.clone());
        let primary = json!({"title": "primary", "anime_image": Self::windows(&anime), "cosplay_image": Self::windows(&cosplay),
            "prompt": format!("dance number {index}")});
        // Every name but one is its own; two characters may share one.
        let name = if index == 1 { "Character 000".to_owned() } else { format!("Character {index:03}") };
        self.entries.push(json!({"id": id, "name": name, "anime": "A Show", "metadata": {"index": index, "tags": ["a", "é"]},
            "prompts": {"anime": "draw"}, "last_updated": "2026-02-07T10:00:00", "assets": [primary]}));
        self.ids.push(id);
    }

    /// One dance for each of the first characters, a second one for as many as are left; gives (character, reference).
    fn dances(&mut self, count: usize) -> Vec<(usize, String)> {
        let first = count - count / 8;
        let mut dances: Vec<(usize, String)> = (0..first).map(|index| (index, format!("ref{}", 1 + index % 2))).collect();
        dances.extend((0..count - first).map(|index| (index, "ref3".to_owned())));
        for (index, reference) in &dances {
            let lies = format!("dances/dance_{}_cosplay_on_{reference}.mp4", self.ids[*index]);
            self.film(&lies, &lies.clone());
            let film = format!("D:\\refs\\{reference}.mp4");
            let sets = self.entries[*index]["assets"].as_array_mut().unwrap();
            if reference == "ref3" {
                sets.push(json!({"title": "alternate_1", "dance_video": Self::windows(&lies), "motion_ref_video": film}));
            } else {
                sets[0]["dance_video"] = json!(Self::windows(&lies));
                sets[0]["motion_ref_video"] = json!(film);
            }
        }
        dances
    }

    /// A folder of remixes: of a dance, or, beyond them, of one whose film is lost. Half of them have the older names.
    fn remix(&mut self, index: usize, dances: &[(usize, String)]) {
        let (character, reference) = dances.get(index).cloned().unwrap_or((index % self.ids.len(), "ref9".to_owned()));
        let dance = format!("dance_{}_cosplay_on_{reference}", self.ids[character]);
        let (folder, result) = (format!("remixes/{dance}"), format!("remixes/{dance}/result"));
        let is_old = index % 2 == 1;
        let finished = format!("{result}/REMIX_{dance}_scored_watermarked.mp4");
        let kpop = format!("{result}/[kpop_soundtrack]_REMIX_{dance}.mp4");
        if is_old {
            let lies = format!("{folder}/REMIX_{dance}_structured_scored_watermarked.mp4");
            self.film(&lies, &finished);
            self.film(&format!("{result}/[kpop]_REMIX_{dance}.mp4"), &kpop);
            self.picture(&format!("{folder}/variants/jennie_kpop.png"), &format!("{folder}/variants/jennie_kpop.png"));
            let set = json!({"title": "remix_main", "remix_folder": Self::windows(&folder), "DELIVERABLE": Self::windows(&lies), "deliverable": Self::windows(&lies)});
            self.entries[character]["assets"].as_array_mut().unwrap().push(set);
        } else {
            self.film(&finished, &finished.clone());
            self.film(&kpop, &kpop.clone());
            self.picture(&format!("{result}/icon_X.png"), &format!("{result}/icon_X.png"));
        }
        let music = varied(&self.sound.clone(), self.number());
        let lies = format!("{result}/generated_kpop_music.m4a");
        self.file(&lies, &lies.clone(), &music);
    }

    /// Plants one of each fault there is in such libraries.
    pub(crate) fn spoil(&mut self) {
        let id = |index: usize| self.ids[index].clone();
        let (third, gone) = (id(3), self.root.join(format!("characters/{}.png", id(3))));
        std::fs::remove_file(gone).unwrap();
        self.wanted.remove(&format!("characters/{third}.png"));
        // Forms of other days.
        for (index, is_flat) in [(5, false), (6, true)] {
            let sets = self.entries[index]["assets"].as_array().unwrap().clone();
            let by_title: serde_json::Map<String, Value> =
                sets.iter().map(|set| (set["title"].as_str().unwrap().to_owned(), set.clone())).collect();
            self.entries[index]["assets"] = if is_flat { sets[0].clone() } else { Value::Object(by_title) };
        }
        let mut double = self.entries[7].clone();
        (double["last_updated"], double["only_here"]) = (json!("2020-01-01"), json!(true));
        self.entries.push(double);
        let image = format!("characters/{}.png", id(8));
        self.entries[8]["assets"][0]["anime_image"] = json!(format!("gs://some-bucket/anime_dance/{image}"));
        self.entries[9]["assets"].as_array_mut().unwrap().push(json!({"title": "soundtracks", "orig_audio": "gs://some-bucket/lost.mp3"}));
        self.entries[10]["assets"][0]["anime_image"] = json!(format!("characters/{}.png", id(10)));
        // Half of a picture.
        let half = self.root.join(format!("characters/{}_cosplay.png", id(12)));
        let bytes = std::fs::read(&half).unwrap();
        write(&half, &bytes[..bytes.len() / 2]);
        self.wanted.remove(&format!("characters/{}_cosplay.png", id(12)));
        self.entries[13]["assets"][0]["kpop_video"] = json!(42);
        self.entries.push(json!("words"));
        let first = self.wanted.values().find(|lies| lies.to_string_lossy().contains("[kpop_soundtrack]")).cloned().unwrap();
        let twin = |head: &str| {
            let name = first.file_name().unwrap().to_str().unwrap();
            first.with_file_name(format!("{head}_{}", &name[name.find("REMIX_").unwrap()..]))
        };
        // The same film by two names, and another by a third.
        write(&twin("[kpop]"), &std::fs::read(&first).unwrap());
        let orig = twin("[orig_soundtrack]");
        let becomes = orig.strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned();
        self.film(&becomes, &becomes.clone());
        self.film(twin("[orig]").strip_prefix(self.root.clone()).unwrap().to_str().unwrap(), "");
        write(&self.root.join("holiday.png"), &picture(0));
        write(&self.root.join("temp_process_kling/aligned.png.tmp"), b"half");
        write(&self.root.join("readme.txt"), b"words");
    }

    /// Writes the record; gives its path.
    pub(crate) fn record(&self) -> PathBuf {
        let path = self.root.join("character_db.json");
        write(&path, serde_json::to_string_pretty(&self.entries).unwrap().as_bytes());
        path
    }

    /// Every file with its bytes' hash, its time and its mode: what must stay as it is.
    pub(crate) fn state(&self) -> BTreeSet<String> {
        use std::os::unix::fs::MetadataExt;
        let hashes = super::survivor::hashes(&self.root);
        let line = |(name, hash): (String, String)| {
            let meta = std::fs::metadata(self.root.join(&name)).unwrap();
            format!("{name} {hash} {} {} {:o} {}", meta.mtime(), meta.mtime_nsec(), meta.mode(), meta.nlink())
        };
        hashes.into_iter().map(line).collect()
    }
}
