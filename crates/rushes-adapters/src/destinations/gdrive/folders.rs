//! Folders, which are there for people: objects are found without them. Each is made once, whatever asks for it at once,
//! and however often an answer is lost.

use super::answers::File;
use super::tags::{FOLDER, Meta};
use super::{DriveDestination, files};
use crate::destinations::call::{About, Call, Said};
use http::Method;
use rushes_core::Fault;
use rushes_core::log_lines::{FOLDERS_CREATED, FOLDERS_FAILED};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Looks and creates until another process and we agree.
const ROUNDS: usize = 5;
/// By then every process has looked again and uses the oldest.
const SETTLED: Duration = Duration::from_mins(15);

/// A folder and those above it, outermost first: `a/`, `a/b/`.
fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..=at])
}

fn parent(path: &str) -> &str {
    let inner = path.trim_end_matches('/');
    inner.rfind('/').map_or("", |at| &inner[..=at])
}

fn depth(path: &str) -> usize {
    path.matches('/').count()
}

impl DriveDestination {
    /// Makes folders exist, with their parents: one look for all, then one request for each level. Errors: those of `put`.
    pub(super) async fn folders(&self, keys: &[&str]) -> Result<(), Fault> {
        let paths: Vec<String> = keys.iter().map(|key| format!("{}/", self.path(key.trim_end_matches('/')))).collect();
        let wanted: Vec<&str> = paths.iter().map(String::as_str).collect();
        let about = self.about("make folder", keys.first().copied().unwrap_or_default());
        // Whoever asked for it tells of it.
        self.agree_on_folders(&wanted, about).await?;
        Ok(())
    }

    /// Moves a folder to the trash, unless something lies in it that we can see.
    pub(super) async fn trash_folder(&self, key: &str) -> Result<(), Said> {
        let (path, about) = (format!("{}/", self.path(key)), self.about("remove folder", key));
        let _alone = self.memory.lock(&path).await;
        if !self.memory.fresh(&path).is_empty() {
            return Ok(());
        }
        let mut ids: Vec<String> = [self.memory.there(&path), self.memory.meant(&path)].into_iter().flatten().collect();
        // Whoever needs it from now on waits, and looks for it again.
        self.memory.forget(&path);
        ids.extend(self.look_up(&[&path], about).await?.remove(&path).unwrap_or_default().into_iter().map(|folder| folder.id));
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            self.trash_empty(&id, about).await?;
        }
        Ok(())
    }

    /// The id of the folder a path lies in, which is there afterwards.
    pub(super) async fn folder_of(&self, path: &str, about: About<'_>) -> Result<String, Said> {
        let folder = parent(path);
        if folder.is_empty() {
            self.drive().await?;
            return Ok(self.root().to_owned());
        }
        if let Some(id) = self.memory.there(folder) {
            return Ok(id);
        }
        self.make_folders(&[folder], about).await?;
        self.memory.there(folder).ok_or_else(|| about.down("the folder went at once"))
    }

    fn unknown<'a>(&self, paths: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        paths.filter(|path| self.memory.there(path).is_none()).collect()
    }

    async fn make_folders(&self, paths: &[&str], about: About<'_>) -> Result<(), Said> {
        let made = self.agree_on_folders(paths, about).await;
        match made {
            Err(said) => {
                tracing::error!(name = paths.join(", "), fault = %said.fault, "{}", FOLDERS_FAILED.text);
                Err(said)
            }
            Ok(made) => {
                for path in made {
                    let name = path.trim_end_matches('/');
                    tracing::info!(name, "{}", FOLDERS_CREATED.say(&[&name]));
                }
                Ok(())
            }
        }
    }

    /// Gives those that it made.
    async fn agree_on_folders<'a>(&self, paths: &[&'a str], about: About<'_>) -> Result<Vec<&'a str>, Said> {
        let mut made = Vec::new();
        let missing = self.unknown(paths.iter().flat_map(|path| with_parents(path)));
        // Everybody locks in the same order, so nobody waits for one who waits for them.
        let mut alone = Vec::new();
        for path in &missing {
            alone.push(self.memory.lock(path).await);
        }
        for _ in 0..ROUNDS {
            let missing = self.unknown(missing.iter().copied());
            if missing.is_empty() {
                return Ok(made);
            }
            let missing = self.find_folders(&missing, about).await?;
            let mut levels: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
            missing.iter().for_each(|path| levels.entry(depth(path)).or_default().push(path));
            for level in levels.values() {
                made.extend(self.make_level(level, about).await?);
            }
        }
        Err(about.down("another process keeps making the same folders"))
    }

    /// Looks for folders; gives those that are not there.
    async fn find_folders<'a>(&self, paths: &BTreeSet<&'a str>, about: About<'_>) -> Result<BTreeSet<&'a str>, Said> {
        let paths: Vec<&str> = paths.iter().copied().collect();
        let found = self.look_up(&paths, about).await?;
        // Innermost first: what holds nothing but an empty folder is empty afterwards.
        for path in paths.iter().rev() {
            let Some((first, others)) = found.get(*path).and_then(|folders| folders.split_first()) else { continue };
            // One of our own whose answer was lost may have to give way.
            if self.memory.meant(path).is_some_and(|id| first.id != id || !others.is_empty()) {
                continue;
            }
            self.memory.found(path, &first.id);
            for other in others {
                self.tidy(other, about).await;
            }
        }
        Ok(self.unknown(paths.into_iter()))
    }

    /// Makes folders whose parents are there, and gives way where another process was first.
    async fn make_level<'a>(&self, paths: &[&'a str], about: About<'_>) -> Result<Vec<&'a str>, Said> {
        let (mut metas, mut made) = (Vec::new(), Vec::new());
        for path in paths {
            // A parent that was ours and gave way is looked for again first.
            let inside = parent(path);
            let Some(inside) = (if inside.is_empty() { Some(self.root().to_owned()) } else { self.memory.there(inside) }) else { continue };
            let id = match self.memory.meant(path) {
                Some(id) => id,
                None => self.draw_id().await?,
            };
            self.memory.mean(path, &id);
            metas.push((*path, Meta::new(self.root(), path, &id, &inside, FOLDER, "")?));
        }
        let bodies: Vec<_> = metas.iter().map(|(_, meta)| ("POST", files(""), Some(meta.new_json()))).collect();
        for ((path, meta), answer) in metas.iter().zip(self.many(&bodies, "id", about).await?) {
            match answer {
                Ok(folder) => made.push((*path, self.as_meant(folder, meta, about).await?)),
                // An earlier try made it, and its answer was lost.
                Err(said) if said.is_taken() => match self.by_id(&meta.id, about).await? {
                    Some(folder) => made.push((*path, self.as_meant(folder, meta, about).await?)),
                    None => self.memory.forget(path),
                },
                Err(said) if said.is_absent() => {
                    self.memory.forget_folders(path);
                    self.look_at_root().await?;
                    return Err(about.down("the folder above it is gone; it is made again"));
                }
                Err(said) => return Err(said),
            }
        }
        self.give_way(&made, about).await
    }

    /// Gives those that stay.
    async fn give_way<'a>(&self, made: &[(&'a str, File)], about: About<'_>) -> Result<Vec<&'a str>, Said> {
        let mut stay = Vec::new();
        let paths: Vec<&str> = made.iter().map(|(path, _)| *path).collect();
        let found = self.look_up(&paths, about).await?;
        for (path, mine) in made {
            let others = found.get(*path).map_or(&[][..], Vec::as_slice);
            if self.is_late(mine, others, about).await? {
                self.trash(&mine.id, about).await?;
                self.memory.forget(path);
            } else if mine.trashed {
                self.look_at_root().await?;
                self.memory.forget_folders(path);
            } else {
                self.memory.found(path, &mine.id);
                stay.push(*path);
            }
        }
        Ok(stay)
    }

    /// A folder that was just made, described as it was to be, whatever arrived.
    async fn as_meant(&self, folder: File, meta: &Meta, about: About<'_>) -> Result<File, Said> {
        if meta.describes(&folder) {
            return Ok(folder);
        }
        match self.ask::<File>(Call::new(Method::PATCH, files(&meta.id), about).json(&meta.over_json()), "id").await {
            Ok(again) if meta.describes(&again) => Ok(again),
            Err(said) if !said.is_absent() => Err(said),
            _ => Err(about.down("another folder was made than was asked for")),
        }
    }

    /// A second folder of ours goes to the trash when nobody uses it any more. Whatever fails, it does no harm.
    async fn tidy(&self, folder: &File, about: About<'_>) {
        let age = self.tokens.now_ms().saturating_sub(time_ms(&folder.created_time).unwrap_or(i64::MAX));
        if u128::try_from(age).is_ok_and(|age| age > SETTLED.as_millis())
            && let Err(said) = self.trash_empty(&folder.id, about).await
        {
            tracing::warn!(fault = %said.fault, "a folder that is there twice could not be removed");
        }
    }

    async fn trash_empty(&self, id: &str, about: About<'_>) -> Result<(), Said> {
        if self.query(&format!("'{id}' in parents"), about).await?.is_empty() { self.trash(id, about).await } else { Ok(()) }
    }
}

/// `2026-11-21T13:42:10.123Z` in milliseconds since 1970.
fn time_ms(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Years begin in March, so that the leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + number(11..13)? * 3_600 + number(14..16)? * 60 + number(17..19)?;
    Some(seconds * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gdrive_folders_have_parents() {
        assert_eq!(with_parents("a/b c/d/").collect::<Vec<_>>(), ["a/", "a/b c/", "a/b c/d/"]);
        assert_eq!(with_parents("a/x").collect::<Vec<_>>(), ["a/"]);
        assert_eq!([parent("a/b/"), parent("a/"), parent("a/x"), parent("x")], ["a/", "", "a/", ""]);
    }

    #[test]
    fn gdrive_times_are_read() {
        assert_eq!(time_ms("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(time_ms("2024-02-29T12:30:15.500Z"), Some(1_709_209_815_000));
        assert_eq!(time_ms("2026-11-21T13:42:10Z"), Some(1_795_268_530_000));
        assert_eq!(time_ms("soon"), None);
    }
}
