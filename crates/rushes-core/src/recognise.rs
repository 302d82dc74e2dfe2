//! What a path tells of a file: its kind, whose it is, and what fills its path. The inverse of [`crate::kinds`], wider by
//! the names of earlier days. Pure: nothing is looked at but the text.
//!
//! What does not live here: which title a set gets where only its reference is known, which takes all of a subject's
//! dances to say ([`Recognised::title`] asks for it).

use crate::fault::Fault;
use crate::kinds::{Kind, Names, Slot, segment};

/// What a path was recognised as.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    /// Of what kind.
    pub kind: Kind,
    /// Whose, by its id; empty where the path does not say.
    pub subject: String,
    /// What fills its path beside the subject.
    pub names: Names,
    /// What it stands beside, for posters and the like.
    pub film: Option<Box<Recognised>>,
}

/// What a file is by the end of its name; its content has the last word when it is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// png, jpg, webp.
    Picture,
    /// mp4, mov, webm, mkv.
    Film,
    /// wav, flac, mp3, m4a.
    Sound,
}

impl Sort {
    /// By the end of a file's name; None for what is never taken.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let (_, end) = name.rsplit_once('.')?;
        match end.to_ascii_lowercase().as_str() {
            "png" | "jpg" | "jpeg" | "webp" => Some(Self::Picture),
            "mp4" | "m4v" | "mov" | "webm" | "mkv" => Some(Self::Film),
            "wav" | "flac" | "mp3" | "m4a" => Some(Self::Sound),
            _ => None,
        }
    }
}

impl Recognised {
    fn new(kind: Kind, subject: &str, names: &[(&str, &str)]) -> Self {
        let names = names.iter().map(|(name, value)| ((*name).to_owned(), segment(value))).collect();
        Self { kind, subject: subject.to_owned(), names, film: None }
    }

    /// The reference it was danced on, or is.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        let own = self.names.get("ref").map(String::as_str);
        own.or_else(|| self.film.as_ref().and_then(|film| film.reference()))
    }

    /// Its path below the library, without extension. Errors: a name is missing.
    pub fn stem(&self) -> Result<String, Fault> {
        self.kind.stem(&self.subject, &self.names)
    }

    /// The title of its set, where `dance` says which title the dance on a reference has.
    #[must_use]
    pub fn title(&self, dance: &dyn Fn(&str) -> String) -> String {
        if let Some(film) = &self.film {
            return film.title(dance);
        }
        let of_dance = self.reference().map(dance);
        // Single slots belong to the primary dance; those of another carry its reference behind their title.
        let mark = match (&of_dance, self.reference()) {
            (Some(title), Some(reference)) if title != PRIMARY => format!("@{reference}"),
            _ => String::new(),
        };
        match (self.kind, self.kind.row().slot) {
            (Kind::DanceVideo | Kind::ReferenceVideo, _) => of_dance.unwrap_or_else(|| PRIMARY.to_owned()),
            (Kind::VariantImage | Kind::VariantVideo, _) => {
                format!("{}{mark}", self.names.get("variant").map_or("variant", String::as_str))
            }
            (kind, Slot::Fixed(..) | Slot::Twice(..)) => format!("{}{mark}", kind.own_title().unwrap_or(PRIMARY)),
            _ => PRIMARY.to_owned(),
        }
    }
}

/// The title of the first dance, and of what belongs to the subject itself.
pub const PRIMARY: &str = "primary";

/// What stands beside a film, by the end of its name.
const COMPANIONS: [(&str, Kind); 4] =
    [("_poster", Kind::Poster), ("_contact_sheet", Kind::ContactSheet), ("_preview", Kind::Preview), ("_waveform", Kind::Waveform)];

/// What a `/`-separated path says; None when it fits no pattern. Only the folders next to the file count, so the path may
/// begin anywhere.
#[must_use]
pub fn recognise(path: &str) -> Option<Recognised> {
    recognise_among(path, &|_| false)
}

/// As [`recognise`], where `is_known` says which ids there are: an id may itself hold the words between it and a
/// reference, and the longest that is known counts.
#[must_use]
pub fn recognise_among(path: &str, is_known: &dyn Fn(&str) -> bool) -> Option<Recognised> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let (name, folders) = parts.split_last()?;
    let (sort, (stem, _)) = (Sort::of(name)?, name.rsplit_once('.')?);
    if let Some(found) = of_film(folders, stem, sort, is_known) {
        return Some(found);
    }
    let (film, kind) = COMPANIONS.iter().find_map(|(end, kind)| Some((stem.strip_suffix(end)?, *kind)))?;
    let film = [Sort::Film, Sort::Sound].into_iter().find_map(|sort| of_film(folders, film, sort, is_known))?;
    let mut found = Recognised::new(kind, &film.subject, &[]);
    // A path itself, not one segment of it.
    found.names.insert("beside".to_owned(), film.stem().ok()?);
    found.film = Some(Box::new(film));
    Some(found)
}

/// Everything but what stands beside something else.
fn of_film(folders: &[&str], stem: &str, sort: Sort, is_known: &dyn Fn(&str) -> bool) -> Option<Recognised> {
    let dance = |name| dance(name, is_known);
    let of_dance = folders.iter().rposition(|folder| dance(folder).is_some());
    if let Some((at, (id, reference))) = of_dance.and_then(|at| Some((at, dance(folders[at])?))) {
        return in_remix((id, reference), &folders[at + 1..], stem, sort);
    }
    let parent = folders.last().copied().unwrap_or_default();
    match (parent, sort) {
        ("characters", Sort::Picture) => return Some(of_character(stem)),
        ("references", Sort::Film) => return Some(Recognised::new(Kind::ReferenceVideo, "", &[("ref", stem)])),
        _ => {}
    }
    if sort == Sort::Film {
        if let Some((id, reference)) = dance(stem) {
            return Some(Recognised::new(Kind::DanceVideo, id, &[("ref", reference)]));
        }
        // A finished film that was moved out of its folder still names its dance.
        if let Some((kind, (id, reference))) = finished(stem).and_then(|(kind, rest)| Some((kind, dance(rest)?))) {
            return Some(Recognised::new(kind, id, &[("ref", reference)]));
        }
    }
    of_shoot(folders, stem, sort).or_else(|| of_workspace(folders, stem, sort))
}

fn of_character(stem: &str) -> Recognised {
    match stem.strip_suffix("_cosplay").filter(|id| !id.is_empty()) {
        Some(id) => Recognised::new(Kind::CosplayImage, id, &[]),
        None => Recognised::new(Kind::AnimeImage, stem, &[]),
    }
}

/// `dance_{id}_cosplay_on_{ref}` as id and reference: at the longest id that is known, else at the shortest there may be.
fn dance<'a>(name: &'a str, is_known: &dyn Fn(&str) -> bool) -> Option<(&'a str, &'a str)> {
    let name = name.strip_prefix("dance_")?;
    let splits = || name.match_indices(ON).map(|(at, on)| (&name[..at], &name[at + on.len()..]));
    let is_whole = |(id, reference): &(&str, &str)| !id.is_empty() && !reference.is_empty();
    splits().filter(is_whole).filter(|(id, _)| is_known(id)).last().or_else(|| splits().find(is_whole))
}

/// What stands between a character and a reference in a dance's name.
pub const ON: &str = "_cosplay_on_";

/// A file of a remix folder, in `variants/`, in `result/`, or as in earlier days beside them.
fn in_remix((id, reference): (&str, &str), inner: &[&str], stem: &str, sort: Sort) -> Option<Recognised> {
    let of = |kind: Kind, more: &[(&str, &str)]| Some(Recognised::new(kind, id, &[&[("ref", reference)], more].concat()));
    match (inner, sort) {
        (["variants"], Sort::Picture) => {
            let is_companion = COMPANIONS.iter().any(|(end, _)| stem.ends_with(end));
            return if is_companion { None } else { of(Kind::VariantImage, &[("variant", stem)]) };
        }
        (["variants"], Sort::Film) => return of(Kind::VariantVideo, &[("variant", stem.strip_suffix("_dance").unwrap_or(stem))]),
        ([] | ["result"], _) => {}
        _ => return None,
    }
    // Only what stands behind the folder's own dance is an ending: its reference may itself be called `…_scored`.
    let behind = stem.replacen(&format!("dance_{id}_cosplay_on_{reference}"), "", 1);
    let starts = |head: &str| stem.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head));
    match sort {
        Sort::Film => finished(&behind).and_then(|(kind, _)| of(kind, &[])),
        Sort::Sound if starts("generated_kpop_music") || starts("[kpop") => of(Kind::AiMusic, &[]),
        Sort::Sound if starts("orig_music") || starts("[orig") => of(Kind::OrigMusic, &[]),
        Sort::Picture if starts("icon_") && stem.len() > 5 => of(Kind::IconSticker, &[("name", &stem[5..])]),
        Sort::Picture if starts("name_") && stem.len() > 5 => of(Kind::NameSticker, &[("name", &stem[5..])]),
        _ => None,
    }
}

/// What later stages write, or once wrote, behind a remix's name, the last stage last; and what that name is of.
const ENDINGS: [(&str, Kind); 3] =
    [("_structured", Kind::RemixVideo), ("_scored", Kind::ScoredVideo), ("_watermarked", Kind::WatermarkedVideo)];

/// What a finished film's name says it is, and what is left of the name: its dance, where it is named. An ending that is
/// none of [`ENDINGS`] is left there: nobody can tell it from the end of a reference's name, and it is a remix.
#[must_use]
pub fn finished(stem: &str) -> Option<(Kind, &str)> {
    let soundtrack = [("[kpop", Kind::KpopVideo), ("[orig", Kind::OrigVideo)];
    if let Some((_, kind)) = soundtrack.iter().find(|(head, _)| stem.get(..head.len()).is_some_and(|s| s.eq_ignore_ascii_case(head))) {
        let (_, rest) = stem.split_once(']')?;
        let rest = rest.trim_start_matches('_');
        return Some((*kind, bare(rest.strip_prefix("REMIX_").unwrap_or(rest)).1));
    }
    let (kind, rest) = bare(stem.strip_prefix("REMIX_")?);
    Some((kind.unwrap_or(Kind::RemixVideo), rest))
}

/// What the last of a name's endings says it is, and the name without any of them.
fn bare(mut name: &str) -> (Option<Kind>, &str) {
    let mut kind = None;
    while let Some((shorter, of)) = ENDINGS.iter().find_map(|(end, kind)| Some((name.strip_suffix(end)?, *kind))) {
        (name, kind) = (shorter, kind.or(Some(of)));
    }
    (kind, name)
}

/// `{shoot}/People/{person}/{Solo|Group}/{photo}` and `{shoot}/Processed/{photo}`.
fn of_shoot(folders: &[&str], stem: &str, sort: Sort) -> Option<Recognised> {
    match (folders, sort) {
        ([.., shoot, "People", person, group @ ("Solo" | "Group")], Sort::Picture) => {
            let names = [("shoot", *shoot), ("person", *person), ("group", *group), ("photo", stem)];
            Some(Recognised::new(Kind::Photo, shoot, &names))
        }
        ([.., shoot, "Processed"], Sort::Picture) => {
            Some(Recognised::new(Kind::PhotoOriginal, shoot, &[("shoot", shoot), ("photo", stem)]))
        }
        _ => None,
    }
}

/// `{user}/{job}/{index}`, with a job's id between, so that no folder of numbered pictures is mistaken for one.
fn of_workspace(folders: &[&str], stem: &str, sort: Sort) -> Option<Recognised> {
    let [.., user, job] = folders else { return None };
    let (idx, kind) = match (stem.strip_suffix(".thumb"), sort) {
        (Some(idx), Sort::Picture) => (idx, Kind::Thumbnail),
        (None, Sort::Picture) => (stem, Kind::WorkspaceImage),
        (None, Sort::Film) => (stem, Kind::WorkspaceVideo),
        _ => return None,
    };
    let is_one = !idx.is_empty() && idx.bytes().all(|byte| byte.is_ascii_digit()) && job.parse::<crate::JobId>().is_ok();
    is_one.then(|| Recognised::new(kind, user, &[("user", user), ("job", job), ("idx", idx)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DANCE: &str = "dance_mira_1_cosplay_on_ref1";

    fn seen(path: &str) -> (Kind, String, String, String) {
        let found = recognise(path).unwrap_or_else(|| panic!("{path} is not recognised"));
        let title = found.title(&|reference| if reference == "ref1" { PRIMARY.to_owned() } else { "alternate_1".to_owned() });
        (found.kind, found.subject.clone(), found.stem().unwrap(), title)
    }

    fn expect(path: &str, kind: Kind, stem: &str, title: &str) {
        assert_eq!(seen(path), (kind, "mira_1".to_owned(), stem.to_owned(), title.to_owned()), "{path}");
    }

    #[test]
    fn recognise_reads_todays_paths_wherever_they_begin() {
        expect("characters/mira_1.png", Kind::AnimeImage, "characters/mira_1", "primary");
        expect("C:/out/anime_dance/characters/mira_1_cosplay.PNG", Kind::CosplayImage, "characters/mira_1_cosplay", "primary");
        expect(&format!("output/dances/{DANCE}.mp4"), Kind::DanceVideo, &format!("dances/{DANCE}"), "primary");
        expect("dance_mira_1_cosplay_on_ref2.mov", Kind::DanceVideo, "dances/dance_mira_1_cosplay_on_ref2", "alternate_1");
        let result = format!("remixes/{DANCE}/result");
        for (name, kind, title) in [
            (format!("REMIX_{DANCE}.mp4"), Kind::RemixVideo, "remix_main"),
            (format!("REMIX_{DANCE}_scored.mp4"), Kind::ScoredVideo, "remix_main"),
            (format!("REMIX_{DANCE}_scored_watermarked.mp4"), Kind::WatermarkedVideo, "primary_deliverable"),
            (format!("[kpop_soundtrack]_REMIX_{DANCE}.mp4"), Kind::KpopVideo, "soundtracks"),
            ("generated_kpop_music.mp3".to_owned(), Kind::AiMusic, "soundtracks"),
            ("icon_Mira.png".to_owned(), Kind::IconSticker, "primary"),
        ] {
            let stem = name.rsplit_once('.').unwrap().0;
            expect(&format!("{result}/{name}"), kind, &format!("{result}/{stem}"), title);
        }
        let variant = format!("remixes/{DANCE}/variants/kpop");
        expect(&format!("{variant}.png"), Kind::VariantImage, &variant, "kpop");
        expect(&format!("{variant}_dance.mp4"), Kind::VariantVideo, &format!("{variant}_dance"), "kpop");
        expect(&format!("dances/{DANCE}_poster.jpg"), Kind::Poster, &format!("dances/{DANCE}_poster"), "primary");
        expect(&format!("{variant}_dance_poster.jpg"), Kind::Poster, &format!("{variant}_dance_poster"), "kpop");
    }

    #[test]
    fn recognise_reads_the_names_of_earlier_days() {
        let result = format!("remixes/{DANCE}/result");
        for old in ["REMIX_x_structured_scored_watermarked.mp4", "result/REMIX_x_watermarked.mp4"] {
            let stem = format!("{result}/REMIX_{DANCE}_scored_watermarked");
            expect(&format!("remixes/{DANCE}/{old}"), Kind::WatermarkedVideo, &stem, "primary_deliverable");
        }
        let kpop = format!("{result}/[kpop_soundtrack]_REMIX_{DANCE}");
        expect(&format!("remixes/{DANCE}/[kpop]_REMIX_{DANCE}.mp4"), Kind::KpopVideo, &kpop, "soundtracks");
        expect(&format!("downloads/[kpop]_REMIX_{DANCE}_structured_scored.mp4"), Kind::KpopVideo, &kpop, "soundtracks");
        let other = "remixes/dance_mira_1_cosplay_on_ref2";
        expect(
            &format!("{other}/[orig]_a.mp4"),
            Kind::OrigVideo,
            &format!("{other}/result/[orig_soundtrack]_REMIX_dance_mira_1_cosplay_on_ref2"),
            "soundtracks@ref2",
        );
        expect(
            &format!("{other}/variants/jennie_kpop.png"),
            Kind::VariantImage,
            &format!("{other}/variants/jennie_kpop"),
            "jennie_kpop@ref2",
        );
    }

    #[test]
    fn recognise_leaves_an_unknown_ending_to_the_name() {
        let result = format!("remixes/{DANCE}/result");
        let remix = format!("{result}/REMIX_{DANCE}");
        // The folder knows the dance.
        for name in ["", "_upscaled", "_structured", "_scored_upscaled", "_upscaled_structured"] {
            expect(&format!("{remix}{name}.mp4"), Kind::RemixVideo, &remix, "remix_main");
        }
        expect(&format!("{remix}_upscaled_scored.mp4"), Kind::ScoredVideo, &format!("{remix}_scored"), "remix_main");
        // Without it, the ending is the reference's.
        let other = "dance_mira_1_cosplay_on_ref1_upscaled";
        let stem = format!("remixes/{other}/result/REMIX_{other}");
        expect(&format!("downloads/REMIX_{other}_structured.mp4"), Kind::RemixVideo, &stem, "remix_main@ref1_upscaled");
    }

    #[test]
    fn recognise_reads_an_id_that_holds_the_words_between() {
        let is_known = |id: &str| ["mira_1", "mira_1_cosplay_on_x"].contains(&id);
        let found =
            |path: &str| recognise_among(path, &is_known).map(|found| (found.subject.clone(), found.reference().unwrap().to_owned()));
        let pair = |id: &str, on: &str| Some((id.to_owned(), on.to_owned()));
        for path in ["dances/{}.mp4", "remixes/{}/result/REMIX_{}.mp4", "REMIX_{}_scored.mp4", "dances/{}_poster.jpg"] {
            let of = |dance: &str| found(&path.replace("{}", dance));
            assert_eq!(of("dance_mira_1_cosplay_on_x_cosplay_on_ref1"), pair("mira_1_cosplay_on_x", "ref1"), "{path}");
            assert_eq!(of("dance_mira_1_cosplay_on_ref1"), pair("mira_1", "ref1"), "{path}");
            assert_eq!(of("dance_rin_cosplay_on_x_cosplay_on_ref1"), pair("rin", "x_cosplay_on_ref1"), "{path}");
        }
    }

    #[test]
    fn recognise_believes_the_folder_of_a_reference_named_like_an_ending() {
        for reference in ["clip_scored", "clip_watermarked", "clip_scored_watermarked", "clip_structured"] {
            let dance = format!("dance_mira_1_cosplay_on_{reference}");
            let remix = format!("remixes/{dance}/result/REMIX_{dance}");
            let title = |title: &str| format!("{title}@{reference}");
            expect(&format!("{remix}.mp4"), Kind::RemixVideo, &remix, &title("remix_main"));
            expect(&format!("remixes/{dance}/REMIX_{dance}_structured.mp4"), Kind::RemixVideo, &remix, &title("remix_main"));
            expect(&format!("{remix}_scored.mp4"), Kind::ScoredVideo, &format!("{remix}_scored"), &title("remix_main"));
            let marked = format!("{remix}_scored_watermarked");
            expect(&format!("{marked}.mp4"), Kind::WatermarkedVideo, &marked, &title("primary_deliverable"));
            let poster = format!("{remix}_poster");
            expect(&format!("{poster}.jpg"), Kind::Poster, &poster, &title("remix_main"));
        }
    }

    #[test]
    fn recognise_reads_shoots_and_workspaces() {
        let photo = recognise("wedding/People/John_Doe/Solo/000001.jpg").unwrap();
        assert_eq!((photo.kind, photo.stem().unwrap()), (Kind::Photo, "wedding/People/John_Doe/Solo/000001".to_owned()));
        let path = "workspace-temp/user7/0190a5d4-0000-7000-8000-000000000001/3";
        assert_eq!(recognise(&format!("{path}.png")).unwrap().stem().unwrap(), "user7/0190a5d4-0000-7000-8000-000000000001/3");
        assert_eq!(recognise(&format!("{path}.thumb.webp")).unwrap().kind, Kind::Thumbnail);
    }

    #[test]
    fn recognise_leaves_everything_else() {
        for path in [
            "",
            "photo.png",
            "holiday/3.png",
            "notes/character_db.json",
            "characters/mira_1.mp4",
            "dances/dance__cosplay_on_.mp4",
            "remixes/dance_mira_1_cosplay_on_ref1/temp/frame.png",
            "remixes/dance_mira_1_cosplay_on_ref1/notes.txt",
        ] {
            assert_eq!(recognise(path), None, "{path}");
        }
    }
}
