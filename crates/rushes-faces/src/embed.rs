//! A chip's template: dlib's network for faces.

use crate::align::CHIP_PX;
use crate::run::Run;
use image::RgbImage;
use rushes_core::faces::Template;
use rushes_core::{Code, Fault};

/// Of one chip. The model itself takes means off and scales; what it answers is kept as it is.
pub(crate) fn embed(model: &dyn Run, chip: &RgbImage) -> Result<Template, Fault> {
    let side = CHIP_PX as usize;
    let mut planes = Vec::with_capacity(3 * side * side);
    for colour in 0..3 {
        planes.extend(chip.as_raw().as_chunks::<3>().0.iter().map(|pixel| f32::from(pixel[colour])));
    }
    let outputs = model.run([1, 3, side, side], planes)?;
    let wrong = || Fault::new(Code::FacesOff, "embed face").because("the embedder answers in another shape");
    Template::new(outputs.first().ok_or_else(wrong)?).map_err(|_| wrong())
}
