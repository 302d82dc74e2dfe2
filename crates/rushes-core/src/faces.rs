//! Faces in photos: what is found, by whom, and how alike two are. No person has a name here.

pub mod judge;

use crate::fault::Fault;
use crate::{Cancel, Code};
use async_trait::async_trait;
use std::fmt;
use std::path::Path;

/// Numbers of a template.
pub const TEMPLATE_LEN: usize = 128;

/// A face as numbers. Two of one person lie nearer to each other than two of two persons. It identifies somebody: it is
/// never printed, never sent, and never leaves the shoot it was made for.
#[derive(Clone, PartialEq)]
pub struct Template([f32; TEMPLATE_LEN]);

impl Template {
    /// Of so many numbers. Errors: `file_corrupt` where there are more or fewer, or one is none.
    pub fn new(numbers: &[f32]) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::new(Code::FileCorrupt, "read template").because(why);
        let numbers: [f32; TEMPLATE_LEN] =
            numbers.try_into().map_err(|_| wrong(format!("{} numbers, not {TEMPLATE_LEN}", numbers.len())))?;
        if numbers.iter().all(|number| number.is_finite()) { Ok(Self(numbers)) } else { Err(wrong("one of its numbers is none".into())) }
    }

    /// As it is kept: little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// As it was kept. Errors: as of [`Template::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let numbers: Vec<f32> = bytes.chunks(4).map(|four| four.try_into().map_or(f32::NAN, f32::from_le_bytes)).collect();
        Self::new(&numbers)
    }

    /// Its numbers.
    #[must_use]
    pub fn numbers(&self) -> &[f32; TEMPLATE_LEN] {
        &self.0
    }

    /// Euclidean; 0.0 is the same face, more than 0.6 another person's.
    #[inline] // Grouping asks for millions: each crate compiles it as fast as itself.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f32 {
        // Eight sums beside one another are one instruction each.
        let mut sums = [0.0_f32; 8];
        for (a, b) in self.0.as_chunks::<8>().0.iter().zip(other.0.as_chunks::<8>().0) {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum += (a - b) * (a - b);
            }
        }
        sums.iter().sum::<f32>().sqrt()
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(***)")
    }
}

/// Where in a photo: shares of its width and height, as it is seen upright. It may reach over an edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Its left edge.
    pub x: f32,
    /// Its upper edge.
    pub y: f32,
    /// How wide.
    pub width: f32,
    /// How high.
    pub height: f32,
}

/// How well a face can be seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// How sure the detector is, 0.0 to 1.0.
    pub score: f32,
    /// The shorter side of its region in the photo as it is handed in, px.
    pub size_px: u32,
    /// 0.0 a blur, 1.0 sharp.
    pub sharpness: f32,
    /// 0.0 looks into the camera, 1.0 is seen from the side.
    pub turn: f32,
}

/// A face that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// Where.
    pub region: Region,
    /// How well it is seen.
    pub quality: Quality,
    /// What it is compared by.
    pub template: Template,
    /// A JPEG of it, square, some 160 px, for people to look at.
    pub crop: Vec<u8>,
}

/// What was seen in a photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Of the photo upright, px.
    pub width: u32,
    /// Of the photo upright, px.
    pub height: u32,
    /// The faces, the largest first.
    pub faces: Vec<Face>,
}

/// Finds faces.
#[async_trait]
pub trait FaceFinder: Send + Sync {
    /// Names detector and embedder: templates of two different finders are never compared.
    fn model(&self) -> &str;

    /// All faces of a photo (JPEG, PNG, WebP by content, or what a decoder that was found opens). Works on blocking threads;
    /// how many at once is the caller's to bound. Errors: `file_corrupt` and its like with what is wrong with the file, `file_forbidden`
    /// where no decoder is here, `cancelled`.
    async fn look(&self, photo: &Path, cancel: &Cancel) -> Result<Seen, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_templates_are_kept_exactly_and_never_printed() {
        let numbers: Vec<f32> = (0..TEMPLATE_LEN).map(|at| at as f32 / 7.0 - 3.0).collect();
        let template = Template::new(&numbers).unwrap();
        assert_eq!(Template::from_bytes(&template.to_bytes()).unwrap(), template);
        assert_eq!(format!("{template:?}"), "Template(***)");
        for wrong in [&numbers[1..], &[f32::NAN; TEMPLATE_LEN][..]] {
            assert_eq!(Template::new(wrong).unwrap_err().code, Code::FileCorrupt);
        }
        assert!(Template::from_bytes(&template.to_bytes()[1..]).is_err());
    }

    #[test]
    fn faces_distances_are_euclidean() {
        let at = |value: f32| Template::new(&[value; TEMPLATE_LEN]).unwrap();
        assert!((at(0.0).distance(&at(0.05)) - 0.05 * (TEMPLATE_LEN as f32).sqrt()).abs() < 1e-6);
        assert_eq!(at(0.3).distance(&at(0.3)), 0.0);
    }
}
