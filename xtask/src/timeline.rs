//! What happens over time, as SVG: under each other lanes with a band of what is on, and a dot for each wait. Written by hand,
//! as the plots' library knows whole pixels only, and a block here is often narrower than one.

use std::fmt::Write;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 24.0;
/// A lane: its title, its band, its dots.
const TITLE: f64 = 24.0;
const BAND: f64 = 24.0;
const DOTS: f64 = 150.0;
const LANE: f64 = TITLE + BAND + 12.0 + DOTS + 26.0;
const HEAD: f64 = 66.0;
const FOOT: f64 = 30.0;
const INK: &str = "#262b33";
const SOFT: &str = "#6b7280";
const GRID: &str = "#e3e6eb";

/// One way it went.
pub(crate) struct Lane {
    /// What it is, and what came of it.
    pub(crate) title: [String; 2],
    /// Which series is on, from and until when, in hours.
    pub(crate) blocks: Vec<(usize, f64, f64)>,
    /// Which series, when it came, in hours, and how long it waited, in minutes.
    pub(crate) dots: Vec<(usize, f64, f64)>,
}

/// What all lanes have in common.
pub(crate) struct Timeline<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    /// Names with their colours; blocks and dots name them by their place.
    pub(crate) series: &'a [(&'a str, &'a str)],
    /// A wait to compare with, in minutes, and what it is.
    pub(crate) limit: (f64, &'a str),
}

/// The picture; both axes are the same in all lanes.
pub(crate) fn timeline(of: &Timeline<'_>, lanes: &[Lane]) -> String {
    let hours = lanes.iter().flat_map(|lane| lane.blocks.iter().map(|block| block.2)).fold(1.0, f64::max);
    let minutes = lanes.iter().flat_map(|lane| lane.dots.iter().map(|dot| dot.2)).fold(of.limit.0, f64::max) * 1.05;
    let across = (WIDTH - LEFT - RIGHT) / hours;
    let height = (0..lanes.len()).map(|_| LANE).sum::<f64>() + HEAD + FOOT;
    let mut out = format!(
        "<svg role=\"img\" aria-label=\"{}\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"{INK}\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        of.title
    );
    words(&mut out, (12.0, 24.0), "start", "font-size=\"15\" font-weight=\"600\"", of.title);
    words(&mut out, (12.0, 46.0), "start", &format!("fill=\"{SOFT}\""), of.about);
    legend(&mut out, of.series);
    let mut top = HEAD;
    for lane in lanes {
        draw_lane(&mut out, of, lane, top, (across, DOTS / minutes), hours);
        top += LANE;
    }
    for hour in (0_u8..).map(f64::from).take_while(|hour| *hour <= hours) {
        words(&mut out, (LEFT + hour * across, top + 2.0), "middle", &format!("fill=\"{SOFT}\""), &format!("{hour} h"));
    }
    out + "</svg>\n"
}

/// At the right of the head, from the last name to the first.
fn legend(out: &mut String, series: &[(&str, &str)]) {
    let mut right = WIDTH - RIGHT;
    for (name, colour) in series.iter().rev() {
        words(out, (right, 24.0), "end", "", name);
        // A letter's width at most, on average.
        right -= name.chars().map(|_| 7.4).sum::<f64>() + 18.0;
        put(out, &format!("<rect x=\"{right:.1}\" y=\"14\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{colour}\"/>"));
        right -= 16.0;
    }
}

fn draw_lane(out: &mut String, of: &Timeline<'_>, lane: &Lane, top: f64, (across, up): (f64, f64), hours: f64) {
    let (band, floor) = (top + TITLE, top + TITLE + BAND + 12.0 + DOTS);
    let end = LEFT + hours * across;
    words(out, (LEFT, top + 14.0), "start", "font-size=\"13\" font-weight=\"600\"", &lane.title[0]);
    words(out, (end, top + 14.0), "end", "", &lane.title[1]);
    put(out, &format!("<rect x=\"{LEFT}\" y=\"{band}\" width=\"{:.1}\" height=\"{BAND}\" fill=\"#eef0f3\"/>", end - LEFT));
    for (index, (_, colour)) in of.series.iter().enumerate() {
        let mut path = String::new();
        for (_, from, to) in lane.blocks.iter().filter(|block| block.0 == index) {
            let _ = write!(path, "M{:.2} {band}h{:.2}v{BAND}H{:.2}z", LEFT + from * across, (to - from) * across, LEFT + from * across);
        }
        put(out, &format!("<path fill=\"{colour}\" d=\"{path}\"/>"));
    }
    let step = if DOTS / up > 60.0 { 20_u16 } else { 10 };
    for minutes in (0..).step_by(step.into()).map(f64::from).take_while(|minutes| minutes * up <= DOTS) {
        let y = floor - minutes * up;
        put(out, &format!("<path stroke=\"{GRID}\" d=\"M{LEFT} {y:.1}H{end:.1}\"/>"));
        words(out, (LEFT - 8.0, y + 4.0), "end", &format!("fill=\"{SOFT}\""), &format!("{minutes} min"));
    }
    for (index, (_, colour)) in of.series.iter().enumerate() {
        let dots: String = lane
            .dots
            .iter()
            .filter(|dot| dot.0 == index)
            .map(|(_, came, waited)| format!("M{:.1} {:.1}h0", LEFT + came * across, floor - waited * up))
            .collect();
        // A line without length and with round ends is a dot.
        put(out, &format!("<path stroke=\"{colour}\" stroke-width=\"4\" stroke-linecap=\"round\" opacity=\"0.75\" d=\"{dots}\"/>"));
    }
    let y = floor - of.limit.0 * up;
    put(out, &format!("<path stroke=\"{INK}\" stroke-dasharray=\"5 4\" d=\"M{LEFT} {y:.1}H{end:.1}\"/>"));
    words(out, (end, y - 5.0), "end", "font-size=\"11\"", of.limit.1);
}

fn words(out: &mut String, (x, y): (f64, f64), anchor: &str, style: &str, text: &str) {
    put(out, &format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{text}</text>"));
}

fn put(out: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeline_draws_a_block_and_a_dot_where_they_belong() {
        let of = Timeline { title: "Loaded", about: "for a test", series: &[("one", "#111"), ("two", "#222")], limit: (40.0, "limit") };
        let lane = Lane { title: ["first".into(), "some".into()], blocks: vec![(1, 0.0, 2.0)], dots: vec![(0, 1.0, 20.0)] };
        let svg = timeline(&of, &[lane]);
        assert!(svg.contains("<path fill=\"#222\" d=\"M58.00 90h778.00v24H58.00z\"/>"), "{svg}");
        assert!(svg.contains("d=\"M447.0 204.6h0\""), "{svg}");
        for told in ["Loaded", "for a test", "one", "two", "limit", "first", "some", "20 min", "2 h"] {
            assert!(svg.contains(told), "{told}: {svg}");
        }
    }
}
