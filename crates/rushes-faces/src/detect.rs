//! Where faces are: YuNet, twice. Once over the photo made small, where large faces and those cut by an edge are found,
//! once finer, where small ones are.

use crate::decode::Picture;
use crate::resample::{Area, shrunk};
use crate::run::Run;
use image::RgbImage;
use rushes_core::{Code, Fault};

/// The long side of the first look, px.
const COARSE_PX: u32 = 384;

/// The long side of the second look, px: half of the photo's, in these bounds. A face of 40 px in a photo is one of 20
/// there, which is found; below that a template says little.
const FINE_PX: (u32, u32) = (640, 1600);

/// A face is one from this score on.
const MIN_SCORE: f32 = 0.7;

/// Two boxes that share more than this of what they cover are one face.
const MAX_OVERLAP: f32 = 0.3;

/// YuNet learned from faces of up to some 300 px. What is larger in the second look counts only if the first saw it too:
/// else a necklace is a face.
const LARGE_PX: f32 = 200.0;

/// The model's sides are multiples of this.
const STRIDES: [usize; 3] = [8, 16, 32];

/// A face, in pixels of the picture it was looked for in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    /// How sure, 0.0 to 1.0.
    pub(crate) score: f32,
    /// May reach over an edge.
    pub(crate) area: Area,
    /// Eye, eye, tip of the nose, corner and corner of the mouth; the left of the picture first.
    pub(crate) points: [[f32; 2]; 5],
}

/// All faces of a picture, in its pixels, the largest first.
pub(crate) fn detect(model: &dyn Run, picture: &Picture) -> Result<Vec<Found>, Fault> {
    let rgb = &picture.rgb;
    let long = rgb.width().max(rgb.height());
    let fine_px = long.min((picture.width.max(picture.height) / 2).clamp(FINE_PX.0, FINE_PX.1));
    let fine = small(rgb, fine_px);
    let mut found = look(model, &fine)?;
    if fine_px > COARSE_PX {
        let coarse = small(&fine, COARSE_PX);
        let scale = fine_px as f32 / COARSE_PX as f32;
        let coarse: Vec<Found> = look(model, &coarse)?.into_iter().map(|face| face.scaled(scale)).collect();
        found.retain(|face| {
            let is_large = face.area.width.max(face.area.height) > LARGE_PX;
            !is_large || coarse.iter().any(|seen| overlap(seen.area, face.area) > MAX_OVERLAP)
        });
        found.extend(coarse);
    }
    let scale = long as f32 / fine_px as f32;
    let mut found: Vec<Found> = apart(found).into_iter().map(|face| face.scaled(scale)).collect();
    found.sort_by(|a, b| (b.area.width * b.area.height).total_cmp(&(a.area.width * a.area.height)));
    Ok(found)
}

fn small(picture: &RgbImage, long_px: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let side = |side: u32| (u64::from(side) * u64::from(long_px) / u64::from(width.max(height))).max(1) as u32;
    let whole = Area { x: 0.0, y: 0.0, width: width as f32, height: height as f32 };
    if width.max(height) == long_px { picture.clone() } else { shrunk(picture, whole, (side(width), side(height))) }
}

/// One look at a picture.
fn look(model: &dyn Run, picture: &RgbImage) -> Result<Vec<Found>, Fault> {
    let (width, height) = picture.dimensions();
    let padded = |side: u32| (side as usize).next_multiple_of(STRIDES[2]);
    let (wide, high) = (padded(width), padded(height));
    let outputs = model.run([1, 3, high, wide], planes(picture, wide, high))?;
    let wrong = || Fault::new(Code::FacesOff, "find faces").because("the detector answers in another shape");
    let outputs: [Vec<f32>; 12] = outputs.try_into().map_err(|_| wrong())?;
    let mut found = Vec::new();
    for (level, stride) in STRIDES.into_iter().enumerate() {
        let cells = (wide / stride) * (high / stride);
        let [class, object, area, points] = [0, 3, 6, 9].map(|sort| &outputs[sort + level]);
        if [class.len(), object.len(), area.len(), points.len()] != [cells, cells, 4 * cells, 10 * cells] {
            return Err(wrong());
        }
        for cell in 0..cells {
            let score = (class[cell].clamp(0.0, 1.0) * object[cell].clamp(0.0, 1.0)).sqrt();
            if score >= MIN_SCORE {
                let at = [(cell % (wide / stride)) as f32, (cell / (wide / stride)) as f32];
                found.push(decode(score, at, stride as f32, &area[4 * cell..], &points[10 * cell..]));
            }
        }
    }
    Ok(apart(found))
}

/// What a cell says, in pixels: distances are in strides, sizes in their logarithm.
fn decode(score: f32, at: [f32; 2], stride: f32, area: &[f32], points: &[f32]) -> Found {
    let (x, y) = ((at[0] + area[0]) * stride, (at[1] + area[1]) * stride);
    let (width, height) = (area[2].exp() * stride, area[3].exp() * stride);
    let points = [0, 1, 2, 3, 4].map(|point| [0, 1].map(|axis| (at[axis] + points[2 * point + axis]) * stride));
    Found { score, area: Area { x: x - width / 2.0, y: y - height / 2.0, width, height }, points }
}

/// Blue, green, red, each 0 to 255; black to the right and below.
fn planes(picture: &RgbImage, wide: usize, high: usize) -> Vec<f32> {
    let mut planes = vec![0.0; 3 * wide * high];
    let (blue, rest) = planes.split_at_mut(wide * high);
    let (green, red) = rest.split_at_mut(wide * high);
    let width = picture.width() as usize;
    for (row, pixels) in picture.as_raw().chunks_exact(3 * width).enumerate() {
        let of_row = row * wide..row * wide + width;
        let targets = blue[of_row.clone()].iter_mut().zip(&mut green[of_row.clone()]).zip(&mut red[of_row]);
        for (((blue, green), red), pixel) in targets.zip(pixels.as_chunks::<3>().0) {
            (*blue, *green, *red) = (pixel[2].into(), pixel[1].into(), pixel[0].into());
        }
    }
    planes
}

/// The surest of those that lie over one another.
fn apart(mut found: Vec<Found>) -> Vec<Found> {
    found.retain(|face| face.area.width.is_finite() && face.area.height.is_finite());
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Found> = Vec::new();
    for face in found {
        if kept.iter().all(|other| overlap(other.area, face.area) <= MAX_OVERLAP) {
            kept.push(face);
        }
    }
    kept
}

/// What two share of what both cover.
fn overlap(a: Area, b: Area) -> f32 {
    let side = |from: f32, length: f32, other: f32, its: f32| ((from + length).min(other + its) - from.max(other)).max(0.0);
    let both = side(a.x, a.width, b.x, b.width) * side(a.y, a.height, b.y, b.height);
    both / (a.width * a.height + b.width * b.height - both).max(f32::MIN_POSITIVE)
}

impl Found {
    fn scaled(self, by: f32) -> Self {
        let Area { x, y, width, height } = self.area;
        let area = Area { x: x * by, y: y * by, width: width * by, height: height * by };
        Self { area, points: self.points.map(|point| point.map(|value| value * by)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, score: f32) -> Found {
        Found { score, area: Area { x, y: 0.0, width: 10.0, height: 10.0 }, points: [[0.0; 2]; 5] }
    }

    #[test]
    fn detect_keeps_the_surest_of_what_lies_over_one_another() {
        let kept = apart(vec![at(0.0, 0.8), at(2.0, 0.9), at(20.0, 0.7), at(8.0, 0.75)]);
        assert_eq!(kept.iter().map(|face| face.area.x).collect::<Vec<_>>(), [2.0, 8.0, 20.0]);
        assert!((overlap(at(0.0, 1.0).area, at(5.0, 1.0).area) - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn detect_reads_a_cell() {
        let face = decode(0.9, [3.0, 2.0], 8.0, &[0.5, 0.25, 1.0, 2.0], &[0.0, 0.0, 1.0, 0.0, 0.5, 0.5, 0.0, 1.0, 1.0, 1.0]);
        let (width, height) = (8.0 * 1.0_f32.exp(), 8.0 * 2.0_f32.exp());
        assert_eq!((face.area.width, face.area.height), (width, height));
        assert_eq!((face.area.x, face.area.y), (28.0 - width / 2.0, 18.0 - height / 2.0));
        assert_eq!(face.points, [[24.0, 16.0], [32.0, 16.0], [28.0, 20.0], [24.0, 24.0], [32.0, 24.0]]);
    }

    #[test]
    fn detect_hands_over_planes_of_blue_green_red() {
        let picture = RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(planes(&picture, 3, 2), [3.0, 6.0, 0.0, 0.0, 0.0, 0.0, 2.0, 5.0, 0.0, 0.0, 0.0, 0.0, 1.0, 4.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
