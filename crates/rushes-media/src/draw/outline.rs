//! Outlines of what is cut out as a sticker: grown by a distance, with narrow gaps closed and no holes.
//!
//! Works on coverages (0–1, row by row), since strokes of thick lines on small letters leave holes.

/// A coverage of so many pixels a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mask {
    pub(super) width: usize,
    pub(super) cover: Vec<f32>,
}

/// Farther than any picture is wide.
const FAR: f32 = 1e12;

impl Mask {
    /// All within `reach` pixels of it.
    pub(super) fn grown(&self, reach: f32) -> Self {
        let cover = self.distances().into_iter().map(|d| (reach + 0.5 - d).clamp(0.0, 1.0)).collect();
        Self { width: self.width, cover }
    }

    /// All within `reach` pixels of it, and what lies in gaps up to twice `gap` wide and in holes.
    pub(super) fn cut_out(&self, reach: f32, gap: f32) -> Self {
        // With air around it: the picture's rim is no gap.
        let air = (reach + gap).ceil() as usize + 2;
        let mut outside = self.with_air(air).grown(reach + gap);
        outside.fill_holes();
        outside.cover.iter_mut().for_each(|v| *v = 1.0 - *v);
        let cover = outside.distances().into_iter().map(|d| (d - gap + 0.5).clamp(0.0, 1.0)).collect();
        let mut made = Self { width: outside.width, cover };
        made.fill_holes();
        made.without_air(air)
    }

    fn with_air(&self, air: usize) -> Self {
        let width = self.width + 2 * air;
        let mut cover = vec![0.0; width * air];
        for row in self.cover.chunks(self.width.max(1)) {
            cover.resize(cover.len() + air, 0.0);
            cover.extend_from_slice(row);
            cover.resize(cover.len() + air, 0.0);
        }
        cover.resize(cover.len() + width * air, 0.0);
        Self { width, cover }
    }

    fn without_air(&self, air: usize) -> Self {
        let rows = self.cover.chunks(self.width).skip(air);
        let height = self.cover.len() / self.width - 2 * air;
        let cover = rows.take(height).flat_map(|row| &row[air..row.len() - air]).copied().collect();
        Self { width: self.width - 2 * air, cover }
    }

    /// Covers all that cannot be reached from the rim.
    fn fill_holes(&mut self) {
        let (width, height) = (self.width, self.cover.len() / self.width.max(1));
        let mut is_outside = vec![false; self.cover.len()];
        let mut open: Vec<usize> = (0..width).flat_map(|x| [x, (height - 1) * width + x]).collect();
        open.extend((0..height).flat_map(|y| [y * width, y * width + width - 1]));
        while let Some(at) = open.pop() {
            if is_outside[at] || self.cover[at] > 0.5 {
                continue;
            }
            is_outside[at] = true;
            let (x, y) = (at % width, at / width);
            open.extend([(x > 0).then(|| at - 1), (x + 1 < width).then(|| at + 1)].into_iter().flatten());
            open.extend([(y > 0).then(|| at - width), (y + 1 < height).then(|| at + width)].into_iter().flatten());
        }
        let near_outside = |at: usize| {
            let (x, y) = (at % width, at / width);
            let rows = y.saturating_sub(1)..(y + 2).min(height);
            rows.flat_map(|y| (x.saturating_sub(1)..(x + 2).min(width)).map(move |x| y * width + x)).any(|at| is_outside[at])
        };
        // The soft rim that touches the outside stays soft.
        let holes: Vec<usize> =
            (0..self.cover.len()).filter(|at| self.cover[*at] < 1.0 && !is_outside[*at] && !near_outside(*at)).collect();
        for at in holes {
            self.cover[at] = 1.0;
        }
    }

    /// How far each pixel's middle is from what is covered, in pixels; half covered counts as the edge.
    fn distances(&self) -> Vec<f32> {
        let (width, height) = (self.width, self.cover.len() / self.width.max(1));
        let mut squares: Vec<f32> = self.cover.iter().map(|v| if *v <= 0.0 { FAR } else { (0.5 - v).max(0.0).powi(2) }).collect();
        let mut column = vec![0.0; height];
        for x in 0..width {
            for (y, value) in column.iter_mut().enumerate() {
                *value = squares[y * width + x];
            }
            for (y, value) in nearest(&column).into_iter().enumerate() {
                squares[y * width + x] = value;
            }
        }
        for row in squares.chunks_mut(width.max(1)) {
            row.copy_from_slice(&nearest(row));
        }
        squares.iter().map(|v| v.sqrt()).collect()
    }
}

/// For each place the least of `values[k] + (place - k)²`: the lower envelope of one parabola for each value.
fn nearest(values: &[f32]) -> Vec<f32> {
    let mut roots: Vec<usize> = Vec::with_capacity(values.len());
    let mut begins: Vec<f32> = Vec::with_capacity(values.len());
    for (k, value) in values.iter().enumerate() {
        if *value >= FAR {
            continue;
        }
        let mut begin = f32::MIN;
        while let (Some(last), Some(from)) = (roots.last(), begins.last()) {
            let (a, b) = (*last as f32, k as f32);
            begin = ((value + b * b) - (values[*last] + a * a)) / (2.0 * (b - a));
            if begin > *from {
                break;
            }
            roots.pop();
            begins.pop();
            begin = f32::MIN;
        }
        roots.push(k);
        begins.push(begin);
    }
    let mut made = vec![FAR; values.len()];
    let mut at = 0;
    for (place, slot) in made.iter_mut().enumerate() {
        while begins.get(at + 1).is_some_and(|begin| *begin < place as f32) {
            at += 1;
        }
        if let Some(root) = roots.get(at) {
            *slot = values[*root] + (place as f32 - *root as f32).powi(2);
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(width: usize, height: usize, is_in: impl Fn(i32, i32) -> bool) -> Mask {
        let cover = (0..width * height).map(|at| f32::from(u8::from(is_in((at % width) as i32, (at / width) as i32)))).collect();
        Mask { width, cover }
    }

    #[test]
    fn draw_outline_grows_evenly() {
        let grown = mask(61, 61, |x, y| (x - 30).abs() <= 2 && (y - 30).abs() <= 2).grown(10.0);
        for at in 0..61 * 61 {
            let (x, y) = ((at % 61) as f32 - 30.0, (at / 61) as f32 - 30.0);
            let away = ((x.abs() - 2.0).max(0.0)).hypot((y.abs() - 2.0).max(0.0));
            assert!((grown.cover[at] > 0.5) == (away <= 10.0) || (away - 10.0).abs() < 0.51, "{x} {y}: {}", grown.cover[at]);
        }
        assert!(mask(5, 5, |_, _| false).grown(3.0).cover.iter().all(|v| *v == 0.0));
    }

    #[test]
    fn draw_outline_closes_gaps_and_holes_but_adds_no_breadth() {
        // Two bars eight apart, and a ring.
        let shape = mask(120, 80, |x, y| {
            let ring = (x - 80).pow(2) + (y - 40).pow(2);
            ((20..40).contains(&x) && ((20..36).contains(&y) || (44..60).contains(&y))) || (300..500).contains(&ring)
        });
        let cut = shape.cut_out(3.0, 4.0);
        let at = |x: usize, y: usize| cut.cover[y * 120 + x];
        assert!(at(30, 40) > 0.9, "the gap is closed");
        assert!(at(80, 40) > 0.9, "the hole is filled");
        assert!(at(30, 18) > 0.9 && at(30, 15) < 0.1 && at(15, 30) < 0.1, "outside it reaches three pixels");
        let low = mask(60, 20, |x, y| (20..40).contains(&x) && (6..14).contains(&y)).cut_out(3.0, 6.0);
        assert_eq!((low.width, low.cover.len()), (60, 1200));
        assert!((0..60).all(|x| low.cover[x] == 0.0 && low.cover[19 * 60 + x] == 0.0), "the rim of the picture is no gap");
    }
}
