//! Finds the file that a value of an older record means: a path of another machine, an address in a bucket, a path below
//! the library.

use super::walk::Entry;
use percent_encoding::percent_decode_str;
use rushes_core::recognise::recognise;
use rushes_workflows::import::{Mark, Place};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What a value led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Here it is.
    Here(Place),
    /// At an address that no configured destination has.
    Elsewhere(String),
    /// Nowhere, and why.
    Missing(String),
}

/// A destination as a source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket {
    /// As configured.
    pub(crate) destination: String,
    /// What goes before a key in its addresses.
    pub(crate) bases: Vec<String>,
    /// The keys that were listed; none where only addresses are asked for.
    pub(crate) keys: Vec<String>,
}

/// What values are looked for in.
pub(crate) struct Finder<'a> {
    files: &'a [Entry],
    by_name: HashMap<String, Vec<usize>>,
    root: Option<PathBuf>,
    may_leave: bool,
    maps: &'a [(String, PathBuf)],
    buckets: &'a [Bucket],
    keys: HashMap<String, Vec<(usize, usize)>>,
}

impl<'a> Finder<'a> {
    /// Files outside of `root` are found where a map leads to them, or `may_leave` says so.
    pub(crate) fn new(
        files: &'a [Entry],
        root: Option<&Path>,
        may_leave: bool,
        maps: &'a [(String, PathBuf)],
        buckets: &'a [Bucket],
    ) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, entry) in files.iter().enumerate() {
            by_name.entry(last(&entry.relative)).or_default().push(index);
        }
        let mut keys: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
        for (bucket, of) in buckets.iter().enumerate() {
            for (index, key) in of.keys.iter().enumerate() {
                keys.entry(last(key)).or_default().push((bucket, index));
            }
        }
        Self { files, by_name, root: root.map(Path::to_owned), may_leave, maps, buckets, keys }
    }

    /// What a value means. Looks at the disk for absolute and mapped paths only.
    pub(crate) fn find(&self, value: &str) -> Found {
        let value = value.trim();
        match value.split_once("://") {
            Some(("file", path)) => {
                let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
                // `file:///C:/x` names a drive, not a folder.
                let drive = path.strip_prefix('/').filter(|drive| drive.as_bytes().get(1) == Some(&b':') && drive.as_bytes()[0].is_ascii());
                self.path(drive.unwrap_or(&path))
            }
            Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+') => {
                self.address(value, rest)
            }
            _ => self.path(value),
        }
    }

    fn address(&self, value: &str, rest: &str) -> Found {
        let plain = value.split(['?', '#']).next().unwrap_or(value);
        for bucket in self.buckets {
            if let Some(key) = bucket.bases.iter().find_map(|base| plain.strip_prefix(base.as_str())).filter(|key| !key.is_empty()) {
                let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
                return Found::Here(Place::Object { destination: bucket.destination.clone(), key });
            }
        }
        let rest = percent_decode_str(rest.split(['?', '#']).next().unwrap_or(rest)).decode_utf8_lossy().into_owned();
        match self.tail(&parts(&rest)) {
            Found::Here(place) => Found::Here(place),
            _ => Found::Elsewhere(value.to_owned()),
        }
    }

    fn path(&self, value: &str) -> Found {
        let plain = value.replace('\\', "/");
        let mut outside = None;
        for (from, to) in self.maps {
            let from = from.replace('\\', "/");
            let from = from.trim_end_matches('/');
            let Some(rest) = plain.get(from.len()..).filter(|_| plain[..from.len()].eq_ignore_ascii_case(from)) else { continue };
            let is_below = rest.is_empty() || rest.starts_with('/');
            if is_below {
                match self.file(&to.join(parts(rest).join("/")), Some(to)) {
                    Some(Found::Here(place)) => return Found::Here(place),
                    found => outside = outside.or(found),
                }
            }
        }
        let parts = parts(&plain);
        let below = || self.root.as_ref().filter(|_| !parts.is_empty() && !is_absolute(&plain)).map(|root| root.join(parts.join("/")));
        let path = if plain.starts_with('/') { Some(PathBuf::from(&plain)) } else { below() };
        match path.and_then(|path| self.file(&path, None)) {
            Some(Found::Here(place)) => return Found::Here(place),
            found => outside = outside.or(found),
        }
        match (self.tail(&parts), outside) {
            (Found::Missing(_), Some(outside)) => outside,
            (found, _) => found,
        }
    }

    /// The file at a path. What a record says is somebody else's word: by it alone, and by links, nothing is taken
    /// from outside the library; a map leads into its own folder only.
    fn file(&self, path: &Path, mapped: Option<&Path>) -> Option<Found> {
        let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let is_in =
            |folder: &Path| matches!((path.canonicalize(), folder.canonicalize()), (Ok(real), Ok(folder)) if real.starts_with(&folder));
        if self.may_leave || mapped.into_iter().chain(self.root.as_deref()).any(is_in) {
            return Some(Found::Here(Place::File { path: std::path::absolute(path).ok()?, mark: Mark::of(&meta) }));
        }
        Some(Found::Missing("it lies outside the library; --map FROM=TO names its folder, --allow-outside allows all".to_owned()))
    }

    /// The file whose whole path below the library ends this path; or the only one of that name and meaning.
    fn tail(&self, wanted: &[String]) -> Found {
        let Some(name) = wanted.last() else { return Found::Missing("it names no file".to_owned()) };
        let none = Vec::new();
        let files = self.by_name.get(&name.to_lowercase()).unwrap_or(&none);
        let of_files = files.iter().map(|index| {
            let entry = &self.files[*index];
            (entry.relative.as_str(), Place::File { path: entry.path.clone(), mark: entry.mark })
        });
        let keys = self.keys.get(&name.to_lowercase()).into_iter().flatten().map(|(bucket, index)| {
            let bucket = &self.buckets[*bucket];
            (bucket.keys[*index].as_str(), Place::Object { destination: bucket.destination.clone(), key: bucket.keys[*index].clone() })
        });
        let all: Vec<(&str, Place)> = of_files.chain(keys).collect();
        let whole = all.iter().filter(|(path, _)| ends_with(wanted, &parts(path))).max_by_key(|(path, _)| path.split('/').count());
        if let Some((_, place)) = whole {
            return Found::Here(place.clone());
        }
        // Lying deeper than it did: only where the name itself says that it is the same thing.
        let meaning = recognise(&wanted.join("/"));
        let same: Vec<&(&str, Place)> = all.iter().filter(|(path, _)| meaning.is_some() && recognise(path) == meaning).collect();
        match &same[..] {
            [(_, place)] => Found::Here(place.clone()),
            [(first, _), (second, _), ..] => Found::Missing(format!("it may be {first} or {second}; say which with --map")),
            [] => match all.first() {
                Some((path, _)) => Found::Missing(format!("not there; {path} has that name, and --map FROM=TO would say that it is meant")),
                None => Found::Missing("no file here has that name".to_owned()),
            },
        }
    }
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || path.as_bytes().get(1) == Some(&b':')
}

/// The segments of a path, without a drive and without steps up: nobody is led out of a folder by them.
fn parts(path: &str) -> Vec<String> {
    let is_kept = |part: &&str| !part.is_empty() && *part != "." && *part != ".." && !(part.len() == 2 && part.ends_with(':'));
    path.split('/').filter(is_kept).map(str::to_owned).collect()
}

fn ends_with(wanted: &[String], path: &[String]) -> bool {
    let Some(from) = wanted.len().checked_sub(path.len()) else { return false };
    wanted[from..].iter().zip(path).all(|(a, b)| a.to_lowercase() == b.to_lowercase())
}

fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::walk::{Rules, walk};
    use super::*;

    fn library(names: &[&str]) -> (tempfile::TempDir, Vec<Entry>) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::File::create(path).unwrap();
        }
        let files = walk(folder.path(), &Rules::default()).unwrap().files;
        (folder, files)
    }

    fn relative(found: &Found, folder: &Path) -> String {
        match found {
            Found::Here(Place::File { path, .. }) => path.strip_prefix(folder).unwrap_or(path).display().to_string(),
            Found::Here(Place::Object { destination, key }) => format!("{destination}:{key}"),
            Found::Elsewhere(uri) => format!("elsewhere {uri}"),
            Found::Missing(_) => "missing".to_owned(),
        }
    }

    #[test]
    fn find_maps_paths_of_other_machines() {
        let result = "remixes/dance_a_1_cosplay_on_r/result";
        let (folder, files) = library(&[
            "characters/A_1.png",
            &format!("{result}/generated_kpop_music.mp3"),
            "odd/clip.mp4",
            "deep/down/dances/dance_a_1_cosplay_on_r.mp4",
        ]);
        let maps = [("D:\\work\\odd things".to_owned(), folder.path().join("odd"))];
        let finder = Finder::new(&files, Some(folder.path()), false, &maps, &[]);
        let find = |value: &str| relative(&finder.find(value), folder.path());
        assert_eq!(find("C:\\oo\\bar\\output\\characters\\a_1.png"), "characters/A_1.png", "by its tail, in any letters");
        assert_eq!(find("file:///C:/oo/characters/A_1.png"), "characters/A_1.png");
        assert_eq!(find("characters/A_1.png"), "characters/A_1.png");
        assert_eq!(find("d:/Work/Odd Things/clip.mp4"), "odd/clip.mp4", "by a map");
        assert_eq!(find(folder.path().join("odd/clip.mp4").to_str().unwrap()), "odd/clip.mp4");
        assert_eq!(find("C:\\out\\dances\\dance_a_1_cosplay_on_r.mp4"), "deep/down/dances/dance_a_1_cosplay_on_r.mp4", "by its meaning");
        assert_eq!(
            find(&format!("C:\\x\\{}\\generated_kpop_music.mp3", result.replace('/', "\\"))),
            format!("{result}/generated_kpop_music.mp3")
        );
        // Another dance's music has the same name and is not it.
        assert_eq!(find("C:\\x\\remixes\\dance_b_1_cosplay_on_r\\result\\generated_kpop_music.mp3"), "missing");
        assert_eq!(find("C:\\other\\clip.mp4"), "missing", "a name alone says nothing");
        assert_eq!(find("../../../../etc/hostname"), "missing");
        assert_eq!(find("\\\\"), "missing");
        for odd in ["file://é:/x", "file://", "file:///", "file://é", "é:/x", "file:///é:/x"] {
            assert_eq!(find(odd), "missing", "{odd}");
        }
    }

    #[test]
    fn find_knows_addresses_of_configured_destinations() {
        let (folder, files) = library(&["characters/a_1.png"]);
        let buckets = [Bucket {
            destination: "cloud".into(),
            bases: vec!["gs://bkt/".into(), "https://cdn.example.com/bkt/".into()],
            keys: vec!["old/characters/b_1.png".into()],
        }];
        let finder = Finder::new(&files, Some(folder.path()), false, &[], &buckets);
        let find = |value: &str| relative(&finder.find(value), folder.path());
        assert_eq!(find("gs://bkt/anime%20dance/x.png"), "cloud:anime dance/x.png");
        assert_eq!(find("https://cdn.example.com/bkt/x.png?token=1"), "cloud:x.png");
        assert_eq!(find("gs://other/anime_dance/characters/a_1.png"), "characters/a_1.png", "a copy lies here");
        assert_eq!(find("s3://other/none.png"), "elsewhere s3://other/none.png");
        assert_eq!(find("C:\\o\\characters\\b_1.png"), "cloud:old/characters/b_1.png", "listed in the bucket");
    }
}
