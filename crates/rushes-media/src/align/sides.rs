//! What the sides of a picture tell of its background: there nobody stands.

use super::mask::{Small, apart};

/// The outer part of each side that shows the background alone, of the width.
const SIDE: f64 = 0.08;

/// What the left and right sides of a frame say of each row.
pub(super) struct Sides {
    side: usize,
    /// The mean colour at the left and at the right of each row and its neighbours.
    means: Vec<[[f32; 3]; 2]>,
}

impl Sides {
    /// Those of a picture.
    pub(super) fn of(frame: &Small) -> Self {
        let side = ((SIDE * frame.width as f64) as usize).max(2);
        let mean = |row: usize, from: usize| {
            let rows = row.saturating_sub(1)..(row + 2).min(frame.height);
            let pixels = rows.flat_map(|y| (from..from + side).map(move |x| y * frame.width + x));
            let (sum, count) = pixels.fold(([0.0; 3], 0.0), |(sum, count), at| {
                let rgb = frame.rgb[at];
                ([sum[0] + rgb[0], sum[1] + rgb[1], sum[2] + rgb[2]], count + 1.0)
            });
            sum.map(|sum| sum / count)
        };
        let means = (0..frame.height).map(|row| [mean(row, 0), mean(row, frame.width - side)]).collect();
        Self { side, means }
    }

    /// The background as the sides have it, drawn from the one to the other.
    pub(super) fn expected(&self, frame: &Small, at: usize) -> [f32; 3] {
        let [left, right] = self.means[at / frame.width];
        let along = (at % frame.width) as f32 / (frame.width - 1).max(1) as f32;
        std::array::from_fn(|i| left[i] + (right[i] - left[i]) * along)
    }

    /// Whether a pixel is of the sides themselves.
    pub(super) fn has(&self, frame: &Small, at: usize) -> bool {
        let x = at % frame.width;
        x < self.side || x >= frame.width - self.side
    }

    /// How far a pixel is from what is expected there, and from any colour its row has at the sides.
    pub(super) fn differs(&self, frame: &Small, at: usize) -> f32 {
        let rgb = frame.rgb[at];
        let row = at / frame.width * frame.width;
        let columns = (0..self.side).chain(frame.width - self.side..frame.width);
        columns.fold(apart(rgb, self.expected(frame, at)), |least, x| least.min(apart(rgb, frame.rgb[row + x])))
    }
}
