//! The photos: the shared ones with faces, each many times over as a camera would take it again, a little to the side.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader};
use rushes_core::digest::digest_without_md5;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The largest of them.
const PIXELS_MAX: f64 = 2e6;
/// Steps to the side, each way.
const STEPS: u32 = 16;

/// Photos that are ready to be dropped.
pub(super) struct Photos {
    /// In the order they are dropped in.
    pub(super) files: Vec<PathBuf>,
    /// Each by the SHA-256 of its bytes.
    pub(super) by_sha256: HashMap<String, usize>,
    pub(super) mean_bytes: u64,
}

/// So many below a folder, no two alike. Whoever is in them comes in little by little: somebody new is met to the end.
pub(super) fn make(dev: &Path, folder: &Path, count: usize) -> Photos {
    let list = std::fs::read_to_string(dev.join("identities.csv")).unwrap();
    let originals: Vec<PathBuf> = list.lines().skip(1).map(|line| dev.join(line.split(',').next().unwrap())).collect();
    let open = |file: &PathBuf| ImageReader::open(file).unwrap().with_guessed_format().unwrap().decode().unwrap();
    let pictures: Vec<DynamicImage> = originals.iter().map(|original| small(open(original))).collect();
    let (next, cores) = (AtomicUsize::new(0), std::thread::available_parallelism().map_or(2, usize::from));
    let file_of = |number: usize| folder.join(format!("IMG_{number:05}.jpg"));
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let known = (1 + number * pictures.len() / count).min(pictures.len());
                    // The newest of those known when it comes in; then the others in turns.
                    let is_new = number == 0 || 1 + (number - 1) * pictures.len() / count < known;
                    let picture = if is_new { known - 1 } else { number % known };
                    take(&pictures[picture], number, &file_of(number));
                }
            });
        }
    });
    let files: Vec<PathBuf> = (0..count).map(file_of).collect();
    let blobs = files.iter().map(|file| digest_without_md5(File::open(file).unwrap(), "image/jpeg").unwrap());
    let (mut by_sha256, mut bytes) = (HashMap::new(), 0);
    for (number, blob) in blobs.enumerate() {
        bytes += blob.size_bytes;
        by_sha256.insert(blob.sha256, number);
    }
    assert_eq!(by_sha256.len(), count, "no two alike");
    rustix::fs::sync();
    Photos { files, by_sha256, mean_bytes: bytes / count as u64 }
}

/// With at most so many pixels.
fn small(picture: DynamicImage) -> DynamicImage {
    let share = (PIXELS_MAX / (f64::from(picture.width()) * f64::from(picture.height()))).sqrt();
    if share >= 1.0 {
        return picture;
    }
    let side = |side: u32| (f64::from(side) * share) as u32;
    picture.resize_exact(side(picture.width()), side(picture.height()), FilterType::Triangle)
}

/// One more photo of the same, of another place: no two numbers of one picture are taken from the same one.
fn take(picture: &DynamicImage, number: usize, into: &Path) {
    let step = u32::try_from(number).unwrap() % (STEPS * STEPS);
    let (x, y) = (step % STEPS, step / STEPS);
    let taken = picture.crop_imm(x, y, picture.width() - STEPS, picture.height() - STEPS).into_rgb8();
    // What is taken 256 photos later from the same place is as a camera has it: of other bytes, for another quality.
    let quality = 90 - u8::try_from(number / (STEPS * STEPS) as usize % 20).unwrap();
    let file = std::io::BufWriter::new(File::create(into).unwrap());
    JpegEncoder::new_with_quality(file, quality).encode_image(&taken).unwrap();
}
