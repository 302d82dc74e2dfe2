//! The kinds of asset: one table, from which paths, record fields, retention and documents are made.
//!
//! A path template has no extension (it follows the content) and uses `{names}`: `{id}` the subject,
//! `{job}` and `{idx}` from the engine, the others from [`crate::NewAsset::name`]. `{dance}` is
//! `dance_{id}_cosplay_on_{ref}`.

use crate::codes::Code;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where in its subject's record an asset is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// In the set the asset's own title names, under this field.
    Titled(&'static str),
    /// In a set of fixed title, under this field.
    Fixed(&'static str, &'static str),
    /// As `Fixed`, and a second time under another title and field.
    Twice((&'static str, &'static str), (&'static str, &'static str)),
    /// A row of its own in this collection.
    Row(&'static str),
    /// Nowhere: found by its key alone.
    Unlisted,
}

/// How long an asset is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// For good.
    Forever,
    /// This many days after it was made.
    Days(u32),
    /// As long as its shoot says.
    ByShoot,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct KindRow {
    /// The kind this row describes.
    pub kind: Kind,
    /// As written in JSON, the database and the documents.
    pub name: &'static str,
    /// Its path below the library and below each destination's prefix.
    pub path: &'static str,
    /// Where its record names it.
    pub slot: Slot,
    /// How long it is kept.
    pub keep: Keep,
}

macro_rules! kinds {
    ($($variant:ident $name:literal $path:literal $slot:expr, $keep:expr;)*) => {
        /// Every kind of asset there is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "the table below is the documentation")]
        pub enum Kind { $($variant,)* }

        /// The table, in the order the documents show it.
        pub const KINDS: &[KindRow] = &[
            $(KindRow { kind: Kind::$variant, name: $name, path: $path, slot: $slot, keep: $keep },)*
        ];
    };
}

use Keep::{ByShoot, Days, Forever};
use Slot::{Fixed, Row, Titled, Twice, Unlisted};

kinds! {
    // variant, name, path, place in the record, how long it is kept
    AnimeImage "anime_image" "characters/{id}" Titled("anime_image"), Forever;
    CosplayImage "cosplay_image" "characters/{id}_cosplay" Titled("cosplay_image"), Forever;
    ReferenceVideo "reference_video" "references/{ref}" Titled("motion_ref_video"), Forever;
    DanceVideo "dance_video" "dances/{dance}" Titled("dance_video"), Forever;
    VariantImage "variant_image" "remixes/{dance}/variants/{variant}" Titled("cosplay_image"), Forever;
    VariantVideo "variant_video" "remixes/{dance}/variants/{variant}_dance" Titled("dance_video"), Forever;
    RemixVideo "remix_video" "remixes/{dance}/result/REMIX_{dance}" Fixed("remix_main", "deliverable"), Forever;
    ScoredVideo "scored_video" "remixes/{dance}/result/REMIX_{dance}_scored" Fixed("remix_main", "scored"), Forever;
    WatermarkedVideo "watermarked_video" "remixes/{dance}/result/REMIX_{dance}_scored_watermarked" Twice(("primary_deliverable", "watermarked"), ("primary", "DELIVERABLE")), Forever;
    KpopVideo "kpop_video" "remixes/{dance}/result/[kpop_soundtrack]_REMIX_{dance}" Fixed("soundtracks", "kpop_video"), Forever;
    OrigVideo "orig_video" "remixes/{dance}/result/[orig_soundtrack]_REMIX_{dance}" Fixed("soundtracks", "orig_video"), Forever;
    AiMusic "ai_music" "remixes/{dance}/result/generated_kpop_music" Fixed("soundtracks", "ai_music"), Forever;
    OrigMusic "orig_music" "remixes/{dance}/result/orig_music" Fixed("soundtracks", "orig_audio"), Forever;
    IconSticker "icon_sticker" "remixes/{dance}/result/icon_{name}" Fixed("primary", "icon"), Forever;
    NameSticker "name_sticker" "remixes/{dance}/result/name_{name}" Fixed("primary", "name_sticker"), Forever;
    Poster "poster" "{beside}_poster" Titled("poster"), Forever;
    ContactSheet "contact_sheet" "{beside}_contact_sheet" Titled("contact_sheet"), Forever;
    Preview "preview" "{beside}_preview" Titled("preview"), Forever;
    Waveform "waveform" "{beside}_waveform" Titled("waveform"), Forever;
    WorkspaceImage "workspace_image" "{user}/{job}/{idx}" Row("workspace_assets"), Days(7);
    WorkspaceVideo "workspace_video" "{user}/{job}/{idx}" Row("workspace_assets"), Days(7);
    Thumbnail "thumbnail" "{user}/{job}/{idx}.thumb" Row("workspace_assets"), Days(7);
    Photo "photo" "{shoot}/People/{person}/{group}/{photo}" Row("photos"), Forever;
    PhotoHere "photo_here" "{shoot}/People/{person}/{group}/{photo}" Unlisted, Forever;
    PhotoOriginal "photo_original" "{shoot}/Processed/{photo}" Row("photos"), ByShoot;
    ShowcasePage "showcase_page" "showcase/{name}" Unlisted, Forever;
    LibraryImage "library_image" "{user}/library/{job}-{idx}" Row("library"), Forever;
    LibraryVideo "library_video" "{user}/library/{job}-{idx}" Row("library"), Forever;
    FormerImage "former_image" "{bucket}/{user}/{job}/{idx}" Row("workspace_assets"), Days(7);
    FormerVideo "former_video" "{bucket}/{user}/{job}/{idx}" Row("workspace_assets"), Days(7);
    FormerThumbnail "former_thumbnail" "{bucket}/{user}/{job}/{idx}.thumb" Row("workspace_assets"), Days(7);
}

/// The kinds that are kept for days only unless told otherwise, each with how many.
#[must_use]
pub fn kept_days() -> BTreeMap<Kind, u32> {
    KINDS.iter().filter_map(|row| if let Days(days) = row.keep { Some((row.kind, days)) } else { None }).collect()
}

/// The names a path template is filled with.
pub type Names = BTreeMap<String, String>;

impl Kind {
    /// This kind's row.
    #[must_use]
    pub fn row(self) -> &'static KindRow {
        &KINDS[self as usize]
    }

    /// Whether it never leaves this machine: no destination takes it, and no record tells of it.
    #[must_use]
    pub fn stays_here(self) -> bool {
        self == Self::PhotoHere
    }

    /// As written in JSON and the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|row| row.name == name).map(|row| row.kind)
    }

    /// The title of the set it belongs to when it is not given one: that of its slot.
    #[must_use]
    pub fn own_title(self) -> Option<&'static str> {
        match self.row().slot {
            Fixed(title, _) | Twice((title, _), _) => Some(title),
            Titled(_) | Row(_) | Unlisted => None,
        }
    }

    /// Its path without extension, filled in. Names the first missing name as the error.
    pub fn stem(self, subject: &str, names: &Names) -> Result<String, Fault> {
        let mut path = self.row().path.to_owned();
        if path.contains("{dance}") {
            path = path.replace("{dance}", "dance_{id}_cosplay_on_{ref}");
        }
        let mut filled = String::with_capacity(path.len() + 64);
        let mut rest = path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(before);
            match name {
                "id" => filled.push_str(&segment(subject)),
                _ => filled.push_str(names.get(name).ok_or_else(|| missing(self, name))?),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

fn missing(kind: Kind, name: &str) -> Fault {
    Fault::new(Code::Unexpected, "name asset").with("kind", kind.name()).because(format!("the path needs {{{name}}}, which was not given"))
}

/// One path segment from any text: no separators or control characters, no leading dot, at most 100 bytes.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        let safe = if c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c };
        if out.len() + safe.len_utf8() > 100 {
            break;
        }
        out.push(safe);
    }
    let out = out.trim_start_matches('.').trim();
    if out.is_empty() { "_".to_owned() } else { out.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(pairs: &[(&str, &str)]) -> Names {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn kinds_rows_stand_at_their_kind_and_names_match_json() {
        for (index, row) in KINDS.iter().enumerate() {
            assert_eq!(row.kind as usize, index);
            assert_eq!(serde_json::to_value(row.kind).unwrap(), row.name);
            assert_eq!(Kind::named(row.name), Some(row.kind));
        }
    }

    #[test]
    fn kinds_stems_are_the_published_paths() {
        let all = names(&[("ref", "ref1"), ("variant", "kpop"), ("name", "Mira"), ("beside", "dances/x")]);
        let stem = |kind: Kind| kind.stem("mira_1770337530", &all).unwrap();
        assert_eq!(stem(Kind::AnimeImage), "characters/mira_1770337530");
        assert_eq!(stem(Kind::DanceVideo), "dances/dance_mira_1770337530_cosplay_on_ref1");
        assert_eq!(
            stem(Kind::KpopVideo),
            "remixes/dance_mira_1770337530_cosplay_on_ref1/result/[kpop_soundtrack]_REMIX_dance_mira_1770337530_cosplay_on_ref1"
        );
        assert_eq!(stem(Kind::VariantVideo), "remixes/dance_mira_1770337530_cosplay_on_ref1/variants/kpop_dance");
        assert_eq!(stem(Kind::Poster), "dances/x_poster");
    }

    #[test]
    fn kinds_a_missing_name_is_an_error_that_names_it() {
        let fault = Kind::DanceVideo.stem("a", &Names::new()).unwrap_err();
        assert!(fault.to_string().contains("{ref}"), "{fault}");
    }

    proptest! {
        #[test]
        fn kinds_a_segment_never_leaves_its_folder(text in ".{0,300}") {
            let out = segment(&text);
            prop_assert!(!out.is_empty() && out.len() <= 100 && out != ".." && out != ".");
            prop_assert!(!out.contains('/') && !out.contains('\\') && !out.chars().any(char::is_control));
        }
    }
}
