//! Plots as SVG: bars, lines over sizes, and a grid of what was gone through. Text is drawn by whoever shows the picture.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::BTreeMap;

const WIDTH: u32 = 860;
/// Where a grid's cells begin.
const LEFT: i32 = 220;
const ROW: i32 = 22;
/// A letter's width at most, on average.
const LETTER: i32 = 7;
const PALETTE: [RGBColor; 8] = [
    RGBColor(0x2f, 0x6d, 0xb5),
    RGBColor(0xd9, 0x7b, 0x29),
    RGBColor(0x3b, 0x8f, 0x5a),
    RGBColor(0xa8, 0x4a, 0x8c),
    RGBColor(0x7a, 0x6a, 0x58),
    RGBColor(0xc2, 0x45, 0x45),
    RGBColor(0x4b, 0x9a, 0xa8),
    RGBColor(0x8a, 0x8f, 0x2f),
];
const INK: RGBColor = RGBColor(0x26, 0x2b, 0x33);
const PALE: RGBColor = RGBColor(0xe8, 0xf1, 0xea);

/// One figure of a plot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// What is drawn in one colour.
    pub(crate) series: String,
    /// Where on the axis.
    pub(crate) at: String,
    /// How much.
    pub(crate) value: f64,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn drawn(height: i32, title: &str, draw: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height.unsigned_abs())).into_drawing_area();
        area.fill(&WHITE).map_err(broken)?;
        text(&area, title, (12, 14), 17, HPos::Left, &INK)?;
        draw(&area)?;
        area.present().map_err(broken)?;
    }
    // A reader's screen is told what the picture shows.
    Ok(svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{title}\" "), 1))
}

fn broken(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("draw plot: {error}")
}

fn text(area: &Area<'_>, words: &str, at: (i32, i32), size: i32, side: HPos, colour: &RGBColor) -> Result<()> {
    let style = ("sans-serif", size).into_font().color(colour).pos(Pos::new(side, VPos::Top));
    area.draw(&Text::new(words.to_owned(), at, style)).map_err(broken)
}

fn bar(area: &Area<'_>, from: (i32, i32), to: (i32, i32), colour: RGBColor) -> Result<()> {
    area.draw(&Rectangle::new([from, to], colour.filled())).map_err(broken)
}

/// Lying bars, each series under its name, each bar with its value. `mark`: a line to compare with, and what it is.
pub(crate) fn bars(title: &str, unit: &str, figures: &[Figure], mark: Option<(f64, &str)>) -> Result<String> {
    let groups = by_series(figures);
    let rows: usize = groups.iter().map(|(_, bars)| bars.len()).sum();
    let height = 52 + ROW * int(rows) + 10 * int(groups.len());
    let most = figures.iter().map(|figure| figure.value).chain(mark.map(|(value, _)| value)).fold(f64::MIN_POSITIVE, f64::max);
    // One series needs no name: its title is the plot's.
    let longest = |names: &mut dyn Iterator<Item = &str>| int(names.map(|name| name.chars().count()).max().unwrap_or(0)) * LETTER;
    let labels = longest(&mut figures.iter().map(|figure| figure.at.as_str()));
    let is_one = groups.len() == 1;
    let left = labels + 24 + if is_one { 0 } else { longest(&mut groups.iter().map(|(name, _)| *name)) };
    let span = f64::from(int(WIDTH as usize) - left - 110);
    #[expect(clippy::cast_possible_truncation, reason = "at most the picture's width")]
    let wide = |value: f64| (value / most * span).round() as i32;
    drawn(height, title, |area| {
        let (mut y, mut colours) = (42, BTreeMap::new());
        for (name, bars) in &groups {
            if !is_one {
                text(area, name, (left - labels - 18, y + 3), 13, HPos::Right, &INK)?;
            }
            for figure in bars {
                let next = if is_one { 0 } else { colours.len() };
                let colour = *colours.entry(figure.at.clone()).or_insert(PALETTE[next % PALETTE.len()]);
                text(area, &figure.at, (left - 10, y + 3), 12, HPos::Right, &INK)?;
                bar(area, (left, y + 2), (left + wide(figure.value).max(1), y + ROW - 4), colour)?;
                text(area, &format!("{} {unit}", short(figure.value)), (left + wide(figure.value) + 6, y + 3), 12, HPos::Left, &INK)?;
                y += ROW;
            }
            y += 10;
        }
        if let Some((value, words)) = mark {
            let x = left + wide(value);
            area.draw(&PathElement::new(vec![(x, 38), (x, y - 6)], INK.stroke_width(1))).map_err(broken)?;
            text(area, words, (x, 22), 12, HPos::Center, &INK)?;
        }
        Ok(())
    })
}

/// Lines over sizes, both axes by powers of ten.
pub(crate) fn lines(title: &str, across: &str, up: &str, figures: &[Figure]) -> Result<String> {
    let groups = by_series(figures);
    let points = |bars: &[&Figure]| -> Vec<(f64, f64)> {
        bars.iter().filter_map(|figure| Some((figure.at.parse().ok()?, figure.value))).filter(|(_, value)| *value > 0.0).collect()
    };
    let all: Vec<(f64, f64)> = groups.iter().flat_map(|(_, bars)| points(bars)).collect();
    let reach = |of: fn(&(f64, f64)) -> f64| {
        let values = || all.iter().map(of);
        (values().fold(f64::MAX, f64::min) * 0.7)..(values().fold(f64::MIN_POSITIVE, f64::max) * 1.5)
    };
    drawn(460 + 18 * int(groups.len()), title, |area| {
        let (_, lower) = area.split_vertically(36);
        let (chart_area, legend) = lower.split_vertically(410);
        let mut chart = ChartBuilder::on(&chart_area)
            .margin(10)
            .x_label_area_size(42)
            .y_label_area_size(70)
            .build_cartesian_2d(reach(|point| point.0).log_scale(), reach(|point| point.1).log_scale())
            .map_err(broken)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(across)
            .y_desc(up)
            .x_label_formatter(&|value| short(*value))
            .y_label_formatter(&|value| short(*value))
            .draw()
            .map_err(broken)?;
        for (index, (name, bars)) in groups.iter().enumerate() {
            let colour = PALETTE[index % PALETTE.len()];
            chart.draw_series(LineSeries::new(points(bars), colour.stroke_width(2)).point_size(3)).map_err(broken)?;
            let y = 18 * int(index);
            bar(&legend, (70, y + 5), (92, y + 9), colour)?;
            text(&legend, name, (100, y), 12, HPos::Left, &INK)?;
        }
        Ok(())
    })
}

/// What was gone through before whom: a cell each, with its words; an empty one where nothing is to go through.
pub(crate) fn grid(title: &str, rows: &[String], columns: &[String], cell: impl Fn(&str, &str) -> Option<String>) -> Result<String> {
    let wide = (int(WIDTH as usize) - LEFT) / int(columns.len()).max(1);
    drawn(70 + ROW * int(rows.len()), title, |area| {
        for (index, column) in columns.iter().enumerate() {
            text(area, column, (LEFT + wide * int(index) + wide / 2, 40), 13, HPos::Center, &INK)?;
        }
        for (line, row) in rows.iter().enumerate() {
            let y = 60 + ROW * int(line);
            text(area, row, (LEFT - 12, y + 3), 12, HPos::Right, &INK)?;
            for (index, column) in columns.iter().enumerate() {
                let Some(words) = cell(row, column) else { continue };
                let x = LEFT + wide * int(index);
                bar(area, (x + 1, y + 1), (x + wide - 2, y + ROW - 2), PALE)?;
                text(area, &words, (x + wide / 2, y + 4), 12, HPos::Center, &INK)?;
            }
        }
        Ok(())
    })
}

/// In the order in which each first came.
fn by_series(figures: &[Figure]) -> Vec<(&str, Vec<&Figure>)> {
    let mut groups: Vec<(&str, Vec<&Figure>)> = Vec::new();
    for figure in figures {
        match groups.iter_mut().find(|(name, _)| *name == figure.series) {
            Some((_, bars)) => bars.push(figure),
            None => groups.push((&figure.series, vec![figure])),
        }
    }
    groups
}

fn int(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Three figures of a number, without zeros that say nothing.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{} M", value / 1e6),
        v if v >= 1e4 => format!("{:.0} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}").trim_end_matches(".0").to_owned(),
        v if v >= 0.1 => format!("{value:.2}").trim_end_matches(".00").to_owned(),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(series: &str, at: &str, value: f64) -> Figure {
        Figure { series: series.into(), at: at.into(), value }
    }

    #[test]
    fn plots_show_every_figure_with_its_value() {
        let figures = [figure("ours", "p50", 4.0), figure("ours", "p99", 19.25), figure("theirs", "p50", 2_000.0)];
        let svg = bars("Seen after", "ms", &figures, Some((10.0, "wanted"))).unwrap();
        for words in ["Seen after", "ours", "theirs", "p50", "p99", "4 ms", "19.2 ms", "2000 ms", "wanted"] {
            assert!(svg.contains(words), "{words}: {svg}");
        }
        let svg = lines("Growth", "assets", "ms", &[figure("claim", "10000", 3.0), figure("claim", "1000000", 4.0)]).unwrap();
        assert!(svg.contains("claim") && svg.contains("polyline"), "{svg}");
        let of = |row: &str, column: &str| (row != column).then(|| format!("{row}{column}"));
        let names = ["a".to_owned(), "b".to_owned()];
        let svg = grid("Grid", &names, &names, of).unwrap();
        assert!(svg.contains("ab") && svg.contains("ba") && !svg.contains("aa"), "{svg}");
    }
}
