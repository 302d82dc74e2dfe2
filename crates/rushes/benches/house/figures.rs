//! Figures that are drawn: each is a line of the file that `RUSHES_FIGURES` names, if it names one, for `xtask` to plot.

use std::fs::OpenOptions;
use std::io::Write;

/// One figure: of which plot, of which series in it, at what, how much.
pub(crate) fn note(plot: &str, series: &str, at: &str, value: f64) {
    let Some(path) = std::env::var_os("RUSHES_FIGURES") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{plot}\t{series}\t{at}\t{value}").unwrap();
}
