//! Tests of styles: the built-in ones keep the rules, a person's own is heard, and what breaks a rule is refused by name.

#![expect(clippy::disallowed_methods, reason = "a test writes the files it reads")]

use super::*;
use crate::beat::beat_grid;
use crate::music::{Piece, RATE, Score, compose};
use ebur128::{EbuR128, Mode};

/// A style that keeps every rule, to be spoilt.
const WHOLE: &str = include_str!("../../../assets/styles/city_pop.toml");
/// What the documents show as an example.
const PAGE: &str = include_str!("../../../../../docs/styles.md");

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// The example of the page: its one block of TOML.
fn example() -> &'static str {
    let (_, rest) = PAGE.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

fn loudness(piece: &Piece) -> (f64, f64) {
    let mut meter = EbuR128::new(2, RATE, Mode::I | Mode::TRUE_PEAK).unwrap();
    meter.add_frames_planar_f32(&[&piece.left, &piece.right]).unwrap();
    let peak = meter.true_peak(0).unwrap().max(meter.true_peak(1).unwrap());
    (meter.loudness_global().unwrap(), 20.0 * peak.log10())
}

#[test]
fn music_style_rows_are_whole() {
    for (name, text) in BUILT_IN {
        let style = read::style(text).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
        assert!((84.0..=160.0).contains(&style.bpm), "{name}: what is danced to lies between");
    }
    assert_eq!(Styles::builtin().names().collect::<Vec<_>>(), style_names().collect::<Vec<_>>());
    assert_eq!((Styles::builtin().default_name(), Styles::builtin().own().count()), ("kpop_dance", 0));
}

#[test]
fn music_style_of_the_page_is_heard() {
    let folder = folder(&[("night_drive.toml", example()), ("notes.txt", "no style"), (".night.toml", "an editor's")]);
    let styles = Styles::with(folder.path()).unwrap();
    assert_eq!(styles.own().collect::<Vec<_>>(), ["night_drive"]);
    assert!(styles.has("night_drive") && styles.has("lofi") && !styles.has("polka"));
    for (seed, bpm) in [(1, None), (2, Some(88.0)), (3, Some(152.0))] {
        let score = Score { style: "night_drive".into(), seed, bpm, duration_ms: 14_000, ..Score::default() };
        let piece = compose(&styles, &score).unwrap();
        let grid = beat_grid(&piece.mono(), RATE);
        let (lufs, peak) = loudness(&piece);
        println!("{:.1}: heard {:.2}, {lufs:.2} LUFS, {peak:.2} dBTP", piece.bpm, grid.bpm);
        assert!((grid.bpm / piece.bpm - 1.0).abs() <= 0.02, "{} heard as {}", piece.bpm, grid.bpm);
        assert!((lufs + 14.0).abs() <= 0.5 && peak <= -1.0, "{lufs:.2} LUFS, {peak:.2} dBTP");
        assert_eq!(piece, compose(&styles, &score).unwrap(), "equal seeds give equal samples");
    }
}

#[test]
fn music_styles_without_a_folder_are_the_built_in_ones() {
    let empty = folder(&[]);
    let missing = Styles::with(&empty.path().join("styles")).unwrap();
    assert_eq!((missing.names().count(), missing.print()), (4, 0));
    assert_eq!(Styles::with(empty.path()).unwrap().print(), 0);
    let own = |text: &str| Styles::with(folder(&[("a.toml", text)]).path()).unwrap().print();
    assert_ne!(own(WHOLE), 0);
    assert_ne!(own(WHOLE), own(&WHOLE.replace("bpm = 110.0", "bpm = 111")), "what was made with another is told apart");
}

#[test]
fn music_styles_that_break_a_rule_are_refused_by_name() {
    for (was, is, line, field, says) in [
        ("bpm = 110.0", "bpm = 10", "3", "bpm", "10, and may be 40 to 240"),
        ("bpm = 110.0", "bpm = nan", "3", "bpm", "may be 40 to 240"),
        ("bpm = 110.0", "bpm = \"fast\"", "3", "bpm", "invalid type"),
        ("bpm = 110.0", "bpmm = 110.0", "3", "bpmm", "expected one of `bpm`"),
        ("swing = 0.06", "swing = inf", "4", "swing", "inf, and may be 0 to 0.7"),
        ("[0, 2, 4, 5, 7, 9, 11]", "[]", "6", "scale", "3 to 12 rising semitones"),
        ("[29, 31, 33, 34, 36]", "[29, 64]", "8", "tonics", "64, and may be 24 to 47"),
        ("\"7 dom7\", \"4 min7\"", "\"7 dom8\", \"4 min7\"", "11", "", "min7, min9"),
        ("\"9 min7\"],\n    [\"2", "],\n    [\"2", "", "progressions[1]", "4, 8, 12"),
        ("bass_light = [\"R-----.RR---..5A\"", "bass_light = [\"R-----.RR---..5\"", "18", "bass_light[0]", "a bar of 16"),
        ("chords_light = [\"x-----x---------\", \"x---------x-----\"]", "chords_light = []", "20", "chords_light", "1 to 64"),
        ("kick = \"X..o..x.X..o..x.\"", "kick = \"...o..x.X..o..x.\"", "53", "full[1].kick", "begins with a kick"),
        ("hat = \"xoxoxoxoxoxoxoxo\"", "hat = \"xoxoxoxoxoxoxoxq\"", "56", "full[1].hat", "one of Xxo-."),
        ("wave = \"bell\"", "wave = \"sax\"", "", "wave", "expected one of `saw`"),
        ("q = 1.3", "q = 0", "", "bass.q", "0, and may be 0.3 to 10"),
        ("release_s = 0.06", "release_s = 1e30", "", "stabs.patch.release_s", "may be 0.005 to 1"),
        ("kick_gain = 1.0", "", "30", "", "missing field `kick_gain`"),
        ("duck_depth = 0.45", "duck_depth = 0.45 oops", "23", "duck_depth", "expected newline"),
    ] {
        assert_eq!(WHOLE.matches(was).count(), 1, "{was}");
        let fault = Styles::with(folder(&[("mine.toml", &WHOLE.replace(was, is))]).path()).unwrap_err();
        let said = fault.to_string();
        assert_eq!(fault.code, Code::ConfigInvalid);
        assert!(fault.get("file").unwrap().ends_with("mine.toml") && said.contains(says), "{is}: {said}");
        assert_eq!(fault.get("field").unwrap_or_default(), field, "{said}");
        assert!(line.is_empty() || fault.get("line") == Some(line), "{is}: {said}");
    }
}

#[test]
fn music_style_files_that_cannot_be_read_are_refused() {
    let many = "#".repeat(70_000);
    for (name, text, says) in [
        ("lofi.toml", WHOLE, "built-in style"),
        ("Night Drive.toml", WHOLE, "lower-case letters"),
        ("nächte.toml", WHOLE, "lower-case letters"),
        ("large.toml", &many, "at most 65536 bytes"),
    ] {
        let fault = Styles::with(folder(&[(name, text)]).path()).unwrap_err();
        assert_eq!(fault.code, Code::ConfigInvalid);
        assert!(fault.get("file").unwrap().ends_with(name) && fault.to_string().contains(says), "{fault}");
    }
    let bytes = tempfile::tempdir().unwrap();
    std::fs::write(bytes.path().join("bytes.toml"), [0xff, 0xfe]).unwrap();
    assert!(Styles::with(bytes.path()).unwrap_err().to_string().contains("UTF-8"));
    let nested = tempfile::tempdir().unwrap();
    std::fs::create_dir(nested.path().join("deep.toml")).unwrap();
    assert!(Styles::with(nested.path()).unwrap_err().to_string().contains("regular file"));
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(Styles::with(file.path()).unwrap_err().code, Code::ConfigInvalid);
}

/// A style with each number at one end of what it may be.
fn extreme(is_high: bool) -> String {
    let end = |low: &str, high: &str| (if is_high { high } else { low }).to_owned();
    let of = |key: &str| {
        Some(match key {
            "bpm" => end("40", "240"),
            "swing" => end("0", "0.7"),
            "loose_s" => end("0", "0.02"),
            "tonics" => end("[24]", "[47]"),
            "duck_depth" | "dust" | "width" | "sustain" | "gain" | "reverb" | "echo" => end("0", "1"),
            "duck_beats" => end("0.05", "4"),
            "reverb_s" => end("0.1", "6"),
            "glue" | "click" | "sub" | "snare_gain" | "clap_gain" | "hat_gain" | "cymbal_gain" => end("0", "2"),
            "tilt_db" => end("[-12, 12, -12, 12, -12, 12, -12, 12, -12]", "[12, -12, 12, -12, 12, -12, 12, -12, 12]"),
            "kick_hz" => end("[40, 25]", "[1000, 200]"),
            "kick_s" => end("0.02", "0.6"),
            "drive" => end("0", "6"),
            "snare_hz" => end("80", "600"),
            "snare_s" => end("0.01", "0.5"),
            "hat_hz" => end("1000", "16000"),
            "dull_hz" => end("1000", "20000"),
            "kick_gain" => end("0.2", "2"),
            "copies" => end("1", "8"),
            "detune_cents" | "vibrato_cents" => end("0", "100"),
            "attack_s" => end("0.0005", "2"),
            "decay_s" | "open_s" => end("0.001", "10"),
            "release_s" => end("0.005", "1"),
            "cutoff_hz" => end("20", "18000"),
            "open_octaves" => end("0", "6"),
            "q" => end("0.3", "10"),
            _ => return None,
        })
    };
    let line = |line: &str| {
        let key = line.split(" =").next().unwrap_or_default();
        of(key).map_or_else(|| line.to_owned(), |value| format!("{key} = {value}"))
    };
    WHOLE.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn music_styles_at_the_ends_of_the_rules_still_play() {
    let folder = folder(&[("low.toml", &extreme(false)), ("high.toml", &extreme(true))]);
    let styles = Styles::with(folder.path()).unwrap();
    for style in ["low", "high"] {
        for bpm in [None, Some(124.0)] {
            let score = Score { style: style.into(), seed: 5, duration_ms: 3_000, bpm, ..Score::default() };
            let piece = compose(&styles, &score).unwrap();
            assert!(piece.left.iter().chain(&piece.right).all(|v| v.is_finite() && v.abs() < 1.0), "{style} {bpm:?}");
        }
    }
}
