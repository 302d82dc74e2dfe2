//! How the dashboard says things: times, sizes, kinds, steps, states. Plain words for people, made in one place.

use super::files;
pub(super) use crate::words::{size, took};
use askama::filters::HtmlSafe;
use rushes_core::delivery::{Delivery, DeliveryState, Routes};
use rushes_core::record::rfc3339;
use rushes_core::{Fault, JobState, Kind};
use std::fmt::{self, Display, Formatter};

/// One of the drawn signs, by its name in `icons.svg`; its meaning always stands beside it in words.
pub(super) struct Icon(pub(super) &'static str);

impl Display for Icon {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, r##"<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>"##, files::at("icons.svg"), self.0)
    }
}

impl HtmlSafe for Icon {}

/// A moment as people say it, with the exact one on hover.
#[derive(Clone, Copy)]
pub(super) struct When {
    pub(super) at_ms: i64,
    pub(super) now_ms: i64,
}

impl Display for When {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let exact = rfc3339(self.at_ms);
        let shown = format!("{} {} UTC", &exact[..10], &exact[11..23]);
        write!(f, r#"<time datetime="{exact}" title="{shown}" data-ago>{}</time>"#, ago(self.now_ms - self.at_ms))
    }
}

impl HtmlSafe for When {}

/// A moment to come: how long until then, or within days its date; with the exact one on hover.
#[derive(Clone, Copy)]
pub(super) struct Due {
    pub(super) at_ms: i64,
    pub(super) now_ms: i64,
}

impl Display for Due {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (exact, wait_ms) = (rfc3339(self.at_ms), self.at_ms - self.now_ms);
        let shown = format!("{} {} UTC", &exact[..10], &exact[11..19]);
        let says =
            if wait_ms < 86_400_000 { format!("in {}", took(wait_ms)) } else { format!("on {} {} UTC", &exact[..10], &exact[11..16]) };
        write!(f, r#"<time datetime="{exact}" title="{shown}">{says}</time>"#)
    }
}

impl HtmlSafe for Due {}

/// An id in full, with a button that copies it.
pub(super) struct Copyable<'a>(pub(super) &'a str);

impl Display for Copyable<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = Escaped(self.0);
        let icon = files::at("icons.svg");
        write!(
            f,
            r##"<span class="id"><code title="{text}">{text}</code><button type="button" class="copy" data-copy="{text}" aria-label="Copy {text}"><svg class="icon s" aria-hidden="true"><use href="{icon}#copy"/></svg></button></span>"##
        )
    }
}

impl HtmlSafe for Copyable<'_> {}

/// Lets a page's template offer a text to be copied.
pub(super) trait Copies {
    fn copy<'a>(&self, text: &'a str) -> Copyable<'a> {
        Copyable(text)
    }
}

struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&#38;"),
            '<' => f.write_str("&#60;"),
            '>' => f.write_str("&#62;"),
            '"' => f.write_str("&#34;"),
            '\'' => f.write_str("&#39;"),
            c => write!(f, "{c}"),
        })
    }
}

/// How something stands: sign, word, and a colour that only helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// The class: `proven`, `moving`, `refused` or nothing.
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) word: &'static str,
}

impl Display for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { class, icon, word } = self;
        let at = files::at("icons.svg");
        write!(f, r##"<span class="state {class}"><svg class="icon s" aria-hidden="true"><use href="{at}#{icon}"/></svg>{word}</span>"##)
    }
}

impl HtmlSafe for State {}

/// How a job stands.
pub(super) fn job_state(state: JobState, is_cancelling: bool) -> State {
    let (class, icon, word) = match state {
        JobState::Running if is_cancelling => ("moving", "stop", "stopping"),
        JobState::Queued => ("", "clock", "queued"),
        JobState::Running => ("moving", "run", "running"),
        JobState::Delivering => ("moving", "send", "delivering"),
        JobState::Completed => ("proven", "check", "completed"),
        JobState::Failed => ("refused", "alert", "failed"),
        JobState::Cancelled => ("", "stop", "cancelled"),
    };
    State { class, icon, word }
}

/// How one delivery stands.
pub(super) fn delivery_state(state: DeliveryState, routes: &Routes) -> State {
    let (class, icon, word) = match routes.shown(state) {
        DeliveryState::Proven => ("proven", "check", "delivered"),
        DeliveryState::Sending => ("moving", "send", "sending"),
        DeliveryState::Owed => ("moving", "clock", "waiting"),
        DeliveryState::Held => ("", "stop", "held"),
        DeliveryState::Refused => ("refused", "alert", "refused"),
    };
    State { class, icon, word }
}

/// How all deliveries of one asset stand: the worst of them.
pub(super) fn worst(deliveries: &[Delivery], routes: &Routes) -> State {
    match deliveries.iter().map(|delivery| delivery.state).max() {
        Some(state) => delivery_state(state, routes),
        None => State { class: "", icon: "picture", word: "kept here" },
    }
}

/// What went wrong, for people: what happened, why, and what to do.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) what: &'static str,
    pub(super) why: Option<String>,
    pub(super) cure: Cure,
}

/// What to do, with commands set as such.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cure(pub(super) &'static str);

impl Display for Cure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Of our own table: between two backticks stands a command.
        self.0.split('`').enumerate().try_for_each(|(at, part)| match at % 2 {
            0 => write!(f, "{}", Escaped(part)),
            _ => write!(f, "<code>{}</code>", Escaped(part)),
        })
    }
}

impl HtmlSafe for Cure {}

impl From<&Fault> for Told {
    fn from(fault: &Fault) -> Self {
        let row = fault.code.row();
        let why = fault.reason.as_ref().map(|why| format!("{}.", capital(why.trim_end().trim_end_matches('.'))));
        Self { what: row.title, why, cure: Cure(row.cure) }
    }
}

/// `just now`, `12 s ago`, `3 min ago`, …; the script says the same.
fn ago(ms: i64) -> String {
    let s = (ms.max(0) + 500) / 1_000;
    match s {
        ..5 => "just now".to_owned(),
        5..60 => format!("{s} s ago"),
        60..3_600 => format!("{} min ago", s / 60),
        3_600..86_400 => format!("{} h ago", s / 3_600),
        86_400..172_800 => "yesterday".to_owned(),
        _ => format!("{} days ago", s / 86_400),
    }
}

/// A span that is only guessed: `about 40 s`, `about 3 min`.
pub(super) fn about(ms: i64) -> String {
    match ms.max(0) / 1_000 {
        ..10 => "a few seconds".to_owned(),
        s @ ..90 => format!("about {} s", (s + 5) / 10 * 10),
        s @ ..5_400 => format!("about {} min", (s + 30) / 60),
        s => format!("about {} h", (s + 1_800) / 3_600),
    }
}

/// Seconds as a film counts them: `0:10`.
pub(super) fn length(ms: u64) -> String {
    let s = (ms + 500) / 1_000;
    format!("{}:{:02}", s / 60, s % 60)
}

/// `1 file`, `3 files`.
pub(super) fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// `1 delivery`, `3 deliveries`.
pub(super) fn deliveries(n: u64) -> String {
    if n == 1 { "1 delivery".to_owned() } else { format!("{n} deliveries") }
}

/// That so many deliveries are held, and until when.
pub(super) fn held(n: u64) -> (String, String) {
    let are = if n == 1 { "is" } else { "are" };
    (format!("{} {are} held.", deliveries(n)), "Nothing is sent until `delivery.hold` is lifted.".to_owned())
}

/// What a kind of asset is called on a page.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::AnimeImage => "Anime portrait",
        Kind::CosplayImage => "Cosplay portrait",
        Kind::ReferenceVideo => "Reference",
        Kind::DanceVideo => "Dance",
        Kind::VariantImage => "Outfit",
        Kind::VariantVideo => "Outfit dance",
        Kind::RemixVideo => "Remix",
        Kind::ScoredVideo => "Scored remix",
        Kind::WatermarkedVideo => "Finished film",
        Kind::KpopVideo => "Film, new soundtrack",
        Kind::OrigVideo => "Film, original sound",
        Kind::AiMusic => "New music",
        Kind::OrigMusic => "Original music",
        Kind::IconSticker => "Icon sticker",
        Kind::NameSticker => "Name sticker",
        Kind::Poster => "Poster",
        Kind::ContactSheet => "Contact sheet",
        Kind::Preview => "Silent preview",
        Kind::Waveform => "Waveform",
        Kind::WorkspaceImage | Kind::FormerImage => "Picture",
        Kind::WorkspaceVideo | Kind::FormerVideo => "Film",
        Kind::Thumbnail | Kind::FormerThumbnail => "Thumbnail",
        Kind::Photo | Kind::PhotoHere => "Photo",
        Kind::PhotoOriginal => "Photo as taken",
        Kind::ShowcasePage => "Showcase page",
        Kind::LibraryImage => "Saved picture",
        Kind::LibraryVideo => "Saved film",
    }
}

/// A kind with its set, where that says more: `Dance, alternate 1`, `Outfit, kpop`.
pub(super) fn kind_in_set(of: Kind, title: &str) -> String {
    let is_told = matches!(of, Kind::DanceVideo | Kind::VariantImage | Kind::VariantVideo | Kind::ReferenceVideo) && title != "primary";
    if is_told { format!("{}, {}", kind(of), plain(title)) } else { kind(of).to_owned() }
}

/// A name of the program's own as words: `companions dance_video primary` → `Companions dance video primary`.
pub(super) fn plain(name: &str) -> String {
    name.replace('_', " ")
}

/// As [`plain`], beginning a sentence.
pub(super) fn sentence(name: &str) -> String {
    capital(&plain(name))
}

/// A style of music and looks as people write it.
pub(super) fn style(id: &str) -> String {
    match id {
        "kpop_dance" => "K-pop dance".to_owned(),
        "lofi" => "Lo-fi".to_owned(),
        other => sentence(other),
    }
}

/// With a capital letter to begin with.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a production is doing.
pub(super) fn stage(name: &str) -> &'static str {
    match name {
        "character_generation" => "Drawing the characters",
        "dance_generation" => "Filming the dances",
        "remix_generation" => "Dressing up and cutting the remix",
        "finalizing" => "Scoring and finishing",
        "delivering" => "Delivering",
        _ => "Under way",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_spans_as_people_do() {
        let told = [4_000, 12_000, 190_000, 7_300_000, 100_000_000, 400_000_000].map(ago);
        assert_eq!(told, ["just now", "12 s ago", "3 min ago", "2 h ago", "yesterday", "4 days ago"]);
        let guesses = [3_000, 41_000, 200_000].map(about);
        assert_eq!(guesses, ["a few seconds", "about 40 s", "about 3 min"]);
        assert_eq!((length(9_700), length(61_000)), ("0:10".to_owned(), "1:01".to_owned()));
    }

    #[test]
    fn words_escape_what_is_copied() {
        let shown = Copyable("<script>\"'&").to_string();
        assert!(shown.contains("&#60;script&#62;&#34;&#39;&#38;") && !shown.contains("<script>"), "{shown}");
    }

    #[test]
    fn words_show_the_exact_moment_on_hover() {
        let shown = When { at_ms: 1_770_337_530_001, now_ms: 1_770_337_542_000 }.to_string();
        assert_eq!(shown, r#"<time datetime="2026-02-06T00:25:30.001Z" title="2026-02-06 00:25:30.001 UTC" data-ago>12 s ago</time>"#);
    }
}
