//! The documents made from what was measured: `docs/performance.md` from what `make bench` printed, and the plots of it
//! and of `docs/reliability.md`.

use crate::plots::{self, Figure};
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::path::Path;

/// A part of the bench as the document shows it.
struct Part {
    /// As the lines of the bench begin.
    name: &'static str,
    title: &'static str,
    about: &'static str,
    /// Plots of it: the file's name, and how it is drawn.
    plots: &'static [(&'static str, Draw)],
}

/// What is written from a run of the bench.
const PAGE: &str = "docs/performance.md";

type Draw = fn(&[Figure]) -> Result<String>;

const PARTS: &[Part] = &[
    Part {
        name: "steps",
        title: "Durable steps",
        about: "Each step's outcome is on disk before the next begins; jobs beside each other share a sync.",
        plots: &[("steps", |figures| plots::bars("Durable steps a second", "/s", figures, None))],
    },
    Part {
        name: "delivery",
        title: "From a file's commit to its proof",
        about: "Files of 100 KB to a folder, each synced, hashed, read back and recorded.",
        plots: &[("delivery", |figures| plots::bars("From commit to proof", "ms", figures, None))],
    },
    Part {
        name: "growth",
        title: "What looking and starting cost as a home grows",
        about: "On databases filled with what years of work leave. Flat is what it should be; an audit looks at everything.",
        plots: &[("growth", |figures| plots::lines("Cost by the size of a home", "assets", "ms", figures))],
    },
    Part {
        name: "outputs",
        title: "Five files of one remix",
        about: "One ffmpeg process beside other ways to make the same; the floor does nothing but decode, lay on and encode.",
        plots: &[("outputs", |figures| plots::bars("Processor seconds for five files of one remix", "s", figures, None))],
    },
    Part {
        name: "beat",
        title: "How rightly tempo and beats are heard",
        about: "Our styles, and drummers that sound like nothing of ours.",
        plots: &[],
    },
    Part { name: "production", title: "One whole production", about: "By the real program, on one home.", plots: &[] },
    Part {
        name: "service",
        title: "The service",
        about: "Beside a bare route of the same framework, asked by the same client in the same run.",
        plots: &[],
    },
    Part {
        name: "clouds",
        title: "A bucket, beside rclone",
        about: "The same server, in turns, both with their checks on; ours with journal, proof and record, many files into a home that has been used before, and the small ones to a disk in memory. Both find the files in memory, as whoever has just made them leaves them; rclone has the system forget each that it has read, and reads it from the disk when it sends it.",
        plots: &[
            ("clouds", |figures| plots::bars("Ours as a multiple of rclone's", "×", figures, Some((1.0, "rclone")))),
            ("stream", |figures| plots::bars("From a file's closing to its object", "ms", figures, None)),
        ],
    },
    Part {
        name: "shoots",
        title: "A photo's way to the folders of those who are in it",
        about: "Photos dropped into a shoot's `Incoming/` while `rushes serve` finds faces and delivers to S3 and to Drive, whose test servers run on the same two cores.",
        plots: &[("shoots", |figures| plots::bars("From a photo's closing to People/NAME/ there", "ms", figures, None))],
    },
    Part {
        name: "machines",
        title: "One node and several",
        about: "All on one machine, on one Postgres server that syncs what it commits; beside apalis. What it means: [machines.md](machines.md#sizing).",
        plots: &[
            ("machines", |figures| plots::bars("Steps a second, each with a file of 100 KB delivered", "/s", figures, None)),
            ("machines_cpu", |figures| plots::bars("Processor time a step, servers included", "ms", figures, None)),
        ],
    },
    Part {
        name: "faces",
        title: "Faces",
        about: "The shared test photos, and photos of 24 megapixels made of them; beside face_recognition. What it means: [decision 0032](decisions/0032-faces.md).",
        plots: &[],
    },
];

/// Writes `docs/performance.md` and its plots from what the bench printed and noted. Tells what was written. Errors: a
/// part that is missing: half a run is no page.
pub fn performance(root: &Path, printed: &str, noted: &str, commit: &str) -> Result<Vec<String>> {
    let mut page = format!(
        "# Performance\n\n\
         What `make bench` last printed, whole, at {commit}, on two cores. Machines are noisy: compare what stands in one run,\n\
         and processor seconds rather than wall time. The program that measures is `crates/rushes/benches/house/main.rs`.\n"
    );
    let mut files = Vec::new();
    for part in PARTS {
        let (text, plots) = section(part, printed, noted, None)?;
        page += &text;
        files.extend(plots);
    }
    write_all(root, page, files)
}

/// Writes the section of one part anew, with its plots, from what the bench printed and noted of it; everything else in
/// `docs/performance.md` stays. A part that the page lacks comes last. Tells what was written. Errors: a part that nobody knows,
/// or of which nothing was printed.
pub fn performance_of(root: &Path, printed: &str, noted: &str, commit: &str, name: &str) -> Result<Vec<String>> {
    let part = PARTS.iter().find(|part| part.name == name).with_context(|| format!("the bench has no part {name}"))?;
    let (text, plots) = section(part, printed, noted, Some(commit))?;
    let page = std::fs::read_to_string(root.join(PAGE)).with_context(|| format!("read {PAGE}"))?;
    let page = match page.split_once(&format!("\n## {}\n", part.title)) {
        None => page + &text,
        Some((before, old)) => before.to_owned() + &text + old.find("\n## ").map_or("", |next| &old[next..]),
    };
    write_all(root, page, plots)
}

/// A file below the root, and what stands in it.
type Written = (String, String);

/// The text of a part, and its plots. `commit`: where it was measured, when not with all others.
fn section(part: &Part, printed: &str, noted: &str, commit: Option<&str>) -> Result<(String, Vec<Written>)> {
    let lines: Vec<&str> = printed.lines().filter(|line| line.split_whitespace().next() == Some(part.name)).collect();
    if lines.is_empty() {
        bail!("the bench printed nothing of {}", part.name);
    }
    let mut text = format!("\n## {}\n{}\n", part.title, part.about);
    if let Some(commit) = commit {
        writeln!(text, "Measured by itself, at {commit}.")?;
    }
    let mut plots = Vec::new();
    for (plot, draw) in part.plots {
        let figures = of_plot(noted, plot);
        if figures.is_empty() {
            bail!("the bench noted no figure of {plot}");
        }
        plots.push((format!("docs/pictures/{plot}.svg"), draw(&figures)?));
        write!(text, "\n![{}](pictures/{plot}.svg)\n", part.title)?;
    }
    let lines: Vec<&str> = lines.iter().map(|line| line[part.name.len()..].trim_start()).collect();
    write!(text, "\n```text\n{}\n```\n", lines.join("\n"))?;
    Ok((text, plots))
}

fn write_all(root: &Path, page: String, mut files: Vec<Written>) -> Result<Vec<String>> {
    files.push((PAGE.to_owned(), page));
    files.iter().try_for_each(|(path, text)| save(root, path, text))?;
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Draws what `docs/reliability.md` tells: each weather before each store, and the kills.
pub fn reliability(root: &Path) -> Result<Vec<String>> {
    let page = std::fs::read_to_string(root.join("docs/reliability.md")).context("read docs/reliability.md")?;
    let weathers = weathers(&page);
    let (mut rows, mut columns): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (store, weather, _) in &weathers {
        for (names, name) in [(&mut rows, weather), (&mut columns, store)] {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    let cell = |row: &str, column: &str| {
        weathers.iter().find(|(store, weather, _)| store == column && weather == row).map(|(.., spoilt)| format!("{spoilt} spoilt"))
    };
    let path = "docs/pictures/weathers.svg";
    save(root, path, &plots::grid("Requests spoilt before each store; everything arrived once, with its bytes", &rows, &columns, cell)?)?;
    Ok(vec![path.into()])
}

/// Store, weather and spoilt requests, of each cell that the page tells.
fn weathers(page: &str) -> Vec<(String, String, u64)> {
    let mut cells = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| weather before ")) {
        let mut columns = line.split('|').map(str::trim).skip(1);
        let (Some(what), Some(seen)) = (columns.next(), columns.next()) else { continue };
        let store = what.trim_start_matches("weather before ").split(':').next().unwrap_or_default();
        for cell in seen.split(" · ") {
            let Some((weather, told)) = cell.rsplit_once(" (") else { continue };
            let spoilt = told.split_whitespace().next().and_then(|count| count.parse().ok());
            cells.extend(spoilt.map(|spoilt| (store.to_owned(), weather.to_owned(), spoilt)));
        }
    }
    cells
}

fn of_plot(noted: &str, plot: &str) -> Vec<Figure> {
    let figure = |line: &str| {
        let mut fields = line.split('\t');
        let is_of = fields.next() == Some(plot);
        let (series, at, value) = (fields.next()?, fields.next()?, fields.next()?.parse().ok()?);
        is_of.then(|| Figure { series: series.to_owned(), at: at.to_owned(), value })
    };
    noted.lines().filter_map(figure).collect()
}

fn save(root: &Path, path: &str, text: &str) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a generated document is no asset")]
    std::fs::write(root.join(path), text).with_context(|| format!("write {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> (String, String) {
        let printed: String = PARTS.iter().map(|part| format!("{:<12}what was seen\n", part.name)).collect();
        let plots = PARTS.iter().flat_map(|part| part.plots);
        (printed, plots.map(|(plot, _)| format!("{plot}\tours\t10000\t3.5\n{plot}\tours\t100000\t4.5\n")).collect())
    }

    #[test]
    fn measured_pages_show_every_part_and_its_plots() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("docs/pictures")).unwrap();
        let (printed, noted) = run();
        let written = performance(folder.path(), &printed, &noted, "1234567").unwrap();
        assert!(written.contains(&"docs/pictures/growth.svg".to_owned()), "{written:?}");
        let page = std::fs::read_to_string(folder.path().join("docs/performance.md")).unwrap();
        assert!(page.contains("at 1234567") && page.matches("what was seen").count() == PARTS.len(), "{page}");
    }

    #[test]
    fn measured_half_a_run_writes_nothing() {
        let (printed, noted) = run();
        let folder = tempfile::tempdir().unwrap();
        let half = printed.replace("service", "other");
        std::fs::create_dir_all(folder.path().join("docs/pictures")).unwrap();
        let fault = performance(folder.path(), &half, &noted, "1234567").unwrap_err();
        assert!(fault.to_string().contains("service"), "{fault}");
        assert!(!folder.path().join("docs/performance.md").exists());
    }

    #[test]
    fn measured_parts_are_written_anew_and_leave_the_others_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("docs/pictures")).unwrap();
        let (printed, noted) = run();
        performance(folder.path(), &printed, &noted, "1234567").unwrap();
        let page = || std::fs::read_to_string(folder.path().join(PAGE)).unwrap();
        let first = page();
        for part in ["growth", "machines", "growth"] {
            let printed = format!("other       not ours\n{part:<12}what was seen later\n");
            performance_of(folder.path(), &printed, &noted, "89abcde", part).unwrap();
        }
        let later = page();
        assert_eq!((later.matches("what was seen later").count(), later.matches("at 89abcde").count()), (2, 2), "{later}");
        let shown = |line: &&str| !line.contains("later") && !line.contains("Measured by itself");
        let (before, after): (Vec<&str>, Vec<&str>) = (first.lines().collect(), later.lines().filter(shown).collect());
        assert_eq!(before.len(), after.len() + 2, "only what was printed of the two is another");
        assert_eq!(before.iter().filter(|line| line.starts_with("## ")).count(), PARTS.len());
        assert!(performance_of(folder.path(), &printed, &noted, "89abcde", "nothing").is_err());

        // A page from before there was such a part.
        let without = first.split("\n## One node and several").next().unwrap();
        save(folder.path(), PAGE, without).unwrap();
        performance_of(folder.path(), &printed, &noted, "89abcde", "machines").unwrap();
        assert!(page().starts_with(without) && page().ends_with("what was seen\n```\n"), "{}", page());
    }

    #[test]
    fn measured_weathers_are_read_as_the_report_tells_them() {
        let page =
            "| weather before gcs: 2 files | down (6 spoilt, 2.9 s) · 200 with an error body (12 spoilt, 9 s) | 1 |\n| other | x | 1 |";
        let found = weathers(page);
        assert_eq!(found, [("gcs".into(), "down".into(), 6), ("gcs".into(), "200 with an error body".into(), 12)]);
    }
}
