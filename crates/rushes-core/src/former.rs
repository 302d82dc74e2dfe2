//! The former layout of users' results: a bucket for each type of job, where there is one workspace today; and what a path of
//! then is now. The one table of it. Pure: nothing is looked at but the text.

use crate::kinds::Kind;
use crate::recognise::Sort;
use crate::work::is_word;
use serde::{Deserialize, Serialize};

/// Under which paths new results lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `{user}/{job}/{index}`, in one workspace.
    #[default]
    Today,
    /// `{bucket}/{user}/{job}/{index}`, the bucket that of the type of job.
    Legacy,
}

/// Kinds of results as they are today, and under the former buckets.
const KINDS: [(Kind, Kind); 3] =
    [(Kind::WorkspaceImage, Kind::FormerImage), (Kind::WorkspaceVideo, Kind::FormerVideo), (Kind::Thumbnail, Kind::FormerThumbnail)];

impl Layout {
    /// The layout under which assets of a kind lie.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        if KINDS.iter().any(|(_, former)| *former == kind) { Self::Legacy } else { Self::Today }
    }

    /// The kind that one of today's has under this layout.
    #[must_use]
    pub fn kind(self, today: Kind) -> Kind {
        let former = || KINDS.iter().find(|(kind, _)| *kind == today).map(|(_, former)| *former);
        if self == Self::Legacy { former().unwrap_or(today) } else { today }
    }
}

impl Kind {
    /// What it is today: a result under the former buckets is a picture, a film or a thumbnail of a workspace all the same.
    #[must_use]
    pub fn today(self) -> Self {
        KINDS.iter().find(|(_, former)| *former == self).map_or(self, |(today, _)| *today)
    }
}

/// The kinds under the former buckets.
#[must_use]
pub fn kinds() -> [Kind; 3] {
    KINDS.map(|(_, former)| former)
}

/// Which bucket each type of job had; others made no files, or were never kept so. In the order of the buckets' names, each
/// its own, so that the table reads both ways.
const BUCKETS: [(&str, &str); 10] = [
    ("image7b_fast_enhanced", "image7b_fast_enhanced"),
    ("image7b_high_enhanced", "image7b_high_enhanced"),
    ("image_fast", "image_fast"),
    ("image_high", "image_high"),
    ("sdxl_image_fast", "sdxl_image_fast"),
    ("sdxl_image_high", "sdxl_image_high"),
    ("video7b_fast_enhanced", "video7b_fast_enhanced"),
    ("video7b_high_enhanced", "video7b_high_enhanced"),
    ("video_fast", "video_fast"),
    ("video_high", "video_high"),
];

/// The names of the former buckets, in byte order.
pub fn buckets() -> impl Iterator<Item = &'static str> {
    BUCKETS.iter().map(|(_, bucket)| *bucket)
}

/// The bucket that a type of job had.
#[must_use]
pub fn bucket_of(job_type: &str) -> Option<&'static str> {
    BUCKETS.iter().find(|(of, _)| *of == job_type).map(|(_, bucket)| *bucket)
}

/// The type of job whose results a bucket had.
#[must_use]
pub fn type_in(bucket: &str) -> Option<&'static str> {
    BUCKETS.iter().find(|(_, of)| *of == bucket).map(|(job_type, _)| *job_type)
}

/// A file under the former layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// One of [`buckets`].
    pub bucket: &'static str,
    /// The app's id of its user.
    pub user: String,
    /// The app's id of its job.
    pub job: String,
    /// Which of the job's results.
    pub index: u32,
    /// What it is: [`Kind::FormerImage`], [`Kind::FormerVideo`] or [`Kind::FormerThumbnail`].
    pub kind: Kind,
    /// The end of its name.
    extension: String,
}

impl Former {
    /// The file that a path means, by its last four names, wherever it begins; None for what is none of the former layout. Some
    /// workers wrote the bucket's name a second time, as the first folder within it: that is the same file.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let mut names = path.rsplit('/');
        let (file, job, user, bucket) = (names.next()?, names.next()?, names.next()?, names.next()?);
        let bucket = buckets().find(|name| *name == bucket)?;
        let (stem, extension) = file.rsplit_once('.')?;
        let (index, kind) = match (stem.strip_suffix(".thumb"), Sort::of(file)?) {
            (Some(index), Sort::Picture) => (index, Kind::FormerThumbnail),
            (None, Sort::Picture) => (stem, Kind::FormerImage),
            (None, Sort::Film) => (stem, Kind::FormerVideo),
            _ => return None,
        };
        let is_id = |text: &str| is_word(text) && !text.starts_with('.');
        let number = index.parse().ok().filter(|number: &u32| number.to_string() == index)?;
        (is_id(user) && is_id(job)).then(|| Self {
            bucket,
            user: user.to_owned(),
            job: job.to_owned(),
            index: number,
            kind,
            extension: extension.to_owned(),
        })
    }

    /// Where it was: `{bucket}/{user}/{job}/{index}.{ext}`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.bucket, self.path())
    }

    /// The keys it may lie under.
    #[must_use]
    pub fn keys(&self) -> [String; 2] {
        [self.key(), format!("{}/{}", self.bucket, self.key())]
    }

    /// Which result it is, whatever its name ends in: `{user}/{job}/{index}`, today's path without its end.
    #[must_use]
    pub fn place(&self) -> String {
        let thumb = if self.kind == Kind::FormerThumbnail { ".thumb" } else { "" };
        format!("{}/{}/{}{thumb}", self.user, self.job, self.index)
    }

    /// Where it is today: `{user}/{job}/{index}.{ext}`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.place(), self.extension)
    }
}

/// The path under the former layout of one of today's, for a result of this type of job; None where that had no bucket.
#[must_use]
pub fn key_of(path: &str, job_type: &str) -> Option<String> {
    bucket_of(job_type).map(|bucket| format!("{bucket}/{path}")).filter(|key| Former::of(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn former_table_reads_both_ways_and_in_order() {
        for (job_type, bucket) in BUCKETS {
            assert_eq!((bucket_of(job_type), type_in(bucket)), (Some(bucket), Some(job_type)));
        }
        assert!(BUCKETS.is_sorted_by(|(_, a), (_, b)| a < b), "a listing of them all is in byte order");
        assert_eq!((bucket_of("chat_enhance"), type_in("workspace-temp")), (None, None));
    }

    #[test]
    fn former_paths_and_todays_are_each_others() {
        for (was, is, kind) in [
            ("sdxl_image_fast/u-1/job.7/0.png", "u-1/job.7/0.png", Kind::FormerImage),
            ("image7b_high_enhanced/u/j/12.jpg", "u/j/12.jpg", Kind::FormerImage),
            ("video_high/u/j/0.mp4", "u/j/0.mp4", Kind::FormerVideo),
            ("image_high/u/j/5.thumb.webp", "u/j/5.thumb.webp", Kind::FormerThumbnail),
        ] {
            let former = Former::of(was).unwrap();
            assert_eq!((former.key().as_str(), former.path().as_str(), former.kind), (was, is, kind));
            assert_eq!(key_of(is, type_in(former.bucket).unwrap()).as_deref(), Some(was));
            assert_eq!(key_of(is, "chat_conversation"), None);
            // The row of the kind says the same of it as this table does.
            let names = [("bucket", former.bucket), ("user", &former.user), ("job", &former.job), ("idx", &former.index.to_string())];
            let names = names.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let stem = |path: &str| path.rsplit_once('.').unwrap().0.to_owned();
            assert_eq!((kind.stem("u", &names).unwrap(), kind.today().stem("u", &names).unwrap()), (stem(was), stem(is)));
        }
    }

    #[test]
    fn former_paths_are_known_wherever_they_begin() {
        let one = Former::of("video_fast/u/j/0.mp4");
        assert!(one.is_some());
        for same in [
            "video_fast/video_fast/u/j/0.mp4",
            "https://p.supabase.co/storage/v1/object/sign/video_fast/u/j/0.mp4",
            "supabase://video_fast/u/j/0.mp4",
        ] {
            assert_eq!(Former::of(same), one, "{same}");
        }
        assert_eq!(one.unwrap().keys(), ["video_fast/u/j/0.mp4", "video_fast/video_fast/u/j/0.mp4"]);
    }

    #[test]
    fn former_paths_leave_everything_else() {
        for path in [
            "",
            "u/j/0.png",
            "workspace-temp/u/j/0.png",
            "image_fast/u/0.png",
            "image_fast/u/j/k/0.png",
            "image_fast/u/../0.png",
            "image_fast/./j/0.png",
            "image_fast//j/0.png",
            "image_fast/u/j/00.png",
            "image_fast/u/j/-1.png",
            "image_fast/u/j/99999999999.png",
            "image_fast/u/j/a.png",
            "image_fast/u/j/0.wav",
            "image_fast/u/j/0.thumb.mp4",
            "image_fast/u/j/0",
            "image_fast/u u/j/0.png",
        ] {
            assert_eq!(Former::of(path), None, "{path}");
        }
    }

    #[test]
    fn former_kinds_are_todays_under_another_path() {
        for (today, former) in KINDS {
            assert_eq!(
                (former.today(), today.today(), Layout::of(former), Layout::of(today)),
                (today, today, Layout::Legacy, Layout::Today)
            );
            assert_eq!((Layout::Legacy.kind(today), Layout::Today.kind(today)), (former, today));
            assert_eq!((former.row().keep, former.row().slot), (today.row().keep, today.row().slot));
        }
        assert_eq!((Layout::Legacy.kind(Kind::Photo), Kind::Photo.today()), (Kind::Photo, Kind::Photo));
    }
}
